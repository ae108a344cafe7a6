"""What of many points is drawn: the lowest and the highest of every column of pixels.

A line through them covers exactly the pixels that a line through all points covers,
but for the first and the last point of a column. No point is sampled: the extreme
ones of a run are always among those that stay.
"""

from itertools import pairwise
from typing import Final

from driftlab.arrays import FloatArray, IntArray
from driftlab.lazy import np

COLUMNS_MIN: Final = 20  # of pixels, however many lines share them


def extreme_rows(
    places: IntArray | FloatArray, values: IntArray | FloatArray, columns: int
) -> IntArray:
    """Return the rows of the points that are drawn, rising by their places.

    places, values: of each point, along both axes; the places rise. columns: into how
    many of equal width the places are cut. Each keeps its lowest and its highest point,
    of equals the first; points that are no more than that all stay.
    """
    count = len(places)
    if count <= 2 * columns:
        return np.arange(count)
    first, last = float(places[0]), float(places[-1])
    edges = np.searchsorted(places, np.linspace(first, last, columns + 1)[1:-1], side="left")
    bounds = np.unique(np.concatenate([[0], edges, [count]])).tolist()
    kept: list[int] = []
    for begin, end in pairwise(bounds):
        part = values[begin:end]
        low, high = begin + int(part.argmin()), begin + int(part.argmax())
        kept += [low] if low == high else sorted((low, high))
    return np.array(kept, dtype=np.int64)


def columns_for(lines: int, width: int, rows_max: int) -> int:
    """Return into how many columns each of some lines is cut.

    At most a column a pixel of `width`, and so many that all lines together have at most
    `rows_max` points. Where lines are many columns are wider, and still keep their extremes.
    """
    return max(COLUMNS_MIN, min(width, rows_max // (2 * max(lines, 1))))
