"""logfmt, syslog and EDN, and vector clocks as programming languages print maps."""

from pathlib import Path

import pytest

import driftlab
from driftlab.errors import DriftlabError
from driftlab.foreign import read_log
from driftlab.foreign.clock_values import ClockError, read_clock
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING


def read(path: Path, text: str, **options: object) -> Trace:
    path.write_text(text)
    (trace,) = read_log(path, **options)
    return trace


def reasons(trace: Trace) -> list[tuple[int, str]]:
    return [(each.line, each.reason) for each in trace.unread]


# Clocks as maps.

AB = {"a": 1, "b": 2}
MAPS = [
    ("map[a:1 b:2]", AB),
    ("&map[a:1 b:2]", AB),
    ('map[string]int{"a":1, "b":2}', AB),
    ("{a:1 b:2}", AB),
    ("{a:1, b:2}", AB),
    ("{ a: 1 , b: 2 }", AB),
    ("{a=1, b=2}", AB),
    ("VectorClock{a=1, b=2}", AB),
    ("{:a 1 :b 2}", AB),
    ("{:a 1, :b 2}", AB),
    ('{"a" 1, "b" 2}', AB),
    ("{'a': 1, 'b': 2}", AB),
    ("Counter({'a': 1, 'b': 2})", AB),
    ("defaultdict(<class 'int'>, {'a': 1, 'b': 2})", AB),
    ('{"a"=>1, :b=>2}', AB),
    ("map[]", {}),
    ("map[10.0.0.1:80:3 10.0.0.1:81:2]", {"10.0.0.1:80": 3, "10.0.0.1:81": 2}),
    ("map[node 1:1 node 2:2]", {"node 1": 1, "node 2": 2}),
    ("{10.0.0.1:80=1, x=2}", {"10.0.0.1:80": 1, "x": 2}),
    ("{'it\\'s': 1, \"b's\": 2}", {"it's": 1, "b's": 2}),
    ("{'a, b': 1}", {"a, b": 1}),
    ("{:n/a 1}", {"n/a": 1}),
    ("{0 1, 1 2}", {"0": 1, "1": 2}),
    ("{é=1}", {"é": 1}),
]
NO_MAPS = [
    "map[a:1 b]", "map[a:1  b:2]", "map[:1]", "map[a:1 b:2", "map[a:1 a:2]", "{a=1, b:2}",
    "{0 1 1 2}", "{a, b}", "{a,b=1}", "{a=1.5}", "{a=-1}", "{:a 1 :b}", "{a=1; b=2}", "{a b}",
    "{a=1} x", "{a=99999999999999999999}", "{a=1, a=2}", "{a={b=1}}", "{'a': 1", "{'a', 1}",
]  # fmt: skip


@pytest.mark.parametrize(("text", "clock"), MAPS)
def test_a_map_of_any_language_is_a_vector_clock(text: str, clock: dict[str, int]) -> None:
    assert read_clock(text) == clock


@pytest.mark.parametrize("text", NO_MAPS)
def test_what_may_mean_several_things_or_none_is_refused(text: str) -> None:
    with pytest.raises(ClockError):
        read_clock(text)


def test_maps_are_read_in_tables_and_by_patterns(tmp_path: Path) -> None:
    table = read(tmp_path / "x.csv", 'host,clock\na,map[a:1]\nb,"{a=1, b=1}"\nb,{0 1 1 2}\n')
    assert table.timestamp_texts() == ["1.0", "1.1"]
    assert "not clear which of its numbers are names" in reasons(table)[0][1]
    pattern = r"^(?<host>\w) (?<clock>map\[.*\])"
    text = read(tmp_path / "x.log", "a map[a:1]\nb map[a:1 b:1]\n", pattern=pattern)
    assert text.timestamp_texts() == ["1.0", "1.1"]


# logfmt.


