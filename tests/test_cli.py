"""The command line as a user and a script meet it."""

import argparse
import json
import os
import pty
import re
import resource
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

import driftlab as package
from driftlab.cli.commands import COMMANDS
from driftlab.cli.main import build_parser, parse
from driftlab.errors import counted
from driftlab.scenario.builtin import BUILT_IN
from tests.started import DRIFTLAB, driftlab, eventually, is_part, linux_only, started

QUICK = ("--rates", "60,30,10", "--seconds", "1", "--seed", "3")


def document(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_json_is_one_document_with_the_names_of_the_interface(tmp_path: Path) -> None:
    done = driftlab("run", *QUICK, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0
    printed = document(done.stdout)
    assert printed["scenario"]["rates"] == [60, 30, 10]
    assert {"seconds": 1, "faces": 10, "seed": 3}.items() <= printed["scenario"].items()
    (run,) = printed["runs"]
    assert run["folder"] == str(tmp_path / "run")
    assert [machine["name"] for machine in run["machines"]] == ["A", "B", "C"]
    for machine, ticks in zip(run["machines"], (60, 30, 10), strict=True):
        assert set(machine) >= {"rate", "achieved_rate", "events", "clock", "jump", "queue"}
        assert sum(machine["events"].values()) == ticks
        assert set(machine["events"]) == {"internal", "send", "receive"}
        assert set(machine["jump"]) == {"mean", "max"}
        assert set(machine["queue"]) == {"mean", "max", "last"}
        assert set(machine["lateness_us"]) == {"p50", "p99", "max"}
        assert 0.5 < machine["achieved_rate"] / machine["rate"] < 2


def test_stats_print_what_the_run_printed(tmp_path: Path) -> None:
    printed = driftlab("run", *QUICK, "--runs", "2", "--out", tmp_path / "run", "--json")
    again = driftlab("stats", tmp_path / "run", "--json")
    assert again.returncode == 0
    assert is_part(document(printed.stdout), document(again.stdout))
    table = driftlab("stats", tmp_path / "run").stdout
    assert [line.split()[:2] for line in table.splitlines() if re.match(r"\d .* 60 ", line)] == [
        ["1", "A"],
        ["2", "A"],
    ]


def test_the_achieved_rate_is_in_the_scenarios_own_time(tmp_path: Path) -> None:
    flags = ("--rates", "6,3,1", "--seconds", "60", "--speed", "60")
    printed = driftlab("run", *flags, "--out", tmp_path / "run", "--json")
    machines = document(printed.stdout)["runs"][0]["machines"]
    assert [sum(machine["events"].values()) for machine in machines] == [360, 180, 60]
    for machine, rate in zip(machines, (6, 3, 1), strict=True):
        assert 0.5 < machine["achieved_rate"] / rate < 2  # and not 60 times as much


def test_a_table_for_people_ends_with_commands_that_work(tmp_path: Path) -> None:
    done = driftlab("run", *QUICK, "--out", "first", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    next_steps = [line.split(maxsplit=1)[1] for line in lines if line.startswith(("rep", "fig"))]
    assert len(next_steps) == 2
    for step in next_steps:
        command = step.split("(")[0].split()
        assert command[0] == "driftlab"
        assert driftlab(*command[1:], cwd=tmp_path).returncode == 0
    (grep,) = [line.split(maxsplit=1)[1] for line in lines if line.startswith("messages")]
    assert "receive" in subprocess.check_output(grep, shell=True, text=True, cwd=tmp_path)


def test_quiet_prints_the_folder_and_nothing_else(tmp_path: Path) -> None:
    done = driftlab("run", *QUICK, "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / done.stdout.strip()
    assert sorted(path.name for path in folder.iterdir()) == [
        "A.log", "B.log", "C.log", "scenario.toml",
    ]  # fmt: skip


def test_replay_repeats_a_run_and_names_the_first_event_that_differs(tmp_path: Path) -> None:
    driftlab("run", *QUICK, "--runs", "2", "--out", tmp_path / "run", "--quiet")
    same = driftlab("replay", tmp_path / "run")
    assert (same.returncode, same.stdout) == (0, "200 events of 6 machines replayed, 0 differ\n")
    path = tmp_path / "run" / "run-2" / "B.log"
    lines = path.read_text().splitlines(keepends=True)
    clock = lines[10].split("\t")[8]
    lines[10] = lines[10].replace(f"\t{clock}\t", f"\t{int(clock) + 100}\t")
    path.write_text("".join(lines))
    differs = driftlab("replay", tmp_path / "run")
    assert differs.returncode == 1
    assert f"{path}: tick 7 differs" in differs.stdout
    printed = document(driftlab("replay", tmp_path / "run", "--json").stdout)
    (one,) = [each["difference"] for each in printed["replays"] if each["difference"]]
    assert one["recorded"]["clock"] == one["replayed"]["clock"] + 100
    assert driftlab("replay", tmp_path).returncode == 2


def test_flags_win_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("rates = [60, 30]\nseconds = 9\nsend_one = 0.5\nseed = 8\n")
    flags = ("--seconds", "0.5", "--rates", "20,30,40", "--faces", "4")
    done = driftlab("run", "my.toml", *flags, "--out", "run", "--json", cwd=tmp_path)
    printed = document(done.stdout)["scenario"]
    assert (printed["seconds"], printed["rates"], printed["seed"]) == (0.5, [20, 30, 40], 8)
    assert printed["faces"] == 4
    assert "send_one" not in printed


def test_a_range_of_rates_leaves_the_files_number_of_machines(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("machines = 5\n")
    flags = ("--rates", "20..30", "--seconds", "0.2")
    printed = document(driftlab("run", "my.toml", *flags, "--json", cwd=tmp_path).stdout)
    assert len(printed["runs"][0]["machines"]) == 5


def test_two_runs_at_once_without_a_folder_each_get_one(tmp_path: Path) -> None:
    command = [*DRIFTLAB, "run", "--rates", "20,30", "--seconds", "0.2", "--quiet"]
    runs = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    folders = {run.communicate()[0].strip() for run in runs}
    assert [run.returncode for run in runs] == [0] * 4
    assert len(folders) == 4


def test_a_users_files_do_not_stand_before_the_standard_library(tmp_path: Path) -> None:
    for name in ("socket", "selectors", "json", "typing"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not the library')\n")
    console = [str(Path(sys.executable).parent / "driftlab"), *("run", *QUICK, "--quiet")]
    done = subprocess.run(console, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_with_a_blank_is_quoted_in_what_to_do_next(tmp_path: Path) -> None:
    done = driftlab("run", *QUICK, "--out", "my run", cwd=tmp_path)
    assert "driftlab stats 'my run'" in done.stdout


def test_figures_are_kept_when_the_reader_of_the_display_leaves(tmp_path: Path) -> None:
    line = f"{' '.join(DRIFTLAB)} run {' '.join(QUICK)} --out run 2> >(true)"
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "logs" in done.stdout
    assert driftlab("stats", tmp_path / "run").returncode == 0


def test_a_reader_that_leaves_is_not_a_violation(tmp_path: Path) -> None:
    driftlab("run", *QUICK, "--out", tmp_path / "run", "--quiet")
    line = f"{' '.join(DRIFTLAB)} stats {tmp_path / 'run'} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout.strip() in ("0", "141")  # 0 if it wrote before the reader left
    assert done.stderr == ""


@linux_only
@pytest.mark.parametrize(
    "flags",
    [
        ["scenarios"], ["stats", "run"], ["stats", "run", "--json"],
        [], ["help"], ["help", "run"], ["cut", "--help"], ["--version"],
    ],
)  # fmt: skip
def test_output_to_a_full_disk_is_one_line(tmp_path: Path, flags: list[str]) -> None:
    driftlab("simulate", "--rates", "6,3", "--out", tmp_path / "run", "--quiet")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*DRIFTLAB, *flags], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "driftlab: cannot write the output: No space left on device\n"


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["stats", "run", "--csv"], "stats.csv"),
        (["plot", "run", "queue", "--out"], "plot.svg"),
        (["view", "run", "--svg"], "view.svg"),
        (["view", "run", "--out"], "view.html"),
        (["report", "run", "--out"], "report"),
        (["check", "run", "--junit"], "check.xml"),
        (["convert", "run", "--to", "jsonl"], "log.jsonl"),
        (["pack", "run", "--out"], "packed.parquet"),
    ],
)
def test_a_disk_that_becomes_full_is_one_line_that_names_the_file(
    tmp_path: Path, command: list[str], file: str
) -> None:
    driftlab("simulate", "--rates", "60,30", "--out", tmp_path / "run", "--quiet")
    small = 700  # bytes
    for name in ("stats.csv", "plot.svg", "view.svg", "view.html", "check.xml", "log.jsonl"):
        (tmp_path / name).write_text("before")
    more = ["--overwrite"] if command[0] in ("stats", "plot", "view", "convert") else []
    full = driftlab(
        *command, file, *more, cwd=tmp_path,
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (small, small)),
    )  # fmt: skip
    assert full.returncode == 2
    assert full.stderr.count("\n") == 1
    assert file in full.stderr
    assert "File too large" in full.stderr
    left = {path.name for path in tmp_path.iterdir()}
    kept = {"stats.csv", "plot.svg", "view.svg", "view.html", "check.xml", "log.jsonl", "run"}
    assert left == kept
    assert {(tmp_path / name).read_text() for name in kept - {"run"}} == {"before"}


def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    driftlab("simulate", "--rates", "6,3", "--out", tmp_path / "run", "--quiet")
    for command in (
        ["plot", tmp_path / "run", "queue"], ["view", tmp_path / "run", "--svg", "x.svg"],
        ["report", tmp_path / "run"], ["simulate", "ring.py:Ring"], ["check", "x.log"],
        ["key", "k"], ["simulate", "--rates", "6,3"],
        ["pack", tmp_path / "run", "--out", "x.parquet"],
    ):  # fmt: skip
        gone = tmp_path / "gone"
        gone.mkdir()
        done = driftlab(*command, cwd=gone, prepare=gone.rmdir)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), (command, done.stderr)
        assert ".x" not in done.stderr
        assert "-report-" not in done.stderr


def test_a_converted_log_goes_to_standard_output(tmp_path: Path) -> None:
    driftlab("simulate", "--rates", "6,3", "--out", tmp_path / "run", "--quiet")
    driftlab("convert", tmp_path / "run", tmp_path / "log.jsonl", "--to", "jsonl")
    done = driftlab("convert", tmp_path / "run", "-", "--to", "jsonl")
    assert (done.returncode, done.stdout) == (0, (tmp_path / "log.jsonl").read_text())
    assert "events of 2 processes: standard output" in done.stderr
    for more in (["--to", "jsonl", "--json"], ["--to", "parquet"], ["--to", "govector"]):
        refused = driftlab("convert", tmp_path / "run", "-", *more)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.count("\n") == 1


def test_tables_of_ours_that_are_no_logs_are_not_judged(tmp_path: Path) -> None:
    small = ("--runs", "4", "--seconds", "5", "--seed", "1")
    driftlab("sweep", "--over", "faces=3..4", *small, "--out", tmp_path / "sweep.parquet")
    driftlab("study", "assignment", "--simulated", "--runs", "4", "--out", tmp_path / "study")
    for path in ("sweep.parquet", "study", "study/runs.parquet"):
        for command in (["check"], ["cut", "--at", "1"], ["offsets"]):
            done = driftlab(command[0], path, *command[1:], cwd=tmp_path)
            assert (done.returncode, done.stdout) == (2, "")
            assert "not a log; see driftlab report" in done.stderr


def test_an_unknown_key_of_a_scenario_names_the_file_and_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("rates = [6, 3]\nsecond = 3\n")
    done = driftlab("simulate", tmp_path / "mine.toml")
    assert done.returncode == 2
    assert "mine.toml: second: no such key in a scenario; did you mean seconds?" in done.stderr
    done = driftlab("simulate", "standrd")
    assert done.stderr.endswith("did you mean standard?\n")
    (tmp_path / "mine.toml").write_text("rates = [6, 3]\n")
    flag = driftlab("simulate", tmp_path / "mine.toml", "--faces", "0")
    assert flag.stderr.startswith("driftlab: faces: 0 is not allowed")


def test_a_journal_that_is_removed_during_its_run_is_missed(tmp_path: Path) -> None:
    with started("run", "--rates", "20,10", "--seconds", "3", "--out", tmp_path / "run") as process:
        eventually(lambda: (tmp_path / "run" / "B.log").is_file())
        eventually(lambda: "send" in (tmp_path / "run" / "A.log").read_text())
        (tmp_path / "run" / "B.log").unlink()
        out = process.communicate(timeout=60)[0]
    assert process.returncode == 3
    assert "B: no journal" in out


def test_a_missing_journal_is_reported(tmp_path: Path) -> None:
    driftlab("simulate", "--rates", "6,3,1", "--out", tmp_path / "run", "--quiet")
    (tmp_path / "run" / "B.log").unlink()
    assert "B: no journal, after 0 ticks" in driftlab("stats", tmp_path / "run").stdout


def test_a_full_disk_at_the_start_leaves_a_folder_that_can_be_used(tmp_path: Path) -> None:
    full = driftlab(
        "run", *QUICK, "--out", tmp_path / "run",
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)),
    )  # fmt: skip
    assert full.returncode == 2
    assert full.stderr.count("\n") == 1
    assert driftlab("run", *QUICK, "--out", tmp_path / "run", "--quiet").returncode == 0


