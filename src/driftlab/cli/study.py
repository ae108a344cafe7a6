"""`driftlab study`: answer a question by conditions that are compared."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from math import floor, log10
from pathlib import Path
from textwrap import fill
from time import gmtime, strftime
from typing import Any, Final

from driftlab.analysis.over_runs import rank_name, size_of_all
from driftlab.analysis.statistics import decimals_of_bounds
from driftlab.cli import EXIT_INTERRUPTED, EXIT_NOT_WHOLE
from driftlab.cli.output import COMMAND_VARIABLE, page_width, table
from driftlab.cli.progress import Progress
from driftlab.errors import DriftlabError, counted
from driftlab.lazy import pl
from driftlab.scenario.validate import CHECKS
from driftlab.study.differences import LABELS, Difference, Mean, is_zero, means_of
from driftlab.study.published import PUBLISHED, summaries_of
from driftlab.study.study import STUDY_FILE, StudyResult, run_study
from driftlab.study.study_file import Study, load_study, studies

STUDIES_FOLDER: Final = "studies"
REPORT_FOLDER: Final = "report"
CHANCE: Final = 0.05  # that an interval excludes 0 though there is no difference
RANKS_SHOWN_MAX: Final = 5
DIGITS_MAX: Final = 6  # after the point


def main(options: argparse.Namespace) -> int:
    """Carry out, list or print a study and return the exit status."""
    if options.list:
        return _list(as_json=options.json)
    if options.study is None:
        raise DriftlabError(
            f"name a study, or a file; the built-in ones are {', '.join(studies())}"
        )
    study = load_study(options.study)
    if options.print:
        sys.stdout.write(study.text)
        return 0
    study = _changed(study, options)
    folder = Path(options.out) if options.out else _fresh_folder(study.name)
    with Progress(f"study {study.name}", quiet=options.quiet) as progress:
        try:
            result = run_study(
                study,
                simulated=options.simulated,
                out=folder,
                overwrite=options.overwrite,
                trust=options.trust,
                on_progress=progress.show,
            )
        except (KeyboardInterrupt, DriftlabError) as error:
            kept = _kept(folder, options)
            if isinstance(error, DriftlabError):
                raise
            print(f"driftlab: interrupted{kept}", file=sys.stderr)
            return EXIT_INTERRUPTED
    report = _report(folder)
    if options.json:
        print(json.dumps(result.to_dict() | {"report": report}, indent=2))
    elif options.quiet:
        print(folder)
    else:
        _print(result)
        if report:
            print(f"report     {report}")
    return EXIT_NOT_WHOLE if any(end != "complete" for end in result.frame["end"]) else 0


def _report(folder: Path) -> str | None:
    """Write the report about a study below its folder, if there is a package that can."""
    if find_spec("driftlab.report.reports") is None:
        return None
    reports: Any = import_module("driftlab.report.reports")
    files: Any = import_module("driftlab.report.files")
    out = folder / REPORT_FOLDER
    files.write_report(reports.report_on(folder), out, overwrite=True)
    return str(out)


def _list(*, as_json: bool) -> int:
    every = [load_study(name) for name in studies()]
    if as_json:
        document = [
            {
                "name": each.name, "question": each.question, "runs": each.runs,
                "simulated_runs": each.simulated_runs, "conditions": list(each.conditions),
            }
            for each in every
        ]  # fmt: skip
        print(json.dumps({"studies": document}, indent=2))
        return 0
    for each in every:
        print(each.name)
        print(
            fill(each.question, page_width() - 1, initial_indent="    ", subsequent_indent="    ")
        )
        conditions = ", ".join(each.conditions) or f"{len(PUBLISHED)} published runs"
        print(fill(conditions, page_width() - 1, initial_indent="    ", subsequent_indent="    "))
    print("\nTry one: driftlab study assignment --simulated")
    return 0


def _changed(study: Study, options: argparse.Namespace) -> Study:
    return study.with_changes(
        runs=None if options.runs is None else CHECKS["runs"]("runs", options.runs),
        seed=None if options.seed is None else CHECKS["seed"]("seed", options.seed),
        speed=None if options.speed is None else CHECKS["speed"]("speed", options.speed),
    )


def _fresh_folder(name: str) -> Path:
    stem = f"{name}-{strftime('%Y%m%d-%H%M%S', gmtime())}"
    for number in count(1):
        folder = Path(STUDIES_FOLDER) / (stem if number == 1 else f"{stem}-{number}")
        if not folder.exists():
            return folder
    raise AssertionError


def _kept(folder: Path, options: argparse.Namespace) -> str:
    """Remove a folder without runs that was made for this call; else say how to go on."""
    runs = list(folder.glob("runs/**/scenario.toml"))
    if runs:
        words = [
            os.environ.get(COMMAND_VARIABLE, "driftlab"), "study", options.study,
            *(word for flag in ("runs", "seed", "speed") if getattr(options, flag) is not None
              for word in (f"--{flag}", getattr(options, flag))),
            "--out", str(folder),
        ]  # fmt: skip
        return f"; finished runs are kept in {folder}; go on with: {' '.join(words)}"
    if not options.out and folder.is_dir():
        (folder / STUDY_FILE).unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    return ""


# Shown.


def _print(result: StudyResult) -> None:
    study = result.study
    print(fill(study.question, page_width() - 1))
    for block in _blocks(result):
        print(f"\n{block}")
    for line in result.remarks():
        print(fill(line, page_width() - 1, subsequent_indent="  "))
    print(f"\nseed       {study.base.seed}")
    if result.sweep is not None:
        cells = result.sweep["cell"].n_unique()
        print(f"grid       {counted(cells, 'cell')} of {counted(study.simulated_runs, 'run')} each")
    print(f"written    {result.folder}")


def _blocks(result: StudyResult) -> list[str]:
    if not result.frame.height:
        return [] if result.published is None else _published(result)
    machines = max(each.size for each in result.scenarios.values())
    runs = result.study.simulated_runs if result.simulated else result.study.runs
    kinds = ("simulated run", None) if result.simulated else (
        "run of real machines", "runs of real machines"
    )  # fmt: skip
    head = f"{counted(len(result.scenarios), 'condition')}, {counted(runs, *kinds)} each"
    means = means_of(result.frame, result.study.compare)
    of_means = "; means over runs ± half of the 95 % interval" if runs > 1 else ""
    blocks = [fill(head + of_means, page_width() - 1)]
    of_all = size_of_all(result.frame, "condition")
    blocks += _means_tables(means, list(result.scenarios), machines, of_all)
    if result.differences:
        blocks += _differences(result.differences, of_all)
    if "clocks" in result.tables:
        blocks.append(_clocks(result.tables["clocks"]))
    return blocks


def _clocks(compared: "pl.DataFrame") -> str:
    """Return what every clock costs and hides, over the first run of the first condition."""
    rows = [
        [
            row["clock"],
            "-" if row["wrong_pairs"] is None else str(row["wrong_pairs"]),
            "-" if row["hidden_share"] is None else f"{row['hidden_share']:.1%}",
            "-" if row["message_bytes_mean"] is None else f"{row['message_bytes_mean']:.1f}",
        ]
        for row in compared.filter(~pl.col("logged")).iter_rows(named=True)
    ]
    heads = ["clock", "pairs\nwrongly ordered", "concurrency\nhidden", "bytes\na message"]
    return f"all clocks over one run ({compared['events'][0]} events)\n\n{table(heads, rows)}"


def _published(result: StudyResult) -> list[str]:
    """Return how each published run lies to its simulated range, and why some lie outside."""
    assert result.published is not None
    rows = [
        [
            each.name,
            "outside" if each.outside else "inside",
            {None: "-", True: "inside", False: "outside"}[each.at_achieved],
        ]
        for each in summaries_of(result.published)
    ]
    runs = counted(result.study.simulated_runs, "simulated run")
    head = f"each beside the range that {runs} of its scenario share with 99 % probability"
    outside = [
        fill(each.sentence(result.narrow_ranges), page_width() - 1, subsequent_indent="  ")
        for each in summaries_of(result.published) if each.outside
    ]  # fmt: skip
    heads = ["published run", "at the rates\nasked", "at the rates\nachieved"]
    return [fill(head, page_width() - 1), table(heads, rows, left=1), *outside]


def _means_tables(
    means: Sequence[Mean], conditions: Sequence[str], machines: int, of_all: int
) -> list[str]:
    """Return tables with a column a condition, as many as fit the page, the first in each.

    machines: of the largest condition. of_all: of every condition, 0 if these differ.
    """
    cells = {(each.metric, each.rank, each.condition): _mean(each) for each in means}
    metrics = list(dict.fromkeys(each.metric for each in means))
    ranks = sorted({each.rank for each in means})
    places = [
        (metric, rank)
        for metric in metrics
        for rank in ranks
        if (rank <= RANKS_SHOWN_MAX or rank == machines) and not is_zero(metric, rank)
    ]
    widths = {
        name: max(
            *(len(cells.get((*place, name), "")) for place in places),
            *(len(part) for part in _head(name).split("\n")),
        )
        for name in conditions
    }
    fixed = max(len(LABELS[metric]) for metric, _ in places) + len("slowest") + 4
    groups: list[list[str]] = [[conditions[0]]]
    for name in conditions[1:]:
        wide = fixed + sum(widths[each] + 2 for each in [*groups[-1], name])
        if wide > page_width() and len(groups[-1]) > 1:
            groups.append([conditions[0]])
        groups[-1].append(name)
    return [_means_table(cells, places, group, of_all) for group in groups]


def _means_table(
    cells: "dict[tuple[str, int, str], str]",
    places: Sequence[tuple[str, int]],
    conditions: Sequence[str],
    machines: int,
) -> str:
    rows: list[list[str]] = []
    before = ""
    for metric, rank in places:
        if rows and metric != before:
            rows.append([])
        label = LABELS[metric] if metric != before else ""
        values = [cells.get((metric, rank, name), "-") for name in conditions]
        rows.append([label, rank_name(rank, machines), *values])
        before = metric
    return table(["figure", "machine", *map(_head, conditions)], rows, left=2)


def _head(name: str) -> str:
    """Return the head of a condition's column: a long name over several lines."""
    if len(name) <= 13:
        return name
    lines = [""]
    for word in name.split("-"):
        joined = f"{lines[-1]}-{word}" if lines[-1] else word
        if len(joined) > 13 and lines[-1]:
            lines[-1] += "-"
            lines.append(word)
        else:
            lines[-1] = joined
    return "\n".join(lines)