def test_logfmt_is_known_by_its_first_line_and_judged(tmp_path: Path) -> None:
    good = (
        'ts=1 level=info host=a clock={a:1} kind=send message=7 msg="hello \\"x\\" world"\n'
        "2026-03-04T15:20:29Z INFO host=b clock=map[a:1 b:1] kind=receive message=7 hears it\n"
    )
    path = tmp_path / "x.log"
    trace = read(path, good)
    assert (trace.names, trace.timestamp_texts()) == (["a", "b"], ["1.0", "1.1"])
    assert list(trace.texts["event"]) == [None, "INFO hears it"]
    assert list(trace.texts["msg"]) == ['hello "x" world', None]
    assert driftlab.read(path).check().holds
    path.write_text(good.replace("map[a:1 b:1]", "map[b:1]"))
    assert driftlab.read(path).check().counts["vector-merge"] == 1


def test_lines_that_are_no_pairs_are_counted(tmp_path: Path) -> None:
    bad = 'no pairs\nhost=a host=b\nhost=a msg="open\nhost=a clock={a'
    text = f"host=a clock=1\n{bad}\nhost=a clock=2\n"
    trace = read(tmp_path / "x.log", text)
    assert len(trace) == 2
    says = ["no key=value", "the key host twice", "does not close", "neither a whole number"]
    for (line, reason), number, expected in zip(reasons(trace), (2, 3, 4, 5), says, strict=True):
        assert line == number
        assert expected in reason


# syslog.


def test_both_headers_of_syslog_give_host_and_time(tmp_path: Path) -> None:
    text = (
        'Dec 31 23:59:59 a app[12]: sends {"a":1}\n'
        "<13>Jan  1 00:00:01 b app: hears map[a:1 b:1]\n"
        '<34>1 1973-01-01T00:00:02.003Z b app - ID47 [x@1 clock="{a=1, b=2}" q="a\\"\\]"][y] said\n'
        "1973-01-01T01:00:03+01:00 b app: clock={a:1,b:3} walks on\n"
        '<5>1 - b app - - - {"vc":{"a":1,"b":4},"host":"b"}\n'
        "Feb 31 00:00:01 b app: x\n"
        "garbage\n"
    )
    trace = read(tmp_path / "x.log", text)
    assert trace.names == ["a", "b"]
    assert trace.timestamp_texts() == ["1.0", "1.1", "1.2", "1.3", "1.4", None]
    assert list(trace.texts["event"]) == ["sends", "hears", "said", "walks on", None, "x"]
    times = trace.columns.time_ns
    assert times is not None
    assert [time - int(times[0]) for time in times[:4].tolist()] == [
        0, 2_000_000_000, 3_003_000_000, 4_000_000_000
    ]  # fmt: skip
    assert times[4:].tolist() == [MISSING, MISSING]
    assert trace.texts["time"][5] == "Feb 31 00:00:01"
    assert [line for line, _ in reasons(trace)] == [7]
    assert trace.texts["q"][2] == 'a"]'


HEADER_TIMES = {
    "without a year": ["Mar  4 15:20:27", "Mar  4 15:20:28.25", "Mar  4 15:20:29"],
    "over new year": ["Dec 31 23:59:59", "Jan  1 00:00:01", "Dec 31 23:59:58", "Jan  1 00:00:02"],
    "with a 29th of February": ["Feb 28 23:59:59", "Feb 29 00:00:00", "Mar  1 00:00:00"],
    "beside a year": ["Dec 31 23:59:59", "2024-01-01T00:00:00Z", "Jan  1 00:00:01"],
    "of RFC 5424": ["2025-03-04T15:20:27.003Z", "2025-03-04T16:20:28.5+01:00"],
    "that cannot be": ["Mar  4 15:20:27", "Feb 31 00:00:01", "Mar  4 15:20:29"],
}


