"""Logs in words of their own: kinds, targets, names of columns, headings, and who is who.

Each kind of log has a right twin that holds, and one with a planted fault that is named
or undecided.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.errors import DriftlabError
from driftlab.foreign.clock_values import ClockError, read_clock
from driftlab.foreign.fields import ALIASES, TargetNames, near_field
from driftlab.foreign.kinds import PAIRS, kinds
from driftlab.foreign.unclear_columns import meaning_of
from driftlab.journal.files import UnreadableError
from driftlab.judge.unknown_kinds import REASON
from driftlab.model.columns import KINDS, RECEIVE, SEND, UNKNOWN_KIND
from tests.started import driftlab as command

# Process, kind, peer, message and Lamport clock of each event; every message is received.
RIGHT = (
    ("a", "send", "b", "m1", 1),
    ("b", "receive", "a", "m1", 2),
    ("b", "internal", "", "", 3),
    ("b", "send", "a", "m2", 4),
    ("a", "receive", "b", "m2", 5),
    ("a", "send", "b", "m3", 6),
    ("b", "receive", "a", "m3", 7),
    ("b", "send", "a", "m4", 8),
    ("a", "receive", "b", "m4", 9),
)
Events = Sequence[tuple[str, str, str, str, int]]
TWICE: Events = (*RIGHT, ("a", "receive", "b", "m4", 10))
LOST: Events = tuple(event for event in RIGHT if event[1:4] != ("receive", "b", "m2"))
BOTH = {"sender": "peer", "targets": "peer"}
WORDS = (  # of sends, receives and internal events
    ("gesendet", "empfangen", "Arbeit"),
    ("rpc out", "rpc in", "tick"),
    ("-->", "<--", "..."),
    ("=>", "<=", "--"),
    ("S", "R", "I"),
    ("msg.sent!", "msg.got!", "idle"),  # known words do not get in the way
)


def table(folder: Path, events: Events, words: Mapping[str, str], *, ids: bool = True) -> Path:
    path = folder / "log.csv"
    rows = [
        f"{process};{words.get(kind, kind)};{peer};{message if ids else ''};{clock}"
        for process, kind, peer, message, clock in events
    ]
    path.write_text("\n".join(["process;kind;peer;message;lamport", *rows]) + "\n")
    return path


def in_words(sent: str, received: str, internal: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the words by kind, and the kinds by word."""
    words = {"send": sent, "receive": received, "internal": internal}
    return words, {word: kind for kind, word in words.items()}


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(DriftlabError) as caught:
        driftlab.read(path, **options)
    return str(caught.value)


# The words of kinds.


@pytest.mark.parametrize("own", WORDS)
def test_words_of_the_users_are_the_kinds_that_he_says(own: Sequence[str], tmp_path: Path) -> None:
    words, said = in_words(*own)
    for events, ids in ((RIGHT, True), (RIGHT, False), (TWICE, True), (LOST, True)):
        plain = driftlab.read(table(tmp_path, events, {}, ids=ids)).check()
        verdict = driftlab.read(table(tmp_path, events, words, ids=ids), kinds=said).check()
        assert (verdict.counts, verdict.unknown) == (plain.counts, plain.unknown)
        assert verdict.holds == (events is RIGHT)


