"""Small logs as people write them by hand, in many formats: right ones, and ones with one fault.

Each fault stands beside the same log without it, so that both the rule that names it and the
silence about the right one are tested.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import driftlab
from driftlab.errors import DriftlabError
from driftlab.judge.checker import Verdict
from tests.small_logs import journals


class Twins(NamedTuple):
    """A right log, and what to replace in it for a fault.

    edits: what is replaced. rules: those that the fault violates. name: its plain name, "" if it
    is that of its rule. options: how both are read. complete: whether both are whole.
    """

    file: str
    right: str
    edits: tuple[tuple[str, str], ...]
    rules: tuple[str, ...]
    name: str = ""
    options: Mapping[str, Any] = {}
    complete: bool = False


WORDS = """\
Machine,Event,Global time,Logical clock time,Length of the message queue,From,Message clock,To
VM1,INTERNAL,10:00:00.100,1,,,,
VM1,SEND,10:00:00.600,2,,,,VM2
VM2,RECEIVE,10:00:00.900,3,0,VM1,2,
VM2,INTERNAL,10:00:01.900,4,,,,
VM2,SEND,10:00:02.900,5,,,,VM1
VM1,INTERNAL,10:00:01.100,3,,,,
VM1,RECEIVE,10:00:03.100,6,0,VM2,5,
"""
CHANNEL = """\
machine,event,lamport,sender,stamp,targets
A,send,1,,,C
A,send,2,,,C
A,send,3,,,C
C,receive,2,A,1,
C,receive,3,A,2,
C,receive,4,A,3,
"""
ENTRIES = '{"host":"a","vc":{"a":1},"kind":"send","to":"b"}\n' + "".join(
    f'{{"host":"b","vc":{{"a":1,"b":{own}}},"kind":"{kind}"}}\n'
    for own, kind in ((1, "receive"), (2, "internal"), (3, "internal"))
)
NESTED = """\
{"meta":{"node":"a"},"vc":{"map":{"a":1}},"op":{"type":"send","to":["b"]}}
{"meta":{"node":"b"},"vc":{"map":{"b":1}},"op":{"type":"local"}}
{"meta":{"node":"b"},"vc":{"map":{"a":1,"b":2}},"op":{"type":"recv","from":"a"}}
{"meta":{"node":"b"},"op":{"type":"local"}}
"""
PAIRS = """\
node=a op=send to=b lamport=1 ts=2026-03-04T15:20:27.1Z
node=a op=send to=b lamport=2 ts=2026-03-04T15:20:27.2Z
node=b op=recv from=a stamp=1 lamport=2 ts=2026-03-04T15:20:27.3Z
node=b op=recv from=a stamp=2 lamport=3 ts=2026-03-04T15:20:27.4Z
"""
SYSTEM = """\
Mar  4 15:20:27 a app[12]: op=send to=b lamport=1
Mar  4 15:20:28 b app[12]: op=recv from=a stamp=1 lamport=2
Mar  4 15:20:29 b app[12]: op=local lamport=3
"""
EDN = """\
{:node "a", :kind :send, :to "b", :clock {"a" 1}}
{:node "b", :kind :recv, :from "a", :clock {"a" 1, "b" 1}}
{:node "b", :kind :local, :clock {"a" 1, "b" 2}}
"""
GO = (("a map[a:1]", "sends"), ("b map[b:1]", "rests"), ("b map[a:1 b:2]", "hears"),
      ("b map[a:1 b:3]", "works"))  # fmt: skip
TEXT = """\
[1] A sends to B
[2] B receives from A(1)
[3] B rests
"""
PATTERNS = (
    r"^\[(?<lamport>\d+)\] (?<host>\w+) (?<kind>sends) to (?<targets>\w+)",
    r"^\[(?<lamport>\d+)\] (?<host>\w+) (?<kind>receives) from (?<sender>\w+)\((?<stamp>\d+)\)",
    r"^\[(?<lamport>\d+)\] (?<host>\w+) (?<internal>rests)",
)
CHROME = """\
{"traceEvents":[
{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"a"}},
{"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"b"}},
{"ph":"X","pid":1,"tid":1,"name":"ask","ts":1,"dur":2,"args":{"lamport":1}},
{"ph":"s","pid":1,"tid":1,"name":"m","cat":"net","id":1,"ts":2},
{"ph":"X","pid":1,"tid":2,"name":"hear","ts":5,"dur":2,"args":{"lamport":2}},
{"ph":"f","bp":"e","pid":1,"tid":2,"name":"m","cat":"net","id":1,"ts":6}
]}
"""
SPANS = """\
{"resourceSpans":[
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"front"}}]},
  "scopeSpans":[{"spans":[{"traceId":"5b8e","spanId":"a1","name":"buy","kind":3,
   "startTimeUnixNano":"1000000","endTimeUnixNano":"9000000"}]}]},
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
  "scopeSpans":[{"spans":[{"traceId":"5b8e","spanId":"b1","parentSpanId":"a1","name":"add",
   "kind":2,"startTimeUnixNano":"502000000","endTimeUnixNano":"505000000"}]}]}]}
