"""`driftlab predict`: what theory says about a scenario before anything runs."""

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import IO, TYPE_CHECKING, Any, Final, TextIO

from driftlab.cli.flags import chosen_scenario, given_flags
from driftlab.cli.output import MACHINES_LISTED_MAX, four_digits, table
from driftlab.cli.terminal import table_stream
from driftlab.errors import DriftlabError, counted
from driftlab.plain_text import plain
from driftlab.theory.prediction import METHODS, MachinePrediction, Prediction, predict

if TYPE_CHECKING:
    from driftlab.api.against_theory import TheoryComparison

STANDARD_OUTPUT: Final = "-"  # as the file of --csv
LINE_MAX = 79  # characters of a line of text
# Figures as the heads of the tables call them; the others are of the spread of the jumps.
WORDS = {
    "queue": "queue",
    "queue_per_second": "growth a second",
    "queue_mean": "queue in the long run",
    "queue_last": "last queue",
    "utilisation": "share of receives",
    "clock_per_second": "clock a second",
    "clock_last": "last clock",
    "drift_per_second": "drift a second",
    "jump.mean": "mean jump",
    "jump.max": "largest jump",
    "jump.sd": "spread of jumps",
    "jump.q50": "spread of jumps",
    "jump.q95": "spread of jumps",
    "jump.q99": "spread of jumps",
}
# And as the comparison with runs calls them, with their units.
MEASURED_WORDS = {
    "rate": "rate, ticks/s",
    "clock": "last clock, ticks",
    "queue": "last queue, messages",
    "receives": "share of receives",
    "jump": "mean jump, ticks",
    "largest jump": "largest jump, ticks",
}


def main(options: argparse.Namespace) -> int:
    """Print the prediction, beside a measurement if one is given; return the exit status."""
    _settle_csv(options)
    if options.against:
        _require_no_scenario(options)
        from driftlab.api.against_theory import compare_with_prediction  # reads logs, loads NumPy

        _print_comparisons(options, compare_with_prediction(options.against, quick=options.quick))
        return 0
    scenario = chosen_scenario(options, fresh_seed=False)
    prediction = predict(scenario, quick=options.quick)
    if options.json:
        print(json.dumps(prediction.to_dict(), indent=2))
    elif options.csv != STANDARD_OUTPUT:
        _print(prediction)
    _write_csv(options, (flat(machine.to_dict()) for machine in prediction.machines))
    return 0


def _settle_csv(options: argparse.Namespace) -> None:
    """Tell a file to write from a scenario that follows `--csv`; raise before anything is done.

    `predict --csv first.toml` prints the table of a scenario: what names one is no output.
    """
    if options.csv is None or options.csv == STANDARD_OUTPUT:
        return
    from driftlab.scenario.builtin import built_in

    is_scenario = options.csv.endswith(".toml") or ".py:" in options.csv or built_in(options.csv)
    if options.scenario is None and is_scenario:
        options.scenario, options.csv = options.csv, STANDARD_OUTPUT
    elif os.path.lexists(options.csv) and not options.overwrite:
        raise DriftlabError(f"--csv {options.csv}: exists already; --overwrite replaces it")


def _require_no_scenario(options: argparse.Namespace) -> None:
    """Raise DriftlabError if a scenario is given, too: recorded runs have theirs."""
    given = [f"--{name.replace('_', '-')}" for name in given_flags(options)]
    if options.scenario is not None:
        given.insert(0, options.scenario)
    if given:
        raise DriftlabError(
            f"predict: {', '.join(given)}: --against predicts the scenarios of the runs "
            "themselves; leave it out"
        )


def _print_comparisons(
    options: argparse.Namespace, comparisons: "Sequence[TheoryComparison]"
) -> None:
    """Print each scenario's prediction beside what was measured."""
    if options.json:
        documents = [comparison.to_dict() for comparison in comparisons]
        print(
            json.dumps(documents[0] if len(documents) == 1 else {"scenarios": documents}, indent=2)
        )
    elif options.csv != STANDARD_OUTPUT:
        for place, comparison in enumerate(comparisons):
            if place:
                print(f"\n{'═' * LINE_MAX}\n")
            _print(comparison.prediction, with_methods=len(comparisons) == 1)
            _print_against(comparison)
        if len(comparisons) > 1:
            print(f"\n{'═' * LINE_MAX}\n")
            _print_lines(_methods([comparison.prediction for comparison in comparisons]))
    _write_csv(
        options,
        (
            {"rates": "/".join(f"{rate:g}" for rate in comparison.rates), **figure.to_dict()}
            for comparison in comparisons
            for figure in comparison.figures
        ),
    )


def _print(prediction: Prediction, *, with_methods: bool = True) -> None:
    machines = prediction.machines[:MACHINES_LISTED_MAX]
    print(_title(prediction), _queues(machines), _clocks(machines), sep="\n\n", end="\n\n")
    if len(machines) < len(prediction.machines):
        more = counted(len(prediction.machines) - len(machines), "more machine")
        print(f"… and {more}; see --json")
    _print_lines([*(_methods([prediction]) if with_methods else []), *_notes(prediction)])


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(fill(plain(line), LINE_MAX, subsequent_indent="  ", break_on_hyphens=False))


