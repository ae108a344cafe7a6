"""Vector and matrix clocks: the strong clock condition, entry by entry.

Rules: `vector-back`, `vector-merge`, `vector-own`, `vector-ahead` need timestamps
of a vector or matrix clock; `matrix-merge` needs those of a matrix clock.

Fidge 1988; Mattern 1989. Entry j of an event's timestamp counts the events of
process j in its past. This holds for all events, and with it a -> b if and only
if V(a) < V(b), exactly if it holds from step to step: every entry of an event is
the greatest of those of the event before and of its messages, and its own entry
is one more. So each event is judged by its own step, from what its neighbours
wrote, and a wrong one does not make the later ones wrong.

A timestamp violates one rule: the first, in the order above, that any of its
entries breaks. Limit: after an event without a timestamp, or a gap, or where a
log may begin late, a step is undecided; a message whose send is not logged may
have carried anything. Where the log is taken to be whole, an entry may not be
greater than the number of events of its process.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import UNMATCHED
from driftlab.judge.context import (
    NO_ROWS,
    Context,
    Explanation,
    Findings,
    Rule,
    count_of,
    findings,
    is_stamped,
    timestamp_table,
)
from driftlab.model.columns import Timestamps

CORRECT, BACK, MERGE, OWN, AHEAD = range(5)
RISES_SHARE_MIN: Final = 0.9  # of a process's events, at which the entry of its other name rises
TABLE_NUMBERS_MAX: Final = 1_000_000  # in the table of one block: bounds the memory of one block


class VectorSteps(NamedTuple):
    """Of each event what is wrong with its step, one of the above, and in which entry.

    verdict u1, entry i8. is_unknown: whether it could not be judged.
    is_start_known: whether what the step starts from is known, but for messages.
    """

    verdict: IntArray
    entry: IntArray
    is_unknown: BoolArray
    is_start_known: BoolArray


class Block(NamedTuple):
    """Some consecutive events and what their steps start from: tables, a row an event.

    rows: of the events. now: their vector times. before: those of the events
    before, 0 at the first of a process. received: entry by entry the greatest
    that their messages carried.
    """

    rows: IntArray
    now: IntArray
    before: IntArray
    received: IntArray

    @property
    def heard(self) -> IntArray:
        """Entry by entry the greatest that the events knew before their own step."""
        return np.maximum(self.before, self.received)


class AfterWrongStep(NamedTuple):
    """Entries that a wrong event before explains: masks over the entries of a block.

    is_excused: they are correct, since the event before was wrong. was_ahead, a
    part of it: the event before had jumped ahead and this one is below that value
    again. was_known: the process had received them by the event
    before, though that did not have them.
    """

    is_excused: BoolArray
    was_ahead: BoolArray
    was_known: BoolArray


def _steps(context: Context) -> VectorSteps:
    steps: VectorSteps = context.cached("vector steps", _find_steps)
    return steps


def _find_steps(context: Context) -> VectorSteps:
    """Judge the step of every event."""
    rows, held = len(context), _timestamps(context)
    stamped, lacks_message = is_stamped(held), _lacks_message(context)
    starts = _is_start_known(context, np.arange(rows), stamped)
    starts &= ~_is_called_otherwise(context)[context.process]
    steps = VectorSteps(
        np.zeros(rows, np.uint8), np.zeros(rows, np.int64), ~stamped | ~starts, starts
    )
    for block in _row_blocks(rows, _numbers_per_event(context)):
        _judge_block(context, block, stamped, lacks_message, steps)
    _clear_misled_receives(context, steps)
    called_otherwise = _is_called_otherwise(context)[context.process]
    steps.verdict[called_otherwise], steps.is_unknown[called_otherwise] = CORRECT, True
    return steps


def _timestamps(context: Context) -> Timestamps:
    held = context.trace.timestamps
    assert held is not None
    return held


def _numbers_per_event(context: Context) -> int:
    return context.trace.processes ** (2 if _timestamps(context).clock == "matrix" else 1)


def _row_blocks(rows: int, width: int) -> Iterator[IntArray]:
    """Yield the numbers of all rows, a block at a time."""
    step = max(1, TABLE_NUMBERS_MAX // max(width, 1))
    for begin in range(0, rows, step):
        yield np.arange(begin, min(begin + step, rows))


def _lacks_message(context: Context) -> BoolArray:
    """Whether an event received a message whose send, or its timestamp, is not logged."""
    lacks: BoolArray = context.cached("lacks a timestamped message", _find_lacking)
    return lacks


def _find_lacking(context: Context) -> BoolArray:
    lacks: BoolArray = context.messages.source == UNMATCHED
    lacks[context.messages.extra_receives[context.messages.extra_sends < 0]] = True
    receives, sends = context.pairs
    lacks[receives[~is_stamped(_timestamps(context))[sends]]] = True
    if context.columns.received is not None:  # an event of an unknown kind may have received
        lacks |= context.may_receive & ~context.is_receive & (context.messages.source < 0)
    return lacks


def _judge_block(
    context: Context,
    rows: IntArray,
    stamped: BoolArray,
    lacks_message: BoolArray,
    steps: VectorSteps,
) -> None:
    """Judge the steps of a block of events; writes into `steps`."""
    block = _block(context, rows)
    now, before, heard = block.now, block.before, block.heard
    own = np.zeros(now.shape, bool)
    own[np.arange(len(rows)), context.process[rows]] = True
    starts = steps.is_start_known
    past = rows[~context.is_first[rows] & (before[own] == 0)] - 1
    after_uncounted = 1 + _uncounted(context, past[~starts[past]])
    starts[after_uncounted], steps.is_unknown[after_uncounted] = False, True
    may_count = stamped[rows] & ~_is_called_otherwise(context)[context.process[rows]]
    uncounted = _uncounted(context, rows[may_count & (now[own] == 0) & ~starts[rows]])
    steps.is_unknown[uncounted] = False
    follows = starts[rows]
    known = follows & ~lacks_message[rows]
    # If the own entry once decreased, a message may carry a larger own entry.
    own_is_wrong = (now[own] != before[own] + 1) & (now[own] != heard[own] + 1)
    back: BoolArray = now < before
    ahead: BoolArray = ~own & (now > heard) & known[:, None]
    if context.trace.is_own_entry_unsure:  # then a message may say one more than its send shows
        steps.is_unknown[rows[(ahead & (now == heard + 1)).any(axis=1)]] = True
        ahead &= now > heard + 1
    is_uncounted = np.isin(rows, uncounted)
    miscounted: BoolArray = own & ((own_is_wrong & follows) | is_uncounted)[:, None]
    if context.is_whole:
        ahead |= ~own & (now > np.diff(context.trace.starts)) & (now > heard)
    if back.any() or miscounted.any() or ahead.any():
        after = _after_wrong_step(context, block, own)
        back &= ~after.is_excused
        ahead &= ~after.was_known
        miscounted &= ~after.is_excused | is_uncounted[:, None]
        blamed = after.was_ahead.any(axis=1)
        _blame(steps, AHEAD, rows[blamed] - 1, after.was_ahead[blamed])
    for verdict, mask in (
        (BACK, back),
        (MERGE, ~own & (now < block.received)),
        (OWN, miscounted),
        (AHEAD, ahead),
    ):
        wrong = mask.any(axis=1) & stamped[rows]
        _blame(steps, verdict, rows[wrong], mask[wrong])


def _is_called_otherwise(context: Context) -> BoolArray:
    """Whether timestamps may know a process by another name than its events have.

    No timestamp counts an event of it, but those of its events count more and more events
    of a process that has none (but for single damaged ones): that is its other name. Where
    one process is called otherwise, another of which only one event is known may be too.
    """
    mask: BoolArray = context.cached("called otherwise", _find_called_otherwise)
    return mask


def _find_called_otherwise(context: Context) -> BoolArray:
    held, counts = _timestamps(context), np.diff(context.trace.starts)
    is_counted = np.zeros(len(counts), bool)
    if not context.is_whole and held.clock == "vector":
        is_counted[np.unique(held.entries[held.values > 0])] = True
    nameless = np.flatnonzero(is_counted & (counts == 0))
    found = np.zeros(len(counts), bool)
    if not len(nameless):
        return found
    for process in np.flatnonzero(~is_counted & (counts > 1)).tolist():
        rows = np.arange(*context.trace.starts[process : process + 2])
        times = timestamp_table(held, rows[is_stamped(held)[rows]], len(counts))[:, nameless]
        rises = (np.diff(times, axis=0) > 0).mean(axis=0) if len(times) > 1 else np.zeros(1)
        found[process] = bool((rises >= RISES_SHARE_MIN).any())
    found |= ~is_counted & (counts == 1) & bool(found.any())
    return found


def _uncounted(context: Context, rows: IntArray) -> IntArray:
    """Return those rows, of some with an own entry of 0, that are certainly wrong.

    The entry counts the event itself, wherever the log begins. Undecided are a
    timestamp of zeros, which may be a state before the first event, and one after
    which the process goes on with 1, since it may count from 0. So is the only event of
    a process where all processes begin with 0.
    """
    if not len(rows):
        return rows
    after = np.minimum(rows + 1, len(context) - 1)
    goes_on = (after > rows) & ~context.is_first[after]
    following = _vector_times(context, after)
    counts_from_0 = goes_on & (following[np.arange(len(rows)), context.process[after]] == 1)
    is_only = context.is_first[rows] & ~goes_on & _begin_with_0(context)
    says_more = (_vector_times(context, rows) != 0).any(axis=1)
    wrong: IntArray = rows[says_more & ~counts_from_0 & ~is_only]
    return wrong


def _begin_with_0(context: Context) -> bool:
    """Whether no process counts the event of its first line, in a log that may not be whole."""
    if context.is_whole:
        return False
    begin: bool = context.cached("begin with 0", _find_begin_with_0)
    return begin


def _find_begin_with_0(context: Context) -> bool:
    firsts = np.flatnonzero(context.is_first & is_stamped(_timestamps(context)))
    times = _vector_times(context, firsts)
    return len(firsts) > 0 and not times[np.arange(len(firsts)), context.process[firsts]].any()


def _blame(steps: VectorSteps, verdict: int, rows: IntArray, wrong: BoolArray) -> None:
    """Give events a verdict if they have none yet, with the first of their wrong entries."""
    new = steps.verdict[rows] == CORRECT
    steps.verdict[rows[new]] = verdict
    steps.entry[rows[new]] = wrong.argmax(axis=1)[new]


def _after_wrong_step(context: Context, block: Block, own: BoolArray) -> AfterWrongStep:
    """Find entries that are correct although they do not follow from the event before.

    own: a mask over the entries of the block, each event's entry for its own process.
    """
    rows, now, before = block.rows, block.now, block.before
    shift = 1 if rows[0] == 0 else 0
    earlier = _block(context, rows[shift:] - 1)
    past, past_heard = np.zeros_like(now), np.zeros_like(now)
    past[shift:], past_heard[shift:] = earlier.before, earlier.heard
    is_first = context.is_first[rows]
    is_second = context.is_first[np.maximum(rows - 1, 0)]
    jumped = (before > past_heard) & (now >= past) & ~is_first[:, None]
    jumped &= is_stamped(_timestamps(context))[rows][:, None]  # else it says nothing
    was_ahead = ~own & jumped & (now < before)
    recounted = own & (before != past + 1) & (now == past + 2) & ~(is_first | is_second)[:, None]
    was_known = (now <= past_heard) & ~is_first[:, None]
    return AfterWrongStep(was_ahead | recounted, was_ahead, was_known)


def _clear_misled_receives(context: Context, steps: VectorSteps) -> None:
    """Clear receives whose message came from an event that is wrong in the same entry.

    The message then carried the correct value, not the logged one: only that event is
    blamed.
    """
    receives, sends = context.pairs
    judged = np.isin(steps.verdict[receives], (MERGE, AHEAD))
    receives, sends = receives[judged], sends[judged]
    misled = (steps.verdict[sends] != CORRECT) & (steps.entry[sends] == steps.entry[receives])
    steps.verdict[receives[misled]] = CORRECT


def _block(context: Context, rows: IntArray) -> Block:
    """Return some consecutive events with what their steps start from."""
    now = _vector_times(context, rows)
    before = np.zeros_like(now)
    has_before = ~context.is_first[rows]
    before[has_before] = _vector_times(context, rows[has_before] - 1)
    received = np.zeros_like(now)
    place, sends = _messages_received(context, rows)
    np.maximum.at(received, place, _vector_times(context, sends))
    return Block(rows, now, before, received)


def _vector_times(context: Context, rows: IntArray) -> IntArray:
    """Return the vector times of some events, one a row; of a matrix its process's own row."""
    held, size = _timestamps(context), context.trace.processes
    if held.clock == "vector":
        return timestamp_table(held, rows, size)
    matrices = timestamp_table(held, rows, size * size).reshape(len(rows), size, size)
    return matrices[np.arange(len(rows)), context.process[rows]]


