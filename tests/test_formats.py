"""Logs as programs write them: the forms of each format, and logs of other solutions."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import driftlab
from driftlab.foreign import read_executions, read_log, write_log
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import KINDS, MISSING
from tests.executions import edges_of, told_of, values

CLOCK_FIRST = """\
alpha {"alpha":1}
starts
beta {"beta":1}
starts
alpha {"alpha":2}
asks
beta {"alpha":2, "beta":2}
is asked
"""
ASKED = {(("alpha", 1), ("beta", 1))}


def put(folder: Path, text: str, name: str = "x.log") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read_one(path: Path, **options: object) -> Trace:
    (trace,) = read_log(path, **options)
    return trace


def kinds(trace: Trace) -> list[str]:
    return [KINDS[kind] for kind in trace.columns.kind.tolist()]


def lines(trace: Trace) -> list[int]:
    return values(trace, "line")


@pytest.mark.parametrize("group", ["?<", "?P<"])
def test_the_header_says_how_a_shiviz_log_is_read(tmp_path: Path, group: str) -> None:
    header = rf"({group}host>\S*) ({group}clock>{{.*}})\n({group}event>.*)" + "\n\n\n"
    trace = read_one(put(tmp_path, header + CLOCK_FIRST))
    assert list(trace.names) == ["alpha", "beta"]
    assert trace.texts["event"] == ["starts", "asks", "starts", "is asked"]
    assert lines(trace) == [4, 8, 6, 10]
    assert edges_of(trace) == ASKED
    assert trace.unread == []


def test_a_log_without_a_header_is_read_as_the_libraries_write_it(tmp_path: Path) -> None:
    pairs = CLOCK_FIRST.splitlines()
    turned = "".join(f"{b}\n{a}\n" for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    on_one_line = "".join(f"{a} {b}\n" for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    for text in (CLOCK_FIRST, turned, on_one_line):
        trace = read_one(put(tmp_path, text), format="shiviz")
        assert edges_of(trace) == ASKED
        assert trace.texts["event"] == ["starts", "asks", "starts", "is asked"]
        assert trace.unread == []


def test_a_delimiter_separates_executions_and_labels_them(tmp_path: Path) -> None:
    header = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)" + "\n^-- (?<trace>\\w+) --$\n\n"
    log = f"-- first --\n{CLOCK_FIRST}-- second --\n{CLOCK_FIRST[:20]}once\n"
    path = put(tmp_path, header + log)
    one, other = read_executions(path)
    assert (one.label, len(one.trace)) == ("first", 4)
    assert (other.label, len(other.trace)) == ("second", 1)
    assert lines(one.trace)[0] == 5
    assert lines(other.trace) == [14]
    for chosen in ("second", "2"):
        assert len(driftlab.read(path, execution=chosen)) == 1
    with pytest.raises(driftlab.DriftlabError, match="no execution third; it has first, second"):
        read_log(path, execution="third")


def test_clocks_with_escapes_are_read(tmp_path: Path) -> None:
    """As model checkers print them: JSON within a string."""
    log = "".join(
        f'State {n}: <Step of {host}>\n/\\ Host = {host}\n/\\ Clock = "{clock}"\n/\\ x = 1\n\n'
        for n, host, clock in (
            (2, "n1", r"{\"n1\":1,\"n2\":0}"),
            (3, "n2", r"{\"n1\":1,\"n2\":1}"),
        )
    )
    pattern = (
        r'^State \d+: <(?<event>.*)>\n/\\ Host = (?<host>.*)\n/\\ Clock = "(?<clock>.*)"\n'
        r"/\\ x = (?<x>.*)"
    )
    trace = read_one(put(tmp_path, "Starting…\n" + log), pattern=pattern)
    assert edges_of(trace) == {(("n1", 0), ("n2", 0))}
    assert trace.texts["x"] == ["1", "1"]
    assert [(one.line, one.reason) for one in trace.unread] == [(1, "matches nothing: Starting…")]


@pytest.mark.parametrize(
    ("unit", "factor"), [("ns", 1), ("us", 10**3), ("ms", 10**6), ("s", 10**9)]
)
def test_tsviz_logs_have_times_of_a_unit(tmp_path: Path, unit: str, factor: int) -> None:
    log = '17 works\nthread4 {"thread4":58}\n20 rests\nthread4 {"thread4":59}\n'
    trace = read_one(put(tmp_path, log), time_unit=unit)
    assert values(trace, "time_ns") == [17 * factor, 20 * factor]
    assert trace.texts["event"] == ["works", "rests"]


def test_govector_logs_are_a_file_a_process(tmp_path: Path) -> None:
    put(tmp_path, 'A {"A":1}\nInitialization Complete\nA {"A":2}\nINFO-sends\n', "a-Log.txt")
    log = '7 B {"B":1}\nInitialization Complete\n9 B {"A":2, "B":2}\n[WARNING] gets - it\n'
    put(tmp_path, log, "b-Log.txt")
    put(tmp_path, "package main\n", "main.go")
    trace = read_one(tmp_path)
    assert edges_of(trace) == {(("A", 1), ("B", 1))}
    assert trace.texts["event"] == [
        "Initialization Complete", "sends", "Initialization Complete", "gets - it",
    ]  # fmt: skip
    assert trace.texts["priority"] == [None, "INFO", None, "WARNING"]
    assert values(trace, "time_ns") == [MISSING, MISSING, 7, 9]
    assert trace.source_of(3) == (str(tmp_path / "b-Log.txt"), 3)


def test_govector_files_that_were_appended_to_hold_several_executions(tmp_path: Path) -> None:
    def execution(name: str, stamp: str, clocks: int) -> str:
        mark = f" \n=== Execution #{stamp}  ===\n"
        return mark + "".join(f'{name} {{"{name}":{n}}}\nstep\n' for n in range(1, clocks + 1))

    for name, clocks in (("A", 2), ("B", 1)):
        log = execution(name, "Mon Jan  2 15:04:05 UTC 2006", clocks)
        log += execution(name, "Tue Jan  3 15:04:05 UTC 2006", 3)
        put(tmp_path, log, f"{name}-Log.txt")
    first, second = read_executions(tmp_path)
    assert first.label == "Mon Jan  2 15:04:05 UTC 2006"
    assert (len(first.trace), len(second.trace)) == (3, 6)
    assert first.trace.unread == []


def govector_folder(folder: Path, **labels: str) -> Path:
    """Write a file a process, with executions of these labels, each with one event (`-`: none).

    Without a label (`.`) an event stands before the first delimiter.
    """
    for name, each in labels.items():
        log = ""
        for number, word in enumerate(each.split("|"), 1):
            label = word.removesuffix("-")
            log += "" if label == "." else f" \n=== Execution #{label}  ===\n"
            log += "" if word.endswith("-") else f'{name} {{"{name}":{number}}}\n{label}\n'
        put(folder, log, f"{name}-Log.txt")
    return folder


def executions_of(path: Path, **options: Any) -> list[tuple[str, dict[str, list[str | None]]]]:
    """Return each execution's label, and the texts of its events by process."""
    return [
        (
            each.label,
            {name: list(each.trace.texts["event"][begin:end]) for name, begin, end in zip(
                each.trace.names, each.trace.starts.tolist(), each.trace.starts.tolist()[1:],
                strict=False,
            )},
        )
        for each in read_executions(path, **options)
    ]  # fmt: skip


