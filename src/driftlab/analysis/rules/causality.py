"""Nothing is received before it was sent: not in causal order, not in time."""

import numpy as np

from driftlab.analysis.cycles import cycles_of
from driftlab.analysis.rules.case import Case
from driftlab.analysis.rules.messages import has_messages
from driftlab.analysis.rules.rule import Findings, Rule, Telling, findings
from driftlab.trace.trace_columns import Array


def _before_sent(case: Case) -> Findings:
    """No message is received before it is sent: not in causal order, not in time."""
    cycles = cycles_of(case.trace, case.messages)
    to, came_from = case.pairs
    early = _early_in_time(case, to, came_from)
    receives, sends = to[early], came_from[early]
    rows = np.concatenate([np.array([cycle[-1] for cycle in cycles], np.int64), receives])

    def tell(number: int) -> Telling:
        if number < len(cycles):
            cycle = cycles[number]
            return Telling(
                "no event in its own past",
                f"{case.name(cycle[-1])} happened before itself",
                tuple(cycle),
            )
        row, send = int(receives[number - len(cycles)]), int(sends[number - len(cycles)])
        return Telling(
            f"a tick after {_began(case)[send]} ns, when it was sent",
            f"a tick at {_began(case)[row]} ns",
            (send, row),
        )

    return findings(rows, tell)


NS_ASIDE_MAX = 1_000_000_000  # how far apart machines that were started by hand may have begun


def _began(case: Case) -> Array:
    of = case.columns
    return of.due_ns if of.late_ns is None else of.due_ns + of.late_ns


def _early_in_time(case: Case, to: Array, came_from: Array) -> Array:
    """Whether a message was received in a tick that was over before the one that sent it.

    In simulated time a receive is strictly later. For real, a tick looks into
    its sockets after it began, and before the next begins.
    """
    of = case.columns
    if of.due_ns is None or not len(case.trace.authors):
        return np.zeros(len(to), bool)
    began = _began(case)
    if case.author(0).simulated:
        return began[to] <= began[came_from]
    after = np.full(len(case), np.iinfo(np.int64).max // 2)  # the last tick may have been long
    after[:-1] = np.where(case.is_first[1:], after[:-1], began[1:])
    # A tick that began after the next one of its process did not: that is told of elsewhere.
    sane = began[came_from] <= after[came_from]
    return sane & (after[to] + NS_ASIDE_MAX < began[came_from])


BEFORE_SENT = Rule(
    "before-sent", "nothing is received before it was sent", has_messages, _before_sent
)
