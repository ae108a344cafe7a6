"""Logs of JSON: lines, arrays and documents, nested keys, and what is no record."""

import gzip
import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

import driftlab
from driftlab.api.history import History
from driftlab.errors import DriftlabError
from driftlab.foreign import read_log
from driftlab.foreign.registry import write_log
from driftlab.foreign.trace_builder import Execution
from driftlab.history.trace import Trace

SEND = {"host": "n0", "event": "asks", "kind": "send", "message": "m1", "vc": {"n0": 1}}
RECEIVE = {"host": "n1", "event": "hears", "kind": "receive", "message": "m1",
           "vc": {"n0": 1, "n1": 1}}  # fmt: skip
WRONG = RECEIVE | {"vc": {"n1": 1}}


def read(path: Path, text: str | bytes, **options: object) -> Trace:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    (trace,) = read_log(path, **options)
    return trace


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def reasons(trace: Trace) -> list[tuple[int, str]]:
    return [(each.line, each.reason) for each in trace.unread]


FORMS = {
    "lines": lines(SEND, RECEIVE),
    "lines without blanks": lines(SEND, RECEIVE).replace(" ", ""),
    "an array": json.dumps([SEND, RECEIVE]),
    "an array over lines": json.dumps([SEND, RECEIVE], indent=2),
    "an object with an array": json.dumps({"run": 7, "type": "run", "events": [SEND, RECEIVE]}),
    "an array further in": json.dumps({"run": {"of": {"events": [SEND, RECEIVE]}}}, indent=1),
    "an array and numbers": json.dumps({"rates": [1, 2], "events": [SEND, RECEIVE], "end": {}}),
    "objects over lines": json.dumps(SEND, indent=2) + "\n" + json.dumps(RECEIVE, indent=2),
    "with a mark and CRLF": "\ufeff" + lines(SEND, RECEIVE).replace("\n", "\r\n"),
    "blank lines": "\n\n" + lines(SEND) + "  \n" + lines(RECEIVE),
}


