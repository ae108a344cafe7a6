"""Every limit of foreign logs, reached exactly and passed by one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftlab.errors import DriftlabError
from driftlab.foreign import (
    Execution,
    UnwritableError,
    govector,
    layouts,
    log_file,
    read_executions,
    read_log,
    registry,
    write_log,
)
from driftlab.foreign.chrome import ENTRY_MAX, SPAN_NS_MAX
from driftlab.foreign.clock_values import ROWS_AT_ONCE, clock_of, read_clocks
from driftlab.foreign.fields import numbers
from driftlab.foreign.kinds import kinds
from driftlab.foreign.log_file import BLOCK_BYTES, HEAD_BYTES, LINE_CHARS_MAX, LogFile
from driftlab.foreign.table import EXTRA_COLUMNS_MAX, Cells, separator_of
from driftlab.foreign.text_log import PATTERN_CHARS_MAX, PatternError, compile_pattern
from driftlab.foreign.times import read_times
from driftlab.history.trace import Trace
from driftlab.model.columns import KINDS, MISSING, Columns, from_rows

SECOND = 1_000_000_000


def read_one(path: Path, **options: Any) -> Trace:
    (trace,) = read_log(path, **options)
    return trace


def unread(trace: Trace) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in trace.unread]


def put(folder: Path, text: str, name: str = "x.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(DriftlabError) as error:
        read_log(path, **options)
    return str(error.value)


# Files and text.


@pytest.mark.parametrize("before", [0, 8 * LINE_CHARS_MAX - 100])
def test_a_line_may_have_so_many_characters(tmp_path: Path, before: int) -> None:
    """Also where the end of a block falls into it."""
    assert LINE_CHARS_MAX == 1_048_576
    assert BLOCK_BYTES == 8 * LINE_CHARS_MAX
    blanks = "\n" * before
    texts = ["x" * (LINE_CHARS_MAX - 2), "y" * (LINE_CHARS_MAX - 1)]
    path = put(tmp_path, blanks + "".join(f"A {text}\n" for text in texts), "x.log")
    trace = read_one(path, pattern="^(?<host>A) (?<event>.*)$")
    assert trace.texts["event"] == texts[:1]
    reason = "a line of 1,048,577 characters; at most 1,048,576 are read"
    assert unread(trace) == [(before + 2, reason)]


def test_a_document_may_be_longer_than_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "LINE_CHARS_MAX", 50)
    path = put(tmp_path, json.dumps([{"ph": "X", "ts": n} for n in range(9)]), "x.json")
    assert len(read_one(path)) == 9


def test_bytes_of_zero_are_looked_for_at_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * (HEAD_BYTES - 1) + b"\0")
    with pytest.raises(DriftlabError, match=r"x: not text \(it holds bytes of 0\)"):
        assert LogFile(path).encoding
    path.write_bytes(b"a" * HEAD_BYTES + b"\0")
    log = LogFile(path)
    assert (log.encoding, len(log.first_bytes), log.head) == ("utf-8", 65536, "a" * 65536)


@pytest.mark.parametrize(("zeros", "guess"), [(2, False), (3, True)])
def test_more_than_a_quarter_of_zeros_on_one_side_looks_like_utf_16(
    tmp_path: Path, zeros: int, guess: bool
) -> None:
    for first, order in ((0, "be"), (1, "le")):
        content = bytearray(b"a" * 8)
        content[first : first + 2 * zeros : 2] = bytes(zeros)
        (tmp_path / "x").write_bytes(content)
        says = f"try --encoding utf-16-{order}" if guess else "not text"
        assert says in refusal(tmp_path / "x", format="csv")


def test_a_format_is_recognized_within_the_first_bytes(tmp_path: Path) -> None:
    record = '{"TracerIdentity":"A","VectorClock":{"A":1}}'
    for blanks, is_known in ((HEAD_BYTES - len('{"TracerIdentity"'), True),
                             (HEAD_BYTES - len('{"TracerIdentity"') + 1, False)):  # fmt: skip
        path = put(tmp_path, " " * blanks + record, "x.json")
        if is_known:
            assert len(read_one(path)) == 1
        else:
            assert "which format is this?" in refusal(path)


@pytest.mark.parametrize("blanks", [HEAD_BYTES, HEAD_BYTES + 1, BLOCK_BYTES + HEAD_BYTES])
def test_what_comes_after_blanks_is_recognized_as_at_the_beginning(
    tmp_path: Path, blanks: int
) -> None:
    record = '{"TracerIdentity":"A","VectorClock":{"A":1}}'
    path = put(tmp_path, "\n" * blanks + record, "x.json")
    log = LogFile(path)
    assert log.head == record
    log.close()
    assert unread(read_one(path)) == []


def test_a_folder_may_have_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.FILES_MAX == 10_000
    monkeypatch.setattr(registry, "FILES_MAX", 3)
    for name in "abc":
        put(tmp_path, f"host,clock\n{name},1\n", f"{name}.csv")
    assert len(read_one(tmp_path)) == 3
    put(tmp_path, "host,clock\nd,1\n", "d.csv")
    assert refusal(tmp_path) == f"{tmp_path}: 4 files; at most 3 are read"


def test_what_a_log_begins_with_is_shown_shortened(tmp_path: Path) -> None:
    for length in (60, 61):
        says = refusal(put(tmp_path, "x" * length + "\ny\n", "x.log"))
        assert f"x.log: which format is this? It begins with: {'x' * 60} … Say --format" in says
    says = refusal(put(tmp_path, "x" * 61, "x.log"), pattern="^(?<host>y)$")
    assert says.endswith(
        f"x.log: no record could be read; line 1: matches nothing: {'x' * 60}…; "
        "the pattern is ^(?<host>y)$. See docs/formats.md, --format and --pattern"
    )
    trace = read_one(put(tmp_path, "x" * 60 + "\ny\n", "x.log"), pattern="^(?<host>y)$")
    assert unread(trace) == [(1, f"matches nothing: {'x' * 60}")]


def test_a_log_without_its_form_is_recognized_in_its_first_lines(tmp_path: Path) -> None:
    record = '17 works\nA {"A":1}\n'
    for lines in (18, 19):  # the record has two lines
        path = put(tmp_path, "noise\n" * lines + record, "x.log")
        if lines == 18:
            assert list(read_one(path).names) == ["A"]
        else:
            assert "which format is this?" in refusal(path)


def test_the_labels_of_executions_are_shown_shortened(tmp_path: Path) -> None:
    text = "".join(f'=== Execution #{n:09} ===\nA {{"A":1}}\nx\n' for n in range(30))
    path = put(tmp_path, text, "A-Log.txt")
    with pytest.raises(DriftlabError) as error:
        read_executions(path, execution="31")
    labels = ", ".join(f"{n:09}" for n in range(30))
    assert str(error.value) == f"{path}: no execution 31; it has {labels[:200]}"


# Patterns.


def test_a_pattern_may_have_so_many_characters() -> None:
    assert compile_pattern("a" * PATTERN_CHARS_MAX).pattern == "a" * 10_000
    with pytest.raises(PatternError, match="a pattern of more than 10,000 characters"):
        compile_pattern("a" * (PATTERN_CHARS_MAX + 1))


@pytest.mark.parametrize(("length", "is_one_line"), [(0, True), (1, False)])
def test_a_record_after_the_first_line_makes_the_header_one_line(
    tmp_path: Path, length: int, is_one_line: bool
) -> None:
    """A record that needs more characters than are looked at is the delimiter's pattern."""
    pattern = r"(?<host>\S+) (?<clock>{.*})\n(?<event>.*)"
    host = "A" * (layouts.HEAD_CHARS - len(' {"A":1}\n') + length)
    log = f'{pattern}\n{host} {{"A":1}}\nx\nB {{"B":1}}\ny\n'
    trace = read_one(put(tmp_path, log, "x.log"))
    assert trace.texts["event"] == (["x", "y"] if is_one_line else ["y"])


