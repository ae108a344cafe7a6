"""The figures of recorded runs, by name: one run, or several of one scenario."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from driftlab.errors import did_you_mean
from driftlab.figures.figure import Figure, NoDataError
from driftlab.figures.over_time import (
    clock_figure,
    drift_figure,
    drift_real_figure,
    jumps_figure,
    lateness_figure,
    queue_figure,
)
from driftlab.figures.prediction import prediction_figure
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.shares import events_figure, jump_histogram_figure
from driftlab.history.trace import Trace

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

RUN_FIGURES: Final[dict[str, Callable[[Sequence[RunColumns]], Figure]]] = {
    "clock": clock_figure,
    "drift": drift_figure,
    "drift-real": drift_real_figure,
    "jumps": jumps_figure,
    "jump-histogram": jump_histogram_figure,
    "queue": queue_figure,
    "lateness": lateness_figure,
    "events": events_figure,
    "prediction": prediction_figure,
}


class Drawn(NamedTuple):
    """Figures that were drawn, and why others were not, a line each."""

    figures: list[Figure]
    left_out: list[str]


def run_figures(
    history_trace: Trace,
    scenario: "Scenario | None" = None,
    names: Sequence[str] | None = None,
) -> list[Figure]:
    """Return the figures of one recorded run.

    history_trace: of the run. scenario: of this run alone; None: what the trace says.
    names: of figures, keys of RUN_FIGURES. Those without data raise NoDataError; without
    names they are left out.
    """
    return draw_runs([RunColumns(history_trace, scenario)], names).figures


def draw_runs(runs: Sequence[RunColumns], names: Sequence[str] | None = None) -> Drawn:
    """Return the figures of runs, and why some cannot be drawn.

    runs: at least one; several are drawn into the same figures. names: as in `run_figures`.
    """
    if not any(len(run.trace) for run in runs):
        raise NoDataError("there is nothing to draw: no machine took a tick, so there is no event")
    figures, left_out = [], []
    for name in dict.fromkeys(names or RUN_FIGURES):
        if name not in RUN_FIGURES:
            raise NoDataError(
                f"{name}: no figure of a run; there are {', '.join(RUN_FIGURES)}"
                f"{did_you_mean(name, RUN_FIGURES)}"
            )
        try:
            figures.append(RUN_FIGURES[name](runs))
        except NoDataError as error:
            if names:
                raise
            left_out.append(str(error))
    if not figures:
        raise NoDataError("; ".join(left_out))
    return Drawn(figures, left_out)
