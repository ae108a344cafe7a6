"""Records as widespread loggers write them: times, processes, texts and names of messages."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import driftlab

NS = 10**9
BASE = 1_700_000_000
EVENTS = (
    ("a", "asks", {"a": 1}),
    ("b", "hears", {"a": 1, "b": 1}),
    ("b", "tells", {"a": 1, "b": 2}),
)


def logged(folder: Path, records: Sequence[Mapping[str, Any]]) -> driftlab.History:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return driftlab.read(path)


# Of each logger how it writes the process, the text, the clock and the time of an event.
LOGGERS: dict[str, Any] = {
    "Log4j": lambda host, text, vc, at: {
        "instant": {"epochSecond": BASE + at, "nanoOfSecond": at}, "thread": "main",
        "level": "INFO", "message": text, "contextMap": {"node": host, "vc": json.dumps(vc)},
    },
    "Bunyan": lambda host, text, vc, at: {
        "name": "app", "hostname": host, "pid": 1, "level": 30, "msg": text, "vc": vc,
        "time": f"2023-11-14T22:13:{20 + at}.00000000{at}Z",
    },
    "Cloud Logging": lambda host, text, vc, at: {
        "timestamp": {"seconds": BASE + at, "nanos": at}, "message": text, "node": host,
        "vc": vc,
    },
    "MongoDB": lambda host, text, vc, at: {
        "t": {"$date": f"2023-11-14T22:13:{20 + at}.00000000{at}+00:00"}, "msg": text,
        "attr": {"node": host, "vc": vc},
    },
    "ECS": lambda host, text, vc, at: {
        "@timestamp": f"2023-11-14T22:13:{20 + at}.00000000{at}Z", "message": text,
        "service": {"name": host}, "log": {"level": "INFO"}, "labels": {"vc": vc},
    },
    "tracing of Rust": lambda host, text, vc, at: {
        "timestamp": f"2023-11-14T22:13:{20 + at}.00000000{at}Z", "target": "app::net",
        "fields": {"message": text, "node": host, "vc": json.dumps(vc)},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LOGGERS)
def test_records_of_loggers_are_read_without_a_word(name: str, tmp_path: Path) -> None:
    write = LOGGERS[name]
    history = logged(tmp_path, [write(*event, at) for at, event in enumerate(EVENTS)])
    trace = history.trace
    assert sorted(trace.names) == ["a", "b"]
    assert trace.columns.time_ns is not None
    assert trace.columns.time_ns.tolist() == [(BASE + at) * NS + at for at in range(3)]
    assert list(trace.texts["event"]) == [text for _, text, _ in EVENTS]
    assert trace.columns.target is None
    assert history.check().holds
    wrong = [write(*event, at) for at, event in enumerate((*EVENTS[:2], ("b", "tells", {"b": 2})))]
    assert logged(tmp_path, wrong).check().counts["vector-back"] == 1


@pytest.mark.parametrize(("unit", "parts"), [("s", 1), ("ms", 1_000), ("us", 1_000_000)])
@pytest.mark.parametrize("as_text", [False, True])
def test_numbers_of_this_century_count_what_their_size_says(
    unit: str, parts: int, as_text: bool, tmp_path: Path
) -> None:
    times = [(BASE + at) * parts for at in range(3)]
    records = [
        {"node": host, "vc": vc, "time": str(time) if as_text else time}
        for (host, _, vc), time in zip(EVENTS, times, strict=True)
    ]
    trace = logged(tmp_path, records).trace
    assert trace.columns.time_ns is not None
    assert trace.columns.time_ns.tolist() == [(BASE + at) * NS for at in range(3)]
    assert any("since 1970, as their size shows (--time-unit)" in line for line in trace.assumed)
    by_hand = driftlab.read(tmp_path / "log.jsonl", time_unit="ns").trace
    assert by_hand.columns.time_ns is not None
    assert by_hand.columns.time_ns.tolist() == times
    assert not any("since 1970" in line for line in by_hand.assumed)


def test_small_numbers_stay_nanoseconds(tmp_path: Path) -> None:
    records = [{"node": host, "vc": vc, "time": at} for at, (host, _, vc) in enumerate(EVENTS)]
    trace = logged(tmp_path, records).trace
    assert trace.columns.time_ns is not None
    assert trace.columns.time_ns.tolist() == [0, 1, 2]


def broadcasts(folder: Path, column: str, *, peers: int = 10) -> Path:
    """Two messages, each from one process to all others: few values that come again and again."""
    names = [f"p{place}" for place in range(peers)]
    rows = [f"process,kind,lamport,{column}"]
    for number, sender in enumerate(names[:2]):
        rows.append(f"{sender},send,{2 * number + 1},m{number}")
        rows += [f"{name},receive,{2 * number + 2},m{number}" for name in names if name != sender]
    path = folder / "log.csv"
    path.write_text("\n".join([*rows, ""]))
    return path


@pytest.mark.parametrize("column", ["message", "msg"])
def test_few_values_that_stand_at_one_send_and_at_receives_are_names(
    column: str, tmp_path: Path
) -> None:
    path = broadcasts(tmp_path, column)
    (run,) = driftlab.preview(path).runs
    assert (run.receives, run.matched, dict(run.matched_by)) == (18, 18, {"id": 18})
    assert {each.name: each.meaning for each in run.columns}[column] == "the message's name"
    assert any(line.startswith(f"{column} names messages: ") for line in run.assumed)
    assert driftlab.read(path).check().holds
    twice = path.read_text() + "p3,receive,5,m1\n"
    path.write_text(twice)
    assert driftlab.read(path).check().counts["delivered-twice"] == 1


@pytest.mark.parametrize("key", ["msg", "message"])
def test_names_in_a_key_of_texts_are_known_by_where_they_stand(key: str, tmp_path: Path) -> None:
    records = [
        {"node": "a", "kind": "send", "lamport": 1, key: 17},
        {"node": "b", "kind": "receive", "lamport": 2, key: 17},
        {"node": "b", "kind": "internal", "lamport": 3},
    ]
    history = logged(tmp_path, records)
    assert history.check().messages == 1
    assert history.messages.source.tolist().count(0) == 1
    late = [{**records[0], "lamport": 5}, *records[1:]]
    assert logged(tmp_path, late).check().counts["clock-condition"] == 1
    texts = [{**record, key: f"tick {at}"} for at, record in enumerate(records)]
    trace = logged(tmp_path, texts).trace
    assert list(trace.texts["event"]) == ["tick 0", "tick 1", "tick 2"]


def test_a_word_of_one_process_alone_is_no_name_of_a_message(tmp_path: Path) -> None:
    records = [{"node": host, "vc": vc, "message": text} for host, text, vc in EVENTS]
    trace = logged(tmp_path, records).trace
    assert list(trace.texts["event"]) == [text for _, text, _ in EVENTS]


def test_a_target_that_names_a_process_is_who_was_sent_to(tmp_path: Path) -> None:
    records = [{"node": host, "vc": vc, "target": "b"} for host, _, vc in EVENTS]
    assert logged(tmp_path, records).trace.columns.target is not None


@pytest.mark.parametrize("text", ["MESSAGE", "msg", "message"])
def test_a_text_beside_the_names_of_messages_does_not_hide_them(text: str, tmp_path: Path) -> None:
    kinds = (("a", "send", 1), ("b", "receive", 2))
    records = [
        {"node": host, "kind": kind, "lamport": at, text: f"{kind}s m1", "msg_id": "m1"}
        for host, kind, at in kinds
    ]
    history = logged(tmp_path, records)
    assert 0 in history.messages.source.tolist()
    assert list(history.trace.texts["event"]) == ["sends m1", "receives m1"]
    begins = {"node": "b", "kind": "internal", "lamport": 1}
    wrong = [begins, {**records[0], "lamport": 2}, records[1]]
    assert logged(tmp_path, wrong).check().counts["clock-condition"] == 1


def test_an_instant_in_two_keys_is_one_time(tmp_path: Path) -> None:
    """As Google's cloud writes it."""
    path = tmp_path / "log.jsonl"
    lines = [
        {"timestampSeconds": 1767261600, "timestampNanos": nanos, "node": "a", "event": "x"}
        for nanos in (5, 100_000_000)
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    times = driftlab.read(path).events["time_ns"].to_list()
    assert times == [1_767_261_600_000_000_005, 1_767_261_600_100_000_000]
    path.write_text("".join(json.dumps({**each, "time": "2026-01-01T10:00:00Z"}) + "\n"
                            for each in lines))  # fmt: skip
    assert driftlab.read(path).events["time_ns"].to_list() == [1_767_261_600 * 10**9] * 2


def test_loguru_has_its_time_and_its_message_inside_of_the_record(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [
        {
            "text": f"line {message}\n",
            "record": {
                "elapsed": {"repr": "0:00:01", "seconds": 1.0},
                "extra": {"node": node, "lamport": clock, "kind": kind, "to": to},
                "message": message,
                "time": {"repr": "2026-01-01 10:00:00", "timestamp": 1767261600.5 + clock},
            },
        }
        for node, clock, kind, to, message in [
            ("a", 1, "send", "b", "asks"), ("b", 2, "receive", None, "hears"),
        ]
    ]  # fmt: skip
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    history = driftlab.read(path)
    assert history.events["time_ns"].to_list() == [
        1_767_261_601_500_000_000,
        1_767_261_602_500_000_000,
    ]
    verdict = history.check()
    assert verdict.verdict == "holds"
    assert not verdict.unknown  # `message` names none
