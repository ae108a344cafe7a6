"""Vector and matrix clocks: the strong clock condition, entry by entry.

Fidge 1988; Mattern 1989. Entry j of an event's timestamp counts the events of
process j in its past. That holds for all events, and with it a -> b if and only
if V(a) < V(b), exactly if it holds from step to step: an event has of each
entry the greatest that the event before and its messages have, and one more of
its own. So every event is judged by its own step, from what its neighbours
wrote: one that is wrong does not make all later ones wrong.

A timestamp violates one rule: that which comes first of gone back, not merged,
own entry, ahead.

Timestamps of some rows as a table of numbers: a row an event, a column an entry.

A history's timestamps are kept entry by entry; a rule looks at a block of rows
at a time, so that no table grows with the history.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from driftlab.history.matching.messages import UNMATCHED
from driftlab.judge.context import Context, Explanation, Findings, Rule, findings
from driftlab.model.columns import Array, Timestamps

HOLDS, BACK, MERGE, OWN, AHEAD, MATRIX = range(6)


NUMBERS_MAX = 1_000_000  # in the table of one block


def table(held: Timestamps, rows: Array, width: int) -> Array:
    """Return the entries of some rows, i8, as many rows by `width`; 0 where there is none."""
    numbers = np.zeros((len(rows), width), np.int64)
    begin = held.starts[rows]
    counts = held.starts[rows + 1] - begin
    ends = np.cumsum(counts)
    place = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - ends + counts, counts)
    entry = held.entries[place]
    inside = (entry >= 0) & (entry < width)
    row = np.repeat(np.arange(len(rows)), counts)
    numbers[row[inside], entry[inside]] = held.values[place[inside]]
    return numbers


def is_stamped(held: Timestamps) -> Array:
    """Return whether each event has a timestamp."""
    stamped: Array = held.starts[1:] > held.starts[:-1]
    return stamped


def blocks(rows: int, width: int) -> Iterator[Array]:
    """Yield the numbers of all rows, a block at a time."""
    step = max(1, NUMBERS_MAX // max(width, 1))
    for begin in range(0, rows, step):
        yield np.arange(begin, min(begin + step, rows))


class ReceivedEntries:
    """What the messages of events carried: of blocks of rows, entry by entry the greatest."""

    def __init__(self, case: Context) -> None:
        self._to, self._from = case.by_receive

    def messages(self, rows: Array) -> tuple[Array, Array]:
        """Return the messages of a block of rows: the place in the block, the row of the send."""
        if not len(rows):
            return rows, rows
        begin, end = np.searchsorted(self._to, [rows[0], rows[-1] + 1])
        return self._to[begin:end] - rows[0], self._from[begin:end]


class Steps(NamedTuple):
    """What is wrong with each event's step, one of the above, and with which entry; or unknown."""

    verdict: Array
    entry: Array
    is_unknown: Array


def _steps(case: Context) -> Steps:
    """Judge the step of every event."""
    rows = len(case)
    steps = Steps(np.zeros(rows, np.uint8), np.zeros(rows, np.int64), np.zeros(rows, bool))
    held = case.trace.timestamps
    assert held is not None
    stamped, heard = is_stamped(held), ReceivedEntries(case)
    lone = _hears_from_nowhere(case)
    for block in blocks(rows, _width(case)):
        _judge_block(case, block, stamped, heard, lone, steps)
    _clear_misled(case, steps)
    return steps


def _clear_misled(case: Context, steps: Steps) -> None:
    """Clear receives whose message came from an event that is wrong in the same entry.

    What it carried is then not what stands there: the event alone is blamed.
    """
    to, came_from = case.pairs
    receives = np.isin(steps.verdict[to], (MERGE, AHEAD))
    to, came_from = to[receives], came_from[receives]
    misled = (steps.verdict[came_from] != HOLDS) & (steps.entry[came_from] == steps.entry[to])
    steps.verdict[to[misled]] = HOLDS


def _width(case: Context) -> int:
    held = case.trace.timestamps
    matrix = held is not None and held.clock == "matrix"
    return case.trace.processes ** (2 if matrix else 1)


def _hears_from_nowhere(case: Context) -> Array:
    """Whether an event has a message whose send is not there: what it carried is not known."""
    lone = case.messages.source == UNMATCHED
    lone[case.messages.extra_receives[case.messages.extra_sends < 0]] = True
    held = case.trace.timestamps
    assert held is not None
    to, came_from = case.pairs
    lone[to[~is_stamped(held)[came_from]]] = True
    return lone


