"""The report about whatever is at a path: runs, a study, a sweep."""

from pathlib import Path
from typing import Any

from driftlab.history.parquet import is_packed
from driftlab.lazy import pl
from driftlab.report.document import Document
from driftlab.report.run_report import report_on_runs
from driftlab.report.study_report import report_on_study
from driftlab.report.sweep_report import Sweep, report_on_cells
from driftlab.scenario.scenario import Scenario
from driftlab.study.study import STUDY_FILE, load_study_result
from driftlab.study.sweep_parts import read_description


def report_on(path: str | Path, **options: Any) -> Document:
    """Return the report about what is at a path.

    options: how to read the log of another program, as those of `driftlab.read`. Raises
    DriftlabError if there is nothing that can be read.
    """
    place = Path(path)
    if (place / STUDY_FILE).is_file():
        return report_on_study(load_study_result(place))
    sweep = _sweep_at(place)
    if sweep is not None:
        return report_on_cells(sweep)
    return report_on_runs(path, **options)


def _sweep_at(path: Path) -> Sweep | None:
    """Return the sweep in a file, None if it is none. Raises DriftlabError if it is damaged."""
    if path.suffix != ".parquet" or not path.is_file() or is_packed(path):
        return None
    about = read_description(path)
    frame = pl.read_parquet(path)
    return Sweep(path.name, Scenario.from_toml(about["scenario"]), frame, str(about["version"]))