def test_a_word_is_found_in_the_text_of_an_event_where_it_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [
        {"node": "a", "event": "order 5 --> b", "vc": {"a": 1}},
        {"node": "b", "event": "order 5 <-- a", "vc": {"a": 1, "b": 1}},
        {"node": "b", "event": "no <--> and no ->", "vc": {"a": 1, "b": 2}},
        {"node": "b", "event": "Shipped it: SHIP 5", "vc": {"a": 1, "b": 3}},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = {"-->": "send", "<--": "receive", "ship": "send", "->": "internal"}
    history = driftlab.read(path, kinds=said)
    found = [KINDS[kind] for kind in history.trace.columns.kind.tolist()]
    assert found == ["send", "receive", "internal", "send"]


def test_a_word_that_never_occurs_is_refused_with_those_that_do(tmp_path: Path) -> None:
    path = table(tmp_path, RIGHT, in_words("S", "R", "I")[0])
    says = refused(path, kinds={"sendet": "send"})
    assert says == (
        "--kind sendet=send: no kind or text of an event has the word sendet; "
        "they say S (4), R (4), I (1)"
    )
    assert "there is no kind sent away; there are internal, send, receive" in refused(
        path, kinds={"S": "sent away"}
    )
    path.write_text("process,lamport\na,1\n")
    assert "it has no kinds, and no texts of events" in refused(path, kinds={"S": "send"})


def test_the_flag_takes_words_that_look_like_flags_and_a_reading_keeps_them(
    tmp_path: Path,
) -> None:
    words, _ = in_words("-->", "<--", "=")
    path, reading = table(tmp_path, RIGHT, words), tmp_path / "r.toml"
    flags = ["--kind", "-->=send", "--kind", "<--=receive", "--kind", "==internal"]
    done = command("check", path, *flags, "--strict", "--save-reading", reading)
    assert done.returncode == 0, done.stderr
    assert driftlab.load_reading(reading)["kinds"] == {
        "-->": "send", "<--": "receive", "=": "internal"
    }  # fmt: skip
    assert command("check", path, "--reading", reading, "--strict").returncode == 0
    assert "expected a word and a kind" in command("check", path, "--kind", "send").stderr


@pytest.mark.parametrize("pair", PAIRS)
def test_words_that_count_in_pairs_are_kinds_only_together(pair: tuple[str, str]) -> None:
    for form in (str.lower, str.upper, str.capitalize):
        sent, received = map(form, pair)
        for field in ("kind", "event"):
            assert kinds({field: [sent, received, "x"]}, 3).tolist() == [
                SEND, RECEIVE, UNKNOWN_KIND,
            ]  # fmt: skip
            for alone in (sent, received):
                assert kinds({field: [alone, "commit"]}, 2).tolist() == [UNKNOWN_KIND] * 2


def test_words_that_mean_nothing_here_are_named_with_the_flag(tmp_path: Path) -> None:
    path = table(tmp_path, RIGHT, in_words("S", "R", "I")[0], ids=False)
    verdict = driftlab.read(path).check()
    hint = (
        "the kind of 9 events is not known: S (4), R (4), I (1); say which are sent and received: "
        "--kind WORD=send --kind WORD=receive"
    )
    assert hint in verdict.remarks
    assert hint in driftlab.preview(path).runs[0].remarks
    path = table(tmp_path, RIGHT, {"internal": "I"})  # it sends nothing, so nothing is asked
    assert not any("not known" in line for line in driftlab.read(path).check().remarks)


# Names of messages at events of no known kind.


def unsaid(events: Events, folder: Path, *, words: tuple[str, str] = ("out", "in")) -> Path:
    return table(folder, events, {"send": words[0], "receive": words[1], "internal": "x"})


def test_names_of_messages_show_which_word_is_a_send(tmp_path: Path) -> None:
    verdict = driftlab.read(unsaid(RIGHT, tmp_path)).check()
    assert verdict.holds
    assert not verdict.unknown
    assert verdict.counts["delivered-twice"] == verdict.counts["lost-message"] == 0
    assert verdict.assumed[0] == (
        "out is a send and in a receive: of 4 messages that both name 4 are named first by out "
        "(--kind)"
    )
    assert driftlab.read(unsaid(TWICE, tmp_path)).check().counts["delivered-twice"] == 1
    lost = (*LOST, ("b", "send", "a", "m5", 9), ("a", "receive", "b", "m5", 10))
    assert driftlab.read(unsaid(lost, tmp_path)).check().counts["lost-message"] == 1


def test_a_word_of_several_receivers_is_no_send_whatever_early_clocks_say(tmp_path: Path) -> None:
    """Clocks written before their events: receivers that were behind show less than the send."""
    rows = ["process,kind,lamport,message_id"]
    rows += ["A,churn,0,", "A,churn,1,", "A,emit,2,m1", "B,emit,2,m2", "B,absorb,3,m1"]
    rows += ["C,churn,0,", "C,absorb,1,m1", "D,churn,0,", "D,absorb,1,m2"]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n")
    history = driftlab.read(tmp_path / "log.csv")
    assert not any("is a send" in line for line in history.assumed)
    assert history.check().verdict != "violated"
    right = [*rows[:4], "B,emit,2,m2", "B,absorb,4,m1", "C,churn,1,", "C,absorb,4,m1"]
    right += ["D,churn,1,", "D,absorb,3,m2"]
    (tmp_path / "log.csv").write_text("\n".join(right) + "\n")
    assert any("emit is a send" in line for line in driftlab.read(tmp_path / "log.csv").assumed)


def test_where_one_word_is_both_the_questions_are_counted_as_undecided(tmp_path: Path) -> None:
    """No name is one of a send or of a receive, so nothing holds of its message."""
    for events in (RIGHT, TWICE, LOST):
        path = unsaid(events, tmp_path, words=("msg", "msg"))
        verdict = driftlab.read(path).check()
        named = sum(bool(message) for _, _, _, message, _ in events)
        assert verdict.unknown_counts["delivered-twice"] == named
        assert verdict.unknown_counts["lost-message"] == named
        reasons = {each.rule: each.reason for each in verdict.unknowns()}
        jumps = reasons.pop("lamport-step")
        assert jumps.endswith("or whether it received anything")
        assert set(reasons.values()) == {REASON}
        assert command("check", path, "--strict").returncode == 1


def test_texts_in_a_column_of_messages_are_no_names_of_messages(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for text in ("asks b for {}", "ok"):
        lines = [
            {"node": name, "message": text.format(number), "vc": {name: number + 1}}
            for name in "ab"
            for number in range(8)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        verdict = driftlab.read(path).check()
        assert (verdict.holds, verdict.unknown) == (True, 0)
    journal = [
        {"_HOSTNAME": a, "MESSAGE": kind, "peer": b, "lc": clock} for a, kind, b, _, clock in RIGHT
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in journal))
    assert driftlab.read(path).check().counts["lost-message"] == 0


# Targets.


@pytest.mark.parametrize(
    "text",
    [
        "B and C", "B & C", "B&C", "B+C", "B + C", "B, C", "[B, C]", "B;C", "B; C", "B|C", "(B, C)",
        "{B, C}", "#{B C}", "B und C", "B, and C", "['B', 'C']", '["B","C"]', "<B, C>", "B\tC",
        "Machine B and Machine C", "node B, node C",
    ],
)  # fmt: skip
def test_targets_are_split_as_people_write_them(text: str) -> None:
    assert TargetNames(("A", "B", "C")).names(text) == ["B", "C"]


@pytest.mark.parametrize(
    ("known", "text", "names"),
    [
        ("R&D", "R&D", ["R&D"]),
        ("R&D", "R&D & QA", ["R&D", "QA"]),
        ("R&D", "QA, R&D", ["QA", "R&D"]),
        ("Smith and Sons", "Smith and Sons and B", ["Smith and Sons", "B"]),
        ("C++", "C++ + B", ["C++", "B"]),
        ("node 1", "node 1, B", ["node 1", "B"]),
        ("and", "B, and, C", ["B", "and", "C"]),
        ("(B)", "(B)", ["(B)"]),
        ("all", "all", ["all"]),
    ],
)
def test_names_of_known_processes_are_not_broken(known: str, text: str, names: list[str]) -> None:
    assert TargetNames((known,)).names(text) == names


@pytest.mark.parametrize("text", ["all", "to all", "all peers", "both nodes", "everyone else"])
def test_everybody_is_every_peer(text: str) -> None:
    assert TargetNames(("A", "B")).names(text) is None


def test_two_groups_of_targets_in_one_pattern_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("a 1 to b & c\nb 2 from a 1\nc 2 from a 1\na 2 to c\nc 3 from a 2\n")
    patterns = [
        r"^(?<host>\w) (?<lamport>\d) to (?<targets>\w)( & (?<target>\w))?$",
        r"^(?<host>\w) (?<lamport>\d) from (?<sender>\w) (?<stamp>\d)$",
    ]
    history = driftlab.read(path, pattern=patterns)
    assert [history.trace.targets_of(row) for row in range(2)] == [(1, 2), (2,)]
    assert history.check().holds
    lines = path.read_text().splitlines()
    lines[2] = "c 1 to a"
    path.write_text("\n".join(lines) + "\n")  # c got the second, not the first
    assert driftlab.read(path, pattern=patterns).check().counts["send-to-all"] == 1


def test_groups_of_one_field_that_exclude_each_other_are_one_column(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("a says 1\nb notes 1\n")
    pattern = r"^(?:(?<host>\w) says|(?<node>\w) notes) (?<lamport>\d)"
    assert list(driftlab.read(path, pattern=[pattern]).names) == ["a", "b"]


# Names of columns.


@pytest.mark.parametrize(
    "name", ["vclock", "vc", "vector_clock", "VectorClock", "vec", "vector_time", "vts"]
)
def test_a_vector_clock_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"node": "a", name: {"a": 1}}) + "\n")
    assert driftlab.read(path).trace.timestamps is not None


