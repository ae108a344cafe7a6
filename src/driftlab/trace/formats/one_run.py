"""Whether the files of a folder are logs of one run: a file a process, or one going on in the next.

In each execution of a folder a process has its events in one file, or in
several that follow one another, as a log does that is parted by size or by day:
then its clock, which never goes back, is higher in the next file. Where two
files tell of one process otherwise they are two runs, or one run twice, and
read as one they would seem to break every rule.
"""

from pathlib import Path

import numpy as np

from driftlab.trace.files import UnreadableError
from driftlab.trace.trace import Trace
from driftlab.trace.trace_columns import MISSING, Array


def require_one_run(folder: Path, trace: Trace, *, is_described: bool) -> None:
    """Raise UnreadableError where a process has events in several files of a folder.

    `is_described`: the user has said what a record is; then files without
    clocks, which tell nothing about it, may be of any kind.
    """
    file = trace.columns.file
    if file is None or not len(trace):
        return
    for process, name in enumerate(trace.names):
        rows = np.arange(trace.starts[process], trace.starts[process + 1])
        first = rows[:-1][file[rows[:-1]] != file[rows[1:]]]  # the last rows before another file
        if not len(first) or _goes_on(trace, process, rows, first, is_described=is_described):
            continue
        one, other = (Path(trace.files[file[row]]).name for row in (first[0], first[0] + 1))
        raise UnreadableError(
            f"{folder}: process {name} has events in {one} and in {other}: these look like two "
            f"runs; give them one by one, as {folder / one}"
        )


def _goes_on(trace: Trace, process: int, rows: Array, last: Array, *, is_described: bool) -> bool:
    """Whether each file of a process begins where the one before it has ended."""
    clocks = _clocks(trace, process, rows)
    if (clocks == MISSING).all():
        return is_described
    files = len(np.unique(trace.columns.file[rows]))
    before, after = clocks[last - rows[0]], clocks[last - rows[0] + 1]
    return len(last) == files - 1 and bool(((before != MISSING) & (after > before)).all())


def _clocks(trace: Trace, process: int, rows: Array) -> Array:
    """Return the own clock at each event of a process: its entry, or the Lamport clock."""
    stamps = trace.timestamps
    if stamps is not None and stamps.clock == "vector":
        starts = stamps.starts[rows[0] : rows[-1] + 2]
        own = stamps.entries[starts[0] : starts[-1]] == process
        row_of = np.repeat(np.arange(len(rows)), np.diff(starts))
        clocks = np.full(len(rows), MISSING)
        clocks[row_of[own]] = stamps.values[starts[0] : starts[-1]][own]
        return clocks
    column = trace.columns.clock
    return np.full(len(rows), MISSING) if column is None else column[rows]
