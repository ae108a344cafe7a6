"""What `run`, `simulate` and `stats` print of runs: tables, remarks, JSON, what to do next."""

import os
from collections.abc import Iterable, Mapping, Sequence

from driftlab.analysis.metrics import MachineMetrics, pacing_lines_of
from driftlab.api.run import Run
from driftlab.api.runs import Runs, by_of
from driftlab.cli.output import (
    COMMAND_VARIABLE,
    MACHINES_LISTED_MAX,
    four_digits,
    milliseconds,
    table,
    wrapped,
)
from driftlab.cli.terminal import print_error, print_line
from driftlab.errors import counted
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import Folder
from driftlab.scenario.scenario import Scenario
from driftlab.version import VERSION

RUNS_LISTED_MAX = 20  # the table of more runs shows only what they have in common
REMARKS_MAX = 40  # lines below a table


def print_json(scenario: Scenario, runs: Runs) -> None:
    """Print the JSON document of `run` and `simulate`; `stats` has more in the same places."""
    import json  # not needed for tables

    document = {"scenario": scenario.to_dict(), "runs": [run.to_dict() for run in runs],
                "version": VERSION}  # fmt: skip
    if len(runs) > 1:
        from driftlab.analysis.over_runs import over_runs_document

        document["over_runs"] = over_runs_document(runs.stats())
    print(json.dumps(document, indent=2))


def print_runs(runs: Runs) -> None:
    """Print a table of the machines of every run, what they have in common, and remarks.

    Of more than RUNS_LISTED_MAX runs only what they have in common.
    """
    is_listed = len(runs) <= RUNS_LISTED_MAX
    if is_listed:
        print(run_table([(str(run.number), map(_cells, _listed(run))) for run in runs]))
        print()
    if len(runs) > 1:
        from driftlab.cli.statistics_tables import print_over_runs  # imports Polars

        print_over_runs(runs.frame, by_of(runs.scenario))
        print()
    lines = [
        f"run {run.number}, {line}" if len(runs) > 1 else line
        for run in (runs if is_listed else runs.noteworthy())
        for line in remarks(run, is_listed=is_listed)
    ]
    print_remarks(lines)


def print_remarks(lines: list[str]) -> None:
    """Print remarks below a table, a line each, and a blank line; nothing if there are none."""
    if len(lines) > REMARKS_MAX:
        more = counted(len(lines) - REMARKS_MAX, "more line")
        lines = [*lines[:REMARKS_MAX], f"… and {more} like these"]
    if lines:
        print(*map(wrapped, lines), "", sep="\n")


def run_table(runs: Sequence[tuple[str, Iterable[list[str]]]]) -> str:
    """Return the table of the machines of some runs: of each its name, and rows of cells."""
    many = len(runs) > 1
    heads = [
        *(["run", "name"] if many else ["machine"]),
        "rate\nasked", "\ngot", "events\nint/send/recv", "\nclock", "jump\nmean/max",
        "queue\nmax/last", "drift", "lateness, ms\np50/p99/max",
    ]  # fmt: skip
    rows: list[list[str]] = []
    for name, machines in runs:
        rows += [[]] if rows else []
        rows += [[*([name] if many else []), *row] for row in machines]
    return table(heads, rows, left=1 + many)


def _listed(run: Run) -> Sequence[MachineMetrics]:
    return run.machines[:MACHINES_LISTED_MAX]


def _cells(machine: MachineMetrics) -> list[str]:
    return [
        machine.name,
        f"{machine.rate:g}",
        four_digits(machine.achieved_rate),
        "/".join(str(count) for count in machine.events.values()),
        str(machine.clock),
        f"{machine.jump.mean:.2f}/{machine.jump.max}",
        f"{machine.queue.max}/{machine.queue.last}",
        str(machine.drift),
        "/".join(map(milliseconds, machine.lateness_us)) if machine.lateness_us else "-",
    ]