@pytest.mark.parametrize("name", ["lc", "lts", "lamport_ts", "LamportTS", "lclock", "lamport_clk"])
def test_a_lamport_clock_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"process,{name}\na,1\na,2\n")
    clock = driftlab.read(path, format="csv").trace.columns.clock
    assert clock is not None
    assert clock.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("values", "known", "field"),
    [
        ([1, 2, 3, 4], {}, "lamport"),
        (["1", "2", "4", "5"], {"time": []}, "lamport"),
        (["2026-03-04T15:20:27Z"] * 4, {}, "time"),
        ([1.5, 2.5, 3.5, 3.75], {"clock": []}, "time"),
        ([1741000000, 1741000001, 1741000001, 1741000002], {}, "time"),
        ([150, 2_000, 3_000, 4_500], {}, None),  # milliseconds, or a clock that skips
        ([4, 3, 2, 1], {}, None),
        ([1, None, 2, None], {"lamport": []}, None),  # what messages carried, perhaps
        ([1, 2, 3, 4], {"lamport": [], "time": []}, None),
    ],
)
def test_what_ts_is_is_decided_by_its_values(
    values: list[Any], known: dict[str, Any], field: str | None
) -> None:
    meaning = meaning_of("ts", values, known, ["a"] * 4)
    assert meaning is not None
    assert meaning.field == field
    if field is None and not {"lamport", "time"} <= known.keys():
        assert "ts may be a time or a clock: --field time=ts" in meaning.remark
        assert ("--field lamport=ts" in meaning.remark) == (not known)
    assert meaning_of("seconds", values, known, ["a"] * 4) is None


