"""The report about whatever is at a path: runs, a study, a sweep."""

import json
from pathlib import Path
from typing import Any, Final

from driftlab.errors import DriftlabError
from driftlab.journal.files import UnreadableError
from driftlab.lazy import pl
from driftlab.report.document import Document
from driftlab.report.run_report import report_on_runs
from driftlab.report.sweep_report import Sweep, report_on_cells
from driftlab.scenario.scenario import Scenario

SWEEP_KEY: Final = "driftlab-sweep"  # of the metadata of a sweep's file


def report_on(path: str | Path, **options: Any) -> Document:
    """Return the report about what is at a path.

    options: how to read the log of another program, as those of `driftlab.read`. Raises
    DriftlabError if there is nothing that can be read.
    """
    place = Path(path)
    sweep = read_sweep(place)
    if sweep is not None:
        return report_on_cells(sweep)
    return report_on_runs(path, **options)


def read_sweep(path: Path) -> Sweep | None:
    """Return the sweep in a file, None if there is none. Raises DriftlabError if it is damaged."""
    if path.suffix != ".parquet" or not path.is_file():
        return None
    try:
        text = pl.read_parquet_metadata(path).get(SWEEP_KEY)
        if text is None:
            return None
        about = json.loads(text)
        return Sweep(
            path.name, Scenario.from_toml(about["scenario"]), pl.read_parquet(path),
            str(about["version"]),
        )  # fmt: skip
    except (pl.exceptions.PolarsError, ValueError, KeyError, OSError, DriftlabError) as error:
        raise UnreadableError(f"{path}: no sweep that can be read ({error})") from error
