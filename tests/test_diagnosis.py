"""Each known wrong machine is named by what it does, from its log alone; a right one never."""

import csv
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from random import Random

import pytest

import driftlab
from driftlab.judge.checker import RULES
from driftlab.judge.diagnosis.diagnose import Fault
from tests.wrong_machines import TABLE, write_run, write_table

# The plain name of what each wrong machine does. Those of the assignment's three
# machines say `both`, those of more `all`.
NAMES = {
    "stamps-before": "stamps messages before the increment",
    "max-of-next": "max(C + 1, stamp) at a receive",
    "max-only": "max(C, stamp) at a receive",
    "adds-two": "adds 2 at a receive",
    "steps-by-two": "counts 2 at an internal event",
    "counts-twice": "increments twice for a send to both",
    "reaches-one": "send to both reaches one peer",
    "takes-two": "takes several messages a tick",
    "takes-none": "takes none although messages wait",
    "sorts-as-text": "sorts the queue by stamp as text",
    "loses-rest": "loses messages",
    "delivered-twice": "receives messages twice",
    "overtakes": "messages overtake each other",
    "from-nowhere": "receives messages that nobody sent",
    "one-peer-twice": "faces 1 and 2 reach the same peer",
    "sleeps-after-work": "2.4 % slow",
    "sleeps-60": "sleeps 60/r instead of 1/r",
    "due-by-adding": "ticks are not due at phase + k / rate",
}
OF_ALL = {
    "increments twice for a send to both": "increments once for each target of a send",
    "send to both reaches one peer": "send to all misses a peer",
    "faces 1 and 2 reach the same peer": "never chooses one peer",
}
OTHER_CLOCKS = {
    "not-merged": ("vector", "does not merge the vector that it receives"),
    "takes-over": ("vector", "lets a vector entry go back"),
    "gap": ("vector", "does not count its events one by one in its own vector entry"),
    "ahead": ("vector", "counts events in a vector that it cannot have heard of"),
    "matrix-not-merged": ("matrix", "does not merge the matrix that it receives"),
    "hybrid-not-merged": ("hybrid", "does not merge the hybrid clock that it receives"),
    "hybrid-ahead": ("hybrid", "lets the hybrid clock leave its physical time"),
    "hybrid-never-0": ("hybrid", "counts the hybrid clock up where it should not"),
}
NOT_WITH_TWO = {"counts-twice", "reaches-one", "one-peer-twice"}  # need two peers
EITHER_MAX = "max(C, stamp) or max(C + 1, stamp) at a receive"
THREE, TWO, FIVE = (6, 5, 2), (6, 3), (6, 5, 4, 3, 2)


def faults(history: driftlab.History) -> list[Fault]:
    return history.check().faults


def names(history: driftlab.History) -> set[str]:
    return {fault.name for fault in faults(history)}


def expected(fault: str, machines: int) -> str:
    return OF_ALL.get(NAMES[fault], NAMES[fault]) if machines > 3 else NAMES[fault]


@pytest.mark.parametrize("rates", [THREE, TWO, FIVE])
@pytest.mark.parametrize("seed", range(3))
def test_right_machines_have_no_fault(rates: tuple[int, ...], seed: int, tmp_path: Path) -> None:
    assert faults(driftlab.read(write_run(tmp_path, rates=rates, seed=seed))) == []
    table = write_table(tmp_path / "log.csv", rates=rates, seed=seed)
    assert faults(driftlab.read(table).with_rates(rates)) == []


@pytest.mark.parametrize("fault", NAMES)
@pytest.mark.parametrize("rates", [THREE, TWO, FIVE])
def test_a_wrong_machine_is_named_in_its_journals(
    fault: str, rates: tuple[int, ...], tmp_path: Path
) -> None:
    if fault in NOT_WITH_TWO and len(rates) == 2:
        pytest.skip("a fault of machines with two peers")
    # To see that one of four peers is never chosen takes many messages.
    seconds = 600 if fault == "one-peer-twice" else 60
    for seed in range(3):
        folder = write_run(tmp_path, fault, rates=rates, seed=seed, seconds=seconds)
        verdict = driftlab.read(folder).check()
        if fault == "sorts-as-text" and verdict.holds:
            continue  # its short queue never held two messages that the order turns round
        assert {each.name for each in verdict.faults} <= {expected(fault, len(rates)), EITHER_MAX}
        if not (fault in ("max-of-next", "max-only") and len(rates) == 2):
            assert [each.name for each in verdict.faults] == [expected(fault, len(rates))]
        assert verdict.faults[0].is_named


