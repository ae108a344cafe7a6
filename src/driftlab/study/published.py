"""Real runs of the model as others published them, held against the simulator.

A row is one run of a minute, or a set of runs. A figure is inside if it lies in the
simulated range that all figures of a row share with 99 % probability (Bonferroni: of n
figures each has a range of 1 - 0.01/n). A single run says little, so a figure inside
proves nothing; one outside says that the run was another experiment than its rates say.
What is published is rounded; a mean jump counts as inside if any number that rounds to it
does. How many ticks a machine took follows from its last clock over its mean jump: the
rate it achieved.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from driftlab.api.simulate import simulate_runs
from driftlab.lazy import np, pl
from driftlab.scenario.scenario import Scenario

PROBABILITY: Final = 0.99  # of all figures of a row to be inside
RUNS: Final = 20_000  # simulated for each row
RUNS_MIN: Final = 5_000  # of fewer the ranges are too narrow
SEED: Final = 7
JUMP_ROUNDING: Final = 0.005  # published mean jumps have two digits
COLUMNS: Final = {
    "final clock": "clock", "mean jump": "jump_mean",
    "largest jump": "jump_max", "longest queue": "queue_max",
}  # fmt: skip

Values = tuple[tuple[float, ...], ...]  # of each machine what was published: none, one, or ends


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """A real run, or a set of runs, as published.

    source: the repository, on GitHub. rates: of the machines, fastest first. faces: of the
    die, or None with internal: the probability of an internal event. seconds: of a run.
    figures: by name (a key of COLUMNS), for each machine the values that were published.
    explanation: why a row is outside, empty if it is not.
    """

    source: str
    rates: tuple[float, ...]
    figures: Mapping[str, Values]
    faces: int | None = 10
    internal: float | None = None
    seconds: float = 60
    explanation: str = ""

    def scenario(
        self, rates: Sequence[float] | None = None, *, runs: int = RUNS, seed: int = SEED
    ) -> Scenario:
        """Return the scenario to simulate.

        rates: ticks a second, by default the row's. runs, seed: of the scenario.
        """
        die: dict[str, Any] = {"faces": self.faces}
        if self.internal is not None:  # one or the other peer twice as often as both
            sends = 1 - self.internal
            die = {"send_one": round(sends * 2 / 3, 6), "send_all": round(sends / 3, 6)}
        return Scenario(
            rates=self.rates if rates is None else rates,
            seconds=self.seconds, runs=runs, seed=seed, **die,
        )  # fmt: skip

    def achieved_rates(self) -> tuple[float, ...] | None:
        """Return the rates at which the machines ticked, None if they cannot be known."""
        clocks, jumps = self.figures.get("final clock", ()), self.figures.get("mean jump", ())
        if not clocks or not all(clocks) or not all(jumps):
            return None
        return tuple(
            min(rate, round(clock[0] / jump[0]) / self.seconds)
            for rate, clock, jump in zip(self.rates, clocks, jumps, strict=True)
        )


def _each(*values: float) -> Values:
    return tuple((value,) for value in values)


def _minute(
    source: str,
    rates: tuple[float, ...],
    clocks: tuple[int, int, int],
    mean_jumps: tuple[float, float, float],
    largest_jumps: tuple[int, int, int],
    longest_queues: tuple[int, int, int],
    explanation: str = "",
) -> PublishedRun:
    figures = zip(COLUMNS, (clocks, mean_jumps, largest_jumps, longest_queues), strict=True)
    table = {name: _each(*values) for name, values in figures}
    return PublishedRun(source, rates, table, explanation=explanation)


def _slowest_of_several(
    mean_jump: float, queue: tuple[int, int], internal: float | None = None
) -> PublishedRun:
    figures: dict[str, Values] = {
        "mean jump": ((), (), (mean_jump,)), "longest queue": ((), (), queue)
    }  # fmt: skip
    return PublishedRun("yangp0709/CS262", (5, 3, 1), figures, None if internal else 10, internal)


ALMOST: Final = "a tick short: the fastest machine took {} of {} ticks"
PUBLISHED: Final = (
    _minute(
        "KevenLi8888/scale-models-and-logical-clocks", (6, 3, 2), (359, 356, 348),
        (1.00, 1.99, 2.90), (1, 12, 16), (0, 1, 3), ALMOST.format(359, 360),
    ),
    _minute(
        "KevenLi8888/scale-models-and-logical-clocks", (5, 4, 4), (307, 305, 307),
        (1.02, 1.28, 1.28), (2, 6, 5), (1, 2, 2),
    ),
    _minute(
        "KevenLi8888/scale-models-and-logical-clocks", (5, 5, 1), (306, 307, 158),
        (1.02, 1.02, 2.68), (2, 2, 10), (1, 1, 52),
        "every tick was taken, but few moved a clock: the two fast machines probably ticked "
        "nearly together (aligned they would reach 300, apart 322)",
    ),
    _minute(
        "MaxwellZen/2620-logical-clocks", (6, 5, 4), (364, 364, 361),
        (1.01, 1.21, 1.50), (2, 6, 6), (2, 2, 2),
    ),
    _minute(
        "tslilyai/logical-clocks", (5, 3, 1), (299, 295, 233),
        (1.00, 1.65, 3.95), (1, 7, 13), (1, 2, 21), ALMOST.format(299, 300),
    ),
    _minute(
        "SuperiorityComplex/scale-models-log-clocks", (5, 5, 5), (295, 295, 295),
        (1.11, 1.11, 1.11), (3, 3, 3), (1, 1, 1),
        "slow: 11 % of the ticks are missing, 266 of 300",
    ),
    _slowest_of_several(3.95, (17, 28)),
    _slowest_of_several(2.73, (56, 72), 0.5),
    _slowest_of_several(2.28, (90, 112), 0.25),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One published value beside the simulated range. machine: 0 is the fastest."""

    name: str
    machine: int
    value: float
    low: float
    high: float
    inside: bool


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A published run held against the simulator.

    figures: at the rates that the run was to have. achieved_rates: those it had, where
    they can be known and the row is outside; at_achieved: the figures at these.
    """

    run: PublishedRun
    figures: tuple[PublishedFigure, ...]
    achieved_rates: tuple[float, ...] | None
    at_achieved: tuple[PublishedFigure, ...]

    @property
    def inside(self) -> bool:
        """Whether every figure is inside the simulated range."""
        return all(figure.inside for figure in self.figures)

    @property
    def inside_at_achieved(self) -> bool | None:
        """Whether every figure is inside at the rates achieved; None if not simulated."""
        return all(each.inside for each in self.at_achieved) if self.at_achieved else None


def published_rows(
    *, runs: int = RUNS, seed: int = SEED, on_row: Callable[[int, int], None] | None = None
) -> list[PublishedRow]:
    """Hold every published run against the simulator, the simulated phases free.

    runs: simulated for each; fewer than RUNS_MIN make the ranges too narrow. on_row: called
    after each with how many are done, and how many there are.
    """
    rows = []
    for run in PUBLISHED:
        rows.append(_row(run, runs, seed))
        if on_row is not None:
            on_row(len(rows), len(PUBLISHED))
    return rows


def _row(run: PublishedRun, runs: int, seed: int) -> PublishedRow:
    figures = tuple(_held_against(run, run.scenario(runs=runs, seed=seed)))
    achieved = None if all(figure.inside for figure in figures) else run.achieved_rates()
    if achieved == run.rates:
        achieved = None
    again: tuple[PublishedFigure, ...] = ()
    if achieved is not None:
        again = tuple(_held_against(run, run.scenario(achieved, runs=runs, seed=seed)))
    return PublishedRow(run, figures, achieved, again)


def published_frame(rows: Sequence[PublishedRow]) -> "pl.DataFrame":
    """Return a row a published figure, beside its simulated range.

    Columns: row, source, rates, die; figure, machine (0 is the fastest), value; low, high,
    inside at the rates asked; achieved_rates, and where they differ low_achieved,
    high_achieved, inside_achieved; explanation, where a figure of the row is outside.
    """
    table = []
    for number, row in enumerate(rows):
        run = row.run
        die = f"{run.faces} faces" if run.internal is None else f"{100 * run.internal:g} % internal"
        achieved = row.achieved_rates
        for place, figure in enumerate(row.figures):
            again = row.at_achieved[place] if row.at_achieved else None
            table.append(
                {
                    "row": number, "source": run.source,
                    "rates": "/".join(f"{rate:g}" for rate in run.rates), "die": die,
                    "figure": figure.name, "machine": figure.machine, "value": figure.value,
                    "low": figure.low, "high": figure.high, "inside": figure.inside,
                    "achieved_rates": None if achieved is None
                    else "/".join(f"{rate:.3f}" for rate in achieved),
                    "low_achieved": None if again is None else again.low,
                    "high_achieved": None if again is None else again.high,
                    "inside_achieved": None if again is None else again.inside,
                    "explanation": run.explanation or None,
                }
            )  # fmt: skip
    return pl.DataFrame(table, infer_schema_length=None)


@dataclass(frozen=True, slots=True)
class PublishedSummary:
    """What became of one published row.

    name: its source and rates. outside: its figures outside the range, in words.
    at_achieved: whether it is inside at the rates achieved, None if not simulated.
    """

    name: str
    outside: str
    achieved_rates: str | None
    at_achieved: bool | None
    explanation: str | None

    def sentence(self, narrow_ranges: str | None) -> str:
        """Return which of its figures lie outside, and why; narrow_ranges: why it proves nothing.

        That is what `StudyResult.narrow_ranges` says, None if the ranges are good.
        """
        unknown = "no explanation is known"
        why = self.explanation or (unknown if narrow_ranges is None else "the ranges are narrow")
        return f"{self.name} lies outside: {self.outside}. {why[0].upper()}{why[1:]}."


def summaries_of(frame: "pl.DataFrame") -> list[PublishedSummary]:
    """Return what became of each row of a `published_frame`."""
    return [_summary(rows) for _, rows in frame.group_by("row", maintain_order=True)]


def _summary(rows: "pl.DataFrame") -> PublishedSummary:
    first = rows.row(0, named=True)
    outside = [
        f"{each['figure']} {each['value']:g} of machine {each['machine'] + 1}, "
        f"range {each['low']:.4g} to {each['high']:.4g}"
        for each in rows.filter(~pl.col("inside")).iter_rows(named=True)
    ]
    again = rows["inside_achieved"]
    return PublishedSummary(
        f"{first['source'].partition('/')[0]}, {first['rates']}, {first['die']}",
        "; ".join(outside),
        first["achieved_rates"],
        None if again.null_count() else bool(again.all()),
        first["explanation"],
    )


def _held_against(run: PublishedRun, scenario: Scenario) -> Iterator[PublishedFigure]:
    frame = simulate_runs(scenario).frame
    count = sum(len(values) for machines in run.figures.values() for values in machines)
    tail = (1 - PROBABILITY) / count / 2
    names = scenario.machine_names()
    for name, machines in run.figures.items():
        rounding = JUMP_ROUNDING if name == "mean jump" else 0.0
        for machine, values in enumerate(machines):
            if not values:
                continue
            low, high = _range(frame, names[machine], COLUMNS[name], tail)
            for value in values:
                inside = low - rounding <= value <= high + rounding
                yield PublishedFigure(name, machine, value, low, high, inside)


def _range(frame: "pl.DataFrame", machine: str, column: str, tail: float) -> tuple[float, float]:
    values = frame.filter(frame["name"] == machine)[column].to_numpy()
    low, high = np.quantile(values, [tail, 1 - tail], method="nearest")
    return float(low), float(high)