def test_a_scenario_without_a_seed_gets_a_new_one_that_is_written_down(tmp_path: Path) -> None:
    flags = ("--rates", "20,30", "--seconds", "0.2", "--json")
    seeds = []
    for folder in "ab":
        done = driftlab("run", *flags, "--out", tmp_path / folder)
        seeds.append(document(done.stdout)["scenario"]["seed"])
        assert f"seed = {seeds[-1]}\n" in (tmp_path / folder / "scenario.toml").read_text()
    assert seeds[0] != seeds[1]


def test_a_built_in_scenario_runs_by_name(tmp_path: Path) -> None:
    flags = ("--speed", "60", "--seconds", "10", "--runs", "2")
    done = driftlab("run", "standard", *flags, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0
    printed = document(done.stdout)
    assert printed["scenario"]["rates"] == "1..6"
    for run in printed["runs"]:
        assert all(1 <= machine["rate"] <= 6 for machine in run["machines"])


def test_scenarios_lists_what_is_built_in() -> None:
    listed = driftlab("scenarios").stdout
    assert all(name in listed for name in BUILT_IN)
    assert set(document(driftlab("scenarios", "--json").stdout)["scenarios"]) == set(BUILT_IN)


BAD = [
    (["--rates", "6,0,1"], "rates: 0"),
    (["--rates=-1,2,3"], "rates: -1"),
    (["--rates", "-1,2,3"], "rates: -1"),
    (["--seconds", "-5"], "seconds: -5"),
    (["--seed", "9" * 5000], "seed"),
    (["x" * 300], "no such file"),
    (["number.toml"], "names: 3 is not a list"),
    (["digits.toml"], "seconds"),
    (["--machines", "15000"], "machines"),
    (["--rates", "six"], "'six'"),
    (["--rates", "nan,1,2"], "nan"),
    (["--rates", ""], "rates"),
    (["--names", "A,B,C,D", "--rates", "6,3,1"], "names gives 4"),
    (["--machines", "4", "--rates", "6,3,1"], "machines gives 4"),
    (["--send-one", "0.8", "--send-all", "0.3"], "1.1"),
    (["--faces", "10", "--send-one", "0.8"], "not both"),
    (["--seconds", "0"], "seconds: 0"),
    (["--seconds", "soon"], "'soon'"),
    (["--speed", "0"], "speed: 0"),
    (["--runs", "0"], "runs: 0"),
    (["--seed", "x"], "seed"),
    (["--phase", "sideways"], "aligned"),
    (["missing.toml"], "missing.toml: no such file"),
    (["bad.toml"], "ratse: no such key"),
    (["broken.toml"], "not valid TOML"),
    (["binary.toml"], "not UTF-8"),
    (["folder"], "give folder/scenario.toml"),
    (["--out", "bad.toml"], "not a folder"),
    (["--out", "bad.toml/below"], "bad.toml/below"),
    (["--out", "held"], "held already holds a run"),
    (["--out", "logs"], "logs already holds a run"),
    (
        ["--sed", "3"],
        "driftlab run: unrecognized arguments: --sed; did you mean --seed or --speed? see driftlab",
    ),
    (["--rates"], "--rates"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bad.toml").write_text("ratse = [6, 3, 1]\n")
    (tmp_path / "broken.toml").write_text("rates = [6, 3,\n")
    (tmp_path / "number.toml").write_text("names = 3\n")
    (tmp_path / "digits.toml").write_text(f"seconds = {'9' * 400}\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\0\0")
    (tmp_path / "folder").mkdir()
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "scenario.toml").write_text("seed = 1\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "A.log").write_text("mine\n")
    return tmp_path


@pytest.mark.parametrize(("flags", "message"), BAD)
def test_bad_input_is_one_line_and_status_2_and_nothing_half_started(
    place: Path, flags: list[str], message: str
) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    done = driftlab("run", *flags, cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_too_many_machines_for_the_open_file_limit_says_the_limit(tmp_path: Path) -> None:
    done = driftlab(
        "run", "--machines", "40", cwd=tmp_path,
        prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)),
    )  # fmt: skip
    assert done.returncode == 2
    assert "the limit here is 100" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.rglob("*")) == []


def test_a_soft_open_file_limit_is_raised_where_the_system_allows(tmp_path: Path) -> None:
    done = driftlab(
        "run", "--rates", ",".join(["20"] * 24), "--seconds", "0.5", "--json", cwd=tmp_path,
        prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096)),
    )  # fmt: skip
    assert done.returncode == 0
    machines = document(done.stdout)["runs"][0]["machines"]
    assert [machine["name"] for machine in machines][-1] == "X"
    assert all(sum(machine["events"].values()) == 10 for machine in machines)


