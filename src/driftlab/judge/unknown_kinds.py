"""Messages that a log names at events of no known kind: lost, or delivered twice?

Whether such an event sent or received its message is not known, so neither question can be
decided of it, and a rule that holds for all other messages does not hold for it. The limit:
a name is one of a message only if events of several processes have it, as most names of
the log then must; else the column is something else, such as a text.
"""

from driftlab.arrays import IntArray
from driftlab.judge import fifo_channels
from driftlab.judge.context import NO_ROWS, Context, Explanation, Findings, Rule
from driftlab.lazy import np
from driftlab.model.columns import MISSING, UNKNOWN_KIND

REASON = "its message has a name, but not whether it was sent or received here"


def _unsaid(context: Context) -> IntArray:
    """Return the rows, rising, of events of no known kind that name a message."""
    rows: IntArray = context.cached("messages of unsaid kind", _find_unsaid)
    return rows


def _find_unsaid(context: Context) -> IntArray:
    of = context.columns
    if of.sent is None:
        return NO_ROWS
    rows = np.flatnonzero((of.kind == UNKNOWN_KIND) & (of.sent != MISSING))
    if not len(rows):
        return NO_ROWS
    names, number = np.unique(of.sent[rows], return_inverse=True)
    process = context.process[rows]
    least = np.full(len(names), context.trace.processes)
    most = np.full(len(names), -1)
    np.minimum.at(least, number, process)
    np.maximum.at(most, number, process)
    is_shared = least < most
    return rows if 2 * np.count_nonzero(is_shared) >= len(names) else NO_ROWS


def _counting_unsaid(rule: Rule) -> Rule:
    """Return a rule on named messages that leaves those of unsaid kind undecided."""

    def questions(context: Context) -> int:
        return rule.questions(context) + len(_unsaid(context))

    def judge(context: Context) -> Findings:
        unsaid = _unsaid(context)
        if not len(unsaid):
            return rule.judge(context)
        if not rule.questions(context):
            return Findings(NO_ROWS, _nothing_to_explain, unsaid, REASON)
        found = rule.judge(context)
        reason = found.reason if len(found.unknown) else REASON
        return found._replace(unknown=np.union1d(found.unknown, unsaid), reason=reason)

    return rule._replace(questions=questions, judge=judge)


def _nothing_to_explain(number: int) -> Explanation:
    raise IndexError(number)


DELIVERED_TWICE = _counting_unsaid(fifo_channels.DELIVERED_TWICE)
LOST_MESSAGE = _counting_unsaid(fifo_channels.LOST_MESSAGE)