def test_an_execution_in_which_a_process_has_no_event_keeps_its_place(tmp_path: Path) -> None:
    put(tmp_path, ' \n=== Execution #run 0  ===\n0 A {"A":1}\n\n \n=== Execution #run 1  ===\n',
        "A-Log.txt")  # fmt: skip
    put(tmp_path, ' \n=== Execution #run 0  ===\n \n=== Execution #run 1  ===\n0 B {"B":1}\n\n',
        "B-Log.txt")  # fmt: skip
    assert executions_of(tmp_path) == [("run 0", {"A": [""]}), ("run 1", {"B": [""]})]


BOTH = {"A": ["x"], "B": ["x"]}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"A": "x|y", "B": "x|y"}, [("x", BOTH), ("y", {"A": ["y"], "B": ["y"]})]),
        ({"A": "x|y", "B": "y"}, [("x", {"A": ["x"]}), ("y", {"A": ["y"], "B": ["y"]})]),
        ({"A": "y", "B": "x|y"}, [("x", {"B": ["x"]}), ("y", {"A": ["y"], "B": ["y"]})]),
        ({"A": "x", "B": "y"}, [("x", {"A": ["x"]}), ("y", {"B": ["y"]})]),
        ({"A": "y|z", "B": "x", "C": "x|y"},
         [("x", {"B": ["x"], "C": ["x"]}), ("y", {"A": ["y"], "C": ["y"]}), ("z", {"A": ["z"]})]),
        # Times are those of the processes: the first of all is one, the second the next.
        ({"A": "1:00|2:00", "B": "1:01|2:00"},
         [("1:00", {"A": ["1:00"], "B": ["1:01"]}), ("2:00", {"A": ["2:00"], "B": ["2:00"]})]),
        ({"A": "1:00|2:00", "B": "1:01-|2:01"},
         [("1:00", {"A": ["1:00"]}), ("2:00", {"A": ["2:00"], "B": ["2:01"]})]),
        # … unless one file has them all.
        ({"A": "1:00|2:00", "B": "2:00"},
         [("1:00", {"A": ["1:00"]}), ("2:00", {"A": ["2:00"], "B": ["2:00"]})]),
        # What stands before the first delimiter is an execution if a file has a record there.
        ({"A": ".|2:00", "B": ".-|2:01"},
         [("", {"A": ["."]}), ("2:00", {"A": ["2:00"], "B": ["2:01"]})]),
        ({"A": ".|y", "B": "y"}, [("", {"A": ["."]}), ("y", {"A": ["y"], "B": ["y"]})]),
        ({"A": ".|y", "B": "."}, [("", {"A": ["."], "B": ["."]}), ("y", {"A": ["y"]})]),
        # Without labels, or with one twice, executions are counted.
        ({"A": "|", "B": "|-"}, [("", {"A": [""], "B": [""]}), ("", {"A": [""]})]),
        ({"A": "x|x", "B": "x-|x"}, [("x", {"A": ["x"]}), ("x", BOTH)]),
        ({"A": "|y", "B": "x|y"},
         [("x", {"A": [""], "B": ["x"]}), ("y", {"A": ["y"], "B": ["y"]})]),
        # A file without a record has nothing to align; what is empty in all files is none.
        ({"A": "|", "B": ".-"}, [("", {"A": [""]}), ("", {"A": [""]})]),
        ({"A": "x-|y", "B": "x-|y-"}, [("y", {"A": ["y"]})]),
    ],
)  # fmt: skip
def test_executions_of_several_files_are_aligned_by_label_or_else_counted(
    tmp_path: Path, labels: dict[str, str], expected: list[tuple[str, dict[str, list[str]]]]
) -> None:
    assert executions_of(govector_folder(tmp_path, **labels)) == expected


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"A": "1:00|2:00", "B": "1:01"}, "B-Log.txt: 1 execution, but 2 in {}/A-Log.txt, and no"),
        ({"A": "||", "B": "|"}, "B-Log.txt: 2 executions, but 3 in {}/A-Log.txt, and no labels"),
        ({"A": "x|x", "B": "x"}, "B-Log.txt: 1 execution, but 2 in {}/A-Log.txt, and no labels"),
        ({"A": ".|1:00", "B": "1:01"}, None),
        ({"A": "x|y", "B": "y|x"}, "A-Log.txt and other files: executions x and y stand in diff"),
    ],
)
def test_executions_that_cannot_be_aligned_are_refused(
    tmp_path: Path, labels: dict[str, str], says: str | None
) -> None:
    folder = govector_folder(tmp_path, **labels)
    if says is None:  # what stands before the first delimiter counts for all
        assert [label for label, _ in executions_of(folder)] == ["", "1:00"]
        return
    with pytest.raises(UnreadableError, match=re.escape(f"{folder}/{says.format(folder)}")):
        read_executions(folder)


