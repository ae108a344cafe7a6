"""Logs that leave out what decides: kinds, senders, logs of processes, names of columns.

Each kind of log has a right twin, of which nothing is violated, and one with a planted
fault that is named.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.errors import DriftlabError
from driftlab.foreign.file_names import words_apart
from driftlab.foreign.kinds import is_of_kinds
from driftlab.judge.checker import Verdict
from tests.started import driftlab as command


def put(folder: Path, text: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
    return path


def judged(folder: Path, text: str, *, complete: bool = False, **options: Any) -> Verdict:
    return driftlab.read(put(folder, text), **options).check(complete=complete)


def names_of(verdict: Verdict) -> list[str]:
    return [fault.name for fault in verdict.faults]


# Stamps that several sends may have carried.

TWO_SENDS = "process,kind,lamport,stamp\na,send,1,\nb,send,1,\nc,receive,2,1\nc,receive,3,1\n"


def test_a_stamp_that_two_sends_have_is_undecided_in_a_whole_log(tmp_path: Path) -> None:
    verdict = judged(tmp_path, TWO_SENDS, complete=True)
    assert (verdict.counts.get("from-nowhere", 0), verdict.unknown_counts["from-nowhere"]) == (0, 2)


@pytest.mark.parametrize(
    "change",
    [("c,receive,3,1", "c,receive,3,7"), ("c,receive,3,1", "c,receive,3,1\nc,receive,4,1")],
)
def test_a_stamp_of_no_send_and_one_message_too_many_come_from_nowhere(
    change: tuple[str, str], tmp_path: Path
) -> None:
    assert judged(tmp_path, TWO_SENDS.replace(*change), complete=True).counts["from-nowhere"]


# Events whose kind is not said.

JUMP = "host,text,lamport\na,boot,1\na,asks b,2\nb,boot,1\nb,hears a,3\nb,idle,4\n"


def test_a_clock_that_jumps_where_no_kind_is_said_is_undecided(tmp_path: Path) -> None:
    verdict = judged(tmp_path, JUMP)
    assert (verdict.counts["lamport-step"], verdict.unknown_counts["lamport-step"]) == (0, 1)
    assert any("kind of 1 event whose clock moves by more than 1" in r for r in verdict.remarks)
    right = judged(tmp_path, JUMP.replace(",3", ",2").replace("idle,4", "idle,3"))
    assert (right.unknown, right.counts["lamport-step"]) == (0, 0)


def test_a_clock_that_jumps_is_wrong_where_kinds_are_said(tmp_path: Path) -> None:
    text = JUMP.replace("text", "kind").replace("hears a", "idle")
    said = dict.fromkeys(("boot", "asks b", "idle"), "internal")
    assert judged(tmp_path, text, kinds=said).counts["lamport-step"] == 1
    stands = JUMP.replace("idle,4", "idle,3")
    assert judged(tmp_path, stands).counts["clock-condition"] == 1


HEADS = ("what", "op", "action", "event", "type", "phase", "Vorgang")
WORDS = (("sent", "got", "local"), ("SEND", "RECV", "INTERNAL"), ("tx", "rx", "local"))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("words", WORDS)
def test_a_column_of_kinds_is_known_by_its_values(
    head: str, words: Sequence[str], tmp_path: Path
) -> None:
    send, receive, internal = words
    text = f"host,{head},lamport\na,{send},1\nb,{internal},1\nb,{receive},2\nb,{internal},3\n"
    history = driftlab.read(put(tmp_path, text))
    assert history.events["kind"].to_list() == ["send", "internal", "receive", "internal"]
    wrong = judged(tmp_path, text.replace(f"{internal},3", f"{internal},5"))
    assert wrong.counts["lamport-step"] == 1


def test_a_column_of_levels_is_no_column_of_kinds_and_does_not_hide_one(tmp_path: Path) -> None:
    text = "host,type,what,lamport\na,INFO,sent,1\nb,WARN,local,1\nb,INFO,got,2\n"
    history = driftlab.read(put(tmp_path, text))
    assert history.events["kind"].to_list() == ["send", "internal", "receive"]
    assert "the column what is the kind of event" in history.check().assumed[0]
    assert not is_of_kinds(["INFO", "WARN", "INFO"])
    assert not is_of_kinds(["local", "local"])  # of one kind, which tells nothing apart
    assert not is_of_kinds(["sent", "got", "started", "ended"])
    assert not is_of_kinds([1, 2, 3])


QUEUES = (("a", "s!", "0"), ("b", "r!", "1"), ("b", "i!", "0"), ("b", "s!", "0"), ("a", "r!", "1"))


def queue_log() -> str:
    """Return a log that counts the message that is taken, in words that mean nothing."""
    rows = ["host,what,lamport,queue,from,msgclock"]
    for clock in range(1, 31):
        process, word, queue = QUEUES[(clock - 1) % 5]
        of = f"{'ba'[process == 'b']},{clock - 1}" if word == "r!" else ","
        rows.append(f"{process},{word},{clock},{queue},{of}")
    return "\n".join([*rows, "a,i!,31,0,,"])


def test_conventions_of_queues_are_found_where_kinds_are_not_known(tmp_path: Path) -> None:
    verdict = judged(tmp_path, queue_log())
    assert not verdict.violations
    assert any("queue lengths count the message" in line for line in verdict.assumed)
    assert verdict.counts["queue"] == 0
    wrong = judged(tmp_path, queue_log().replace("b,i!,13,0", "b,i!,13,4"))
    assert wrong.counts["queue"] + wrong.counts["one-operation"]


# A process without a log, beside clocks that are written before their event.

BEFORE = """host,kind,lamport,sender,stamp
    a,internal,0,,
    a,internal,1,,
    a,receive,2,x,7
    a,internal,8,,
    b,internal,0,,
    b,receive,1,x,9
    b,internal,10,,"""
INCREMENT = "host,kind,lamport,sender,stamp\na,internal,0,,\na,receive,7,x,7\na,internal,8,,\n"


@pytest.mark.parametrize("text", [BEFORE, INCREMENT])
def test_early_clocks_are_left_open_where_the_senders_have_no_log(
    text: str, tmp_path: Path
) -> None:
    verdict = judged(tmp_path, text)
    assert not verdict.violations
    assert verdict.unknown_counts["clock-condition"]
    assert any("have no log: undecided" in line for line in verdict.assumed)


@pytest.mark.parametrize(
    "text",
    [
        BEFORE.replace("a,internal,8", "a,internal,5"),  # below what it received
        INCREMENT.replace("a,internal,0", "a,internal,1"),  # which begins after its first event
        INCREMENT + "x,send,7,,\nx,internal,8,,\n",  # whose sender has a log, and shows its clocks
    ],
)
def test_a_wrong_receive_stays_wrong_where_early_clocks_do_not_explain_it(
    text: str, tmp_path: Path
) -> None:
    assert judged(tmp_path, text).violations


def early_log(receive: str) -> str:
    """Return a log whose lines have the clock before their event, of a program that may err."""
    clock, rows = {"a": 0, "b": 0}, ["host,kind,lamport,sender,stamp"]
    sent: list[tuple[str, str, int]] = []
    for step in range(40):
        me, other = ("a", "b") if step % 2 else ("b", "a")
        for _ in range(1 + step % 3):
            rows.append(f"{me},internal,{clock[me]},,")
            clock[me] += 1
        rows.append(f"{me},send,{clock[me]},,")
        clock[me] += 1
        sent.append((me, other, clock[me]))
        while step % 3 == 0 and sent:  # some come late, when the receiver's clock is above them
            sender, to, stamp = sent.pop(0)
            rows.append(f"{to},receive,{clock[to]},{sender},{stamp}")
            clock[to] = max(clock[to], stamp) + (receive != "max0")
    return "\n".join(rows)


def test_a_program_that_errs_and_writes_clocks_early_gets_the_name_of_its_fault(
    tmp_path: Path,
) -> None:
    assert not judged(tmp_path, early_log("right")).violations
    wrong = judged(tmp_path, early_log("max0"))
    assert names_of(wrong) == ["max(C, stamp) at a receive"]


def test_two_faults_that_write_one_log_are_both_named_though_a_column_of_stamps_is_empty(
    tmp_path: Path,
) -> None:
    """Messages have ids; the process c shows the fault at its first event alone."""
    clock, rows = {"a": 0, "b": 0, "c": 0}, ["host,kind,lamport,message,stamp"]
    sent: list[tuple[str, int, int]] = []
    for step in range(41):
        me, other = ("a", "c") if step == 0 else ("a", "b") if step % 2 else ("b", "a")
        for _ in range(step % 4):
            clock[me] += 1
            rows.append(f"{me},internal,{clock[me]},,")
        sent.append((other, step, clock[me]))  # the clock before the increment
        clock[me] += 1
        rows.append(f"{me},send,{clock[me]},{step},")
        while step % 3 == 0 and sent:  # some come late, when the receiver's clock is above them
            to, name, stamp = sent.pop(0)
            clock[to] = max(clock[to], stamp) + 1
            rows.append(f"{to},receive,{clock[to]},{name},")
    (fault,) = judged(tmp_path, "\n".join(rows)).faults
    assert fault.name == "stamps messages before the increment, or max(C + 1, stamp) at a receive"
    assert "c" in fault.processes


# Names of processes and files.


@pytest.mark.parametrize(
    ("stems", "peers", "found"),
    [
        (("node_0", "node_2"), {"0", "1"}, ["0", "2"]),  # 1 has no log
        (("node_0", "node_1"), {"0", "1", "2"}, ["0", "1"]),
        (("node_0", "node_1"), {"1", "2"}, None),  # they may count from 1
        (("web_log", "db_log"), {"web", "db", "mail"}, ["web", "db"]),
        (("web_log", "db_log"), {"web", "mail"}, None),
        (("node_0", "node_2"), {"0", "x"}, None),
    ],
)
def test_files_are_joined_with_peers_where_one_has_no_log(
    stems: Sequence[str], peers: set[str], found: list[str] | None
) -> None:
    words = words_apart(stems, peers)
    assert (None if words is None else list(words.values())) == found


def test_files_are_not_joined_where_an_event_would_name_its_own_process(tmp_path: Path) -> None:
    rows = "kind,lamport,to\nsend,1,{}\nsend,2,{}\n"
    for number, peers in ((0, "23"), (1, "13"), (2, "12")):  # called 1, 2 and 3
        put(tmp_path / "log", rows.format(*peers), f"node_{number}.csv")
    assert driftlab.read(tmp_path / "log").names[:3] == ["node_0", "node_1", "node_2"]


# What the log itself says.


def test_messages_are_named_as_the_log_names_them(tmp_path: Path) -> None:
    text = "process,kind,lamport,message\na,send,1,m1\nb,receive,2,m1\nb,receive,3,zz9\n"
    path = put(tmp_path, text)
    (violation,) = list(driftlab.read(path).check(complete=True).violations)
    assert violation.expected.endswith("of message zz9")
    for flags in (["--json"], ["--github"], []):
        said = command("check", path, "--complete", *flags).stdout
        assert "zz9" in said
        assert "message 1" not in said
    command("check", path, "--complete", "--quiet", "--junit", tmp_path / "j.xml")
    assert "message zz9" in (tmp_path / "j.xml").read_text()


def test_why_and_cut_say_how_many_receives_have_no_send(tmp_path: Path) -> None:
    text = "host,kind,lamport\na,send,1\nc,send,1\nb,receive,2\nb,receive,3\n"
    path = put(tmp_path, text)
    line = "as far as is known: 2 of 2 receives are matched with no send"
    assert line in command("why", path, "a:0", "b:1").stdout
    assert json.loads(command("why", path, "a:0", "b:1", "--json").stdout)["unknown"] == 2
    assert line in command("cut", path, "--containing", "b:1").stdout
    cut = json.loads(command("cut", path, "--containing", "b:1", "--json").stdout)
    assert cut["unknown"] == 2
    named = put(tmp_path, "host,kind,lamport,message\na,send,1,x\nb,receive,2,x\nc,send,1,y\n")
    assert "as far as" not in command("why", named, "c:0", "b:0").stdout


def test_columns_that_were_read_by_a_path_are_not_said_to_be_kept_as_text(tmp_path: Path) -> None:
    records = [
        {"service": {"name": "a"}, "ev": {"act": "sent"}, "labels": {"lc": 1, "zone": "x"}},
        {"service": {"name": "b"}, "ev": {"act": "got"}, "labels": {"lc": 2, "zone": "y"}},
    ]
    path = put(tmp_path, "\n".join(map(json.dumps, records)), "log.jsonl")
    fields = {"host": "service.name", "kind": "ev.act", "lamport": "labels.lc"}
    assert driftlab.read(path, fields=fields).check().remarks == [
        "kept as text, not judged: labels"
    ]  # whose zone is
    (run,) = driftlab.preview(path, fields=fields).runs
    assert {column.name: column.field for column in run.columns} == {
        "labels": None, "service.name": "host", "ev.act": "kind", "labels.lc": "lamport",
    }  # fmt: skip


def test_words_of_a_saved_reading_need_not_occur_but_those_of_a_flag_must(tmp_path: Path) -> None:
    path = put(tmp_path, "host,op,lc\na,TX,1\nb,RX,2\n")
    reading = tmp_path / "r.toml"
    driftlab.save_reading(reading, {"kinds": {"IDLE": "internal"}})
    assert driftlab.read(path, reading=reading).check().holds
    with pytest.raises(DriftlabError, match="--kind IDLE=internal: no kind"):
        driftlab.read(path, kinds={"IDLE": "internal"})
    with pytest.raises(DriftlabError, match="--kind WAIT=internal: no kind"):
        driftlab.read(path, reading=reading, kinds={"WAIT": "internal"})


# Lines, files and columns that are none.


def test_lines_of_blanks_are_not_unread(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("host,kind,lamport\na,send,1\n  \n\t\n\nb,receive,2\n , \nc,internal,1,x\n")
    assert [one.line for one in driftlab.read(path).check().unread] == [7, 8]


@pytest.mark.parametrize("content", ["", "kind,lamport\n"])
@pytest.mark.parametrize("empty", ["n0.csv", "n1.csv", "n2.csv"])
def test_a_file_without_events_is_no_reason_to_refuse_its_folder(
    empty: str, content: str, tmp_path: Path
) -> None:
    for name in ("n0.csv", "n1.csv", "n2.csv"):
        put(tmp_path / "log", "kind,lamport\ninternal,1\ninternal,2\n", name)
    (tmp_path / "log" / empty).write_text(content)
    history = driftlab.read(tmp_path / "log")
    assert len(history) == 4
    assert f"{empty} holds no event" in history.check().assumed
    for file in (tmp_path / "log").iterdir():
        file.write_text("")
    with pytest.raises(DriftlabError, match="empty"):
        driftlab.read(tmp_path / "log")


def test_further_columns_do_not_keep_a_table_from_being_known(tmp_path: Path) -> None:
    for name, row in (("n0", "9,TX,1,0,,,x,y,z"), ("n1", "12,RX,2,0,n0,1,x,y,z")):
        put(tmp_path / "log", f"uptime_ms,op,lc,q,src,rxlc,foo,bar,baz\n{row}", f"{name}.csv")
    events = driftlab.read(tmp_path / "log").events
    assert events["time_ns"].to_list() == [9_000_000, 12_000_000]
    assert events["queue"].to_list() == [0, 0]


@pytest.mark.parametrize("head", ["service", "svc", "service_name"])
def test_a_service_is_a_process_where_nothing_else_is(head: str, tmp_path: Path) -> None:
    assert driftlab.read(put(tmp_path, f"{head},lc\na,1\nb,1\n")).names == ["a", "b"]
    assert driftlab.read(put(tmp_path, f"{head},node,lc\na,x,1\nb,x,2\n")).names == ["x"]


def test_a_column_q_that_holds_no_lengths_stays_text(tmp_path: Path) -> None:
    for values in (("what?", "why?"), ("1.5", "2"), ("700", "1")):
        text = "host,lc,q\n" + "\n".join(f"a,{k},{q}" for k, q in enumerate(values, 1))
        verdict = judged(tmp_path, text)
        assert "kept as text, not judged: q" in verdict.remarks
        assert not verdict.unread


# A program that was started again.


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("host,kind,lc\nweb,internal,1\nweb,internal,2\nweb,internal,1\nweb,internal,2", 4),
        ('host,vc\nweb,"{""web"":1}"\nweb,"{""web"":2}"\nweb,"{""web"":1}"', 4),
    ],
)
def test_a_clock_that_begins_anew_is_a_violation_and_a_remark(
    text: str, place: int, tmp_path: Path
) -> None:
    verdict = judged(tmp_path, text)
    assert verdict.violations
    assert any(f"begins anew at log.csv:{place}" in remark for remark in verdict.remarks)
