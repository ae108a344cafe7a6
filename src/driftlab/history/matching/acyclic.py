"""Matches that are assumed must leave a causal order: nothing is received before it was sent.

A message that its log does not name is matched by an assumption. If the matches
of one assumption close a cycle of happened-before, the assumption is wrong, and
all of its matches are given up. Messages that the log names are never given up:
a cycle among those is for the judge to report, and nothing is assumed beside it.
"""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.causal_paths import shortest_cycle
from driftlab.history.matching.matching import Matching
from driftlab.history.vector_times import linear_extension


def leaves_order(
    matching: Matching, rows: IntArray, sends: IntArray, assumption: IntArray
) -> BoolArray:
    """Whether each of some matches may be made without closing a causal cycle.

    rows, sends: of the receives and their sends. assumption: a number for each,
    equal where matches stand or fall together.
    """
    kept = np.ones(len(rows), bool)
    while kept.any():
        source = matching.source.copy()
        source[rows[kept]] = sends[kept]
        messages = matching.messages()._replace(source=source)
        blocked = linear_extension(matching.trace, messages).blocked
        if not len(blocked):
            return kept
        cycle = shortest_cycle(matching.trace, messages, blocked)
        closing = kept & np.isin(rows, cycle) & np.isin(sends, cycle)
        if not closing.any():
            return np.zeros(len(rows), bool)
        kept &= ~np.isin(assumption, assumption[closing])
    return kept
