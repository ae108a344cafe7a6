"""The report about whatever is at a path: runs, a study, a sweep."""

from pathlib import Path
from typing import Any

from driftlab.report.document import Document
from driftlab.report.run_report import report_on_runs


def report_on(path: str | Path, **options: Any) -> Document:
    """Return the report about what is at a path.

    options: how to read the log of another program, as those of `driftlab.read`. Raises
    DriftlabError if there is nothing that can be read.
    """
    return report_on_runs(path, **options)
