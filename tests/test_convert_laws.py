"""What `convert` writes holds what it read: the same events and messages, or it says why not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.api.conversion import prepare
from driftlab.api.export import Converted, convert
from driftlab.api.history import History
from driftlab.cli.main import main
from driftlab.foreign import FORMATS, Execution, read_log, write_log
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.trace import Trace
from driftlab.model.columns import KINDS, MISSING
from tests.executions import executions, only_vectors

WRITABLE = [name for name, each in FORMATS.items() if each.write]
OUT = {"csv": "x.csv", "parquet": "x.parquet", "json": "x.jsonl", "govector": "x-Log.txt"}
HOLD_TEXTS = [name for name in WRITABLE if name != "govector"]
FLOWS = [
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "a"}},
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "args": {"name": "b"}},
    {"ph": "X", "name": "asks", "pid": 1, "tid": 1, "ts": 0, "dur": 9},
    {"ph": "X", "name": "hears", "pid": 1, "tid": 2, "ts": 20, "dur": 9},
    {"ph": "s", "id": 1, "pid": 1, "tid": 1, "ts": 5},
    {"ph": "f", "id": 1, "pid": 1, "tid": 2, "ts": 25, "bp": "e"},
]
# A log of each kind of evidence, its name, and how it is to be read.
LOGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ids": ("log.csv", "process,kind,message,note\na,send,m1,x y\nb,receive,m1,\nb,send,m2,z\n",
            {}),
    "ids twice": ("log.csv", "process,kind,message\na,send,m\na,send,m\nb,receive,m\nb,receive,m\n",
                  {}),
    "an id of nowhere": (
        "log.csv", "process,kind,sent,received,sender\na,send,1,,\nb,receive,,9,a\nb,receive,,,a\n",
        {}),
    "stamps": ("log.csv", "process,kind,lamport,sender,stamp,targets\na,send,1,,,b\n"
               "b,receive,2,a,1,\nb,receive,3,a,7,\n", {}),
    "early stamps": ("log.csv", "process,kind,lamport,sender,stamp,targets\na,send,1,,,b\n"
                     "b,receive,1,a,0,\n", {}),
    "stamps alone": ("log.csv", "process,kind,lamport,stamp\na,send,1,\na,internal,2,\n"
                     "b,receive,2,1\nb,send,3,\na,receive,4,3\n", {}),
    "order": ("log.csv", "process,kind,sender,targets\na,send,,b\na,send,,b\nb,receive,a,\n"
              "b,receive,a,\nb,receive,c,\n", {}),
    "nothing": ("log.csv", "process,kind,lamport\na,send,1\nc,send,1\nb,receive,2\n", {}),
    "no matching": ("log.csv", "process,kind,sender,targets\na,send,,b\nb,receive,a,\n",
                    {"match": "none"}),
    "another matching": (
        "log.csv", "process,kind,lamport,sender,stamp,targets\na,send,1,,,b\na,send,2,,,b\n"
        "b,receive,3,a,2,\nb,receive,4,a,1,\n", {"match": "position"}),
    "vectors": ("log.shiviz", 'a {"a":1}\nasks\nb {"a":1,"b":1}\nhears\nnoise\nb {"a":1,"b":2}\n'
                'asks\na {"a":2,"b":2}\nhears\n', {}),
    "several messages": ("log.shiviz", 'a {"a":1}\nx\nb {"b":1}\ny\nc {"a":1,"b":1,"c":1}\nz\n',
                         {}),
    "a process without a log": ("log.shiviz", 'a {"a":1}\nx\nb {"a":1,"c":2,"b":1}\ny\n', {}),
    "kinds and vectors": ("log.csv", 'process,kind,vector\na,send,"{""a"":1}"\nb,receive,'
                          '"{""a"":1,""b"":1}"\nb,receive,"{""a"":1,""b"":2}"\n', {}),
    "flows": ("log.json", json.dumps(FLOWS), {}),
    "texts": ("log.csv", 'process,event,recorded,two words,time\na,"x\ny","{""a"":1} b\tc",1,2\n'
              'b,"{""q"":1} z","{} } 3","-",3\n', {}),
    "wrong clocks": ("log.csv", "process,kind,lamport\na,send,-4\na,internal,2\n", {}),
    "hybrid": ("log.csv", "process,hybrid,kind,sender,targets\na,5.0,send,,b\nb,5.1,receive,a,\n",
               {}),
}  # fmt: skip


def written(tmp_path: Path, kind: str) -> tuple[Path, dict[str, Any]]:
    name, text, options = LOGS[kind]
    (tmp_path / "log").mkdir()
    path = tmp_path / "log" / name
    path.write_text(text)
    return path, options


def converted(path: Path, to: str, options: dict[str, Any]) -> tuple[Converted, History]:
    """Return what `convert` says, and what it wrote; the test is over if it cannot be written."""
    out = path.parent.parent / OUT.get(to, "x.log")
    if to == "tsviz" and driftlab.read(path, **options).trace.columns.time_ns is None:
        pytest.skip("a format with times")
    done = convert(path, out, to, **options)
    return done, driftlab.read(out, format=to)


def messages_of(history: History) -> set[tuple[object, object]]:
    """Return the messages, and a receive that has none with None."""
    messages, place = history.messages, history.trace.place
    ends = list(zip(messages.extra_sends.tolist(), messages.extra_receives.tolist(), strict=True))
    ends += [(int(messages.source[row]), int(row)) for row in messages.receives]
    unmatched = np.flatnonzero(messages.source == UNMATCHED).tolist()
    return {(place(a), place(b)) for a, b in ends} | {(None, place(row)) for row in unmatched}


def events_of(trace: Trace, to: str) -> list[dict[str, Any]]:
    """Return what a format holds of each event."""
    of = trace.columns
    numbers = {"clock": of.clock, "stamp": of.stamp, "queue": of.queue, "time_ns": of.time_ns}
    texts = trace.texts.get("event", [""] * len(trace))
    return [
        {"place": trace.place(row)}
        | ({} if "event" not in trace.texts else {"event": (texts[row] or "").replace("\n", "\\n")})
        | ({} if to == "govector" else {"kind": KINDS[of.kind[row]]})
        | {
            key: int(column[row])
            for key, column in numbers.items()
            if column is not None and column[row] != MISSING
            if to != "govector" or key == "time_ns"
        }
        for row in range(len(trace))
    ]


@pytest.mark.parametrize("to", WRITABLE)
@pytest.mark.parametrize("kind", LOGS)
def test_events_and_messages_read_back_or_are_said_to_be_lost(
    tmp_path: Path, kind: str, to: str
) -> None:
    path, options = written(tmp_path, kind)
    before = driftlab.read(path, **options)
    done, after = converted(path, to, options)
    told, back = events_of(before.trace, to), events_of(after.trace, to)
    if "event" not in before.trace.texts:
        back = [{key: value for key, value in each.items() if key != "event"} for each in back]
    assert back == told
    lost = messages_of(before) - messages_of(after)
    said = "\n".join(done.lost)
    for send, _ in lost:
        assert ("no message that was found" if send is None else "read again") in said or (
            "received another one too" in said
        )
    for send, _ in messages_of(after) - messages_of(before):
        assert ("no message that was found" if send is None else "read again") in said
    if messages_of(after) == messages_of(before):
        assert "read again" not in said


@pytest.mark.parametrize("to", ["csv", "parquet", "json", "chrome"])
@pytest.mark.parametrize("kind", ["stamps alone", "order", "vectors", "kinds and vectors"])
def test_messages_that_were_matched_are_named_and_marked(
    tmp_path: Path, kind: str, to: str
) -> None:
    """Other tools see them; read back, they are matched again by what was assumed."""
    path, options = written(tmp_path, kind)
    before = driftlab.read(path, **options)
    done, after = converted(path, to, options)
    matched = {each for each in messages_of(before) if each[0] is not None}
    assert matched
    assert len(marked_messages(tmp_path, to)) == len(matched)
    assert done.assumed == before.assumed != []
    by_id = History(after.trace.replace(strategies=["id"]))
    assert not any(each[0] for each in messages_of(by_id))
    assert {each for each in messages_of(after) if each[0] is not None} == matched
    assert after.assumed == before.assumed
    judged = [history.check() for history in (before, after)]
    assert judged[0].counts == judged[1].counts  # nothing is judged that was not before
    assert judged[0].unknown_counts == judged[1].unknown_counts


def marked_messages(folder: Path, to: str) -> set[str]:
    """Return the names of messages in a converted log that are marked as assumed."""
    path = folder / OUT.get(to, "x.log")
    if to == "chrome":
        flows = [one for one in json.loads(path.read_text())["traceEvents"] if one["ph"] in "sf"]
        assert all(one["cat"] == "driftlab.assumed" for one in flows)
        begun, ended = ({one["id"] for one in flows if one["ph"] == phase} for phase in "sf")
        assert begun == ended
        return ended
    if to == "json":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = (pl.read_csv(path) if to == "csv" else pl.read_parquet(path)).to_dicts()
    marked = {row["received"] for row in rows if row.get("matched_by") is not None}
    assert marked <= {row.get("sent") for row in rows}
    return marked


@pytest.mark.parametrize("to", WRITABLE)
@pytest.mark.parametrize("kind", LOGS)
def test_a_verdict_is_the_same_or_something_was_lost(tmp_path: Path, kind: str, to: str) -> None:
    """No rule is broken by what was written that the log itself does not break."""
    path, options = written(tmp_path, kind)
    before = driftlab.read(path, **options).check()
    done, after = converted(path, to, options)
    broken = {rule for rule, count in after.check().counts.items() if count}
    said = "\n".join(done.lost)
    if not any(each in said for each in ("read again", "message's name", "another one too")):
        assert broken <= {rule for rule, count in before.counts.items() if count}


@pytest.mark.parametrize("to", HOLD_TEXTS)
def test_texts_are_kept(tmp_path: Path, to: str) -> None:
    path, options = written(tmp_path, "texts")
    done, after = converted(path, to, options)
    recorded = list(after.trace.texts["recorded"])
    said = "\n".join(done.lost)
    if to in ("shiviz", "tsviz"):
        assert recorded == [r'{"a":1} b\tc', "{} } 3"]
        assert "1 column that" in said
        assert "two words" in said
        assert "the line ends in 1 text, written as \\n" in said
        assert "the tabs in 1 text, written as \\t" in said
    else:
        assert recorded == ['{"a":1} b\tc', "{} } 3"]
        assert after.trace.texts["two words"][0] == "1"
        assert done.lost == []


def test_what_a_format_does_not_hold_is_counted(tmp_path: Path) -> None:
    path, options = written(tmp_path, "stamps")
    done, _ = converted(path, "govector", options)
    assert done.lost == [
        "1 receive names no message that was found; its arrow is missing, and vector clocks are "
        "computed as if nothing had been received",
        "5 columns that govector cannot hold: kind, lamport, stamp, sender, targets",
    ]


def test_more_of_what_is_lost(tmp_path: Path) -> None:
    for kind, to, line in (
        (
            "several messages",
            "chrome",
            "the arrow of 1 message into an event that received another",
        ),
        ("an id of nowhere", "chrome", "the message's name of 2 events: its other end"),
        ("wrong clocks", "csv", "1 clock that no event can have"),
        ("hybrid", "shiviz", "the hybrid timestamps; vector ones are computed"),
        ("vectors", "csv", "1 unread line"),
    ):
        (tmp_path / f"{kind} {to}").mkdir()
        path, options = written(tmp_path / f"{kind} {to}", kind)
        done, _ = converted(path, to, options)
        assert any(each.startswith(line) for each in done.lost), (kind, done.lost)


@pytest.mark.parametrize("to", [name for name in WRITABLE if name not in ("govector", "tsviz")])
@given(trace=executions(), has_only_vectors=st.booleans())
@settings(max_examples=15, deadline=None)
def test_any_run_reads_back_with_its_messages(
    to: str, trace: Trace, has_only_vectors: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not len(trace):
        return
    history = History(only_vectors(trace) if has_only_vectors else trace)
    ready = prepare(history, to)
    out = tmp_path_factory.mktemp("x") / OUT.get(to, "x.log")
    write_log([Execution("", ready.trace)], out, to)
    (back,) = read_log(out, format=to)
    if not any("another one too" in line for line in ready.lost):
        assert messages_of(History(back)) == messages_of(history)


def test_the_command_says_how_messages_were_matched_and_what_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = written(tmp_path, "order")
    out = tmp_path / "o.shiviz"
    assert main(["convert", str(path), str(out), "--to", "shiviz"]) == 0
    assumed = "2 receives matched by their order on the channel (--match)"
    lost = (
        "1 receive names no message that was found; its arrow is missing, and vector clocks are "
        "computed as if nothing had been received"
    )
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == [f"assumed    {assumed}", f"lost       {lost}"]
    assert main(["convert", str(path), str(out), "--to", "shiviz", "--json", "--overwrite"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["assumed"], document["lost"]) == ([assumed], [lost])