# Values.


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("message_message received", "receive"),  # 24 characters
        ("messages_message received", "unsaid"),
        ("msg event send", "unsaid"),  # two blanks
        ("send 1", "unsaid"),
        ("", "unsaid"),
    ],
)
def test_an_event_is_its_kind_if_it_is_as_short_as_one(text: str, kind: str) -> None:
    assert KINDS[kinds({"event": [text]}, 1)[0]] == kind


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0.000000000000000001e18", SECOND),  # 18 digits count
        ("0.0000000000000000019e18", SECOND),
        ("0.00000000000000000199e18", SECOND),
        ("9223372036.854775807", 2**63 - 1),
        ("9223372036.854775808", None),
        ("-9223372036.854775807", -(2**63) + 1),
        ("-9223372036.854775808", None),  # stands for none
        ("1970-01-01 00:00:00.123456789", 123_456_789),
        ("1970-01-01 00:00:00.1234567899", 123_456_789),
        ("1969-12-31 23:59:59", -SECOND),
        ("2262-04-11 23:47:16.854775807", 2**63 - 1),
        ("2262-04-11 23:47:16.854775808", None),
        ("1970-01-01 00:00:00 -00:30", 1800 * SECOND),
        ("1970-01-01 01:00:00+01", 0),
        ("12:59:59 AM", 3599 * SECOND),
        ("0:00:00 AM", None),
        ("1" * 25 + ".", None),
    ],
)
def test_times_reach_as_far_as_64_bits(text: str, nanoseconds: int | None) -> None:
    found = read_times([text], "s")
    assert found.ns.tolist() == [MISSING if nanoseconds is None else nanoseconds]
    assert found.failed.tolist() == [nanoseconds is None]


