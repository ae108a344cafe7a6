"""What a rule is, and what it finds."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from driftlab.judge.rules.context import Context
from driftlab.model.columns import Array


class Explanation(NamedTuple):
    """One violation in words: what was expected, what stands there, and the chain that proves it.

    witness: rows of events, in the order in which they are to be read.
    """

    expected: str
    found: str
    witness: tuple[int, ...]


class Findings(NamedTuple):
    """What one rule finds in one history.

    rows i8: the events that violate it, rising. tell: puts the violation
    with a number (from 0, in the order of the rows) into words.
    unknown i8: rows of events about which the rule cannot decide, because of
    holes in the log, and why.
    """

    rows: Array
    explain: Callable[[int], Explanation]
    unknown: Array
    reason: str = ""


class Rule(NamedTuple):
    """A rule: its name, what it says, to which histories it applies, and how it judges."""

    name: str
    says: str
    applies: Callable[[Context], bool]
    judge: Callable[[Context], Findings]


NO_ROWS: Array = np.zeros(0, np.int64)


def findings(
    rows: Array, tell: Callable[[int], Explanation], unknown: Array = NO_ROWS, reason: str = ""
) -> Findings:
    """Return what was found, in the order of the rows; `rows` and `unknown` may be masks."""
    rows = _rows(rows)
    order = np.argsort(rows, kind="stable")
    return Findings(
        rows[order], lambda number: tell(int(order[number])), np.sort(_rows(unknown)), reason
    )


def _rows(mask: Array) -> Array:
    return np.flatnonzero(mask) if mask.dtype == bool else mask