def _messages_received(context: Context, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return the messages that a block received: places in the block, rows of the sends."""
    if not len(rows):
        return rows, rows
    receives, sends = context.by_receive
    begin, end = np.searchsorted(receives, [rows[0], rows[-1] + 1])
    return receives[begin:end] - rows[0], sends[begin:end]


def _is_start_known(context: Context, rows: IntArray, stamped: BoolArray) -> BoolArray:
    """Whether what a step starts from is known: the timestamp of the event before, or zeros."""
    is_first = context.is_first[rows]
    before = np.where(is_first, True, stamped[rows - 1])
    starts_late = is_first & context.may_lack_first[context.process[rows]]
    known: BoolArray = before & ~context.after_gap[rows] & ~starts_late
    return known


def _judge_vectors(verdict: int) -> Callable[[Context], Findings]:
    """Return the function that picks the events with one verdict."""

    def judge(context: Context) -> Findings:
        steps = _steps(context)
        rows = np.flatnonzero(steps.verdict == verdict)
        return findings(
            rows,
            lambda number: _explain(context, verdict, int(rows[number])),
            steps.is_unknown if verdict == OWN else NO_ROWS,  # reported once, not by four rules
            "its timestamp, or one that it follows from, is not known",
        )

    return judge


def _explain(context: Context, verdict: int, row: int) -> Explanation:
    entry = int(_steps(context).entry[row])
    name = context.trace.names[entry]
    block = _block(context, np.array([row]))
    now, before, received = (int(each[0, entry]) for each in block[1:])
    expected = {
        BACK: f"entry {name} at least {before}, its value at the event before",
        MERGE: f"entry {name} at least {received}, which the message carried",
        OWN: _expected_own_entry(context, row, now, before),
        AHEAD: _expected_at_most(context, row, now, max(before, received)),
    }
    sends = np.array([] if verdict == BACK else context.sends_of(row), np.int64)
    newest = sends[_vector_times(context, sends)[:, entry] == received][:1].tolist()
    return Explanation(expected[verdict], f"{name}: {now}", context.step_proof(row, *newest))


def _expected_at_most(context: Context, row: int, now: int, known: int) -> str:
    """Return what an entry may be at most, given what was known at its event."""
    name = context.trace.names[int(_steps(context).entry[row])]
    events = int(np.diff(context.trace.starts)[int(_steps(context).entry[row])])
    if context.is_whole and now > events >= known:
        return f"entry {name} at most {events}, as many events as {name} has"
    return f"entry {name} at most {known}, the most that was known here"


def counts_unheard_events(context: Context) -> IntArray:
    """Return the rows that `vector-ahead` reports."""
    if not _has_timestamps_of(context, "vector", "matrix"):
        return NO_ROWS
    return np.flatnonzero(_steps(context).verdict == AHEAD)


def _expected_own_entry(context: Context, row: int, now: int, before: int) -> str:
    """Return what an own entry should be, as far as that is known."""
    if now == 0 and not _steps(context).is_start_known[row]:
        return "own entry at least 1: it counts the event itself"
    return f"own entry {before + 1}"


# matrix-merge.


def _judge_matrix(context: Context) -> Findings:
    """Judge that the rows of others are the greatest of the event before and of the messages."""
    size = context.trace.processes
    wrong: dict[int, int] = {}  # row -> the first wrong entry
    for rows in _row_blocks(len(context), size * size):
        now, expected = _matrices(context, rows)
        others = np.repeat(np.arange(size), size)[None, :] != context.process[rows][:, None]
        mask = others & (now != expected)
        hit = mask.any(axis=1) & _is_known(context)[rows]
        hit &= _steps(context).verdict[rows] == CORRECT
        wrong |= dict(zip(rows[hit].tolist(), mask[hit].argmax(axis=1).tolist(), strict=True))
    found = np.array(list(wrong), np.int64)

    def explain(number: int) -> Explanation:
        row = int(found[number])
        now, expected = (int(each[0, wrong[row]]) for each in _matrices(context, found[[number]]))
        owner, about = (context.trace.names[place] for place in divmod(wrong[row], size))
        entry = f"row {owner}, entry {about}"
        proof = context.step_proof(row, *context.sends_of(row))
        return Explanation(f"{entry}: {expected}", f"{entry}: {now}", proof)

    return findings(found, explain)


def _matrices(context: Context, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return the matrices of a block, and what the rows of others in them should be."""
    held, width = _timestamps(context), context.trace.processes**2
    now = timestamp_table(held, rows, width)
    expected = np.zeros_like(now)
    has_before = ~context.is_first[rows]
    expected[has_before] = timestamp_table(held, rows[has_before] - 1, width)
    place, sends = _messages_received(context, rows)
    np.maximum.at(expected, place, timestamp_table(held, sends, width))
    return now, expected


# How much there is to judge.


def _is_known(context: Context) -> BoolArray:
    """Whether all that an event's timestamp follows from is known."""
    known: BoolArray = _steps(context).is_start_known & ~_lacks_message(context)
    known &= is_stamped(_timestamps(context))
    return known


def _count(context: Context, verdict: int) -> int:
    """Return how many events, or for MERGE messages, one of the rules has to judge."""
    stamped = is_stamped(_timestamps(context))
    if verdict == BACK:
        return count_of(stamped[1:] & stamped[:-1] & ~context.is_first[1:])
    if verdict == MERGE:
        receives, sends = context.pairs
        return count_of(stamped[receives] & stamped[sends])
    return len(stamped) if verdict == OWN else count_of(_is_known(context))


def _has_timestamps_of(context: Context, *clocks: str) -> bool:
    held = context.trace.timestamps
    return held is not None and held.clock in clocks and bool(len(held.values))


def _vector_rule(name: str, says: str, verdict: int) -> Rule:
    def questions(context: Context) -> int:
        has_clock = _has_timestamps_of(context, "vector", "matrix")
        return _count(context, verdict) if has_clock else 0

    return Rule(name, says, questions, _judge_vectors(verdict))


def _matrices_known(context: Context) -> int:
    return count_of(_is_known(context)) if _has_timestamps_of(context, "matrix") else 0


VECTOR_BACK = _vector_rule(
    "vector-back", "no entry decreases from one event of a process to the next", BACK
)
VECTOR_MERGE = _vector_rule(
    "vector-merge", "no entry is below what the received message carried", MERGE
)
VECTOR_OWN = _vector_rule(
    "vector-own", "the own entry counts the process's own events, one by one", OWN
)
VECTOR_AHEAD = _vector_rule(
    "vector-ahead", "no entry counts an event that the process cannot have heard of", AHEAD
)
MATRIX_MERGE = Rule(
    "matrix-merge",
    "the rows of other processes are merged entry by entry",
    _matrices_known,
    _judge_matrix,
)