def _judge_block(
    case: Context, block: Array, stamped: Array, heard: ReceivedEntries, lone: Array, steps: Steps
) -> None:
    """Judge the steps of a block of events."""
    now, before, came = _beside(case, block, heard)
    process = case.process[block]
    own = np.zeros(now.shape, bool)
    own[np.arange(len(block)), process] = True
    follows = _is_known(case, block, stamped)
    known = follows & ~lone[block]
    # A message may know of more own events than there were, where an own entry once went back.
    counted = (now[own] != before[own] + 1) & (now[own] != np.maximum(before, came)[own] + 1)
    back = now < before
    ahead = ~own & (now > np.maximum(before, came)) & known[:, None]
    miscounted = own & (counted & follows)[:, None]
    if back.any() or miscounted.any() or ahead.any():
        excused, was_ahead, was_known = _excused(case, block, heard, now, before, own)
        back &= ~excused
        ahead &= ~was_known
        miscounted &= ~excused
        rows = block[was_ahead.any(axis=1)] - 1
        blamed = steps.verdict[rows] == HOLDS
        steps.verdict[rows[blamed]] = AHEAD
        steps.entry[rows[blamed]] = was_ahead[was_ahead.any(axis=1)].argmax(axis=1)[blamed]
    wrong = {
        BACK: back,
        MERGE: ~own & (now < came),
        OWN: miscounted,
        AHEAD: ahead,
    }
    for verdict, mask in wrong.items():
        hit = mask.any(axis=1) & stamped[block] & (steps.verdict[block] == HOLDS)
        steps.verdict[block[hit]] = verdict
        steps.entry[block[hit]] = mask[hit].argmax(axis=1)
    begins = case.is_first[block] & case.may_lack_first[case.process[block]]
    steps.is_unknown[block] = ~stamped[block] | case.after_gap[block] | begins


def _excused(
    case: Context, block: Array, heard: ReceivedEntries, now: Array, before: Array, own: Array
) -> tuple[Array, Array, Array]:
    """Say which entries are right although that of the event before does not fit: that was wrong.

    An entry that had jumped ahead there and stands here where it stood before
    that; an own entry that had been miscounted there and is right again. The
    second mask is of the former: there an entry was ahead. The third is of
    entries that the process had heard of by then, though they did not stand there.
    """
    earlier = np.maximum(block - 1, 0)[1:] if block[0] == 0 else block - 1
    past, came = np.zeros_like(now), np.zeros_like(now)
    _, past[len(block) - len(earlier) :], came[len(block) - len(earlier) :] = _beside(
        case, earlier, heard
    )
    fresh = case.is_first[block] | case.is_first[np.maximum(block - 1, 0)]
    jumped = (before > np.maximum(past, came)) & (now >= past) & ~case.is_first[block][:, None]
    was_ahead = ~own & jumped & (now < before)
    recounted = own & (before != past + 1) & (now == past + 2) & ~fresh[:, None]
    was_known = (now <= np.maximum(past, came)) & ~case.is_first[block][:, None]
    return was_ahead | recounted, was_ahead, was_known


def _beside(case: Context, block: Array, heard: ReceivedEntries) -> tuple[Array, Array, Array]:
    """Return the timestamps of a block, of the events before, and the greatest that came."""
    own_row = _Rows(case)
    now = own_row.of(block)
    before = np.zeros_like(now)
    has = ~case.is_first[block]
    before[has] = own_row.of(block[has] - 1)
    came = np.zeros_like(now)
    place, source = heard.messages(block)
    np.maximum.at(came, place, own_row.of(source, block[place]))
    return now, before, came


class _Rows:
    """Reads vector times: timestamps, or of matrix clocks the row of the event's own process."""

    def __init__(self, case: Context) -> None:
        self._case = case
        held = case.trace.timestamps
        assert held is not None
        self._held = held

    def of(self, rows: Array, readers: Array | None = None) -> Array:
        """Return the vector times of some events, one a row."""
        case, size = self._case, self._case.trace.processes
        if self._held.clock == "vector":
            return table(self._held, rows, size)
        numbers = table(self._held, rows, size * size).reshape(len(rows), size, size)
        return numbers[np.arange(len(rows)), case.process[rows]]


def _is_known(case: Context, block: Array, stamped: Array) -> Array:
    """Whether the event before is there with its timestamp, or there is none before it.

    A log that says nothing of its begin may begin anywhere, but for an own entry of 1.
    """
    is_first = case.is_first[block]
    before = np.where(is_first, True, stamped[block - 1])
    begins = is_first & case.may_lack_first[case.process[block]]
    return before & ~case.after_gap[block] & ~begins


def _judged(case: Context) -> Steps:
    steps: Steps = case.cached("vector steps", _steps)
    return steps


