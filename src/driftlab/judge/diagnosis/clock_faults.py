"""What a program does wrong with its Lamport clock, by what each known mistake predicts.

A machine that knows the rule but for one mistake makes that mistake at every event of a
kind. So a mistake is named only if a process follows it at nearly all of its events
of that kind, SHARE_MIN, and if it explains nearly all steps there that are not right.
One wrong clock in a right log is then no mistake of the program.

Limit: where a log does not say which stamps its messages carried, stamping before the
increment and `max(C + 1, stamp)` at the receive write the same clocks.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.judge.clock_condition import has_clock, lamport_steps
from driftlab.judge.context import Context, required
from driftlab.judge.diagnosis.fault import NamedRows
from driftlab.judge.inbox import receives_several
from driftlab.judge.lamport import counts_per_target
from driftlab.model.columns import INTERNAL, MISSING, NO_TARGET

CLOCK_RULES: Final = ("clock-condition", "lamport-step", "stamp", "send-to-all")
SHARE_MIN: Final = 0.9  # of a process's events of one kind
COUNTED_SHARE_MIN: Final = 0.7  # of its sends to several: some follow a wrong clock
FEWEST_ODD: Final = 2  # events that show a mistake which is rarely made

STAMPS_BEFORE: Final = "stamps messages before the increment"
MAX_ONLY: Final = "max(C, stamp) at a receive"
MAX_OF_NEXT: Final = "max(C + 1, stamp) at a receive"
FEWEST: Final = {MAX_ONLY: 1, MAX_OF_NEXT: 1}
MAX_OF_EITHER: Final = f"max(C, stamp) or {MAX_OF_NEXT}"
_MAX: Final = (MAX_ONLY, MAX_OF_NEXT, MAX_OF_EITHER)
TWICE_FOR_BOTH: Final = "increments twice for a send to both"
TWICE_FOR_ALL: Final = "increments once for each target of a send"

# The clock that a mistake gives a receive, from the clock before and the stamp; the
# likelier first.
Mistake: TypeAlias = Callable[[IntArray, IntArray], IntArray]
_MISTAKES: Final[tuple[tuple[str, Mistake], ...]] = (
    (MAX_ONLY, np.maximum),
    (MAX_OF_NEXT, lambda before, stamp: np.maximum(before + 1, stamp)),
    ("ignores the stamp at a receive", lambda before, stamp: before + 1),
    ("takes the stamp + 1 at a receive", lambda before, stamp: stamp + 1),
    ("takes the stamp at a receive", lambda before, stamp: stamp),
    ("does not count a receive", lambda before, stamp: before),
)


def clock_faults(context: Context, violated: Mapping[str, IntArray]) -> list[NamedRows]:
    """Return the known mistakes of every process with its clock.

    violated: of the rules that are violated the rows.
    """
    if not has_clock(context):
        return []
    found = [violated[rule] for rule in CLOCK_RULES if rule in violated]
    wrong = np.unique(np.concatenate(found))
    return [
        *_wrong_stamps(context, wrong),
        *_decided(context, _wrong_receives(context, wrong)),
        *_wrong_sends_to_several(context, wrong),
        *_wrong_steps(context, wrong),
    ]


def _has_known_step(context: Context) -> BoolArray:
    """Whether an event's own step is known: its clock and the one before it are."""
    clock, steps = required(context.columns.clock), lamport_steps(context)
    known: BoolArray = (clock != MISSING) & (steps.before != MISSING)
    known &= ~context.starts_late & ~context.after_gap
    return known


def _shows_mistakes(context: Context) -> BoolArray:
    """Whether an event's step is known, and does not follow from a fault of another kind."""
    shows = _has_known_step(context)
    shows[lamport_steps(context).isolated_errors + 1] = False  # right, after a wrong clock
    shows[receives_several(context)] = False
    return shows


def _rows_of(context: Context, mask: BoolArray, process: int) -> IntArray:
    """Return the rows of one process where a mask is set."""
    begin, end = context.trace.starts[process : process + 2].tolist()
    rows: IntArray = np.flatnonzero(mask[begin:end]) + begin
    return rows


# Stamps.


