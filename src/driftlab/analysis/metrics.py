"""The metrics of a run, machine by machine: rate, events, clock, jumps, queue, drift, lateness.

A machine's events are counted once, into `Counters`; whatever ran it, its
metrics are derived from these alone. Counters come from columns of events,
whole or part by part (`count_events` and `Counters.then`), or straight from the
tables of the compiled engine, whose fields have the same names.

A jump is the difference between the clocks of two consecutive events of one
machine. Drift is a machine's last clock less that of the fastest machine (the
highest rate; of equals, the first in name order). Lateness is in real time.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from operator import sub
from typing import Any, Final, NamedTuple

from driftlab.errors import counted
from driftlab.model.schedule import NS_PER_SECOND

_NS_PER_US: Final = 1e3
SLOW_LISTED_MAX: Final = 4  # machines of a run
SLOW_SHARE: Final = 0.01  # of its rate, by which a machine may miss it in silence


class Jumps(NamedTuple):
    """Clock difference between consecutive events, in ticks of the clock."""

    mean: float
    max: int


class Queue(NamedTuple):
    """Inbox length after each event, in messages.

    A queue is saturated, and grows without end, if more messages come than its machine
    has ticks: then `last` is about `max`.
    """

    mean: float
    max: int
    last: int


class Lateness(NamedTuple):
    """How much later than due ticks began, in microseconds (percentiles by nearest rank)."""

    p50: float
    p99: float
    max: float


class MachineMetrics(NamedTuple):
    """The metrics of one machine of one run. Rates are in ticks per second of scenario time.

    late_ticks: how many ticks began more than a period late. It and lateness_us are None
    if nothing can be late.
    """

    name: str
    rate: float
    achieved_rate: float
    events: dict[str, int]
    clock: int
    jump: Jumps
    queue: Queue
    drift: int
    lateness_us: Lateness | None
    late_ticks: int | None = None

    @property
    def ticks(self) -> int:
        """How many ticks the machine took."""
        return sum(self.events.values())

    @property
    def kept_rate(self) -> float:
        """The ticks per second that it took in time: see `pace`."""
        return self.rate * pace(self.rate, self.achieved_rate, self.ticks, self.late_ticks)

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics under the names of the JSON interface."""
        plain = self._asdict()
        for key in ("jump", "queue", "lateness_us"):
            if plain[key] is not None:
                plain[key] = plain[key]._asdict()
        if self.lateness_us is None:
            del plain["lateness_us"], plain["late_ticks"]
        return plain


class Counters:
    """What is counted of the consecutive events of one machine; all zeros if there are none.

    internal, send, receive: events of each kind. first_clock, clock: after the
    first and the last event. jump_max: the largest difference between the
    clocks of two consecutive events, at least 0. queue_sum, queue_max,
    queue_last: of the inbox lengths after each event.
    """

    __slots__ = (
        "clock",
        "first_clock",
        "internal",
        "jump_max",
        "queue_last",
        "queue_max",
        "queue_sum",
        "receive",
        "send",
    )

    def __init__(
        self,
        internal: int = 0,
        send: int = 0,
        receive: int = 0,
        first_clock: int = 0,
        clock: int = 0,
        jump_max: int = 0,
        queue_sum: int = 0,
        queue_max: int = 0,
        queue_last: int = 0,
    ) -> None:
        self.internal = internal
        self.send = send
        self.receive = receive
        self.first_clock = first_clock
        self.clock = clock
        self.jump_max = jump_max
        self.queue_sum = queue_sum
        self.queue_max = queue_max
        self.queue_last = queue_last

    @property
    def ticks(self) -> int:
        """How many events were counted; every tick is one."""
        return self.internal + self.send + self.receive

    def then(self, later: "Counters") -> "Counters":
        """Return the counters of these events followed by later ones of the same machine."""
        if not later.ticks:
            return self
        if not self.ticks:
            return later
        return Counters(
            self.internal + later.internal,
            self.send + later.send,
            self.receive + later.receive,
            self.first_clock,
            later.clock,
            max(self.jump_max, later.first_clock - self.clock, later.jump_max),
            self.queue_sum + later.queue_sum,
            max(self.queue_max, later.queue_max),
            later.queue_last,
        )


def count_events(
    kind: Sequence[object],
    clock: Sequence[int],
    queue: Sequence[int],
    *,
    send: object,
    receive: object,
) -> Counters:
    """Count consecutive events of one machine, given as columns.

    kind: of each event. send, receive: the values in `kind` that mean these;
    all others count as internal. clock, queue: after each event.
    """
    if not clock:
        return Counters()
    sends, receives = kind.count(send), kind.count(receive)
    return Counters(
        len(clock) - sends - receives,
        sends,
        receives,
        clock[0],
        clock[-1],
        max(0, max(map(sub, clock[1:], clock), default=0)),
        sum(queue),
        max(queue),
        queue[-1],
    )


