"""The statistics of every run at some paths, and which of them are runs of one scenario.

Runs are put together only where they repeat one scenario: the same keys but for the seed
and the number of the run, all real or all simulated. Logs of other programs do not say
what they are runs of; only executions at one path, of the same processes, are put together.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftlab.analysis.metrics import pacing_lines
from driftlab.analysis.over_runs import By, over_runs
from driftlab.analysis.run_statistics import RunStatistics, run_statistics
from driftlab.api.read import RunSource, find_sources
from driftlab.api.read_run import REPEATED_KEYS, read_run_with_events, scenario_of_all
from driftlab.api.run import Run
from driftlab.api.runs import by_of
from driftlab.errors import counted
from driftlab.history.trace import Trace
from driftlab.journal.run_folder import SCENARIO_FILE
from driftlab.lazy import pl
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

if TYPE_CHECKING:
    from driftlab.api.history import History

SAME_RATE: Final = 0.05  # share by which machines of one name may differ in rate between runs


class RecordedRun(NamedTuple):
    """One recorded run and its statistics.

    path: where it was found. name: of the run there. scenario: that it is a run of, its
    rates perhaps drawn; None of a log that does not say. number: of the run. run: its
    metrics and how its machines ended, None of a log of another program. is_simulated:
    None if nobody knows. statistics: of its machines.
    assumed: what was assumed to read it, a line each. unread: lines that could not be read.
    """

    path: str
    name: str
    scenario: Scenario | None
    number: int
    run: Run | None
    is_simulated: bool | None
    statistics: RunStatistics
    assumed: Sequence[str] = ()
    unread: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every machine took every tick, as far as the log says."""
        return self.run is None or self.run.is_whole

    def remarks(self) -> list[str]:
        """Return what a reader of its figures must know besides, a line each."""
        rows = self.statistics.machines
        unread = []
        if self.unread:
            unread = [f"{counted(self.unread, 'line')} could not be read; see driftlab check"]
        return [*unread, *pacing_lines(rows), *self.statistics.reasons]

    def to_dict(self) -> dict[str, Any]:
        """Return it under the names of the JSON interface."""
        machines = [nested(row) for row in self.statistics.machines]
        document: dict[str, Any] = {"folder": None}
        if self.run is not None:
            document |= self.run.to_dict()
            known = {machine["name"]: machine for machine in document["machines"]}
            machines = [_merged(each, known.get(each["name"], {})) for each in machines]
            if self.run.folder is not None:  # a machine without a journal has no figures
                machines = [each for each in machines if each["name"] in known]
        return document | {
            "path": self.path,
            "name": self.name,
            "machines": machines,
            "drift": [_slope(row) for row in self.statistics.slopes.iter_rows(named=True)],
            "remarks": self.remarks(),
            "assumed": list(self.assumed),
        }


def nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statistics of a machine under the names of the JSON interface."""
    document: dict[str, Any] = {}
    for name, value in row.items():
        figure, _, part = name.partition("_")
        if name.endswith("_low"):
            key, high = name.removesuffix("_low"), row[f"{name.removesuffix('_low')}_high"]
            interval = None if value is None else [value, high]
            into, key = (document["queue"], key[6:]) if figure == "queue" else (document, key)
            into[f"{key}_ci95"] = interval
        elif name.endswith("_high"):
            continue
        elif figure in ("events", "jump", "queue"):
            document.setdefault(figure, {})[part] = value
        elif name.startswith("lateness_us_"):
            document.setdefault("lateness_us", {})[name.removeprefix("lateness_us_")] = value
        else:
            document[name] = value
    if not document["events"]["unsaid"]:
        del document["events"]["unsaid"]
    if document["lateness_us"]["max"] is None:
        del document["lateness_us"], document["late_ticks"]
    return document


def _merged(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return one document with the values of another, table by table."""
    return one | {
        key: one[key] | value if isinstance(value, dict) and isinstance(one.get(key), dict)
        else value
        for key, value in other.items()
    }  # fmt: skip


