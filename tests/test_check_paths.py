"""`driftlab check` of several paths, for a teacher and for CI, and of standard input."""

import csv
import gzip
import io
import json
import os
import pty
import re
import signal
import subprocess
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from driftlab.api.check import LogVerdict, judge_path
from driftlab.cli.check_reports import CSV_COLUMNS
from driftlab.cli.main import main
from driftlab.judge.checker import RULES
from tests.started import DRIFTLAB, eventually, linux_only
from tests.started import driftlab as command
from tests.wrong_machines import write_run, write_table


def checked(*arguments: str | Path, cwd: Path | None = None) -> tuple[int, dict[str, Any]]:
    done = command("check", *arguments, "--json", cwd=cwd)
    return done.returncode, json.loads(done.stdout)


def checked_here(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Do as `checked`, without a process of its own."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        status = main(["check", *map(str, arguments), "--json"])
    return status, json.loads(out.getvalue())


def of_stdin(
    given: bytes, *arguments: str, name: str = "check"
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*DRIFTLAB, name, "-", *arguments], input=given, capture_output=True, timeout=100,
        check=False,
    )  # fmt: skip


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with a right log, a wrong one, a wrong run, one too short and one unreadable."""
    folder = tmp_path / "logs"
    folder.mkdir()
    write_table(folder / "right.csv")
    write_table(folder / "wrong.csv", "max-only")
    write_run(folder / "run", "stamps-before")
    (folder / "junk").write_text("hello\n")
    return folder


# Several paths.


def test_each_path_is_judged_by_itself_and_the_worst_status_counts(logs: Path) -> None:
    right, wrong, run = logs / "right.csv", logs / "wrong.csv", logs / "run"
    every = (right, wrong, run, logs / "nowhere", logs / "junk")
    alone = {path: checked_here(path)[1] for path in every}
    assert checked(right, wrong) == checked_here(right, wrong)
    for paths, status in (
        ((right, right), 0),
        ((right, wrong), 1),
        ((wrong, right, run), 1),
        ((wrong, logs / "nowhere", right), 2),
        ((logs / "junk", right), 2),
    ):
        got, document = checked_here(*paths)
        assert got == status
        assert list(document) == ["paths"]
        assert [row["path"] for row in document["paths"]] == [str(path) for path in paths]
        for row, path in zip(document["paths"], paths, strict=True):
            assert row == {"path": str(path), **alone[path]}


def test_a_path_that_cannot_be_read_costs_its_row_and_one_line(logs: Path) -> None:
    done = command("check", logs / "nowhere", logs / "right.csv", logs / "junk")
    assert done.returncode == 2
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if str(logs) in line}
    assert "unreadable" in rows[str(logs / "nowhere")]
    assert "no such file" in rows[str(logs / "nowhere")]
    assert "holds" in rows[str(logs / "right.csv")]
    assert "3 paths: 1 hold, 2 unreadable" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "2 of 3 paths could not be judged" in done.stderr


def test_one_path_is_judged_as_ever(logs: Path) -> None:
    status, document = checked(logs / "wrong.csv")
    assert status == 1
    assert "paths" not in document
    assert document["diagnosis"][0]["fault"] == "max(C, stamp) at a receive"
    said = command("check", logs / "wrong.csv").stdout.splitlines()
    assert said[1].startswith("fault: max(C, stamp) at a receive (A, B, C: ")
    assert "fault" not in command("check", logs / "right.csv").stdout


def test_what_was_handed_in_is_judged_folder_by_folder_and_file_by_file(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (logs / ".hidden").write_text("x")
    (logs / "__MACOSX").mkdir()
    status, document = checked("--submissions", logs)
    assert status == 2
    verdicts = {Path(row["path"]).name: row["verdict"] for row in document["paths"]}
    assert verdicts == {"junk": "unreadable", "right.csv": "holds", "run": "violated",
                        "wrong.csv": "violated"}  # fmt: skip
    said = command("check", "--submissions", logs).stdout
    assert re.search(r"wrong\.csv +violated +\d+ +max\(C, stamp\) at a receive", said)
    assert re.search(r"run +violated +\d+ +stamps messages before the increment", said)
    (logs / "empty").mkdir()
    status, document = checked("--submissions", logs / "empty", logs / "right.csv")
    assert [row["verdict"] for row in document["paths"]] == ["unreadable", "holds"]


def test_a_table_in_a_pipe_fits_a_page_and_names_faults_as_a_verdict_does(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    table = command("check", *sorted(path.name for path in logs.iterdir()), cwd=logs).stdout
    assert max(map(len, table.splitlines())) <= 80
    said = " ".join(line[table.index("faults, or") :] for line in table.splitlines())
    for name in ("wrong.csv", "run"):
        verdict = " ".join(command("check", logs / name).stdout.partition("\n\n")[0].split())
        faults = verdict.partition(" fault: ")[2] or verdict.partition(" faults: ")[2]
        assert faults
        assert faults in " ".join(said.split())


def test_names_with_line_ends_and_commas_keep_their_rows(tmp_path: Path) -> None:
    names = ["a,b.csv", "new\nline.csv", "=1+1.csv", 'quo"te.csv', "tab\there.csv"]
    for name in names:
        write_table(tmp_path / name)
    done = command("check", *names, cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2 + len(names) + 2
    assert "new\\nline.csv" in done.stdout
    rows = list(
        csv.DictReader(io.StringIO(command("check", *names, "--csv", "-", cwd=tmp_path).stdout))
    )
    assert [row["path"] for row in rows] == [name.replace("=1", "'=1") for name in names]
    assert [row["path"] for row in checked(*names, cwd=tmp_path)[1]["paths"]] == names


def test_csv_has_a_row_for_each_path(logs: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    done = command("check", "--submissions", logs, "--csv", file)
    assert done.returncode == 2
    assert "4 paths" in done.stdout
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert tuple(rows[0]) == CSV_COLUMNS
    by_name = {Path(row["path"]).name: row for row in rows}
    assert by_name["wrong.csv"]["faults"].startswith("max(C, stamp) at a receive (A, B, C: ")
    assert int(by_name["wrong.csv"]["violations"]) > 10
    assert by_name["junk"]["verdict"] == "unreadable"
    assert by_name["junk"]["reason"]
    printed = command("check", "--submissions", logs, "--csv", "-").stdout
    assert list(csv.DictReader(io.StringIO(printed))) == rows


def test_a_report_never_replaces_the_log_to_judge(logs: Path) -> None:
    log = logs / "right.csv"
    before = log.read_bytes()
    for flag in ("--csv", "--junit"):
        done = command("check", log, flag, log)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert log.read_bytes() == before


def test_a_thousand_paths_are_judged(tmp_path: Path) -> None:
    names = [f"{number}.csv" for number in range(1000)]
    for number, name in enumerate(names):
        clock = 3 if number % 100 == 0 else 2
        (tmp_path / name).write_text(f"host,kind,clock,queue\nA,internal,1,0\nA,send,{clock},0\n")
    status, document = checked(*names, cwd=tmp_path)
    assert status == 1
    verdicts = [row["verdict"] for row in document["paths"]]
    assert (verdicts.count("violated"), verdicts.count("holds")) == (10, 990)


# For CI.


def test_quiet_says_nothing_but_the_status(logs: Path) -> None:
    for path, status, lines in (("right.csv", 0, 0), ("wrong.csv", 1, 0), ("nowhere", 2, 1)):
        done = command("check", "--quiet", logs / path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", lines)
    done = command("check", "--quiet", logs / "right.csv", logs / "nowhere", logs / "junk")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "flags", [("--quiet", "--json"), ("--quiet", "--github"), ("--json", "--github"),
              ("--csv", "-", "--json")]
)  # fmt: skip
def test_two_flags_that_want_all_of_the_output_are_refused(
    flags: tuple[str, ...], logs: Path
) -> None:
    done = command("check", logs / "right.csv", *flags)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "do not go together" in done.stderr


COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def commands_of(stdout: str) -> list[tuple[str, dict[str, str], str]]:
    """Return the commands that GitHub finds in an output, as it reads them."""
    found = []
    for line in stdout.splitlines():
        match = COMMAND.fullmatch(line.strip())
        if match:
            pairs = dict(pair.split("=", 1) for pair in match[2].split(","))
            for code, text in (
                ("%3A", ":"),
                ("%2C", ","),
                ("%0D", "\r"),
                ("%0A", "\n"),
                ("%25", "%"),
            ):
                pairs = {key: value.replace(code, text) for key, value in pairs.items()}
            found.append((match[1], pairs, match[3].replace("%0A", "\n").replace("%25", "%")))
    return found


def test_annotations_stand_at_the_lines_of_the_logs(logs: Path) -> None:
    done = command("check", "logs/run", "--github", cwd=logs.parent)
    assert done.returncode == 1
    found = commands_of(done.stdout)
    errors = [(where, text) for level, where, text in found if level == "error"]
    assert len(errors) == 10
    assert errors[0][0]["title"] == "driftlab: violated"
    assert "stamps messages before the increment" in errors[0][1]
    for where, text in errors[1:]:
        line = (logs.parent / where["file"]).read_text().splitlines()[int(where["line"]) - 1]
        assert f"clock {line.split(chr(9))[8]}" in text
    total = sum(checked(logs / "run")[1]["counts"].values())
    assert found[-1][2] == f"{total + 1 - 10} more errors not shown here"


def test_unread_and_undecided_are_warnings_and_unreadable_is_an_error(tmp_path: Path) -> None:
    write_table(tmp_path / "log.csv")
    with (tmp_path / "log.csv").open("a") as file:
        file.write("A,x,internal,1\n" * 3)
    done = command("check", "log.csv", "nowhere", "--github", cwd=tmp_path)
    levels = {level for level, _, _ in commands_of(done.stdout)}
    assert levels == {"error", "warning"}
    unread = [
        where
        for level, where, _ in commands_of(done.stdout)
        if where.get("title") == "driftlab: unread"
    ]
    assert {where["file"] for where in unread} == {"log.csv"}
    assert {int(where["line"]) for where in unread} <= {782, 783, 784}


NASTY = "100% ::error::x\x07 <b>&amp; ]]> \x1b[31m,a:b"


def nasty_log(folder: Path) -> Path:
    """A log whose names and texts would be commands, or markup, to their readers."""
    path = folder / "na%sty,a:b.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["host", "kind", "clock", "event"])
        writer.writerows([[NASTY, "internal", 5, NASTY], [NASTY, "internal", 2, NASTY]])
        writer.writerow([NASTY, "internal", "no number " + NASTY, ""])
    return path


def test_annotations_escape_what_github_takes_for_its_own(tmp_path: Path) -> None:
    nasty_log(tmp_path)
    done = command("check", "na%sty,a:b.csv", "--github", cwd=tmp_path)
    raw = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert len(raw) >= 2
    for line in raw:
        assert "\x07" not in line
        assert "\x1b" not in line
    for level, where, text in commands_of(done.stdout):
        assert level in ("error", "warning")
        assert where["file"] == "na%sty,a:b.csv"
        assert "%2C" not in text
    assert any("100% ::error::x" in text for _, _, text in commands_of(done.stdout))


def cases_of(file: Path) -> dict[tuple[str, str], list[str]]:
    """Return what became of each test case, by its class and its name."""
    root = ElementTree.parse(file).getroot()
    return {
        (case.get("classname", ""), case.get("name", "")): [each.tag for each in case]
        for case in root.iter("testcase")
    }


def test_junit_has_a_case_for_each_rule_and_path(logs: Path, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    paths = ("right.csv", "wrong.csv", "nowhere")
    assert command("check", *paths, "--junit", file, cwd=logs).returncode == 2
    cases = cases_of(file)
    assert cases["wrong.csv", "clock-condition"] == ["failure"]
    assert cases["right.csv", "clock-condition"] == []
    assert cases["right.csv", "due"] == ["skipped"]
    assert cases["right.csv", "read"] == []
    assert cases["nowhere", "read"] == ["error"]
    assert {name for path, name in cases if path == "wrong.csv"} == {"read", *RULES}
    root = ElementTree.parse(file).getroot()
    assert (root.get("failures"), root.get("errors")) == ("1", "1")
    assert root.get("tests") == str(len(cases))
    failure = next(root.iter("failure"))
    assert "violated" in failure.get("message", "")
    assert "expected" in (failure.text or "")


def test_junit_is_xml_whatever_the_log_says(tmp_path: Path) -> None:
    nasty_log(tmp_path)
    file = tmp_path / "junit.xml"
    assert command("check", "na%sty,a:b.csv", "--junit", file, cwd=tmp_path).returncode == 1
    root = ElementTree.parse(file).getroot()
    text = "".join(failure.text or "" for failure in root.iter("failure"))
    assert "100% ::error::x\\x07 <b>&amp; ]]>" in text


def test_strict_makes_failures_of_what_is_not_sure(tmp_path: Path) -> None:
    log, report = write_table(tmp_path / "log.csv"), tmp_path / "junit.xml"
    log.write_text(log.read_text() + "A,x,internal,1\n")
    assert command("check", log, "--junit", report).returncode == 0
    assert ["failure"] not in cases_of(report).values()
    assert command("check", log, "--junit", report, "--strict").returncode == 1
    assert ["failure"] in cases_of(report).values()


# Standard input.


def test_standard_input_is_judged_as_the_file_would_be(logs: Path) -> None:
    for name in ("right.csv", "wrong.csv", "run/A.log"):
        given = (logs / name).read_bytes()
        expected = command("check", logs / name, "--json") if "/" not in name else None
        for packed in (given, gzip.compress(given)):
            done = of_stdin(packed, "--json")
            document = json.loads(done.stdout)
            if expected:
                assert done.returncode == expected.returncode
                assert document["counts"] == json.loads(expected.stdout)["counts"]
            assert {each["file"] for each in document["violations"]} <= {"<stdin>"}


def test_standard_input_is_one_of_several_paths(logs: Path) -> None:
    given = (logs / "wrong.csv").read_bytes()
    done = of_stdin(given, str(logs / "right.csv"), "-", "--json")
    rows = json.loads(done.stdout)["paths"]
    assert [(row["path"], row["verdict"]) for row in rows] == [
        ("-", "violated"), (str(logs / "right.csv"), "holds"), ("-", "violated")
    ]  # fmt: skip


@pytest.mark.parametrize("given", [b"", b"\n\n", b"hello\n", b"\0\0\0\0", b"\x1f\x8b\x08junk"])
def test_what_cannot_be_read_from_standard_input_is_named_so(given: bytes) -> None:
    done = of_stdin(given)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"driftlab: <stdin>: ") or b" <stdin>" in done.stderr
    assert b"/tmp" not in done.stderr


def test_standard_input_that_is_closed_is_told() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(DRIFTLAB)} check - <&-"], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "<stdin>: is closed" in done.stderr
    assert done.stderr.count("\n") == 1


def kept_bytes(pid: int) -> int:
    """Return how many bytes of its standard input a command has kept, -1 before it reads."""
    open_files = Path(f"/proc/{pid}/fd")
    with suppress(FileNotFoundError):  # a file that was closed meanwhile
        for each in open_files.iterdir():
            if os.readlink(each).endswith("<stdin>"):
                return os.stat(each).st_size
    return -1


def sleeps(pid: int) -> bool:
    """Whether a process waits for something."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def interrupted(given: bytes, *arguments: str) -> tuple[int, str, str]:
    """Give an input that never ends, press Ctrl-C, and return status, output and errors."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*DRIFTLAB, "check", "-", *arguments], stdin=reading, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    os.close(reading)
    try:
        os.write(writing, given)
        eventually(lambda: kept_bytes(process.pid) >= len(given))
        eventually(lambda: sleeps(process.pid))  # it waits for more
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        os.close(writing)
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode, out, errors


@linux_only
def test_an_interrupt_gives_the_verdict_on_what_had_arrived(logs: Path) -> None:
    given = (logs / "wrong.csv").read_bytes()[:9000]
    whole_lines = given[: given.rfind(b"\n") + 1]
    status, out, errors = interrupted(given)
    assert status == 130
    assert out.startswith("interrupted: judged what had arrived")
    assert "violated: " in out
    assert "driftlab: interrupted: judged what had arrived\n" in errors
    status, out, _ = interrupted(given, "--json")
    document = json.loads(out)
    assert (status, document["interrupted"], document["unread"]) == (130, True, 0)
    assert document["events"] == whole_lines.count(b"\n") - 1


@linux_only
def test_an_interrupt_before_anything_arrived_leaves_no_verdict() -> None:
    status, out, errors = interrupted(b"")
    assert (status, out) == (130, "")
    assert "<stdin>: empty" in errors


@pytest.mark.parametrize("judged", [0, 1, 5])
def test_an_interrupt_between_paths_keeps_what_was_judged(
    judged: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signal comes while the path after so many others is judged, however busy it is."""
    paths = [str(tmp_path / f"{number}.csv") for number in range(8)]
    for path in paths:
        Path(path).write_text("host,kind,clock\nA,internal,1\nA,internal,2\n")

    def interrupted(path: str, **options: Any) -> LogVerdict:
        if path == paths[judged]:
            signal.raise_signal(signal.SIGINT)
        return judge_path(path, **options)

    monkeypatch.setattr("driftlab.cli.check.judge_path", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job may ignore it
    try:
        status = main(["check", *paths])
    finally:
        signal.signal(signal.SIGINT, before)
    out, errors = capsys.readouterr()
    assert status == 130
    assert f"interrupted: {judged} of 8 paths were judged" in errors
    assert out.count(" holds ") == judged


def test_a_terminal_gets_a_hint(logs: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*DRIFTLAB, "check", "-"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        os.write(ours, b"host,kind,clock\nA,internal,1\nA,internal,2\n\x04")
        out, errors = process.communicate(timeout=60)
    finally:
        os.close(ours)
    assert process.returncode == 0
    assert "end it with Ctrl-D" in errors
    assert "holds: 2 events" in out


@pytest.mark.parametrize("arguments", [("compare",), ("offsets",), ("why", "A:0", "A:3")])
def test_other_commands_read_standard_input_too(arguments: tuple[str, ...], logs: Path) -> None:
    name, *rest = arguments
    log = logs / "right.csv"
    done = of_stdin(log.read_bytes(), *rest, name=name)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = command(name, log, *rest).stdout
    said = done.stdout.decode().replace("<stdin>", log.name)
    assert re.sub("[ ─]+", " ", said) == re.sub("[ ─]+", " ", shown)
    refused = of_stdin(b"hello\n", *rest, name=name)
    assert refused.returncode == 2
    assert b"<stdin>" in refused.stderr
    assert b"/tmp" not in refused.stderr
