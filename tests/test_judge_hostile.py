"""What hostile readers tried: right logs that say little, single faults that look like several."""

from collections.abc import Callable
from pathlib import Path

import pytest

import driftlab
from tests.test_judge import CLOCK, LATE, TICK, broken, edited
from tests.wrong_machines import write_run


def put(folder: Path, text: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def rules(path: Path, **options: str) -> set[str]:
    return broken(driftlab.read(path, **options))


# Right logs that do not say everything.

HEADS = "process,clock,kind,sender,stamp,targets"
SPARSE = {
    "a receive without a name": f"{HEADS}\nA,1,send,,,B\nA,2,send,,,B\nA,3,send,,,B\n"
    "B,2,receive,A,1,\nB,3,receive,,,\nB,4,receive,A,3,\n",
    "its place in the queue": f"{HEADS},queue\nA,1,send,,,B,0\nA,2,send,,,B,0\n"
    "B,2,receive,A,1,,1\nB,3,receive,,,,0\n",
    "no kinds, a queue": "host,Event,Queue Length\nA,hello,0\nA,world,1\nA,more,0\n",
    "kinds of another world": "process,type,lamport,queue\nA,zig,1,1\nA,zag,2,0\n",
    "a stamp and no kind": "process,lamport,stamp,targets\nA,1,,\nA,2,,B\nB,1,,\nB,3,2,\n",
    "a sender without a log": "process,lamport,vector,kind,sender,targets\n"
    'B,1,"{""B"":1}",send,,A\nD,1,"{""D"":1}",internal,,\n'
    'D,4,"{""A"":2,""B"":1,""D"":2}",receive,A,\n',
    "the head of a sender's log": "process,lamport,kind,sender,stamp\nA,64,send,,\nA,65,send,,\n"
    "C,1,internal,,\nC,2,receive,A,1\nC,66,receive,A,65\n",
    "a message that brings no news": "process,vector,kind,sender,targets\n"
    'A,"{""A"":1}",send,,"B,C"\nB,"{""A"":1,""B"":1}",receive,A,C\n'
    'C,"{""A"":1,""B"":1,""C"":1}",receive,B,\nC,"{""A"":1,""B"":1,""C"":2}",receive,A,\n'
    'A,"{""A"":2}",send,,C\nC,"{""A"":2,""B"":1,""C"":3}",receive,A,\n',
}


@pytest.mark.parametrize("text", SPARSE.values(), ids=SPARSE)
def test_what_a_log_does_not_say_is_not_held_against_it(text: str, tmp_path: Path) -> None:
    assert rules(put(tmp_path, text)) == set()


def test_a_damaged_record_may_be_anybodys_whatever_peer_it_names(tmp_path: Path) -> None:
    log = 'A {"A":1}\nx\nA {"A":2}\nx\n%%% broken\nreceive from B\n'
    log += 'A {"A":4,"B":1}\nx\nB {"B":1}\nsend\n'
    verdict = driftlab.read(put(tmp_path, log, "x.log"), format="shiviz").check()
    assert verdict.holds
    assert {(each.process, each.index) for each in verdict.unknowns()} >= {("A", 2)}


# Logs that contradict themselves at their begin, or in what goes where.

WRONG = {
    "a first event that knows the future": (
        'process,kind,message,vector\na,send,m1,"{""a"":1,""b"":3}"\n'
        'b,receive,m1,"{""a"":1,""b"":1}"\n', "vector-ahead"),
    "a send that heard of something": (
        'process,kind,message,vector,targets\nd,internal,,"{""d"":1}",\n'
        'd,send,m3,"{""d"":2, ""b"":1}",c\nb,send,m4,"{""b"":1}",a\n', "vector-ahead"),
    "an id that came to the wrong process": (
        "process,kind,message,lamport,targets\na,send,m1,1,b\nb,internal,,1,\n"
        "c,internal,,1,\nc,receive,m1,2,\n", "from-nowhere"),
    "a stamp that came to the wrong process": (
        f"{HEADS}\na,1,send,,,b\nb,1,internal,,,\nc,1,internal,,,\nc,2,receive,a,1,\n",
        "from-nowhere"),
    "a jump after a first clock of 0": (
        "process,kind,lamport\na,internal,0\na,internal,2\na,internal,3\n", "lamport-step"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "rule"), WRONG.values(), ids=WRONG)
def test_small_logs_that_cannot_be_are_named(text: str, rule: str, tmp_path: Path) -> None:
    history = driftlab.read(put(tmp_path, text))
    assert broken(history) == {rule}
    assert (history.check().in_flight or 0) >= 0


def test_clocks_that_stand_twice_keep_their_messages_apart(tmp_path: Path) -> None:
    """A restarts its clock; B received each of its four messages once, in order."""
    sends = "".join(f"A,{clock},send,,,B\n" for clock in (1, 2, 1, 2))
    receives = "".join(f"B,{own},receive,A,{stamp},\n" for own, stamp in
                       ((2, 1), (3, 2), (4, 1), (5, 2)))  # fmt: skip
    history = driftlab.read(put(tmp_path, f"{HEADS}\n{sends}{receives}"))
    assert broken(history) == {"clock-condition"}
    assert history.messages.source[4:].tolist() == [0, 1, 2, 3]


# One edit of a journal, one rule.


def wrong_clock(kind: str, by: int) -> Callable[[list[list[str]]], object]:
    def edit(events: list[list[str]]) -> None:
        place = next(place for place in range(20, len(events)) if events[place][4] == kind)
        events[place][CLOCK] = str(int(events[place][CLOCK]) + by)

    return edit


@pytest.mark.parametrize("kind", ["send", "receive", "internal"])
@pytest.mark.parametrize("by", [1, -1, 100, -15])
def test_a_wrong_clock_is_reported_as_that_whatever_it_collides_with(
    kind: str, by: int, tmp_path: Path
) -> None:
    for seed in range(8):
        history = edited(write_run(tmp_path, seed=seed), "A", wrong_clock(kind, by))
        assert len(broken(history)) == 1, list(history.check().violations)
        assert broken(history) <= {"clock-condition", "lamport-step"}


def swap_far(events: list[list[str]]) -> None:
    events[12], events[27] = events[27], events[12]


def find_what_nobody_sent(events: list[list[str]]) -> None:
    event = next(each for each in events[20:] if each[-1] != "-")
    event[-1] += ",B:999999"


def send_to_a_non_peer(events: list[list[str]]) -> None:
    event = next(each for each in events[10:] if each[4] == "send" and "," not in each[7])
    event[7] = "A"


def receive_and_send(events: list[list[str]]) -> None:
    next(each for each in events[20:] if each[4] == "receive")[7] = "B"


@pytest.mark.parametrize(
    ("edit", "rule"),
    [(swap_far, "process-order"), (find_what_nobody_sent, "from-nowhere"),
     (receive_and_send, "one-operation")],
)  # fmt: skip
def test_further_edits_of_a_good_history_have_one_name(
    edit: Callable[[list[list[str]]], object], rule: str, tmp_path: Path
) -> None:
    for seed in range(4):
        history = edited(write_run(tmp_path, seed=seed), "A", edit)
        assert broken(history) == {rule}, list(history.check().violations)


def test_a_message_to_no_peer_is_reported(tmp_path: Path) -> None:
    history = edited(write_run(tmp_path, seed=2), "A", send_to_a_non_peer)
    assert "peer-choice" in broken(history)


def test_a_machine_that_sleeps_a_minute_by_its_rate_is_named_after_three_ticks(
    tmp_path: Path,
) -> None:
    def sleep(events: list[list[str]]) -> None:
        del events[4:]
        for place, event in enumerate(events):
            event[LATE] = str(int(event[LATE]) + place * 10 * 10**9)
            assert event[TICK] == str(place)

    def held_up_once(events: list[list[str]]) -> None:
        del events[4:]
        for event in events[1:]:
            event[LATE] = str(10 * 10**9)

    for edit, expected in ((sleep, {"pacing"}), (held_up_once, set[str]())):
        history = edited(write_run(tmp_path), "A", edit)
        found = {
            each.rule for each in history.check(only=["pacing"]).violations if each.process == "A"
        }
        assert found == expected


def test_few_ticks_far_apart_are_not_slow_if_those_between_are_missing(tmp_path: Path) -> None:
    def thin(events: list[list[str]]) -> None:
        events[:] = events[::80]

    history = edited(write_run(tmp_path), "A", thin)
    assert history.check(only=["pacing"]).holds
