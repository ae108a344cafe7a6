"""A study is carried out, and what it found is written to a folder and read back.

The folder has `study.toml`, the study itself; `runs.parquet`, a row a condition, run and
machine; `tables/`, as CSV; `grid.parquet`, the sweep of a study with a grid; and of real
runs `runs/`, a folder a condition. Real runs are written as they end, so an interrupted
study keeps them and goes on from there; all other files are written at the end, each
whole or not at all. A finished study is extended by the same study with more runs: those
that it has are not repeated.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

import driftlab
from driftlab.analysis.over_runs import rank_name, size_of_all
from driftlab.analysis.statistics import Estimate
from driftlab.api.read import read
from driftlab.api.read_run import find_run_folders, read_runs
from driftlab.api.run import Run
from driftlab.api.runs import Runs
from driftlab.api.simulate import simulate_run, simulate_runs
from driftlab.api.trust import admit_process
from driftlab.errors import DriftlabError, counted
from driftlab.history.parquet import STUDY_KEY, STUDY_RUNS
from driftlab.journal.files import read_text
from driftlab.scenario.scenario import Scenario
from driftlab.study.differences import (
    LABELS,
    UNITS,
    Difference,
    differences_frame,
    differences_of,
    is_zero,
    means_frame,
    means_of,
)
from driftlab.study.grid import Grid
from driftlab.study.published import RUNS_MIN, published_frame, published_rows
from driftlab.study.real_conditions import (
    RUNS_FOLDER,
    RealProgress,
    condition_folder,
    make_room,
    run_conditions,
)
from driftlab.study.study_file import Study, parse_study
from driftlab.study.sweep import run_sweep, sweep_description
from driftlab.study.sweep_parts import read_description, write_durably, write_sweep

if TYPE_CHECKING:
    from driftlab.figures.figure import Figure

STUDY_FILE: Final = "study.toml"
RUNS_FILE: Final = STUDY_RUNS
GRID_FILE: Final = "grid.parquet"
PUBLISHED_FILE: Final = "published.parquet"
TABLES_FOLDER: Final = "tables"

OnProgress = Callable[[float, str], None]  # called with the share that is done, and what it is


class StudyFolderError(DriftlabError):
    """A folder that cannot hold a study, or holds none."""


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    study: what was asked. simulated: whether no real machine ran. frame: a row a
    condition, run and machine: `condition`, then the columns of `Runs.frame`. sweep: the
    rows of its grid, None if it has none. folder: where it is, None if nowhere. version:
    of the driftlab that made it. published: the runs that others published, beside their
    simulated ranges, if the study asks for them.
    """

    study: Study
    simulated: bool
    frame: pl.DataFrame
    sweep: pl.DataFrame | None
    folder: Path | None
    version: str
    published: pl.DataFrame | None = None

    @property
    def scenarios(self) -> dict[str, Scenario]:
        """The scenario of every condition."""
        return self.study.scenarios(simulated=self.simulated)

    @cached_property
    def conditions(self) -> dict[str, Runs]:
        """The runs of every condition; simulated ones are simulated again, the same."""
        if self.simulated or self.folder is None:
            return {name: simulate_runs(each) for name, each in self.scenarios.items()}
        return {name: read_runs(condition_folder(self.folder, name))[1] for name in self.scenarios}

    @cached_property
    def differences(self) -> list[Difference]:
        """The paired differences of every condition from the first."""
        return differences_of(self.frame, self.study.compare)

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables of the study by name, those that have data."""
        make: dict[str, Callable[[], pl.DataFrame | None]] = {
            "conditions": lambda: means_frame(self.frame, self.study.compare),
            "differences": lambda: differences_frame(self.differences),
            "grid": lambda: self.sweep,
            "published": lambda: self.published,
            "clocks": lambda: clock_table(self.scenarios, self._first_run_folder()),
        }
        made = {name: make[name]() for name in self.study.tables}
        return {name: table for name, table in made.items() if table is not None and table.height}

    def _first_run_folder(self) -> Path | None:
        """Return the folder of the first condition's real runs, None if they are simulated."""
        if self.simulated or self.folder is None or not self.scenarios:
            return None
        return condition_folder(self.folder, next(iter(self.scenarios)))

    @property
    def narrow_ranges(self) -> str | None:
        """What a reader must know if published runs were held against too few simulated ones."""
        if self.published is None or self.study.simulated_runs >= RUNS_MIN:
            return None
        return f"ranges too narrow: they take {RUNS_MIN} runs or more; raise --runs"

    def remarks(self) -> list[str]:
        """Return a line for everything that a reader of the figures must know."""
        lines = []
        if self.narrow_ranges is not None:
            lines.append(self.narrow_ranges)
        late = self.frame.filter(pl.col("late_ticks") > 0)
        if late.height:
            ticks, runs = int(late["late_ticks"].sum()), late.n_unique(["condition", "run"])
            lines.append(
                f"late: {counted(ticks, 'tick')} began more than a period late, in "
                f"{counted(runs, 'run')}; lower --speed or the number of machines"
            )
        cut = self.frame.filter(pl.col("end") != "complete")
        if cut.height:
            runs, reason = cut.n_unique(["condition", "run"]), cut["end"][0]
            lines.append(f"incomplete: {counted(runs, 'run')}, included in the means ({reason})")
        return lines

    def _repr_html_(self) -> str:
        from driftlab.api.notebook import shown

        means = means_of(self.frame, self.study.compare)
        machines = max((each.rank for each in means), default=1)
        of_all = size_of_all(self.frame, "condition")
        cells = {(each.metric, each.rank, each.condition): each.estimate for each in means}
        places = [
            (metric, rank)
            for metric in self.study.compare
            for rank in range(1, machines + 1)
            if means and not is_zero(metric, rank)
        ]
        rows = [
            [
                ", ".join([LABELS[metric], *([UNITS[metric]] if metric in UNITS else [])]),
                rank_name(rank, of_all),
                *(_mean_text(cells.get((metric, rank, name))) for name in self.scenarios),
            ]
            for metric, rank in places
        ]
        first = next(iter(self.scenarios.values()), None)
        compare = self.study.compare
        figures = [partial(_drawn, self.frame, first, "comparison", compare)]
        if self.sweep is not None:
            figures.append(partial(_drawn, self.sweep, self.study.base, "phase"))
        caption = f"{self.study.question} Means over runs ± half of the 95 % interval"
        return shown(caption, ("figure", "machine", *self.scenarios), rows, figures)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the JSON interface."""
        return {
            "study": self.study.name,
            "question": self.study.question,
            "simulated": self.simulated,
            "version": self.version,
            "folder": None if self.folder is None else str(self.folder),
            "scenarios": {name: each.to_dict() for name, each in self.scenarios.items()},
            "conditions": means_frame(self.frame, self.study.compare).to_dicts(),
            "differences": [
                {
                    "condition": each.condition, "baseline": each.baseline, "rank": each.rank,
                    "metric": each.metric, "pairs": each.pairs, "mean": each.estimate.value,
                    "ci95": each.estimate.ci95, "shown": each.is_shown,
                }
                for each in self.differences
            ],
            "grid_cells": 0 if self.sweep is None else self.sweep["cell"].n_unique(),
            "remarks": self.remarks(),
        }  # fmt: skip


def _mean_text(mean: Estimate | None) -> str:
    """Return a mean with half of its interval; a dash where there is none."""
    if mean is None:
        return "-"
    half = "" if mean.low is None or mean.high is None else f" ± {(mean.high - mean.low) / 2:.2g}"
    return f"{mean.value:.4g}{half}"


def _drawn(
    frame: pl.DataFrame, scenario: Scenario | None, name: str, compare: Sequence[str] | None = None
) -> "Figure":
    """Return one figure of a frame. Raise NoDataError."""
    from driftlab.figures.frame_figures import draw_frame

    return draw_frame(frame, scenario, [name], compare).figures[0]


def run_study(
    study: Study,
    *,
    simulated: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    trust: bool = False,
) -> StudyResult:
    """Carry out a study, write it to a folder and return what it found.

    Args:
        simulated: whether to simulate, instead of running real machines.
        out: the folder to write; simulated runs need none. An interrupted study of real
            machines goes on there, from the runs that are whole, and a finished study with
            fewer runs from those that it has.
        overwrite: whether to replace the study that the folder holds.
        on_progress: called with the share that is done, and what it is, as text.
        trust: whether a process that only the study's file names may be executed.

    Raises DriftlabError if it cannot be run, or the folder holds another study, and
    KeyboardInterrupt if a person ends it.
    """
    progress = on_progress or (lambda share, text: None)
    if not simulated and "published" in study.tables:
        raise StudyFolderError(
            f"{study.name}: published runs are held against simulated ones; add --simulated"
        )
    folder = None if out is None else Path(out)
    if folder is None and not simulated:
        raise StudyFolderError("a study of real machines needs a folder (out)")
    there = None
    if folder is not None:
        there = _claim(folder, study, simulated=simulated, overwrite=overwrite)
    scenarios = {
        name: admit_process(scenario, trust=trust)
        for name, scenario in study.scenarios(simulated=simulated).items()
    }
    runs: Mapping[str, Runs] = {}
    if simulated:
        runs = _simulated(_beyond(scenarios, 0 if there is None else _runs_of(there)), progress)
    elif scenarios and folder is not None:
        runs = _real(scenarios, folder, progress)
    frame = _frame_of(runs)
    if simulated and there is not None:
        frame = _joined(there.frame, frame, list(scenarios))
    result = StudyResult(
        study, simulated, frame,
        _swept(study, progress, trust) if simulated else None, folder, driftlab.__version__,
        _published(study, progress),
    )  # fmt: skip
    if not simulated or there is None:
        result.__dict__["conditions"] = dict(runs)  # no need to read or simulate them again
    if folder is not None:
        _save(result, folder)
    return result


def _beyond(scenarios: Mapping[str, Scenario], runs: int) -> dict[str, Scenario]:
    """Return the scenarios of the runs that come after the first ones."""
    return {
        name: each.replace(first_run=each.first_run + runs, runs=each.runs - runs)
        for name, each in scenarios.items()
    }


def _joined(first: pl.DataFrame, then: pl.DataFrame, conditions: list[str]) -> pl.DataFrame:
    """Return the rows of earlier and of later runs, condition by condition."""
    if not conditions:
        return first
    parts = [each.filter(condition=name) for name in conditions for each in (first, then)]
    return pl.concat(parts)


def _simulated(scenarios: Mapping[str, Scenario], progress: OnProgress) -> dict[str, Runs]:
    total = sum(each.expected_ticks for each in scenarios.values()) or 1
    done, runs = 0, {}
    for name, scenario in scenarios.items():

        def show(ticks: int, _: int, name: str = name, done: int = done) -> None:
            progress((done + ticks) / total, f"condition {name}")

        runs[name] = simulate_runs(scenario, on_progress=show)
        done += scenario.expected_ticks
    return runs


def _real(scenarios: Mapping[str, Scenario], folder: Path, progress: OnProgress) -> dict[str, Runs]:
    def show(now: RealProgress) -> None:
        share = now.seconds / max(now.seconds + now.seconds_left, 1e-9)
        progress(share, f"run {now.done + 1} of {now.runs} ({now.condition}, {now.number})")

    found: dict[str, list[Run]] = run_conditions(scenarios, folder, show)
    return {name: Runs(scenarios[name], [runs]) for name, runs in found.items()}


def _swept(study: Study, progress: OnProgress, trust: bool) -> pl.DataFrame | None:
    if not study.grid:
        return None
    grid = _grid_of(study)
    frame, _ = run_sweep(
        grid, None, trust=trust,
        on_progress=lambda now: progress(
            now.ticks / max(now.ticks_expected, 1), f"{now.done} of {now.cells} cells"
        ),
    )  # fmt: skip
    return frame


def _published(study: Study, progress: OnProgress) -> pl.DataFrame | None:
    if "published" not in study.tables:
        return None
    return published_frame(
        published_rows(
            runs=study.simulated_runs,
            seed=study.base.seed,
            on_row=lambda done, rows: progress(done / rows, f"{done} of {rows} published runs"),
        )
    )


def _grid_of(study: Study) -> Grid:
    fields = {
        name: values if isinstance(values, str | list) else [values]
        for name, values in study.grid.items()
    }
    return Grid(study.base.replace(runs=study.simulated_runs), fields)


def _frame_of(runs: Mapping[str, Runs]) -> pl.DataFrame:
    frames = [
        each.frame.select(pl.lit(name).alias("condition"), pl.all()) for name, each in runs.items()
    ]
    if not frames:
        return Runs(Scenario(), []).frame.select(
            pl.lit(None, pl.String).alias("condition"), pl.all()
        )
    return pl.concat(frames)


# The folder.


def _claim(folder: Path, study: Study, *, simulated: bool, overwrite: bool) -> StudyResult | None:
    """Make the folder of a study, or go on with it; return the finished one that is extended.

    Raise StudyFolderError if it is taken.
    """
    path = folder / STUDY_FILE
    if path.exists():
        is_same = read_text(path) == study.text
        if overwrite:
            _clear(folder)
        elif (folder / RUNS_FILE).exists():
            there = load_study_result(folder)
            _require_extendable(there, study, simulated=simulated)
            if not simulated:
                make_room(there.scenarios, study.scenarios(simulated=False), folder)
                write_durably(path, study.text.encode())
                (folder / RUNS_FILE).unlink()  # from here on it is not finished, and goes on
            return there  # simulated runs are saved at the end, all at once
        elif simulated and (folder / RUNS_FOLDER).exists():
            raise StudyFolderError(
                f"{folder} holds real runs of a study that is not finished; go on without "
                "--simulated, name another --out, or replace it with --overwrite"
            )
        elif not is_same:
            raise StudyFolderError(
                f"{folder} holds a study that is not finished, with {_differing(path, study)}; "
                "go on with the same, name another --out, or replace it with --overwrite"
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyFolderError(f"{folder} exists and holds no study; name another --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(path, study.text.encode())
    return None


def _runs_of(result: StudyResult) -> int:
    """Return how many runs a finished study has of each condition."""
    study = result.study
    asked = study.simulated_runs if result.simulated else study.runs
    return result.frame["run"].n_unique() if result.frame.height else asked


def _require_extendable(there: StudyResult, study: Study, *, simulated: bool) -> None:
    """Raise StudyFolderError unless a finished study is this one, with fewer runs."""
    runs, asked = _runs_of(there), study.simulated_runs if simulated else study.runs
    what = f"{there.folder} holds a finished study"
    other = "name another --out, or replace it with --overwrite"
    if there.simulated != simulated:
        kind = "simulated runs" if there.simulated else "runs of real machines"
        raise StudyFolderError(f"{what} of {kind}; {other}")
    if there.study.with_changes(runs=1).text != study.with_changes(runs=1).text:
        assert there.folder is not None
        words = _differing(there.folder / STUDY_FILE, study, with_runs=False)
        raise StudyFolderError(f"{what}, with {words}; {other}")
    if asked <= runs:
        raise StudyFolderError(
            f"{what} of {counted(runs, 'run')} of each condition; add some with --runs above "
            f"{runs}, {other}"
        )
    if simulated and there.version != driftlab.__version__:
        raise StudyFolderError(
            f"{what}, simulated by driftlab {there.version}, and this is {driftlab.__version__}; "
            f"{other}"
        )


def _differing(path: Path, study: Study, *, with_runs: bool = True) -> str:
    """Return in what the study of a file differs from another one, in words."""
    try:
        there = parse_study(read_text(path), study.name, str(path), str(path.parent))
    except DriftlabError:
        return "a file that cannot be read"
    if there.question != study.question:
        return f"the question {there.question!r} instead of {study.question!r}"
    pairs: list[tuple[str, object, object]] = []
    if with_runs:
        pairs.append(("runs", there.runs, study.runs))
    old, new = there.base.to_dict(), study.base.to_dict()
    pairs += [(key, old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])]
    pairs += [
        (key, getattr(there, key), getattr(study, key)) for key in ("compare", "figures", "tables")
    ]
    for key in ("conditions", "grid"):
        pairs += _keys_that_differ(key, getattr(there, key), getattr(study, key))
    found = [
        f"{name} {_shown(old)} instead of {_shown(new)}" for name, old, new in pairs if old != new
    ]
    return " and ".join(dict.fromkeys(found)) or "another text"


def _keys_that_differ(
    table: str, old: Mapping[str, object], new: Mapping[str, object]
) -> list[tuple[str, object, object]]:
    """Return the keys of a table of a study that two studies have in another way, as in TOML."""
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    found: list[tuple[str, object, object]] = []
    for name in names:
        one, two, at = old.get(name), new.get(name), f"{table}.{name}"
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            found += _keys_that_differ(at, one, two)
        else:
            found.append((at, one, two))
    return found


def _shown(value: object) -> str:
    """Return a value of a study's file as it stands there."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items()) or "as the base"
    if isinstance(value, list | tuple):
        return ",".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _clear(folder: Path) -> None:
    """Remove what a study has written in its folder, and nothing else."""
    from shutil import rmtree

    for name in (STUDY_FILE, RUNS_FILE, GRID_FILE, PUBLISHED_FILE):
        (folder / name).unlink(missing_ok=True)
    for table in (folder / TABLES_FOLDER).glob("*.csv"):
        table.unlink()
    if (folder / RUNS_FOLDER).is_dir():
        rmtree(folder / RUNS_FOLDER)


