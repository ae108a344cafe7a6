"""`driftlab claims`: what the data say of the statements about the system's behaviour."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from threading import Event, Thread

from driftlab.cli import output
from driftlab.cli.flags import parse_number
from driftlab.cli.progress import Progress
from driftlab.errors import DriftlabError, counted
from driftlab.journal.run_folder import fresh_folder, remove_if_empty
from driftlab.scenario.scenario import Scenario
from driftlab.study.claims.recording import RUNS, RUNS_REAL
from driftlab.study.claims.registry import (
    CLAIMS,
    ClaimVerdict,
    OnProgress,
    claims_named,
    judge_claims,
    judge_claims_now,
    must_compile_for,
    summary_of,
)

LINE_MAX = 79  # characters of a line of text
SPEED_REAL = 60.0  # a minute of scenario time in a second
START_S = 0.5  # to start and read a run
SHOWN_EVERY_S = 0.25


def main(options: argparse.Namespace) -> int:
    """Judge the claims, print the verdicts and return the exit status."""
    ids, folders = _named(options)
    claims_named(ids)  # raises before anything takes long
    _require_free_report(options)
    judged, by, folder = _judged(options, ids, folders)
    if options.report is not None:
        _write_report(options, judged, by)
    if options.json:
        print(json.dumps({"claims": [each.to_dict() for each in judged]}, indent=2))
        return 0
    if not ids:
        print(_table(judged))
        print()
    if ids or options.verbose:
        print(*(_explained(each) for each in judged), sep="\n\n")
    else:
        print(_conditions(judged, by))
    if late := max(each.late_ticks for each in judged):
        print(f"\nlate: {counted(late, 'tick')} began more than a period late; lower --speed")
    if folder is not None:
        print(f"\nlogs       {folder}/")
    if options.report is not None:
        print(f"\nreport     {options.report}")
    return 0


def _judged(
    options: argparse.Namespace, ids: Sequence[str], folders: Sequence[str] | None
) -> tuple[list[ClaimVerdict], str, Path | None]:
    """Return the verdicts, by which runs they are in words, and where runs made now are."""
    if folders:
        _forbid(options, "--real RUN", "runs", "speed", "out")
        return judge_claims(ids, real=folders), "recorded runs of real machines", None
    if folders is None:
        _forbid(options, "simulated runs; add --real", "speed", "out")
        runs = _count(options.runs, RUNS)
        by = f"{counted(runs, 'simulated run')} of a condition, two thirds of them of a variation"
        return _simulated(ids, runs), by, None
    folder = Path(options.out or fresh_folder())
    try:
        judged = _run_now(options, ids, folder)
    except BaseException:
        if not options.out:
            remove_if_empty(folder)
        raise
    runs = _count(options.runs, RUNS_REAL)
    by = f"{counted(runs, 'run of real machines', 'runs of real machines')} of each condition"
    return judged, by, folder


def _require_free_report(options: argparse.Namespace) -> None:
    """Raise before anything takes long if the report's folder is taken."""
    if options.report is not None:
        from driftlab.report.files import require_free

        require_free(options.report, overwrite=options.overwrite)
    elif options.overwrite:
        raise DriftlabError("--overwrite: replaces a report; add --report FOLDER")


def _write_report(options: argparse.Namespace, judged: Sequence[ClaimVerdict], by: str) -> None:
    from driftlab.report.claims_report import report_on_claims
    from driftlab.report.files import write_report

    write_report(report_on_claims(judged, by), options.report, overwrite=options.overwrite)


def _named(options: argparse.Namespace) -> tuple[list[str], list[str] | None]:
    """Return the identifiers of claims and the folders of runs; None without `--real`."""
    if options.real is None:
        return options.ids, None
    known = {claim.id for claim in CLAIMS}
    ids = [name for name in options.real if name in known and not Path(name).exists()]
    return [*options.ids, *ids], [name for name in options.real if name not in ids]


