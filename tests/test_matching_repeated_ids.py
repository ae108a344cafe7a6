"""Ids that several sends have: each receive goes to a send that it can be, or to none."""

import random
from pathlib import Path

import pytest

import driftlab
from driftlab.history.matching import by_id
from driftlab.history.matching.match import match
from driftlab.model.columns import MISSING
from tests.hand_made_traces import Event, log, receive, send, sources_of
from tests.small_logs import table, undecided

FULL = "process kind lamport message_id sender targets"


def got(clock: int, sender: str, number: int) -> Event:
    return receive(clock, sender, MISSING, received=number)


def matched(**processes: list[Event]) -> dict[str, str]:
    trace = log(processes)
    return sources_of(trace, match(trace))


def test_counters_of_each_sender_name_the_messages_of_that_sender(tmp_path: Path) -> None:
    history = table(tmp_path, FULL, """
        a send 1 1 - b
        b send 1 1 - a
        a receive 2 1 b -
        b receive 2 1 a -
    """)  # fmt: skip
    verdict = history.check()
    assert verdict.verdict == "holds"
    assert not verdict.unknown
    assert verdict.assumed == [
        "message ids repeat: 2 receives matched by id, sender, target and order on the channel "
        "(--match)"
    ]


def test_a_reply_with_the_id_of_its_request_is_not_the_request(tmp_path: Path) -> None:
    right = "a send 1 7\nb receive 2 7\nb send 3 7\na receive 4 7"
    verdict = table(tmp_path, "process kind lamport message", right).check()
    assert verdict.verdict == "holds"
    wrong = right.replace("a receive 4", "a receive 3")
    verdict = table(tmp_path, "process kind lamport message", wrong).check()
    assert [(each.rule, each.line) for each in verdict.violations] == [("clock-condition", 5)]


def test_an_id_of_several_senders_that_nothing_tells_apart_names_no_message(tmp_path: Path) -> None:
    events = "a send 1 1\nb send 1 1\nc internal 1 -\nc receive 2 1\nc receive 3 1"
    verdict = table(tmp_path, "process kind lamport message", events).check()
    assert not verdict.violations
    assert {rule for rule, *_ in undecided(verdict)} >= {"from-nowhere", "clock-condition"}
    assert verdict.assumed[0] == ("message ids repeat: 2 receives may have any of several senders")
    shown = "a send 4 1\nb send 7 1\nc internal 1 -\nc receive 5 1\nc receive 8 1"
    assert table(tmp_path, "process kind lamport message", shown).check().unknown == 0


def test_a_wrong_id_takes_no_receive_of_another_line(tmp_path: Path) -> None:
    events = """
        a send {a:1} 1
        b send {b:1} 2
        c receive {b:1,c:1} 2
        c send {b:1,c:2} 3
        a receive {a:2,b:1,c:2} 3
        b receive {b:2,c:2} 3
        b send {b:3,c:2} 9
        a receive {a:3,b:3,c:2} 9
    """
    columns = "process kind clock message"
    assert table(tmp_path, columns, events).check().verdict == "holds"
    edited = events.replace("{b:3,c:2} 9\n        a", "{b:3,c:2} 3\n        a")
    verdict = table(tmp_path, columns, edited).check()
    assert not verdict.violations
    assert {line for _, line, _ in undecided(verdict)} == {"a:2"}


@pytest.mark.parametrize(
    ("received", "sends"),
    [
        ([1, 2, 1, 2, 1, 2], [0, 1, 2, 3, 4, 5]),
        ([1, 2, 2, 1, 2], [0, 1, 3, 4, 5]),  # one was lost
        ([1, 2, 1, 1, 2, 1, 2], [0, 1, 2, 2, 3, 4, 5]),  # one came twice
        ([2, 1, 1, 2, 1, 2], [1, 0, 2, 3, 4, 5]),  # two changed places
        ([1, 2, 1], [0, 1, 2]),  # the others are in flight
    ],
)
def test_a_counter_that_wraps_is_told_by_the_order(received: list[int], sends: list[int]) -> None:
    sent = [send(clock, "b", sent=1 + (clock - 1) % 2) for clock in range(1, 7)]
    receives = [got(10 + place, "a", number) for place, number in enumerate(received)]
    found = matched(a=sent, b=receives)
    assert found == {f"b{place}": f"a{number}" for place, number in enumerate(sends)}


