"""The general engine: the very same machines in simulated time, one event after the other.

Time is scenario time in whole nanoseconds. Ticks are taken in the order of
(due time, position of the machine): that is the tie rule, and it decides
nothing, because a message sent at an instant is there for ticks strictly
later, never for a tick at the same instant. So the same scenario gives the
same history, bit for bit, whatever the order of work.

A channel is first in, first out, as TCP is. A machine whose process fails
takes no further tick, as in the real world, and the others go on.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Final, NamedTuple

from driftlab.dice import Purpose, draw, stream
from driftlab.event import Event, Message
from driftlab.latency import Latency
from driftlab.machine.effects import Post
from driftlab.machine.failure import ProcessError
from driftlab.machine.machine import Machine
from driftlab.plan import MachinePlan
from driftlab.scenario_checks import WAITING_MESSAGES_MAX

BEAT_TICKS: Final = 50_000  # between two calls of `on_beat`

# Given a machine's position, its event, when it was due (ns), and what the tick found.
Sink = Callable[[int, Event, int, Sequence[Message]], None]


class Ways(NamedTuple):
    """How messages travel: the scenario's order, its latency, and those of single channels.

    `order` is "peers" or "arrival"; `own` has the latencies of channels that
    differ, by the positions (from, to).
    """

    order: str = "peers"
    latency: Latency = Latency()
    own: dict[tuple[int, int], Latency] = {}  # noqa: RUF012 - never changed

    @property
    def take_time(self) -> bool:
        """Whether any message is on its way for longer than no time at all."""
        return self.latency != Latency() or bool(self.own)


class Ending(NamedTuple):
    """How a simulated run ended.

    `failures` has what each machine's process failed of, by position;
    `stopped_ns` is the scenario time at which WAITING_MESSAGES_MAX was met, and
    None for a run that came to its end.
    """

    failures: dict[int, str]
    stopped_ns: int | None


class Postbox:
    """What is on its way to one machine, as its sockets would hold it.

    `by_arrival` gives messages out as they came, of the same instant in name
    order; otherwise one sender's come after the other's, senders in name order.
    """

    __slots__ = ("_by_arrival", "_latest", "held")

    def __init__(self, *, by_arrival: bool) -> None:
        self.held: list[tuple[int, int, Message]] = []  # arrival, sender's position, message
        self._by_arrival = by_arrival
        self._latest: dict[int, int] = {}  # of each sender, the last arrival so far

    def post(self, arrival_ns: int, sender: int, message: Message) -> None:
        """Put a message on its way; it arrives no earlier than what its sender posted before."""
        latest = self._latest.get(sender, arrival_ns)
        if arrival_ns < latest:
            arrival_ns = latest
        self._latest[sender] = arrival_ns
        self.held.append((arrival_ns, sender, message))

    def collect(self, before_ns: int) -> list[Message]:
        """Take out what has arrived strictly before an instant, in queue order."""
        held = self.held
        if len(held) == 1:
            if held[0][0] >= before_ns:
                return []
            there = held
            self.held = []
        else:
            there = [each for each in held if each[0] < before_ns]
            if len(there) == len(held):
                self.held = []
            else:
                self.held = [each for each in held if each[0] >= before_ns]
            # Both sorts are stable, and one sender's messages were posted in the order of arrival.
            there.sort(key=_arrival_and_sender if self._by_arrival else _sender)
        return [message for _, _, message in there]


def _sender(each: tuple[int, int, Message]) -> int:
    return each[1]


def _arrival_and_sender(each: tuple[int, int, Message]) -> tuple[int, int]:
    return each[0], each[1]


def simulate_run(
    plans: Sequence[MachinePlan],
    machines: Sequence[Machine],
    ways: Ways,
    sink: Sink,
    on_beat: Callable[[int], None] | None = None,
) -> Ending:
    """Simulate one run of new machines; `sink` is given each event as it happens.

    `on_beat` is told now and then how many ticks were taken.
    """
    boxes = [Postbox(by_arrival=ways.order == "arrival") for _ in plans]
    post_office = _PostOffice(plans, ways, boxes)
    ticks = [machine.tick for machine in machines]
    numbers = [0] * len(plans)
    clocks = [plan.physical if any(plan.physical) else None for plan in plans]
    dues = [plan.schedule.dues(plan.ticks) for plan in plans]
    agenda = [(next(dues[plan.position]), plan.position) for plan in plans if plan.ticks]
    heapify(agenda)
    failures: dict[int, str] = {}
    taken = received = 0
    while agenda:
        due_ns, position = agenda[0]
        box = boxes[position]
        found = box.collect(due_ns) if box.held else ()
        tick = numbers[position]
        numbers[position] = tick + 1
        off = clocks[position]
        now_ns = due_ns if off is None else off.reading_ns(due_ns, due_ns)
        try:
            event, posts = ticks[position](tick, found, now_ns)
        except ProcessError as error:
            failures[position] = str(error)
            heappop(agenda)
            continue
        sink(position, event, due_ns, found)
        if event.sender is not None:
            received += 1
        if posts:
            for post in posts:
                post_office.take(position, tick, due_ns, post)
            if post_office.posted - received > WAITING_MESSAGES_MAX:
                return Ending(failures, due_ns)
        due = next(dues[position], None)
        if due is None:
            heappop(agenda)
        else:
            heapreplace(agenda, (due, position))
        taken += 1
        if taken % BEAT_TICKS == 0 and on_beat is not None:
            on_beat(taken)
    return Ending(failures, None)


class _PostOffice:
    """Puts what machines post into the boxes of those it is for, with the latency of the way."""

    def __init__(self, plans: Sequence[MachinePlan], ways: Ways, boxes: Sequence[Postbox]) -> None:
        self.posted = 0  # messages, so far
        self._delays = [
            stream(plan.seed, plan.run, plan.position, Purpose.LATENCY) for plan in plans
        ]
        self._names = [plan.name for plan in plans]
        self._positions = {name: position for position, name in enumerate(self._names)}
        self._ways = ways
        self._boxes = boxes

    def take(self, sender: int, tick: int, now_ns: int, post: Post) -> None:
        """Put one message on its way to each of its targets."""
        targets, stamp, timestamp, payload = post
        self.posted += len(targets)
        name, positions, boxes = self._names[sender], self._positions, self._boxes
        message = Message(name, stamp, timestamp, payload)
        takes_time = self._ways.take_time
        for target in targets:
            place = positions[target]
            arrival_ns = now_ns
            if takes_time:
                arrival_ns += self._latency_ns(sender, place, tick)
            boxes[place].post(arrival_ns, sender, message)

    def _latency_ns(self, sender: int, target: int, tick: int) -> int:
        latency = self._ways.own.get((sender, target), self._ways.latency)
        if not latency.is_drawn:
            return latency.first
        return latency.sample_ns(draw(draw(self._delays[sender], tick), target))
