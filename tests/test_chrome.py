"""Chrome's trace events: in which slice a flow event is, and which of them are one message."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.api.export import convert
from driftlab.foreign import read_log
from driftlab.history.trace import Trace
from tests.executions import edges_of, values

Event = dict[str, Any]
LOST = (
    "is a flow back into its own slice, or one around it",
    "is a second message into one event, not held",
    "is a second message of one event to one thread, not held",
)


def event(phase: str, tid: int, time: float, name: str = "m", **more: Any) -> Event:
    return {"ph": phase, "name": name, "pid": 1, "tid": tid, "ts": time, **more}


def whole(name: str, tid: int, time: float, **more: Any) -> Event:
    return event("X", tid, time, name, dur=5, **more)


def flow(phase: str, tid: int, time: float, name: Any = 1, **more: Any) -> Event:
    return event(phase, tid, time, **({"id": name, "bp": "e"} | more))


def read_text(folder: Path, text: str) -> Trace:
    path = folder / "x.json"
    path.write_text(text)
    (trace,) = read_log(path, format="chrome")
    return trace


def read(folder: Path, *events: Event) -> Trace:
    return read_text(folder, "[" + ",\n".join(json.dumps(each) for each in events) + "]")


def messages(trace: Trace) -> list[str]:
    """Return the messages by the texts of their events, which are names of slices."""
    texts = trace.texts["event"]
    starts = dict(zip(trace.names, trace.starts.tolist(), strict=False))
    return sorted(
        f"{texts[starts[a] + m]}>{texts[starts[b] + n]}" for (a, m), (b, n) in edges_of(trace)
    )


def reasons(trace: Trace) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in trace.unread]


@pytest.mark.parametrize(("began", "ended"), [(10, 20), (0, 0), (20, 20)])
def test_an_end_closes_what_was_open_at_its_place_in_the_file(
    tmp_path: Path, began: int, ended: int
) -> None:
    trace = read(
        tmp_path,
        event("B", 1, began, "one"), event("E", 1, ended), event("B", 1, ended, "two"),
        flow("s", 1, 25), event("E", 1, 30), whole("get", 2, 40), flow("f", 2, 41),
    )  # fmt: skip
    assert (messages(trace), reasons(trace)) == (["two>get"], [])


@pytest.mark.parametrize(
    ("place", "source"),
    [(0, "outer"), (1, "outer"), (2, "one"), (3, "outer"), (4, "two"), (5, "two"), (6, "outer")],
)
def test_a_flow_event_at_the_time_of_an_end_or_beginning_goes_by_the_files_order(
    tmp_path: Path, place: int, source: str
) -> None:
    lane = [
        event("B", 1, 0, "outer"), event("B", 1, 20, "one"), event("E", 1, 20),
        event("B", 1, 20, "two"), event("i", 1, 25, "late"), event("E", 1, 30), event("E", 1, 40),
    ]  # fmt: skip
    lane.insert(place + (place > 4), flow("s", 1, 20 if place < 5 else 24 if place == 5 else 35))
    trace = read(tmp_path, *lane, whole("get", 2, 50), flow("f", 2, 51))
    assert messages(trace) == [f"{source}>get"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_slice_written_whole_has_the_flow_events_of_its_first_instant(
    tmp_path: Path, is_first: bool
) -> None:
    around = whole("outer", 1, 8) | {"dur": 20}
    mine, sent = whole("put", 1, 10), flow("s", 1, 10)
    lane = [sent, around, mine] if is_first else [around, mine, sent]
    assert messages(read(tmp_path, *lane, whole("get", 2, 20), flow("f", 2, 20))) == ["put>get"]


def test_a_flow_event_with_no_slice_open_goes_to_one_of_its_instant(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        event("B", 1, 10, "one"), event("E", 1, 20), flow("s", 1, 20, 1),
        flow("s", 2, 20, 2), event("B", 2, 20, "two"), event("E", 2, 30),
        whole("get", 3, 40), flow("f", 3, 41, 1), whole("get too", 3, 50), flow("f", 3, 51, 2),
    )  # fmt: skip
    assert messages(trace) == ["one>get", "two>get too"]


def test_an_end_without_binding_point_goes_to_the_slice_that_begins_next(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        whole("put", 1, 0), flow("s", 1, 1), event("B", 2, 20, "before"), event("E", 2, 20),
        flow("f", 2, 20, bp=None), event("B", 2, 20, "next"), event("E", 2, 30),
    )  # fmt: skip
    assert messages(trace) == ["put>next"]


def test_a_slice_is_found_behind_any_number_of_slices_within_it(tmp_path: Path) -> None:
    within = [whole(f"step {n}", 1, 10 * n) for n in range(1, 3000)]
    touching = [each | {"dur": 10} for each in within]
    for inner in (within, touching):
        lane = [whole("outer", 1, 0) | {"dur": 10**6}, *inner, flow("s", 1, 10**5)]
        trace = read(tmp_path, *lane, whole("get", 2, 10**6), flow("f", 2, 10**6))
        assert messages(trace) == ["outer>get"]


REUSED = [
    whole("put1", 1, 10), flow("s", 1, 11), whole("get1", 2, 20), flow("f", 2, 21),
    whole("put2", 1, 30), flow("s", 1, 31), whole("get2", 2, 40), flow("f", 2, 41),
]  # fmt: skip


@given(events=st.permutations(REUSED))
@settings(max_examples=20, deadline=None)
def test_an_id_that_comes_again_is_another_message(events: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        trace = read(Path(folder), *events)
        assert (messages(trace), reasons(trace)) == (["put1>get1", "put2>get2"], [])
        verdict = driftlab.read(Path(folder) / "x.json").check()
    assert not any(verdict.counts.values())


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("s1 f2", "a>b"),
        ("f2 s1", "a>b"),
        ("f3 t2 s1", "a>b b>c"),
        ("S0 f2 s1 F3", "z>b a>c"),
        ("s1 f2 S0 F3", "a>b a>c"),
        ("S0 t2 s1 F3", "z>b a>c"),
        ("f3 s1 t2", "a>b b>c"),
        ("S0 s1 t2 f3", "a>b b>c"),
    ],
)
def test_steps_of_one_instant_go_by_the_file_where_that_makes_sense(
    tmp_path: Path, order: str, found: str
) -> None:
    """`S` and `F` are an earlier beginning, and a later end; the others are at one instant."""
    slices = [whole(name, tid, 8) | {"dur": 10} for tid, name in enumerate("zabc")]
    times = {"S": 9, "F": 11}
    steps = [flow(word[0].lower(), int(word[1]), times.get(word[0], 10)) for word in order.split()]
    trace = read(tmp_path, *slices, *steps)
    assert (messages(trace), reasons(trace)) == (sorted(found.split()), [])


def test_a_message_may_come_before_it_was_sent_as_clocks_say(tmp_path: Path) -> None:
    slices = [whole(name, tid, 100 - 10 * tid) for tid, name in enumerate("abcd")]
    steps = [flow(phase, tid, 101 - 10 * tid) for tid, phase in enumerate("stff")]
    bound = [
        whole("out", 4, 9, bind_id=1, flow_out=True), whole("in", 5, 8, bind_id=1, flow_in=True),
    ]  # fmt: skip
    trace = read(tmp_path, *slices, *steps, *bound)
    assert (messages(trace), reasons(trace)) == (["a>b", "b>c", "b>d", "out>in"], [])


def test_several_ends_are_several_receives_of_one_message(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        whole("put", 1, 10), flow("s", 1, 11), whole("get", 2, 20), flow("f", 2, 21),
        whole("get too", 3, 30), flow("f", 3, 31), whole("again", 2, 40), flow("f", 2, 41),
        flow("f", 3, 32), flow("f", 1, 12),
    )  # fmt: skip
    assert messages(trace) == ["put>get", "put>get too"]
    assert reasons(trace) == [(8, LOST[2]), (9, LOST[1]), (10, LOST[0])]
    verdict = driftlab.read(tmp_path / "x.json").check()
    assert not any(verdict.counts.values())


def test_of_what_one_event_sent_to_one_thread_the_first_receive_is_held(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        whole("put", 1, 10), flow("s", 1, 11, 1), flow("s", 1, 12, 2),
        whole("late", 2, 40), flow("f", 2, 41, 1), whole("early", 2, 20), flow("f", 2, 21, 2),
    )  # fmt: skip
    assert (messages(trace), reasons(trace)) == (["put>early"], [(5, LOST[2])])


@pytest.mark.parametrize(
    ("log", "rule"),
    [
        ("A,send,1,\nB,receive,,1\nB,receive,,1\n", "delivered-twice"),
        ("A,receive,,1\nA,send,1,\n", "before-sent"),
    ],
)
def test_what_is_wrong_in_a_log_is_wrong_in_what_we_write_of_it(
    tmp_path: Path, log: str, rule: str
) -> None:
    (tmp_path / "x.csv").write_text("process,kind,sent,received\n" + log)
    convert(tmp_path / "x.csv", tmp_path / "x.json", "chrome")
    verdict = driftlab.read(tmp_path / "x.json").check()
    assert {name for name, count in verdict.counts.items() if count} == {rule}
    assert verdict.unread == []


TWO_PROCESSES = [
    whole("a", 1, 0), whole("b", 2, 40), whole("c", 1, 10, pid=2), whole("d", 2, 30, pid=2),
]  # fmt: skip


def crossed(first: Event, second: Event) -> list[Event]:
    """Return two messages, a>b and c>d, of which the second goes while the first is on its way."""
    steps = [("s", 1, 1, 1, first), ("s", 2, 1, 11, second),
             ("f", 2, 2, 31, second), ("f", 1, 2, 41, first)]  # fmt: skip
    return TWO_PROCESSES + [
        event(phase, tid, time, bp="e", pid=pid, **key) for phase, pid, tid, time, key in steps
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"id2": {"local": "0x1"}}, {"id2": {"local": "0x1"}}),
        ({"id2": {"local": 1}}, {"id2": {"global": 1}}),
        ({"id2": {"global": "0x1"}}, {"id2": {"global": "0x2"}}),
        ({"id": 1, "scope": "x"}, {"id": 1, "scope": "y"}),
        ({"id": 1, "cat": "x"}, {"id": 1, "cat": "y"}),
        ({"id": "1"}, {"id": 2}),
        ({"id": "x"}, {"id": "y"}),
    ],
)
def test_flows_with_other_keys_are_other_flows(tmp_path: Path, first: Event, second: Event) -> None:
    trace = read(tmp_path, *crossed(first, second))
    assert (messages(trace), reasons(trace)) == (["a>b", "c>d"], [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"id": 16}, {"id": "0x10"}),
        ({"id": "16"}, {"id": 16}),
        ({"id": "0xFF"}, {"id": "0xff"}),
        ({"id": 7}, {"id2": {"global": "7"}}),
        ({"id": "word"}, {"id": "word"}),
    ],
)
def test_an_id_may_be_written_in_several_ways(tmp_path: Path, one: Event, other: Event) -> None:
    steps = [event("s", 1, 1, **one), event("f", 2, 41, bp="e", **other)]
    trace = read(tmp_path, whole("a", 1, 0), whole("b", 2, 40), *steps)
    assert (messages(trace), reasons(trace)) == (["a>b"], [])


@pytest.mark.parametrize(
    "key", [{}, {"id": None}, {"id": True}, {"id": [1]}, {"id2": 5}, {"id2": {"else": 5}}]
)
def test_a_flow_event_without_an_id_is_unread(tmp_path: Path, key: Event) -> None:
    steps = [event("s", 1, 1, **key), event("f", 2, 41, bp="e", **key)]
    trace = read(tmp_path, whole("a", 1, 0), whole("b", 2, 40), *steps)
    assert messages(trace) == []
    assert reasons(trace) == [(line, "is a flow event without an id") for line in (3, 4)]


def test_slices_say_themselves_that_a_flow_begins_passes_and_ends_there(tmp_path: Path) -> None:
    out, into = {"flow_out": True}, {"flow_in": True}
    trace = read(
        tmp_path,
        event("i", 4, 40, "end", bind_id="0x5", **into),
        whole("begin", 1, 10, bind_id="0x5", cat="x", **out),
        event("B", 2, 20, "pass", bind_id=5, **out, **into), event("E", 2, 25),
        whole("end too", 3, 50, bind_id=5, flow_out=False, **into),
        whole("other", 5, 15, bind_id=6, **out), whole("got", 6, 60, bind_id=6, **into),
        whole("lone", 7, 70, bind_id=7, **into), whole("nameless", 7, 80, **out),
        whole("put", 8, 5), flow("s", 8, 5, 5), whole("get", 9, 90), flow("f", 9, 91, 5),
        whole("begin again", 1, 70, bind_id=6, **out), whole("got too", 6, 80, bind_id=6, **into),
    )  # fmt: skip
    assert messages(trace) == sorted(
        ["begin>pass", "pass>end", "pass>end too", "other>got", "put>get", "begin again>got too"]
    )
    assert reasons(trace) == [
        (8, "is a flow that begins nowhere"), (9, "is a slice with a flow that has no bind_id"),
    ]  # fmt: skip


ONE = '[{"ph":"X","ts":1,"dur":1}]'
OBJECT = f'{{"traceEvents":{ONE}, "metadata": {{"a": [1]}}}}'
AFTER = "the end of the document, not read: "


@pytest.mark.parametrize("document", [ONE, OBJECT])
@pytest.mark.parametrize(
    ("behind", "reported"),
    [
        ("\n" + ONE, [(2, f"follows {AFTER}{ONE}")]),
        ("\n\n" + OBJECT + "\nx\n\n", [(3, f"2 lines follow {AFTER}{OBJECT[:60]}…")]),
        (" garbage", [(1, f"follows {AFTER}garbage")]),
        ("]" * 70, [(1, f"follows {AFTER}{']' * 60}…")]),
        (" \n,\n", []),
    ],
)
def test_what_follows_the_document_is_reported(
    tmp_path: Path, document: str, behind: str, reported: list[tuple[int, str]]
) -> None:
    trace = read_text(tmp_path, document + behind)
    assert (len(trace), reasons(trace)) == (1, reported)
    assert not len(trace.gaps)


@pytest.mark.parametrize(
    ("text", "events", "reported"),
    [
        (ONE[:-1], 1, []),
        (f'{{"traceEvents":{ONE}', 1, []),
        (f'{{"traceEvents":{ONE},\n"metadata":{{"a', 1, [2]),
        (f'{{"traceEvents":{ONE},\n"traceEvents":{ONE}}}', 2, []),
        (f'{{"traceEvents":{ONE[:-1]},\n{{"ph":"X"', 1, [2]),
    ],
)
def test_a_document_that_breaks_off_gives_what_was_before(
    tmp_path: Path, text: str, events: int, reported: list[int]
) -> None:
    trace = read_text(tmp_path, text)
    assert (len(trace), [line for line, _ in reasons(trace)]) == (events, reported)


def test_asynchronous_events_are_reported_and_odd_forms_are_read(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        {"ph": "M", "name": "thread_name", "tid": 1, "args": {"name": "main"}},
        {"ph": "X", "tid": 1, "ts": "10.5", "dur": "2", "name": "a"},
        *(event(phase, 1, 11, id=1) for phase in "bne"),
    )
    assert (trace.names, values(trace, "time_ns")) == (["main"], [10_500])
    assert reasons(trace) == [
        (line, f"is of phase {phase}, which is not read")
        for line, phase in zip((3, 4, 5), "bne", strict=True)
    ]


WORDS = st.lists(
    st.tuples(st.sampled_from("BBEEsf"), st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)),
    max_size=40,
)


class Program:
    """Three threads that open and close slices and pass messages on; what it wrote and meant."""

    def __init__(self, words: list[tuple[str, int, int, int]], pause: int) -> None:
        self.events: list[Event] = []
        self.meant: list[str] = []
        self._open: list[list[str]] = [[], [], []]
        self._sent: dict[int, str] = {}
        self._time = 0
        for number, (word, tid, name, passed) in enumerate(words):
            self._time += pause or passed
            self._do(word, tid, name, f"e{number}")

    def _do(self, word: str, tid: int, name: int, text: str) -> None:
        mine = self._open[tid]
        if word == "B":
            mine.append(text)
            self.events.append(event("B", tid, self._time, text))
        elif mine and word == "E":
            mine.pop()
            self.events.append(event("E", tid, self._time))
        elif mine and (word == "s") == (name not in self._sent):
            self.events.append(flow(word, tid, self._time, name))
            if word == "s":
                self._sent[name] = mine[-1]
            else:
                self.meant.append(f"{self._sent.pop(name)}>{mine[-1]}")


def check(program: Program, events: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        trace = read(Path(folder), *events)
    found = messages(trace)
    assert set(found) <= set(program.meant)
    assert len(found) + len(trace.unread) == len(program.meant)
    assert {reason for _, reason in reasons(trace)} <= set(LOST)


@given(words=WORDS)
@settings(max_examples=60, deadline=None)
def test_flows_join_what_a_program_meant_though_its_clock_stands(
    words: list[tuple[str, int, int, int]],
) -> None:
    program = Program([*words, ("B", 0, 0, 0)], 0)
    check(program, program.events)


@given(words=WORDS, draw=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_files_order_does_not_matter_where_all_times_differ(
    words: list[tuple[str, int, int, int]], draw: Any
) -> None:
    program = Program([*words, ("B", 0, 0, 0)], 1)
    events = list(program.events)
    draw.shuffle(events)
    check(program, events)


def named(kind: str, name: str, pid: int, tid: int) -> Event:
    return {"ph": "M", "name": f"{kind}_name", "pid": pid, "tid": tid, "args": {"name": name}}


@pytest.mark.parametrize(
    ("names", "threads", "expected"),
    [
        ([], [(1, 1)], ["process 1"]),
        ([], [(1, 1), (1, 2)], ["process 1 thread 1", "process 1 thread 2"]),
        ([named("process", "P", 1, 0)], [(1, 1), (2, 1)], ["P", "process 2"]),
        ([named("process", "P", 1, 0)], [(1, 1), (1, 2)], ["P thread 1", "P thread 2"]),
        ([named("thread", "T", 1, 2)], [(1, 1), (1, 2)], ["process 1 thread 1", "T"]),
        ([named("thread", "T", 1, 1), named("thread", "T", 2, 1)], [(1, 1), (2, 1)],
         ["T 1/1", "T 2/1"]),
        ([named("process", "five", 1, 5), named("process", "zero", 1, 0)], [(1, 1)], ["zero"]),
        ([named("process", "zero", 1, 0), named("process", "five", 1, 5)], [(1, 1)], ["zero"]),
        ([named("process", "five", 1, 5), named("process", "six", 1, 6)], [(1, 1)], ["five"]),
        ([named("process", "P", 1, 0) | {"args": {"name": 7}}], [(1, 1)], ["process 1"]),
        ([named("process", "P", 1, 0) | {"args": None}], [(1, 1)], ["process 1"]),
        ([named("process_sort", "P", 1, 0)], [(1, 1)], ["process 1"]),
    ],
)  # fmt: skip
def test_every_thread_has_a_name_of_its_own(
    tmp_path: Path, names: list[Event], threads: list[tuple[int, int]], expected: list[str]
) -> None:
    trace = read(tmp_path, *names, *(whole("x", tid, 1, pid=pid) for pid, tid in threads))
    assert list(trace.names) == expected
    assert reasons(trace) == []


@pytest.mark.parametrize(
    ("args", "clock"),
    [
        ({"lamport": 0}, 0),
        ({"lamport": 2**63 - 1}, 2**63 - 1),
        ({"lamport": 2**63}, None),
        ({"lamport": -1}, None),
        ({"lamport": 1.5}, None),
        ({"lamport": True}, None),
        ({"lamport": 3, "lamport_clock": 4}, 3),
        ({"logical time": 4}, 4),
        ({"vector": 4}, 4),
        ({"ticks": 4}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_logical_clock_among_the_arguments_is_a_whole_number(
    tmp_path: Path, args: object, clock: int | None
) -> None:
    column = read(tmp_path, whole("x", 1, 1, args=args)).columns.clock
    assert (None if column is None else column.tolist()) == (None if clock is None else [clock])


def test_the_arguments_are_kept_as_text(tmp_path: Path) -> None:
    trace = read(tmp_path, whole("x", 1, 1, args={"é": [1.50]}), whole("y", 1, 2, args={}))
    assert trace.texts == {"event": ["x", "y"], "args": ['{"é": ["1.5"]}', None]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "is not a trace in JSON"),
        ("{}", "has no list named traceEvents"),
        ('{"traceEvents": 1}', "has no list named traceEvents"),
        ('{"a" 1}', "is not JSON: no colon after a name"),
        ('[{"ph":"X","ts":1},{]', "is not JSON, or breaks off; nothing after it is read"),
        ("[" + "[" * 100_000, "is nested too deep, or breaks off; nothing after it is read"),
        ('[1, {"ph": 2}]', "is not a trace event: it has no ph"),
    ],
)
def test_what_is_not_a_trace_is_reported_with_its_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text("[" + '{"ph":"X","ts":0},' + text[1:] if text[0] == "[" else text)
    if text[0] == "[":
        (trace,) = read_log(path, format="chrome")
        assert {one.reason for one in trace.unread} == {reason}
        return
    with pytest.raises(driftlab.DriftlabError) as error:
        read_log(path, format="chrome")
    assert f"x.json: no record could be read; line 1: {reason}" in str(error.value)


def test_flows_at_the_end_of_a_slice_are_said_to_count_at_its_beginning(tmp_path: Path) -> None:
    """What began within the slice, before the message left, is not before the message."""
    elements = [
        {"ph": "X", "name": "serves", "pid": 1, "tid": 1, "ts": 0, "dur": 100},
        {"ph": "X", "name": "computes", "pid": 1, "tid": 1, "ts": 10, "dur": 20},
        {"ph": "X", "name": "hears", "pid": 1, "tid": 2, "ts": 200, "dur": 9},
        {"ph": "s", "id": 1, "pid": 1, "tid": 1, "ts": 90},
        {"ph": "f", "id": 1, "pid": 1, "tid": 2, "ts": 203, "bp": "e"},
    ]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(elements))
    history = driftlab.read(path)
    line = (
        "1 flow event in a slice, after others of its thread began, counts as of the slice's "
        "beginning"
    )
    assert history.assumed == [line]
    assert convert(path, tmp_path / "x.csv", "csv").assumed == [line]
    elements[3]["ts"] = 5
    path.write_text(json.dumps(elements))
    assert driftlab.read(path).assumed == []
