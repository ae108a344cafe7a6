"""Bad input in foreign logs: reported by file and line, nothing lost silently, nothing hangs."""

import gzip
import re
import subprocess
import sys
import threading
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from driftlab.errors import DriftlabError
from driftlab.foreign import Execution, log_file, read_log, write_log
from driftlab.foreign.log_file import HEAD_BYTES, LogFile
from driftlab.foreign.text_log import (
    PatternError,
    PatternTimeError,
    compile_pattern,
    find,
    time_limited,
)
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import Columns, from_rows
from tests.executions import values

PATTERN = r"^(?<host>\w+) (?<clock>\{.*?\}) (?<event>.*)$"
ONE = 'A {"A":1} one'
TWO = 'A {"A":2} two'
THREE = 'B {"B":1} three'


def read_bytes(folder: Path, content: bytes, **options: object) -> Trace:
    path = folder / "x.log"
    path.write_bytes(content)
    (trace,) = read_log(path, **{"pattern": PATTERN, **options})
    return trace


def unread(trace: Trace) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in trace.unread]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_kind_count_alike(tmp_path: Path, end: str) -> None:
    content = end.join([ONE, "", "noise", TWO]) + "\n" + THREE
    trace = read_bytes(tmp_path, content.encode())
    assert values(trace, "line") == [1, 4, 5]
    assert unread(trace) == [(3, "matches nothing: noise")]
    assert trace.texts["event"] == ["one", "two", "three"]


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_line_ends_may_fall_anywhere_between_blocks(
    tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftlab.foreign.log_file.BLOCK_BYTES", cut + 1)
    content = f"{ONE}\r\n\r\nnéise\r\r\n{TWO}\n\r{THREE}\r".encode()
    whole = read_bytes(tmp_path, content)
    assert values(whole, "line") == [1, 5, 7]
    assert unread(whole) == [(3, "matches nothing: néise")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-be"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    trace = read_bytes(tmp_path, mark + f"{ONE}é\n{TWO}\n".encode(encoding))
    assert trace.texts["event"] == ["oneé", "two"]


def test_undecodable_bytes_are_reported_and_the_encoding_can_be_named(
    tmp_path: Path,
) -> None:
    content = f"{ONE}\n{TWO}é\n{THREE}é\n".encode("latin-1")
    reason = "byte 0xE9 is not UTF-8; if the file is in another encoding, say --encoding"
    trace = read_bytes(tmp_path, content)
    assert unread(trace) == [(2, reason), (3, reason)]
    assert len(trace) == 1
    trace = read_bytes(tmp_path, content, encoding="latin-1")
    assert trace.texts["event"] == ["one", "twoé", "threeé"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\x7fELF\0\0\0\1", "not text"),
        (f"{ONE}\n".encode("utf-16-le"), "try --encoding utf-16-le"),
        (f"{ONE}\n".encode("utf-16-be"), "try --encoding utf-16-be"),
        (b"\xff\xfeA", "cannot be read as utf-16-le text"),
        (b"hello\nworld\n", "no record could be read; line 1: 2 lines match nothing: hello"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(DriftlabError, match=says) as caught:
        read_bytes(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert "x.log" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "which format is this? It begins with: hello"),
        ({"format": "xml"}, "--format xml: there are shiviz, tsviz"),
        ({"format": "shiviz"}, "no record could be read"),
        ({"format": "chrome"}, "is not a trace in JSON"),
        ({"format": "tracing"}, "is not a JSON object"),
        ({"format": "csv"}, "no column named host"),
        ({"format": "parquet"}, "cannot be read as Parquet"),
        ({"format": "text"}, "--pattern"),
        ({"pattern": "(?<host>"}, "is not a regular expression"),
        ({"pattern": "(?<event>.*)"}, "no group named host"),
        ({"pattern": "(.*)"}, "no named group that is known"),
        ({"format": "shiviz", "pattern": "(?<host>.*)"}, "no group named clock or event"),
        ({"pattern": "(?<host>.*)", "encoding": "ebcdic-9"}, "--encoding ebcdic-9: unknown"),
        ({"pattern": "(?<host>.*)", "time_unit": "h"}, "--time-unit h: there are ns, us, ms, s"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_possible(
    tmp_path: Path, options: dict[str, str], says: str
) -> None:
    path = tmp_path / "x.log"
    path.write_text("hello\n")
    with pytest.raises(DriftlabError, match=re.escape(says)):
        read_log(path, **options)


def test_a_path_that_does_not_exist_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "no", "no such file"), (tmp_path, "no files here")):
        with pytest.raises(UnreadableError, match=says):
            read_log(path)


def test_a_packed_file_that_breaks_off_gives_what_was_before(tmp_path: Path) -> None:
    many = "\n".join(f'A {{"A":{n}}} {hash(n) ** 9}' for n in range(1, 3000))
    packed = gzip.compress(many.encode())
    trace = read_bytes(tmp_path, packed[: len(packed) // 2])
    assert 0 < len(trace) < 2999
    assert values(trace, "line") == list(range(1, len(trace) + 1))
    reason = "the gzip file breaks off here; what was before it is read"
    assert unread(trace) == [(len(trace) + 1, reason)]
    assert trace.texts["event"][-1] == str(hash(len(trace)) ** 9)
    with pytest.raises(DriftlabError, match="damaged"):
        read_bytes(tmp_path, packed[:10] + b"\xff" * 50)


def test_a_line_without_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "LINE_CHARS_MAX", 50)
    for block in (7, 64, 1 << 20):
        monkeypatch.setattr("driftlab.foreign.log_file.BLOCK_BYTES", block)
        content = f"{ONE}\n{'x' * 400}\n{TWO}\r\n{'y' * 50}\n{THREE}\n{'z' * 90}".encode()
        trace = read_bytes(tmp_path, content)
        assert values(trace, "line") == [1, 3, 5]
        assert unread(trace) == [
            (2, "a line of 400 characters; at most 50 are read"),
            (4, f"matches nothing: {'y' * 50}"),
            (6, "a line of 90 characters; at most 50 are read"),
        ]


BAD_CLOCKS = [
    ('{"A":1,"A":2}', "the clock names A twice"),
    ("[1,2]", "is neither a whole number nor an object"),
    ('{"A":' * 100_000 + "1" + "}" * 100_000, "is neither a whole number nor an object"),
    ('{"A":1', "is neither a whole number nor an object"),
    ("??", "is neither a whole number nor an object"),
]
INVALID_CLOCKS = [
    ('{"A":-1}', "entry A: -1"),
    ('{"A":1.5}', "entry A: 1.5"),
    ('{"A":true}', "entry A: true"),
    ('{"A":null}', "entry A: null"),
    ('{"A":"one"}', 'entry A: "one"'),
    ('{"A":[1]}', "entry A: [1]"),
    ('{"A":' + "1" * 400 + "}", f"entry A: {'1' * 40}…"),
    ('{"A":' + "1" * 5000 + "}", f'entry A: "{"1" * 39}…'),
    ("1" * 400, f"clock {'1' * 40}…"),
    ("1" * 5000, f"clock {'1' * 40}…"),
    ("-1", "clock -1"),
    ("1.5", "clock 1.5"),
    ("later", "clock later"),
]


@pytest.mark.parametrize(("clock", "says"), BAD_CLOCKS)
def test_a_malformed_clock_is_not_an_event(tmp_path: Path, clock: str, says: str) -> None:
    log = f'A {{"A":1}}\nA {clock}\nA {{"A":3}}\nB {{"B":1}}\n'
    trace = read_bytes(tmp_path, log.encode(), pattern=r"^(?<host>\w+) (?<clock>.*)$")
    assert [line for line, _ in unread(trace)] == [2]
    assert says in trace.unread[0].reason
    assert len(trace.unread[0].reason) < 150
    assert values(trace, "line") == [1, 3, 4]
    assert trace.gaps.tolist() == [1]  # before the third line's event, and nobody else's


@pytest.mark.parametrize(("clock", "says"), INVALID_CLOCKS)
def test_a_clock_that_no_event_can_have_is_that_of_an_event(
    tmp_path: Path, clock: str, says: str
) -> None:
    log = f'A {{"A":1}}\nA {clock}\nA {{"A":3}}\nB {{"B":1}}\n'
    trace = read_bytes(tmp_path, log.encode(), pattern=r"^(?<host>\w+) (?<clock>.*)$")
    assert (unread(trace), trace.gaps.tolist()) == ([], [])
    assert values(trace, "line") == [1, 2, 3, 4]
    rows, texts = trace.invalid_clocks
    assert (rows.tolist(), list(texts)) == ([1], [says])
    assert trace.timestamp_texts()[1] is None


def test_malformed_numbers_are_not_events(tmp_path: Path) -> None:
    log = "A 1 0\nA ?! 0\nA 3 9223372036854775808\nA 4 -\n"
    pattern = r"(?<host>\w) (?<lamport>\S+) (?<queue>\S+)"
    trace = read_bytes(tmp_path, log.encode(), pattern=pattern)
    assert unread(trace) == [
        (2, "lamport ?! is not a whole number of 64 bits"),
        (3, "queue 9223372036854775808 is not a whole number of 64 bits"),
    ]
    assert values(trace, "line") == [1, 4]


def test_gaps_are_where_an_event_of_the_process_may_be_missing(tmp_path: Path) -> None:
    log = [
        "A and B will start", 'A {"A":1} x', 'B {"B":1} x', 'C {"C":1} x',
        "A says something odd", 'A {"A":3} x', 'B {"B":3} x',
        "anybody", "and more", 'C {"C":3} x', 'A {"A":5} x', "the end", 'D {"D":1} x',
    ]  # fmt: skip
    trace = read_bytes(tmp_path, "\n".join(log).encode())
    assert values(trace, "line") == [2, 6, 11, 3, 7, 4, 10, 13]
    # A's second event for what names A; then all that go on after what names nobody, not D.
    assert trace.gaps.tolist() == [1, 2, 6]
    assert unread(trace)[2] == (8, "2 lines match nothing: anybody …")
    assert [line for line, _ in unread(trace)] == [1, 5, 8, 12]


def test_a_pattern_that_would_try_for_ever_is_stopped(tmp_path: Path) -> None:
    log = "A 1\n" + "a" * 40 + "!\n"
    pattern = compile_pattern(r"^(?:(?<host>A) (?<lamport>\d)|(a+)+)$")
    found: list[object] = []
    too_long = pytest.raises(PatternTimeError, match=r"0\.2 s \(of processor time\)")
    with too_long, time_limited(found, 0, seconds=0.2):
        found += pattern.finditer(log)


def test_a_pattern_that_finds_records_all_the_time_may_take_its_time() -> None:
    found: list[object] = []
    begun = process_time()
    with time_limited(found, 0, seconds=0.1):
        while process_time() < begun + 0.4:
            found.append(None)


def test_a_pattern_that_takes_long_for_every_record_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("driftlab.foreign.text_log.TOTAL_SECONDS_MIN", 0.3)
    found: list[int] = []
    too_slow = pytest.raises(PatternTimeError, match=r"it found \d+ records in")
    with too_slow, time_limited(found, 0, seconds=0.5):
        begun = process_time()
        while (spent := process_time() - begun) < 10:
            sum(range(5_000))  # the timer counts what is spent outside the system
            if spent > 0.09 * (len(found) + 1):
                found.append(0)
    assert 3 < len(found) < 60


def test_a_stopped_pattern_is_reported_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftlab.foreign.text_log.SECONDS_MAX", 0.2)
    log = "A 1\nA 2\n" + "a" * 40 + "!\n"
    with pytest.raises(PatternTimeError, match=r"x.log: the pattern, after line 2: .*\(a\+\)\+"):
        read_bytes(tmp_path, log.encode(), pattern=r"^(?:(?<host>A) (?<lamport>\d)|(a+)+)$")


def test_a_pattern_is_stopped_in_any_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftlab.foreign.text_log.SECONDS_MAX", 0.5)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            read_bytes(tmp_path, b"a" * 40 + b"!\n", pattern=r"^(?<host>(a+)+)$")
        except DriftlabError as error:
            caught.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(30)
    assert isinstance(caught[0], PatternTimeError)


def test_patterns_of_javascript_are_understood() -> None:
    found = find([compile_pattern(r"(?<a$b>x)(?<=x)(?<!y)\k<a$b>(?<c>\(\?<\/)")], r"xx(?</")
    assert found.groups == {"a_b": ["x"], "c": ["(?</"]}
    with pytest.raises(PatternError, match="more than 10,000 characters"):
        compile_pattern("a" * 10_001)


OPENED = """
import sys
from pathlib import Path
folder = Path(sys.argv[1]).resolve()
opened = []
sys.addaudithook(
    lambda name, args: opened.append(Path(args[0]).name)
    if name == "open" and isinstance(args[0], str | Path) and folder in Path(args[0]).parents
    else None
)
from driftlab.foreign import read_log
read_log(sys.argv[2])
print(*sorted(opened))
"""


def opened_files(folder: Path, log: Path) -> list[str]:
    """Return the names of the files in a folder that reading a log opens, once for each time."""
    command = [sys.executable, "-c", OPENED, str(folder), str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


VECTORS = Trace(
    ["A"],
    np.array([0, 1]),
    Columns(np.array([0], np.uint8), time_ns=np.array([5])),
    timestamps=from_rows("vector", [{0: 1}]),
)


@pytest.mark.parametrize(
    "name",
    [("shiviz", "x.log"), ("tsviz", "x.log"), ("govector", "x-Log.txt"), ("tracing", "x.json"),
     ("chrome", "x.json"), ("csv", "x.csv"), ("csv", "x.csv.gz"), ("parquet", "x.parquet")],
)  # fmt: skip
def test_reading_a_log_opens_its_file_once(tmp_path: Path, name: tuple[str, str]) -> None:
    """Recognizing the format reads ahead; its reader goes on from there."""
    format, file = name
    write_log([Execution("", VECTORS)], tmp_path / file.removesuffix(".gz"), format)
    if file.endswith(".gz"):
        content = (tmp_path / file.removesuffix(".gz")).read_bytes()
        (tmp_path / file).write_bytes(gzip.compress(content))
    expected = [] if format == "parquet" else [file]  # Polars opens it without a report
    assert opened_files(tmp_path, tmp_path / file) == expected


def test_a_parquet_file_that_is_not_named_so_is_opened_to_see_what_it_is(tmp_path: Path) -> None:
    """And once more by Polars, which reads it."""
    write_log([Execution("", VECTORS)], tmp_path / "x", "parquet")
    assert opened_files(tmp_path, tmp_path / "x") == ["x"]


def test_every_file_of_a_folder_is_opened_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.csv").write_text(f"host,clock\n{name},1\n")
    assert opened_files(tmp_path, tmp_path) == ["a.csv", "b.csv", "c.csv"]


def test_a_log_that_begins_after_blanks_is_opened_once_and_known(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("\n" * 200_000 + f"{ONE}\n{THREE}\n")
    assert opened_files(tmp_path, path) == ["x.log"]
    (trace,) = read_log(path)
    assert values(trace, "line") == [200_001, 200_002]


def test_a_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x\n")
    log = LogFile(tmp_path / "x")
    assert (log.first_bytes, log.head) == (b"x\n", "x\n")
    assert log.read_text().text == "x\n"
    with pytest.raises(RuntimeError, match="was read already"):
        log.read_text()


def test_a_file_whose_first_bytes_were_seen_is_read_on(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("host,clock\na,1\n")
    log = LogFile(tmp_path / "x.csv")
    assert log.first_bytes.startswith(b"host")
    (tmp_path / "x.csv").unlink()
    assert [list(trace.names) for trace in read_log(log)] == [["a"]]


@pytest.mark.parametrize("block", [1, 2, 3, 5, 64])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-8"])
@pytest.mark.parametrize("is_gzipped", [True, False])
def test_a_text_does_not_depend_on_the_blocks_that_it_is_read_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, encoding: str, is_gzipped: bool
) -> None:
    text = "é\r\n\nx\ry\r\n"
    content = text.encode(encoding)
    if is_gzipped and block == 1:
        return  # two bytes are needed to see that
    (tmp_path / "x.log.gz").write_bytes(gzip.compress(content) if is_gzipped else content)
    monkeypatch.setattr(log_file, "BLOCK_BYTES", block)
    log = LogFile(tmp_path / "x.log.gz")
    assert log.head == "é\n\nx\ny\n"
    assert (log.process, log.plain_name, log.is_gzipped) == ("x", "x.log", is_gzipped)
    found = log.read_text()
    assert found.text == "é\n\nx\ny\n"
    assert found.encoding == {
        "utf-8-sig": "utf-8",
        "utf-16": "utf-16-le",
        "utf-32": "utf-32-le",
    }.get(encoding, encoding)
    assert found.line_ends.tolist() == [1, 2, 4, 6]
    assert [found.line_of(place) for place in range(8)] == [1, 1, 2, 3, 3, 4, 4, 5]
    assert list(found.numbered_lines()) == [(1, "é"), (3, "x"), (4, "y")]


def test_the_head_is_as_long_as_what_was_read_of_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("\n" * HEAD_BYTES + "a" * (HEAD_BYTES + 5))
    assert LogFile(tmp_path / "x").head == "a" * HEAD_BYTES
    (tmp_path / "x").write_text(" \n" * HEAD_BYTES)
    assert LogFile(tmp_path / "x").head == ""
    (tmp_path / "x").write_text("\r\n" * HEAD_BYTES + "a\r\nb")
    assert LogFile(tmp_path / "x").head == "a\nb"
    (tmp_path / "x").write_bytes(gzip.compress(b"\n" * 3 * HEAD_BYTES + b"a\r\nb"))
    assert LogFile(tmp_path / "x").head == "a\nb"


def test_an_unread_line_beside_a_delimiter_is_counted_once(tmp_path: Path) -> None:
    """Emptied lines may be part of what a delimiter matches."""
    path = tmp_path / "A-Log.txt"
    record = b'A {"A":1}\nx\n'
    parts = [b"\xff\n", b"=== Execution #a ===\n", record, b"\n\xff\n\n\xff\n",
             b"=== Execution #b ===\n\xff\n", record, b"\xff\n"]  # fmt: skip
    path.write_bytes(b"".join(parts))
    one, other = read_log(path, format="govector")
    assert [one.line for one in one.unread] == [1, 6, 8]
    assert [one.line for one in other.unread] == [10, 13]


def test_a_log_of_text_is_read_without_polars(tmp_path: Path) -> None:
    """Importing it takes as long as reading some 20,000 events."""
    (tmp_path / "x.log").write_text(f"{ONE}\n{THREE}\n")
    code = "import sys; from driftlab.foreign import read_log; read_log(sys.argv[1]); "
    code += "print('polars' in sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path / "x.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