def test_what_is_unread_in_an_execution_is_reported_there(tmp_path: Path) -> None:
    """Also where a file, or an execution, has no record at all."""
    mark = "=== Execution #{} ===\n"
    put(tmp_path, mark.format("x") + 'A {"A":1}\na\n' + mark.format("y") + 'A {"A":2}\na\n'
        + mark.format("z"), "A-Log.txt")  # fmt: skip
    put(tmp_path, mark.format("x") + 'B {"B":1}\na\n' + mark.format("y") + "junk y\n"
        + mark.format("z") + "junk z\n", "B-Log.txt")  # fmt: skip
    put(tmp_path, "only junk\n", "C-Log.txt")
    found = [
        (
            each.label,
            len(each.trace),
            [Path(file).name for file in each.trace.files],
            [(Path(one.file).name, one.line, one.reason) for one in each.trace.unread],
        )
        for each in read_executions(tmp_path)
    ]
    assert found == [
        ("x", 2, ["A-Log.txt", "B-Log.txt", "C-Log.txt"],
         [("C-Log.txt", 1, "matches nothing: only junk")]),
        ("y", 1, ["A-Log.txt", "B-Log.txt"], [("B-Log.txt", 5, "matches nothing: junk y")]),
        ("z", 0, ["B-Log.txt"], [("B-Log.txt", 7, "matches nothing: junk z")]),
    ]  # fmt: skip


