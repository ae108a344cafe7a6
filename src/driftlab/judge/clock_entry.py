"""Clocks that no event can have: a negative or fractional number, a text, more than 64 bits.

Rule: `clock-entry`. It has something to judge only where a log writes such a clock;
the reader of the log says where (`Trace.invalid_clocks`). The event is one all the
same, at its place in its process, and has no clock for the other rules.
"""

from driftlab.judge.context import Context, Explanation, Findings, Rule, findings


def _judge_entries(context: Context) -> Findings:
    """Report every clock that cannot be one."""
    rows, texts = context.trace.invalid_clocks
    return findings(
        rows,
        lambda number: Explanation(
            "whole numbers from 0 to 2^63-1", texts[number], (int(rows[number]),)
        ),
    )


CLOCK_ENTRY = Rule(
    "clock-entry",
    "a clock counts: its entries are whole numbers of at least 0",
    lambda context: len(context.trace.invalid_clocks.rows),
    _judge_entries,
)