def test_whole_numbers_reach_as_far_as_64_bits() -> None:
    errors: dict[int, str] = {}
    values = [2**63 - 1, 2**63, -(2**63) + 1, -(2**63), "x" * 40, "x" * 41, None]
    found = numbers("queue", values, errors)
    assert found.tolist() == [2**63 - 1, MISSING, -(2**63) + 1, *[MISSING] * 4]
    assert errors == {
        1: "queue 9223372036854775808 is not a whole number of 64 bits",
        3: "queue -9223372036854775808 is not a whole number of 64 bits",
        4: f"queue {'x' * 40} is not a whole number of 64 bits",
        5: f"queue {'x' * 40}… is not a whole number of 64 bits",
    }


def test_entries_of_clocks_reach_as_far_as_64_bits() -> None:
    errors: dict[int, str] = {}
    texts = [f'{{"A":{2**63 - 1}}}', f'{{"A":{2**63}}}', '{"A":0}', "9223372036854775807", "-1"]
    invalid: dict[int, str] = {}
    clocks = read_clocks(texts, ["A"] * 5, errors, invalid)
    assert clocks.values.tolist() == [2**63 - 1, 0]
    assert clocks.lengths.tolist() == [1, 0, 1, 0, 0]
    assert clocks.lamport is not None
    assert clocks.lamport.tolist() == [MISSING, MISSING, MISSING, 2**63 - 1, MISSING]
    assert errors == {}
    assert invalid == {1: "entry A: 9223372036854775808", 4: "clock -1"}


@pytest.mark.parametrize("bad", [0, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE])
def test_clocks_that_are_read_in_pieces_are_what_they_are(bad: int) -> None:
    rows = 2 * ROWS_AT_ONCE + 1
    texts = [f'{{"A":{row}, "B":1}}' for row in range(rows)]
    texts[bad] = '{"A":1.5}'
    errors: dict[int, str] = {}
    clocks = read_clocks(texts, ["A"] * rows, errors)
    assert errors == {bad: "entry A: 1.5"}
    assert clocks.lengths.tolist() == [0 if row == bad else 2 for row in range(rows)]
    assert clocks.values[::2].tolist() == [row for row in range(rows) if row != bad]
    assert (clocks.lamport, clocks.names) == (None, ["A", "B"])


@pytest.mark.parametrize(
    ("digits", "is_read"), [("9" * 18, True), ("0" * 18 + "1", True), ("0" * 19 + "1", False)]
)
def test_a_number_in_a_list_has_as_many_digits_as_64_bits(
    tmp_path: Path, digits: str, is_read: bool
) -> None:
    trace = read_one(put(tmp_path, f"host;clock;event\nA;[{digits}];x\nA;2;y\nA;;z\n"))
    reason = "is neither a whole number nor an object"
    assert (len(trace), reason in str(trace.unread)) == (2, True)
    trace = read_one(put(tmp_path, f"host;clock;event\nA;[{digits}];x\n;;y\nA;;z\n"))
    assert trace.timestamp_texts() == ([str(int(digits)), None] if is_read else [None])


