"""Several executions in one log, and what is written beside other logs."""

from pathlib import Path

import pytest

import driftlab
from driftlab.cli.main import main

ONE = 'a {"a":1}\nfirst\na {"a":2}\nsecond\n'
HEAD = "=== Execution #one  ===\n"


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_text_before_the_first_delimiter_is_no_execution(tmp_path: Path) -> None:
    """Else one file's first execution would be judged with another's second."""
    b = ONE.replace("a", "b")
    put(tmp_path / "logs", "a-Log.txt", f"# preamble\n{HEAD}{ONE}{HEAD.replace('one', 'two')}{ONE}")
    put(tmp_path / "logs", "b-Log.txt", f"{HEAD}{b}{HEAD.replace('one', 'two')}{b}")
    histories = driftlab.read_all(tmp_path / "logs")
    assert [(each.name, len(each)) for each in histories] == [("one", 4), ("two", 4)]
    assert [(one.file, one.line) for one in histories[0].trace.unread] == [("a-Log.txt", 1)]


def test_executions_with_times_as_govector_appends_them(tmp_path: Path) -> None:
    """A time stands on a line of its own above the delimiter."""
    stamped = "".join(f"170000000000000000{n} {line}\n" if n % 2 == 0 else f"{line}\n"
                      for n, line in enumerate(ONE.splitlines()))  # fmt: skip
    text = f"1700000000000000000  \n{HEAD}{stamped}1700000000000000009  \n{HEAD}{stamped}"
    histories = driftlab.read_all(put(tmp_path, "a-Log.txt", text))
    assert [len(each) for each in histories] == [2, 2]
    assert all(each.trace.unread == [] for each in histories)


def test_a_shiviz_header_of_one_line_eats_no_record(tmp_path: Path) -> None:
    head = "(?<host>\\S*) (?<clock>{.*}) (?<event>.*)\n"
    records = 'a {"a":1} first\na {"a":2} second\nb {"a":1,"b":1} got\n'
    for header in (head, f"{head}\n"):
        history = driftlab.read(put(tmp_path, "x.log", header + records))
        assert history.trace.texts["event"] == ["first", "second", "got"]


@pytest.mark.parametrize("name", ["govector", "shiviz"])
def test_a_text_that_looks_like_a_delimiter_parts_nothing(name: str, tmp_path: Path) -> None:
    texts = ["=== Execution #9  ===", "=== y ==="]
    lines = [f'a {{"a":{n}}}\n{text}\n' for n, text in enumerate(texts, 1)]
    log = (
        f"(?<host>\\S*) (?<clock>{{.*}})\\n(?<event>.*)\n@(?<trace>.*)@\n@1@\n{''.join(lines)}@2@\n"
    )
    source = put(tmp_path, "in.log", log + "".join(lines))
    assert len(driftlab.read_all(source)) == 2
    out = tmp_path / "out"
    assert main(["convert", str(source), str(out), "--to", name]) == 0
    copies = driftlab.read_all(out, format=name)
    assert [len(each) for each in copies] == [2, 2]
    assert all(each.trace.unread == [] for each in copies)


def test_a_folder_that_holds_logs_of_others_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = put(tmp_path, "in.log", 'a {"a":1}\nx\nZ {"Z":1}\ny\n')
    old = put(tmp_path / "out", "b-Log.txt", 'b {"b":1}\nx\n')
    assert main(["convert", str(source), str(tmp_path / "out"), "--to", "govector"]) == 2
    assert "holds b-Log.txt, which would be read as part of this log" in capsys.readouterr().err
    assert [one.name for one in old.parent.iterdir()] == ["b-Log.txt"]


@pytest.mark.parametrize("host", ["../evil", ".hid", "..", "a/b", "x" * 300])
def test_a_process_whose_name_is_no_files_is_written_nowhere(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = put(tmp_path, "in.log", f'{host} {{"{host}":1}}\nx\n')
    out = tmp_path / "deep" / "out"
    assert main(["convert", str(source), str(out), "--to", "govector"]) == 2
    assert "cannot be a file's name" in capsys.readouterr().err
    assert not out.exists()
    assert main(["convert", str(source), str(tmp_path / "one-Log.txt"), "--to", "govector"]) == 0
    assert driftlab.read(tmp_path / "one-Log.txt").trace.names == [host]


@pytest.mark.parametrize("clock", ["hybrid", "matrix"])
def test_timestamps_that_a_format_cannot_hold_are_told(
    clock: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driftlab.simulate(driftlab.Scenario(seconds=5, clock=clock), record="all", out=tmp_path / "run")
    assert main(["convert", str(tmp_path / "run"), str(tmp_path / "x.log"), "--to", "shiviz"]) == 0
    said = capsys.readouterr().out
    assert f"lost       the {clock} timestamps; vector ones are computed" in said


def test_a_file_that_is_there_stays_unless_it_is_said(tmp_path: Path) -> None:
    source, out = put(tmp_path, "in.log", ONE), put(tmp_path, "out.csv", "precious\n")
    assert main(["convert", str(source), str(out), "--to", "csv"]) == 2
    assert out.read_text() == "precious\n"
    assert main(["convert", str(source), str(out), "--to", "csv", "--overwrite"]) == 0
    assert len(driftlab.read(out)) == 2


@pytest.mark.parametrize("name", ["shiviz", "govector", "tracing"])
def test_an_event_without_a_clock_has_none_in_the_copy_either(name: str, tmp_path: Path) -> None:
    rows = ['A,send,"{""A"":1}",a', "A,,,b", 'B,receive,"{""A"":1,""B"":1}",c']
    source = put(tmp_path, "in.csv", "\n".join(["host,kind,clock,event", *rows, ""]))
    assert driftlab.read(source).check().holds
    assert main(["convert", str(source), str(tmp_path / "out"), "--to", name]) == 0
    copy = driftlab.read(tmp_path / "out", format=name)
    assert copy.check().holds
    assert copy.events["timestamp"].null_count() == 1


@pytest.mark.parametrize("clock", ["hybrid", "matrix"])
def test_a_trace_for_chrome_keeps_every_clock(clock: str, tmp_path: Path) -> None:
    scenario = driftlab.Scenario(seconds=20, clock=clock, faces=4)
    driftlab.simulate(scenario, record="all", out=tmp_path / "run")
    out = tmp_path / "x.json"
    assert main(["convert", str(tmp_path / "run"), str(out), "--to", "chrome"]) == 0
    ours, copy = driftlab.read(tmp_path / "run"), driftlab.read(out)
    assert copy.events["timestamp"].to_list() == ours.events["timestamp"].to_list()
    assert copy.check().counts.keys() >= {f"{clock}-{'merge' if clock == 'matrix' else 'step'}"}
    assert copy.check().holds
