"""From recorded histories to subjects: the measures of each machine, or of each rank of speed.

Of one run a measure is what the run shows. Of several it is the mean over runs with
Student's interval; growths too are then of the runs, not of their parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from driftlab.analysis.statistics import Estimate, growth_estimate, mean_estimate
from driftlab.lazy import np
from driftlab.model.columns import MISSING, RECEIVE
from driftlab.report.measures import Measure, Subject, rank_names

if TYPE_CHECKING:
    from driftlab.history.trace import Trace
    from driftlab.scenario.scenario import Scenario

TOTALS = frozenset({"late_ticks"})  # added up over runs


@dataclass(frozen=True, slots=True)
class MachineMeasures:
    """What one machine did in one run.

    rate: ticks a second that were asked for, None if not known. values: by measure.
    """

    name: str
    rate: float | None
    values: Mapping[str, Estimate]


def measures_of_run(trace: "Trace", scenario: "Scenario | None") -> list[MachineMeasures]:
    """Return what each machine of a recorded run did, as far as its log says.

    scenario: of the run, None where it is not known.
    """
    seconds = None if scenario is None else float(scenario.seconds)
    speed = 1.0 if scenario is None else float(scenario.speed)
    timed = [_times(trace, process, speed) for process in range(trace.processes)]
    end = seconds or max(
        (float(times[-1]) for times in timed if times is not None and len(times)), default=0.0
    )
    rates = [info.rate for info in trace.process_info] or [None] * trace.processes
    found = [
        MachineMeasures(
            name,
            rates[p] if p < len(rates) else None,
            _measures(trace, p, timed[p], end, rates[p] if p < len(rates) else None, speed),
        )
        for p, name in enumerate(trace.names)
    ]
    fastest = _fastest(found)
    place = next(p for p, each in enumerate(found) if each.name == fastest)
    for p, each in enumerate(found):
        _add_drift(each.values, trace, p, place, timed, end)
    return found


def _times(trace: "Trace", process: int, speed: float):
    rows, columns = trace.rows_of(process), trace.columns
    simulated = bool(trace.process_info) and trace.process_info[process].simulated
    if columns.due_ns is not None and columns.late_ns is not None:
        return (columns.due_ns[rows] + columns.late_ns[rows]) / 1e9 * (1.0 if simulated else speed)
    if columns.time_ns is None or (columns.time_ns == MISSING).any():
        return None
    return (columns.time_ns[rows] - columns.time_ns.min()) / 1e9


def _measures(trace, process, times, end, rate, speed):
    rows, columns = trace.rows_of(process), trace.columns
    kind = columns.kind[rows]
    ticks = len(kind)
    values = {"ticks": float(ticks)}
    for name, code in (("internal", 0), ("send", 1), ("receive", 2)):
        values["events_" + name] = float(np.count_nonzero(kind == code))
    if ticks:
        values["utilisation"] = float(np.mean(kind == RECEIVE))
    estimates = {}
    if times is not None and ticks > 1 and times[-1] > times[0]:
        values["achieved_rate"] = (ticks - 1) / float(times[-1] - times[0])
        if rate:
            values["achieved_share"] = values["achieved_rate"] / rate
    if columns.clock is not None and ticks:
        clock = columns.clock[rows]
        values["clock"] = float(clock[-1])
        if ticks > 1:
            jumps = np.diff(clock)
            values |= {
                "jump_mean": float(jumps.mean()),
                "jump_sd": float(jumps.std()),
                "jump_q95": float(np.quantile(jumps, 0.95)),
                "jump_max": float(jumps.max()),
            }
            if times is not None:
                estimates["clock_per_second"] = growth_estimate(times, clock, 0, end)
    if columns.queue is not None and ticks and not (columns.queue[rows] == MISSING).any():
        queue = columns.queue[rows]
        values |= {
            "queue_mean": float(queue.mean()),
            "queue_max": float(queue.max()),
            "queue_last": float(queue[-1]),
        }
        if times is not None and ticks > 1:
            estimates["queue_growth"] = growth_estimate(times, queue, 0, end)
    simulated = bool(trace.process_info) and trace.process_info[process].simulated
    if columns.late_ns is not None and not simulated and ticks:
        late = columns.late_ns[rows]
        values |= {
            "lateness_us_p50": float(np.median(late)) / 1e3,
            "lateness_us_p99": float(np.quantile(late, 0.99)) / 1e3,
            "lateness_us_max": float(late.max()) / 1e3,
        }
        if rate:
            values["late_ticks"] = float(np.count_nonzero(late * rate * speed > 1e9))
    return {**{key: Estimate(value, None, None) for key, value in values.items()}, **estimates}


def _add_drift(values, trace, process, fastest, timed, end):
    columns = trace.columns
    own, other = trace.rows_of(process), trace.rows_of(fastest)
    if columns.clock is None or not len(columns.clock[own]) or not len(columns.clock[other]):
        return
    values["drift"] = Estimate(float(columns.clock[own][-1] - columns.clock[other][-1]), None, None)
    a, b = timed[process], timed[fastest]
    if a is None or b is None or len(a) < 2 or len(b) < 2:
        return
    times = np.union1d(a, b)

    def at(t, c):
        return np.append(0, c)[np.searchsorted(t, times, side="right")]

    values["drift_per_second"] = growth_estimate(
        times, at(a, columns.clock[own]) - at(b, columns.clock[other]), 0, end
    )


def subjects_of_run(machines: Sequence[MachineMeasures]) -> list[Subject]:
    """Return a subject for each machine of one run."""
    fastest = _fastest(machines)
    return [
        Subject(
            name=each.name,
            rate=each.rate,
            measures={key: Measure(*value) for key, value in each.values.items()},
            reference=fastest,
        )
        for each in machines
    ]


def subjects_of_runs(runs: Sequence[Sequence[MachineMeasures]]) -> list[Subject]:
    """Return the subjects of several runs of one scenario.

    They are the machines by name where each has the same rate in all runs, else the
    ranks of speed, the fastest first (of equals, the first in name order).
    """
    if len(runs) == 1:
        return subjects_of_run(runs[0])
    asked = {tuple((each.name, each.rate) for each in run) for run in runs}
    if len(asked) == 1:
        names, sorted_runs, is_rank = [each.name for each in runs[0]], list(runs), False
    else:
        size = min(map(len, runs))
        names, is_rank = list(rank_names(size)), True
        sorted_runs = [sorted(run, key=lambda each: -(each.rate or 0)) for run in runs]
    reference = names[0] if is_rank else _fastest(runs[0])
    return [
        Subject(
            name=name,
            is_rank=is_rank,
            rate=None if is_rank else runs[0][place].rate,
            runs=len(runs),
            measures=_over_runs([run[place].values for run in sorted_runs]),
            reference=reference,
        )
        for place, name in enumerate(names)
    ]


def with_predictions(
    subjects: Sequence[Subject], predicted: Mapping[str, Mapping[str, float | str]]
) -> list[Subject]:
    """Return the subjects with what theory expects of them, by their names."""
    return [replace(each, predicted=predicted.get(each.name, {})) for each in subjects]


def _fastest(machines: Sequence[MachineMeasures]) -> str | None:
    """Return the name of the machine against which drift is measured."""
    speeds = [each.rate or _value(each, "achieved_rate") for each in machines]
    return machines[speeds.index(max(speeds))].name if machines else None


def _value(machine: MachineMeasures, measure: str) -> float:
    found = machine.values.get(measure)
    return 0.0 if found is None else found.value


def _over_runs(values: Sequence[Mapping[str, Estimate]]) -> dict[str, Measure]:
    """Return the measures that every run has, over the runs."""
    shared = [key for key in values[0] if all(key in run for run in values)]
    return {key: over_runs(key, [run[key].value for run in values]) for key in shared}


def over_runs(measure: str, values: Sequence[float]) -> Measure:
    """Return a measure over runs: its mean with interval and extremes, or its total."""
    if measure in TOTALS:
        return Measure(float(sum(values)), least=min(values), greatest=max(values))
    return Measure(*mean_estimate(values), least=min(values), greatest=max(values))
