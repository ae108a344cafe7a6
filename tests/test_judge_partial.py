"""Logs that hold a part of what happened: what they lack is never held against them."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import driftlab
from driftlab.api.export import convert
from driftlab.judge.checker import Violation
from tests.wrong_machines import write_run

CLOCKS = ["lamport", "vector", "hybrid"]
CSV = "process,clock,kind,sender,stamp,targets\n"


def violations(path: Path, **options: Any) -> list[Violation]:
    return list(driftlab.read(path, **options).check().violations)


def damaged(folder: Path, draw: random.Random) -> None:
    """Take lines out of the journals of a run, alone and together, and cut some in two."""
    for path in sorted(folder.glob("*.log")):
        lines = path.read_bytes().splitlines(keepends=True)
        for _ in range(draw.choice([0, 1, 5])):
            place = draw.randrange(2, len(lines) - 30)
            if draw.random() < 0.5:
                del lines[place : place + draw.choice([1, 1, 15])]
            else:
                lines[place] = lines[place][: len(lines[place]) // 2] + b"\n"
        path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(
    "name", ["shiviz", "tsviz", "govector", "tracing", "chrome", "csv", "parquet"]
)
def test_holes_are_not_forgotten_by_any_format(clock: str, name: str, tmp_path: Path) -> None:
    draw = random.Random(f"{clock} {name}")
    for seed in range(4):
        folder = write_run(tmp_path / f"{seed}", clock=clock, seed=seed)
        damaged(folder, draw)
        copy = tmp_path / f"copy-{seed}"
        convert(folder, copy, name)
        assert violations(copy, format=name) == []


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("lacking", [(), ("tick", "due_ns", "late_ns")])
def test_a_table_may_begin_and_end_anywhere(
    clock: str, lacking: tuple[str, ...], tmp_path: Path
) -> None:
    draw = random.Random(clock)
    path = tmp_path / "log.csv"
    for seed in range(10):
        folder = write_run(tmp_path / "run", clock=clock, seed=seed)
        convert(folder, path, "csv", overwrite=True)
        whole = pl.read_csv(path, infer_schema=False).drop(lacking)
        parts = []
        for part in whole.partition_by("process"):
            begin, end = draw.choice([0, 1, 3, 40]), draw.choice([0, 1, 40])
            parts.append(part[begin : len(part) - end])
        pl.concat(parts).write_csv(path)
        assert violations(path) == []


LOST_FIRST = "A,{},send,,,B\nA,{},send,,,B\nB,{},internal,,,\nB,{},receive,A,{},\n"


def test_a_message_before_the_first_of_a_log_that_begins_later_may_have_come(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(CSV + LOST_FIRST.format(1, 2, 1, 3, 2))
    (lost,) = violations(path)  # a clock of 1: that is where B began
    assert (lost.rule, lost.process, lost.index) == ("lost-message", "A", 0)
    path.write_text(CSV + LOST_FIRST.format(1, 2, 5, 6, 2))
    verdict = driftlab.read(path).check()
    assert verdict.holds
    (unknown,) = verdict.unknowns()
    assert (unknown.rule, unknown.process, unknown.index) == ("lost-message", "A", 0)


@pytest.mark.parametrize(("first", "holds"), [(1, False), (5, True)])
def test_an_own_entry_of_one_is_that_of_a_first_event(
    first: int, holds: bool, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    rows = [
        ("A", "send", {"A": 1}, "1", "", "B"),
        ("A", "send", {"A": 2}, "2", "", "B"),
        ("B", "internal", {"B": first}, "", "", ""),
        ("B", "receive", {"A": 2, "B": first + 1}, "", "2", ""),
    ]
    cells = ("process", "kind", "vector", "sent", "received", "targets")
    rows_written = [(host, kind, json.dumps(vector), *rest) for host, kind, vector, *rest in rows]
    pl.DataFrame(rows_written, schema=cells, orient="row").write_csv(path)
    assert [each.rule for each in violations(path)] == ([] if holds else ["lost-message"])


def test_a_message_lost_between_others_is_lost_wherever_the_log_begins(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    sends = "".join(f"A,{clock},send,,,B\n" for clock in (7, 8, 9))
    path.write_text(f"{CSV}{sends}B,30,receive,A,7,\nB,31,receive,A,9,\n")
    (lost,) = violations(path)
    assert (lost.rule, lost.index) == ("lost-message", 1)


def test_a_receive_from_oneself_is_one_violation(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"{CSV}A,1,send,,,B\nA,2,receive,A,1,\nB,2,receive,A,1,\n")
    (violation,) = violations(path)
    assert (violation.rule, violation.process, violation.index) == ("from-nowhere", "A", 1)


def test_every_one_of_many_violations_is_reported(tmp_path: Path) -> None:
    path, sends = tmp_path / "log.csv", 60_000
    rows_written = [f"A,{clock},send,,,B\n" for clock in range(1, sends + 1)]
    rows_written += [f"B,{clock + 1},receive,A,{clock},\n" for clock in range(1, sends + 1, 2)]
    path.write_text(CSV + "".join(rows_written))
    verdict = driftlab.read(path).check(only=["lost-message"])
    assert len(verdict.to_dict()["violations"]) == sends // 2 - 1