def _save(result: StudyResult, folder: Path) -> None:
    import io

    (folder / TABLES_FOLDER).mkdir(exist_ok=True)
    for name, table in result.tables.items():
        write_durably(folder / TABLES_FOLDER / f"{name}.csv", table.write_csv().encode())
    if result.sweep is not None:
        write_sweep(result.sweep, folder / GRID_FILE, sweep_description(_grid_of(result.study)))
    if result.published is not None:
        buffer = io.BytesIO()
        result.published.write_parquet(buffer)
        write_durably(folder / PUBLISHED_FILE, buffer.getvalue())
    about = {
        "version": result.version,
        "study": result.study.name,
        "simulated": result.simulated,
        "compare": result.study.compare,
        "scenarios": {name: each.to_toml() for name, each in result.scenarios.items()},
    }
    buffer = io.BytesIO()
    result.frame.write_parquet(buffer, metadata={STUDY_KEY: json.dumps(about, ensure_ascii=False)})
    write_durably(folder / STUDY_FILE, result.study.text.encode())  # new if it was extended
    write_durably(folder / RUNS_FILE, buffer.getvalue())  # last: with it the study is finished


def load_study_result(folder: str | Path) -> StudyResult:
    """Read what a study found back from its folder.

    Raises StudyFolderError if there is no finished study.
    """
    at = Path(folder)
    path = at / RUNS_FILE
    if not (at / STUDY_FILE).exists():
        raise StudyFolderError(f"{at}: no study; there is no {STUDY_FILE}")
    if not path.exists():
        raise StudyFolderError(f"{at}: the study is not finished; run it again to go on")
    try:
        about = json.loads(pl.read_parquet_metadata(path)[STUDY_KEY])
        frame = pl.read_parquet(path)
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        reason = " ".join(str(error).split())
        raise StudyFolderError(f"{path}: cannot be read: {reason}") from None
    study = parse_study(read_text(at / STUDY_FILE), about["study"], str(at / STUDY_FILE))
    grid = at / GRID_FILE
    swept = pl.read_parquet(grid) if grid.exists() and read_description(grid) else None
    table = at / PUBLISHED_FILE
    published = pl.read_parquet(table) if table.exists() else None
    return StudyResult(study, about["simulated"], frame, swept, at, about["version"], published)


def clock_table(scenarios: Mapping[str, Scenario], folder: Path | None) -> pl.DataFrame | None:
    """Return a row a clock over the first run of the first condition.

    scenarios: of the conditions. folder: of that condition's real runs; None where they
    are simulated. None if there is no condition.
    """
    if not scenarios:
        return None
    if folder is None:
        first = next(iter(scenarios.values()))
        alone = first.for_run(first.first_run).replace(clock="lamport")
        history = simulate_run(alone, record="all").history
    else:
        history = read(find_run_folders(folder)[1][0])
    compared = history.compare()
    rows = [
        {
            "clock": each.clock,
            "logged": each.logged,
            "wrong_pairs": each.wrong,
            "hidden_pairs": each.hidden,
            "hidden_share": each.hidden_share,
            "message_bytes_mean": None if each.bytes is None else each.bytes.mean,
            "message_bytes_max": None if each.bytes is None else each.bytes.max,
            "events": compared.events,
            "concurrent_pairs": compared.concurrent,
            "why_not": each.why_not,
        }
        for each in compared.clocks
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
