"""Violations that an alternative convention of clocks explains: they are undecided.

Where nothing showed when a log writes its clocks, it is read as ours are written. If that
makes it wrong, and by another convention (`history.conventions.alternatives`) no clock is wrong,
nothing else is worse, and no less is judged, then the log may be right, and its violations
are undecided. So no convention excuses a program of which one event shows that it errs by
all of them. Limit: logs of many events, in which few need to decide, are not read again.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.conventions.alternatives import (
    CLOCK_AFTER_INCREMENT,
    Alternative,
    alternatives,
)
from driftlab.history.conventions.clocks import CLOCK_BEFORE_EVENT, CLOCK_BEFORE_INCREMENT
from driftlab.history.matching.match import match
from driftlab.history.matching.messages import NOTHING
from driftlab.history.matching.repair import repair_names
from driftlab.history.trace import Trace
from driftlab.judge.causality import BEFORE_SENT
from driftlab.judge.clock_condition import CLOCK_CONDITION
from driftlab.judge.context import NO_ROWS, Context, Explanation, Findings, Rule, count_of
from driftlab.judge.diagnosis.clock_faults import CLOCK_RULES
from driftlab.judge.diagnosis.diagnose import Fault, diagnose
from driftlab.judge.fifo_channels import FIFO, SEND_TO_ALL
from driftlab.judge.lamport import LAMPORT_STEP, STAMP
from driftlab.judge.unknown_kinds import DELIVERED_TWICE, LOST_MESSAGE
from driftlab.judge.unsent_messages import FROM_NOWHERE
from driftlab.judge.vectors import VECTOR_AHEAD, VECTOR_BACK, VECTOR_MERGE, VECTOR_OWN
from driftlab.model.columns import UNKNOWN_KIND

EVENTS_MAX: Final = 100_000
LAST_STEPS: Final = 2  # of each process and rule, that an alternative may leave open
MATCHED_FACTOR: Final = 2  # of the messages that are matched, at least one in so many still is

_STEPS: Final = (CLOCK_CONDITION, LAMPORT_STEP)
_OF_CLOCKS: Final = (
    *_STEPS, STAMP, VECTOR_BACK, VECTOR_MERGE, VECTOR_OWN, VECTOR_AHEAD,
)  # fmt: skip
_OF_MESSAGES: Final = (FROM_NOWHERE, BEFORE_SENT, DELIVERED_TWICE, FIFO, LOST_MESSAGE, SEND_TO_ALL)
_SUSPECT: Final = (*_OF_CLOCKS, FROM_NOWHERE, BEFORE_SENT, SEND_TO_ALL)
_NOTHING: Final = Findings(NO_ROWS, lambda _: Explanation("", "", ()), NO_ROWS)


def explained_by_alternative(
    context: Context, found: Mapping[str, Findings]
) -> tuple[dict[str, Findings], str]:
    """Return what the rules find, with what an alternative explains as undecided.

    found: what each rule that was applied finds, by its name. Beside that a line that says
    how else the log may be read, "" if nothing is explained so.
    """
    is_wrong = any(len(found[rule.name].rows) for rule in _SUSPECT if rule.name in found)
    if not is_wrong or context.original.written is None or len(context) > EVENTS_MAX:
        return dict(found), ""
    least: dict[str, Findings] = dict(found)
    least_line, least_wrong = "", sum(len(each.rows) for each in found.values())
    for alternative in alternatives(context.original, wrong=least_wrong):
        if context.is_whole and alternative.vector not in ("", CLOCK_AFTER_INCREMENT):
            continue  # a whole log has 1 in the first own entry
        other = _read_by(alternative, is_whole=context.is_whole)
        if _loses_messages(other, context):
            continue
        then: dict[str, Findings] = {}
        if _explains(other, context, found, then):
            line = _line(_in_question(alternative, context.original))
            left = {
                name: _left_open(each, then.get(name, _NOTHING), line)
                for name, each in found.items()
            }
            wrong = sum(len(each.rows) for each in left.values())
            if wrong < least_wrong:
                least, least_line, least_wrong = left, line, wrong
            if not wrong:
                break
    return least, least_line


def _loses_messages(other: Context, context: Context) -> bool:
    """Whether by other clocks too few messages are matched for a log to be judged.

    What was matched by its stamp alone may have been matched with the wrong send, and so may
    what was matched with an event of no known kind, and anything where a receive has the
    clock 0, which none has after its event.
    """
    if context.messages.implied:
        return False
    clock = None if context.original.written is None else context.original.written.clock
    if clock is not None and bool((clock[context.is_receive] == 0).any()):
        return False
    receives, sends = context.pairs
    by_stamp = context.messages.assumed_by.get("unique-stamp", NO_ROWS)
    is_sure = ~np.isin(receives, by_stamp) & (context.columns.kind[sends] != UNKNOWN_KIND)
    return len(other.pairs[0]) * MATCHED_FACTOR < count_of(is_sure)


def faults_by_alternative(
    context: Context, faults: list[Fault], rules: Mapping[str, Rule]
) -> list[Fault]:
    """Return the faults of a program, as they are if it errs and writes its clocks early.

    Where violations of clocks have no plain name, and by an alternative all of them have,
    those names are taken. faults: as the log was read first. rules: all, by name.
    """
    unnamed = [each for each in faults if not each.is_named and each.rule in CLOCK_RULES]
    if not unnamed or context.original.written is None or len(context) > EVENTS_MAX:
        return faults
    for alternative in alternatives(context.original, may_err=True):
        other = _read_by(alternative, is_whole=context.is_whole)
        if len(other.pairs[0]) < len(context.pairs[0]):
            continue
        found = {name: rule.judge(other) for name, rule in rules.items() if rule.questions(other)}
        named = [each for each in diagnose(other, found, rules) if each.rule in CLOCK_RULES]
        if named and all(each.is_named for each in named):
            rest = [each for each in faults if each.rule not in CLOCK_RULES]
            order = [*rules, None]
            return sorted([*named, *rest], key=lambda each: order.index(each.rule))
    return faults


def _read_by(alternative: Alternative, *, is_whole: bool) -> Context:
    """Return a log read otherwise, with its messages matched by those clocks."""
    repaired = repair_names(alternative.trace)
    return Context(repaired, match(repaired.trace), alternative.trace, is_whole=is_whole)


def _decided(context: Context, rule: Rule, found: Findings) -> int:
    return rule.questions(context) - len(found.unknown)


def _explains(
    other: Context, context: Context, found: Mapping[str, Findings], then: dict[str, Findings]
) -> bool:
    """Whether a log read otherwise has no wrong clock, nothing else worse, and no less judged.

    other: the log read so. found: what the rules found as it was read first. then: what they
    find now, filled in.
    """
    decided, rules, steps = 0, 0, 0
    for rule in _OF_CLOCKS:
        applies = bool(rule.questions(other))
        rules += applies or rule.name in found
        if applies:
            then[rule.name] = rule.judge(other)
            if len(then[rule.name].rows):
                return False
            decided += _decided(other, rule, then[rule.name])
            steps += _decided(other, rule, then[rule.name]) if rule in _STEPS else 0
        if rule.name in found:
            decided -= _decided(context, rule, found[rule.name]) - len(found[rule.name].rows)
    if decided < -LAST_STEPS * rules * context.trace.processes:
        return False
    is_silent = not (steps or _begins_with_0(context))  # it says nothing of any clock
    if is_silent and any(
        _shows_step(context, found[rule.name].rows).any() for rule in _STEPS if rule.name in found
    ):
        return False
    return _messages_are_no_worse(other, found, then)


def _shows_step(context: Context, rows: IntArray) -> BoolArray:
    """Whether the clocks of events are wrong beside those of others, and not only their stamps."""
    source = context.messages.source[rows]
    shows: BoolArray = (source >= 0) | (source == NOTHING)
    return shows


def _begins_with_0(context: Context) -> bool:
    """Whether a clock of a log is 0 as it is written: nothing was counted when it was."""
    written = context.original.written
    return written is not None and written.clock is not None and bool((written.clock == 0).any())


def _messages_are_no_worse(
    other: Context, found: Mapping[str, Findings], then: dict[str, Findings]
) -> bool:
    """Whether no rule on messages finds more in a log read otherwise; see `_explains`."""
    for rule in _OF_MESSAGES:
        if rule.questions(other):
            then[rule.name] = rule.judge(other)
            if len(then[rule.name].rows) > len(found.get(rule.name, _NOTHING).rows):
                return False
    return True


def _left_open(found: Findings, then: Findings, reason: str) -> Findings:
    """Return findings whose violations are undecided, where the alternative has none."""
    if not len(found.rows) or len(then.rows):
        return found
    reasons = [found.reason] if len(found.unknown) and found.reason else []
    unknown = np.union1d(found.unknown, found.rows)
    return found._replace(rows=NO_ROWS, unknown=unknown, reason="; ".join([*reasons, reason]))


def _in_question(alternative: Alternative, original: Trace) -> Alternative:
    """Return an alternative without the convention of Lamport clocks if they are read by it."""
    now, then = original.columns.clock, alternative.trace.columns.clock
    is_same = now is not None and then is not None and np.array_equal(now, then)
    return alternative._replace(lamport="") if is_same else alternative


def _line(alternative: Alternative) -> str:
    """Return how else clocks may be written, in words."""
    names = {alternative.lamport, alternative.vector} - {"", CLOCK_AFTER_INCREMENT}
    if not names:
        return f"clocks may be written after their increment ({CLOCK_AFTER_INCREMENT}): undecided"
    what = "own entries of vector clocks" if not alternative.lamport else "clocks"
    if len(names) == 1:
        (name,) = names
        when = {CLOCK_BEFORE_INCREMENT: "their increment", CLOCK_BEFORE_EVENT: "their event"}[name]
        if not alternative.lamport and name == CLOCK_BEFORE_EVENT:
            what = "vector clocks"
        return f"{what} may be written before {when} ({name}), or after: undecided"
    return (
        f"clocks may be written before their increment or event (Lamport: {alternative.lamport}, "
        f"vector: {alternative.vector}), or after: undecided"
    )
