"""The figures of sweeps and studies, by name."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from driftlab.errors import did_you_mean
from driftlab.figures.figure import Figure, NoDataError
from driftlab.figures.frames import comparison_figure, phase_figure, sweep_prediction_figure
from driftlab.figures.run_figures import Drawn

if TYPE_CHECKING:
    import polars as pl

    from driftlab.scenario.scenario import Scenario

FRAME_FIGURES: "Final[dict[str, Callable[[pl.DataFrame, Scenario | None], Figure]]]" = {
    "phase": phase_figure,
    "comparison": comparison_figure,
    "prediction": sweep_prediction_figure,
}


def draw_frame(
    frame: "pl.DataFrame",
    scenario: "Scenario | None",
    names: Sequence[str] | None = None,
    compare: Sequence[str] | None = None,
) -> Drawn:
    """Return the figures of the frame of a sweep or a study, and why some cannot be drawn.

    frame: see `figures.frames`. scenario: what all cells or conditions have in common; None if
    nobody knows.
    names: keys of FRAME_FIGURES; those without data raise NoDataError, without names they
    are left out. compare: the figures that a study compares.
    """
    draw = dict(FRAME_FIGURES)
    draw["comparison"] = partial(comparison_figure, compare=compare)
    figures, left_out = [], []
    for name in dict.fromkeys(names or FRAME_FIGURES):
        if name not in FRAME_FIGURES:
            raise NoDataError(
                f"{name}: no figure of a sweep or a study; there are {', '.join(FRAME_FIGURES)}"
                f"{did_you_mean(name, FRAME_FIGURES)}"
            )
        try:
            figures.append(draw[name](frame, scenario))
        except NoDataError as error:
            if names:
                raise
            left_out.append(str(error))
    if not figures:
        raise NoDataError("; ".join(left_out))
    return Drawn(figures, left_out)