def test_a_delimiter_does_not_match_its_own_pattern_in_the_header(tmp_path: Path) -> None:
    header = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)" + "\n=== (?<trace>.*) ===\n"
    record = 'A {"A":1}\nx\n'
    path = put(tmp_path, f"{header}=== a ===\n{record}=== b ===\n{record}")
    assert executions_of(path) == [("a", {"A": ["x"]}), ("b", {"A": ["x"]})]
    path = put(tmp_path, f"{header}{record}=== b ===\n{record}")
    assert executions_of(path) == [("", {"A": ["x"]}), ("b", {"A": ["x"]})]


def test_executions_in_one_file_of_govector_stay_what_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    govector_folder(folder, A="x|y", B="x-|y")
    expected = [("x", {"A": ["x"]}), ("y", {"A": ["y"], "B": ["y"]})]
    for out in (tmp_path / "x-Log.txt", tmp_path / "again"):
        write_log(read_executions(folder), out, "govector")
        assert executions_of(out) == expected
    assert (tmp_path / "again" / "B-Log.txt").read_text() == (
        ' \n=== Execution #x  ===\n \n=== Execution #y  ===\nB {"B":2}\ny\n'
    )


def test_tracing_records_match_by_their_tokens(tmp_path: Path) -> None:
    def record(who: str, tag: str, body: object, **clock: int) -> str:
        return json.dumps({"TracerIdentity": who, "TraceID": 2**63 + 5, "Tag": tag, "Body": body,
                           "VectorClock": clock})  # fmt: skip

    log = [
        record("client", "CreateTrace", {}, client=1),
        record("client", "GenerateTokenTrace", {"Token": "aGk="}, client=2),
        "not a record",
        record("server", "ReceiveTokenTrace", {"Token": "aGk="}, client=9, server=1),
        record("server", "Answer", {"Word": "yes"}, client=9, server=2),
        '{"TracerIdentity": "server", "Tag": "Answer"}',
    ]
    trace = read_one(put(tmp_path, "\n".join(log)))
    assert edges_of(trace) == {(("client", 1), ("server", 0))}  # though the clock is wrong
    assert trace.texts["event"][-1] == "Answer"
    assert trace.texts["body"][-1] == '{"Word": "yes"}'
    assert trace.texts["trace"][0] == str(2**63 + 5)
    assert [(one.line, one.reason) for one in trace.unread] == [
        (3, "is not a JSON object"), (6, "has no VectorClock"),
    ]  # fmt: skip


def chrome(*events: dict[str, object], form: str = '{{"traceEvents":[{}]}}') -> str:
    return form.format(",\n".join(json.dumps({"pid": 1, **each}) for each in events))


