"""No text of a file or a peer controls the terminal, whatever command prints it."""

import csv
import io
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.cli.display import Display
from driftlab.cli.output import table
from driftlab.cli.terminal import PlainStream
from driftlab.journal.parser import parse_entry
from driftlab.plain_text import plain, plain_lines
from tests.started import DRIFTLAB, driftlab

ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\r\x08\u202eback\u2066\udc9b\ufeff"
DANGEROUS = [*map(chr, (*range(32), *range(0x7F, 0xA0))), *"\u061c\u200b\u200e\u200f\u2028\u2029"
             "\u202a\u202e\u2066\u2069\ufeff\ud800\udfff"]  # fmt: skip


@pytest.mark.parametrize("character", DANGEROUS)
def test_each_character_that_controls_a_terminal_is_written_by_its_code(character: str) -> None:
    assert plain(f"a{character}b") not in (f"a{character}b", "ab")
    assert plain(f"a{character}b").isprintable()
    assert eval(f'"{plain(character)}"') == character


@given(st.text(st.characters()))
def test_a_plain_text_stays_plain_and_has_no_control_character(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert not set(once) & set(DANGEROUS)
    assert plain_lines(text).split("\n") == [plain(line) for line in text.split("\n")]


@pytest.mark.parametrize(
    "text", ["naïve 名前 ± … │ 🙂", "می‌خواهم", "👩‍💻", "full　width", "a\u00a0b"]
)
def test_what_people_write_is_not_escaped(text: str) -> None:
    assert plain(text) == text


def test_the_stream_escapes_every_way_of_writing() -> None:
    below = io.StringIO()
    stream = PlainStream(below)
    print(ESCAPES, file=cast("io.StringIO", stream))
    stream.writelines([ESCAPES, "\n"])
    stream.write(ESCAPES)
    assert below.getvalue() == "\n".join([plain(ESCAPES)] * 3)


HOSTILE_HOST = "A\x1b[31m[red]x[/]\u202e"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with logs whose names, processes and texts hold escape sequences."""
    folder = tmp_path_factory.mktemp("hostile")
    evil = "l\x1b]0;t\x07[red]og\x9b"
    lines = [
        {"host": HOSTILE_HOST, "event": f"send {ESCAPES[:20]}", "clock": 1, "vc\x1b": "x\x1b[0m"},
        {"host": "B\n\x1b[2J", "event": "e\x1b", "clock": 1},
        {"host": HOSTILE_HOST, "event": "again\n\x1b", "clock": 1},
    ]
    (folder / f"{evil}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / f"{evil}.toml").write_text('rates = "\x1b[31m"\n'.replace("\x1b", "\\u001b"))
    (folder / "x.toml").write_text('"k\\u001b[31m" = 1\n')
    (folder / "bad.json").write_text('{"host": "A\x1b[31m"\n\x1b]0;x\x07 no json\n' * 3)
    driftlab("simulate", "--rates", "6,3", "--seconds", "5", "--out", folder / f"run{evil}")
    (journal,) = (folder / f"run{evil}").glob("A.log")
    text = journal.read_text()
    journal.write_text(f"{text}# incident what=\x1b[31mred reason=\x9bx\n\x1b[2J no line\n")
    return folder


COMMANDS = [
    ["check", "{log}"], ["check", "{log}", "--github"], ["check", "{log}", "--preview"],
    ["check", "{log}", "{run}", "{bad}"],
    ["check", "{bad}", "--format", "json"], ["check", "{bad}"], ["check", "no\x1b[31msuch"],
    ["check", "{run}"], ["check", "{run}", "--json"], ["check", "{log}", "--json"],
    ["why", "{log}", f"{HOSTILE_HOST}:0", f"{HOSTILE_HOST}:1"], ["why", "{log}", "\x1b:0", "B:0"],
    ["cut", "{log}", "--clock", "1"], ["compare", "{log}"], ["offsets", "{log}"],
    ["restamp", "{log}", "--clock", "vector"], ["restamp", "{log}", "--clock", "\x1b[31m"],
    ["stats", "{run}"], ["stats", "{run}", "--json"], ["replay", "{run}"], ["twin", "{run}"],
    ["pack", "{run}", "--out", "{new}.parquet"], ["pack", "{log}", "--out", "{new}"],
    ["convert", "{log}", "{new}", "--to", "csv"], ["convert", "{log}", "{new}", "--to", "\x1b"],
    ["convert", "{run}", "{new}", "--to", "chrome"],
    ["simulate", "{toml}"], ["simulate", "{x}"], ["simulate", "no\x1b[31m"], ["predict", "{toml}"],
    ["simulate", "--rates", "1,2", "--seconds", "2", "--out", "{new}-run"],
    ["run", "{toml}"], ["run", "--rates", "\x1b[31m"], ["run", "--rate\x1b", "1"],
    ["machine", "\x1b[31m", "--rates", "1,2", "--at", "A=\x1b:1"], ["key", "{new}\x1b.key"],
    ["\x1b[31m"], ["help", "\x1b[31m"], ["predict", "--rates", "6,3", "--against", "{run}"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: " ".join(map(plain, each)))
def test_no_command_prints_a_control_character_of_a_file_or_an_argument(
    hostile: Path, tmp_path: Path, command: list[str]
) -> None:
    names = {
        "log": next(hostile.glob("l*.json")), "toml": next(hostile.glob("l*.toml")),
        "run": next(hostile.glob("run*")), "bad": hostile / "bad.json", "x": hostile / "x.toml",
        "new": tmp_path / "n\x1b[31mew",
    }  # fmt: skip
    arguments = [word.format(**names) if "{" in word else word for word in command]
    done = subprocess.run(
        [*DRIFTLAB, *arguments], capture_output=True, timeout=100, cwd=tmp_path, check=False
    )
    assert done.returncode != 70, done.stderr
    for stream in (done.stdout, done.stderr):
        text = stream.decode()
        assert not set(text) - {"\n"} & set(DANGEROUS)
    if done.returncode == 2 and "--json" not in command and "--csv" not in command:
        assert done.stderr.count(b"\n") <= 1


def test_csv_is_exact_for_programs_and_escaped_where_a_person_looks(hostile: Path) -> None:
    log = next(hostile.glob("l*.json"))
    piped = subprocess.run(
        [*DRIFTLAB, "check", str(log), "--csv", "-"], capture_output=True, timeout=100, check=False
    )
    assert next(csv.DictReader(io.StringIO(piped.stdout.decode())))["path"] == str(log)
    near, far = pty.openpty()
    with subprocess.Popen([*DRIFTLAB, "check", str(log), "--csv", "-"], stdout=far) as process:
        os.close(far)
        shown = b""
        try:
            while chunk := os.read(near, 65536):
                shown += chunk
        except OSError:
            pass  # the other end is closed: that is how a pseudo-terminal ends
        finally:
            os.close(near)
        process.wait(timeout=100)
    assert b"path,verdict" in shown
    assert not set(shown.decode()) - {"\r", "\n"} & set(DANGEROUS)


def test_json_has_the_texts_as_they_are(hostile: Path) -> None:
    log = next(hostile.glob("l*.json"))
    found = json.loads(driftlab("check", log, "--preview", "--json").stdout)
    assert HOSTILE_HOST in found["runs"][0]["processes"]
    assert found["path"] == str(log)


def test_the_live_display_shows_no_markup_and_no_escape_of_a_journal() -> None:
    """What a journal says is shown as it is, though rich would take `[red]` for a style."""
    display = Display(range(1, 2))
    entry = parse_entry("A", "1970-01-01T00:00:00.000000000Z\t0\t0\t0\tsend\t-\t-\tB\t1\t0\t-")
    from driftlab.cli.display import _cells

    event = entry.event._replace(targets=("[red]x[/]\x1b[2J",))
    assert _cells(entry._replace(event=event))[-1] == "send [red]x[/]\\x1b[2J"
    with display._console.capture() as captured:
        display._console.print("[red]x[/] :smile:")
    assert captured.get() == "[red]x[/] :smile:\n"


_WORDS = st.text(st.sampled_from("abcdefgh-"), min_size=1, max_size=40)


@given(st.data())
def test_a_narrow_table_fits_and_loses_nothing(data: st.DataObject) -> None:
    columns, left = data.draw(st.integers(2, 7)), 1
    heads = data.draw(st.lists(st.text("xyz", min_size=1, max_size=9), min_size=columns,
                               max_size=columns))  # fmt: skip
    rows = data.draw(st.lists(st.lists(_WORDS, min_size=columns, max_size=columns), min_size=1,
                              max_size=5))  # fmt: skip
    rows = [[row[0], *(cell[:20] for cell in row[1:])] for row in rows]
    width = data.draw(st.integers(40, 120))
    text = table(heads, rows, left, width=width)
    assert max(map(len, text.splitlines())) <= width
    parts = text.split("\n\n")
    found: list[list[str]] = [[] for _ in rows]
    for part in parts:
        body = part[part.index("─") :].splitlines()[1:]
        words = iter(" ".join(body).split())
        widest = len(part.splitlines()[0].split()) if len(parts) > 1 else columns
        for row, cells in zip(rows, found, strict=True):
            assert next(words) == row[0]
            cells += [next(words) for _ in range(widest - 1)]
        assert next(words, None) is None
    assert found == [row[1:] for row in rows]


def test_a_table_is_one_wherever_it_fits() -> None:
    heads, rows = ("name", "first", "second"), [["a" * 12, "b" * 10, "c" * 10]]
    for width in (34, 36, 200):
        assert "\n\n" not in table(heads, rows, width=width)
        assert "a" * 12 + " " in table(heads, rows, width=width)
    longer = table(heads, rows, width=31)  # the name in a line of its own, and its row below
    assert longer.splitlines()[2:] == ["a" * 12, " " * 10 + "b" * 10 + " " + "c" * 10]
    assert len(table(heads, rows, width=20).split("\n\n")) == 2


def on_terminal(*arguments: str | Path, **environment: str) -> bytes:
    """Return what a command writes to a terminal."""
    near, far = pty.openpty()
    bare = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    with subprocess.Popen(
        [*DRIFTLAB, *map(str, arguments)], stdout=far, stderr=subprocess.DEVNULL,
        env=bare | environment,
    ):  # fmt: skip
        os.close(far)
        shown = b""
        try:
            while chunk := os.read(near, 65536):
                shown += chunk
        except OSError:
            pass
        finally:
            os.close(near)
    return shown


def test_a_verdict_has_colour_on_a_terminal_only_and_not_if_unwanted(tmp_path: Path) -> None:
    run = tmp_path / "run"
    driftlab("simulate", "--rates", "6,3", "--seconds", "5", "--out", run)
    assert on_terminal("check", run, TERM="xterm").startswith(b"\x1b[1;32mholds:\x1b[0m ")
    assert b"\x1b" not in on_terminal("check", run, TERM="xterm", NO_COLOR="1")
    assert b"\x1b" not in on_terminal("check", run, TERM="dumb")
    assert driftlab("check", run).stdout.startswith("holds: ")
    journal = run / "A.log"
    lines = journal.read_text().splitlines(keepends=True)
    broken = [line.replace("\t3\t0\t", "\t2\t0\t") for line in lines]
    journal.write_text("".join(broken))
    assert on_terminal("check", run, TERM="xterm").startswith(b"\x1b[1;31mviolated:\x1b[0m ")
