"""The flags of sweeps and studies, but those that they share with other commands."""

import argparse


def add_grid(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what a sweep goes over, and who simulates."""
    group = parser.add_argument_group("grid")
    group.add_argument(
        "--over", metavar="FIELD=VALUES", action="append", required=True,
        help="field of the scenario and its values (faces=3,4,10; faces=3..6; phase=random,aligned;"
        " rates=1..6,1..6,3: every combination; several lists or texts separated by `;`); may be "
        "given several times, for a grid",
    )  # fmt: skip
    group.add_argument(
        "--workers", metavar="N", help="cores to use (default: all); the result is the same"
    )
    group.add_argument(
        "--dask", metavar="ADDRESS",
        help="spread the cells over the workers of a Dask scheduler (default: over all cores)",
    )  # fmt: skip


def add_sweep_output(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the flags of what a sweep writes, and return their group."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out", metavar="FILE", required=True,
        help="Parquet file to write; killed, the same command goes on from finished cells",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    group.add_argument("--quiet", action="store_true", help="print nothing")
    return group


def add_study_runs(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose a study and its runs."""
    parser.add_argument(
        "study", nargs="?", metavar="NAME|FILE",
        help="a built-in study, or a TOML file that describes one",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the built-in studies")
    parser.add_argument(
        "--print", action="store_true", help="print the file of the study, to copy and change"
    )
    group = parser.add_argument_group("runs")
    group.add_argument(
        "--simulated", action="store_true",
        help="simulate, within seconds (default: real machines run, as long as it takes)",
    )  # fmt: skip
    group.add_argument(
        "--runs", metavar="N", help="runs of each condition (default: what the study says)"
    )
    group.add_argument("--seed", metavar="S", help="seed of all conditions (default: 1)")
    group.add_argument("--speed", metavar="X", help="run X times faster than real time")


def add_study_output(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the flags of what a study writes, and return their group."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out", metavar="FOLDER",
        help="folder to write; interrupted, the same command goes on from finished runs "
        "(default: a new one below studies/)",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace the study in FOLDER")
    group.add_argument("--quiet", action="store_true", help="print only the folder")
    return group
