"""The general engine: simulates a run with the machines of real runs, one tick at a time.

Time is scenario time in whole nanoseconds. Ticks are taken in the order of (due
time, position of the machine). The tie-break has no effect: a message
sent at an instant is found by ticks strictly later, never by another tick of
that instant. So a scenario gives the same history, bit for bit, whatever the
order of work.

Nothing that happens in a run changes when a tick is due. So no heap of events is
needed: the ticks of a batch, all those of an interval of time, are sorted at once.
If the schedules have a hyperperiod (the least whole number of nanoseconds in
which each has a whole number of ticks) that is short enough, their order
repeats: a machine with m ticks in it has tick k + m due exactly one hyperperiod
after tick k. Then a batch of whole hyperperiods is sorted once and used again
and again. The ticks after the last whole batch, and those of schedules without
a short hyperperiod, are sorted batch by batch.

A channel is first in, first out, like a TCP connection. A machine whose process
fails takes no further tick, as in a real run, and the others go on.

A kept history adds many live objects, and the garbage collector would scan all
of them again and again. So the engine freezes them between two batches of ticks.
Limit: a reference cycle that survives a batch is freed only after the run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import gcd, lcm
from operator import itemgetter
from typing import Final

from driftlab.freezing import freezing
from driftlab.machine.effects import Outgoing
from driftlab.machine.machine import Machine, ProcessError
from driftlab.model.event import Event, EventBatch, EventRow, Message
from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.model.schedule import NS_PER_SECOND, Schedule
from driftlab.network.latency import Latency
from driftlab.scenario.plan import MachinePlan
from driftlab.scenario.validate import WAITING_MESSAGES_MAX

# About, in one batch, so that its events stay in the processor's caches; more if there are
# many machines.
BATCH_TICKS: Final = 512
BATCH_TICKS_EACH: Final = 4  # at least, for each machine, on average
PROGRESS_TICKS: Final = 50_000  # at least, between two calls of `on_progress`
FREEZE_TICKS: Final = 4096  # at least, before live objects are frozen again

_new = tuple.__new__  # creates a Message several times faster than its constructor
_sender = itemgetter(1)
_TARGETS: Final = Event._fields.index("targets")

Sink = Callable[[EventBatch], None]

# Ticks in order: their due times in ns, and the positions of their machines.
TickBatch = tuple[Sequence[int], Sequence[int]]


class NetworkConfig:
    """How messages travel in a simulated run.

    order: the scenario's `order`, "peers" or "arrival".
    latency: the latency of channels that have none of their own.
    channel_latencies: the latencies of single channels, by positions (from, to).
    """

    __slots__ = ("channel_latencies", "latency", "order")

    def __init__(
        self,
        order: str = "peers",
        latency: Latency | None = None,
        channel_latencies: Mapping[tuple[int, int], Latency] | None = None,
    ) -> None:
        self.order = order
        self.latency = latency or Latency()
        self.channel_latencies = channel_latencies or {}

    @property
    def has_latency(self) -> bool:
        """Whether any channel has a latency."""
        return self.latency.kind != "none" or bool(self.channel_latencies)


class RunEnd:
    """How a simulated run ended.

    failures: why each failed machine's process failed, by position.
    stopped_ns: the scenario time at which the run met WAITING_MESSAGES_MAX,
        None if it took all its ticks.
    """

    __slots__ = ("failures", "stopped_ns")

    def __init__(self, failures: Mapping[int, str], stopped_ns: int | None) -> None:
        self.failures = failures
        self.stopped_ns = stopped_ns


class Mailbox:
    """The messages in transit to one machine, and those that its sockets would hold.

    If `by_arrival`, `collect` returns messages in the order of their arrival,
    those of the same instant in name order of their senders. Otherwise it
    returns the messages of the first sender in name order, then those of the next.
    """

    __slots__ = ("_by_arrival", "_last_arrival", "_pop", "_post_count", "_push", "messages")

    def __init__(self, *, by_arrival: bool) -> None:
        from heapq import heappop, heappush  # needed with latencies only

        self._push, self._pop = heappush, heappop
        # A heap of (arrival in ns, position of the sender, number of the post, message).
        self.messages: list[tuple[int, int, int, Message]] = []
        self._by_arrival = by_arrival
        self._last_arrival: dict[int, int] = {}  # in ns, by the position of the sender
        self._post_count = 0

    def post(self, arrival_ns: int, sender: int, message: Message) -> None:
        """Add a message that arrives at an instant, but not before earlier ones of its sender."""
        last_arrival = self._last_arrival.get(sender, arrival_ns)
        if arrival_ns < last_arrival:
            arrival_ns = last_arrival
        self._last_arrival[sender] = arrival_ns
        self._post_count += 1
        self._push(self.messages, (arrival_ns, sender, self._post_count, message))

    def collect(self, before_ns: int) -> list[Message]:
        """Remove and return what arrives strictly before an instant, in queue order."""
        messages, arrived = self.messages, []
        while messages and messages[0][0] < before_ns:
            arrived.append(self._pop(messages))
        if not self._by_arrival:
            arrived.sort(key=_sender)  # stable: each sender's stay in the order of arrival
        return [message for _, _, _, message in arrived]


class InstantMailbox:
    """A faster Mailbox for runs without latency, where messages arrive when they are posted.

    `positions` has the senders' positions by name if the order is by peer, and
    is None if it is by arrival.
    """

    __slots__ = ("_before_last", "_last_ns", "_positions", "messages")

    def __init__(self, positions: Mapping[str, int] | None) -> None:
        self.messages: list[Message] = []
        self._positions = positions
        self._last_ns = -1  # the last arrival
        self._before_last = 0  # how many of the messages arrived before that instant

    def post(self, arrival_ns: int, sender: int, message: Message) -> None:
        """Add a message that arrives at an instant, not before that of the last one posted."""
        if arrival_ns != self._last_ns:
            self._last_ns = arrival_ns
            self._before_last = len(self.messages)
        self.messages.append(message)

    def collect(self, before_ns: int) -> list[Message]:
        """Remove and return what arrives strictly before an instant, in queue order."""
        arrived = self.messages
        if self._last_ns < before_ns:
            self.messages = []
        else:
            self.messages = arrived[self._before_last :]
            del arrived[self._before_last :]
            self._before_last = 0
        if self._positions is not None and len(arrived) > 1:
            arrived.sort(key=self._position_of_sender)  # stable
        return arrived

    def _position_of_sender(self, message: Message) -> int:
        assert self._positions is not None
        return self._positions[message.sender]


AnyMailbox = Mailbox | InstantMailbox


def each_event(note: Callable[[int, Event, int, Sequence[Message]], None]) -> Sink:
    """Return a sink that gives a function each event by itself.

    note: called with the position of the machine, its event, when the tick was due in ns,
    and the messages that it found; these must be kept.
    """

    def note_each(batch: EventBatch) -> None:
        for position, due_ns, row, found in zip(*batch, strict=True):
            note(position, _new(Event, row), due_ns, found)

    return note_each


def tick_batches(plans: Sequence[MachinePlan]) -> Iterator[tuple[int, TickBatch]]:
    """Yield the ticks of a run in batches, in order; with each a time to add to its due times.

    `plans` are those of all machines, in the order of their positions. The time
    is in nanoseconds.
    """
    schedules = [plan.schedule for plan in plans]
    length_ns, counts = _choose_batch_length(schedules)
    batches = 0
    if counts:
        batches = min(plan.ticks // count for plan, count in zip(plans, counts, strict=True))
    if batches:
        batch = _sorted_ticks(schedules, [0] * len(plans), counts)
        for number in range(batches):
            yield number * length_ns, batch
    next_ticks = [batches * count for count in counts] or [0] * len(plans)
    last_ticks = [plan.ticks for plan in plans]
    while next_ticks != last_ticks:
        batches += 1
        ends = [min(plan.ticks, plan.schedule.ticks_before(batches * length_ns)) for plan in plans]
        yield 0, _sorted_ticks(schedules, next_ticks, ends)
        next_ticks = ends


def _choose_batch_length(schedules: Sequence[Schedule]) -> tuple[int, list[int]]:
    """Return the length of a batch in ns, and the number of each machine's ticks in it.

    The list of numbers is empty if the hyperperiod is longer than a batch.
    """
    ticks_per_ns = sum(each.rate_num / each.rate_den for each in schedules) / NS_PER_SECOND
    length_ns = max(1, int(max(BATCH_TICKS, BATCH_TICKS_EACH * len(schedules)) / ticks_per_ns))
    hyperperiod = hyperperiod_ns(schedules)
    if hyperperiod > length_ns:
        return length_ns, []
    length_ns -= length_ns % hyperperiod
    periods = ((NS_PER_SECOND * each.rate_den, each.rate_num) for each in schedules)
    return length_ns, [length_ns * rate // period for period, rate in periods]


def hyperperiod_ns(schedules: Sequence[Schedule]) -> int:
    """Return the least number of ns in which each schedule has a whole number of ticks."""
    periods = ((NS_PER_SECOND * each.rate_den, each.rate_num) for each in schedules)
    return lcm(*(period // gcd(period, rate) for period, rate in periods))


def _sorted_ticks(
    schedules: Sequence[Schedule], begins: Sequence[int], ends: Sequence[int]
) -> TickBatch:
    """Return, for each machine, the ticks from one number to before another, sorted together."""
    ticks: list[tuple[int, int]] = []
    for position, schedule in enumerate(schedules):
        ticks += [(due, position) for due in schedule.dues(begins[position], ends[position])]
    ticks.sort(key=itemgetter(0))  # stable: ticks due together stay in the order of positions
    return [due for due, _ in ticks], [position for _, position in ticks]


def simulate_run(
    plans: Sequence[MachinePlan],
    machines: Sequence[Machine],
    network: NetworkConfig,
    sink: Sink,
    on_progress: Callable[[int], None] | None = None,
    *,
    keep_found: bool = True,
) -> RunEnd:
    """Simulate one run.

    Args:
        plans: the plans of all machines, in name order.
        machines: the machines of these plans, which have taken no tick yet.
        network: how messages travel.
        sink: called with the events, each once, in the order of time.
        on_progress: called periodically with the number of ticks that are over,
            those of failed machines included.
        keep_found: whether the sink gets the messages that each tick found.
    """
    run = _Run(plans, machines, network, sink, keep_found)
    ticks_over, next_report, next_freeze = 0, PROGRESS_TICKS, FREEZE_TICKS
    with freezing() as freeze:
        for begin_ns, batch in tick_batches(plans):
            if ticks_over >= next_freeze:  # most runs are shorter, and leave it alone
                freeze()
                next_freeze = ticks_over + FREEZE_TICKS
            stopped_ns = run.run_ticks(begin_ns, batch)
            if stopped_ns is not None or len(run.failures) == len(plans):
                return RunEnd(run.failures, stopped_ns)
            ticks_over += len(batch[0])
            if on_progress is not None and ticks_over >= next_report:
                on_progress(ticks_over)
                next_report = ticks_over + PROGRESS_TICKS
    return RunEnd(run.failures, None)


class _Run:
    """One run in progress: its machines, their mailboxes and the numbers of their next ticks."""

    def __init__(
        self,
        plans: Sequence[MachinePlan],
        machines: Sequence[Machine],
        network: NetworkConfig,
        sink: Sink,
        keep_found: bool,
    ) -> None:
        by_arrival = network.order == "arrival"
        self.failures: dict[int, str] = {}
        self._machines = list(machines)
        self._wrong_clocks = {
            plan.position: plan.physical for plan in plans if not plan.physical.is_exact
        }
        positions = {plan.name: plan.position for plan in plans}
        self._mailboxes: list[AnyMailbox] = [
            Mailbox(by_arrival=by_arrival)
            if network.has_latency
            else InstantMailbox(None if by_arrival else positions)
            for _ in plans
        ]
        self._network = _Network(plans, network, positions, self._mailboxes)
        self._sink = sink
        self._keep_found = keep_found
        self._next_ticks = [0] * len(plans)
        self._capacity = WAITING_MESSAGES_MAX  # a lower bound of how many more messages may wait

    def run_ticks(self, begin_ns: int, batch: TickBatch) -> int | None:
        """Take the ticks of a batch, except those of failed machines.

        The batch's due times are counted from `begin_ns`. Return the due time of
        the tick that would have made more than WAITING_MESSAGES_MAX messages
        wait, None if there was none.
        """
        dues_ns, positions = batch
        if begin_ns:
            dues_ns = [begin_ns + due_ns for due_ns in dues_ns]
        stopped_ns, taken = None, -1  # a machine that fails ends a part of the batch
        while stopped_ns is None and taken < len(dues_ns):
            dues_ns, positions = self._left(dues_ns, positions, taken + 1)
            stopped_ns, taken = self._take(dues_ns, positions)
        return stopped_ns

    def _left(
        self, dues_ns: Sequence[int], positions: Sequence[int], begin: int
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Return the ticks of a batch from number `begin` on, without those of failed machines."""
        if not self.failures:
            return dues_ns, positions
        left = [
            number
            for number in range(begin, len(positions))
            if positions[number] not in self.failures
        ]
        return [dues_ns[number] for number in left], [positions[number] for number in left]

    def _take(self, dues_ns: Sequence[int], positions: Sequence[int]) -> tuple[int | None, int]:
        """Take ticks until one stops the run, a machine fails, or all are taken.

        Return when the run was stopped, if it was, and how many ticks were taken. The sink
        has their events then, whatever else ends this.
        """
        machines, mailboxes, next_ticks = self._machines, self._mailboxes, self._next_ticks
        wrong_clocks, deliver = self._wrong_clocks, self._network.deliver
        rows: list[EventRow] = []
        finds: list[Sequence[Message]] = []
        keep, keep_find = rows.append, finds.append if self._keep_found else None
        try:
            for due_ns, position in zip(dues_ns, positions, strict=True):
                mailbox = mailboxes[position]
                found = mailbox.collect(due_ns) if mailbox.messages else ()
                tick = next_ticks[position]
                next_ticks[position] = tick + 1
                now_ns = due_ns
                if wrong_clocks and position in wrong_clocks:
                    now_ns = wrong_clocks[position].reading_ns(due_ns, due_ns)
                machine = machines[position]
                row, outgoing = machine.tick_row(tick, found, now_ns)
                if keep_find is not None:
                    keep_find(found)
                if not outgoing:
                    keep(row)
                    continue
                sent = len(row[_TARGETS])
                self._capacity -= sent
                if self._capacity < 0 and self._exceeds_limit(sent):
                    return due_ns, len(rows)  # before this event, as in every engine
                keep(row)
                for message in outgoing:
                    deliver(position, tick, due_ns, message)
        except ProcessError as error:
            self.failures[position] = str(error)
        finally:
            taken = len(rows)
            del finds[taken:]  # of a tick that was interrupted
            if taken < len(dues_ns):
                dues_ns, positions = dues_ns[:taken], positions[:taken]
            self._sink(EventBatch(positions, dues_ns, rows, finds))
        return None, taken

    def _exceeds_limit(self, sent: int) -> bool:
        """Whether `sent` more messages would be too many in transit and in inboxes together."""
        waiting = sum(len(mailbox.messages) for mailbox in self._mailboxes)
        waiting += sum(machine.queue for machine in self._machines)
        self._capacity = WAITING_MESSAGES_MAX - waiting - sent
        return self._capacity < 0