def test_the_log_says_what_it_took_ts_for(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for values, field in (((1, 2, 3), "lamport"), ((900, 40, 7), None)):
        path.write_text("process,kind,ts\n" + "".join(f"a,internal,{one}\n" for one in values))
        (run,) = driftlab.preview(path).runs
        assert {each.name: each.field for each in run.columns}["ts"] == field
        assert any("--field lamport=ts" in line for line in run.remarks) == (field is None)


@pytest.mark.parametrize(
    ("column", "field"),
    [("Lamprot clock", "lamport"), ("recieved_from", "sender"), ("colour", None), ("Ticker", None)],
)
def test_only_a_name_that_is_nearly_known_is_suggested(
    column: str, field: str | None, tmp_path: Path
) -> None:
    assert near_field(column) == field
    path = tmp_path / "log.csv"
    path.write_text(f"who,what,{column}\na,x,1\nb,y,2\n")
    says = refused(path)
    assert (f"--field {field}=" in says) == (field is not None)
    assert "--field NAME=COLUMN" in says or field is not None
    assert f"={column}" not in says or field is not None


def test_a_column_that_is_not_there_suggests_a_near_one(tmp_path: Path) -> None:
    path = table(tmp_path, RIGHT, {})
    assert "no column lamprot (did you mean lamport?)" in refused(
        path, fields={"lamport": "lamprot"}
    )
    assert "did you mean" not in refused(path, fields={"lamport": "colour"})


def test_columns_that_are_kept_as_text_have_the_names_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"node":"a","kind":"odd","msg":"x","clock":{"a":1},"id":"1","queue":"q"}\n')
    remarks = driftlab.read(path, fields={"message": "id", "queue": "id"}).check().remarks
    (kept,) = [line for line in remarks if line.startswith("kept as text")]
    assert "kind" in kept
    assert "_text" not in kept
    assert "_in_log" not in kept


def test_a_thread_is_the_process_only_if_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    events = [
        {"thread": "main", "ctx": {"node": name, "lc": clock}} for name in "ab" for clock in (1, 2)
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in events))
    assert list(driftlab.read(path).names) == ["a", "b"]
    path.write_text("".join(json.dumps({**each, "ctx": {"lc": 1}}) + "\n" for each in events))
    assert list(driftlab.read(path).names) == ["main"]


def test_a_word_before_a_clock_is_a_process_only_if_the_clock_counts_it(tmp_path: Path) -> None:
    """`deliver to b {…}` is no event of b."""
    path = tmp_path / "x.log"
    lines = []
    for number in range(1, 5):
        lines += [
            f'INFO -- a: sends to b {{"a"=>{2 * number - 1}, "b"=>{number - 1}}}',
            f'INFO -- b: hears from a {{"a"=>{2 * number - 1}, "b"=>{number}}}',
            f'INFO -- a: rests {{"a"=>{2 * number}, "b"=>{max(number - 1, 0)}}}',
        ]
    path.write_text("\n".join(lines) + "\n")
    assert "which format is this?" in refused(path)
    pattern = r"^INFO -- (?<host>\w): (?<event>.*) (?<clock>\{.*\})$"
    assert driftlab.read(path, pattern=[pattern]).check().holds