FLOW = (
    {"ph": "M", "name": "thread_name", "tid": 1, "args": {"name": "main"}},
    {"ph": "X", "name": "asks", "tid": 1, "ts": 10.5, "dur": 4, "args": {"n": 1}},
    {"ph": "B", "name": "outer", "tid": 2, "ts": 1},
    {"ph": "B", "name": "answers", "tid": 2, "ts": 12},
    {"ph": "E", "tid": 2, "ts": 15},
    {"ph": "i", "name": "later", "tid": 2, "ts": 20, "s": "t"},
    {"ph": "E", "tid": 2, "ts": 30},
    {"ph": "X", "name": "ends", "tid": 3, "ts": 40, "dur": 1},
    {"ph": "C", "name": "load", "tid": 1, "ts": 41, "args": {"n": 1}},
    {"ph": "s", "name": "m", "cat": "c", "id": 7, "tid": 1, "ts": 11},
    {"ph": "t", "name": "m", "cat": "c", "id": 7, "tid": 2, "ts": 13},
    {"ph": "f", "name": "m", "cat": "c", "id": 7, "tid": 3, "ts": 39},
    {"ph": "I", "name": "last", "tid": 3, "ts": 50},
    {"ph": "s", "name": "m", "cat": "c", "id": 8, "tid": 2, "ts": 16},  # after the inner slice
    {"ph": "f", "name": "m", "cat": "c", "id": 8, "tid": 3, "ts": 50, "bp": "e"},
)
SECOND, THIRD = "process 1 thread 2", "process 1 thread 3"
FLOWED = {
    (("main", 0), (SECOND, 1)),
    ((SECOND, 1), (THIRD, 0)),
    ((SECOND, 0), (THIRD, 1)),
}


@pytest.mark.parametrize("form", ['{{"a":{{"traceEvents":1}},"traceEvents":[{}]}}', "[{}]", "[{},"])
def test_chromes_flows_are_messages_between_threads(tmp_path: Path, form: str) -> None:
    trace = read_one(put(tmp_path, chrome(*FLOW, form=form), "x.json"))
    assert edges_of(trace) == FLOWED
    assert trace.texts["event"] == ["asks", "outer", "answers", "later", "ends", "last"]
    assert values(trace, "time_ns") == [10_500, 1_000, 12_000, 20_000, 40_000, 50_000]
    assert lines(trace) == [2, 3, 4, 6, 8, 13]
    assert trace.texts["args"][0] == '{"n": 1}'
    assert trace.unread == []


@pytest.mark.parametrize(
    ("sent", "received", "rules"),
    [
        ({"lamport": 5}, {"lamport": 6}, set()),
        ({"Lamport Clock": 5}, {"Lamport Clock": 5}, {"clock-condition"}),
        ({"vc": {"main": 1}}, {"vc": {"main": 1, "other": 1}}, set()),
        ({"vector": {"main": 1}}, {"vector": {"other": 1}}, {"vector-merge"}),
        ({"clock": "monotonic"}, {"clock": -5}, set()),
        ({"clock": True}, {"clock": {"main": "x"}}, set()),
    ],
)
def test_clocks_in_the_arguments_of_other_programs_slices_are_judged(
    sent: object, received: object, rules: set[str], tmp_path: Path
) -> None:
    flow = (
        {"ph": "M", "name": "thread_name", "tid": 1, "args": {"name": "main"}},
        {"ph": "M", "name": "thread_name", "tid": 2, "args": {"name": "other"}},
        {"ph": "X", "name": "asks", "tid": 1, "ts": 10, "dur": 4, "args": sent},
        {"ph": "X", "name": "answers", "tid": 2, "ts": 12, "dur": 1, "args": received},
        {"ph": "s", "name": "m", "cat": "c", "id": 7, "tid": 1, "ts": 11},
        {"ph": "f", "name": "m", "cat": "c", "id": 7, "tid": 2, "ts": 12, "bp": "e"},
    )
    verdict = driftlab.read(put(tmp_path, chrome(*flow), "x.json")).check()
    assert {name for name, count in verdict.counts.items() if count} == rules
    assert ("clock-condition" in verdict.counts) == ("lamport" in str(sent).lower())
    assert verdict.unread == []


