"""What each clock of the catalogue costs, and what it hides, over one run of a study."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from driftlab.api.read import read
from driftlab.api.read_run import find_run_folders
from driftlab.api.simulate import simulate_run
from driftlab.scenario.scenario import Scenario


def clock_table(scenarios: Mapping[str, Scenario], folder: Path | None) -> pl.DataFrame | None:
    """Return a row a clock over the first run of the first condition.

    scenarios: of the conditions. folder: of that condition's real runs; None where they
    are simulated. None if there is no condition.
    """
    if not scenarios:
        return None
    if folder is None:
        first = next(iter(scenarios.values()))
        alone = first.for_run(first.first_run).replace(clock="lamport")
        history = simulate_run(alone, record="all").history
    else:
        history = read(find_run_folders(folder)[1][0])
    compared = history.compare()
    rows = [
        {
            "clock": each.clock,
            "logged": each.logged,
            "wrong_pairs": each.wrong,
            "hidden_pairs": each.hidden,
            "hidden_share": each.hidden_share,
            "message_bytes_mean": None if each.bytes is None else each.bytes.mean,
            "message_bytes_max": None if each.bytes is None else each.bytes.max,
            "events": compared.events,
            "concurrent_pairs": compared.concurrent,
            "why_not": each.why_not,
        }
        for each in compared.clocks
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
