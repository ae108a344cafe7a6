"""Lines that changed places are named beside the violations, which stay."""

import random
from pathlib import Path

import pytest

import driftlab
from driftlab.api.export import convert
from driftlab.judge.checker import Verdict
from tests.small_logs import table
from tests.written_logs import run_of, table_of
from tests.wrong_machines import write_run


def vector_log(folder: Path, order: list[int], more: str = "") -> Verdict:
    """Judge a log of one process whose own entries stand in this order, one a line."""
    path = folder / "a.log"
    path.write_text("".join(f'n {{"n":{own}}} does {own}\n' for own in order) + more)
    return driftlab.read(path, pattern=[r"(?<host>\S*) (?<clock>{.*}) (?<event>.*)"]).check()


def places(verdict: Verdict) -> list[str]:
    return [remark for remark in verdict.remarks if "changed places" in remark]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ([1, 3, 2, 4], "a.log:2 and a.log:3 have changed places"),
        ([2, 1, 3], "a.log:1 and a.log:2 have changed places"),
        ([1, 5, 3, 4, 2, 6], "a.log:2 and a.log:5 have changed places"),
        ([1, 3, 4, 2, 5], "a.log:2, a.log:3 and a.log:4 have changed places"),
        (
            [2, 1, 3, 5, 4],
            "a.log:1 and a.log:2 have changed places, a.log:4 and a.log:5 have changed places",
        ),
        (
            [8, 1, 2, 3, 4, 5, 6, 7],
            "a.log:1, a.log:2, a.log:3, a.log:4, a.log:5 and 3 more have changed places",
        ),
        (
            [2, 1, 4, 3, 6, 5, 8, 7],
            "a.log:1 and a.log:2 have changed places, a.log:3 and a.log:4 have changed places, "
            "a.log:5 and a.log:6 have changed places, 8 lines in all stand in places of others",
        ),
    ],
)
def test_lines_are_named_that_stand_in_the_places_of_others(
    order: list[int], said: str, tmp_path: Path
) -> None:
    verdict = vector_log(tmp_path, order)
    assert places(verdict) == [f"in the order of the own entries all holds: {said}"]
    assert not verdict.holds
    assert places(verdict) == places(verdict)  # asked again


@pytest.mark.parametrize(
    "order",
    [
        [1, 2, 3, 4],  # nothing to say
        [1, 3, 2, 5],  # one is missing
        [1, 3, 2, 2, 4],  # one stands twice
        [1, 2, 1, 2],  # begins again
        [3, 2, 1, 9],
    ],
)
def test_nothing_is_said_where_the_clocks_are_no_order(order: list[int], tmp_path: Path) -> None:
    assert not places(vector_log(tmp_path, order))


def test_where_something_else_is_wrong_it_is_said_of_the_process_alone(tmp_path: Path) -> None:
    verdict = vector_log(tmp_path, [1, 3, 2, 4], 'm {"m":1} starts\nm {"m":7} jumps\n')
    assert places(verdict) == [
        "in the order of the own entries the clocks of n hold: "
        "a.log:2 and a.log:3 have changed places"
    ]


def test_a_message_that_only_the_other_order_explains(tmp_path: Path) -> None:
    log = 'n {"n":1} a\nn {"n":3} c\nn {"n":2} b\nm {"m":1} a\nm {"m":2,"n":2} gets b\n'
    (tmp_path / "a.log").write_text(log)
    verdict = driftlab.read(
        tmp_path / "a.log", pattern=[r"(?<host>\S*) (?<clock>{.*}) (?<event>.*)"]
    ).check()
    assert places(verdict) == [
        "in the order of the own entries all holds: a.log:2 and a.log:3 have changed places"
    ]


def test_lamport_clocks_show_it_too(tmp_path: Path) -> None:
    verdict = table(
        tmp_path,
        "process kind lamport sender stamp targets",
        """
        a internal 1 - - -
        a receive 4 b 3 -
        a send 3 - - b
        a internal 2 - - -
        b internal 1 - - -
        b internal 2 - - -
        b send 3 - - a
        b receive 4 a 3 -
    """,
    ).check()
    assert places(verdict) == [
        "in the order of the Lamport clocks all holds: log.csv:3 and log.csv:5 have changed places"
    ]
    assert verdict.counts["clock-condition"] > 0


@pytest.mark.parametrize("seed", range(8))
def test_two_lines_of_a_long_log_that_are_swapped_are_found(seed: int, tmp_path: Path) -> None:
    lines = run_of(tmp_path / "run", seed=seed)
    dice = random.Random(seed)
    name = dice.choice("ABC")
    mine = [number for number, line in enumerate(lines) if line.process == name]
    one, other = sorted(dice.sample(mine, 2))
    lines[one], lines[other] = lines[other], lines[one]
    verdict = driftlab.read(table_of(tmp_path / "log.csv", lines)).check()
    assert not verdict.holds
    assert places(verdict) == [
        f"in the order of the Lamport clocks all holds: log.csv:{one + 2} and log.csv:{other + 2} "
        "have changed places"
    ]


@pytest.mark.parametrize("fault", ["max-only", "max-of-next", "stamps-before", "steps-by-two"])
def test_a_wrong_machine_is_not_taken_for_swapped_lines(fault: str, tmp_path: Path) -> None:
    lines = run_of(tmp_path / "run", fault)
    verdict = driftlab.read(table_of(tmp_path / "log.csv", lines)).check()
    assert not verdict.holds
    assert not places(verdict)


@pytest.mark.parametrize("fault", ["goes-back", "gap", "duplicate"])
def test_a_vector_clock_that_goes_back_is_not_taken_for_swapped_lines(
    fault: str, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", fault, clock="vector")
    convert(run, tmp_path / "log.shiviz", "shiviz")
    verdict = driftlab.read(tmp_path / "log.shiviz").check()
    assert not verdict.holds
    assert not places(verdict)


def test_the_fault_is_the_order_where_the_order_explains_it(tmp_path: Path) -> None:
    columns = "process kind lamport sender stamp targets"
    text = """
        a internal 1 - - -
        a internal 3 - - -
        a send 2 - - b
        a internal 4 - - -
        b receive 3 a 2 -
    """
    verdict = table(tmp_path, columns, text).check()
    assert [(each.name, each.processes, each.events) for each in verdict.faults] == [
        ("writes its events out of order", ("a",), 2)
    ]
    # What the order does not explain keeps its own name.
    more = f"{text}    b internal 9 - - -\n    b internal 10 - - -\n    b internal 11 - - -\n"
    verdict = table(tmp_path, columns, more).check()
    assert [each.processes for each in verdict.faults] == [("a",), ("b",)]
    assert verdict.faults[0].name == "writes its events out of order"
