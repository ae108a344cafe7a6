"""A first look at a long history: how many events each lane has in some columns of its time.

The page paints it while the events are still being read, so it is made of the times alone.
Every event counts; which messages there are, it does not say.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import FloatArray, IntArray
from driftlab.diagram.columns import Diagram, Lane
from driftlab.diagram.encoding import container_parts, lane_object
from driftlab.figures.palette import machine_colour, machine_dash
from driftlab.history.parquet import KEY, PARQUET_MAGIC, VERSION
from driftlab.history.parquet_claims import require_known_types, require_plausible_size, source_of
from driftlab.lazy import pl

COLUMNS_MAX: Final = 2048
CELLS_MAX: Final = 1 << 20  # of all lanes
ROWS_AT_ONCE: Final = 1 << 16
EVENTS_MIN: Final = 300_000  # a shorter history is shown whole as soon


class Overview(NamedTuple):
    """How the events of each lane are spread over time.

    lanes: see `Lane`. counts: of each lane and column, i4. begin, end: of the time axis, ns.
    has: which columns the history has, as in a header.
    """

    title: str
    lanes: Sequence[Lane]
    counts: IntArray
    begin: float
    end: float
    has: Mapping[str, bool]

    def parts(self) -> list[bytes | memoryview]:
        """Return the parts of a container whose one column is `counts`, lane after lane."""
        header = {
            "title": self.title,
            "overview": [self.begin, self.end],
            "events": self.lanes[-1].end,
            "lanes": [lane_object(each) for each in self.lanes],
            "has": dict(self.has),
        }
        return container_parts(header, {"counts": self.counts.reshape(-1)})


def overview_of(diagram: Diagram) -> Overview | None:
    """Return the first look at a diagram; None if it is short or has no times."""
    time = diagram.columns.get("time")
    if time is None or len(time) < EVENTS_MIN:
        return None
    has = {name: name in diagram.columns for name in ("own", "clock", "queue", "late")}
    return _overview(diagram.title, diagram.lanes, time, {**has, "found": True})


def packed_overview(path: Path, title: str) -> Overview | None:
    """Return the first look at a packed history; None if it is short, or not as it should be.

    Then the whole history says what is wrong.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
                return None
        source = source_of(path)
        document = json.loads(pl.read_parquet_metadata(source)[KEY])
        if document["version"] != VERSION or document["starts"][-1] < EVENTS_MIN:
            return None
        require_known_types(document)
        require_plausible_size(path)
        there = pl.scan_parquet(source, glob=False).collect_schema().names()
        times = _times_in(source, there, document["authors"])
        starts = document["starts"]
        if times is None or not _divide(starts, len(times.time), len(document["names"])):
            return None
    except (OSError, ValueError, LookupError, TypeError, pl.exceptions.PolarsError):
        return None
    rates = [each.get("rate") for each in document["authors"]] or [None] * len(document["names"])
    lanes = [
        Lane(
            name, machine_colour(place), machine_dash(place), starts[place], starts[place + 1], rate
        )
        for place, (name, rate) in enumerate(zip(document["names"], rates, strict=True))
    ]
    has = {"own": False, "clock": "clock" in there, "queue": "queue" in there,
           "late": times.is_late, "found": "found_sender" in there}  # fmt: skip
    return _overview(title, lanes, times.time, has)


def _divide(starts: Sequence[int], events: int, lanes: int) -> bool:
    is_rising = all(one <= other for one, other in pairwise(starts))
    return len(starts) == lanes + 1 and starts[0] == 0 and starts[-1] == events and is_rising


class _Times(NamedTuple):
    """When events happened; is_late: whether a machine was ever late."""

    time: FloatArray
    is_late: bool


def _times_in(
    source: Path | bytes, there: Sequence[str], authors: Sequence[Mapping[str, Any]]
) -> _Times | None:
    """Return the times of the events, as `columns` has them; NaN where one is missing."""
    if "due_ns" not in there:
        return None
    names = [name for name in ("due_ns", "late_ns") if name in there]
    frame = pl.read_parquet(source, columns=names, glob=False)
    begun, is_late = frame["due_ns"], False
    if "late_ns" in there:
        late = frame["late_ns"].fill_null(0)
        is_late = late.min() != 0 or late.max() != 0
        begun = begun + late if is_late else begun
    first = authors[0] if authors else {"simulated": True}
    speed = 1.0 if first.get("simulated") else float(first.get("speed") or 1.0)
    time: FloatArray = begun.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return _Times(time if speed == 1 else time * speed, is_late)


def _overview(
    title: str, lanes: Sequence[Lane], time: FloatArray, has: Mapping[str, bool]
) -> Overview | None:
    begin, end = float(np.nanmin(time)), float(np.nanmax(time))
    if not (np.isfinite(begin) and np.isfinite(end)) or not lanes:
        return None
    has_gaps = bool(np.isnan(time).any())
    columns = max(1, min(COLUMNS_MAX, CELLS_MAX // len(lanes)))
    scale = columns / (end - begin) if end > begin else 0.0
    counts = np.zeros((len(lanes), columns), np.int32)
    for place, lane in enumerate(lanes):
        for first in range(lane.start, lane.end, ROWS_AT_ONCE):  # as many as a cache holds
            mine = time[first : min(lane.end, first + ROWS_AT_ONCE)]
            known = mine[~np.isnan(mine)] if has_gaps else mine
            columns_of = np.minimum(((known - begin) * scale).astype(np.int64), columns - 1)
            counts[place] += np.bincount(columns_of, minlength=columns).astype(np.int32)
    return Overview(title, lanes, counts, begin, end, {"time": True, **has})
