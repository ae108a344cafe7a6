"""The report about whatever is at a path: runs, a study, a sweep."""

from pathlib import Path
from typing import Any

from driftlab.errors import DriftlabError
from driftlab.history.parquet import is_packed
from driftlab.lazy import pl
from driftlab.report.document import Document
from driftlab.report.run_report import report_on_runs
from driftlab.report.study_report import report_on_study
from driftlab.report.sweep_report import Sweep, report_on_cells
from driftlab.scenario.scenario import Scenario
from driftlab.study.figures_of import require_finished
from driftlab.study.study import STUDY_FILE, load_study_result
from driftlab.study.sweep_parts import read_description


def report_on(*paths: str | Path, **options: Any) -> Document:
    """Return the report about what is at a path, or about the runs at several.

    options: how to read the log of another program, as those of `driftlab.read`. Raises
    DriftlabError if there is nothing that can be read, or if one of several paths holds
    no runs but a study or a sweep, which is reported alone.
    """
    for path in paths:
        place = Path(path)
        require_finished(place)
        is_study = (place / STUDY_FILE).is_file()
        sweep = None if is_study else _sweep_at(place)
        if not is_study and sweep is None:
            continue
        if len(paths) > 1:
            what = "a study" if is_study else "a sweep"
            raise DriftlabError(f"{path} is {what}, which is reported alone: give no other path")
        if sweep is not None:
            return report_on_cells(sweep)
        return report_on_study(load_study_result(place))
    return report_on_runs(*paths, **options)


def _sweep_at(path: Path) -> Sweep | None:
    """Return the sweep in a file, None if it is none. Raises DriftlabError if it is damaged."""
    if path.suffix != ".parquet" or not path.is_file() or is_packed(path):
        return None
    about = read_description(path)
    frame = pl.read_parquet(path)
    return Sweep(path.name, Scenario.from_toml(about["scenario"]), frame, str(about["version"]))