def _wrong_stamps(context: Context, wrong: IntArray) -> list[NamedRows]:
    """Name senders all of whose messages carry a clock beside that of their send."""
    stamp, clock = context.columns.stamp, required(context.columns.clock)
    if stamp is None:
        return []
    receives = context.messages.receives
    receives = receives[stamp[receives] != MISSING]
    receives = np.setdiff1d(receives, context.messages.stamp_per_target)
    sends = context.messages.source[receives]
    senders, less = context.process[sends], clock[sends] - stamp[receives]
    named = []
    for sender in np.unique(senders[less != 0]).tolist():
        mine = senders == sender
        shift = _commonest(less[mine])
        shifted = receives[mine & (less == shift)]
        if not shift or len(shifted) < SHARE_MIN * mine.sum():
            continue
        name = (
            STAMPS_BEFORE
            if shift == 1
            else f"stamps messages {abs(shift)} "
            + ("below its clock" if shift > 0 else "above its clock")
        )
        explained = np.intersect1d(np.union1d(shifted, context.messages.source[shifted]), wrong)
        if len(explained):
            rules = ("clock-condition", "stamp", "lamport-step")
            named.append(NamedRows(name, rules, sender, explained, len(shifted)))
    return named


def _commonest(numbers: IntArray) -> int:
    values, counts = np.unique(numbers, return_counts=True)
    return int(values[counts.argmax()])


# Receives.


def _wrong_receives(context: Context, wrong: IntArray) -> list[NamedRows]:
    """Name processes whose receives follow a wrong rule."""
    carried = _carried(context)
    known = _has_known_step(context) & context.is_receive & (carried != MISSING)
    known[context.messages.extra_receives] = False
    shows = known & _shows_mistakes(context)
    clock, before = required(context.columns.clock), lamport_steps(context).before
    is_off = clock != np.maximum(before, carried) + 1
    unknown = context.is_receive & ~known & (clock == carried)
    named: list[NamedRows] = []
    for process in np.unique(context.process[shows & is_off]).tolist():
        rows = _rows_of(context, shows, process)
        name, rule = _mistake(clock[rows], before[rows], carried[rows])
        if rule is None:
            continue
        here = _rows_of(context, known & is_off, process)
        shown = here[rule(before[here], carried[here]) == clock[here]]
        if name in _MAX:  # also where the clock before is unknown
            shown = np.union1d(shown, np.intersect1d(_rows_of(context, unknown, process), wrong))
        rules = ("clock-condition", "lamport-step")
        named.append(NamedRows(name, rules, process, np.intersect1d(shown, wrong), len(shown)))
    done = [each.process for each in named]
    if any(each.name in _MAX for each in named):  # a process may show it at its first event only
        for process in np.setdiff1d(context.process[unknown], done).tolist():
            rows = np.intersect1d(_rows_of(context, unknown, process), wrong)
            if len(rows):
                rules = ("clock-condition", "lamport-step")
                named.append(NamedRows(MAX_OF_EITHER, rules, process, rows, len(rows)))
    return named


def _decided(context: Context, named: list[NamedRows]) -> list[NamedRows]:
    """Return the mistakes, those that two names fit under the one that fits other processes.

    Where no message says what it carried, one name is also that of another fault.
    """
    names = {each.name for each in named} & {MAX_ONLY, MAX_OF_NEXT}
    if len(names) == 1:
        (name,) = names
        named = [each._replace(name=name) if each.name == MAX_OF_EITHER else each for each in named]
    stamp = context.columns.stamp
    if stamp is not None and bool((stamp != MISSING).any()):
        return named
    both = f"{STAMPS_BEFORE}, or {MAX_OF_NEXT}"
    return [each._replace(name=both) if each.name == MAX_OF_NEXT else each for each in named]


def _carried(context: Context) -> IntArray:
    """Return the stamp that each received message carried, the clock of its send if not logged."""
    stamp, clock = context.columns.stamp, required(context.columns.clock)
    carried = np.full(len(context), MISSING, np.int64)
    receives = context.messages.receives
    carried[receives] = clock[context.messages.source[receives]]
    if stamp is not None:
        is_logged = context.is_receive & (stamp != MISSING)
        carried[is_logged] = stamp[is_logged]
    return carried