def _forbid(options: argparse.Namespace, what: str, *flags: str) -> None:
    for flag in flags:
        if getattr(options, flag) is not None:
            raise DriftlabError(f"--{flag}: says nothing of {what}")


def _count(text: str | None, default: int) -> int:
    """Return a number of runs. Raise DriftlabError."""
    if text is None:
        return default
    number = parse_number(text, "--runs")
    if number != int(number) or number < 1:
        raise DriftlabError(f"--runs {text}: give a whole number from 1")
    return int(number)


def _simulated(ids: Sequence[str], runs: int) -> list[ClaimVerdict]:
    compiles = must_compile_for(ids, runs)
    if compiles:
        print("compiling the engine: about a minute, once", file=sys.stderr)
    with _bar("compiling the engine" if compiles else "starting") as on_progress:
        return judge_claims(ids, runs=runs, on_progress=on_progress)


@contextmanager
def _bar(first: str) -> Iterator[OnProgress]:
    """Yield a callback that takes how much is done, and show that all the time.

    It is shown by a thread of its own: while the engine is compiled nothing is done, and
    the command is at work all the same. first: what is at work until then.
    """
    state = [0, 1]
    ended = Event()

    def advance(done: int, total: int) -> None:
        state[:] = [done, total]

    def show(progress: Progress) -> None:
        while not ended.wait(SHOWN_EVERY_S):
            done, total = state
            share = done / max(total, 1)
            progress.show(share, f"{100 * share:.0f} % of the runs and claims" if done else first)

    with Progress("claims") as progress:
        thread = Thread(target=show, args=(progress,), daemon=True)
        thread.start()
        try:
            yield advance
        finally:
            ended.set()
            thread.join()


def _run_now(options: argparse.Namespace, ids: Sequence[str], folder: Path) -> list[ClaimVerdict]:
    from driftlab.cli.display import Display

    runs = _count(options.runs, RUNS_REAL)
    speed = SPEED_REAL if options.speed is None else parse_number(options.speed, "--speed")
    each_s = runs * (Scenario().seconds / speed + START_S) if speed > 0 else 0.0

    def announce(name: str, place: int, count: int) -> None:
        left = f"about {each_s * (count - place + 1):.0f} s left"
        print(f"condition {place} of {count}, {name}: {left}", file=sys.stderr)

    with Display(range(1, runs + 1)) as on_beat:
        return judge_claims_now(
            ids, runs=runs, speed=speed, out=folder, on_beat=on_beat, on_condition=announce
        )


# What is printed.


def _table(judged: Sequence[ClaimVerdict]) -> str:
    rows = [[each.id, each.verdict, each.figure] for each in judged]
    return output.table(("claim", "verdict", "figure (95 % interval)"), rows, left=3)


def _conditions(judged: Sequence[ClaimVerdict], by: str) -> str:
    """Return how many verdicts there are of each kind, and what the conditions are."""
    lines = [""]
    lines += [_filled(f"{each.id} holds if {each.condition}") for each in judged if each.condition]
    lines += [
        *([""] if lines else []),
        _filled(
            f"{counted(len(judged), 'claim')}, judged by {by}: {summary_of(judged)}. "
            "P1, P2 and P3 are the fastest, the middle and the slowest machine of a run. "
            "With all figures: --verbose, or driftlab claims ID."
        ),
    ]
    return "\n".join(lines)


def _explained(claim: ClaimVerdict) -> str:
    verdict = claim.verdict.replace("-", " ")
    head = f"{claim.id}: {verdict}{f' {claim.condition}' if claim.condition else ''}"
    about = f"Claim: {claim.statement}. {claim.text} ({counted(claim.runs, 'run')}.)"
    return f"{_filled(head)}\n{fill(about, LINE_MAX, initial_indent='  ', subsequent_indent='  ')}"


def _filled(text: str) -> str:
    return fill(text, LINE_MAX, subsequent_indent="  ", break_on_hyphens=False)