@pytest.mark.parametrize(
    ("number", "is_valid"),
    [(str(2**63 - 1), True), (str(2**63), False), ("0" * 19, True), ("0" * 20, False)],
)
def test_a_dotted_timestamp_holds_numbers_of_64_bits(
    tmp_path: Path, number: str, is_valid: bool
) -> None:
    trace = read_one(put(tmp_path, f"host,event,vector\nA,x,1.0\nB,y,1.{number}\nB,z,1.2\n"))
    reason = f"the vector timestamp 1.{number} is not whole numbers separated by dots"
    is_large = int(number) >= 2**63
    assert unread(trace) == ([] if is_valid or is_large else [(3, reason)])
    middle = [f"1.{int(number)}"] if is_valid else [None] if is_large else []
    assert trace.timestamp_texts() == ["1.0", *middle, "1.2"]
    invalid = [f"vector timestamp 1.{number}"] if is_large else []
    assert trace.invalid_clocks.texts == invalid


def test_a_timestamp_of_two_numbers_is_hybrid_if_its_first_is_a_time() -> None:
    assert clock_of([f"{10**12}.0", None], 2) == "hybrid"
    assert clock_of([f"{10**12}.0", f"{10**12 - 1}.0"], 2) == "vector"
    assert clock_of(["1.0"], 3) == "hybrid"
    assert clock_of(["1.0.0"], 3) == "vector"
    assert clock_of(["1", "1.0"], 2) == "vector"
    assert clock_of(["1.0", "1.0/0.1"], 2) == "matrix"


# Tables.


@pytest.mark.parametrize(
    ("head", "separator"),
    [
        ("clock,event,x,y", ","),
        ("clock,event,x,y,z", ","),
        ("host,x,clock,y,z,a,b", ","),
        ("host,x", None),
        ("clock", None),
        ("\n\nHost\tClock\n1\t2", "\t"),
        ("host|clock", "|"),
    ],
)
def test_a_line_of_names_is_a_tables(head: str, separator: str | None) -> None:
    assert separator_of(head) == separator


@pytest.mark.parametrize("more", [0, 1])
def test_a_row_of_several_lines_is_followed_through_so_many_columns(more: int) -> None:
    row = "," * (EXTRA_COLUMNS_MAX + more) + '"two\nlines"\n'
    cells = Cells([])
    cells.read(f"x\n{row}y\n", ",")
    reasons = [(one.line, one.reason) for one in cells.unread]
    if more:
        closed = "is not a row: a quote opens and does not close"
        assert reasons == [(2, closed), (3, "has 1 columns, not 1")][:1]
        assert cells.fields()["x"][-1] == "y"
    else:
        assert reasons == [(2, "has 101 columns, not 1")]
        assert (list(cells.fields()["x"]), list(cells.lines)) == (["y"], [4])


# GoVector.


def govector_log(texts: list[str]) -> str:
    return "".join(f'A {{"A":{n}}}\n{text}\n' for n, text in enumerate(texts, 1))


def test_a_log_without_priorities_has_no_column_of_them(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, govector_log(["a", "b"]), "A-Log.txt"))
    assert trace.texts == {"event": ["a", "b"]}


@pytest.mark.parametrize(("place", "is_seen"), [(99, True), (100, False)])
def test_a_log_has_priorities_if_one_of_its_first_texts_has(
    tmp_path: Path, place: int, is_seen: bool
) -> None:
    assert govector.PRIORITY_ROWS == 100
    texts = ["x"] * 101
    texts[place] = "ERROR-y"
    trace = read_one(put(tmp_path, govector_log(texts), "A-Log.txt"))
    assert set(trace.texts) == ({"event", "priority"} if is_seen else {"event"})
    assert trace.texts["event"][place] == ("y" if is_seen else "ERROR-y")
    if is_seen:
        assert trace.texts["priority"] == [None] * 99 + ["ERROR", None]


def one_event(name: str = "A", **columns: Any) -> Trace:
    kind = np.array([0], np.uint8)
    held = {key: np.array([value], np.int64) for key, value in columns.items()}
    stamps = from_rows("vector", [{0: 1}])
    return Trace([name], np.array([0, 1]), Columns(kind, **held), timestamps=stamps)


