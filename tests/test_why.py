"""`driftlab why` on the logs of other programs, and what every command says was assumed."""

import json
from pathlib import Path
from typing import Any

import pytest

from driftlab.cli.main import main

PATTERN = r"^(?<time>\S+ \S+) (?<host>\w+) (?<clock>{.*})\n(?<event>.*)"
LONG = "asks the whole cluster, politely, for the value of the key that all have forgotten"
LOG = f"""\
2026-03-01 10:00:00.120 alpha {{"alpha":1}}
{LONG}
2026-03-01 10:00:00.150 beta {{"alpha":1,"beta":1}}
hears
2026-03-01 10:00:01 beta {{"alpha":1,"beta":2}}
answers
2026-03-02 10:00:02.5 alpha {{"alpha":2,"beta":2}}
hears the answer
"""
ASSUMED = "1 receive matched by the vector clocks (--match)"
ORDER = "process,kind,sender,targets\na,send,,b\na,send,,b\nb,receive,a,\nb,receive,a,\n"
ORDERED = "2 receives matched by their order on the channel (--match)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log.txt").write_text(LOG)
    return tmp_path / "log.txt"


@pytest.fixture
def order(tmp_path: Path) -> Path:
    (tmp_path / "order.csv").write_text(ORDER)
    return tmp_path / "order.csv"


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_each_step_has_its_text_clock_and_time(
    log: Path, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    said = printed(capsys, "why", log, "alpha:0", "beta:1", "--pattern", PATTERN)
    lines = said.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[2].split() == ["2026-03-01"]
    assert lines[3].split() == ["event", "clock", "time", "where", "text"]  # no kinds, no Lamport
    assert lines[-4].split() == [
        "message", "to", "beta:0", "beta:1", "alpha:1", "10:00:00.150", "log.txt:3", "hears",
    ]  # fmt: skip
    column = lines[3].index("text")
    rows = lines[5:-4]
    assert " ".join(line[column:] for line in rows) == LONG
    assert lines[-1] == f"assumed: {ASSUMED}"


def test_json_has_them_whole(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("why", log, "alpha:0", "beta:0", "--pattern", PATTERN, "--json")
    document = json.loads(printed(capsys, *words))
    assert document["assumed"] == [ASSUMED]
    assert document["chain"][1] == {
        "process": "beta", "index": 0, "kind": "unsaid", "clock": None,
        "vector": {"alpha": 1, "beta": 1}, "time_ns": 1_772_359_200_150_000_000, "text": "hears",
        "file": "log.txt", "line": 3,
    }  # fmt: skip
    assert document["chain"][0]["text"] == LONG


def test_days_that_differ_are_shown_and_only_steps_by_message_rest_on_matching(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = printed(capsys, "why", log, "alpha:0", "alpha:1", "--pattern", PATTERN)
    assert "2026-03-01 10:00:00.120" in said
    assert "2026-03-02 10:00:02.500" in said
    assert "assumed" not in said


def test_a_vector_clock_is_shortened_and_its_own_entry_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = ",".join(f'"node{n}":1' for n in range(9))
    (tmp_path / "x.log").write_text(f'z {{{others},"z":7}}\nx\nz {{{others},"z":8}}\ny\n')
    said = printed(capsys, "why", tmp_path / "x.log", "z:0", "z:1")
    assert "z:7 node0:1 node1:1 …" in said
    assert "node2" not in said


def test_a_match_that_is_not_assumed_is_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_text("process,kind,message,lamport\na,send,m,1\nb,receive,m,2\n")
    said = printed(capsys, "why", tmp_path / "x.csv", "a:0", "b:0")
    assert said.splitlines()[2].split() == ["event", "kind", "clock", "where"]
    assert "assumed" not in said


@pytest.mark.parametrize(
    "words",
    [("why", "a:0", "b:0"), ("cut", "--containing", "b:1"), ("compare",),
     ("restamp", "--clock", "vector"), ("check",)],
)  # fmt: skip
def test_every_command_says_what_was_assumed(
    order: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    line = ORDERED
    if words[0] == "why":  # one of the two
        line = "1 receive matched by its order on the channel (--match)"
    command: list[Any] = [words[0], order, *words[1:]]
    assert line in printed(capsys, *command)
    assert json.loads(printed(capsys, *command, "--json"))["assumed"] == [line]
    matched = printed(capsys, *command, "--match", "id,position", "--json")
    assert json.loads(matched)["assumed"] == [line]


def test_offsets_say_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "process,kind,sender,targets,time_ns\na,send,,b,1000\nb,receive,a,,3000\n"
    (tmp_path / "x.csv").write_text(rows + "b,send,,a,4000\na,receive,b,,5000\n")
    assert f"assumed: {ORDERED}" in printed(capsys, "offsets", tmp_path / "x.csv")
    document = json.loads(printed(capsys, "offsets", tmp_path / "x.csv", "--json"))
    assert document["assumed"] == [ORDERED]


def test_what_is_said_of_several_runs_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.log"
    asks = 'a {"a":1}\nasks\nb {"a":1,"b":1}\nhears\n'
    path.write_text(f'=== calm ===\n{asks}=== storm ===\n{asks}c {{"a":1,"b":1,"c":1}}\nhears\n')
    said = printed(capsys, "check", path, "--only", "vector-merge")
    assert f"assumed: calm: {ASSUMED}\n" in said
    assert "assumed: storm: 2 receives matched by the vector clocks (--match)\n" in said
    assert said.count("assumed: both runs: lines like === calm === separate executions") == 1


def test_a_log_that_holds_as_far_as_it_is_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("process,kind,lamport,sender\na,internal,1,\na,receive,4,\na,receive,5,z\n")
    said = printed(capsys, "check", path, "--only", "clock-condition")
    assert said.startswith("holds: ")
    assert "\nhold, but for what is undecided: clock-condition\n" in said


def test_long_names_of_files_are_cut_before_texts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / ("a-very-long-name-of-a-log-" * 3 + ".txt")
    path.write_text(LOG)
    said = printed(capsys, "why", path, "alpha:0", "beta:1", "--pattern", PATTERN)
    assert max(map(len, said.splitlines())) <= 80
    assert ".txt:1 " in said
