"""What each format holds of a trace, character by character, and column by column."""

from pathlib import Path

import numpy as np
import pytest

from driftlab.foreign import Execution, read_log, write_log
from driftlab.history.trace import Trace
from driftlab.model.columns import KINDS, MISSING, Columns, from_rows

M = MISSING
COLUMNS = Columns(
    np.array([1, 0, 2, 3], np.uint8),
    clock=np.array([1, 2, 2, M]),
    sender=np.array([-1, -1, 0, -1], np.int32),
    stamp=np.array([M, M, 1, M]),
    target=np.array([1, -2, -2, -2], np.int32),
    queue=np.array([0, 0, 1, M]),
    tick=np.array([0, 1, 0, 1]),
    time_ns=np.array([1000, 3000, 2500, M]),
    line=np.array([1, 2, 1, 2]),
    sent=np.array([7, M, M, M]),
    received=np.array([M, M, 7, M]),
)


def trace() -> Trace:
    return Trace(
        ["A", "B"],
        np.array([0, 2, 4]),
        COLUMNS,
        timestamps=from_rows("vector", [{0: 1}, {0: 2}, {0: 1, 1: 1}, None]),
        texts={"event": ["as\nks", None, "is asked", ""], "note": ["n", None, None, ""]},
        files=["x", "x"],
        gaps=np.array([1]),
    )


WRITTEN = {
    "shiviz": r"""(?<host>\S*) (?<clock>{.*}) (?<kind>\S*) (?<lamport>\S*) (?<tick>\S*) (?<time_ns>\S*) (?<queue>\S*) (?<stamp>\S*) (?<sent>\S*) (?<received>\S*) (?<sender>\S*) (?<targets>\S*)\t(?<note>[^\t\n]*)\n(?<event>.*)


A {"A":1} send 1 0 1000 0 - 7 - - B""" "\tn\n" r"""as\nks
A {"A":2} internal 2 1 3000 0 - - - - -""" "\t\n" r"""
B {"A":1, "B":1} receive 2 0 2500 1 1 - 7 A -""" "\t\n" r"""is asked
B {} - - 1 - - - - - - -""" "\t\n" r"""
""",  # noqa: E501
    "tsviz": r"""(?<timestamp>-?\d*) (?<host>\S*) (?<clock>{.*}) (?<kind>\S*) (?<lamport>\S*) (?<tick>\S*) (?<queue>\S*) (?<stamp>\S*) (?<sent>\S*) (?<received>\S*) (?<sender>\S*) (?<targets>\S*)\t(?<note>[^\t\n]*)\n(?<event>.*)


1000 A {"A":1} send 1 0 0 - 7 - - B""" "\tn\n" r"""as\nks
3000 A {"A":2} internal 2 1 0 - - - - -""" "\t\n" r"""
2500 B {"A":1, "B":1} receive 2 0 1 1 - 7 A -""" "\t\n" r"""is asked
 B {} - - 1 - - - - - -""" "\t\n" r"""
""",  # noqa: E501
    "govector": r"""1000 A {"A":1}
as\nks
A: events are missing here
3000 A {"A":2}

2500 B {"A":1, "B":1}
is asked
B {}

""",
    "tracing": r"""{"TracerIdentity":"A","TraceID":0,"Tag":"GenerateTokenTrace","Body":{"Token":"Nw==","Driftlab":{"kind":"send","lamport":"1","tick":"0","time_ns":"1000","queue":"0","targets":"B","event":"as\nks","note":"n"}},"VectorClock":{"A":1}}
{"TracerIdentity":"A","TraceID":0,"Tag":"Event","Body":{"Driftlab":{"kind":"internal","lamport":"2","tick":"1","time_ns":"3000","queue":"0"}},"VectorClock":{"A":2}}
{"TracerIdentity":"B","TraceID":0,"Tag":"ReceiveTokenTrace","Body":{"Token":"Nw==","Driftlab":{"kind":"receive","lamport":"2","tick":"0","time_ns":"2500","queue":"1","stamp":"1","sender":"A","event":"is asked"}},"VectorClock":{"A":1,"B":1}}
{"TracerIdentity":"B","TraceID":0,"Tag":"Event","Body":{"Driftlab":{"tick":"1"}},"VectorClock":{}}
""",  # noqa: E501
    "chrome": r"""{"displayTimeUnit":"ns","traceEvents":[
{"ph":"M","name":"process_name","pid":1,"args":{"name":"driftlab"}},
{"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"A"}},
{"ph":"M","name":"thread_sort_index","pid":1,"tid":1,"args":{"sort_index":1}},
{"ph":"M","name":"thread_name","pid":1,"tid":2,"args":{"name":"B"}},
{"ph":"M","name":"thread_sort_index","pid":1,"tid":2,"args":{"sort_index":2}},
{"ph":"X","name":"as\\nks","pid":1,"tid":1,"ts":1.0,"dur":0.5,"args":{"driftlab":{"kind":"send","lamport":"1","tick":"0","time_ns":"1000","queue":"0","targets":"B","vector":{"A":1},"event":"as\nks","note":"n"}}},
{"ph":"X","name":"","pid":1,"tid":1,"ts":2.0,"dur":0.5,"args":{"driftlab":{"kind":"internal","lamport":"2","tick":"1","time_ns":"3000","queue":"0","vector":{"A":2}}}},
{"ph":"X","name":"is asked","pid":1,"tid":2,"ts":2.0,"dur":0.001,"args":{"driftlab":{"kind":"receive","lamport":"2","tick":"0","time_ns":"2500","queue":"1","stamp":"1","sender":"A","vector":{"A":1,"B":1},"event":"is asked"}}},
{"ph":"X","name":"","pid":1,"tid":2,"ts":2.001,"dur":0.001,"args":{"driftlab":{"tick":"1","event":"","note":""}}},
{"ph":"s","cat":"message","name":"message","pid":1,"tid":1,"id":3,"ts":1.0},
{"ph":"f","cat":"message","name":"message","pid":1,"tid":2,"id":3,"ts":2.0,"bp":"e"}
]}
""",  # noqa: E501
    "csv": r"""process,index,kind,tick,time_ns,clock,queue,sender,stamp,targets,vector,event,note,sent,received
A,0,send,0,1000,1,0,,,B,"{""A"":1}","as
ks",n,7,
A,1,internal,1,3000,2,0,,,,"{""A"":2}",,,,
B,0,receive,0,2500,2,1,A,1,,"{""A"":1, ""B"":1}",is asked,,,7
B,1,unsaid,1,,,,,,,,"","",,
""",  # noqa: E501
}  # fmt: skip
SUFFIXES = {"govector": "x-Log.txt"}


