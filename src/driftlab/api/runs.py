"""The runs of one scenario, in order, and their metrics as one frame.

Runs of the compiled engine stay arrays: a `Run` is made when somebody asks for it,
and the frame is made of the arrays.
"""

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, overload

from driftlab.api.run import Run
from driftlab.errors import counted
from driftlab.lazy import pl
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange

if TYPE_CHECKING:
    from driftlab.api.plot import Plots

# In a notebook: the figures of the assignment, in words.
SHOWN_FIGURES = {
    "clock": "last clock, ticks",
    "drift": "last drift, ticks",
    "jump_max": "largest jump, ticks",
    "queue_last": "last queue, messages",
}
# Columns of `Runs.frame` and their types: the keys of the JSON interface, with `_` for `.`.
FRAME_COLUMNS = {
    "run": "Int64",
    "name": "String",
    "rank": "Int64",
    "rate": "Float64",
    "achieved_rate": "Float64",
    "events_internal": "Int64",
    "events_send": "Int64",
    "events_receive": "Int64",
    "clock": "Int64",
    "jump_mean": "Float64",
    "jump_max": "Int64",
    "queue_mean": "Float64",
    "queue_max": "Int64",
    "queue_last": "Int64",
    "drift": "Int64",
    "lateness_us_p50": "Float64",
    "lateness_us_p99": "Float64",
    "lateness_us_max": "Float64",
    "late_ticks": "Int64",
    "end": "String",
}


class RunBlock(Sequence[Run]):
    """Consecutive runs that are kept in another form than as `Run` objects."""

    __slots__ = ()

    @abstractmethod
    def frame(self) -> "pl.DataFrame":
        """Return the metrics of the runs: FRAME_COLUMNS."""

    @abstractmethod
    def incomplete(self) -> Iterable[Run]:
        """Return the runs in which a machine did not take every tick."""


