"""What a judge's verdict marks in a diagram: the violations, each with its rows and its words.

The first violations are put into words; of all others the rows are kept, so that every one
is drawn. The header of a container, and the page, have it as JSON.
"""

from typing import Any, Final

from driftlab.errors import counted, name_list
from driftlab.judge.checker import HOLDS, UNDECIDED, Verdict
from driftlab.judge.diagnosis.diagnose import Fault

WORDED_MAX: Final = 1000  # violations that are put into words
ROWS_MAX: Final = 1_000_000  # of violations that are marked without words


def marks_of(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON.

    headline: one line. holds: None if nothing could be judged. violations: of the first of each
    rule the `rule`, the `text`, the `rows` (the event, then its proof) and the `witness`, a line
    each. more: by rule the rows of the others; left_out: how many have no mark at all.
    undecided: how many questions. counts: violations by rule. faults: by their plain names.
    """
    rules = [name for name, count in verdict.counts.items() if count]
    each = max(1, WORDED_MAX // len(rules)) if rules else 0
    worded = [violation for name in rules for violation in verdict.violations.of(name, each)]
    more, room = {}, ROWS_MAX
    for name in rules:
        rows = verdict.violations.rows_of(name)[each:][:room]
        if len(rows):
            more[name] = rows.tolist()
            room -= len(rows)
    total = sum(verdict.counts.values())
    return {
        "headline": headline(verdict),
        "holds": None if verdict.verdict == UNDECIDED else verdict.verdict == HOLDS,
        "violations": [
            {
                "rule": one.rule,
                "text": f"expected {one.expected}, found {one.found}",
                "rows": [one.row, *(row for row in one.rows if row != one.row)],
                "witness": list(one.witness),
            }
            for one in worded
        ],
        "more": more,
        "left_out": total - len(worded) - sum(map(len, more.values())),
        "undecided": verdict.unknown,
        "counts": {name: count for name, count in verdict.counts.items() if count},
        "faults": [_said(fault) for fault in verdict.faults],
        "remarks": [*verdict.assumed, *verdict.remarks],
    }


def _said(fault: Fault) -> str:
    names = name_list(fault.processes)
    return f"{fault.name} ({names}: {counted(fault.events, 'event')})"


def headline(verdict: Verdict) -> str:
    """Return a verdict in one line."""
    violations = sum(verdict.counts.values())
    found = counted(violations, "violation") if violations else verdict.verdict
    rest = f", {counted(verdict.unknown, 'question')} undecided" if verdict.unknown else ""
    return f"{found}: {counted(verdict.judged, 'question')} decided{rest}"
