"""Several runs in one table: a column `run` or `trial` says which run each record is of.

It is taken so only where the clocks of every process begin anew in each run. Where they go
on, or the log has no clocks, the column is kept as text.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign.fields import is_empty, key_of_text, normalized_name
from driftlab.foreign.packed import Values
from driftlab.foreign.records import LabelledRecords, Records
from driftlab.history.conventions.vectors import own_entries_of
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING

NAMES: Final = frozenset(
    {"run", "runid", "runno", "runnumber", "trial", "trialid", "trialnumber", "execution",
     "executionid", "experiment", "experimentid", "simulation", "simulationid"}
)  # fmt: skip


def split_by_run(files: Sequence[Records], trace: Trace) -> list[list[LabelledRecords]] | None:
    """Return the records of each file by their runs, as `align_executions` takes them, or None.

    trace: of all records, as if they were of one run.
    """
    own = next((name for name in trace.texts if normalized_name(name) in NAMES), None)
    if own is None or not _begins_anew(trace, own):
        return None
    line = f"the column {own} tells executions apart: clocks begin anew in each"
    return [_split(each, own, line) for each in files]


def _begins_anew(trace: Trace, own: str) -> bool:
    """Whether in each process no clock of a run is above the last one of the run before it.

    Every event must have a run, and each run stand together in each process.
    """
    said = trace.texts[key_of_text(own)]
    if any(value is None for value in said):
        return False
    position: dict[str | None, int] = {}
    run = np.array([position.setdefault(value, len(position)) for value in said], np.int64)
    process = trace.process_column()
    changes = np.flatnonzero((np.diff(run) != 0) & (np.diff(process) == 0)) + 1
    if not len(changes):
        return False
    parts = np.unique(np.append(changes, trace.starts[:-1][np.diff(trace.starts) > 0]))
    pairs = process[parts] * len(position) + run[parts]
    if len(np.unique(pairs)) < len(pairs):
        return False
    clock = _clock(trace)
    if clock is None:
        return False
    before, after = clock[changes - 1], clock[changes]
    return bool(((before != MISSING) & (after != MISSING) & (after <= before)).all())


def _clock(trace: Trace) -> IntArray | None:
    """Return the Lamport clock of every event, else its own entry; None without either."""
    if trace.columns.clock is not None:
        return trace.columns.clock
    held = trace.timestamps
    return own_entries_of(trace, held) if held is not None and held.clock == "vector" else None


def _split(records: Records, own: str, line: str) -> list[LabelledRecords]:
    """Return the records of a file by their runs, after an empty part."""
    values: Values = records.fields.get(own) or [None] * len(records.lines)
    rows_of: dict[str, list[int]] = {}
    last, run_of_row = "", []
    for row, value in enumerate(values):
        last = last if is_empty(value) else str(value).strip()
        rows_of.setdefault(last, []).append(row)
        run_of_row.append(last)
    first = next(iter(rows_of), "")
    rank = np.searchsorted(records.lines, [each.line for each in records.unread])
    homes = [run_of_row[at - 1] if at else first for at in rank.tolist()]
    rest = {each: column for each, column in records.fields.items() if each != own}
    records = records._replace(fields=rest)
    parts = [LabelledRecords("", _taken(records, [], []))]
    for label, rows in rows_of.items():
        unread = [each for each, home in zip(records.unread, homes, strict=True) if home == label]
        taken = _taken(records, rows, unread)
        parts.append(LabelledRecords(label, taken._replace(assumed=[*taken.assumed, line])))
    return parts


def _taken(records: Records, rows: Sequence[int], unread: list[Any]) -> Records:
    fields: dict[str, Values] = {}
    for name, values in records.fields.items():
        held = list(values)
        fields[name] = [held[row] for row in rows]
    at = np.array(rows, np.int64)
    return records._replace(
        fields=fields, lines=records.lines[at], file=records.file[at], unread=unread,
        assumed=records.assumed if rows else (),
    )  # fmt: skip
