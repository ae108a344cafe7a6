"""Spans of OpenTelemetry and Jaeger: who called whom, when, by whose clock."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

import driftlab
from driftlab.analysis.offsets import estimate_offsets
from driftlab.errors import DriftlabError
from driftlab.foreign import read_log
from driftlab.history.matching.match import match
from driftlab.history.trace import Trace

T = 1_700_000_000_000_000_000
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
Call = dict[str, Any]


def span(
    service: str, own: str, kind: str, begin: int, end: int, parent: str = "", **more: Any
) -> Call:
    return {"service": service, "own": own, "kind": kind, "begin": T + begin * 1000,
            "end": T + end * 1000, "parent": parent, **more}  # fmt: skip


def value(key: str, text: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": text}}


def otlp(spans: Sequence[Call]) -> dict[str, Any]:
    groups = []
    for one in spans:
        attributes = [value("service.name", one["service"])] if one["service"] else []
        attributes += [value(key, text) for key, text in one.get("resource", {}).items()]
        held = {
            "traceId": "AB" * 16, "spanId": one["own"], "name": "work", "kind": KINDS[one["kind"]],
            "parentSpanId": one["parent"], "startTimeUnixNano": str(one["begin"]),
            "endTimeUnixNano": str(one["end"]), "status": {"code": 2} if one.get("failed") else {},
            "links": [{"traceId": "ab" * 16, "spanId": to} for to in one.get("links", [])],
            "attributes": [value(key, text) for key, text in one.get("keys", {}).items()],
            "events": [{"timeUnixNano": one["begin"] + 1, "name": "noted"}]
            if "note" in one else [],
        }  # fmt: skip
        groups.append({"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [held]}]})
    return {"resourceSpans": groups}


def jaeger(spans: Sequence[Call]) -> dict[str, Any]:
    held = [
        {
            "traceID": "ab" * 16, "spanID": one["own"], "operationName": "work",
            "references": [{"refType": "CHILD_OF", "traceID": "ab" * 16, "spanID": one["parent"]}]
            if one["parent"] else [],
            "startTime": one["begin"] // 1000, "duration": (one["end"] - one["begin"]) // 1000,
            "tags": [{"key": "span.kind", "value": one["kind"]}],
            "processID": one["service"],
        }
        for one in spans
    ]  # fmt: skip
    processes = {one["service"]: {"serviceName": one["service"]} for one in spans}
    return {"data": [{"traceID": "ab" * 16, "spans": held, "processes": processes}]}


WRITERS = {"otlp": otlp, "jaeger": jaeger}
CALL = [
    span("front", "a1", "server", 0, 100),
    span("front", "a2", "client", 10, 90, "a1"),
    span("cart", "b1", "server", 30, 70, "a2"),
]


def read(path: Path, content: object, **options: object) -> Trace:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    (trace,) = read_log(path, **options)
    return trace


def messages(trace: Trace) -> list[tuple[tuple[str, int], tuple[str, int]]]:
    found = match(trace)
    return sorted(
        (trace.place(int(found.source[row])), trace.place(row)) for row in found.receives.tolist()
    )


@pytest.mark.parametrize("format", WRITERS)
def test_a_call_is_a_message_there_and_one_back(tmp_path: Path, format: str) -> None:
    trace = read(tmp_path / "x.json", WRITERS[format](CALL))
    assert (trace.names, len(trace), trace.unread) == (["front", "cart"], 6, [])
    assert messages(trace) == [
        (("cart", 1), ("front", 2)),  # the reply, before the outer span ends
        (("front", 1), ("cart", 0)),
    ]
    times = trace.columns.time_ns
    assert times is not None
    assert (times - T).tolist() == [0, 10_000, 90_000, 100_000, 30_000, 70_000]
    assert driftlab.read(tmp_path / "x.json").check().holds


@pytest.mark.parametrize("format", WRITERS)
def test_calls_at_the_same_time_break_no_rule(tmp_path: Path, format: str) -> None:
    spans = [
        span("a", "a1", "client", 0, 90), span("a", "a2", "client", 1, 80),
        span("b", "b1", "server", 30, 40, "a1"), span("b", "b2", "server", 20, 39, "a2"),
    ]  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps(WRITERS[format](spans)))
    verdict = driftlab.read(tmp_path / "x.json").check()
    assert verdict.holds
    assert "fifo" not in verdict.counts


def test_only_a_call_is_answered(tmp_path: Path) -> None:
    for kind, other, failed in (("producer", "consumer", False), ("client", "server", True)):
        spans = [span("a", "a1", kind, 0, 20, failed=failed), span("b", "b1", other, 30, 40, "a1")]
        trace = read(tmp_path / "x.json", otlp(spans))
        assert messages(trace) == [(("a", 0), ("b", 0))]
    inside = [span("a", "a1", "client", 0, 20), span("a", "a2", "server", 5, 9, "a1")]
    assert messages(read(tmp_path / "y.json", otlp(inside))) == []


def test_links_are_messages_and_a_second_one_is_told(tmp_path: Path) -> None:
    spans = [span("a", "a1", "producer", 0, 5), span("b", "b1", "producer", 1, 5),
             span("c", "c1", "consumer", 9, 12, "", links=["a1", "b1", "ff"])]  # fmt: skip
    trace = read(tmp_path / "x.json", otlp(spans))
    assert messages(trace) == [(("a", 0), ("c", 0))]
    assert "a second message into one event, from b" in trace.unread[0].reason


def test_instances_and_threads_are_processes(tmp_path: Path) -> None:
    spans = [span("a", "a1", "client", 0, 9, resource={"service.instance.id": "i1"}),
             span("a", "a2", "server", 2, 5, "a1", resource={"service.instance.id": "i2"}),
             span("b", "b1", "internal", 3, 4, "a2", keys={"thread.id": "7"}),
             span("b", "b2", "internal", 3, 4, "b1", keys={"thread.id": "8"}),
             span("c", "c1", "internal", 3, 4, note=1)]  # fmt: skip
    trace = read(tmp_path / "x.json", otlp(spans))
    assert sorted(trace.names) == ["a i1", "a i2", "b thread 7", "b thread 8", "c"]
    assert len(messages(trace)) == 4
    assert trace.texts["event"][-2:] == ["work begins", "noted"] or len(trace) == 11
    chosen = read(tmp_path / "x.json", otlp(spans[:2]), fields={"host": "service.instance.id"})
    assert chosen.names == ["i1", "i2"]
    with pytest.raises(DriftlabError, match=r"no resource has the attribute rack.*service\.name"):
        read(tmp_path / "x.json", otlp(spans), fields={"host": "rack"})


def test_what_is_no_span_is_counted(tmp_path: Path) -> None:
    bad = [span("a", "", "client", 0, 9), span("", "a2", "client", 0, 9),
           span("a", "a3", "client", 9, 0), span("a", "a1", "client", 0, 9)]  # fmt: skip
    document = otlp([*CALL, *bad])
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].append(7)
    trace = read(tmp_path / "x.json", document)
    assert len(trace) == 6
    assert sorted(each.reason for each in trace.unread) == [
        "a span ends before it begins", "a span has no spanId",
        "a span is of no service: its resource has no service.name",
        "is a second span a1, which line 1 has too", "is not a span",
    ]  # fmt: skip
    no_time = json.dumps(otlp(CALL[:1])).replace(str(T), "x")
    with pytest.raises(DriftlabError, match="a span has no startTimeUnixNano"):
        read(tmp_path / "y.json", no_time)


def test_documents_a_line_and_files_a_service_are_one_log(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    text = "".join(json.dumps(otlp([one])) + "\n" for one in CALL)
    whole = read(tmp_path / "x.json", text)
    (folder / "cart.json").write_text(json.dumps(otlp(CALL[2:])))
    (folder / "front.json").write_text(json.dumps(otlp(CALL[:1]), indent=1))
    (folder / "front2.json").write_text(json.dumps(otlp(CALL[1:2])))
    (split,) = read_log(folder)
    assert len(messages(whole)) == len(messages(split)) == 2
    damaged = read(tmp_path / "y.json", text.replace('"work"', '"wo', 1))
    assert (len(damaged), len(damaged.unread)) == (4, 1)


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("share", [0.4, 0.6, 0.8, 0.97])
def test_spans_before_a_cut_count(tmp_path: Path, format: str, share: float) -> None:
    spans = [span("a", f"a{at:03}", "client", at, at + 3) for at in range(1, 50)]
    text = json.dumps(WRITERS[format](spans))
    cut = text[: int(len(text) * share)]
    if format == "jaeger" and '"processes"' not in cut:
        with pytest.raises(DriftlabError, match="of no service"):
            read(tmp_path / "x.json", cut)
        return
    trace = read(tmp_path / "x.json", cut)
    assert len(trace) >= 2 * int(49 * share * 0.9)
    assert trace.unread


@pytest.mark.parametrize("format", WRITERS)
def test_clocks_that_are_off_are_found_by_their_messages(tmp_path: Path, format: str) -> None:
    draw = Random(3)
    off = {"a": 0, "b": 5_000, "c": -9_000}  # microseconds
    spans = []
    for at in range(300):
        begin = at * 20_000 + draw.randrange(5_000)
        callee = "bc"[at % 2]
        took = draw.randrange(200, 900)
        arrives, leaves = begin + draw.randrange(50, 400), begin + 1_500 + took
        spans += [
            span("a", f"a{at:05}", "client", begin, leaves + draw.randrange(50, 400)),
            span(callee, f"b{at:05}", "server", arrives + off[callee], leaves + off[callee],
                 f"a{at:05}"),
        ]  # fmt: skip
    trace = read(tmp_path / "x.json", WRITERS[format](spans))
    found = {one.name: one.offset_ns for one in estimate_offsets(trace, match(trace)).machines}
    for name, micros in off.items():
        low, high = found[name].low, found[name].high
        assert low is not None
        assert high is not None
        assert low <= micros * 1000 <= high
        assert high - low < 2_000_000
