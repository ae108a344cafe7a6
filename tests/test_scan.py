"""The fast way of reading journals gives exactly what the parser of single lines gives."""

import gzip
import random
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab.history import run_reader
from driftlab.history.run_reader import TraceBuilder, assemble
from driftlab.history.trace import Trace
from driftlab.journal import files, reader
from driftlab.journal.format import format_event, format_note
from driftlab.journal.scan_kernel import scan_lines
from driftlab.journal.utc import utc_ns
from driftlab.model.event import Event, Kind, Message
from driftlab.scenario.scenario import default_name
from tests.journals import journals_of
from tests.processes import Chatter
from tests.traces import differences, simulated

NAMES = ["A", "B", "C", "D"]
KINDS_OF_RUN: dict[str, dict[str, Any]] = {
    "plain": {},
    "vector": {"clock": "vector"},
    "matrix": {"clock": "matrix"},
    "hybrid": {"clock": "hybrid", "offset_ms": [0, -20_000, 5, 7]},
    "payloads": {"process": Chatter},
}
CLOCKS = {name: str(keys.get("clock", "lamport")) for name, keys in KINDS_OF_RUN.items()}


def plain(text: Any, *more: Any) -> Any:
    """Run the loop as it stands, uncompiled."""
    return scan_lines.plain(text.tobytes(), *(as_list(each) for each in more))


def as_list(each: Any) -> Any:
    """Let what the loop only reads be lists of Python's numbers, as its letters are."""
    is_read = isinstance(each, np.ndarray) and not each.flags.writeable
    return each.tolist() if is_read else each


def slowly(paths: list[Path], clock: str) -> Trace:
    chunks = reader.read_journals(paths, NAMES, clock, keep_entries=True)
    return assemble(chunks, TraceBuilder(NAMES), clock)


def quickly(paths: list[Path], clock: str, size: int = 1000, loop: Any = None) -> Trace:
    kernel = loop or scan_lines.compiled
    chunks = reader.read_journals(paths, NAMES, clock, size=size, kernel=kernel)
    return assemble(chunks, TraceBuilder(NAMES), clock)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("runs")
    return {name: simulated(base / name, **keys) for name, keys in KINDS_OF_RUN.items()}


@pytest.mark.parametrize("kind", KINDS_OF_RUN)
@pytest.mark.parametrize("size", [100, 1000, files.CHUNK_BYTES])
def test_both_ways_give_the_same_trace(folders: dict[str, Path], kind: str, size: int) -> None:
    paths = [folders[kind] / f"{name}.log" for name in NAMES]
    slow = slowly(paths, CLOCKS[kind])
    assert len(slow) == 120
    assert not slow.unread
    assert differences(quickly(paths, CLOCKS[kind], size), slow) == []
    if size == 1000:
        assert differences(quickly(paths, CLOCKS[kind], size, plain), slow) == []


@pytest.mark.parametrize("kind", ["plain", "vector", "matrix", "hybrid"])
def test_the_fast_way_takes_the_lines_itself(folders: dict[str, Path], kind: str) -> None:
    """Else it would be no way of its own; offsets before 1970 it leaves to the parser."""
    schema = reader.line_schema(NAMES, CLOCKS[kind])
    text = (folders[kind] / "A.log").read_bytes()
    outputs = reader.KernelBuffers(len(text), schema)
    *_, rows, _, _, others = scan_lines.compiled(
        np.frombuffer(text, np.uint8), 0, 0, len(text), schema.width, schema.group,
        *schema.names, *outputs.arrays,
    )  # fmt: skip
    assert (rows, others) == (60, 4)  # the lines about the machine


EDITS = ("flip", "cut", "double", "drop", "swap", "letter", "column", "returns", "number", "utf-8")


@cache
def lines_of(path: Path) -> tuple[bytes, ...]:
    return tuple(path.read_bytes().splitlines(keepends=True))