# What a table of the assignment's columns shows. Who was to tick when, it does not say.
IN_A_TABLE = sorted(set(NAMES) - {"due-by-adding"})


@pytest.mark.parametrize("fault", IN_A_TABLE)
@pytest.mark.parametrize("rates", [THREE, TWO, FIVE])
def test_a_wrong_machine_is_named_in_a_table_of_the_columns_of_the_assignment(
    fault: str, rates: tuple[int, ...], tmp_path: Path
) -> None:
    if fault in NOT_WITH_TWO and len(rates) == 2:
        pytest.skip("a fault of machines with two peers")
    seconds = 900 if fault == "one-peer-twice" else 60
    for seed in range(3):
        table = write_table(tmp_path / "log.csv", fault, rates=rates, seed=seed, seconds=seconds)
        verdict = driftlab.read(table).with_rates(rates).check()
        found = {each.name for each in verdict.faults}
        if fault == "sorts-as-text" and not verdict.counts["fifo"]:
            assert not any(each.is_named for each in verdict.faults)
            continue  # no messages of one channel changed places
        if fault in ("max-of-next", "max-only") and len(rates) == 2:
            assert found <= {NAMES[fault], EITHER_MAX}
            assert found
        else:
            assert found == {expected(fault, len(rates))}


@pytest.mark.parametrize("fault", OTHER_CLOCKS)
def test_faults_of_other_clocks_are_named_too(fault: str, tmp_path: Path) -> None:
    clock, name = OTHER_CLOCKS[fault]
    for seed in range(2):
        assert names(driftlab.read(write_run(tmp_path, fault, clock=clock, seed=seed))) == {name}


@pytest.mark.parametrize("fault", ["max-only", "takes-two", "counts-twice", "sleeps-after-work"])
def test_the_process_that_is_wrong_is_named_and_no_other(fault: str, tmp_path: Path) -> None:
    (found,) = faults(driftlab.read(write_run(tmp_path, fault, wrong="B", seconds=120)))
    assert (found.name, found.processes) == (NAMES[fault], ("B",))
    assert found.events > 2


def test_two_names_of_one_log_are_told_apart_by_another_process(tmp_path: Path) -> None:
    """No stamp is below the clock of the slow machine, so the receives of the quick one decide."""
    found = faults(driftlab.read(write_run(tmp_path, "max-only", rates=TWO)))
    assert [(each.name, each.processes) for each in found] == [(NAMES["max-only"], ("A", "B"))]
    found = faults(driftlab.read(write_run(tmp_path, "max-only", rates=TWO, wrong="B")))
    assert [(each.name, each.processes) for each in found] == [(EITHER_MAX, ("B",))]


def test_stamps_that_are_not_logged_leave_two_names(tmp_path: Path) -> None:
    """max(C, clock before) + 1 is max(C + 1, clock of the send): both write one log."""
    columns = ("time", "kind", "queue", "clock", "targets")
    tables = [
        write_table(tmp_path / f"{fault}.csv", fault, columns=columns, rates=(6, 5), seconds=60)
        for fault in ("stamps-before", "max-of-next")
    ]
    one, other = (path.read_text() for path in tables)
    assert one == other


# Faults that do not hide each other.
TOGETHER = ("stamps-before", "max-only", "steps-by-two", "takes-none", "one-peer-twice",
            "loses-rest", "sleeps-after-work")  # fmt: skip


@pytest.mark.parametrize(("one", "other"), list(combinations(TOGETHER, 2)))
def test_two_faults_are_both_named(one: str, other: str, tmp_path: Path) -> None:
    both = {NAMES[one], NAMES[other]}
    for seed in range(2):
        run = write_run(tmp_path, f"{one}+{other}", seed=seed, seconds=120)
        assert {fault.name for fault in faults(driftlab.read(run)) if fault.is_named} == both
        table = write_table(tmp_path / "log.csv", f"{one}+{other}", seed=seed, seconds=120)
        found = faults(driftlab.read(table).with_rates(THREE))
        assert {fault.name for fault in found if fault.is_named} == both


# One wrong line in a right log is no fault of the program that wrote it.

KNOWN = {NAMES[fault] for fault in ("stamps-before", "max-of-next", "max-only", "adds-two",
         "steps-by-two", "counts-twice", "takes-two", "sorts-as-text", "one-peer-twice",
         "sleeps-after-work", "sleeps-60")}  # fmt: skip


