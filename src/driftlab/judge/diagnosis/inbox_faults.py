"""What a program does wrong with its inbox: how many messages it takes, and which.

Where a journal says what each tick found, every message can be followed. Where a log
has only lengths of the queue, a machine that takes several messages at once shows it
by a length that falls by more than one, and by messages that never come.

Limit: without a journal a queue that is sorted as text shows only where it turns round
two messages of one channel.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import arrivals_taken
from driftlab.history.tick_repair import repaired_ticks
from driftlab.judge.context import NO_ROWS, Context, required
from driftlab.judge.diagnosis.fault import NamedRows, by_process
from driftlab.judge.inbox import mixes_operations, receives_several
from driftlab.model.columns import MISSING, NO_TARGET

TAKES_SEVERAL: Final = "takes several messages a tick"
TAKES_NONE: Final = "takes none although messages wait"
TWO_EVENTS: Final = "does several operations in one tick"
SORTS_AS_TEXT: Final = "sorts the queue by stamp as text"
SORTS: Final = "sorts the queue by stamp"
TAKES_NEWEST: Final = "takes the newest message first"
MISSES_ONE_OF_BOTH: Final = "send to both reaches one peer"
MISSES_A_TARGET: Final = "send to all misses a peer"
LOSES: Final = "loses messages"
LOSSES: Final = ("lost-message", "send-to-all")

SHARE_MIN: Final = 0.95  # of the messages taken while others waited
CHANCE_MAX: Final = 1e-3  # that what is lost on its way is lost only while others wait
MISSED_SHARE_MIN: Final = 0.8  # of the sends to several
MISSED_MIN: Final = 3
MISSED_SHARE_OF_FEW: Final = 0.25  # of the sends to several, if only such messages are lost
MISSED_FEWEST: Final = 2  # if all that is sent to one process arrives
# Of lost messages, those after which the next event is a receive: in each process, in all.
WAITING_SHARE_MIN: Final = 0.75
WAITING_SHARE_OF_ALL_MIN: Final = 0.9
FALLS_MIN: Final = 2  # of a queue's length, where nothing else shows a fault of the program
STAMP_DIGITS_MAX: Final = 19  # of 64 bits
TURNED_MAX: Final = 1_000  # messages out of order that are looked at, of each process
COMPARED_MAX: Final = 5_000_000  # messages that waited, in all inboxes


# How many messages a tick takes.


class Lost(NamedTuple):
    """Messages that never came though later ones of their channels did.

    sends i8: rows of their sends. to i8: positions of their receivers.
    """

    sends: IntArray
    to: IntArray

    def but(self, named: Sequence[NamedRows]) -> "Lost":
        """Return those that no fault explains."""
        known = [each.explained for each in named if "lost-message" in each.rules]
        left = ~np.isin(self.sends, np.concatenate([NO_ROWS, *known]))
        return Lost(self.sends[left], self.to[left])

    def to_one(self, process: int) -> IntArray:
        """Return the rows of the sends whose messages one process lost."""
        rows: IntArray = self.sends[self.to == process]
        return rows

    def only_of(self, process: int, losers: set[int]) -> IntArray:
        """Return the sends whose messages one process lost, and no other than `losers`."""
        elsewhere = self.sends[~np.isin(self.to, sorted(losers))]
        rows: IntArray = np.setdiff1d(self.to_one(process), elsewhere)
        return rows


def inbox_faults(context: Context, violated: Mapping[str, IntArray]) -> list[NamedRows]:
    """Return what processes do wrong with the messages that they send and receive.

    violated: of the rules that are violated the rows.
    """
    lost = _lost(context, violated)
    named = _missed_targets(context, violated, lost)
    named += _order_faults(context, violated, lost.but(named))
    named += _by_operation(context, violated)
    if context.trace.arrivals is None and context.columns.queue is not None:
        named += _by_lengths(context, violated, lost.but(named))
    return named + _losses(context, violated, lost.but(named))


def _by_operation(context: Context, violated: Mapping[str, IntArray]) -> list[NamedRows]:
    """Name the violations of `one-operation`, and lengths of a queue that follow from them."""
    rows, lengths = violated.get("one-operation", NO_ROWS), violated.get("queue", NO_ROWS)
    if not len(rows):
        return []
    again = np.zeros(len(context), bool)
    if context.columns.tick is not None:
        ticks = repaired_ticks(context.trace)
        again = ticks == context.before(ticks, -1)
    receives = context.is_receive
    both = np.zeros(len(context), bool)
    both[1:] = receives[1:] & receives[:-1]
    several = np.isin(rows, receives_several(context)) | (again & both)[rows]
    mixed = mixes_operations(context)[rows] & ~again[rows]
    idle = ~receives[rows] & ~mixed & ~again[rows]
    kinds = ((TAKES_SEVERAL, several), (TWO_EVENTS, again[rows] & ~several), (TAKES_NONE, idle))
    named = [
        each
        for name, mask in kinds
        for each in by_process(name, "one-operation", np.unique(rows[mask]), context.process)
    ]
    return [
        each
        if each.name != TAKES_SEVERAL
        else each._replace(
            rules=("one-operation", "queue"),
            explained=np.union1d(each.explained, lengths[context.process[lengths] == each.process]),
            shown_by=each.events,
        )
        for each in named
    ]


def _by_lengths(context: Context, violated: Mapping[str, IntArray], lost: Lost) -> list[NamedRows]:
    """Name processes that take several messages at once, where no journal shows them.

    Either their queue falls by more than the message that an event received, or what
    they lost was lost while others waited.
    """
    queue, rows = required(context.columns.queue), violated.get("queue", NO_ROWS)
    if not len(rows) and not len(lost.sends):
        return []
    before = context.before(queue, MISSING)
    rows = rows[context.is_receive[rows] & (before[rows] != MISSING)]
    too_many = before[rows] - 1 - queue[rows]
    takers = _lose_while_others_wait(context, lost)
    falling = {
        process: int(here.sum())
        for process in np.unique(context.process[rows]).tolist()
        for here in [context.process[rows] == process]
        if _is_supported(context, process, int(too_many[here].sum()))
    }
    if takers or max(falling.values(), default=0) >= FALLS_MIN:
        takers |= set(falling)
    named = []
    for process in sorted(takers):
        falls = rows[context.process[rows] == process]
        explained = np.concatenate([falls, lost.only_of(process, takers)])
        shown_by = max(len(falls), len(lost.to_one(process)))
        named.append(NamedRows(TAKES_SEVERAL, ("queue", *LOSSES), process, explained, shown_by))
    return named


def _is_supported(context: Context, process: int, too_many: int) -> bool:
    """Whether as many messages are missing as a process took too many, nearly.

    Also where the log does not say where messages went.
    """
    if context.columns.target is None or not (context.columns.target != NO_TARGET).any():
        return True
    _, to = context.sent_messages
    queue = required(context.columns.queue)
    begin, end = context.trace.starts[process : process + 2].tolist()
    received = int(context.is_receive[begin:end].sum())
    missing = int((to == process).sum()) - received - max(int(queue[end - 1]), 0)
    return 2 * missing >= too_many


def _lose_while_others_wait(context: Context, lost: Lost) -> set[int]:
    """Return the processes all of whose lost messages found others in the inbox, or came with them.

    The event after such a message came is a receive. Of processes that are often idle,
    that is no chance if what is lost is lost on its way; one program runs on all, so
    their chances are multiplied.
    """
    chances: dict[int, float] = {}
    waited: list[BoolArray] = []
    for process in np.unique(lost.to).tolist():
        begin, end = context.trace.starts[process : process + 2].tolist()
        after = _events_after_arrival(context, process, lost.to_one(process))
        is_receive = context.is_receive[after]
        if len(is_receive) and is_receive.mean() >= WAITING_SHARE_MIN:
            chances[process] = float(context.is_receive[begin:end].mean() ** len(is_receive))
            waited.append(is_receive)
    if not waited or np.concatenate(waited).mean() < WAITING_SHARE_OF_ALL_MIN:
        return set()
    return set(chances) if prod(chances.values()) < CHANCE_MAX else set()


def _events_after_arrival(context: Context, process: int, sends: IntArray) -> IntArray:
    """Return the rows of a process that come first after messages to it must have come.

    sends: rows of their sends. Clocks of two machines differ by what is left of the
    quickest message between them: it came just before its receive.
    """
    time = context.columns.time_ns
    begin, end = context.trace.starts[process : process + 2].tolist()
    if time is None or (time[begin:end] == MISSING).any() or (np.diff(time[begin:end]) < 0).any():
        return NO_ROWS
    receives, sources = context.pairs
    mine = (context.process[receives] == process) & (time[sources] != MISSING)
    receives, sources = receives[mine], sources[mine]
    found = [NO_ROWS]
    for sender in np.unique(context.process[sends]).tolist():
        known = context.process[sources] == sender
        if known.any():
            offset = int((time[receives[known]] - time[sources[known]]).min())
            came = time[sends[context.process[sends] == sender]]
            came = came[came != MISSING] + offset
            after = np.searchsorted(time[begin:end], came, side="left")
            found.append(after[after < end - begin] + begin)
    return np.concatenate(found)


# Messages that are lost.


def _lost(context: Context, violated: Mapping[str, IntArray]) -> Lost:
    """Return the messages that rules report as lost."""
    rows = [violated[rule] for rule in LOSSES if rule in violated]
    if not rows or context.columns.target is None:
        return Lost(NO_ROWS, NO_ROWS)
    sends, to, followed = _not_delivered(context)
    keep = followed & np.isin(sends, np.concatenate(rows))
    return Lost(sends[keep], to[keep])


def _not_delivered(context: Context) -> tuple[IntArray, IntArray, BoolArray]:
    """Return the messages that never came: their sends, receivers, and whether a later one came."""
    sends, to = context.sent_messages
    width = context.trace.processes
    receives, sources = context.deliveries
    receives, sources = receives[sources >= 0], sources[sources >= 0]
    came = np.concatenate([sources, context.pairs[1]]) * width
    came += context.process[np.concatenate([receives, context.pairs[0]])]
    keep = ~np.isin(sends * width + to, came)
    sends, to = sends[keep], to[keep]
    channel = context.process[sources].astype(np.int64) * width + context.process[receives]
    order = np.lexsort((sources, channel))
    wanted = context.process[sends].astype(np.int64) * width + to
    ends = np.searchsorted(channel[order], wanted, side="right")
    begins = np.searchsorted(channel[order], wanted, side="left")
    last = np.append(sources[order], -1)[ends - 1]
    return sends, to, (ends > begins) & (last > sends)


def _missed_targets(
    context: Context, violated: Mapping[str, IntArray], lost: Lost
) -> list[NamedRows]:
    """Name processes nearly all of whose sends to several miss some of their targets."""
    if not len(lost.sends):
        return []
    target = required(context.columns.target)
    several = (target < 0) & (target != NO_TARGET)
    missed = np.unique(lost.sends[several[lost.sends]])
    if not len(missed):
        return []
    sends, _, followed = _not_delivered(context)
    decided = several.copy()
    decided[sends[~followed]] = False  # may be in flight
    most = max(len(context.trace.targets_of(row)) for row in missed.tolist())
    name = MISSES_ONE_OF_BOTH if most == 2 else MISSES_A_TARGET
    rules = ("send-to-all", "lost-message")
    named, others = [], []
    for process in np.unique(context.process[missed]).tolist():
        begin, end = context.trace.starts[process : process + 2].tolist()
        here = missed[context.process[missed] == process]
        share = decided[here].sum() / max(decided[begin:end].sum(), 1)
        fault = NamedRows(name, rules, process, here)
        is_rest_received = "lost-message" not in violated
        is_common = share >= MISSED_SHARE_OF_FEW
        if (len(here) >= MISSED_MIN and is_rest_received and is_common) or (
            share >= MISSED_SHARE_MIN
            and len(here) >= (MISSED_FEWEST if is_rest_received else MISSED_MIN)
        ):
            named.append(fault)
        elif share >= MISSED_SHARE_MIN:
            others.append(fault)  # too few to tell, unless another process does it
    return named + (others if named else [])


def _losses(context: Context, violated: Mapping[str, IntArray], lost: Lost) -> list[NamedRows]:
    """Name the processes that lose messages for no other reason that is known.

    A process that received as many messages under other names did not lose them, and
    what a queue sorted as text passes over may wait in it still.
    """
    unsent, queue = violated.get("from-nowhere", NO_ROWS), context.columns.queue
    receives, named = context.messages.receives, []
    for process in np.unique(lost.to).tolist():
        sends = lost.to_one(process)
        if 2 * int((context.process[unsent] == process).sum()) >= len(sends):
            continue
        last = int(context.trace.starts[process + 1]) - 1
        if queue is not None and context.trace.arrivals is None and len(sends) <= queue[last]:
            came = context.messages.source[receives[context.process[receives] == process]]
            if all(_precedes_as_text(context, came, row) for row in sends.tolist()):
                continue
        named.append(NamedRows(LOSES, LOSSES, process, sends))
    return named


# Which message is taken.


def _order_faults(
    context: Context, violated: Mapping[str, IntArray], lost: Lost
) -> list[NamedRows]:
    """Name the processes that take messages in a wrong order that is known."""
    if "inbox-order" in violated:
        return _by_inboxes(context, violated["inbox-order"])
    if "fifo" in violated and context.trace.arrivals is None and context.columns.clock is not None:
        return _by_channels(context, violated["fifo"], lost)
    return []


def _by_inboxes(context: Context, rows: IntArray) -> list[NamedRows]:
    """Name the order in which a process takes what its journal says it found."""
    receives, taken = arrivals_taken(context.trace)
    receives, taken = receives[taken >= 0], taken[taken >= 0]
    found_at = context.arrival_rows
    held = context.trace.arrivals
    assert held is not None
    stamp = held.stamp.tolist()
    orders: tuple[tuple[str, Callable[[int], Any]], ...] = (
        (SORTS_AS_TEXT, lambda arrival: str(stamp[arrival])),
        (SORTS, lambda arrival: stamp[arrival]),
        (TAKES_NEWEST, lambda arrival: -int(found_at[arrival])),
    )
    named = []
    for process in np.unique(context.process[rows]).tolist():
        mine = context.process[receives] == process
        choices = _choices(receives[mine].tolist(), taken[mine].tolist(), found_at)
        for name, key in orders:
            fit = sum(key(one) <= min(map(key, others)) for one, others in choices)
            if choices and fit >= SHARE_MIN * len(choices):
                here = rows[context.process[rows] == process]
                named.append(NamedRows(name, ("inbox-order",), process, here))
                break
    return named


def _choices(
    receives: list[int], taken: list[int], found_at: IntArray
) -> list[tuple[int, list[int]]]:
    """Return each message that was taken while others waited, and these others.

    Only what is taken at some time is known to wait; messages are numbers of arrivals.
    """
    choices: list[tuple[int, list[int]]] = []
    coming = sorted(taken)
    waiting: list[int] = []
    compared, next_one = 0, 0
    for row, one in zip(receives, taken, strict=True):
        while next_one < len(coming) and found_at[coming[next_one]] <= row:
            waiting.append(coming[next_one])
            next_one += 1
        if one in waiting:
            waiting.remove(one)
        if waiting:
            choices.append((one, waiting.copy()))
        compared += len(waiting)
        if compared > COMPARED_MAX:
            break
    return choices


def _by_channels(context: Context, rows: IntArray, lost: Lost) -> list[NamedRows]:
    """Name a queue sorted as text by messages of one channel that changed places.

    One that is taken after a later one, or never, is greater as text and less as a number;
    one that is taken before earlier ones is less as text than all of them.
    """
    source, receives = context.messages.source, context.messages.receives
    rows = rows[source[rows] >= 0]
    turned: dict[int, tuple[IntArray, IntArray]] = {}
    for process in np.unique(context.process[rows]).tolist():
        mine = receives[context.process[receives] == process]
        late, missed = rows[context.process[rows] == process], lost.to_one(process)
        if all(
            _precedes_as_text(context, source[mine[mine < row]], int(source[row]))
            or _is_least_as_text(context, source[mine[mine > row]], int(source[row]))
            for row in late[:TURNED_MAX].tolist()
        ):
            missed = missed[:TURNED_MAX]
            fits = [_precedes_as_text(context, source[mine], row) for row in missed.tolist()]
            turned[process] = late, missed[np.array(fits, bool)]
    return [
        NamedRows(
            SORTS_AS_TEXT,
            ("fifo", *LOSSES),
            process,
            np.union1d(late, np.intersect1d(missed, lost.only_of(process, set(turned)))),
            len(late),
        )
        for process, (late, missed) in turned.items()
    ]


def _is_least_as_text(context: Context, sends: IntArray, send: int) -> bool:
    """Whether earlier messages of the channel of a send are greater as text, if there are any.

    sends: rows of the sends of what one process received after it. send: the row of a send to it.
    """
    clock, sender = required(context.columns.clock), context.process[send]
    early = int(int(sender) in context.messages.stamp_before_send)
    earlier = clock[sends[(context.process[sends] == sender) & (sends < send)]] - early
    mine = str(clock[send] - early)
    return 0 < len(earlier) <= TURNED_MAX and all(str(each) > mine for each in earlier.tolist())


def _precedes_as_text(context: Context, sends: IntArray, send: int) -> bool:
    """Whether a later message of the channel of a send, which was received, is less as text.

    sends: rows of the sends of what one process received. send: the row of a send to it.
    """
    clock, sender = required(context.columns.clock), context.process[send]
    later = sends[(context.process[sends] == sender) & (sends > send)]
    early = int(int(sender) in context.messages.stamp_before_send)
    mine = int(clock[send]) - early
    stamps = clock[later] - early
    digits = len(str(mine))
    for more in range(1, STAMP_DIGITS_MAX - digits):  # with as many digits text sorts as numbers
        low, high = 10 ** (digits + more - 1), 10 ** (digits + more)
        if bool(((stamps >= low) & (stamps < high) & (stamps // 10**more < mine)).any()):
            return True
    return False
