"""The time of `driftlab --help`, compared with an interpreter that does nothing."""

from benchmarks.machines import PASS, console_script, seconds_of
from benchmarks.tables import Table, compare, progress

TARGET = 4


def measure(quick: bool) -> list[Table]:
    """Time both as whole processes, from starting to reaping, one after the other."""
    progress("help: driftlab --help beside python -c pass")
    ours, bare = [], []
    for _ in range(5 if quick else 40):
        ours.append(seconds_of((console_script(), "--help")) * 1e3)
        bare.append(seconds_of(PASS) * 1e3)
    found = compare(ours, bare)
    return [
        Table(
            "First help",
            f"Whole processes, interleaved, medians of {len(ours)}.",
            ("driftlab --help, ms", "python -c pass, ms", "ratio", "of single pairs", "target"),
            [(found.ours, found.bare, found.ratio, found.spread, f"at most {TARGET}")],
        )
    ]