def _title(prediction: Prediction) -> str:
    machines = counted(len(prediction.machines), "machine")
    return f"predicted for {machines} and {prediction.seconds:g} s of scenario time"


def _queues(machines: Sequence[MachinePrediction]) -> str:
    heads = (
        "machine", "rate", "queue", "load", "grows\n/s", "queue in the\nlong run",
        "last queue\nmean ± sd", "share of\nreceives",
    )  # fmt: skip
    rows = [
        [
            machine.name,
            f"{machine.rate:.5g}",
            machine.queue,
            f"{machine.load:.2f}",
            f"{machine.queue_per_second:.2f}",
            "-" if machine.queue_mean is None else f"{machine.queue_mean:.1f}",
            _spread(machine.queue_last["mean"], machine.queue_last["sd"], 1),
            f"{machine.utilisation:.2f}",
        ]
        for machine in machines
    ]
    return table(heads, rows)


def _clocks(machines: Sequence[MachinePrediction]) -> str:
    heads = (
        "machine", "clock\n/s", "last clock\nmean ± sd", "drift\n/s", "jump\nmean ± sd",
        "jump quantiles\n0.50/0.95/0.99", "largest\njump",
    )  # fmt: skip
    rows = [
        [
            machine.name,
            f"{machine.clock_per_second:.2f}",
            _spread(machine.clock_last["mean"], machine.clock_last["sd"], 0),
            f"{machine.drift_per_second:+.2f}",
            _spread(machine.jump["mean"], machine.jump["sd"], 2),
            "/".join(_or_dash(machine.jump[name]) for name in ("q50", "q95", "q99")),
            _or_dash(machine.jump["max"]),
        ]
        for machine in machines
    ]
    return table(heads, rows)


def _spread(mean: float | None, sd: float | None, digits: int) -> str:
    if mean is None:
        return "-"
    return f"{mean:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _methods(predictions: Sequence[Prediction]) -> list[str]:
    """Return the methods that were used, of which figures, with their known errors."""
    figures: dict[str, list[str]] = {}
    for machine in (each for prediction in predictions for each in prediction.machines):
        for figure, method in machine.method.items():
            name = WORDS[figure]
            if name not in figures.setdefault(method, []):
                figures[method].append(name)
    return [f"{', '.join(names)}: {METHODS[method]}" for method, names in figures.items()]


def _notes(prediction: Prediction) -> list[str]:
    """Return between what the clock rate lies, and what limits the prediction."""
    low, high = prediction.bounds
    shared = (
        f"clock rate of the live machines: {prediction.clock_rate:.3f} per second, "
        f"between {low:.5g} and {high:.5g} in any case"
    )
    is_shared = any(each.events["send"] for each in prediction.machines)  # else each has its own
    return [*([shared] if is_shared else []), *prediction.remarks]


def _print_against(comparison: "TheoryComparison") -> None:
    rows = [
        [
            each.machine,
            MEASURED_WORDS.get(each.figure, each.figure),
            _digits(each.predicted),
            _digits(each.measured),
            f"± {_allowed(each.allowed)}",
            "" if each.agrees else "differs",
        ]
        for each in comparison.figures
    ]
    where = ", ".join(comparison.paths)
    one = comparison.numbers[0] if comparison.runs == 1 else None
    runs = counted(comparison.runs, "run") if one is None else f"run {one}"
    print(fill(f"measured in {runs} of {where}", LINE_MAX, break_on_hyphens=False))
    for line in comparison.remarks:
        print(fill(line, LINE_MAX, subsequent_indent="  ", break_on_hyphens=False))
    print()
    print(table(("machine", "figure", "predicted", "measured", "allowed", ""), rows, left=2))
    wrong = sum(not each.agrees for each in comparison.figures)
    count = counted(len(comparison.figures), "figure")
    print(f"\n{wrong} of {count} {'differs' if wrong == 1 else 'differ'} from the prediction")


def _allowed(value: float) -> str:
    """Return two digits of a difference, and all of those before the decimal point."""
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1 else four_digits(value)


def flat(keys: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a table of tables as one table, the names joined by `_`."""
    row: dict[str, Any] = {}
    for key, value in keys.items():
        name = prefix + key.replace(".", "_")
        row |= flat(value, f"{name}_") if isinstance(value, dict) else {name: value}
    return row


def _write_csv(options: argparse.Namespace, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows to the file of `--csv`, or to standard output where JSON does not go there."""
    if options.csv is None:
        return
    if options.csv == STANDARD_OUTPUT:
        if not options.json:
            _write_rows(table_stream(), rows)
        return
    from driftlab.journal.whole_file import open_whole

    with open_whole(options.csv, newline="") as file:
        _write_rows(file, rows)


def _write_rows(file: TextIO | IO[str], rows: Iterable[dict[str, Any]]) -> None:
    import csv

    every = list(rows)
    names = list(dict.fromkeys(name for row in every for name in row))
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(every)
