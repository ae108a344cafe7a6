"""What a report rests on: the measures of a machine, or of a rank of speed over runs.

A measure is a value and, where the data give one, its 95 % interval. Nothing is
rounded here. Sentences and tables take their numbers from the same measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from driftlab.analysis.over_runs import rank_name
from driftlab.analysis.statistics import Estimate


class Measure(NamedTuple):
    """A value with its interval.

    value: of one run, or the mean over runs. low, high: its 95 % interval, None where
    the data give none. least, greatest: of the single runs, None for one run.
    """

    value: float
    low: float | None = None
    high: float | None = None
    least: float | None = None
    greatest: float | None = None

    @property
    def has_interval(self) -> bool:
        """Whether the data give an interval."""
        return self.low is not None and self.high is not None

    @property
    def is_constant(self) -> bool:
        """Whether the interval is one value, as of runs that all show the same."""
        return self.has_interval and self.low == self.high

    def excludes(self, value: float) -> bool:
        """Whether the interval is known and does not hold a value."""
        return Estimate(self.value, self.low, self.high).excludes(value)

    def exceeds(self, value: float) -> bool:
        """Whether the interval is known and lies above a value."""
        return Estimate(self.value, self.low, self.high).exceeds(value)

    def times(self, factor: float) -> "Measure":
        """Return the measure in a unit that is 1/factor as large; factor: above 0."""
        bounds = [None if part is None else part * factor for part in self[1:]]
        return Measure(self.value * factor, *bounds)

    def negated(self) -> "Measure":
        """Return the measure of the negative quantity."""
        return Measure(
            -self.value,
            None if self.high is None else -self.high,
            None if self.low is None else -self.low,
            None if self.greatest is None else -self.greatest,
            None if self.least is None else -self.least,
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """A machine, or the machines of one rank of speed, with what was measured of it.

    name: of the machine or the rank. is_rank: whether it is a rank. rate: ticks a second
    that were asked for, None if not known or not the same in all runs. runs: how many
    runs. measures: by name; those that the log does not allow are absent. predicted:
    what theory expects, by the same names and `queue` (stable, critical, diverges).
    reference: the machine or rank against which drift is measured.
    """

    name: str
    is_rank: bool = False
    rate: float | None = None
    runs: int = 1
    measures: Mapping[str, Measure] = field(default_factory=dict)
    predicted: Mapping[str, float | str] = field(default_factory=dict)
    reference: str | None = None

    def get(self, measure: str) -> Measure | None:
        """Return a measure, None where there is none."""
        return self.measures.get(measure)

    def expected(self, measure: str) -> float | None:
        """Return the number that theory expects, None where it expects none."""
        value = self.predicted.get(measure)
        return None if value is None or isinstance(value, str) else value

    @property
    def label(self) -> str:
        """How a sentence calls it."""
        return label_of(self.name, is_rank=self.is_rank)

    @property
    def reference_label(self) -> str:
        """How a sentence calls the machine that its drift is against."""
        return label_of(self.reference or "the fastest machine", is_rank=self.is_rank)

    @property
    def is_reference(self) -> bool:
        """Whether drift is measured against it."""
        return self.name == self.reference


def label_of(name: str, *, is_rank: bool) -> str:
    """Return how a sentence calls a machine or a rank."""
    if not is_rank:
        return name
    return f"the machine of {name}" if name.startswith("rank ") else f"the {name} machine"


def rank_names(machines: int, of_all: int | None = None) -> list[str]:
    """Return the names of the ranks of speed, the fastest first.

    of_all: the number of machines that all groups have, 0 if they differ (see
    `size_of_all`); None: that of machines.
    """
    size = machines if of_all is None else of_all
    return [rank_name(rank, size) for rank in range(1, machines + 1)]