"""
OTHER_WORDS = """\
who,what,Ticker
A,internal,1
A,internal,2
"""
TIMES = """\
machine,event,time,lamport
A,internal,{},1
A,internal,{},2
A,internal,{},3
"""


def laid_out(form: str) -> str:
    """Return a log whose clocks are Go's maps. form: of a process with its clock, and a text."""
    return "".join(form.format(*each) for each in GO)


OWN_FIELDS = {"host": "who", "event": "what", "lamport": "Ticker"}
KEYS = {"clock": "vc.map", "kind": "op.type", "targets": "op.to", "sender": "op.from"}
COUNTS = "host,clock\n" + 'a,"{""a"":1}"\na,"{""a"":2}"\nb,"{""b"":1,""a"":2}"\n'

TWINS = {
    "the assignment's words, max(C + 1, stamp)": Twins(
        "log.csv", WORDS,
        (("900,3,0,VM1,2", "900,2,0,VM1,2"), ("01.900,4", "01.900,3"), ("02.900,5", "02.900,4"),
         ("03.100,6,0,VM2,5", "03.100,4,0,VM2,4")),
        ("clock-condition",), "max(C, stamp) or max(C + 1, stamp) at a receive",
    ),
    "the assignment's words, stamps before the increment": Twins(
        "log.csv", WORDS,
        (("900,3,0,VM1,2", "900,2,0,VM1,1"), ("01.900,4", "01.900,3"), ("02.900,5", "02.900,4"),
         ("03.100,6,0,VM2,5", "03.100,4,0,VM2,3")),
        ("clock-condition",), "stamps messages before the increment",
    ),
    "a message that is lost": Twins(
        "log.csv", CHANNEL, (("C,receive,3,A,2,\n", ""),), ("lost-message",), "loses messages"
    ),
    "one that comes twice": Twins(
        "log.csv", CHANNEL + "C,internal,5,,,\n", (("C,internal,5,,,", "C,receive,5,A,3,"),),
        ("delivered-twice",), "receives messages twice",
    ),
    "two that change places": Twins(
        "log.csv", CHANNEL,
        (("C,receive,3,A,2,\nC,receive,4,A,3,", "C,receive,4,A,3,\nC,receive,5,A,2,"),),
        ("fifo",), "messages overtake each other",
    ),
    "a queue sorted as text, one that comes too early": Twins(
        "log.csv",
        "host,kind,lamport,from,stamp,to\nA,send,98,,,B\nA,send,99,,,B\nA,send,100,,,B\n"
        "B,receive,101,A,98,\nB,receive,102,A,99,\nB,receive,103,A,100,\n",
        (("A,98,", "A,!,"), ("A,99,", "A,98,"), ("A,100,", "A,99,"), ("A,!,", "A,100,")),
        ("fifo",), "sorts the queue by stamp as text",
    ),
    "a queue that is not sorted as text": Twins(
        "log.csv",
        "host,kind,lamport,from,stamp,to\nA,send,97,,,B\nA,send,98,,,B\nA,send,99,,,B\n"
        "B,receive,101,A,97,\nB,receive,102,A,98,\nB,receive,103,A,99,\n",
        (("A,97,", "A,!,"), ("A,98,", "A,97,"), ("A,99,", "A,98,"), ("A,!,", "A,99,")),
        ("fifo",), "messages overtake each other",
    ),
    "a clock that goes back": Twins(
        "log.csv", "machine,event,lamport\nA,internal,1\nA,internal,2\nA,internal,3\n",
        (("l,3", "l,2"),), ("clock-condition",),
    ),
    "a negative clock": Twins(
        "log.csv", "machine,event,lamport\nA,internal,1\nA,internal,2\nA,internal,3\n",
        (("l,2", "l,-2"),), ("clock-entry",),
    ),
    "a fraction": Twins(
        "log.csv", "machine,event,lamport\nA,internal,1\nA,internal,2\nA,internal,3\n",
        (("l,2", "l,2.5"),), ("clock-entry",),
    ),
    "a clock in words": Twins(
        "log.csv", "machine,event,lamport\nA,internal,1\nA,internal,2\nA,internal,3\n",
        (("l,2", "l,two"),), ("clock-entry",),
    ),
    "a hole": Twins(
        "log.csv", "machine,event,lamport\nA,internal,1\nA,internal,2\nA,internal,3\n",
        (("l,3", "l,4"),), ("lamport-step",),
    ),
    "an entry of the future, JSON lines": Twins(
        "log.jsonl", ENTRIES, (('"a":1,"b":2', '"a":2,"b":2'), ('"a":1,"b":3', '"a":2,"b":3')),
        ("vector-ahead",),
    ),
    "an entry of the future, a whole log": Twins(
        "log.csv", COUNTS, (('1,""a"":2', '1,""a"":3'),), ("vector-ahead",), complete=True,
    ),
    "paths of keys": Twins(
        "log.jsonl", NESTED, (('"a":1,"b":2', '"a":0,"b":2'),), ("vector-merge",),
        options={"fields": KEYS},
    ),
    "pairs, times back": Twins("log.log", PAIRS, (("27.4Z", "27.25Z"),), ("time-back",)),
    "pairs, twice": Twins(
        "log.log", PAIRS, (("stamp=2", "stamp=1"),), ("delivered-twice",)
    ),
    "syslog": Twins("sys.log", SYSTEM, (("15:20:29", "15:20:26"),), ("time-back",)),
    "EDN": Twins("h.edn", EDN, (('"b" 2', '"b" 3'),), ("vector-own",)),
    "Go's maps beside the text": Twins(
        "g.log", laid_out("{0} {1}\n"), (("a:1 b:3", "b:3"),), ("vector-back",)
    ),
    "Go's maps after the text": Twins(
        "g.log", laid_out("{1} {0}\n"), (("a:1 b:3", "b:3"),), ("vector-back",)
    ),
    "Go's maps above the text": Twins(
        "g.log", laid_out("{0}\n{1}\n"), (("a:1 b:3", "a:1 b:4"),), ("vector-own",)
    ),
    "Go's maps below the text": Twins(
        "g.log", laid_out("{1}\n{0}\n"), (("a:1 b:3", "a:1 b:4"),), ("vector-own",)
    ),
    "patterns": Twins(
        "t.log", TEXT, (("[2] B", "[1] B"), ("[3] B", "[2] B")), ("clock-condition",),
        options={"pattern": PATTERNS},
    ),
    "Chrome": Twins("c.json", CHROME, (('"lamport":2', '"lamport":1'),), ("clock-condition",)),
    "spans": Twins(
        "s.json", SPANS, (("505000000", "905000000"),), ("time-skew",)
    ),
    "own words for columns": Twins(
        "l.csv", OTHER_WORDS, (("l,2", "l,3"),), ("lamport-step",),
        options={"format": "csv", "fields": OWN_FIELDS},
    ),
    "month first": Twins(
        "l.csv", TIMES.format("03/14/2026 10:00:00", "03/14/2026 10:00:01", "03/14/2026 10:00:02"),
        (("10:00:02", "09:59:59"),), ("time-back",),
    ),
    "ctime": Twins(
        "l.csv", TIMES.format(*(f"Wed Mar  4 15:20:2{second} 2026" for second in (6, 7, 8))),
        (("15:20:28", "15:20:25"),), ("time-back",),
    ),
    "ISO with an offset": Twins(
        "l.csv",
        TIMES.format("2026-03-04T15:20:27+02:00", "2026-03-04T13:20:28Z", "2026-03-04T13:20:29Z"),
        (("13:20:28Z", "15:20:28Z"),), ("time-back",),
    ),
    "a queue that counts what is taken, and a receive that counts nothing": Twins(
        "l.csv",
        "host,kind,lamport,queue,from,stamp,to\n"
        + "".join(f"A,send,{at},0,,,B\n" for at in range(1, 14))
        + "".join(
            f"B,receive,{2 * at},1,A,{at},\nB,internal,{2 * at + 1},0,,,\n" for at in range(1, 14)
        ),
        (("B,receive,8,1", "B,receive,8,0"),), ("queue",),
    ),
}  # fmt: skip