def edited(lines: list[bytes], edit: str, dice: random.Random) -> list[bytes]:
    """Do to a journal what disks, editors and people do; its first line stays."""
    at = dice.randrange(1, len(lines))
    line = lines[at]
    place = dice.randrange(len(line))
    cells = line.split(b"\t")
    if edit == "flip":
        lines[at] = line[:place] + bytes([line[place] ^ 1 << dice.randrange(8)]) + line[place + 1 :]
    elif edit == "cut":
        lines[at] = line[:place]
    elif edit == "double":
        lines.insert(at, line)
    elif edit == "drop":
        del lines[at]
    elif edit == "swap":
        other = dice.randrange(1, len(lines))
        lines[at], lines[other] = lines[other], line
    elif edit == "letter":
        lines[at] = (
            line[:place] + dice.choice(b"\t\r\n -,:./0129ABZ#\x00").to_bytes() + line[place:]
        )
    elif edit == "column":
        cells[dice.randrange(len(cells))] = dice.choice(ODD_CELLS)
        lines[at] = b"\t".join(cells)
    elif edit == "returns":
        lines[at:] = [each.replace(b"\n", b"\r\n") for each in lines[at:]]
    elif edit == "number":
        digits = dice.choice(
            [
                b"9" * 18,
                b"9" * 19,
                b"9" * 5000,
                b"9223372036854775807",
                b"9223372036854775808",
                b"007",
                b"-0",
                b"-1",
                b"+1",
                "٣".encode(),
            ]
        )
        cells[dice.choice([1, 2, 3, 6, 8, 9]) % len(cells)] = digits
        lines[at] = b"\t".join(cells)
    else:
        lines[at] = line[:place] + b"\xff\xc3" + line[place:]
    return lines


