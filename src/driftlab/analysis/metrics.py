"""A run in a few figures a machine: rate, events, clock, jumps, queue, lateness, drift.

A jump is the difference between the clock values of two consecutive events of
one machine. Drift is a machine's last clock less that of the fastest machine
(the highest rate; of equals, the first in name order). Lateness is real time.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

from driftlab.journal.format import Entry
from driftlab.model.event import Event, Kind
from driftlab.model.schedule import NS_PER_SECOND


class Jumps(NamedTuple):
    """Clock difference between consecutive events, in ticks of the clock."""

    mean: float
    max: int


class Queue(NamedTuple):
    """Inbox length after each event, in messages."""

    mean: float
    max: int
    last: int


class Lateness(NamedTuple):
    """How much later than due ticks began, in microseconds (percentiles by nearest rank)."""

    p50: float
    p99: float
    max: float


class MachineSummary(NamedTuple):
    """One machine of one run. Rates are in ticks per second of scenario time."""

    name: str
    rate: float
    achieved_rate: float
    events: dict[str, int]
    clock: int
    jump: Jumps
    queue: Queue
    drift: int
    lateness_us: Lateness | None

    @property
    def ticks(self) -> int:
        """How many ticks it took."""
        return sum(self.events.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the summary under the names of the JSON interface."""
        plain = self._asdict()
        for key in ("jump", "queue", "lateness_us"):
            if plain[key] is not None:
                plain[key] = plain[key]._asdict()
        if self.lateness_us is None:
            del plain["lateness_us"]
        return plain


class Tally:
    """The figures of one machine, counted event by event, in order."""

    __slots__ = (
        "clock", "first_clock", "internal", "jump_max", "queue_last", "queue_max", "queue_sum",
        "receive", "send", "ticks",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ticks = self.internal = self.send = self.receive = 0
        self.clock = self.first_clock = self.jump_max = 0
        self.queue_sum = self.queue_max = self.queue_last = 0

    def add(self, event: Event) -> None:
        """Count the next event."""
        clock, queue = event.clock, event.queue
        if not self.ticks:
            self.first_clock = clock
        elif clock - self.clock > self.jump_max:
            self.jump_max = clock - self.clock
        self.clock = clock
        if queue:
            self.queue_sum += queue
            if queue > self.queue_max:
                self.queue_max = queue
        self.ticks += 1
        if event.kind is Kind.RECEIVE:
            self.receive += 1
        elif event.kind is Kind.SEND:
            self.send += 1
        else:
            self.internal += 1
        self.queue_last = queue

    def summary(
        self, name: str, rate: float, achieved_rate: float, lateness_us: Lateness | None = None
    ) -> MachineSummary:
        """Return the figures. Drift is left at 0; see `with_drift`."""
        ticks = self.ticks
        jump_mean = (self.clock - self.first_clock) / (ticks - 1) if ticks > 1 else 0.0
        return MachineSummary(
            name=name,
            rate=float(rate),
            achieved_rate=achieved_rate,
            events={"internal": self.internal, "send": self.send, "receive": self.receive},
            clock=self.clock,
            jump=Jumps(jump_mean, self.jump_max),
            queue=Queue(self.queue_sum / max(ticks, 1), self.queue_max, self.queue_last),
            drift=0,
            lateness_us=lateness_us,
        )


def summarise(
    name: str,
    rate: float,
    speed: float,
    seconds: float,
    entries: Sequence[Entry],
    *,
    could_be_late: bool = True,
) -> MachineSummary:
    """Summarise one machine from its entries, in order. Drift is left at 0; see `with_drift`."""
    tally = Tally()
    for entry in entries:
        tally.add(entry.event)
    return tally.summary(
        name,
        rate,
        _achieved_rate(entries, speed, seconds),
        _lateness([entry.instant.late_ns for entry in entries if could_be_late]),
    )


def with_drift(machines: Sequence[MachineSummary]) -> tuple[MachineSummary, ...]:
    """Return the machines of one run with their drift from the fastest."""
    fastest = max(machines, key=lambda machine: machine.rate, default=None)
    if fastest is None:
        return ()
    return tuple(machine._replace(drift=machine.clock - fastest.clock) for machine in machines)


def _achieved_rate(entries: Sequence[Entry], speed: float, seconds: float) -> float:
    """Ticks per scenario second between the first and the last tick, as they really began."""
    if not entries:
        return 0.0
    first, last = entries[0].instant, entries[-1].instant
    began, ended = first.due_ns + first.late_ns, last.due_ns + last.late_ns
    return achieved_rate(len(entries), ended - began, seconds, speed)


def achieved_rate(ticks: int, between_ns: int, seconds: float, speed: float = 1) -> float:
    """Return ticks per scenario second, from the real time between the first and the last."""
    if ticks < 2:
        return ticks / seconds
    return (ticks - 1) * NS_PER_SECOND / (max(between_ns, 1) * speed)


def _lateness(late: Sequence[int]) -> Lateness | None:
    if not late:
        return None
    late_ns = sorted(late)
    return Lateness(_rank(late_ns, 0.50) / 1e3, _rank(late_ns, 0.99) / 1e3, late_ns[-1] / 1e3)


def _rank(ordered: Sequence[int], share: float) -> int:
    """Return the nearest-rank percentile of ordered values."""
    return ordered[ceil(share * len(ordered)) - 1]