def remarks(run: Run, *, is_listed: bool = True) -> list[str]:
    """Return a line for everything about a run that a reader of its table must know.

    is_listed: whether the table has its machines.
    """
    lines = pacing_lines_of(run.machines) if run.folder_name is not None else []
    if is_listed and len(run.machines) > MACHINES_LISTED_MAX:
        more = counted(len(run.machines) - MACHINES_LISTED_MAX, "more machine")
        lines.append(f"… and {more}; see --json")
    if not run.is_whole:
        lines += _early_ends(run)
    lines += [
        f"{name}: {counted(count, 'incident')}; see: grep incident {run.folder_name}/{name}.log"
        for name, count in _nonzero(run.incidents)
    ]
    lines += [
        f"{name}: {counted(count, 'message was', 'messages were')} not delivered"
        for name, count in _nonzero(run.undelivered)
    ]
    lines += [
        f"{name}: refused a peer {counted(count, 'time')}; its incidents say whom and why"
        for name, count in _nonzero(run.refused)
    ]
    lines += [
        f"{name}: {counted(count, 'line')} of {run.folder_name}/{name}.log could not be read"
        for name, count in _nonzero(run.unread)
    ]
    return lines


def _early_ends(run: Run) -> list[str]:
    """Return why machines did not take every tick: a line each, or one if very many ended alike."""
    if len(run.ends) > MACHINES_LISTED_MAX and len(set(run.ends.values())) == 1:
        return [f"all machines: {end}" for end in set(run.ends.values())]
    ticks = {machine.name: machine.ticks for machine in run.machines}
    return [
        f"{name}: {end}, after {counted(ticks.get(name, 0), 'tick')}"
        for name, end in run.ends.items()
        if end != COMPLETE
    ]


def _nonzero(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return list(filter(lambda item: item[1], counts.items())) if any(counts.values()) else []


def print_next(scenario: Scenario, folder: Folder, runs: Runs, verb: str = "run") -> None:
    """Print where the logs are and what to do next, as commands that can be copied.

    folder: the one of all runs. verb: the command that repeats them, `run` or `simulate`.
    """
    one, command = runs[0], os.environ.get(COMMAND_VARIABLE, "driftlab")
    logs = f"{one.folder_name}/" if len(runs) == 1 else f"{folder}/run-*/"
    last = f"{one.folder_name}/{one.machines[-1].name}.log"
    few = len(one.machines) <= 4
    shown = one.machines if few else [*one.machines[:2], one.machines[-1]]
    names = [f"{machine.name}.log" for machine in shown]
    listed = names if few else [*names[:2], "…", names[-1]]
    print_seed(scenario)
    print_line(f"logs       {logs}  ({', '.join(listed)})")
    print_line(f"repeat     {command} {verb} {_quote(f'{folder}/scenario.toml')}")
    print_line(f"figures    {command} stats {_quote(str(folder))}")
    print_line(f"messages   grep receive {_quote(last)} | head")


def print_seed(scenario: Scenario) -> None:
    """Print the seed, which repeats every random draw."""
    print(f"seed       {scenario.seed}")


def print_if_lost(runs: Runs) -> None:
    """Print one line on standard error if not every machine took every tick."""
    lost = runs.incomplete()
    if lost:
        name, end = next((name, end) for name, end in lost[0].ends.items() if end != COMPLETE)
        verb = "is" if len(lost) == 1 else "are"
        more = f" ({len(lost)} of {len(runs)} runs {verb} incomplete)" if len(runs) > 1 else ""
        print_error(f"{name}: {end}{more}")
        return
    for run in runs if runs and runs[0].folder_name else ():  # a refusal is in a journal
        for name, _ in _nonzero(run.refused):
            print_error(f"{name}: refused the messages of a peer")
            return


def _quote(path: str) -> str:
    if path.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum():
        return path
    from shlex import quote  # few paths need it

    return quote(path)