class Runs(Sequence[Run]):
    """The runs of one scenario, in the order of their numbers: a sequence, and a frame.

    scenario: of all runs.
    """

    def __init__(self, scenario: Scenario, blocks: Iterable[Sequence[Run]]) -> None:
        """Put together runs that come in blocks, each a list of runs or arrays of many."""
        self.scenario = scenario
        self._blocks = [block for block in blocks if len(block)]
        self._ends = list(accumulate(map(len, self._blocks)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> Run: ...

    @overload
    def __getitem__(self, place: slice) -> "Runs": ...

    def __getitem__(self, place: "int | slice") -> "Run | Runs":
        if isinstance(place, slice):
            return Runs(self.scenario, [[self[i] for i in range(*place.indices(len(self)))]])
        place = range(len(self))[place]  # raises IndexError, and counts from the end
        block = bisect_right(self._ends, place)
        return self._blocks[block][place - (self._ends[block - 1] if block else 0)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(
            one == another for one, another in zip(self, other, strict=True)
        )

    def __hash__(self) -> int:
        return hash((self.scenario, len(self)))

    def __repr__(self) -> str:
        return f"Runs({len(self)} of {self.scenario!r})"

    @cached_property
    def frame(self) -> "pl.DataFrame":
        """The metrics of every machine of every run, a row each.

        Columns: `run`, the number of the run; `name` and `rank` of the machine (1 is the
        fastest of its run; of equals, the first in name order); the metrics, named as in
        `--json` with `_` for `.`, null where there are none; `end`, how the machine ended.
        """
        kept: list[pl.DataFrame] = []
        objects: list[Run] = []
        for block in self._blocks:
            if isinstance(block, RunBlock):
                kept += [_frame_of(objects)] if objects else []
                objects = []
                kept.append(block.frame())
            else:
                objects += block
        if objects or not kept:
            kept.append(_frame_of(objects))
        return pl.concat(kept)

    def stats(self) -> "pl.DataFrame":
        """Return the mean and the range of every figure over the runs.

        A row a machine and figure, see `driftlab.analysis.over_runs`: by name, or by rank of
        speed (`fastest`, `middle`, `slowest`) where the scenario draws the rates.
        """
        from driftlab.analysis.over_runs import over_runs

        return over_runs(self.frame, by_of(self.scenario))

    def _summary_rows(self) -> list[tuple[object, ...]]:
        """Return the rows of the table that a notebook shows: the figures of the assignment."""
        stats = self.stats().filter(pl.col("figure").is_in(list(SHOWN_FIGURES)))
        columns = ("machine", "figure", "mean", "mean_low", "mean_high", "min", "max")
        return [
            (machine, SHOWN_FIGURES[figure], *values)
            for machine, figure, *values in stats.select(columns).iter_rows()
        ]

    def _repr_html_(self) -> str:
        from driftlab.api.notebook import shown
        from driftlab.figures.frames import means_figure

        plot = self.plot
        return shown(
            f"{counted(len(self), 'run')}; means with their 95 % intervals",
            (
                "machine",
                "figure",
                "mean over runs",
                "95 % interval from",
                "to",
                "smallest of a run",
                "largest of a run",
            ),
            self._summary_rows() if len(self) else (),
            [
                lambda: plot.figure("queue"),
                lambda: plot.figure("prediction"),
                lambda: means_figure(self.frame),
            ]
            if len(self)
            else (),
        )

    @property
    def plot(self) -> "Plots":
        """The figures of the runs as charts of Altair: `runs.plot.queues()`."""
        from driftlab.api.plot import Plots  # which loads Polars
        from driftlab.figures.run_columns import RunColumns

        return Plots(
            lambda: [
                RunColumns(run.history.trace, run.scenario, number=run.number) for run in self
            ],
            self.scenario,  # not of one run: where rates are drawn there is no one prediction
            lambda: [run.machines for run in self],
        )

    def incomplete(self) -> list[Run]:
        """Return the runs in which a machine did not take every tick."""
        found: list[Run] = []
        for block in self._blocks:
            if isinstance(block, RunBlock):
                found += block.incomplete()
            else:
                found += [run for run in block if not run.is_whole]
        return found

    def noteworthy(self) -> list[Run]:
        """Return every run of which there may be something to say besides its figures."""
        found: list[Run] = []
        for block in self._blocks:
            found += block.incomplete() if isinstance(block, RunBlock) else block
        return found


def by_of(scenario: Scenario) -> Literal["name", "rank"]:
    """Return by what machines of several runs are put together: `rank` where rates are drawn."""
    return "rank" if isinstance(scenario.rates, RateRange) else "name"


def _frame_of(runs: Sequence[Run]) -> "pl.DataFrame":
    """Return the metrics of some runs, column by column."""
    pairs = [(run, machine) for run in runs for machine in run.machines]
    machines = [machine for _, machine in pairs]
    late = [machine.lateness_us for machine in machines]
    columns: dict[str, list[object]] = {
        "run": [run.number for run, _ in pairs],
        "name": [machine.name for machine in machines],
        "rank": _ranks(runs),
        "rate": [machine.rate for machine in machines],
        "achieved_rate": [machine.achieved_rate for machine in machines],
        **{
            f"events_{kind}": [machine.events[kind] for machine in machines]
            for kind in ("internal", "send", "receive")
        },
        "clock": [machine.clock for machine in machines],
        "jump_mean": [machine.jump.mean for machine in machines],
        "jump_max": [machine.jump.max for machine in machines],
        "queue_mean": [machine.queue.mean for machine in machines],
        "queue_max": [machine.queue.max for machine in machines],
        "queue_last": [machine.queue.last for machine in machines],
        "drift": [machine.drift for machine in machines],
        "lateness_us_p50": [None if each is None else each.p50 for each in late],
        "lateness_us_p99": [None if each is None else each.p99 for each in late],
        "lateness_us_max": [None if each is None else each.max for each in late],
        "late_ticks": [machine.late_ticks for machine in machines],
        "end": [run.ends.get(machine.name) for run, machine in pairs],
    }
    return pl.DataFrame(columns, schema=frame_schema())


def _ranks(runs: Sequence[Run]) -> list[object]:
    """Return the rank of every machine among all of its run, those without a journal too."""
    ranks: list[object] = []
    for run in runs:
        names = run.scenario.machine_names()
        rates = run.scenario.rates_of(run.number)
        order = sorted(range(len(names)), key=lambda place: -rates[place])
        rank_of = {names[place]: rank for rank, place in enumerate(order, 1)}
        ranks += [rank_of.get(machine.name) for machine in run.machines]
    return ranks


def frame_schema() -> "dict[str, pl.DataType]":
    """Return the columns of a frame of runs and their types."""
    return {name: getattr(pl, kind)() for name, kind in FRAME_COLUMNS.items()}