def test_chromes_traces_that_break_off_or_are_odd_say_so(tmp_path: Path) -> None:
    slice_ = {"ph": "X", "name": "a", "tid": 1, "ts": 1, "dur": 1}
    odd: list[dict[str, object]] = [
        slice_, {"ph": "n", "ts": 1}, {"ph": "X", "tid": 1}, {"name": "b"},
        {"ph": "f", "id": 1, "tid": 1, "ts": 1, "bp": "e"}, {"ph": "s", "id": 2, "tid": 9, "ts": 1},
    ]  # fmt: skip
    trace = read_one(put(tmp_path, chrome(*odd, form="[{},") + '\n{"ph":"X","ts":'))
    assert [(one.line, one.reason) for one in trace.unread] == [
        (2, "is of phase n, which is not read"),
        (3, "has no time ts"),
        (4, "is not a trace event: it has no ph"),
        (5, "is a flow that begins nowhere"),
        (6, "is a flow event in no slice"),
        (7, "is not JSON, or breaks off; nothing after it is read"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_call_their_columns_as_they_like(tmp_path: Path, separator: str) -> None:
    table = [
        ["Machine", "Type", "Logical Clock", "From", "Message Clock", "To", "Queue Length", "note"],
        ["A", "SEND", "1", "", "", "B", "0", "x"],
        ["B", "Received", "2", "A", "1", "", "0", "two\nlines"],
        ["B", "internal", "3", "", "", "", "", ""],
    ]
    text = "\n".join(separator.join(f'"{cell}"' if cell else "" for cell in row) for row in table)
    trace = read_one(put(tmp_path, text + "\nA,short\n", "x.csv"))
    assert edges_of(trace) == {(("A", 0), ("B", 0))}
    assert kinds(trace) == ["send", "receive", "internal"]
    assert lines(trace) == [2, 3, 5]
    assert trace.texts["note"] == ["x", "two\nlines", None]
    assert values(trace, "queue") == [0, 0, MISSING]
    assert [one.line for one in trace.unread] == [6]


def test_floats_in_a_table_are_whole_numbers_or_none(tmp_path: Path) -> None:
    """As tables have them whose tool knows no whole number that is missing."""
    frame = pl.DataFrame({"host": ["A", "A", "A"], "lamport": [1.0, float("nan"), 2.5]})
    frame.write_parquet(tmp_path / "x.parquet")
    trace = read_one(tmp_path / "x.parquet")
    assert values(trace, "clock") == [1, MISSING, MISSING]
    assert (trace.invalid_clocks.rows.tolist(), trace.invalid_clocks.texts) == (
        [2], ["lamport 2.5"],
    )  # fmt: skip


def test_stamps_without_the_clocks_that_they_name_match_nothing(tmp_path: Path) -> None:
    text = "host,kind,sender,stamp\nA,send,,\nB,receive,A,1\n"
    assert edges_of(read_one(put(tmp_path, text, "x.csv"))) == set()


def test_a_column_that_stands_twice_is_kept_twice(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "process,event,event\nA,a,b\n", "x.csv"))
    assert trace.texts == {"event": ["a"], "event_3": ["b"]}


def test_a_table_is_put_in_the_order_of_its_index(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "process,index,event\nA,1,b\nB,0,c\nA,0,a\n", "x.csv"))
    assert trace.texts["event"] == ["a", "b", "c"]


SOLUTION = """\
2024-03-04 12:00:00.250 INFO VM1 started, 3 ticks per second
[12:00:00.333] VM1: internal, clock 1
[12:00:00.666] VM1: sent to VM2, VM3, clock 2
[12:00:01.000] VM2: received from VM1 (2), 0 left, clock 3
[12:00:01.500] VM3: received from VM1 (2), 1 left, clock 3
"""


def test_logs_of_other_solutions_of_the_assignment_are_read_by_several_patterns(
    tmp_path: Path,
) -> None:
    head = r"^\[(?<time>[\d:.]+)\] (?<host>\w+): "
    patterns = [
        head + r"(?<internal>internal), clock (?<lamport>\d+)$",
        head + r"(?<kind>sent) to (?<targets>.*), clock (?<lamport>\d+)$",
        head + r"(?<receive>received) from (?<sender>\w+) \((?<stamp>\d+)\), (?<queue>\d+) left, "
        r"clock (?<clock>\d+)$",
    ]
    patterns[2] = patterns[2].replace("<clock>", "<lamport>")
    trace = read_one(put(tmp_path, SOLUTION), pattern=patterns)
    assert kinds(trace) == ["internal", "send", "receive", "receive"]
    assert edges_of(trace) == {(("VM1", 1), ("VM2", 0)), (("VM1", 1), ("VM3", 0))}
    assert values(trace, "clock") == [1, 2, 3, 3]
    assert values(trace, "queue") == [MISSING, MISSING, 0, 1]
    noon = 12 * 3600 * 10**9
    assert values(trace, "time_ns")[1:3] == [noon + 666 * 10**6, noon + 10**9]
    assert told_of(trace, ["targets"])["VM1"] == [{"targets": []}, {"targets": ["VM2", "VM3"]}]
    assert [one.line for one in trace.unread] == [1]


