"""The general engine: the very same machines in simulated time, one event after the other.

Time is scenario time in whole nanoseconds. Ticks are taken in the order of
(due time, position of the machine): that is the tie rule, and it decides
nothing, because a message sent at an instant is there for ticks strictly
later, never for a tick at the same instant. So the same scenario gives the
same history, bit for bit, whatever the order of work.

A channel is first in, first out, as TCP is. A machine whose process fails
takes no further tick, as in the real world, and the others go on.

Python's garbage collector, spared what a simulation keeps.

A growing history is many objects that are no garbage, and the collector would
walk through all of them again and again. What is there after a stretch of work
is therefore frozen: the collector leaves it alone until the run is over. What
is made and dropped in between it collects as always; but a cycle of objects
that outlives a stretch is freed after the run only.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from operator import itemgetter
from typing import Final, NamedTuple

from driftlab.clocks.physical_clock import PhysicalClock
from driftlab.machine.effects import Outgoing, Step
from driftlab.machine.machine import Machine, ProcessError
from driftlab.model.event import Event, Message
from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.network.latency import Latency
from driftlab.scenario.plan import MachinePlan
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.tick_order import TickBatch, tick_batches

PROGRESS_TICKS: Final = 50_000  # at least, between two calls of `on_beat`

_new = tuple.__new__  # of a named tuple: several times faster than by its fields
_sender = itemgetter(1)

# Given a machine's position, its event, when it was due (ns), and what the tick found.
Sink = Callable[[int, Event, int, Sequence[Message]], None]


class NetworkConfig(NamedTuple):
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


class RunEnd(NamedTuple):
    """How a simulated run ended.

    `failures` has what each machine's process failed of, by position;
    `stopped_ns` is the scenario time at which WAITING_MESSAGES_MAX was met, and
    None for a run that came to its end.
    """

    failures: dict[int, str]
    stopped_ns: int | None


class Mailbox:
    """What is on its way to one machine, as its sockets would hold it.

    `by_arrival` gives messages out as they came, of the same instant in name
    order; otherwise one sender's come after the other's, senders in name order.
    """

    __slots__ = ("_by_arrival", "_latest", "_posted", "held")

    def __init__(self, *, by_arrival: bool) -> None:
        # A heap of arrival, sender's position, a number that rises, and the message.
        self.held: list[tuple[int, int, int, Message]] = []
        self._by_arrival = by_arrival
        self._latest: dict[int, int] = {}  # of each sender, the last arrival so far
        self._posted = 0

    def post(self, arrival_ns: int, sender: int, message: Message) -> None:
        """Put a message on its way; it arrives no earlier than what its sender posted before."""
        latest = self._latest.get(sender, arrival_ns)
        if arrival_ns < latest:
            arrival_ns = latest
        self._latest[sender] = arrival_ns
        self._posted += 1
        heappush(self.held, (arrival_ns, sender, self._posted, message))

    def collect(self, before_ns: int) -> list[Message]:
        """Take out what has arrived strictly before an instant, in queue order."""
        held, there = self.held, []
        while held and held[0][0] < before_ns:
            there.append(heappop(held))
        if not self._by_arrival:
            there.sort(key=_sender)  # stable: of one sender, in the order of arrival
        return [message for _, _, _, message in there]


class InstantMailbox:
    """A Postbox of a run whose messages take no time: they arrive in the order of their posting.

    `places` has the senders' positions by name if one sender's messages come
    after the other's, None if all come as they arrived.
    """

    __slots__ = ("_earlier", "_last_ns", "_places", "held")

    def __init__(self, places: Mapping[str, int] | None) -> None:
        self.held: list[Message] = []
        self._places = places
        self._last_ns = -1  # the last arrival
        self._earlier = 0  # how many of those held came before that instant

    def post(self, arrival_ns: int, sender: int, message: Message) -> None:
        """Put a message where it is to be found; `arrival_ns` never goes back."""
        if arrival_ns != self._last_ns:
            self._last_ns = arrival_ns
            self._earlier = len(self.held)
        self.held.append(message)

    def collect(self, before_ns: int) -> list[Message]:
        """Take out what has arrived strictly before an instant, in queue order."""
        there = self.held
        if self._last_ns < before_ns:
            self.held = []
        else:
            self.held = there[self._earlier :]
            del there[self._earlier :]
            self._earlier = 0
        places = self._places
        if places is not None and len(there) > 1:
            there.sort(key=lambda message: places[message.sender])  # stable
        return there


AnyMailbox = Mailbox | InstantMailbox


def simulate_run(
    plans: Sequence[MachinePlan],
    machines: Sequence[Machine],
    ways: NetworkConfig,
    sink: Sink,
    on_beat: Callable[[int], None] | None = None,
) -> RunEnd:
    """Simulate one run of new machines; `sink` is given each event as it happens.

    `on_beat` is told now and then how many ticks are over, those of failed machines too.
    """
    run = _Run(plans, machines, ways, sink)
    over, next_beat = 0, PROGRESS_TICKS
    with gc_frozen() as spare:
        for begin_ns, stretch in tick_batches(plans):
            stopped_ns = run.take(begin_ns, stretch)
            if stopped_ns is not None or len(run.failures) == len(plans):
                return RunEnd(run.failures, stopped_ns)
            over += len(stretch.dues)
            if on_beat is not None and over >= next_beat:
                on_beat(over)
                next_beat = over + PROGRESS_TICKS
            spare()
    return RunEnd(run.failures, None)


class _Run:
    """One run under way: the machines, what is on its way to each, and how far each has come."""

    def __init__(
        self,
        plans: Sequence[MachinePlan],
        machines: Sequence[Machine],
        ways: NetworkConfig,
        sink: Sink,
    ) -> None:
        by_arrival = ways.order == "arrival"
        self.failures: dict[int, str] = {}
        self._machines = machines
        self._acting = [
            _SkewedMachine(machine, plan.physical) if any(plan.physical) else machine
            for plan, machine in zip(plans, machines, strict=True)
        ]
        places = {plan.name: plan.position for plan in plans}
        self._boxes: list[AnyMailbox] = [
            Mailbox(by_arrival=by_arrival)
            if ways.take_time
            else InstantMailbox(None if by_arrival else places)
            for _ in plans
        ]
        self._post_office = _Network(plans, ways, places, self._boxes)
        self._sink = sink
        self._numbers = [0] * len(plans)  # of the next tick
        self._room = WAITING_MESSAGES_MAX  # for messages: at least so many may be posted

    def take(self, begin_ns: int, stretch: TickBatch) -> int | None:
        """Take the ticks of a stretch, but those of machines that have failed.

        Returns when a tick was due that would have sent more messages than
        WAITING_MESSAGES_MAX lets wait, in ns; None if there was none.
        """
        machines, boxes, numbers, failures = self._acting, self._boxes, self._numbers, self.failures
        post, sink = self._post_office.take, self._sink
        for offset_ns, position in zip(*stretch, strict=True):
            if failures and position in failures:
                continue
            due_ns = begin_ns + offset_ns
            box = boxes[position]
            found = box.collect(due_ns) if box.held else ()
            tick = numbers[position]
            numbers[position] = tick + 1
            try:
                event, posts = machines[position].tick(tick, found, due_ns)
            except ProcessError as error:
                failures[position] = str(error)
                continue
            if posts:
                more = len(event.targets)
                self._room -= more
                if self._room < 0 and self._is_full(more):
                    return due_ns  # before this event, which is the same in every engine
                sink(position, event, due_ns, found)
                for each in posts:
                    post(position, tick, due_ns, each)
            else:
                sink(position, event, due_ns, found)
        return None

    def _is_full(self, more: int) -> bool:
        """Count the messages that wait, on their way or in an inbox: are there too many?"""
        waiting = sum(len(box.held) for box in self._boxes)
        waiting += sum(machine.queue for machine in self._machines)
        self._room = WAITING_MESSAGES_MAX - waiting - more
        return self._room < 0


class _SkewedMachine:
    """A machine whose physical clock is off: it is shown what that clock shows."""

    def __init__(self, machine: Machine, clock: PhysicalClock) -> None:
        self._machine = machine
        self._clock = clock

    def tick(self, tick: int, found: Sequence[Message], true_ns: int) -> Step:
        return self._machine.tick(tick, found, self._clock.reading_ns(true_ns, true_ns))


class _Network:
    """Puts what machines post into the boxes of those it is for, with the latency of the way."""

    def __init__(
        self,
        plans: Sequence[MachinePlan],
        ways: NetworkConfig,
        places: Mapping[str, int],
        boxes: Sequence[AnyMailbox],
    ) -> None:
        self._delays = [
            stream(plan.seed, plan.run, plan.position, Purpose.LATENCY) for plan in plans
        ]
        self._names = [plan.name for plan in plans]
        self._places = places  # positions by name
        self._takes_time = ways.take_time
        self._usual = (ways.latency, ways.latency.is_drawn)
        self._own = {way: (latency, latency.is_drawn) for way, latency in ways.own.items()}
        self._boxes = boxes

    def take(self, sender: int, tick: int, now_ns: int, post: Outgoing) -> None:
        """Put a message on its way to each of its targets."""
        targets, stamp, timestamp, payload = post
        places, boxes, takes_time = self._places, self._boxes, self._takes_time
        message = _new(Message, (self._names[sender], stamp, timestamp, payload))
        for target in targets:
            place = places[target]
            delay_ns = self._latency_ns(sender, place, tick) if takes_time else 0
            boxes[place].post(now_ns + delay_ns, sender, message)

    def _latency_ns(self, sender: int, target: int, tick: int) -> int:
        latency, is_drawn = self._usual
        if self._own:
            latency, is_drawn = self._own.get((sender, target), self._usual)
        if not is_drawn:
            return latency.first
        return latency.sample_ns(draw(draw(self._delays[sender], tick), target))


@contextmanager
def gc_frozen() -> Iterator[Callable[[], None]]:
    """Give what is to be called after each stretch; where others have frozen, it does nothing."""
    if gc.get_freeze_count():
        yield lambda: None
        return
    try:
        yield _freeze
    finally:
        gc.unfreeze()


def _freeze() -> None:
    gc.collect(0)  # so that the garbage of the last ticks is not kept
    gc.freeze()