@pytest.mark.parametrize(
    "text",
    [
        "Map(a -> 1, b -> 2)", "HashMap(a -> 1, b -> 2)", "%{a: 1, b: 2}", '%{"a" => 1, "b" => 2}',
        "[a:1, b:2]", '["a": 1, "b": 2]', "VC(a=1, b=2)", "<a:1, b:2>", "(a:1, b:2)",
        "[{a,1},{b,2}]", "[{a, 1}, {b, 2}]", '[("a",1),("b",2)]', 'fromList [("a",1),("b",2)]',
        "{{a, 1}, {b, 2}}", "[['a', 1], ['b', 2]]", "#{a => 1, b => 2}", "{a->1, b->2}",
    ],
)  # fmt: skip
def test_maps_of_other_languages_are_vector_clocks(text: str) -> None:
    assert read_clock(text) == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["[{a,1},{b}]", "[{a,1} x]", "Map(a -> 1, b)", "f(x)", "[a b]"])
def test_what_is_no_map_is_no_clock(text: str) -> None:
    with pytest.raises(ClockError):
        read_clock(text)


def test_a_process_that_does_not_count_itself_is_judged_and_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("".join(f'a {{"a":1}}\nevent {n}\nb {{"b":{n + 1}}}\nx\n' for n in range(8)))
    assert driftlab.read(path).check().counts["vector-own"] == 7


# Headings, comments, files and names.


def test_lines_at_the_beginning_are_left_out_by_number(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.tsv").write_text("seq\tclk\n1\t1\n2\t2\n")
    pattern = r"^(?<index>\d+)\t(?<lamport>\d+)$"
    verdict = driftlab.read(tmp_path, pattern=[pattern]).check()
    assert verdict.unread_lines == 2
    assert (
        "the first line of a.tsv (and of 1 other file) is not read: seq\tclk; if it is a heading, "
        "--skip-lines 1 leaves it out" in verdict.remarks
    )
    history = driftlab.read(tmp_path, pattern=[pattern], skip_lines=1)
    assert history.check(complete=True).unread_lines == 0
    assert history.trace.source_of(0) == ("a.tsv", 2)
    flags = ("--pattern", pattern, "--skip-lines", "1", "--strict", "--complete")
    assert command("check", tmp_path, *flags).returncode == 0
    assert "whole number" in command("check", tmp_path, "--skip-lines", "-1").stderr


@pytest.mark.parametrize("format", ["csv", "json", "logfmt", "text"])
def test_comments_are_left_out_in_every_format(format: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = {
        "csv": ["process,lamport", "a,1", "a,2"],
        "json": ['{"host":"a","lamport":1}', '{"host":"a","lamport":2}'],
        "logfmt": ["host=a lamport=1", "host=a lamport=2"],
        "text": ["a 1", "a 2"],
    }[format]
    options: dict[str, Any] = {"format": format}
    if format == "text":
        options["pattern"] = [r"^(?<host>\w) (?<lamport>\d)"]
    path.write_text("\n".join(["# one", *lines[:1], "  # two", *lines[1:], "// end", ""]))
    history = driftlab.read(path, comment=["#", "//"], **options)
    assert (len(history), history.check().unread_lines) == (2, 0)
    assert history.trace.source_of(1)[1] == (5 if format == "csv" else 4)


def test_unread_lines_that_look_like_comments_name_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a 1\n# one\na 2\n# two\na 3\n")
    remarks = driftlab.read(path, pattern=[r"^(?<host>\w) (?<lamport>\d)"]).check().remarks
    assert "2 unread lines begin with #; --comment '#' leaves out what begins so" in remarks


def test_a_process_is_found_in_a_files_name_without_its_suffix(tmp_path: Path) -> None:
    for name in ("worker_blue.tsv", "worker_red.tsv"):
        (tmp_path / name).write_text("event,lamport\nx,1\n")
    for where in (r"worker_(.*)", r"worker_(.*)$", r"worker_(\w+)", r"worker_(.*)\.tsv"):
        history = driftlab.read(tmp_path, format="csv", process_from=where)
        assert list(history.names) == ["blue", "red"]


def test_an_alias_may_be_a_new_name(tmp_path: Path) -> None:
    path = table(tmp_path, RIGHT, {})
    history = driftlab.read(path, aliases={"a": "Anna"})
    assert list(history.names) == ["Anna", "b"]
    assert history.check().holds
    assert "--alias a=Anna: a is called Anna, a name that the log lacks" in history.check().remarks
    assert "no process is called c" in refused(path, aliases={"c": "Anna"})


def test_no_field_has_the_name_of_another() -> None:
    names = [name for field, aliases in ALIASES.items() for name in (field, *aliases)]
    assert len(set(names)) == len(names)


def test_wrong_numbers_of_lines_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, RIGHT, {})
    with pytest.raises(UnreadableError):
        driftlab.read(path, skip_lines=-1)
