"""The colours of figures: those of Okabe and Ito (2008), which colour-blind people tell apart.

A machine has one colour in every figure, by its position among the machines of its run.
Beyond the eighth the colours come again, with dashes.
"""

from collections.abc import Sequence
from typing import Final

BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
BLACK: Final = "#000000"
YELLOW: Final = "#F0E442"
OKABE_ITO: Final = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])

INK: Final = "#222222"  # texts
FAINT: Final = "#595959"  # secondary texts; 7:1 on white
GRID: Final = "#E5E5E5"

# Kinds of events are greys: colours are of machines.
KIND_COLOURS: Final = {
    "internal": "#D9D9D9", "send": "#969696", "receive": "#404040", "unsaid": "#F0F0F0",
}  # fmt: skip
PHASE_COLOURS: Final = {"stable": BLUE, "critical": "#8A8A8A", "diverges": VERMILLION}


def machine_colour(position: int) -> str:
    """Return the colour of a machine, by its position in its run, from 0."""
    return OKABE_ITO[position % len(OKABE_ITO)]


def machine_dash(position: int) -> list[int]:
    """Return how the line of a machine is dashed: lengths of strokes and gaps in pixels."""
    return list(DASHES[position // len(OKABE_ITO) % len(DASHES)])


def machine_colours(names: Sequence[str]) -> dict[str, str]:
    """Return the colour of each machine of a run, whose names come in its own order."""
    return {name: machine_colour(place) for place, name in enumerate(names)}
