"""The general engine: the very same machines in simulated time, one event after the other.

Time is scenario time in whole nanoseconds. Ticks are taken in the order of
(due time, position of the machine); that order decides nothing, because a
message sent at an instant is there for ticks strictly later, never for a tick
at the same instant. So the same scenario gives the same history, bit for bit,
whatever the order of work.

A channel is first in, first out, as TCP is.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heapreplace
from typing import assert_never

from driftlab.dice import Purpose, draw, stream
from driftlab.event import Message
from driftlab.hosts.journal_file import JournalFile
from driftlab.latency import Latency
from driftlab.machine.effects import Record, Send
from driftlab.machine.machine import Machine
from driftlab.plan import MachinePlan
from driftlab.trace.journal import COLUMNS, COMPLETE, Entry, Instant, header_fields
from driftlab.trace.reading import JOURNAL_SUFFIX
from driftlab.trace.utc import utc_text

Sink = Callable[[int, Entry], None]


class Postbox:
    """What is on its way to one machine, as its sockets would hold it.

    `order` is that of the scenario: "peers" gives out one sender's messages
    after the other's, senders in name order; "arrival" gives them out as they
    came, of the same instant in name order.
    """

    def __init__(self, order: str, senders: Sequence[str]) -> None:
        self._by_arrival = order == "arrival"
        self._senders = senders
        self._held: list[tuple[int, int, int]] = []  # arrival, sender's position, stamp
        self._latest: dict[int, int] = {}  # of each sender, the last arrival so far

    def post(self, arrival_ns: int, sender: int, stamp: int) -> None:
        """Put a message on its way; it arrives no earlier than what its sender posted before."""
        arrival_ns = max(arrival_ns, self._latest.get(sender, 0))
        self._latest[sender] = arrival_ns
        self._held.append((arrival_ns, sender, stamp))

    def collect(self, before_ns: int) -> list[Message]:
        """Take out what has arrived strictly before an instant, in queue order."""
        if not self._held:
            return []
        there = [message for message in self._held if message[0] < before_ns]
        self._held = [message for message in self._held if message[0] >= before_ns]
        # A stamp rises with every send of a process, so it keeps one sender's messages in order.
        there.sort(key=None if self._by_arrival else _sender_and_stamp)
        return [Message(self._senders[sender], stamp) for _, sender, stamp in there]


def _sender_and_stamp(message: tuple[int, int, int]) -> tuple[int, int]:
    return message[1], message[2]


def simulate_run(plans: Sequence[MachinePlan], order: str, latency: Latency, sink: Sink) -> None:
    """Simulate one run; `sink` is given each machine's position and entries, as they happen.

    The latency of a message is drawn by (seed, run, sender, tick, target).
    """
    delays = [stream(plan.seed, plan.run, plan.position, Purpose.LATENCY) for plan in plans]
    names = [plan.name for plan in plans]
    positions = {name: position for position, name in enumerate(names)}
    machines = [Machine(plan) for plan in plans]
    boxes = [Postbox(order, names) for _ in plans]
    agenda = [(plan.schedule.due_ns(0), plan.position, 0) for plan in plans if plan.ticks]
    heapify(agenda)
    while agenda:
        due_ns, position, tick = agenda[0]
        found = boxes[position].collect(due_ns)
        for effect in machines[position].tick(tick, found):
            match effect:
                case Record(event):
                    sink(position, Entry(event, Instant(due_ns, due_ns, 0), found))
                case Send(targets, stamp):
                    key = draw(delays[position], tick)
                    for target in map(positions.__getitem__, targets):
                        delay_ns = latency.sample_ns(draw(key, target))
                        boxes[target].post(due_ns + delay_ns, position, stamp)
                case _:
                    assert_never(effect)
        plan = plans[position]
        if tick + 1 < plan.ticks:
            heapreplace(agenda, (plan.schedule.due_ns(tick + 1), position, tick + 1))
        else:
            heappop(agenda)


def write_journals(plans: Sequence[MachinePlan], entries: Sequence[list[Entry]], to: str) -> None:
    """Write the journals of a simulated run into the folder `to`.

    They read like those of a real one. Its start is the beginning of 1970,
    because nothing in a simulation may depend on the time of day.
    """
    for plan, lines in zip(plans, entries, strict=True):
        journal = JournalFile(f"{to}/{plan.name}{JOURNAL_SUFFIX}")
        try:
            journal.note("header", header_fields(plan, speed=1, world="simulated"))
            journal.note("columns", {"names": ",".join(COLUMNS)})
            journal.note("start", {"time": utc_text(0)})
            for entry in lines:
                journal.append(entry)
            end = {"time": utc_text(plan.end_ns), "ticks": len(lines), "undelivered": 0}
            journal.note("end", {**end, "incidents": 0, "reason": COMPLETE})
        finally:
            journal.close()