def judged(folder: Path, twins: Twins, text: str) -> Verdict:
    (folder / twins.file).write_text(text)
    history = driftlab.read(folder / twins.file, **twins.options)
    return history.check(complete=twins.complete)


@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
def test_one_fault_is_named_and_its_right_twin_holds(twins: Twins, tmp_path: Path) -> None:
    right = judged(tmp_path, twins, twins.right)
    assert (right.verdict, right.unread_lines, list(right.violations)) == ("holds", 0, [])
    wrong = twins.right
    for old, new in twins.edits:
        assert old in wrong, old
        wrong = wrong.replace(old, new, 1)
    verdict = judged(tmp_path, twins, wrong)
    assert {rule for rule, count in verdict.counts.items() if count} == set(twins.rules)
    assert verdict.unread_lines == 0
    if twins.name:
        assert [fault.name for fault in verdict.faults] == [twins.name]


ONE_EVENT = "host,kind,lamport\na,internal,1\n"


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (ONE_EVENT, {"aliases": {"z": "y"}}, "no process is called z"),
        (ONE_EVENT, {"fields": {"lamport": "Ticker"}}, "no column Ticker"),
        ("Who,What,Tick Tock\nA,internal,1\n", {}, "Who, What, Tick Tock"),
        ("hello\n", {}, "which format is this"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(
    text: str, options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DriftlabError, match=words):
        driftlab.read(tmp_path / "l.csv", **options)


def test_a_key_all_of_which_is_taken_is_not_said_to_be_kept_as_text(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(NESTED)
    verdict = driftlab.read(tmp_path / "log.jsonl", fields=KEYS).check()
    assert verdict.remarks == []
    (tmp_path / "log.jsonl").write_text(NESTED.replace('"vc":{', '"vc":{"by":"x",'))
    verdict = driftlab.read(tmp_path / "log.jsonl", fields=KEYS).check()
    assert any("vc" in remark for remark in verdict.remarks)


# Journals of ours without events.

ONE = "internal - - - 1 0 -"
END = "# end time=- ticks={} undelivered=0 incidents=0 reason=complete\n"


@pytest.mark.parametrize("last", ["", END.format(2)])
def test_a_journal_without_events_says_that_they_may_be_missing(last: str, tmp_path: Path) -> None:
    journals(tmp_path / "log", A=ONE, B=ONE)
    journal = tmp_path / "log" / "B.log"
    head = [line for line in journal.read_text().splitlines(keepends=True) if line[0] == "#"][:2]
    journal.write_text("".join(head) + last)
    verdict = driftlab.read(tmp_path / "log").check()
    assert [(one.rule, one.process, one.index) for one in verdict.unknowns()] == [
        ("process-order", "B", 0)
    ]
    assert (verdict.verdict, verdict.unknown) == ("holds", 1)
    assert any("events of B may be missing" in remark for remark in verdict.remarks)


def test_a_journal_that_says_that_there_was_no_event_lacks_none(tmp_path: Path) -> None:
    journals(tmp_path / "log", A=ONE, B=ONE)
    journal = tmp_path / "log" / "B.log"
    head = [line for line in journal.read_text().splitlines(keepends=True) if line[0] == "#"][:2]
    journal.write_text("".join(head) + END.format(0))
    verdict = driftlab.read(tmp_path / "log").check()
    assert (verdict.verdict, verdict.unknown, verdict.remarks) == ("holds", 0, [])
