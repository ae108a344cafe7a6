"""`driftlab stats PATH…`: the statistics of recorded runs, and of other programs' logs."""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from driftlab.api.read_run import REPEATED_KEYS, version_at
from driftlab.api.recorded_stats import (
    Group,
    RecordedRun,
    grouped,
    recorded_runs,
)
from driftlab.api.runs import by_of
from driftlab.cli.check_results import progress
from driftlab.cli.flags import format_options, parse_rates
from driftlab.cli.output import MACHINES_LISTED_MAX, print_assumed, wrapped
from driftlab.cli.runs_output import RUNS_LISTED_MAX, print_remarks, remarks, run_table
from driftlab.cli.standard_input import (
    NAME,
    STANDARD_INPUT,
    StandardInputError,
    spooled_input,
)
from driftlab.cli.statistics_tables import (
    cells_of,
    distribution_table,
    drift_table,
    growth_table,
    print_over_runs,
)
from driftlab.cli.terminal import table_stream
from driftlab.errors import DriftlabError, counted
from driftlab.journal.whole_file import open_whole

STUDY_FILE: Final = "study.toml"  # in the folder of a study
RUNS_FOLDER: Final = "runs"  # and its real runs


def main(options: argparse.Namespace) -> int:
    """Print the statistics of every run at some paths and return the exit status."""
    _require_outputs_that_fit(options)
    reading = format_options(options)
    rates = parse_rates(options.rates)
    studies = [path for path in options.paths if (Path(path) / STUDY_FILE).is_file()]
    if any(not (Path(path) / RUNS_FOLDER).is_dir() for path in studies):
        return _show_simulated_study(options)
    runs: list[RecordedRun] = []
    with progress(len(options.paths)) as advance:
        for path in options.paths:
            runs += _runs_at(path, rates=rates, **reading)
            advance()
    groups = grouped(runs)
    if options.json:
        documents = [_document(group) for group in groups]
        print(json.dumps(documents[0] if len(groups) == 1 else {"scenarios": documents}, indent=2))
    elif options.csv != STANDARD_INPUT:
        for title, group in zip(_titles(groups), groups, strict=True):
            if len(groups) > 1:
                print(f"{wrapped(title)}\n")
            _show(group)
    if options.csv is not None:
        _write_csv(options.csv, groups)
    return 0


def _runs_at(path: str, **options: Any) -> list[RecordedRun]:
    """Read every run at a path, or on standard input."""
    if (Path(path) / STUDY_FILE).is_file():  # of real runs, which are in a folder of it
        return list(recorded_runs(str(Path(path) / RUNS_FOLDER), **options))
    if path != STANDARD_INPUT:
        _require_no_sweep(path)
        return list(recorded_runs(path, **options))
    with spooled_input() as spooled:
        try:
            runs = list(recorded_runs(str(spooled.path), **options))
        except DriftlabError as error:
            raise StandardInputError(spooled.named(str(error))) from None
        if spooled.interrupted:
            raise KeyboardInterrupt
        return [run._replace(path=NAME) for run in runs]


def _require_no_sweep(path: str) -> None:
    """Raise DriftlabError if a path is a sweep, which has means of cells and no runs."""
    if not path.endswith(".parquet"):
        return
    from driftlab.study.figures_of import is_sweep

    if is_sweep(Path(path)):
        raise DriftlabError(
            f"{path}: is a sweep, a table of the means of its cells; read it with Polars, draw it "
            f"with driftlab plot {path}, or see driftlab report {path}"
        )


def _show_simulated_study(options: argparse.Namespace) -> int:
    """Print the statistics of the conditions of a study that was simulated, each by itself."""
    from driftlab.study.figures_of import require_finished
    from driftlab.study.study import load_study_result

    if len(options.paths) > 1:
        raise DriftlabError("stats: a simulated study is shown alone, not with other paths")
    (path,) = options.paths
    require_finished(Path(path))
    result = load_study_result(path)
    groups = result.frame.partition_by("condition", as_dict=True, maintain_order=True)
    frames = {str(name): frame.drop("condition") for (name,), frame in groups.items()}
    by = {name: by_of(result.scenarios[name]) for name in frames}
    if options.json:
        from driftlab.analysis.over_runs import over_runs, over_runs_document

        document = {
            name: {
                "scenario": result.scenarios[name].to_dict(),
                "over_runs": over_runs_document(over_runs(frame, by[name])),
            }
            for name, frame in frames.items()
        }
        print(json.dumps({"conditions": document, "version": result.version}, indent=2))
    elif options.csv != STANDARD_INPUT:
        for number, (name, frame) in enumerate(frames.items(), 1):
            print(f"{wrapped(f'{number}. {name}')}\n")
            print_over_runs(frame, by[name])
            print()
    if options.csv is not None:
        _write_text(options.csv, result.frame.write_csv())
    return 0