@pytest.mark.parametrize("times", HEADER_TIMES.values(), ids=HEADER_TIMES)
@pytest.mark.parametrize("pattern", [(), (r"(?P<event>walks)",)], ids=["read", "by a pattern"])
def test_a_header_says_the_time_that_the_same_text_says_in_a_column(
    tmp_path: Path, times: list[str], pattern: tuple[str, ...]
) -> None:
    log, table = tmp_path / "x.log", tmp_path / "x.csv"
    log.write_text("".join(f"{time} a app: walks\n" for time in times))
    table.write_text("process,time,event\n" + "".join(f"a,{time},walks\n" for time in times))
    of_log = driftlab.read(log, format="syslog", pattern=pattern).trace
    of_table = driftlab.read(table, format="csv").trace
    assert of_log.columns.time_ns is not None
    assert of_table.columns.time_ns is not None
    assert of_log.columns.time_ns.tolist() == of_table.columns.time_ns.tolist()
    assert (of_log.assumed, of_log.remarks) == (of_table.assumed, of_table.remarks)
    assert bool(of_log.assumed) == any("T" not in time for time in times)


def test_patterns_are_of_the_message_after_the_header(tmp_path: Path) -> None:
    text = "".join(
        f"Mar  4 15:20:2{at} {host} app[1]: {said}\n"
        for at, (host, said) in enumerate(
            [("a", "(3) sent to b"), ("b", "(4) got 3 of a"), ("b", "?")]
        )
    )
    path = tmp_path / "x.log"
    patterns = [
        r"^\((?<lamport>\d+)\) (?<kind>sent) to (?<targets>\w+)",
        r"^\((?<lamport>\d+)\) (?<kind>got) (?<stamp>\d+) of (?<sender>\w+)",
    ]
    path.write_text(text)
    verdict = driftlab.read(path, format="syslog", pattern=patterns).check()
    assert verdict.holds
    trace = driftlab.read(path, format="syslog", pattern=patterns).trace
    assert (len(trace), reasons(trace)) == (2, [(3, "matches nothing: ?")])
    path.write_text(text.replace("(4)", "(3)"))
    wrong = driftlab.read(path, format="syslog", pattern=patterns).check()
    assert wrong.counts["clock-condition"] == 1


# EDN.


def test_edn_maps_are_records(tmp_path: Path) -> None:
    text = (
        "{:process 0, :type :invoke, :f :read, :value nil, :time 3291, :clock {:0 1}}\n"
        '{:process 1 :clock {"0" 1 "1" 1} :event "x \\"y\\"" :tags #{:a} :at #inst "2020"}\n'
        "; a comment\n"
        "{:process 0, :type\n{:process 0 :process 1}\n[1 2]\n{:process 0} {:process 1}\n"
        "{:process 0 :x " + "[" * 5000 + "]" * 5000 + "}\n"
    )
    trace = read(tmp_path / "history.edn", text)
    assert (trace.names, trace.timestamp_texts()) == (["0", "1"], ["1.0", "1.1"])
    assert list(trace.texts["event"]) == ["read invoke", 'x "y"']
    assert [line for line, _ in reasons(trace)] == [3, 4, 5, 6, 7, 8]
    assert "nested too deep" in reasons(trace)[-1][1]


@pytest.mark.parametrize("format", ["logfmt", "syslog", "edn", "json", "otlp", "jaeger"])
def test_a_file_of_another_format_is_refused_with_a_line(tmp_path: Path, format: str) -> None:
    (tmp_path / "x").write_text("VM1 and VM2 are up\nand running\n")
    with pytest.raises(DriftlabError, match="no record could be read; line 1"):
        read_log(tmp_path / "x", format=format)


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ("(", ")"), ("[ ", " ]"), ("", "")])
def test_maps_of_edn_may_stand_in_a_vector(opens: str, closes: str, tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_text(
        f'{opens}{{:node "a" :clock {{"a" 1}} :event "asks"}}\n'
        f' {{:node "b" :clock {{"a" 1 "b" 1}} :event "hears"}}{closes}\n'
    )
    history = driftlab.read(path)
    assert len(history.trace) == 2
    assert not history.trace.unread
    assert history.check().verdict == "holds"


def test_what_follows_a_map_of_edn_is_unread(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_text("{:node a :lamport 1}\n{:node a :lamport 2}} \n{:node a :lamport 3} x\n")
    assert [each.line for each in driftlab.read(path).trace.unread] == [2, 3]
