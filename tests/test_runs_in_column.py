"""A column that says of which run each record is separates the runs of one table."""

import json
from pathlib import Path

import pytest

import driftlab
from driftlab.api.check import judge_path

ROWS = [
    ("a", "send", 1, "b", None),
    ("b", "receive", 2, None, "a"),
    ("b", "send", 3, "a", None),
    ("a", "receive", 4, None, "b"),
]


def write(
    path: Path, column: str = "run", runs: tuple[str, ...] = ("1", "2"), first: int = 0
) -> Path:
    """Write the same right run several times. first: what clocks of all but the first count more.

    Its format is the one of the path's suffix.
    """
    records = [
        {column: run, "node": node, "kind": kind, "lamport": clock + (first if number else 0),
         "to": to, "from": sender}
        for number, run in enumerate(runs)
        for node, kind, clock, to, sender in ROWS
    ]  # fmt: skip
    if path.suffix == ".csv":
        lines = [",".join(records[0])]
        lines += [",".join("" if value is None else str(value) for value in each.values())
                  for each in records]  # fmt: skip
    else:
        lines = [json.dumps(each) for each in records]
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
@pytest.mark.parametrize("column", ["run", "Run ID", "trial", "execution"])
def test_runs_in_one_table_are_judged_each_by_itself(
    name: str, column: str, tmp_path: Path
) -> None:
    path = write(tmp_path / name, column, ("calm", "storm", "rain"))
    histories = driftlab.read_all(path)
    assert [len(each.trace) for each in histories] == [4, 4, 4]
    for history in histories:
        verdict = history.check()
        assert verdict.verdict == "holds"
        assert verdict.messages == 2
        assert any("tells executions apart" in line for line in verdict.assumed)
    assert len(driftlab.read(path, execution="storm").trace) == 4
    assert judge_path(path).verdict == "holds"


def test_a_fault_in_one_run_is_found_in_that_run(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv")
    path.write_text(path.read_text().replace("2,b,receive,2", "2,b,receive,1"))
    right, wrong = (each.check() for each in driftlab.read_all(path))
    assert right.holds
    assert wrong.counts["clock-condition"] == 1
    assert [each.line for each in wrong.violations] == [7]


@pytest.mark.parametrize(
    ("column", "runs", "first"),
    [
        ("run", ("1", "2"), 4),  # where clocks go on
        ("run", ("1", "1"), 4),  # of one run
        ("tag", ("1", "2"), 4),
    ],
)
def test_a_column_that_separates_nothing_is_text(
    column: str, runs: tuple[str, ...], first: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "log.csv", column, runs, first)
    history = driftlab.read(path)
    assert len(history.trace) == 8
    assert column in history.trace.texts
    assert history.check().verdict == "holds"


def test_unread_lines_stay_with_their_run(tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:6], "{oops", *lines[6:], ""]))
    first, second = driftlab.read_all(path)
    assert not first.trace.unread
    assert [each.line for each in second.trace.unread] == [7]


def test_names_in_other_letters_are_those_of_processes(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "Machine;Type;Logical Clock;Sender;Recipient\n"
        "VM 1;Send;1;;vm 2\nVM 2;Receive;2;vm 1;\nVM 2;Send;3;;vm 1, vm 2\nVM 1;Receive;4;Vm 2;\n"
    )
    history = driftlab.read(path)
    assert list(history.trace.names) == ["VM 1", "VM 2"]
    verdict = history.check()
    assert verdict.verdict == "holds"
    assert verdict.messages == 2
    assert any("vm 1 is taken for VM 1" in line for line in verdict.assumed)
    (tmp_path / "two.csv").write_text("process,lamport,to\na,1,\nA,1,B\nB,2,\nb,3,\nB,3,c\n")
    assert set(driftlab.read(tmp_path / "two.csv").trace.names) == {"a", "A", "b", "B", "c"}


def test_clocks_may_have_names_in_other_letters(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"host":"Node1","vc":{"node1":1}}\n{"host":"Node2","vc":{"node1":1,"node2":1}}\n'
    )
    history = driftlab.read(path)
    assert list(history.trace.names) == ["Node1", "Node2"]
    assert history.check().verdict == "holds"
    assert history.check().messages == 1