def _require_outputs_that_fit(options: argparse.Namespace) -> None:
    if options.csv == STANDARD_INPUT and options.json:
        raise DriftlabError("stats: --json and --csv - do not go together; leave one out")
    if options.csv not in (None, STANDARD_INPUT) and os.path.lexists(options.csv):
        if not options.overwrite:
            raise DriftlabError(f"--csv {options.csv}: exists already; --overwrite replaces it")
        if options.csv in options.paths:
            raise DriftlabError(f"--csv {options.csv}: is a log to read; name another file")


def _document(group: Group) -> dict[str, Any]:
    """Return the statistics of the runs of one scenario under the names of the interface."""
    document: dict[str, Any] = {
        "scenario": None if group.scenario is None else group.scenario.to_dict(),
        "runs": [run.to_dict() for run in group.runs],
        "version": _version(group),
    }
    summary = group.over_runs()
    if summary is not None:
        from driftlab.analysis.over_runs import over_runs_document

        document["over_runs"] = over_runs_document(summary)
    if group.remarks():
        document["remarks"] = group.remarks()
    return document


def _version(group: Group) -> str | None:
    """Return the version of driftlab that made the runs, None if it is not known or not one."""
    if group.scenario is None:
        return None
    versions = {version_at(run.path) for run in group.runs if os.path.exists(run.path)}
    return versions.pop() if len(versions) == 1 else None


def _titles(groups: Sequence[Group]) -> list[str]:
    """Return what each group of runs is of: the rates, and the keys in which they differ."""
    keys = [{} if each.scenario is None else each.scenario.to_dict() for each in groups]
    names = list(dict.fromkeys(name for each in keys for name in each))
    shown = ["rates", *(name for name in names if name != "rates"
                        and name not in REPEATED_KEYS
                        and len({str(each.get(name)) for each in keys if each}) > 1)]  # fmt: skip
    return [
        f"{number}. {_what(group, [(name, each[name]) for name in shown if name in each])}: "
        f"{_places(group)}"
        for number, (group, each) in enumerate(zip(groups, keys, strict=True), 1)
    ]


def _what(group: Group, keys: Sequence[tuple[str, Any]]) -> str:
    if group.scenario is None:
        return counted(len(group.runs), "run")
    said = ", ".join(f"{name} {_value(value)}" for name, value in keys)
    world = "simulated" if group.runs[0].is_simulated else "real"
    return f"{counted(len(group.runs), f'{world} run')} of {said}"


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _places(group: Group) -> str:
    first = group.runs[0].path
    return first if len(group.runs) == 1 else f"{first} and {len(group.runs) - 1} more"


def _show(group: Group) -> None:
    """Print tables of the runs of one scenario, and remarks on them."""
    if len(group.runs) <= RUNS_LISTED_MAX:
        names = _names(group.runs)
        print(run_table([(name, map(cells_of, run.statistics.machines[:MACHINES_LISTED_MAX]))
                         for name, run in zip(names, group.runs, strict=True)]))  # fmt: skip
        print()
    if len(group.runs) == 1:
        _show_one(group.runs[0])
    if len(group.whole) > 1:
        print_over_runs(group.frame(), group.by())
        print()
    lines = group.remarks()
    for name, run in zip(_names(group.runs), group.runs, strict=True):
        lines += [f"run {name}, {line}" if len(group.runs) > 1 else line for line in _lines(run)]
    print_remarks(lines)
    print_assumed(list(dict.fromkeys(line for run in group.runs for line in run.assumed)))


def _show_one(run: RecordedRun) -> None:
    rows = run.statistics.machines
    tables = (
        growth_table(rows),
        distribution_table(rows),
        drift_table(run.statistics.slopes, rows),
    )
    for text in filter(None, tables):
        print(f"{text}\n")


def _lines(run: RecordedRun) -> list[str]:
    """Return what a reader of a run's figures must know; of what it lacks, each line once."""
    if run.run is None:
        return run.remarks()
    return [*remarks(run.run), *run.statistics.reasons]


def _names(runs: Sequence[RecordedRun]) -> list[str]:
    """Return what to call each run in a table: its number, or its place if that says no more."""
    numbers = [str(run.number) for run in runs]
    is_known = all(run.scenario is not None for run in runs)
    return numbers if is_known and len(set(numbers)) == len(numbers) else [run.name for run in runs]


def _write_csv(path: str, groups: Sequence[Group]) -> None:
    """Write a row for each run and machine: the number of the scenario, the run, its figures."""
    import polars as pl

    frames = [
        run.statistics.frame().select(
            pl.lit(number).alias("scenario"), pl.lit(run.path).alias("path"),
            pl.lit(run.name).alias("run"), pl.all(),
        )
        for number, group in enumerate(groups, 1)
        for run in group.runs
    ]  # fmt: skip
    _write_text(path, pl.concat(frames).write_csv())


def _write_text(path: str, text: str) -> None:
    """Write a text to a file, or to standard output."""
    if path == STANDARD_INPUT:
        table_stream().write(text)
    else:
        with open_whole(path, newline="") as file:
            file.write(text)
