"""The figures of a run, of runs and of a history as Altair charts: `run.plot.queues()`.

Every chart shows its title and its caption, is displayed by notebooks, and can be changed
like any other chart of Altair. `driftlab plot` draws the same figures into files.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from driftlab.analysis.metrics import MachineMetrics
from driftlab.figures.figure import Figure
from driftlab.figures.prediction import prediction_of_metrics
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.run_figures import Drawn, draw_runs

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

METHODS = {
    "clock": "clocks", "drift": "drift", "jumps": "jumps", "queue": "queues",
    "lateness": "lateness", "events": "events", "prediction": "prediction",
}  # fmt: skip


class Plots:
    """The figures of one or several recorded runs.

    Each method returns a chart of Altair, whose `save` writes it to a file, and raises
    NoDataError where the runs lack what it is of.
    """

    def __init__(
        self,
        columns: Callable[[], Sequence[RunColumns]],
        scenario: "Scenario | None" = None,
        metrics: Callable[[], Sequence[Sequence[MachineMetrics]]] | None = None,
    ) -> None:
        """Make the figures of runs.

        columns: gives the recorded columns of the runs, when a figure needs them. scenario,
        metrics: of the runs, where those are known without the columns.
        """
        self._columns = columns
        self._scenario = scenario
        self._metrics = metrics

    def __repr__(self) -> str:
        return f"Plots({', '.join(METHODS.values())})"

    def clocks(self) -> Any:
        """Return the chart of the clocks over time."""
        return self.figure("clock").chart

    def drift(self, against: Literal["fastest", "real time"] = "fastest") -> Any:
        """Return the chart of the drift over time.

        against: `fastest`, the clock of the fastest machine at the same instant, or
        `real time`, counted at its rate.
        """
        if against not in ("fastest", "real time"):
            raise ValueError(f"against={against!r}: expected 'fastest' or 'real time'")
        return self.figure("drift" if against == "fastest" else "drift-real").chart

    def jumps(self, *, histogram: bool = False) -> Any:
        """Return the chart of the jumps over time, or of how many there are of each size."""
        return self.figure("jump-histogram" if histogram else "jumps").chart

    def queues(self) -> Any:
        """Return the chart of the queues over time, with their predicted growth."""
        return self.figure("queue").chart

    def lateness(self) -> Any:
        """Return the chart of how late ticks began."""
        return self.figure("lateness").chart

    def events(self) -> Any:
        """Return the chart of the kinds of events."""
        return self.figure("events").chart

    def prediction(self) -> Any:
        """Return the chart of measurement beside prediction."""
        return self.figure("prediction").chart

    def figure(self, name: str) -> Figure:
        """Return a figure by the name that `driftlab plot` gives it: title, data and chart."""
        if name == "prediction" and self._scenario is not None and self._metrics is not None:
            return prediction_of_metrics(self._scenario, self._metrics())
        return draw_runs(self._columns(), [name]).figures[0]

    def figures(self) -> Drawn:
        """Return every figure that can be drawn, and why the others cannot."""
        return draw_runs(self._columns())