def _rule(verdict: int) -> Callable[[Context], Findings]:
    """Return what picks the events of one verdict, and tells of them."""

    def judge(case: Context) -> Findings:
        steps = _judged(case)
        rows = np.flatnonzero(steps.verdict == verdict)
        # An event left undecided is told of once.
        unknown = steps.is_unknown if verdict == OWN else np.zeros(0, np.int64)
        return findings(
            rows,
            lambda number: _tell(case, verdict, int(rows[number]), int(steps.entry[rows[number]])),
            unknown,
            "it has no timestamp, or what was before it is missing",
        )

    return judge


def _tell(case: Context, verdict: int, row: int, entry: int) -> Explanation:
    own_row = _Rows(case)
    name = case.trace.names[entry]
    here = np.array([row])
    now = int(own_row.of(here)[0, entry])
    before = 0 if case.is_first[row] else int(own_row.of(here - 1)[0, entry])
    own = (row - 1,) if not case.is_first[row] else ()
    sources = np.array(case.sources_of(row), np.int64)
    came = own_row.of(sources)[:, entry] if len(sources) else np.zeros(0, np.int64)
    best = int(came.max()) if len(came) else 0
    proof = (*own, *(sources[came == best][:1].tolist() if len(came) else ()), row)
    expected = {
        BACK: f"entry {name} not below {before}, where it stood before",
        MERGE: f"entry {name} not below {best}, which the message carried",
        OWN: f"own entry {before + 1}",
        AHEAD: f"entry {name} at most {max(before, best)}, all that it has heard of",
    }
    return Explanation(
        expected[verdict], f"{name}: {now}", (row - 1, row) if verdict == BACK else proof
    )


def _has(*clocks: str) -> Callable[[Context], bool]:
    def applies(case: Context) -> bool:
        held = case.trace.timestamps
        return held is not None and held.clock in clocks

    return applies


# Matrix clocks: the rows of others.


def _matrix(case: Context) -> Findings:
    """Every other row is entry by entry the greatest of those before and of those that came."""
    held = case.trace.timestamps
    assert held is not None
    size = case.trace.processes
    stamped, heard, lone = is_stamped(held), ReceivedEntries(case), _hears_from_nowhere(case)
    wrong: dict[int, int] = {}
    for block in blocks(len(case), size * size):
        now, expected = _matrices(case, block, heard, size * size)
        others = np.repeat(np.arange(size), size)[None, :] != case.process[block][:, None]
        mask = others & (now != expected)
        hit = mask.any(axis=1) & stamped[block] & _is_known(case, block, stamped) & ~lone[block]
        hit &= _judged(case).verdict[block] == HOLDS
        wrong |= dict(zip(block[hit].tolist(), mask[hit].argmax(axis=1).tolist(), strict=True))
    rows = np.array(list(wrong), np.int64)

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        here, entry = np.array([row]), wrong[row]
        now, expected = _matrices(case, here, heard, size * size)
        owner, about = case.trace.names[entry // size], case.trace.names[entry % size]
        said = f"row {owner}, entry {about}"
        sources = case.sources_of(row)
        own = (row - 1,) if not case.is_first[row] else ()
        return Explanation(
            f"{said}: {expected[0, entry]}", f"{now[0, entry]}", (*own, *sources, row)
        )

    return findings(rows, tell)


def _matrices(
    case: Context, block: Array, heard: ReceivedEntries, width: int
) -> tuple[Array, Array]:
    """Return the matrices of a block, and the greatest of those before and of those that came."""
    held = case.trace.timestamps
    assert held is not None
    now = table(held, block, width)
    expected = np.zeros_like(now)
    has = ~case.is_first[block]
    expected[has] = table(held, block[has] - 1, width)
    place, source = heard.messages(block)
    np.maximum.at(expected, place, table(held, source, width))
    return now, expected


def _vector_rule(name: str, says: str, verdict: int) -> Rule:
    return Rule(name, says, _has("vector", "matrix"), _rule(verdict))


VECTOR_BACK = _vector_rule("vector-back", "no entry goes back from event to event", BACK)
VECTOR_MERGE = _vector_rule("vector-merge", "no entry is below what the message carried", MERGE)
VECTOR_OWN = _vector_rule("vector-own", "the own entry counts the own events, one by one", OWN)
VECTOR_AHEAD = _vector_rule(
    "vector-ahead", "no entry counts an event that the process cannot have heard of", AHEAD
)
MATRIX_MERGE = Rule(
    "matrix-merge",
    "what others are known to know is merged entry by entry",
    _has("matrix"),
    _matrix,
)