class _Network:
    """Puts messages into the mailboxes of their targets, with the latencies of the channels."""

    def __init__(
        self,
        plans: Sequence[MachinePlan],
        network: NetworkConfig,
        positions: Mapping[str, int],
        mailboxes: Sequence[AnyMailbox],
    ) -> None:
        self._latency_streams = [
            stream(plan.seed, plan.run, plan.position, Purpose.LATENCY) for plan in plans
        ]
        self._names = [plan.name for plan in plans]
        self._positions = positions  # by name
        self._has_latency = network.has_latency
        self._default = _sampler_of(network.latency)
        self._of_channel = {
            channel: _sampler_of(latency) for channel, latency in network.channel_latencies.items()
        }
        self._mailboxes = mailboxes
        self._mailbox_of = {name: mailboxes[position] for name, position in positions.items()}

    def deliver(self, sender: int, tick: int, now_ns: int, outgoing: Outgoing) -> None:
        """Put a message, sent now by the machine at position `sender`, into its mailboxes."""
        targets, stamp, timestamp, payload = outgoing
        message = _new(Message, (self._names[sender], stamp, timestamp, payload))
        if not self._has_latency:
            for name in targets:
                self._mailbox_of[name].post(now_ns, sender, message)
            return
        for name in targets:
            target = self._positions[name]
            arrival_ns = now_ns + self._latency_ns(sender, target, tick)
            self._mailboxes[target].post(arrival_ns, sender, message)

    def _latency_ns(self, sender: int, target: int, tick: int) -> int:
        fixed_ns, sample_ns = self._default
        if self._of_channel:
            fixed_ns, sample_ns = self._of_channel.get((sender, target), self._default)
        if sample_ns is None:
            return fixed_ns
        return sample_ns(draw(draw(self._latency_streams[sender], tick), target))


def _sampler_of(latency: Latency) -> tuple[int, Callable[[int], int] | None]:
    """Return a latency that is not drawn, in ns, or the function that draws it."""
    return (0, latency.sampler()) if latency.is_drawn else (latency.first, None)
