"""Processes that seem to have begun anew: what breaks clock-condition there may be a restart.

A process that counted on and then has a first clock again (a Lamport clock of at most 1,
or 1 in its own entry of a vector clock and nothing in the others) was restarted, or its
program forgets its clock. Which of the two is not in the log, so the violation stays; a
remark says where to part the log.
"""

from collections.abc import Mapping

import numpy as np

from driftlab.arrays import IntArray
from driftlab.judge.context import NO_ROWS, Context, Findings, is_stamped, own_entries
from driftlab.model.columns import MISSING


def restarts(context: Context, found: Mapping[str, Findings]) -> list[str]:
    """Return a line for each process that begins anew at an event that breaks a rule.

    found: what each rule that was applied finds, by its name.
    """
    rows = _vector_anew(context, _rows_of(found, "vector-back", "vector-own"))
    clock = context.columns.clock
    if clock is not None:  # a process that was restarted forgets all of its clocks
        rows = rows[(clock[rows] == MISSING) | (clock[rows] <= 1)]
    rows = np.union1d(_lamport_anew(context, _rows_of(found, "clock-condition")), rows)
    remarks = []
    for process in np.unique(context.process[rows]).tolist():
        mine = rows[context.process[rows] == process]
        row = int(mine[0])
        file, line = context.trace.source_of(row)
        place = context.event_name(row) if file is None else f"{file}:{line}"
        more = f" and {len(mine) - 1} more times" if len(mine) > 1 else ""
        remarks.append(
            f"the clock of {context.trace.names[process]} begins anew at {place}{more}: if the "
            "program was started again there, these are two runs; part the log, or --delimiter"
        )
    return remarks


def _rows_of(found: Mapping[str, Findings], *rules: str) -> IntArray:
    return np.unique(np.concatenate([NO_ROWS, *(found[r].rows for r in rules if r in found)]))


def _lamport_anew(context: Context, rows: IntArray) -> IntArray:
    """Return those of some rows whose Lamport clock is a first one, after one that is none."""
    clock = context.columns.clock
    if clock is None:
        return NO_ROWS
    rows = rows[context.has_before[rows]]
    anew: IntArray = rows[(clock[rows] != MISSING) & (clock[rows] <= 1) & (clock[rows - 1] > 1)]
    return anew


def _vector_anew(context: Context, rows: IntArray) -> IntArray:
    """Return those of some rows whose vector clock counts their own event and nothing else."""
    held = context.trace.timestamps
    if held is None or held.clock != "vector":
        return NO_ROWS
    rows = rows[context.has_before[rows] & is_stamped(held)[rows]]
    spans = zip(held.starts[rows].tolist(), held.starts[rows + 1].tolist(), strict=True)
    sums = np.array([int(held.values[begin:end].sum()) for begin, end in spans], np.int64)
    before = own_entries(held, rows - 1, context.process[rows])
    own = own_entries(held, rows, context.process[rows])
    anew: IntArray = rows[(own == 1) & (sums == 1) & (before > 1)]
    return anew