def test_a_message_of_a_repeated_id_is_never_of_the_receiver_or_of_a_send_to_others() -> None:
    found = matched(
        a=[send(1, "b", sent=1), got(2, "c", 1)],
        b=[send(1, "c", sent=1), got(2, "a", 1)],
        c=[got(2, "b", 1)],
    )
    assert found == {"a1": "?", "b1": "a0", "c0": "b0"}


@pytest.mark.parametrize("wrap", [2, 5, 100])
@pytest.mark.parametrize("seed", range(6))
def test_right_programs_hold_and_a_doubled_message_is_named(
    tmp_path: Path, wrap: int, seed: int
) -> None:
    lines = _right_log(random.Random(seed), wrap)
    history = table(tmp_path, FULL, "\n".join(lines))
    verdict = history.check(complete=True)
    assert (verdict.verdict, verdict.unknown) == ("holds", 0)
    if wrap == 2:  # what comes twice may be the message after the next
        return
    last = max(number for number, line in enumerate(lines) if " receive " in line)
    name, kind, clock, rest = lines[last].split(" ", 3)
    again = [*lines[: last + 1], f"{name} {kind} {int(clock) + 1} {rest}"]
    verdict = table(tmp_path, FULL, "\n".join(again)).check()
    assert not verdict.holds
    assert {each.line for each in verdict.violations} <= {last + 3}


def _right_log(draw: random.Random, wrap: int) -> list[str]:
    """Return the lines of a right program whose senders number their messages modulo `wrap`."""
    names, clock, sent = "abc", dict.fromkeys("abc", 0), dict.fromkeys("abc", 0)
    waiting: dict[str, list[tuple[str, int, int]]] = {name: [] for name in names}
    lines = []
    for _ in range(60):
        name = draw.choice(names)
        clock[name] += 1
        if waiting[name] and draw.random() < 0.6:
            sender, number, stamp = waiting[name].pop(0)
            clock[name] = max(clock[name], stamp + 1)
            lines.append(f"{name} receive {clock[name]} {number} {sender} -")
        else:
            sent[name] += 1
            to = draw.choice([other for other in names if other != name])
            waiting[to].append((name, 1 + sent[name] % wrap, clock[name]))
            lines.append(f"{name} send {clock[name]} {1 + sent[name] % wrap} - {to}")
    return lines


def test_the_history_says_of_what_its_order_is_made(tmp_path: Path) -> None:
    history = table(tmp_path, FULL, "a send 1 1 - b\nb send 1 1 - a\na receive 2 1 b -")
    assert isinstance(history, driftlab.History)
    assert history.assumed[0].startswith("message ids repeat: 1 receive matched by id")


def test_of_very_many_sends_of_an_id_those_near_a_receive_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(by_id, "PAIRS_MAX", 100)
    sent = [send(clock, "b", sent=clock % 3) for clock in range(1, 201)]
    receives = [got(300 + number, "a", number % 3) for number in range(1, 201) if number != 70]
    found = matched(a=sent, b=receives)
    assert list(found.values()) == [f"a{number}" for number in range(200) if number != 69]
    trace = log({"a": sent, "b": receives}, without=["sender"])
    assert len(match(trace).ambiguous) == len(receives)


def test_one_id_of_two_senders_among_ids_of_one_is_doubtful(tmp_path: Path) -> None:
    columns = "process kind lamport message_id sender targets"
    right = """
        a send 1 1 - b
        a send 2 2 - b
        a send 3 3 - b
        b receive 2 1 - -
        b receive 3 2 - -
        b receive 4 3 - -
        a send 4 5 - b
        b send 5 4 - a
    """
    verdict = table(tmp_path, columns, right).check()
    assert verdict.verdict == "holds"
    assert not verdict.unknown
    edited = right.replace("b send 5 4", "b send 5 3")  # still in flight, with the id of another
    verdict = table(tmp_path, columns, edited).check()
    assert not verdict.violations
    assert [(rule, event) for rule, event, _ in undecided(verdict)] == [("from-nowhere", "b:2")]
    # Where receives name their senders, ids may be counters of each.
    named = edited
    for number in (1, 2, 3):
        named = named.replace(
            f"b receive {number + 1} {number} -", f"b receive {number + 1} {number} a"
        )
    assert not table(tmp_path, columns, named).check().unknown