def _mean(mean: Mean) -> str:
    value, low, high = mean.estimate
    if low is None or high is None:
        return f"{value:.4g}"
    return f"{_number(value, high - low)} ± {_number((high - low) / 2, high - low)}"


def _digits(scale: float) -> int:
    """Return how many digits after the point a figure of this scale can support."""
    if 0 < scale < 0.03:
        return min(DIGITS_MAX, 1 - floor(log10(scale)))
    return 0 if scale >= 100 else 1 if scale >= 3 else 2


def _number(value: float, scale: float) -> str:
    """Return a number with the digits that a figure of this scale can support."""
    return _with_digits(value, _digits(scale))


def _with_digits(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def _differences(differences: Sequence[Difference], machines: int) -> list[str]:
    shown = [each for each in differences if each.is_shown]
    baseline = differences[0].baseline
    blocks = []
    if shown:
        rows = [
            [
                each.condition
                if place == 0 or shown[place - 1].condition != each.condition
                else "",
                LABELS[each.metric],
                rank_name(each.rank, machines),
                _signed(each),
                _interval(each),
            ]
            for place, each in enumerate(shown)
        ]
        heads = ["condition", "figure", "machine", "difference", "95 % interval"]
        blocks.append(
            f"differences from {baseline}, run by run, whose interval excludes 0\n\n"
            + table(heads, rows, left=3)
        )
    rest = [each for each in differences if not each.is_shown]
    for title, some in (
        (f"equal to {baseline} in every pair", [each for each in rest if each.identical]),
        ("no difference shown (the interval holds 0)",
         [each for each in rest if not each.identical and each.estimate.ci95]),
        ("no interval (one pair)",
         [each for each in rest if not each.identical and not each.estimate.ci95]),
    ):  # fmt: skip
        if some:
            blocks.append("\n".join([title, *_listed(some, machines)]))
    judged = sum(each.estimate.ci95 is not None and not each.identical for each in differences)
    if judged:
        blocks.append(
            fill(
                f"Of {counted(judged, 'interval')} of 95 %, about {judged * CHANCE:.2g} would "
                "exclude 0 by chance alone.",
                page_width() - 1,
            )
        )
    return blocks


def _listed(differences: Sequence[Difference], machines: int) -> list[str]:
    """Return a line a condition: the figures, each with its machines."""
    lines = []
    for condition in dict.fromkeys(each.condition for each in differences):
        of_metric: dict[str, list[str]] = {}
        for each in differences:
            if each.condition == condition:
                of_metric.setdefault(each.metric, []).append(rank_name(each.rank, machines))
        stated = "; ".join(
            f"{LABELS[metric]} ({'all' if len(ranks) == machines else ', '.join(ranks)})"
            for metric, ranks in of_metric.items()
        )
        lines.append(
            fill(f"{condition}: {stated}", page_width() - 1, initial_indent="  ",
                 subsequent_indent="    ")
        )  # fmt: skip
    return lines


def _signed(difference: Difference) -> str:
    value, low, high = difference.estimate
    if low is None or high is None:
        text = _number(value, abs(value))
    else:
        text = _with_digits(value, decimals_of_bounds(low, high, _digits(high - low)))
    return text if text.startswith("-") else f"+{text}"


def _interval(difference: Difference) -> str:
    _, low, high = difference.estimate
    if low is None or high is None:
        return "-"
    digits = decimals_of_bounds(low, high, _digits(high - low))
    return f"{_with_digits(low, digits)} to {_with_digits(high, digits)}"
