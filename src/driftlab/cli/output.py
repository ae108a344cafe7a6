"""What a person or a script reads when a run is over."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import fsum, sqrt

from driftlab.analysis.metrics import MachineMetrics
from driftlab.api.run import Run
from driftlab.cli.text_table import table
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import Folder
from driftlab.scenario.scenario import Scenario

COMMAND_VARIABLE = "DRIFTLAB_COMMAND"  # how the user called us, where not as `driftlab`
EXIT_NOT_WHOLE = 3  # a machine was lost
EXIT_INTERRUPTED = 130
RUNS_LISTED_MAX = 20  # of more runs a table shows means
MACHINES_LISTED_MAX = 50  # of one run
ODDITIES_MAX = 40  # lines below a table


def print_json(scenario: Scenario, runs: Sequence[Run]) -> None:
    """Print the one JSON document of the interface."""
    import json  # only needed here

    document = {"scenario": scenario.to_dict(), "runs": [run.to_dict() for run in runs]}
    print(json.dumps(document, indent=2))


def print_runs(runs: Sequence[Run]) -> None:
    """Print a table of all machines of all runs, and below it whatever was not as it should be."""
    print(_listing(runs) if len(runs) <= RUNS_LISTED_MAX else _spread(runs))
    odd = [
        f"run {run.number}, {line}" if len(runs) > 1 else line
        for run in runs
        for line in oddities(run)
    ]
    more = [f"… and {len(odd) - ODDITIES_MAX} lines more like these"]
    print("", *odd[:ODDITIES_MAX], *(more if len(odd) > ODDITIES_MAX else []), sep="\n")


def _spread(runs: Sequence[Run]) -> str:
    """Return one row a machine: means over the runs, with the standard deviation of one run."""
    heads = (
        "machine", "rate", "share of\nreceives", "last clock\nmean ± sd", "jump, mean\nmean/max",
        "last queue\nmean ± sd", "drift\nmean ± sd",
    )  # fmt: skip
    shown = MACHINES_LISTED_MAX
    every = zip(*(run.machines[:shown] for run in runs), strict=True)
    return f"{len(runs)} runs\n\n" + table(heads, [_means(machines) for machines in every])


def _means(machines: Sequence[MachineMetrics]) -> list[str]:
    rates = {machine.rate for machine in machines}
    return [
        machines[0].name,
        f"{rates.pop():g}" if len(rates) == 1 else "drawn",
        f"{fmean(m.events['receive'] / max(m.ticks, 1) for m in machines):.2f}",
        _mean_and_deviation([machine.clock for machine in machines]),
        f"{fmean(m.jump.mean for m in machines):.2f}/{fmean(m.jump.max for m in machines):.0f}",
        _mean_and_deviation([machine.queue.last for machine in machines]),
        _mean_and_deviation([machine.drift for machine in machines]),
    ]


def fmean(values: Iterable[float]) -> float:
    """Return the mean. `statistics` would do, but costs a start more than all the figures."""
    kept = list(values)
    return fsum(kept) / len(kept)


def _mean_and_deviation(values: Sequence[float]) -> str:
    mean = fmean(values)
    deviation = sqrt(fmean((value - mean) ** 2 for value in values))
    return f"{mean:.1f} ± {deviation:.1f}"


def _listing(runs: Sequence[Run]) -> str:
    many = len(runs) > 1
    heads = [
        *(["run"] if many else []), "machine", "rate\nasked", "\ngot", "events\nint/send/recv",
        "\nclock", "jump\nmean/max", "queue\nmax/last", "drift", "lateness, ms\np50/p99/max",
    ]  # fmt: skip
    rows: list[list[str]] = []
    for run in runs:
        rows += [[]] if rows else []
        rows += [[*([str(run.number)] if many else []), *row] for row in _rows(run)]
    return table(heads, rows, left=1 + many)


def _rows(run: Run) -> list[list[str]]:
    return [
        [
            machine.name,
            f"{machine.rate:g}",
            f"{machine.achieved_rate:.4g}",
            "/".join(str(count) for count in machine.events.values()),
            str(machine.clock),
            f"{machine.jump.mean:.2f}/{machine.jump.max}",
            f"{machine.queue.max}/{machine.queue.last}",
            str(machine.drift),
            "/".join(f"{late / 1e3:.2f}" for late in machine.lateness_us)
            if machine.lateness_us
            else "-",
        ]
        for machine in run.machines[:MACHINES_LISTED_MAX]
    ]


def oddities(run: Run) -> list[str]:
    """Return a line for everything that a reader of the table must know."""
    lines = []
    if len(run.machines) > MACHINES_LISTED_MAX:
        lines.append(f"… and {len(run.machines) - MACHINES_LISTED_MAX} machines more; see --json")
    if not run.is_whole:
        lines += _unwhole(run)
    lines += [
        f"{name}: {count} incidents; see: grep incident {run.folder_name}/{name}.log"
        for name, count in _some(run.incidents)
    ]
    lines += [
        f"{name}: {count} messages were not delivered" for name, count in _some(run.undelivered)
    ]
    lines += [
        f"{name}: {count} lines of {run.folder_name}/{name}.log could not be read"
        for name, count in _some(run.unread)
    ]
    return lines


def _unwhole(run: Run) -> list[str]:
    """Say of each machine that did not take every tick why; where very many ended alike, once."""
    if len(run.ends) > MACHINES_LISTED_MAX and len(set(run.ends.values())) == 1:
        return [f"all machines: {end}" for end in set(run.ends.values())]
    ticks = {machine.name: machine.ticks for machine in run.machines}
    return [
        f"{name}: {end}, after {ticks.get(name, 0)} ticks"
        for name, end in run.ends.items()
        if end != COMPLETE
    ]


def _some(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return list(filter(lambda item: item[1], counts.items())) if any(counts.values()) else []


def print_next(scenario: Scenario, folder: Folder, runs: Sequence[Run], verb: str = "run") -> None:
    """Say where the logs are and what to do next, in commands that work as they stand."""
    one, command = runs[0], os.environ.get(COMMAND_VARIABLE, "driftlab")
    logs = f"{one.folder_name}/" if len(runs) == 1 else f"{folder}/run-*/"
    last = f"{one.folder_name}/{one.machines[-1].name}.log"
    few = len(one.machines) <= 4
    shown = one.machines if few else [*one.machines[:2], one.machines[-1]]
    names = [f"{machine.name}.log" for machine in shown]
    listed = names if few else [*names[:2], "…", names[-1]]
    print_seed(scenario)
    print(f"logs       {logs}  ({', '.join(listed)})")
    print(f"repeat     {command} {verb} {_quote(f'{folder}/scenario.toml')}")
    print(f"figures    {command} stats {_quote(str(folder))}")
    print(f"messages   grep receive {_quote(last)} | head")


def print_seed(scenario: Scenario) -> None:
    """Say what it takes to throw the same dice again."""
    print(f"seed       {scenario.seed}")


def print_if_lost(runs: Sequence[Run]) -> None:
    """Say on standard error, in one line, that not every machine took every tick."""
    lost = [run for run in runs if not run.is_whole]
    if lost:
        name, end = next((name, end) for name, end in lost[0].ends.items() if end != COMPLETE)
        more = f" (and more, in {len(lost)} of {len(runs)} runs)" if len(runs) > 1 else ""
        print(f"driftlab: {name}: {end}{more}", file=sys.stderr)


def _quote(path: str) -> str:
    if path.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum():
        return path
    from shlex import quote  # only needed here

    return quote(path)
