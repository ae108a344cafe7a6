"""`driftlab predict`: what theory says about a scenario before anything runs."""

import argparse
import json
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from driftlab.cli.flags import chosen_scenario
from driftlab.cli.output import table
from driftlab.cli.terminal import plain, print_line
from driftlab.errors import counted
from driftlab.theory.prediction import METHODS, MachinePrediction, Prediction, predict

if TYPE_CHECKING:
    from driftlab.analysis.against_theory import Figure

LINE_MAX = 79  # characters of a line of text


def main(options: argparse.Namespace) -> int:
    """Print the prediction, beside a measurement if one is given; return the exit status."""
    scenario, measured = chosen_scenario(options, fresh_seed=False), None
    if options.against is not None:
        from driftlab.api.read_run import read_runs

        scenario, measured = read_runs(options.against)
        scenario = scenario.for_run(measured[0].number)
    prediction = predict(scenario, quick=options.quick)
    comparison = None
    if measured is not None:
        from driftlab.analysis.against_theory import compare_with_theory

        comparison = compare_with_theory(prediction, [run.machines for run in measured])
    if options.json:
        document: dict[str, Any] = prediction.to_dict()
        if comparison is not None:
            document["against"] = [each.to_dict() for each in comparison]
        print(json.dumps(document, indent=2))
        return 0
    print(_title(prediction))
    print()
    print(_table(prediction.machines))
    print()
    for line in _notes(prediction):
        print(fill(plain(line), LINE_MAX, subsequent_indent="  ", break_on_hyphens=False))
    if comparison is not None:
        print()
        print_line(f"measured in {counted(len(measured or ()), 'run')} of {options.against}")
        print()
        print(_against(comparison))
    return 0


def _title(prediction: Prediction) -> str:
    machines = counted(len(prediction.machines), "machine")
    return f"predicted for {machines} and {prediction.seconds:g} s of scenario time"


def _table(machines: Sequence[MachinePrediction]) -> str:
    heads = (
        "machine", "rate", "queue", "grows\n/s", "last queue\nmean ± sd", "clock\n/s",
        "last clock\nmean ± sd", "drift\n/s", "jump\nmean/max", "share of\nreceives",
    )  # fmt: skip
    rows = [
        [
            machine.name,
            f"{machine.rate:g}",
            machine.queue,
            f"{machine.queue_per_second:.2f}",
            _spread(machine.queue_last["mean"], machine.queue_last["sd"], 1),
            f"{machine.clock_per_second:.2f}",
            _spread(machine.clock_last["mean"] or 0.0, machine.clock_last["sd"], 0),
            f"{machine.drift_per_second:+.2f}",
            f"{machine.jump['mean']:.2f}/{_or_dash(machine.jump['max'])}",
            f"{machine.utilisation:.2f}",
        ]
        for machine in machines
    ]
    return table(heads, rows)


def _spread(mean: float, sd: float | None, digits: int) -> str:
    return f"{mean:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _notes(prediction: Prediction) -> list[str]:
    """Return the methods that were used, with their known errors, and what limits them."""
    figures: dict[str, list[str]] = {}
    for machine in prediction.machines:
        for figure, method in machine.method.items():
            name = figure.replace("_", " ").replace(".", " ")
            if name not in figures.setdefault(method, []):
                figures[method].append(name)
    low, high = prediction.bounds
    return [
        *(f"{', '.join(names)}: {METHODS[method]}" for method, names in figures.items()),
        f"clock rate of the live machines: {prediction.clock_rate:.3f} per second, "
        f"between {low:g} and {high:g} in any case",
        *prediction.remarks,
    ]


def _against(comparison: Sequence["Figure"]) -> str:
    rows = [
        [
            each.machine,
            each.figure,
            f"{each.predicted:.4g}",
            f"{each.measured:.4g}",
            f"{each.allowed:.2g}",
            "" if each.agrees else "differs",
        ]
        for each in comparison
    ]
    return table(("machine", "figure", "predicted", "measured", "allowed", ""), rows, left=2)