def test_a_folder_of_a_file_a_machine_names_the_machines(tmp_path: Path) -> None:
    put(tmp_path, "send B 1\ninternal 2\n", "A.txt")
    put(tmp_path, "receive A 1 2\n", "B.txt")
    patterns = [
        r"^(?<kind>send) (?<targets>\w+) (?<lamport>\d+)$",
        r"^(?<kind>receive) (?<sender>\w+) (?<stamp>\d+) (?<lamport>\d+)$",
        r"^(?<kind>internal) (?<lamport>\d+)$",
    ]
    trace = driftlab.read(tmp_path, pattern=patterns).trace
    assert edges_of(trace) == {(("A", 0), ("B", 0))}
    assert [trace.source_of(row)[1] for row in range(3)] == [1, 2, 1]
    assert trace.source_of(2)[0] == "B.txt"


def test_lines_that_name_both_ends_of_a_message_tell_who_sent_and_who_received(
    tmp_path: Path,
) -> None:
    log = "A: sent from A to B, 1\nB: got from A to B, 1\n"
    pattern = r"(?<host>\w): (?<kind>\w+) from (?<sender>\w) to (?<targets>\w), (?<stamp>\d)"
    trace = read_one(put(tmp_path, log), pattern=pattern)
    assert told_of(trace, ["kind", "sender", "targets"]) == {
        "A": [{"kind": "send", "sender": None, "targets": ["B"]}],
        "B": [{"kind": "receive", "sender": "A", "targets": []}],
    }


def test_a_clock_may_name_processes_in_any_order(tmp_path: Path) -> None:
    log = 'a {"a":1} x\nb {"b":1} x\nc {"c":1, "b":1, "a":1} x\nc {"b":1, "c":2, "a":1} x\n'
    trace = read_one(put(tmp_path, log))
    assert trace.timestamps is not None
    assert trace.timestamps.entries.tolist() == [0, 1, 0, 1, 2, 0, 1, 2]
    assert trace.timestamps.values.tolist() == [1, 1, 1, 1, 1, 1, 1, 2]
    assert edges_of(trace) == {(("a", 0), ("c", 0)), (("b", 0), ("c", 0))}


def test_messages_may_have_names_of_their_own(tmp_path: Path) -> None:
    log = "A send m-1\nB receive m-1\nB send 17\nA receive 17\n"
    trace = read_one(put(tmp_path, log), pattern=r"(?<host>\w) (?<kind>\w+) (?<message>\S+)")
    assert edges_of(trace) == {(("A", 0), ("B", 0)), (("B", 1), ("A", 1))}


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("1700000000.25", 1_700_000_000_250_000_000),
        ("17", 17),
        ("2023-11-14T22:13:20.25Z", 1_700_000_000_250_000_000),
        ("2023-11-14 23:13:20,250 +01:00", 1_700_000_000_250_000_000),
        ("00:00:01", 10**9),
    ],
)
def test_times_are_read_as_people_write_them(
    tmp_path: Path, written: str, nanoseconds: int
) -> None:
    trace = read_one(put(tmp_path, f"A|{written}\n"), pattern=r"(?<host>\w)\|(?<time>.*)")
    assert values(trace, "time_ns") == [nanoseconds]


def test_a_time_that_cannot_be_read_is_kept_as_text(tmp_path: Path) -> None:
    trace = read_one(put(tmp_path, "A 5\nA soon\n"), pattern=r"(?<host>\w) (?<time>.*)")
    assert values(trace, "time_ns") == [5, MISSING]
    assert trace.texts["time"] == ["5", "soon"]


def test_a_packed_log_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.log.gz"
    half = len(CLOCK_FIRST) // 2
    parts = (CLOCK_FIRST[:half], CLOCK_FIRST[half:])
    path.write_bytes(b"".join(gzip.compress(part.encode()) for part in parts))
    assert edges_of(read_one(path, format="shiviz")) == ASKED