@pytest.mark.parametrize(
    ("name", "is_file"),
    [
        ("n" * govector.NAME_BYTES_MAX, True),
        ("n" * (govector.NAME_BYTES_MAX + 1), False),
        ("é" * (govector.NAME_BYTES_MAX // 2), True),
        ("é" * (govector.NAME_BYTES_MAX // 2) + "n", False),
        (".n", False),
        ("n/n", False),
        ("n\\n", False),
        ("n.n", True),
    ],
)
def test_a_process_whose_name_cannot_be_a_files_is_refused(
    tmp_path: Path, name: str, is_file: bool
) -> None:
    execution = [Execution("", one_event(name))]
    write_log(execution, tmp_path / "x-Log.txt", "govector")
    assert read_one(tmp_path / "x-Log.txt").names == [name]
    if is_file:
        write_log(execution, tmp_path / "logs", "govector")
        assert [one.name for one in (tmp_path / "logs").iterdir()] == [f"{name}-Log.txt"]
        return
    with pytest.raises(UnwritableError) as error:
        write_log(execution, tmp_path / "logs", "govector")
    assert str(error.value) == (
        f"govector: the process {name[:40]!r} cannot be a file's name; "
        "give a name that ends in -Log.txt, for one file of all"
    )


# Chrome.


def chrome(folder: Path, *elements: dict[str, Any]) -> Trace:
    whole = ({"pid": 1, "tid": 1, **each} for each in elements)
    return read_one(put(folder, "[" + ",\n".join(map(json.dumps, whole)), "x.json"))


def test_a_time_in_a_viewers_trace_has_62_bits(tmp_path: Path) -> None:
    trace = chrome(
        tmp_path,
        {"ph": "X", "ts": "4611686018427387.903"},
        {"ph": "X", "ts": "4611686018427387.904"},
        {"ph": "X", "ts": "-4611686018427387.903"},
    )
    assert trace.columns.time_ns is not None
    assert sorted(trace.columns.time_ns.tolist()) == [-(2**62) + 1, 2**62 - 1]
    assert unread(trace) == [(2, "has no time ts")]


@pytest.mark.parametrize(("within", "is_found"), [(1023, True), (1024, False)])
def test_a_slice_is_found_around_so_many_levels(
    tmp_path: Path, within: int, is_found: bool
) -> None:
    levels: list[dict[str, Any]] = [{"ph": "X", "ts": 1 + n, "dur": 5000 - n, "name": "inner"}
                                    for n in range(within)]  # fmt: skip
    flow = {"id": 1, "ts": 6000}
    trace = chrome(
        tmp_path,
        {"ph": "X", "ts": 0, "dur": 9000, "name": "outer"}, *levels,
        {"ph": "s", **flow}, {"ph": "X", "tid": 2, "ts": 6000}, {"ph": "f", "tid": 2, **flow},
    )  # fmt: skip
    told = [(within + 2, "is a flow event in no slice"),
            (within + 4, "is a flow that begins nowhere")]  # fmt: skip
    assert unread(trace) == ([] if is_found else told)


def begins(folder: Path, trace: Trace) -> list[float]:
    """Return where a viewer shows the events of a trace, in nanoseconds."""
    write_log([Execution("", trace)], folder / "x.json", "chrome")
    elements = json.loads((folder / "x.json").read_text())["traceEvents"]
    return [each["ts"] * 1000 for each in elements if each["ph"] == "X"]


@pytest.mark.parametrize(
    ("span", "clock", "entry", "expected"),
    [
        (SPAN_NS_MAX - 1, 5, 3, [0, SPAN_NS_MAX - 1]),
        (SPAN_NS_MAX, 5, 3, [0, 5000]),
        (SPAN_NS_MAX, SPAN_NS_MAX // 1000 - 1, 3, [0, (SPAN_NS_MAX // 1000 - 1) * 1000]),
        (SPAN_NS_MAX, SPAN_NS_MAX // 1000, 3, [0, 3000]),
        (SPAN_NS_MAX, SPAN_NS_MAX, ENTRY_MAX - 1, [0, (ENTRY_MAX - 1) * 1000]),
        (SPAN_NS_MAX, SPAN_NS_MAX, ENTRY_MAX, [0, 1000]),
    ],
)
def test_a_viewer_shows_times_or_else_clocks_as_far_as_its_numbers_reach(
    tmp_path: Path, span: int, clock: int, entry: int, expected: list[int]
) -> None:
    columns = Columns(
        np.array([0, 0], np.uint8), clock=np.array([1, 1 + clock]), time_ns=np.array([7, 7 + span])
    )
    stamps = from_rows("vector", [{0: 1}, {0: 1 + entry}])
    trace = Trace(["A"], np.array([0, 2]), columns, timestamps=stamps)
    assert begins(tmp_path, trace) == pytest.approx(expected, rel=1e-12)