@pytest.mark.parametrize("command", ["", "nonsense", "stats", "stats nowhere", "machine"])
def test_a_command_that_cannot_be_used_is_one_line_and_status_2(command: str) -> None:
    done = driftlab(*command.split())
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["", "run", "stats", "scenarios", "machine"])
def test_help_answers(command: str) -> None:
    done = driftlab(*command.split(), "--help")
    assert done.returncode == 0
    assert "usage: driftlab" in done.stdout


def subparsers() -> dict[str, argparse.ArgumentParser]:
    parser = build_parser()
    (commands,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(commands.choices)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_every_flag_has_a_help_text(command: str) -> None:
    parser = subparsers()[command]
    assert parser.description
    assert parser.epilog is not None
    assert f"driftlab {command}" in parser.epilog or command == "scenarios"
    for action in parser._actions:
        assert action.help, action.dest
        assert not action.help.endswith("."), action.dest


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_the_terminal(command: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = subparsers()[command].format_help().split("\n\n", 1)[1]  # usage may not break a group
    assert max(map(len, text.splitlines())) <= width - 2


def test_the_flags_of_a_command_that_is_chosen_are_the_only_ones_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The start of a command does not pay for the flags of the others."""
    made: list[str] = []
    for name, about in COMMANDS.items():

        def add_flags(parser: argparse.ArgumentParser, name: str = name) -> None:
            made.append(name)

        monkeypatch.setattr(about, "add_flags", add_flags)
    assert parse(["scenarios"]).command == "scenarios"
    assert made == ["scenarios"]


BUG = """
import sys
from driftlab.cli import main, scenarios

def fail(options):
    raise {error}

scenarios.main = fail
sys.exit(main.main(["scenarios"]))
"""


@pytest.mark.parametrize(
    "error", ["ZeroDivisionError('ours')", "OSError(22, 'ours')", "AssertionError('ours')"]
)
def test_a_bug_of_ours_is_a_traceback_and_status_70(error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUG.format(error=error)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert "Traceback (most recent call last)" in done.stderr
    assert error.split("(")[0] in done.stderr
    assert "ours" in done.stderr
    assert done.stderr.endswith("driftlab: this is a bug of driftlab; please report it\n")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("KeyboardInterrupt", 130),
        ("BrokenPipeError", 141),
        ("main.DriftlabError('wrong')", 2),
        ("FileNotFoundError(2, 'No such file', 'x')", 2),
        ("OSError(28, 'No space left on device')", 2),
    ],
)
def test_what_ends_a_command_decides_its_exit_status(error: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUG.format(error=error)], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert done.stderr.count("\n") == (1 if status == 2 else 0)


def test_status_141_where_the_reader_has_left_before_anything_is_written() -> None:
    near, far = os.pipe()
    os.close(near)
    with os.fdopen(far, "w") as pipe:
        done = subprocess.run(
            [*DRIFTLAB, "scenarios"], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_run_and_its_replay_that_differ_are_status_1_and_a_lost_machine_is_3(
    tmp_path: Path,
) -> None:
    flags = ("--rates", "6,3", "--seconds", "5", "--seed", "1")
    assert driftlab("simulate", *flags, "--out", tmp_path / "run", "--quiet").returncode == 0
    path = tmp_path / "run" / "A.log"
    path.write_text(path.read_text().replace("\tinternal\t", "\tsend\t", 1))
    assert driftlab("replay", tmp_path / "run").returncode == 1
    assert driftlab("check", tmp_path / "run").returncode == 1
    (tmp_path / "fails.py").write_text(
        "import driftlab\n\nclass Fails(driftlab.Process):\n    def idle(self):\n        1 / 0\n"
    )
    lost = driftlab("simulate", "fails.py:Fails", *flags, "--quiet", cwd=tmp_path)
    assert lost.returncode == 3


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (("event",), "events"), (("process",), "processes"),
        (("message was", "messages were"), "messages were"),
    ],
)  # fmt: skip
def test_a_number_agrees_with_what_it_counts(call: tuple[str, ...], text: str) -> None:
    assert counted(1, *call) == f"1 {call[0]}"
    assert [counted(number, *call) for number in (0, 2, 21)] == [
        f"{number} {text}" for number in (0, 2, 21)
    ]


def test_output_that_nobody_reads_is_no_traceback(tmp_path: Path) -> None:
    line = f"{' '.join(DRIFTLAB)} scenarios | true"
    for _ in range(5):
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        assert done.stderr == ""


def test_on_a_terminal_the_display_shows_every_machine_live(tmp_path: Path) -> None:
    """A pseudo-terminal takes standard error; what it was shown is read to the end."""
    near, far = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        [*DRIFTLAB, "run", "--rates", "60,30,10", "--seconds", "2", "--out", str(tmp_path / "r")],
        stderr=far, stdout=subprocess.PIPE, env=environment,
    ) as process:  # fmt: skip
        os.close(far)
        shown = b""
        try:
            while chunk := os.read(near, 65536):
                shown += chunk
        except OSError:
            pass  # the other end is closed: that is how a pseudo-terminal ends
        finally:
            os.close(near)
        assert process.stdout is not None
        table = process.stdout.read().decode()
    text = shown.decode()
    assert "1 s of 2 s" in text
    assert all(head in text for head in ("machine", "clock", "queue", "late, ms"))
    rows = [line.split() for line in table.splitlines() if line.split()[:1] in (["A"], ["C"])]
    assert [row[1] for row in rows] == ["60", "10"]


def shown_on_a_terminal(columns: int, *arguments: str | Path) -> list[str]:
    """Return the lines that a command prints on a terminal of so many columns."""
    near, far = pty.openpty()
    termios.tcsetwinsize(far, (50, columns))
    bare = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [*DRIFTLAB, *map(str, arguments)], stdout=far, stderr=subprocess.PIPE, env=bare
    ) as process:
        os.close(far)
        shown = b""
        try:
            while chunk := os.read(near, 65536):
                shown += chunk
        except OSError:
            pass  # the other end is closed: that is how a pseudo-terminal ends
        finally:
            os.close(near)
    assert process.returncode == 0
    return shown.decode().splitlines()


def test_tables_move_together_where_a_terminal_is_narrow(tmp_path: Path) -> None:
    driftlab("run", *QUICK, "--runs", "2", "--out", tmp_path / "run", "--quiet")
    stats = driftlab("stats", tmp_path / "run").stdout.splitlines()
    narrow = shown_on_a_terminal(80, "stats", tmp_path / "run")
    assert max(map(len, stats)) > 80 >= max(map(len, narrow))
    words = [[word for line in shown if "─" not in line for word in line.split()]
             for shown in (narrow, stats)]  # fmt: skip
    assert words[0] == words[1]
    assert shown_on_a_terminal(120, "stats", tmp_path / "run") == stats


def test_a_last_column_of_text_is_wrapped_where_a_terminal_is_narrow() -> None:
    rules = driftlab("check", "--rules").stdout
    narrow = shown_on_a_terminal(80, "check", "--rules")
    assert max(map(len, rules.splitlines())) > 80 == max(map(len, narrow))
    assert " ".join(narrow[2:]).split() == " ".join(rules.splitlines()[2:]).split()


@pytest.fixture(scope="module")
def hybrid_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hybrid") / "run"
    flags = ("--rates", "60,30,10", "--clock", "hybrid", "--seconds", "20", "--seed", "1")
    driftlab("simulate", *flags, "--out", folder, "--quiet")
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "stats run", "compare run", "offsets run", "cut run --at 999", "why run A:10 C:5",
        "convert run run.json --to chrome --overwrite", "predict --rates 6,3,1", "twin run",
        "restamp run --clock matrix", "scenarios", "claims fastest-never-jumps --runs 30",
        "simulate --rates 6,3,1 --runs 30", "check run run", "check --preview run", "study --list",
    ],
)  # fmt: skip
def test_what_a_command_shows_fits_a_terminal_of_80_columns(
    line: str, hybrid_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hybrid_run.parent)
    for shown in shown_on_a_terminal(80, *line.split()):
        # A command to be copied is never broken.
        assert len(shown) <= 80 or "  driftlab " in shown


def test_off_a_terminal_the_display_is_plain_lines(tmp_path: Path) -> None:
    done = driftlab("run", *QUICK, "--out", tmp_path / "run")
    assert done.stderr.startswith("0 s of 1 s, 1 s left")
    assert "\x1b" not in done.stderr + done.stdout


def imported_by(module: str) -> set[str]:
    """Return what a bare interpreter has loaded after the import; coverage would load more."""
    code = f"import sys, {module}; print(*sys.modules)"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return set(subprocess.check_output([sys.executable, "-c", code], text=True, env=bare).split())


def test_a_worker_imports_nothing_heavy() -> None:
    heavy = {
        "dataclasses", "argparse", "subprocess", "rich", "numpy", "fractions", "tomllib",
        "signal", "hashlib", "driftlab.network.sealing", "driftlab.real.standalone",
    }  # fmt: skip
    loaded = imported_by("driftlab.real.worker")
    assert heavy & loaded == set()
    assert {name for name in loaded if name.startswith("driftlab.scenario.")} == {
        "driftlab.scenario.plan"  # what a machine needs of its scenario; the rest takes memory
    }


def test_a_run_without_a_key_imports_nothing_of_keys(tmp_path: Path) -> None:
    code = (
        "import sys; from driftlab.cli.main import main\n"
        f"main(['run', *{QUICK!r}, '--quiet', '--out', {str(tmp_path / 'run')!r}])\n"
        "print(*sys.modules)"
    )
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    said = subprocess.check_output([sys.executable, "-c", code], text=True, env=bare)
    loaded = set(said.split())
    assert not loaded & {"hmac", "driftlab.network.sealing", "driftlab.real.key_file", "numpy.ma"}
    assert "driftlab.real.launcher" in loaded


def test_help_imports_nothing_heavy() -> None:
    heavy = {"dataclasses", "subprocess", "rich", "numpy", "fractions", "tomllib", "socket"}
    assert heavy & imported_by("driftlab.cli.main") == set()


def test_the_package_has_the_names_it_promises() -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = package.nonsense


def test_the_help_shows_nothing_that_is_not_meant_for_people() -> None:
    shown = subparsers_help()
    assert "None" not in shown
    assert "==SUPPRESS==" not in shown


def subparsers_help() -> str:
    return build_parser().format_help()
