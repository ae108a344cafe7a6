"""How the clocks of two machines drift apart in real time: over time, and a second.

The drift of a machine is its clock less that of a reference, the faster of the two, at
the same instant of real time. It ends where the first of both ended. Its slope has an
interval because the growths of equal parts of a run count as independent.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from driftlab.analysis.run_times import (
    NO_GROWTH,
    Growth,
    RunTimes,
    edges_of,
    growth_between,
    said_of,
    speed_order,
)
from driftlab.arrays import FloatArray
from driftlab.history.trace import Trace
from driftlab.lazy import np, pl

INSTANTS: Final = 241  # at which drift is given, unless said: four a second of a minute
PAIRED_MAX: Final = 20  # machines, of which every pair has a drift; of more, those with the fastest
SLOPE_COLUMNS: Final = ("drift_per_second", "drift_per_second_low", "drift_per_second_high")

TimeSpan = tuple[float, float]  # of time, in seconds
Pair = tuple[int, int]  # positions: a machine, and its reference, the faster of both


def pairs_of(order: Sequence[int]) -> list[Pair]:
    """Return the pairs of machines that have a drift; of many machines, those with the fastest.

    order: the machines from the fastest to the slowest.
    """
    if len(order) > PAIRED_MAX:
        return [(place, order[0]) for place in order[1:]]
    return [(slow, fast) for at, fast in enumerate(order) for slow in order[at + 1 :]]


def drift_over_time(
    trace: Trace,
    *,
    seconds: float | None = None,
    speed: float | None = None,
    instants: int = INSTANTS,
) -> "pl.DataFrame":
    """Return the drift of every pair of machines at evenly spaced instants of real time.

    A row a pair and instant: `machine`, `reference`, `time` in seconds of scenario time,
    and `drift`, exact at that instant. Of more than PAIRED_MAX machines the pairs with the
    fastest. There is no row if the log has no clocks, or no times.
    seconds, speed: see `statistics_of`. instants: how many, from 0 to the end of the run.
    """
    times = RunTimes(trace, seconds, speed)
    order, clock = _order(times), trace.columns.clock
    schema = {"machine": pl.String, "reference": pl.String, "time": pl.Float64, "drift": pl.Int64}
    frames = [pl.DataFrame(schema=schema)]
    if order and clock is not None and times.are_known:
        spans = {place: times.span_s(place) for place in order}
        begins, ends = zip(*spans.values(), strict=True)
        grid = np.linspace(min(begins), max(ends), instants)
        clocks = {place: times.values_at(place, clock, grid) for place in order}
        for machine, reference in pairs_of(order):
            one, other = clocks[machine], clocks[reference]
            if one is not None and other is not None:
                begin, end = _both(spans[machine], spans[reference])
                inside = (grid >= begin) & (grid <= end)
                columns = {
                    "machine": trace.names[machine],
                    "reference": trace.names[reference],
                    "time": grid[inside],
                    "drift": (one - other)[inside].astype(np.int64),
                }
                frames.append(pl.DataFrame(columns, schema=schema))
    return pl.concat(frames)


def drift_slopes(
    trace: Trace, *, seconds: float | None = None, speed: float | None = None
) -> "pl.DataFrame":
    """Return how fast every pair of machines drifts apart, a row a pair.

    Columns: `machine`, `reference`, `drift_per_second` with its 95 % interval,
    `drift_per_second_low` and `_high`; null where there is none. The pairs and the
    parameters are those of `drift_over_time`.
    """
    times = RunTimes(trace, seconds, speed)
    pairs = pairs_of(_order(times) or [])
    return slopes_frame(trace, pairs, pair_slopes(times, pairs))


def slopes_frame(trace: Trace, pairs: Sequence[Pair], slopes: Sequence[Growth]) -> "pl.DataFrame":
    """Return the slopes of some pairs as `drift_slopes` does."""
    return pl.DataFrame(
        {
            "machine": [trace.names[machine] for machine, _ in pairs],
            "reference": [trace.names[reference] for _, reference in pairs],
            **{name: [slope[at] for slope in slopes] for at, name in enumerate(SLOPE_COLUMNS)},
        },
        schema={
            "machine": pl.String, "reference": pl.String, **dict.fromkeys(SLOPE_COLUMNS, pl.Float64)
        },
    )  # fmt: skip


def pair_slopes(times: RunTimes, pairs: Sequence[Pair]) -> list[Growth]:
    """Return the slope of the drift of each pair, with its interval."""
    clock = times.trace.columns.clock
    if clock is None or not times.are_known:
        return [NO_GROWTH] * len(pairs)
    machines = sorted({place for pair in pairs for place in pair})
    spans = {place: times.span_s(place) for place in machines}
    shared = {pair: _both(spans[pair[0]], spans[pair[1]]) for pair in pairs}
    edges = {span: edges_of(span) for span in shared.values() if span[0] < span[1]}
    clocks: dict[tuple[int, TimeSpan], FloatArray | None] = {}
    for place in machines:  # all that is asked of one, since its times are made for it
        wanted = {shared[pair] for pair in pairs if place in pair}
        for span in wanted & edges.keys():
            clocks[place, span] = times.values_at_edges(place, clock, edges[span])
    return [_slope(times, pair, edges.get(span), clocks, span) for pair, span in shared.items()]


def _slope(
    times: RunTimes,
    pair: Pair,
    edges: FloatArray | None,
    clocks: Mapping[tuple[int, TimeSpan], FloatArray | None],
    span: TimeSpan,
) -> Growth:
    one, other = pair
    first, second = clocks.get((one, span)), clocks.get((other, span))
    if edges is None or first is None or second is None:
        return NO_GROWTH
    return growth_between(edges, first - second, min(times.events(one), times.events(other)))


def _both(one: TimeSpan, other: TimeSpan) -> TimeSpan:
    """Return when two machines are both known to have gone on."""
    return max(one[0], other[0]), min(one[1], other[1])


def _order(times: RunTimes) -> list[int] | None:
    machines = range(times.trace.processes)
    return speed_order(
        [said_of(times.trace, place).rate for place in machines],
        [times.achieved_rate(place) for place in machines],
    )
