"""The time of a simulated minute as a command, compared with an interpreter that does nothing."""

from collections.abc import Sequence
from tempfile import TemporaryDirectory

from benchmarks.machines import PASS, console_script, seconds_of
from benchmarks.tables import Cell, Table, compare, progress

TARGET = 3
MINUTE = ("simulate", "--rates", "6,3,1", "--seed", "1")


def measure(quick: bool) -> list[Table]:
    """Time whole processes, from starting to reaping, one after the other."""
    rows: list[tuple[Cell, ...]] = []
    repetitions = 5 if quick else 40
    with TemporaryDirectory() as folder:
        journals = [(*MINUTE, "--out", f"{folder}/{number}") for number in range(repetitions)]
        rows.append(_row("its journals too", journals))
    rows.append(_row("figures only", [(*MINUTE, "--record", "summary")] * repetitions))
    return [
        Table(
            "A simulated minute",
            "`driftlab simulate --rates 6,3,1` as a whole process, beside `python -c pass`, "
            f"interleaved, medians of {repetitions}.",
            ("kept", "simulate, ms", "python -c pass, ms", "ratio", "of single pairs", "target"),
            rows,
        )
    ]


def _row(kept: str, commands: Sequence[tuple[str, ...]]) -> tuple[Cell, ...]:
    progress(f"a simulated minute, {kept}")
    ours, bare = [], []
    for command in commands:
        ours.append(seconds_of((console_script(), *command)) * 1e3)
        bare.append(seconds_of(PASS) * 1e3)
    found = compare(ours, bare)
    return kept, found.ours, found.bare, found.ratio, found.spread, f"below {TARGET}"