def table_rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def change_clock(rows: list[list[str]], place: int, dice: Random) -> None:
    rows[place][4] = str(int(rows[place][4]) + dice.choice([-5, -1, 1, 3, 40]))


def change_queue(rows: list[list[str]], place: int, dice: Random) -> None:
    rows[place][3] = str(max(0, int(rows[place][3]) + dice.choice([-2, -1, 1, 2, 5])))


def change_stamp(rows: list[list[str]], place: int, dice: Random) -> None:
    receive = next(row for row in rows[place:] + rows if row[2] == "receive")
    receive[6] = str(int(receive[6]) + dice.choice([-3, -1, 1, 2]))


def drop_line(rows: list[list[str]], place: int, dice: Random) -> None:
    del rows[place]


def double_line(rows: list[list[str]], place: int, dice: Random) -> None:
    rows.insert(place, list(rows[place]))


def swap_lines(rows: list[list[str]], place: int, dice: Random) -> None:
    rows[place], rows[place + 1] = rows[place + 1], rows[place]


@pytest.mark.parametrize(
    "edit", [change_clock, change_queue, change_stamp, drop_line, double_line, swap_lines]
)
def test_one_wrong_line_is_no_fault_of_the_program(
    edit: Callable[[list[list[str]], int, Random], None], tmp_path: Path
) -> None:
    dice = Random(1)
    path = tmp_path / "log.csv"
    for seed in range(12):
        head, *rows = table_rows(write_table(path, seed=seed))
        edit(rows, dice.randrange(10, len(rows) - 5), dice)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        assert not names(driftlab.read(path).with_rates(THREE)) & KNOWN


def test_every_violation_counts_for_a_fault(tmp_path: Path) -> None:
    """What no name explains is described by the sentence of its rule."""
    path = write_table(tmp_path / "log.csv", seed=3)
    head, *rows = table_rows(path)
    rows[50][4] = str(int(rows[50][4]) + 30)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    (found,) = faults(driftlab.read(path))
    assert not found.is_named
    assert found.name == f"breaks clock-condition: {RULES['clock-condition'].says}"
    assert (found.rule, found.processes, found.events) == ("clock-condition", ("A",), 1)


@pytest.mark.parametrize("lost", [(4,), (4, 40), (12, 31, 50)])
def test_single_losses_of_sends_to_several_have_one_name(
    lost: tuple[int, ...], tmp_path: Path
) -> None:
    """Each is a violation of `send-to-all`, which does not get a name of its own."""
    rows = ["process,kind,lamport,sender,stamp,targets"]
    sends = [f"a,send,{number + 1},,,b c" for number in range(60)]
    for name in "bc":
        clock = 0
        for stamp in range(1, 61):
            if not (name == "b" and stamp in lost):
                clock = max(clock, stamp) + 1
                rows.append(f"{name},receive,{clock},a,{stamp},")
    rows[1:1] = [f"{name},internal,1,,," for name in "bc"]
    (tmp_path / "log.csv").write_text("\n".join([*rows, *sends]) + "\n")
    (found,) = faults(driftlab.read(tmp_path / "log.csv"))
    assert (found.name, found.processes, found.events) == ("loses messages", ("b",), len(lost))


@pytest.mark.parametrize("share", [2, 3, 8])
def test_a_program_that_is_no_die_has_no_wrong_die(share: int, tmp_path: Path) -> None:
    """Servers that tell one partner most things alone, and everybody the rest."""
    lines = ["host,kind,clock,queue,targets"]
    for host, partner, others in (("A", "B", "B;C"), ("B", "A", "A;C")):
        for clock in range(1, 400):
            targets = others if clock % share == 0 else partner
            lines.append(f"{host},{'send' if clock % 7 else 'internal'},{clock},0,"
                         f"{targets if clock % 7 else ''}")  # fmt: skip
    lines += ["C,internal,1,0,", "C,receive,900,0,"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join([*lines, ""]))
    assert faults(driftlab.read(path)) == [] or share == 3  # as often as a die would


def test_faults_are_in_the_json_of_a_verdict(tmp_path: Path) -> None:
    verdict = driftlab.read(write_run(tmp_path, "max-only")).check()
    (found,) = verdict.to_dict()["diagnosis"]
    assert found["fault"] == NAMES["max-only"]
    assert found["rule"] == "clock-condition"
    assert found["processes"] == ["A", "B", "C"]
    assert found["events"] == verdict.counts["clock-condition"]


def test_the_columns_of_the_table_are_those_of_the_assignment() -> None:
    assert set(TABLE) == {"time", "kind", "queue", "clock", "sender", "stamp", "targets"}