def _mistake(clock: IntArray, before: IntArray, carried: IntArray) -> tuple[str, Mistake | None]:
    """Return the mistake that all receives of a process follow, None if there is no such one.

    clock, before, carried: of each receive.
    """
    right = np.maximum(before, carried)
    is_off = clock != right + 1
    more = _commonest((clock - right)[is_off])
    adding: Mistake = lambda own, stamp: np.maximum(own, stamp) + more  # noqa: E731 - its type says what it is
    followed: dict[str, tuple[Mistake, int]] = {}
    for name, rule in (*_MISTAKES, *([(f"adds {more} at a receive", adding)] if more > 1 else [])):
        predicted = rule(before, carried)
        fits, differs = predicted == clock, predicted != right + 1
        if (
            fits[differs].sum() >= FEWEST.get(name, FEWEST_ODD)
            and min(fits.mean(), fits[is_off].mean(), fits[differs].mean()) >= SHARE_MIN
        ):
            followed[name] = rule, int(fits.sum())
    most = max((count for _, count in followed.values()), default=0)
    names = [name for name, (_, count) in followed.items() if count == most]
    if not names:
        return "", None
    if names[:2] == [MAX_ONLY, MAX_OF_NEXT]:  # no stamp was below the clock
        return MAX_OF_EITHER, followed[MAX_ONLY][0]
    return names[0], followed[names[0]][0]


# Other steps.


def _wrong_sends_to_several(context: Context, wrong: IntArray) -> list[NamedRows]:
    """Name processes that count a send once for each of its targets."""
    counted, uneven = counts_per_target(context), context.messages.stamp_per_target
    counted[context.messages.source[uneven]] = True
    step = required(context.columns.clock) - lamport_steps(context).before
    named = []
    for process in np.unique(context.process[counted]).tolist():
        rows = _rows_of(context, counted, process)
        every = _rows_of(context, _sends_to_several(context) & _has_known_step(context), process)
        if len(rows) < COUNTED_SHARE_MIN * len(every):
            continue
        targets = [len(context.trace.targets_of(row)) for row in rows.tolist()]
        name = TWICE_FOR_BOTH if max(targets) == 2 else TWICE_FOR_ALL
        received = uneven[np.isin(context.messages.source[uneven], rows)]
        alike = [
            row
            for row in np.intersect1d(wrong, _rows_of(context, _sends_to_several(context), process))
            if step[row] == len(context.trace.targets_of(int(row)))
        ]
        explained = np.unique(np.concatenate([rows, received, np.array(alike, np.int64)]))
        rules = ("send-to-all", *CLOCK_RULES[:3])
        named.append(NamedRows(name, rules, process, explained, len(rows)))
    return named


def _sends_to_several(context: Context) -> BoolArray:
    """Whether an event sent to several processes."""
    target = required(context.columns.target)
    several: BoolArray = (target < 0) & (target != NO_TARGET)
    return several


def _wrong_steps(context: Context, wrong: IntArray) -> list[NamedRows]:
    """Name processes that count internal events, or sends, by another number than 1."""
    clock, kind = required(context.columns.clock), context.columns.kind
    target = context.columns.target
    step = clock - lamport_steps(context).before
    known = _has_known_step(context) & ~context.may_receive
    shows = _shows_mistakes(context) & known & ~counts_per_target(context)
    sends = np.zeros(len(context), bool) if target is None else target != NO_TARGET
    named = []
    for what, mask in (("an internal event", ~sends & (kind == INTERNAL)), ("a send", sends)):
        for process in np.unique(context.process[shows & mask & (step != 1)]).tolist():
            rows = _rows_of(context, shows & mask, process)
            count = _commonest(step[rows])
            fits = step[rows] == count
            if count in (1, MISSING) or count < 0 or fits.mean() < SHARE_MIN:
                continue
            if fits.sum() < FEWEST_ODD:
                continue
            name = f"counts {count} at {what}" if count else f"does not count {what}"
            alike = _rows_of(context, known & mask & (step == count), process)
            rules = ("lamport-step", "clock-condition")
            explained = np.intersect1d(alike, wrong)
            named.append(NamedRows(name, rules, process, explained, int(fits.sum())))
    return named