def _slope(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = row["drift_per_second_low"], row["drift_per_second_high"]
    return {
        "machine": row["machine"],
        "reference": row["reference"],
        "per_second": row["drift_per_second"],
        "per_second_ci95": None if low is None else [low, high],
    }


# Reading.


def recorded_runs(path: str, **options: Any) -> Iterator[RecordedRun]:
    """Read every run at a path, one after the other; the options are those of `read`.

    Raise DriftlabError if there is none that can be read.
    """
    rates = options.pop("rates", None)
    sources = find_sources(path, **options)[::-1]
    while sources:  # a source that was read holds its events: let go of each
        yield _recorded(path, sources.pop(), rates)


def _recorded(path: str, source: RunSource, rates: Sequence[float] | None) -> RecordedRun:
    is_folder = source.form is None and source.path.is_dir() and not Path(path).is_file()
    if is_folder and (source.path / SCENARIO_FILE).exists():
        run, trace, counted = read_run_with_events(source.path)
        statistics = run_statistics(trace, counted=counted)
        base = scenario_of_all(source.path, run.scenario)
        return _of_trace(str(source.path), source.name, trace, statistics, run, base)
    history = source.read()
    if rates is not None:
        history = history.with_rates(rates)
    if source.form is not None:
        trace = history.trace
        return _of_trace(path, source.name, trace, run_statistics(trace), assumed=trace.assumed)
    return _of_packed(source, history)


def _of_packed(source: RunSource, history: "History") -> RecordedRun:
    """Return a run that is packed, or of which there are some journals and no folder."""
    scenario = None
    if history.trace.scenario is not None:
        try:
            scenario = Scenario.from_toml(history.trace.scenario)
        except ScenarioError:  # somebody edited it
            scenario = None
    base = None if scenario is None else scenario_of_all(source.path, scenario)
    statistics = run_statistics(history.trace)
    return _of_trace(str(source.path), source.name, history.trace, statistics, None, base, scenario)


def _of_trace(
    path: str,
    name: str,
    trace: Trace,
    statistics: RunStatistics,
    run: Run | None = None,
    base: Scenario | None = None,
    scenario: Scenario | None = None,
    assumed: Sequence[str] = (),
) -> RecordedRun:
    alone = run.scenario if run is not None else scenario
    is_simulated = trace.process_info[0].simulated if len(trace.process_info) else None
    return RecordedRun(
        path, name, base, 1 if alone is None else alone.first_run, run, is_simulated,
        statistics, assumed,
        sum(each.lines for each in trace.unread),
    )  # fmt: skip


# Runs of one scenario.


class Group(NamedTuple):
    """The runs of one scenario, in the order in which they were found.

    scenario: of the first, None if the logs do not say. twice: how many runs were found
    again and left out.
    """

    scenario: Scenario | None
    runs: list[RecordedRun]
    twice: int

    @property
    def whole(self) -> list[RecordedRun]:
        """The runs in which every machine took every tick."""
        return [run for run in self.runs if run.is_whole]

    def frame(self) -> "pl.DataFrame":
        """Return the statistics of the whole runs, a row a run and machine; there must be one."""
        return pl.concat(
            run.statistics.frame().with_columns(pl.lit(number).alias("run"))
            for number, run in enumerate(self.whole)
        )

    def over_runs(self) -> "pl.DataFrame | None":
        """Return the mean and the range of every figure; None unless two runs are whole."""
        return over_runs(self.frame(), self.by()) if len(self.whole) > 1 else None

    def by(self) -> By:
        """Return by what the machines of the runs are put together: `name`, or `rank` of speed."""
        if self.scenario is not None:
            return by_of(self.scenario)
        rates: dict[str, list[float]] = {}
        for row in chain.from_iterable(run.statistics.machines for run in self.runs):
            if row["rank"] is None:
                return "name"
            rates.setdefault(row["name"], []).append(row["achieved_rate"] or 0.0)
        differ = any(max(each) > (1 + SAME_RATE) * min(each) for each in rates.values())
        return "rank" if differ else "name"

    def remarks(self) -> list[str]:
        """Return what a reader of `over_runs` must know, a line each."""
        lines = []
        broken = len(self.runs) - len(self.whole)
        if broken and len(self.runs) > 1:
            verb = "is" if broken == 1 else "are"
            lines.append(
                f"{broken} of {len(self.runs)} runs {verb} incomplete and left out of the means"
            )
        if self.twice:
            were = counted(self.twice, "run was", "runs were")
            lines.append(f"{were} given twice and counted once")
        return lines


def grouped(runs: Sequence[RecordedRun]) -> list[Group]:
    """Return runs by scenario, each run once: a copy, also a restamped one, counts with its run."""
    groups: dict[object, Group] = {}
    seen: dict[object, object] = {}  # from what no other run has to the key of its group
    for run in runs:
        same = _same_run_keys(run)
        first = next((seen[key] for key in same if key in seen), None)
        if first is None:
            key = _scenario_key(run)
            groups.setdefault(key, Group(run.scenario, [], 0)).runs.append(run)
        else:
            key = first
            groups[key] = groups[key]._replace(twice=groups[key].twice + 1)
        seen |= dict.fromkeys(same, key)
    return list(groups.values())


def _scenario_key(run: RecordedRun) -> object:
    if run.scenario is None:
        names = tuple(row["name"] for row in run.statistics.machines)
        return run.path, names
    keys = run.scenario.to_dict()
    kept = {key: value for key, value in keys.items() if key not in REPEATED_KEYS}
    if run.is_simulated:
        kept.pop("speed")
    return str(sorted(kept.items())), run.is_simulated


def _same_run_keys(run: RecordedRun) -> set[object]:
    """Return what no other run has: its place, its random numbers if it was simulated, or
    when its ticks began, to the nanosecond, if it was not: then the other is a copy.
    """
    keys: set[object] = {(str(Path(run.path).resolve()), run.name)}
    if run.is_simulated and run.scenario is not None:
        keys.add((_scenario_key(run), run.scenario.seed, run.number))
    elif any(row["lateness_us_max"] is not None for row in run.statistics.machines):
        keys.add(str(run.statistics.machines))
    return keys
