"""TSViz: ShiViz with the physical time of every event, in the group `timestamp`.

The viewer asks for the unit of the times; so do we (`--time-unit`, else
nanoseconds). We write nanoseconds.
"""

from collections.abc import Sequence
from pathlib import Path

from driftlab.foreign import shiviz
from driftlab.foreign.options import Execution, ReadOptions, UnwritableError
from driftlab.foreign.text import head_of
from driftlab.foreign.text_columns import TextColumns, write_text

CLOCK_FIRST = r"^(?<timestamp>-?\d+) (?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
EVENT_FIRST = r"^(?<timestamp>-?\d+) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})"
NEEDED = ("timestamp", *shiviz.NEEDED)


def read(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read files as TSViz does. Raises DriftlabError."""
    head = head_of(paths[0], asked.encoding)
    if not asked.patterns and not shiviz.has_header(head):
        first = head.lstrip().partition("\n")[0].rstrip()
        asked = asked._replace(patterns=(CLOCK_FIRST if first.endswith("}") else EVENT_FIRST,))
    return shiviz.read(paths, asked, NEEDED)


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write executions into one file that the viewer opens. Raises UnwritableError."""
    for each in executions:
        if len(each.trace) and not TextColumns(each.trace, "tsviz").has_times():
            raise UnwritableError("tsviz: the log has no times to write")
    write_text(path, shiviz.log_of(executions, "tsviz", is_timed=True))
