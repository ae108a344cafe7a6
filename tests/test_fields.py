"""How the values of a log's fields are read: kinds, numbers, times, clocks, names of processes."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.foreign import Execution, read_log, write_log
from driftlab.foreign.clock_values import natural_key, read_clock
from driftlab.foreign.fields import (
    canonical_host,
    field_of,
    known_fields,
    message_numbers,
    target_names,
    unit_of_heading,
)
from driftlab.foreign.times import read_times
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import KINDS, MISSING
from tests.executions import edges_of, values

SECOND = 1_000_000_000


def put(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read_one(path: Path, **options: object) -> Trace:
    (trace,) = read_log(path, **options)
    return trace


def kinds(trace: Trace) -> list[str]:
    return [KINDS[kind] for kind in trace.columns.kind.tolist()]


def unread(trace: Trace) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in trace.unread]


WORDS = {
    "receive": (
        "Events.RECEIVED_MSG", "Message Received", "msg_recv", "Receive message",
        "onMessageReceive",
        "RECEIVED", "recieved", "received broadcast", "MSGReceived", "receiveMSG",
    ),
    "send": (
        "MESSAGE_SENT", "EventType.SEND", "SEND_MESSAGE", "sent to 2", "sendMessage", "send",
        "message broadcast", "kind=Send",
    ),
    "internal": ("internal event", "Internal", "LOCAL_EVENT", "EventKind.Internal"),
    "unsaid": ("timeout", "send/receive", "", "intern", "resend", "sender", "7", "forgotten"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WORDS)
def test_a_kind_is_known_by_the_words_that_name_it(tmp_path: Path, kind: str) -> None:
    rows = "".join(f"A,{n},{word}\n" for n, word in enumerate(WORDS[kind]))
    trace = read_one(put(tmp_path, f"host,clock,kind\n{rows}"))
    assert kinds(trace) == [kind] * len(WORDS[kind])


def test_an_event_that_tells_more_than_its_kind_has_none_by_its_text(tmp_path: Path) -> None:
    said = {
        "MESSAGE_SENT": "send",
        "Message Received": "receive",
        "internal event": "internal",
        "send": "send",
        "asks": "unsaid",
        "sent home": "unsaid",
        "receive buffer full": "unsaid",
        "handleReceive": "unsaid",
    }
    rows = "".join(f"A,{n},{text}\n" for n, text in enumerate(said))
    assert kinds(read_one(put(tmp_path, f"host,clock,event\n{rows}"))) == list(said.values())


def test_one_column_of_times_has_one_unit() -> None:
    assert read_times(["1.5", "2", None, "2.5"]).ns.tolist() == [
        SECOND * 3 // 2, 2 * SECOND, MISSING, SECOND * 5 // 2,
    ]  # fmt: skip
    assert read_times([1.5, 2, 2.5]).ns.tolist() == [SECOND * 3 // 2, 2 * SECOND, SECOND * 5 // 2]
    assert read_times(["1", "2"]).ns.tolist() == [1, 2]
    assert read_times(["1.5", "2"], "ms").ns.tolist() == [1_500_000, 2_000_000]
    dated = ["2025-03-05 10:00:00.5", "2"]
    assert read_times(dated, "ns").ns[1] == 2  # the point of a date is of its own seconds
    assert read_times(dated).failed.tolist() == [False, True]  # nanoseconds or seconds?


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1), st.integers(0, 9))
def test_a_whole_number_is_the_same_time_as_it_is_with_a_point(
    seconds: list[int], zeros: int
) -> None:
    found = read_times([f"{seconds[0]}.{'0' * zeros}", *map(str, seconds)])
    assert not found.failed.any()
    assert found.ns.tolist() == [one * SECOND for one in [seconds[0], *seconds]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025/03/05 10:00:00", 1_741_168_800 * SECOND),
        ("2025-03-05T10:00:00+01:00", 1_741_165_200 * SECOND),
        ("2025/03/05 01:00:01 PM", 1_741_179_601 * SECOND),
        ("1:00:01 PM", 46_801 * SECOND),
        ("12:00:01 am", SECOND),
        ("12:00:01.5 p.m.", 43_201 * SECOND + SECOND // 2),
        (".5", SECOND // 2),
        ("-.5", -SECOND // 2),
        ("1.741e9", 1_741_000_000 * SECOND),
        ("25e-1", SECOND * 5 // 2),
        ("23:59:59", 86_399 * SECOND),
        ("24:61:99", None),
        ("24:00:00", None),
        ("10:60:00", None),
        ("10:00:60", None),
        ("13:00:00 PM", None),
        ("2025-03/05 10:00:00", None),
        ("2025-13-05 10:00:00", None),
        ("2025-03-05 10:61:00", None),
        ("1e99", None),
        (".", None),
        ("", MISSING),
    ],
)
def test_a_time_is_read_or_known_to_be_none(text: str, expected: int | None) -> None:
    found = read_times([text])
    assert found.failed.tolist() == [expected is None]
    assert found.ns.tolist() == [MISSING if expected is None else expected]


def test_times_that_cannot_be_read_stay_as_text(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "host,time,clock\nA,10:00:00,1\nA,24:61:99,2\n"))
    assert values(trace, "time_ns") == [36_000 * SECOND, MISSING]
    assert trace.texts["time"] == ["10:00:00", "24:61:99"]


FLOATS = {
    "host": ["1", "2", "2", "1"],
    "kind": ["send", "receive", "send", "receive"],
    "clock": [1.0, 2.0, 3.0, 4.0],
    "queue": [0.0, 3.0, None, 0.0],
    "tick": [0.0, 1.0, 2.0, 3.0],
    "sender": [None, 1.0, None, 2.0],
    "stamp": [None, 1.0, None, 3.0],
    "targets": [2.0, None, 1.0, None],
    "message": [7.0, 7.0, 8.0, 8.0],
}


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_whole_numbers_may_have_a_point_as_pandas_writes_them(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"x.{format}"
    frame = pl.DataFrame(FLOATS)
    if format == "csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    trace = read_one(path)
    assert trace.unread == []
    assert list(trace.names) == ["1", "2"]
    assert values(trace, "clock") == [1, 4, 2, 3]
    assert values(trace, "queue") == [0, 0, 3, MISSING]
    assert values(trace, "stamp") == [MISSING, 3, 1, MISSING]
    assert values(trace, "target")[0] == 1
    assert values(trace, "sent") == [7, MISSING, MISSING, 8]
    assert values(trace, "received") == [MISSING, 8, 7, MISSING]
    assert edges_of(trace) == {(("1", 0), ("2", 0)), (("2", 1), ("1", 1))}


@pytest.mark.parametrize("column", ["clock", "lamport"])
def test_a_clock_with_a_fraction_is_invalid(tmp_path: Path, column: str) -> None:
    trace = read_one(put(tmp_path, f"host,{column},kind\nA,1.0,send\nA,1.5,send\nA,2.,send\n"))
    assert (len(trace), unread(trace)) == (3, [])
    assert trace.invalid_clocks.texts == [f"{column} 1.5"]
    assert values(trace, "clock") == [1, MISSING, 2]


@pytest.mark.parametrize("column", ["stamp", "queue", "tick"])
def test_a_number_with_a_fraction_is_reported(tmp_path: Path, column: str) -> None:
    trace = read_one(put(tmp_path, f"host,{column},kind\nA,1.0,send\nA,1.5,send\nA,2.,send\n"))
    assert [line for line, _ in unread(trace)] == [3]
    assert "1.5" in trace.unread[0].reason
    assert len(trace) == 2


def test_names_that_are_numbers_with_fractions_stay_as_they_are(tmp_path: Path) -> None:
    text = "host,kind,message\nA,send,1.0\nA,send,1\nB,receive,1.0\nA,send,1.5\n"
    trace = read_one(put(tmp_path, text))
    assert edges_of(trace) == {(("A", 0), ("B", 0))}
    trace = read_one(put(tmp_path, "host,clock,sender\n1.0,1,\n2.0,1,1\nv3.0,1,\nv3,2,\n"))
    assert list(trace.names) == ["1.0", "2.0", "v3.0", "v3"]


LISTS = {
    "brackets": ["[1, 0]", "[1, 1]", "[2, 0]"],
    "tuples": ["(1, 0)", "(1, 1)", "(2,0,)"],
    "bare": ["1,0", "1,1", "2, 0"],
    "numpy": ["[1 0]", "[1 1]", "[ 2  0]"],
    "of JSON": [[1, 0], [1, 1], [2, 0]],
}


@pytest.mark.parametrize("form", LISTS)
def test_lists_are_vector_clocks_of_the_processes_in_natural_order(
    tmp_path: Path, form: str
) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"host": ["vm2", "vm10", "vm2"], "clock": LISTS[form]}).write_parquet(path)
    trace = read_one(path)
    assert trace.unread == []
    assert edges_of(trace) == {(("vm2", 0), ("vm10", 0))}
    assert trace.timestamp_texts() == ["1.0", "2.0", "1.1"]


@pytest.mark.parametrize(
    "clocks",
    [
        ["[1, 0, 0]", "[1, 1, 0]"],  # of three, and there are two
        ["[1, 0]", "[1, 1, 0]"],
        ["[1, 0]", '{"A": 1, "B": 1}'],
        ['{"A": 1}', "[1, 1]"],
        ["[1, 0]", "2"],
    ],
)
def test_lists_whose_numbers_are_in_doubt_are_reported(tmp_path: Path, clocks: list[str]) -> None:
    hosts = ["A", "B"] * 2
    rows = [f"{host};{clock}" for host, clock in zip(hosts, [*clocks, "", ""], strict=True)]
    trace = read_one(put(tmp_path, "host;clock\n" + "\n".join(rows)))
    told = [line for line, reason in unread(trace) if "as long as there are processes" in reason]
    assert told == [2 + place for place, clock in enumerate(clocks) if "[" in clock]


def test_a_malformed_clock_does_not_put_lists_in_doubt(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "host;clock\nA;[1, 0]\nA;[2, x]\nA;\nB;[1, 1]\n"))
    assert [line for line, _ in unread(trace)] == [3]
    assert trace.timestamp_texts() == ["1.0", None, "1.1"]


@given(st.lists(st.integers(0, 10**30), unique=True))
def test_natural_order_is_that_of_the_numbers(numbers: list[int]) -> None:
    names = sorted((f"vm{number}x" for number in numbers), key=natural_key)
    assert names == [f"vm{number}x" for number in sorted(numbers)]
    assert sorted(["vm1", "vm", "1", "a"], key=natural_key) == ["1", "a", "vm", "vm1"]


def test_a_process_with_a_quote_keeps_its_vector_clock(tmp_path: Path) -> None:
    name = 'q"q'
    text = "host;clock\n" + "\n".join(
        '"{}";"{}"'.format(one.replace('"', '""'), json.dumps(clock).replace('"', '""'))
        for one, clock in ((name, {name: 1}), ("B", {name: 1, "B": 1}))
    )
    trace = read_one(put(tmp_path, text))
    assert trace.unread == []
    assert edges_of(trace) == {((name, 0), ("B", 0))}
    out = tmp_path / "out.csv"
    write_log([Execution("", trace)], out, "csv")
    assert edges_of(read_one(out)) == edges_of(trace)


def test_clocks_out_of_strings_are_read_beside_such_that_stand_alone(tmp_path: Path) -> None:
    log = 'A {\\"A\\":1}\nB {"A":1, "B":1}\nA { \\"A\\":2}\n'
    trace = read_one(put(tmp_path, log, "x.log"), pattern=r"^(?<host>\S+) (?<clock>{.*})$")
    assert trace.unread == []
    assert edges_of(trace) == {(("A", 0), ("B", 0))}


def test_a_struct_of_parquet_is_a_clock_of_the_fields_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    clocks = [{"A": 1, "B": None}, {"A": 1, "B": 1}, None]
    pl.DataFrame({"host": ["A", "B", "B"], "clock": clocks}).write_parquet(path)
    trace = read_one(path)
    assert trace.unread == []
    assert edges_of(trace) == {(("A", 0), ("B", 0))}
    assert trace.timestamps is not None
    assert trace.timestamps.starts.tolist() == [0, 1, 3, 3]


DOTTED = {
    "vector": ["1.0", "1.1", "x", "2.0", "1.2.3", "1.2"],
    "matrix": ["1.0/0.0", "1.0/1.1", "x", "2.0/0.0", "1.2.3", "2.0/1.2"],
    "hybrid": ["5.0", "5.1", "x", "6.0", "1.2.3", "6.1"],
}


@pytest.mark.parametrize("clock", DOTTED)
@pytest.mark.parametrize("first", [False, True])
def test_a_bad_timestamp_costs_its_own_record(tmp_path: Path, clock: str, first: bool) -> None:
    pairs = list(zip(["A", "B", "B", "A", "A", "B"], DOTTED[clock], strict=True))
    if first:  # the form of the column is not seen in the first cell
        pairs = [pairs[2], *pairs[:2], *pairs[3:]]
    rows = "".join(f"{host},e,{cell}\n" for host, cell in pairs)
    trace = read_one(put(tmp_path, f"host,event,{clock}\n{rows}"))
    assert [line for line, _ in unread(trace)] == [2 if first else 4, 6]
    assert "is not whole numbers separated by dots" in trace.unread[0].reason
    assert "has 3 numbers, not" in trace.unread[1].reason
    good = [cell for host in "AB" for h, cell in pairs if h == host and cell not in ("x", "1.2.3")]
    assert sorted(filter(None, trace.timestamp_texts())) == sorted(good)


def test_a_process_whose_records_are_all_bad_still_counts_in_timestamps(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "host,event,vector\nB,e,1.0.0\nA,e,1.1.0\nC,e,x\n"))
    assert [line for line, _ in unread(trace)] == [4]
    assert trace.timestamp_texts() == ["1.0.0", "1.1.0"]
    assert list(trace.missing_processes) == ["C"]


def test_timestamps_of_which_none_fits_are_refused_with_file_and_line(tmp_path: Path) -> None:
    path = put(tmp_path, "host,event,vector\nA,e,\nA,e,1.0.0\nB,e,1.1.0\n")
    with pytest.raises(UnreadableError, match=r"x\.csv: line 3: the vector timestamp 1\.0\.0 has"):
        read_one(path)


def test_half_a_pair_of_surrogates_is_written_as_its_escape(tmp_path: Path) -> None:
    lines = [
        {"TracerIdentity": "a\ud800", "TraceID": 0, "Tag": "x\udfff", "Body": {"k": "\udc80"},
         "VectorClock": {"a\ud800": 1}},
        {"TracerIdentity": "b", "TraceID": 0, "Tag": "é", "Body": {},
         "VectorClock": {"a\ud800": 1, "b": 1}},
    ]  # fmt: skip
    trace = read_one(put(tmp_path, "\n".join(map(json.dumps, lines)), "x.json"))
    assert list(trace.names) == [r"a\ud800", "b"]
    names = {"csv": "o.csv", "parquet": "o.parquet", "shiviz": "o.log", "tracing": "o.json",
             "chrome": "c.json", "govector": "o-Log.txt"}  # fmt: skip
    for format, name in names.items():
        write_log([Execution("", trace)], tmp_path / name, format)
        back = read_one(tmp_path / name, format=format)
        assert list(back.names) == list(trace.names), format
        assert edges_of(back) == {((r"a\ud800", 0), ("b", 0))}, format
        assert back.texts["event"] == [r"x\udfff", "é"], format


@pytest.mark.parametrize("format", ["csv", "shiviz", "govector", "tracing"])
def test_a_text_with_a_zero_reads_back_as_text(tmp_path: Path, format: str) -> None:
    record = {"TracerIdentity": "a\0", "TraceID": 0, "Tag": "x\0y", "VectorClock": {"a\0": 1}}
    trace = read_one(put(tmp_path, json.dumps(record), "x.json"))
    name = {"govector": "o-Log.txt"}.get(format, "o.log")
    write_log([Execution("", trace)], tmp_path / name, format)
    back = read_one(tmp_path / name, format=format)
    assert back.texts["event"] == ["x\0y" if format == "tracing" else r"x\u0000y"]
    assert list(back.names) == [r"a\u0000"]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("A", ["A"]),
        ("A, B", ["A", "B"]),
        ("A; B|C+D", ["A", "B", "C", "D"]),
        ("A, B and C", ["A", "B", "C"]),
        ("A and", ["A", "and"]),  # of two names, `and` may be one
        ("['A', 'B']", ["A", "B"]),
        ('["A b", "C, d"]', ["A b", "C, d"]),
        ("[1, 2]", ["1", "2"]),
        (["A b", 2], ["A b", "2"]),
        (7, ["7"]),
        (" ALL ", None),
        ("*", None),
        ("broadcast", None),
        ("-", []),
        ("", []),
        (None, []),
        (float("nan"), []),
    ],
)
def test_targets_are_names_in_any_form(value: object, names: list[str] | None) -> None:
    assert target_names(value) == names


def test_a_field_is_known_by_its_first_name_and_kept_by_its_others() -> None:
    known, others = known_fields({"Process": ["a"], "host": ["b"], "x": ["c"], "T O": ["d"]})
    assert known == {"host": ["b"], "targets": ["d"]}
    assert others == {"Process": ["a"], "x": ["c"]}


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("1", ["1", "1.0"], "1"),
        ("1.0", ["1"], "1"),
        ("1", ["1.0"], "1.0"),
        ("v.0", ["v"], "v.0"),
        ("v", ["v.0"], "v"),
        ("2", ["1"], "2"),
    ],
)
def test_a_peer_may_write_a_name_that_is_a_number_with_a_point(
    name: str, names: list[str], found: str
) -> None:
    assert canonical_host(name, names) == found


def test_a_log_with_an_index_in_some_records_stays_in_its_own_order(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "host,index,event\nA,2,a\nA,,b\nA,1,c\n"))
    assert trace.texts["event"] == ["a", "b", "c"]
    trace = read_one(put(tmp_path, "host,index,event\nA,2,a\nA,0,b\nA,1,c\n"))
    assert trace.texts["event"] == ["b", "c", "a"]


def test_a_record_without_a_process_is_unread(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "host,clock\nA,1\n,2\nNone,3\nA,4\n"))
    assert unread(trace) == [(3, "names no process"), (4, "names no process")]
    assert (list(trace.names), values(trace, "clock")) == (["A"], [1, 4])


def test_a_table_may_have_a_lamport_clock_beside_its_vectors(tmp_path: Path) -> None:
    rows = 'A;1;{"A":1}\nB;2;{"A":1,"B":1}\nB;;{"B":2}\nB;4;\n'
    trace = read_one(put(tmp_path, f"host;clock;vector\n{rows}"))
    assert values(trace, "clock") == [1, 2, MISSING, 4]
    assert trace.timestamp_texts() == ["1.0", "1.1", "0.2", None]
    trace = read_one(put(tmp_path, "host;clock;vector\nA;1;1.0\nB;2;1.1\n"))
    assert (values(trace, "clock"), trace.timestamp_texts()) == ([1, 2], ["1.0", "1.1"])


def test_names_of_messages_that_differ_are_different_names(tmp_path: Path) -> None:
    """`01` and `1` would be one number."""
    rows = "A,send,01\nA,send,1\nB,receive,1\nB,receive,01\nB,receive,+1\n"
    trace = read_one(put(tmp_path, f"host,kind,message\n{rows}"))
    assert edges_of(trace) == {(("A", 1), ("B", 0)), (("A", 0), ("B", 1))}
    numbers = message_numbers([["7", None, "-8"], ["9", "7"]]).columns
    assert [column.tolist() for column in numbers] == [[7, MISSING, -8], [9, 7]]


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ('{"A":1}', {"A": 1}),
        (r"{\"A\":1}", {"A": 1}),
        (r'"{\"A\":1}"', {"A": 1}),
        (r'"\"{\\\"A\\\":1}\""', {"A": 1}),
        ("{'A':1}", {"A": 1}),
        ("{}", {}),
        (" 7 ", 7),
        ("7.00", 7),
        (7.0, 7),
        ("-", None),
        (float("nan"), None),
        ({"A": 0}, {"A": 0}),
    ],
)
def test_a_clock_is_read_in_any_form(text: object, clock: object) -> None:
    assert read_clock(text) == clock


@pytest.mark.parametrize("part", ["(a", "[", " (", "{ ", "in ", " ", "a(", "(in ms ", "_in_"])
def test_a_heading_of_any_length_is_looked_at_in_linear_time(part: str) -> None:
    """A line of something else may stand where a heading does; its square would be an hour."""
    name = part * (2_000_000 // len(part)) + "."
    assert unit_of_heading(name) is None
    assert field_of(name) is None