def machine_metrics(
    name: str,
    rate: float,
    counters: Counters,
    *,
    between_ns: int,
    seconds: float,
    fastest_clock: int,
    speed: float = 1.0,
    ticks_between: int | None = None,
    lateness_us: Lateness | None = None,
    late_ticks: int | None = None,
) -> MachineMetrics:
    """Derive the metrics of one machine from its counters.

    rate: ticks per second of scenario time that it was to keep. between_ns:
    real time from its first tick to its last. seconds: scenario time that the
    run takes. fastest_clock: the last clock of the fastest machine. speed:
    scenario time per real time. ticks_between: how many it took from the first to the
    last, these included, if some of them were not counted. lateness_us, late_ticks: None
    if nothing can be late.
    """
    ticks = counters.ticks
    return MachineMetrics(
        name=name,
        rate=float(rate),
        achieved_rate=achieved_rate(ticks_between or ticks, between_ns, seconds, speed),
        events={
            "internal": counters.internal, "send": counters.send, "receive": counters.receive
        },
        clock=counters.clock,
        jump=Jumps((counters.clock - counters.first_clock) / max(ticks - 1, 1), counters.jump_max),
        queue=Queue(
            counters.queue_sum / max(ticks, 1), counters.queue_max, counters.queue_last
        ),
        drift=counters.clock - fastest_clock,
        lateness_us=lateness_us,
        late_ticks=late_ticks,
    )  # fmt: skip


def achieved_rate(ticks: int, between_ns: int, seconds: float, speed: float = 1.0) -> float:
    """Return the ticks per second of scenario time that a machine reached.

    between_ns: real time from its first tick to its last. seconds: scenario time that the
    run takes, which counts where there are no two ticks. speed: scenario time per real time.
    """
    if ticks < 2:
        return ticks / seconds
    return (ticks - 1) * NS_PER_SECOND / (max(between_ns, 1) * speed)


def late_line(late_ticks: int | None) -> str | None:
    """Return what a reader must know of a run whose ticks began late; None if they did not.

    late_ticks: how many ticks of all machines began more than a period late. Such a run
    is not that of its scenario: its figures are those of slower machines.
    """
    if not late_ticks:
        return None
    return (
        f"late: {counted(late_ticks, 'tick')} began more than a period late; "
        "lower --speed or the number of machines"
    )


def pace(rate: float, achieved: float, ticks: int, late_ticks: int | None = 0) -> float:
    """Return which share of its rate a machine kept: 1 if it took its ticks in time.

    The achieved rate, between the first tick and the last, is too high if the first began
    late, though no tick was one too many. So of the ticks that a machine seems to have
    gained, as many as began more than a period late, and one, do not count.
    rate, achieved: ticks per second, asked and reached. ticks: that it took. late_ticks:
    how many of these began more than a period late.
    """
    if ticks < 2 or not rate or not achieved:
        return 1.0
    if achieved <= rate:
        return achieved / rate
    gained = (ticks - 1) * (1 - rate / achieved)
    return 1 + max(0.0, gained - (late_ticks or 0) - 1) / ticks


def is_rate_missed(rate: float, achieved: float, ticks: int, late_ticks: int | None = 0) -> bool:
    """Whether a machine missed its rate: by more than SLOW_SHARE, and by more than a tick.

    The parameters are those of `pace`.
    """
    off = abs(pace(rate, achieved, ticks, late_ticks) - 1)
    return off > SLOW_SHARE and off * ticks > 1


def slow_line(
    name: str, rate: float, achieved: float, ticks: int, late_ticks: int | None = 0
) -> str | None:
    """Return what to say of a machine that missed its rate; None if it kept it.

    The parameters are those of `pace`.
    """
    if not is_rate_missed(rate, achieved, ticks, late_ticks):
        return None
    share = pace(rate, achieved, ticks, late_ticks) - 1
    word = "slow" if share < 0 else "fast"
    return (
        f"{word}: {name} took {achieved:.4g} ticks per second where {rate:g} were asked, "
        f"{abs(share) * 100:.1f} % too {'few' if share < 0 else 'many'}"
    )


def pacing_lines(machines: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what a reader must know of the pacing of a run, a line each; none if it was kept.

    machines: the figures of each, under the names of the columns of `Runs.frame`.
    """
    kept = list(machines)
    late = late_line(sum(machine["late_ticks"] or 0 for machine in kept))
    slow = [_slow_line_of(machine) for machine in kept]
    lines = [line for line in slow if line is not None]
    if len(lines) > SLOW_LISTED_MAX:
        more = len(lines) - SLOW_LISTED_MAX
        rates = "its rate" if more == 1 else "their rates"
        lines[SLOW_LISTED_MAX:] = [f"… and {counted(more, 'more machine')} missed {rates}"]
    return [*([late] if late else []), *lines]


def _slow_line_of(machine: Mapping[str, Any]) -> str | None:
    kinds = (machine[f"events_{kind}"] or 0 for kind in ("internal", "send", "receive"))
    rate, achieved = machine["rate"], machine["achieved_rate"]
    if rate is None or achieved is None:
        return None
    return slow_line(machine["name"], rate, achieved, sum(kinds), machine["late_ticks"])


def pacing_lines_of(machines: Iterable[MachineMetrics]) -> list[str]:
    """Return what `pacing_lines` does, of metrics."""
    return pacing_lines(
        {
            "name": machine.name,
            "rate": machine.rate,
            "achieved_rate": machine.achieved_rate,
            "late_ticks": machine.late_ticks,
            **{f"events_{kind}": count for kind, count in machine.events.items()},
        }
        for machine in machines
    )


def fastest(rates: Iterable[float]) -> int:
    """Return the position of the fastest machine: the highest rate, of equals the first."""
    kept = list(rates)
    return kept.index(max(kept))


def lateness_of(late_ns: Sequence[int]) -> Lateness | None:
    """Return the percentiles of how much later than due ticks began, None if there are none.

    late_ns: in rising order, nanoseconds.
    """
    count = len(late_ns)
    if not count:
        return None
    ranks = (ceil(share * count) - 1 for share in (0.50, 0.99, 1))  # nearest rank
    p50, p99, last = (int(late_ns[rank]) / _NS_PER_US for rank in ranks)
    return Lateness(p50, p99, last)