ODD_NUMBERS = [
    b"9" * 18, b"9" * 19, b"9" * 5000, b"9223372036854775807", b"9223372036854775808", b"007",
    b"-0", b"-1", b"-9223372036854775807", b"-9223372036854775808", b"+1", "\u0663".encode(),
    b"5.007.1.1", b"4611686018427387905.1.1.1", b"B:5:007.1.1.1", b"AB", b"A:007",
    b"A:" + b"9" * 19,
]  # fmt: skip
ODD_CELLS = [
    b"", b"-", b"--", b"A", b"B,C", b"C,B", b"B,B", b"B,", b",", b"Z", b"B:5", b"B:5,C:7", b"B:5:",
    b"B:5:1.2.3.4", b"B:5:1.2.3.4,C:6:0.0.0.1", b"B:5:1.2.3", b"B:5:01.2.3.4", b"B:5:1.2.3.4:{}",
    b"1.2.3.4", b"-5.0", b"5.1", b"1.2.3.4/5.6.7.8/9.1.2.3/4.5.6.7", b'["x"]', b"receive", b"send",
    b"2023-02-29T00:00:00Z", b"2024-02-29T23:59:59.5Z", b"2100-02-29T00:00:00Z",
    b"1969-12-31T23:59:59.999999999Z", b"2262-04-11T23:47:16.854775807Z", b"0000-01-01T00:00:00Z",
    b"2262-04-11T23:47:16.854775808Z", b"9999-12-31T23:59:59Z", b"2023-01-01T24:00:00Z",
    b"2023-01-01T00:00:60Z", b"2023-01-01T00:00:00.Z", b"2023-01-01T00:00:00.1234567890Z",
    b"2024-03-00T00:00:00Z", b"2024-00-10T00:00:00Z", b"2024-13-01T00:00:00Z",
    b"2024-01-32T00:00:00Z", b"2024-04-31T00:00:00Z", b"2024-11-31T00:00:00Z",
    b"2024-12-31T23:60:00Z", b"2261-12-31T23:59:59.999999999Z", b"2262-01-01T00:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS_OF_RUN)
@pytest.mark.parametrize("long", [False, True])
def test_both_ways_agree_on_every_odd_cell_in_every_column(
    folders: dict[str, Path], tmp_path: Path, kind: str, long: bool
) -> None:
    """Also of 11 columns where there should be 13, the other way round, 12 and 14."""
    name = "vector" if long else kind
    first, *lines = (folders[name] / "A.log").read_bytes().splitlines()
    receive = next(line for line in lines if b"\treceive\t" in line).split(b"\t")
    send = next(line for line in lines if b"\tsend\t" in line).split(b"\t")
    odd = [first.replace(b" clock=vector", b"")]
    short = [*send[:10], b"-"]
    more = ([b"-"], [b"-", b"-"], [b"1.2.3.4", b"-"])
    for cells in (send, receive, short, receive[:11], *([*each, *rest] for each in (short, send)
                  for rest in more)):  # fmt: skip
        for column in range(len(cells)):
            for cell in [*ODD_CELLS, *ODD_NUMBERS]:
                cells[3] = str(len(odd)).encode()  # or one would count as a copy of another
                for end in (b"", b"\r", b" ", b"\r\r"):
                    odd.append(b"\t".join([*cells[:column], cell, *cells[column + 1 :]]) + end)
                    if column < len(cells) - 1 and end:
                        odd.pop()
    path = tmp_path / "A.log"
    path.write_bytes(b"\n".join(odd) + b"\n")
    slow = slowly([path], CLOCKS[kind])
    assert len(slow.unread) > 500
    assert len(slow) > 10 or (long and kind in ("matrix", "hybrid"))
    assert differences(quickly([path], CLOCKS[kind], 1 << 20), slow) == []


@pytest.mark.parametrize(
    ("column", "cell", "taken"),
    [(0, "1970-01-01T00:00:00Z", True), (0, "1969-12-31T23:59:59Z", False),
     (0, "2261-12-31T23:59:59.999999999Z", True), (0, "2262-01-01T00:00:00Z", False),
     (0, "2000-02-29T23:59:59Z", True), (0, "2100-02-29T00:00:00Z", False),
     (0, "2024-02-29T24:00:00Z", False), (0, "2024-02-29T00:60:00Z", False),
     (0, "2024-02-29T00:00:60Z", False), (0, "2023-02-29T00:00:00Z", False),
     (1, "9" * 18, True), (1, "1" + "0" * 18, False), (2, "-" + "9" * 18, True),
     (2, "-1" + "0" * 18, False), (2, "-0", True), (3, "007", True), (3, "-1", False),
     (4, "internal", True), (4, "interna", False), (4, "send", True), (4, "receive", True),
     (5, "-", True), (5, "B", True), (5, "E", False), (5, "AB", False), (6, "-", True),
     (6, "0", True), (6, "--", False), (7, "B,C", True), (7, "B,", False), (7, "B,,C", False),
     (10, "B:5", True), (10, "B:5,C:7", True), (10, "B:" + "9" * 18, True),
     (10, "B:1" + "0" * 18, False), (10, "B:", False), (10, "B", False), (10, "B:5,", False)],
)  # fmt: skip
def test_the_kernel_takes_a_line_up_to_its_limits_and_defers_what_is_beyond(
    column: int, cell: str, taken: bool
) -> None:
    cells = ["1970-01-02T03:04:05.6Z", "1", "-2", "3", "internal", "-", "-", "-", "4", "0", "-"]
    cells[column] = cell
    line = ("\t".join(cells) + "\n").encode()
    schema = reader.line_schema(NAMES, "lamport")
    outputs = reader.KernelBuffers(len(line), schema)
    call = (np.frombuffer(line, np.uint8), 0, 0, len(line) - 1, 0, 1, *schema.names)
    *_, rows, _, _, deferred = scan_lines.compiled(*call, *outputs.arrays)
    assert (rows, deferred) == (taken, not taken)
    outputs = reader.KernelBuffers(len(line), schema)
    too_long = (*call[:3], len(line) - 2, *call[4:])
    *_, rows, _, _, deferred = scan_lines.compiled(*too_long, *outputs.arrays)
    assert (rows, deferred) == (0, 1)


def test_the_kernel_takes_the_shortest_line_that_is_an_event() -> None:
    line = b"1970-01-01T00:00:00Z\t0\t0\t0\tsend\t-\t-\t-\t0\t0\t-\n"
    assert len(line) == reader.LINE_BYTES_MIN
    schema = reader.line_schema(NAMES, "lamport")
    outputs = reader.KernelBuffers(len(line), schema)
    call = (np.frombuffer(line, np.uint8), 0, 0, 99, 0, 1, *schema.names, *outputs.arrays)
    *_, rows, _, _, deferred = scan_lines.compiled(*call)
    assert (rows, deferred) == (1, 0)


def test_names_are_found_among_many_and_no_others(tmp_path: Path) -> None:
    names = [default_name(index) for index in range(3000)]
    schema = reader.line_schema(names[:1500], "lamport")
    lines = [f"1970-01-01T00:00:00Z\t0\t0\t0\treceive\t{name}\t1\t-\t2\t0\t-" for name in names]
    text = ("\n".join(lines) + "\n").encode()
    outputs = reader.KernelBuffers(len(text), schema)
    call = (np.frombuffer(text, np.uint8), 0, 0, 999, 0, 1, *schema.names, *outputs.arrays)
    *_, rows, _, _, others = scan_lines.compiled(*call)
    assert (rows, others) == (1500, 1500)
    sender = outputs.rows(text, rows, 0, 0).columns.sender
    assert sender is not None
    assert sender.tolist() == list(range(1500))


def test_a_line_longer_than_the_limit_is_unread_however_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (reader, files):
        monkeypatch.setattr(room, "LINE_BYTES_MAX", 200)
    path = tmp_path / "A.log"
    for found in range(30, 60):
        path.write_text(HEAD + entry(0) + entry(1, found) + entry(2))
        slow = slowly([path], "lamport")
        is_long = len(entry(1, found)) - 1 > 200
        assert [one.reason for one in slow.unread] == [files.TOO_LONG] * is_long
        for size in (50, 300, 9000):
            assert differences(quickly([path], "lamport", size), slow) == []


@settings(max_examples=100)
@given(
    kind=st.sampled_from(list(KINDS_OF_RUN)),
    edits=st.lists(st.sampled_from(EDITS), min_size=1, max_size=6),
    seed=st.integers(0, 2**32),
    size=st.sampled_from([64, 700, 1 << 20]),
)
def test_both_ways_agree_on_journals_that_were_damaged(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory,
    kind: str, edits: list[str], seed: int, size: int,
) -> None:  # fmt: skip
    dice = random.Random(seed)
    folder = tmp_path_factory.mktemp("damaged")
    paths = [folder / f"{name}.log" for name in NAMES[:2]]
    for path in paths:
        lines = list(lines_of(folders[kind] / path.name))
        for edit in edits:
            lines = edited(lines, edit, dice)
        path.write_bytes(b"".join(lines))
    slow = slowly(paths, CLOCKS[kind])
    assert differences(quickly(paths, CLOCKS[kind], size), slow) == []
    if seed % 16 == 0:
        assert differences(quickly(paths, CLOCKS[kind], size, plain), slow) == []
    for path in paths:  # nothing is lost silently: every line is an event, a note, or reported
        chunks = reader.read_journals([path], NAMES, CLOCKS[kind], keep_entries=True)
        (journal,) = journals_of(chunks)
        kept = len(journal.entries) + len(journal.notes) + len(journal.unread) + journal.torn
        assert (
            kept + 1 == journal.length == len(path.read_bytes().split(b"\n")) - (not journal.torn)
        )


@given(
    st.integers(1969, 2262), st.integers(0, 13), st.integers(0, 32), st.integers(0, 86_399),
    st.text("0123456789", max_size=9),
)  # fmt: skip
def test_the_fast_way_reads_a_time_as_the_slow_one(
    year: int, month: int, day: int, second: int, fraction: str
) -> None:
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    text = f"{year:04d}-{month:02d}-{day:02d}T{clock}{'.' if fraction else ''}{fraction}Z"
    schema = reader.line_schema(NAMES, "lamport")
    line = f"{text}\t1\t-2\t3\tinternal\t-\t-\t-\t4\t0\t-\n".encode()
    outputs = reader.KernelBuffers(len(line), schema)
    call = (np.frombuffer(line, np.uint8), 0, 0, 99, 0, 1, *schema.names, *outputs.arrays)
    *_, rows, _, _, _ = scan_lines.compiled(*call)
    try:
        expected = utc_ns(text)
    except ValueError:
        assert rows == 0
        return
    assert rows == (1970 <= year <= 2261)  # other years are the parser's
    if rows:
        time_ns = outputs.rows(line, 1, 0, 0).columns.time_ns
        assert time_ns is not None
        assert time_ns[0] == expected


def entry(tick: int, found: int = 0, targets: tuple[str, ...] = ()) -> str:
    event = Event("A", tick, Kind.SEND, None, None, targets, tick + 1, 0)
    return format_event(event, tick, tick, 0, [Message("B", n) for n in range(found)])


HEAD = format_note("header", {"machine": "A", "index": 0, "peers": "B,C,D", "rate": 6})


def test_columns_that_are_full_are_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows, more sets, more messages and more odd lines than one call has room for."""
    monkeypatch.setattr(reader, "ROWS_AT_ONCE", 100)
    monkeypatch.setattr(reader, "DEFERRED_AT_ONCE", 7)
    path = tmp_path / "A.log"
    sets = [tuple(random.Random(n).choices("BCD", k=2 + n % 7)) for n in range(700)]
    lines = [
        *(entry(tick) for tick in range(210)),
        *["\n"] * 20,
        *(entry(9, 300) for _ in range(10)),
        entry(9, 801),
        entry(9, 800),
        *(entry(9, 0, targets) for targets in sets),
    ]
    path.write_text(HEAD + "".join(lines))
    quick = quickly([path], "lamport", 1 << 20)
    copies = [one for one in quick.unread if "the same event" in one.reason]
    assert len(quick) + len(copies) == len(lines) - 20
    assert len(quick.unread) - len(copies) == 20
    assert len(quick.sets) == len({tuple(sorted(each)) for each in sets})
    assert differences(quick, slowly([path], "lamport")) == []


@given(st.binary(max_size=300), st.integers(2, 50))
def test_stretches_are_the_lines_of_the_file_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, size: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "A.log"
    path.write_bytes(b"x" + text)
    pieces = list(files.line_chunks(path, size))
    assert b"".join(piece.text for piece in pieces) == b"x" + text
    assert all(piece.text.endswith(b"\n") != piece.torn for piece in pieces)
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(text[:9]) + gzip.compress(text[9:]))
    assert b"".join(piece.text for piece in files.line_chunks(packed, size)) == text


@given(cut=st.floats(0, 1), damage=st.booleans(), size=st.sampled_from([50, 1 << 20]))
def test_of_a_gzip_file_that_is_cut_or_damaged_what_was_readable_counts(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory,
    cut: float, damage: bool, size: int,
) -> None:  # fmt: skip
    whole = (folders["plain"] / "A.log").read_bytes()
    packed = gzip.compress(whole, mtime=0)
    at = max(200, min(int(cut * len(packed)), len(packed) - 1))
    path = tmp_path_factory.mktemp("gzip") / "A.log.gz"
    path.write_bytes(packed[:at] + (b"\xff\xff" + packed[at + 2 :] if damage else b""))
    if b"\n" not in b"".join(piece.text for piece in files.line_chunks(path)):
        return
    slow = slowly([path], "lamport")
    assert differences(quickly([path], "lamport", size), slow) == []
    if not damage:
        assert any("cut off" in one.reason for one in slow.unread)
        assert len(slow) <= 60
    if len(slow) == 60 and not slow.unread:
        assert damage  # of bytes that say nothing


def test_many_bytes_are_read_the_fast_way_and_few_are_not(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_reader.run_journals(folders["plain"])
    size = sum(path.stat().st_size for path in run.paths)
    calls: list[int] = []

    class Counted:
        @staticmethod
        def compiled(text: Any, *more: Any) -> Any:
            calls.append(len(text))
            return scan_lines.compiled(text, *more)

    monkeypatch.setattr(reader, "scan_lines", Counted)
    monkeypatch.setattr(reader, "SCAN_BYTES_MIN", size + 1)
    slow = run.trace()
    assert not calls
    monkeypatch.setattr(reader, "SCAN_BYTES_MIN", size)
    assert differences(run.trace(), slow) == []
    assert len(calls) == 4
    assert len(run.read(keep_entries=True).entries) == 120
    assert len(calls) == 4


def test_a_small_run_is_read_without_the_compiler(folders: dict[str, Path]) -> None:
    script = (
        "import sys, driftlab; history = driftlab.read(sys.argv[1]);"
        "print(len(history.events), 'numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folders["vector"])],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "120 False\n"