@pytest.mark.parametrize("form", FORMS)
def test_events_are_read_and_judged_in_any_form(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(FORMS[form])
    history = driftlab.read(path)
    assert (len(history), history.names, history.trace.unread) == (2, ["n0", "n1"], [])
    assert history.check().holds
    assert list(history.trace.texts["event"]) == ["asks", "hears"]


def test_a_receive_that_does_not_know_its_send_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(lines(SEND, WRONG))
    assert driftlab.read(path).check().counts["vector-merge"] == 1


def test_a_path_of_keys_names_a_field(tmp_path: Path) -> None:
    records = [{"meta": {"node": "a", "n": [5]}, "vc": {"map": {"a": 1}, "type": "v"}},
               {"meta": {"node": "a"}, "vc": {"type": "v"}},
               {"meta": {"node": "b"}, "vc": {"map": {"a": 1, "b": 1}}}]  # fmt: skip
    wanted = {"clock": "vc.map", "host": "meta.node"}
    trace = read(tmp_path / "x.jsonl", lines(*records), fields=wanted)
    assert trace.names == ["a", "b"]
    assert trace.timestamp_texts() == ["1.0", None, "1.1"]  # absent there
    with pytest.raises(DriftlabError, match=r"vc\.mop.*meta\.node.*vc\.map"):
        read(tmp_path / "x.jsonl", lines(*records), fields={"clock": "vc.mop"})
    dotted = read(tmp_path / "y.jsonl", '{"host":"a","v.c":{"a":3}}', fields={"clock": "v.c"})
    assert dotted.timestamp_texts() == ["3"]
    assert read(
        tmp_path / "z.jsonl", lines(*records[:1]), fields={"clock": "meta.n.0", "host": "vc.type"}
    ).names == ["v"]


def test_a_nested_key_is_a_field_where_it_is_the_only_one_of_its_meaning(tmp_path: Path) -> None:
    one = {"meta": {"node": "a"}, "data": {"lamport": 3, "colour": "red"}}
    trace = read(tmp_path / "x.jsonl", lines(one))
    assert (trace.names, trace.columns.clock is not None) == (["a"], True)
    assert json.loads(trace.texts["data"][0] or "")["colour"] == "red"
    with pytest.raises(DriftlabError, match=r"no key named host.*a\.node, b, b\.node"):
        read(tmp_path / "y.jsonl", lines({"a": {"node": "x"}, "b": {"node": "y"}, "lamport": 1}))
    outside = {"host": "b", "meta": {"node": "a"}, "clock": {"host": 4, "b": 1}}
    assert read(tmp_path / "z.jsonl", lines(outside)).names[0] == "b"


def test_a_process_may_have_a_file_or_a_document_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("n1", "n2"):
        (folder / f"{name}.jsonl").write_text('{"lamport":1}\n')
    (trace,) = read_log(folder)
    assert trace.names == ["n1", "n2"]
    with pytest.raises(DriftlabError, match="no key named host"):
        read_log(folder / "n1.jsonl")
    around = json.dumps({"process": "P", "events": [{"lamport": 1}, {"lamport": 2}]})
    assert read(tmp_path / "p.json", around).names == ["P"]


DEEP = '{"host":"a","x":' + "[" * 5000 + "]" * 5000 + "}"
BAD = [
    ("nope", "is not JSON: Expecting value"),
    ("[1]", "is not a JSON object: [1]"),
    ("17", "is not a JSON object: 17"),
    ('{"host":"a","host":"b"}', "names the key host twice"),
    ('{"host" :"a", "host":"b"}', "names the key host twice"),
    ('{"host":"a","x":{"y":1,"y":2}}', "names the key y twice"),
    ('{"host":"a","x":[{"y":1,"y":2}]}', "names the key y twice"),
    ('{"host":"a","lamport":Infinity}', "is not a whole number of 64 bits"),
    ('{"host":"a","clock":-Infinity}', "is neither a whole number nor an object"),
    ('{"clock":{"a":3}}', "names no process"),
    (DEEP, "is nested too deep"),
    ('{"host":"a","x":' + "9" * 5000 + "}", "too many digits"),
    ('{"host":"a"} {"host":"a"}', "is not one JSON object"),
    ('{"host":"a","clock":{"a":3}', "it breaks off"),
    ('{"host":"a","event":"x', "it breaks off"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_line_that_is_no_record_is_counted_with_its_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    good = [{"host": "a", "clock": {"a": 1}}, {"host": "a", "clock": {"a": 2}}]
    for text in (
        f"{lines(good[0])}{line}\n{lines(good[1])}", f"{lines(*good)}{line}",
        f"{lines(*good[:1])}\r\n{line}\r\n{lines(*good[1:])}",
    ):  # fmt: skip
        trace = read(tmp_path / "x.jsonl", text, format="json")
        assert len(trace) == 2
        ((at, why),) = reasons(trace)
        assert reason in why
        assert text.replace("\r\n", "\n").split("\n")[at - 1] == line


@pytest.mark.parametrize(
    "line",
    [
        '{"host":"a","clock":{"a":36893488147419103232}}',
        '{"host":"a","clock":{"a":NaN}}',
        '{"host":"a","clock":{"a":true}}',
        '{"host":"a","clock":{"a":-1}}',
        '{"host":"a","clock":{"a":1.5}}',
    ],
)
def test_a_clock_that_no_event_can_have_is_an_event_and_a_violation(
    tmp_path: Path, line: str
) -> None:
    good = [{"host": "a", "clock": {"a": 1}}, {"host": "a", "clock": {"a": 3}}]
    trace = read(tmp_path / "x.jsonl", f"{lines(good[0])}{line}\n{lines(good[1])}", format="json")
    assert (len(trace), trace.unread) == (3, [])
    assert trace.invalid_clocks.rows.tolist() == [1]
    assert History(trace).check().counts["clock-entry"] == 1


def test_what_no_number_can_be_is_kept_as_text(tmp_path: Path) -> None:
    trace = read(tmp_path / "x.jsonl", '{"host":"a","clock":{"a":1},"x":NaN,"y":[1,{"z":2.50}]}')
    assert [list(trace.texts[key]) for key in ("x", "y")] == [["NaN"], ['[1, {"z": "2.50"}]']]
    half = '{"host":"a\\ud800","clock":{"a\\ud800":1},"event":"\\udfff","\\ud800":1}\n'
    assert read(tmp_path / "y.jsonl", half).texts["event"] == ["\\udfff"]
    (trace,) = read_log(_bytes(tmp_path, lines(SEND).encode() + b'{"host":"a\xff"}\n'))
    assert reasons(trace)[0][1].startswith("byte 0xFF is not UTF-8")


def _bytes(folder: Path, content: bytes) -> Path:
    (folder / "bytes.jsonl").write_bytes(content)
    return folder / "bytes.jsonl"


@pytest.mark.parametrize("cut", range(1, 160, 7))
def test_what_stands_before_the_cut_of_an_array_counts(tmp_path: Path, cut: int) -> None:
    events = [{"host": "a", "clock": {"a": number}} for number in range(1, 6)]
    for text in (json.dumps(events), json.dumps({"events": events})):
        part = text[:-cut]
        whole = part.count("}}")
        if not whole:
            continue
        trace = read(tmp_path / "x.json", part, format="json")
        assert (len(trace), len(trace.unread)) == (whole, 1)


def test_one_wrong_element_costs_no_other(tmp_path: Path) -> None:
    text = (
        '[{"host":"a","lamport":1},\n7,\n{"host":"a","host":"b"},\n{"host":"a","lamport":2}]\nrest'
    )
    trace = read(tmp_path / "x.json", text)
    assert len(trace) == 2
    assert [line for line, _ in reasons(trace)] == [2, 3, 5]
    two = '{"events":[{"host":"a","lamport":1}],"others":[{"host":"b"}]}'
    assert "second array" in reasons(read(tmp_path / "y.json", two))[0][1]


@pytest.mark.parametrize(
    "begin", ['{"host":"a","x":"', '[{"host":"a","lamport":1},{"host":"a","x":"',
              '[{"host":"a","lamport":1},"', '{"events":[{"host":"a","lamport":1},{"x":["'],
)  # fmt: skip
def test_an_endless_line_is_not_held(tmp_path: Path, begin: str) -> None:
    path = tmp_path / "x.json.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(begin.encode())
        for _ in range(64):
            file.write(b"a" * (1 << 20))
    if "lamport" in begin:
        (trace,) = read_log(path)
        assert (len(trace), len(trace.unread)) == (1, 1)
    else:
        with pytest.raises(DriftlabError, match="a line of 67,108,8"):
            read_log(path)


def test_json_that_is_no_log_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ('{"name": "x", "version": 3}', '[{"a": 1}]', "[1, 2, 3]"):
        path.write_text(text)
        with pytest.raises(DriftlabError, match="which format is this"):
            read_log(path)


def test_records_with_other_keys_are_one_log(tmp_path: Path) -> None:
    """Keys of one meaning are one field where no record has two of them."""
    draw = Random(5)
    records = []
    for number in range(1, 6000):
        key = draw.choice(["vc", "clock", "Vector Clock"])
        records.append({"host": "a", key: {"a": number}, draw.choice("xyz"): number})
    trace = read(tmp_path / "x.jsonl", lines(*records))
    assert trace.timestamp_texts() == [str(number) for number in range(1, 6000)]
    for row, text in enumerate(trace.texts["x"]):
        assert text == (str(row + 1) if "x" in records[row] else None)
        assert trace.texts["x"][row] == text


def test_msg_is_the_text_of_an_event(tmp_path: Path) -> None:
    said = lines({"host": "a", "lamport": 1, "msg": "starts up"})
    assert list(read(tmp_path / "x.jsonl", said).texts["event"]) == ["starts up"]
    said = lines({"host": "a", "lamport": 1, "message": "starts up"})
    trace = read(tmp_path / "y.jsonl", said)
    assert (list(trace.texts["event"]), trace.columns.sent) == (["starts up"], None)


def test_json_is_written_and_reads_back(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=20, seed=4)
    run = driftlab.simulate(scenario, record="all")
    assert isinstance(run, driftlab.Run)
    history = run.history
    path = tmp_path / "x.jsonl"
    write_log([Execution("", history.trace)], path, "json")
    again = driftlab.read(path)
    assert (len(again), again.names) == (len(history), history.names)
    assert again.check().holds
    one, other = history.trace.columns, again.trace.columns
    for name in ("kind", "clock", "sender", "stamp", "queue", "time_ns"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