@pytest.mark.parametrize("format", WRITTEN)
def test_a_trace_is_written_like_this(tmp_path: Path, format: str) -> None:
    path = tmp_path / SUFFIXES.get(format, "x")
    write_log([Execution("", trace())], path, format)
    assert path.read_text() == WRITTEN[format]


ALL = ("clock", "tick", "time_ns", "queue", "stamp", "sender", "target")
KINDS_READ = ["send", "internal", "receive", "unsaid"]
HELD = dict.fromkeys([*WRITTEN, "parquet"], ALL) | {"govector": ("time_ns",)}
LINES = {
    "shiviz": [4, 6, 8, 10],
    "tsviz": [4, 6, 8, 10],
    "govector": [1, 4, 6, 8],
    "tracing": [1, 2, 3, 4],
    "chrome": [7, 8, 9, 10],
    "csv": [2, 4, 5, 6],
    "parquet": [1, 2, 3, 4],
}
EVENTS: dict[str, list[str | None]] = {
    "shiviz": ["as\\nks", "", "is asked", ""],
    "tsviz": ["as\\nks", "", "is asked", ""],
    "tracing": ["as\nks", None, "is asked", None],
    "chrome": ["as\nks", None, "is asked", ""],
    "csv": ["as\nks", None, "is asked", None],
    "parquet": ["as\nks", None, "is asked", ""],
}
NOTES: dict[str, list[str | None]] = {
    "shiviz": ["n", "", "", ""],
    "tsviz": ["n", "", "", ""],
    "tracing": ["n", None, None, None],
    "chrome": ["n", None, None, ""],
    "csv": ["n", None, None, None],
    "parquet": ["n", None, None, ""],
}
KINDS_AS_TEXTS: dict[str, list[str | None]] = {  # one of them means no kind
    "shiviz": ["send", "internal", "receive", "-"],
    "tsviz": ["send", "internal", "receive", "-"],
    "tracing": ["send", "internal", "receive", None],
    "chrome": ["send", "internal", "receive", None],
    "csv": ["send", "internal", "receive", "unsaid"],
    "parquet": ["send", "internal", "receive", "unsaid"],
}
UNREAD = {"govector": [(3, "matches nothing: A: events are missing here")]}


@pytest.mark.parametrize("format", HELD)
def test_what_was_written_reads_back_column_by_column(tmp_path: Path, format: str) -> None:
    path = tmp_path / SUFFIXES.get(format, "x")
    write_log([Execution("", trace())], path, format)
    (back,) = read_log(path, format=format)
    assert (list(back.names), back.starts.tolist()) == (["A", "B"], [0, 2, 4])
    kinds = [KINDS[kind] for kind in back.columns.kind.tolist()]
    assert kinds == (["unsaid"] * 4 if format == "govector" else KINDS_READ)
    for name, column in back.columns._asdict().items():
        if name not in ("kind", "line", "file", "sent", "received"):
            expected = getattr(COLUMNS, name) if name in HELD[format] else None
            assert (column is None) == (expected is None), name
            if column is not None and expected is not None:
                assert column.tolist() == expected.tolist(), name
    sent, received = back.columns.sent, back.columns.received
    if format == "govector":
        assert sent is None
        assert received is None
    else:
        assert sent is not None
        assert received is not None
        assert sent[0] == received[2] != MISSING
        assert sent[1:].tolist() == [M, M, M]
        assert received[[0, 1, 3]].tolist() == [M, M, M]
    assert back.columns.line is not None
    assert back.columns.line.tolist() == LINES[format]
    assert back.columns.file is not None
    assert back.columns.file.tolist() == [0] * 4
    texts: dict[str, list[str | None]] = {"event": ["as\\nks", "", "is asked", ""]}
    if format in EVENTS:
        texts = {"event": EVENTS[format], "note": NOTES[format]}
    if format in KINDS_AS_TEXTS:
        texts["kind_text"] = KINDS_AS_TEXTS[format]
    assert back.texts == texts
    assert back.timestamps is not None
    assert back.timestamps.clock == "vector"
    assert back.timestamps.starts.tolist() == [0, 1, 2, 4, 4]
    assert back.timestamps.entries.tolist() == [0, 0, 0, 1]
    assert back.timestamps.values.tolist() == [1, 2, 1, 1]
    assert [(one.line, one.reason) for one in back.unread] == UNREAD.get(format, [])
    assert back.gaps.tolist() == ([1] if format == "govector" else [])
    assert list(back.files) == [str(path)]
    assert list(back.missing_processes) == []
