"""The output of the command line: tables as text, and the streams that it is written to."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import fsum, inf, sqrt
from typing import TYPE_CHECKING, TextIO

from driftlab.analysis.metrics import MachineMetrics
from driftlab.api.run import Run
from driftlab.cli.terminal import plain, print_error, print_line, unescaped
from driftlab.errors import counted
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import Folder
from driftlab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from rich.console import Console

COMMAND_VARIABLE = "DRIFTLAB_COMMAND"  # how the user calls driftlab, where not by that name
RUNS_LISTED_MAX = 20  # the table of more runs shows means
MACHINES_LISTED_MAX = 50  # of each run
REMARKS_MAX = 40  # lines below a table


def print_json(scenario: Scenario, runs: Sequence[Run]) -> None:
    """Print the JSON document of `run`, `simulate` and `stats`."""
    import json  # not needed for tables

    document = {"scenario": scenario.to_dict(), "runs": [run.to_dict() for run in runs]}
    print(json.dumps(document, indent=2))


def print_runs(runs: Sequence[Run]) -> None:
    """Print a table of the machines of every run, and remarks on what went wrong below it."""
    print(_table_of_runs(runs) if len(runs) <= RUNS_LISTED_MAX else _table_of_means(runs))
    lines = [
        f"run {run.number}, {line}" if len(runs) > 1 else line
        for run in runs
        for line in remarks(run)
    ]
    print()
    if len(lines) > REMARKS_MAX:
        more = counted(len(lines) - REMARKS_MAX, "more line")
        lines[REMARKS_MAX:] = [f"… and {more} like these"]
    if lines:
        print(*map(plain, lines), "", sep="\n")


def _table_of_means(runs: Sequence[Run]) -> str:
    """Return one row for each machine: means and standard deviations over the runs."""
    heads = (
        "machine", "rate", "share of\nreceives", "last clock\nmean ± sd", "jump, mean\nmean/max",
        "last queue\nmean ± sd", "drift\nmean ± sd",
    )  # fmt: skip
    machines = zip(*(run.machines[:MACHINES_LISTED_MAX] for run in runs), strict=True)
    return f"{counted(len(runs), 'run')}\n\n" + table(
        heads, [_row_of_means(same) for same in machines]
    )


def _row_of_means(machines: Sequence[MachineMetrics]) -> list[str]:
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
    """Return the mean; importing `statistics` for it would take longer than the figures."""
    numbers = list(values)
    return fsum(numbers) / len(numbers)


def _mean_and_deviation(values: Sequence[float]) -> str:
    mean = fmean(values)
    deviation = sqrt(fmean((value - mean) ** 2 for value in values))
    return f"{mean:.1f} ± {deviation:.1f}"


def _table_of_runs(runs: Sequence[Run]) -> str:
    many = len(runs) > 1
    heads = [
        *(["run", "name"] if many else ["machine"]),
        "rate\nasked", "\ngot", "events\nint/send/recv", "\nclock", "jump\nmean/max",
        "queue\nmax/last", "drift", "lateness, ms\np50/p99/max",
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
            "/".join(map(_milliseconds, machine.lateness_us)) if machine.lateness_us else "-",
        ]
        for machine in run.machines[:MACHINES_LISTED_MAX]
    ]


def _milliseconds(microseconds: float) -> str:
    """Return milliseconds with three digits, or more in front of the point, as text."""
    late = microseconds / 1e3
    digits = 2 if abs(late) < 9.995 else 1 if abs(late) < 99.95 else 0
    return f"{late:.{digits}f}"


def remarks(run: Run) -> list[str]:
    """Return a line for everything about a run that a reader of its table must know."""
    lines = []
    if len(run.machines) > MACHINES_LISTED_MAX:
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


def print_next(scenario: Scenario, folder: Folder, runs: Sequence[Run], verb: str = "run") -> None:
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


def print_if_lost(runs: Sequence[Run]) -> None:
    """Print one line on standard error if not every machine took every tick."""
    lost = [run for run in runs if not run.is_whole]
    refusing = [name for run in runs for name, count in _nonzero(run.refused)]
    if refusing and not lost:
        print_error(f"{refusing[0]}: refused the messages of a peer")
    if lost:
        name, end = next((name, end) for name, end in lost[0].ends.items() if end != COMPLETE)
        more = f" ({len(lost)} of {len(runs)} runs are incomplete)" if len(runs) > 1 else ""
        print_error(f"{name}: {end}{more}")


def _quote(path: str) -> str:
    if path.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum():
        return path
    from shlex import quote  # few paths need it

    return quote(path)


def make_console(stream: TextIO) -> "Console":
    """Return a rich console that writes to `stream`.

    Rich decides from the environment whether a stream is a terminal, and ends the
    process when the reader has left. Here the stream itself is asked, and a reader
    that has left raises BrokenPipeError, which `main` turns into an exit status.
    Rich styles texts itself, so whoever prints a text of a file escapes it by `plain`;
    no text is markup.
    """
    from rich.console import Console

    class OurConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return OurConsole(
        file=unescaped(stream), highlight=False, soft_wrap=True, markup=False, emoji=False,
        force_terminal=stream.isatty(),
    )  # fmt: skip


def print_assumed(lines: Sequence[str]) -> None:
    """Print what was assumed to read a log, a line each, below a blank one; or nothing."""
    if lines:
        print("", *(f"assumed: {plain(line)}" for line in lines), sep="\n")


COLUMN_GAP = 2  # blanks between columns, 1 where a terminal is too narrow
PAGE_WIDTH = 100  # characters, where nothing says how wide the page is
WRAPPED_MIN = 20  # characters: a narrower column is not wrapped


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table as text.

    heads: the head of each column, of one line or several, aligned at the bottom.
    rows: their cells, as many as heads, whatever is in them; an empty row is a blank line.
    left: how many of the first columns are aligned to the left.

    If standard output is a terminal that is too narrow, columns move closer together,
    and the last one is wrapped if it is aligned to the left.
    """
    rows = [[plain(cell) for cell in row] for row in rows]
    lines = [head.split("\n") for head in heads]
    height = max(map(len, lines))
    padded = [[""] * (height - len(head)) + head for head in lines]
    head_rows = [[head[level] for head in padded] for level in range(height)]
    every = [*head_rows, *filter(None, rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(heads))]
    terminal, gap = terminal_width(), COLUMN_GAP
    if sum(widths) + gap * (len(widths) - 1) > terminal:
        gap = 1
        before_last = sum(widths[:-1]) + gap * (len(widths) - 1)
        if left == len(heads) and WRAPPED_MIN <= terminal - before_last < widths[-1]:
            widths[-1] = int(terminal) - before_last
            rows = [line for row in rows for line in _wrapped(row, widths[-1])]
    rule = "─" * (sum(widths) + gap * (len(widths) - 1))
    return "\n".join(
        [
            *(_line(row, widths, left, gap) for row in head_rows),
            rule,
            *(_line(row, widths, left, gap) if row else "" for row in rows),
        ]
    )


def _wrapped(row: Sequence[str], width: int) -> list[list[str]]:
    """Return a row as rows of which the last cell has at most `width` characters."""
    from textwrap import wrap  # few tables need it

    if not row:
        return [[]]
    first, *more = wrap(row[-1], width) or [""]
    return [[*row[:-1], first], *([*[""] * (len(row) - 1), line] for line in more)]


def _line(row: Sequence[str], widths: Sequence[int], left: int, gap: int) -> str:
    cells = [
        cell.ljust(width) if column < left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return (" " * gap).join(cells).rstrip()


def page_width() -> int:
    """Return how wide a text may be: as the terminal, as COLUMNS says, or PAGE_WIDTH."""
    width = terminal_width()
    if width < inf:
        return int(width)
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and 0 < len(columns) < 5 else PAGE_WIDTH


def terminal_width() -> float:
    """Return the width of the terminal that standard output is, infinity if it is none."""
    with suppress(OSError, ValueError):
        if sys.stdout.isatty():
            return os.get_terminal_size(sys.stdout.fileno()).columns or inf
    return inf
