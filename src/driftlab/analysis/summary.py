"""A run in a few figures a machine: rate, events, clock, jumps, queue, lateness, drift.

A jump is the difference between the clock values of two consecutive events of
one machine. Drift is a machine's last clock less that of the fastest machine
(the highest rate; of equals, the first in name order). Lateness is real time.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple

from driftlab.event import Kind
from driftlab.schedule import NS_PER_SECOND
from driftlab.trace.journal import Entry


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
    events = Counter({kind.value: 0 for kind in Kind})
    events.update(entry.event.kind.value for entry in entries)
    clocks = [entry.event.clock for entry in entries]
    lengths = [entry.event.queue for entry in entries]
    jumps = [after - before for before, after in pairwise(clocks)]
    return MachineSummary(
        name=name,
        rate=float(rate),
        achieved_rate=_achieved_rate(entries, speed, seconds),
        events=dict(events),
        clock=clocks[-1] if clocks else 0,
        jump=Jumps(_mean(jumps), max(jumps, default=0)),
        queue=Queue(_mean(lengths), max(lengths, default=0), lengths[-1] if lengths else 0),
        drift=0,
        lateness_us=_lateness([entry.instant.late_ns for entry in entries if could_be_late]),
    )


def with_drift(machines: Sequence[MachineSummary]) -> tuple[MachineSummary, ...]:
    """Return the machines of one run with their drift from the fastest."""
    fastest = max(machines, key=lambda machine: machine.rate, default=None)
    if fastest is None:
        return ()
    return tuple(machine._replace(drift=machine.clock - fastest.clock) for machine in machines)


def _achieved_rate(entries: Sequence[Entry], speed: float, seconds: float) -> float:
    """Ticks per scenario second between the first and the last tick, as they really began."""
    if len(entries) < 2:
        return len(entries) / seconds
    first, last = entries[0].instant, entries[-1].instant
    real_ns = (last.due_ns + last.late_ns) - (first.due_ns + first.late_ns)
    return (len(entries) - 1) * NS_PER_SECOND / (max(real_ns, 1) * speed)


def _lateness(late: Sequence[int]) -> Lateness | None:
    if not late:
        return None
    late_ns = sorted(late)
    return Lateness(_rank(late_ns, 0.50) / 1e3, _rank(late_ns, 0.99) / 1e3, late_ns[-1] / 1e3)


def _rank(ordered: Sequence[int], share: float) -> int:
    """Return the nearest-rank percentile of ordered values."""
    return ordered[ceil(share * len(ordered)) - 1]


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0
