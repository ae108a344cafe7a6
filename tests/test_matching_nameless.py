"""Receives that do not name their message: what is matched is true, and what is wrong stays so."""

import csv
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.cli.main import main
from driftlab.history.matching.match import (
    STRATEGIES,
    NoSuchStrategyError,
    assumed_lines,
    checked_strategies,
    match,
)
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.trace import Trace
from driftlab.model.columns import KINDS, MISSING, NO_TARGET, NOBODY, RECEIVE, SEND, from_rows
from tests.hand_made_traces import Event, log, receive, send, sources_of, step
from tests.small_logs import table
from tests.wrong_machines import write_run

NAMES = "ABC"


def hidden(trace: Trace, *columns: str) -> Trace:
    """Return a trace without some columns."""
    missing: dict[str, Any] = dict.fromkeys(columns)
    return trace.replace(columns=trace.columns._replace(**missing), arrivals=None)


def assert_all_true(trace: Trace, true: Sequence[int]) -> int:
    """Require that every match is the true one; return how many there are."""
    source = match(trace).source
    made = np.flatnonzero(source >= 0)
    assert source[made].tolist() == [true[row] for row in made.tolist()]
    return len(made)


# Histories whose channels keep the order of messages, and may lose some.


class Run:
    """A run of three processes with right clocks, event by event."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = {name: [] for name in NAMES}
        self.true: dict[tuple[str, int], tuple[str, int]] = {}
        self.clock = dict.fromkeys(NAMES, 0)
        self.channels: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self.vectors = {name: [0, 0, 0] for name in NAMES}
        self.sent: list[list[int]] = []
        self.stamped: dict[str, list[list[int]]] = {name: [] for name in NAMES}

    def add(self, name: str, event: Event) -> None:
        self.events[name].append(event)
        self.stamped[name].append(list(self.vectors[name]))

    def send(self, name: str, *to: str) -> None:
        self.clock[name] += 1
        self.vectors[name][NAMES.index(name)] += 1
        for one in to:
            queue = self.channels.setdefault((name, one), [])
            queue.append((len(self.events[name]), len(self.sent)))
        self.sent.append(list(self.vectors[name]))
        self.add(name, send(self.clock[name], *to) if to else step(self.clock[name]))

    def receive(self, sender: str, name: str, at: int = 0) -> None:
        waiting = self.channels.get((sender, name), [])
        if not waiting:
            self.send(name)
            return
        index, number = waiting.pop(min(at, len(waiting) - 1))
        stamp = self.events[sender][index].clock
        self.clock[name] = max(self.clock[name], stamp) + 1
        self.vectors[name] = list(map(max, self.vectors[name], self.sent[number]))
        self.vectors[name][NAMES.index(name)] += 1
        self.true[name, len(self.events[name])] = sender, index
        self.add(name, receive(self.clock[name], sender, stamp))

    def trace(self, with_vectors: bool = False) -> tuple[Trace, list[int]]:
        """Return the trace, and of each row the row of the send that it received."""
        trace = log(self.events, from_start=None)
        begins = dict(zip(NAMES, trace.starts.tolist(), strict=False))
        true = [-1] * len(trace)
        for (name, index), (sender, sent) in self.true.items():
            true[begins[name] + index] = begins[sender] + sent
        if with_vectors:
            stamps = [dict(enumerate(each)) for name in NAMES for each in self.stamped[name]]
            trace = trace.replace(timestamps=from_rows("vector", stamps))
        return trace, true


MOVES = st.tuples(st.sampled_from("srrrld"), st.sampled_from(NAMES), st.integers(0, 3))


def played(moves: Sequence[tuple[str, str, int]], loses: bool, reorders: bool = False) -> Run:
    """Return the run of some moves: steps, sends, receives, and losses of a message."""
    run = Run()
    for move, name, number in moves:
        others = [other for other in NAMES if other != name]
        if move == "s":
            run.send(name, *([others[:1], others[1:], others, []][number]))
        elif move == "r":
            run.receive(others[number % 2], name, number // 2 if reorders else 0)
        elif loses and run.channels.get((others[number % 2], name)):
            run.channels[others[number % 2], name].pop(0)
        else:
            run.send(name, others[number % 2])
    return run


@given(moves=st.lists(MOVES, max_size=60), loses=st.booleans(), vectors=st.booleans())
@settings(max_examples=300, deadline=None)
def test_on_channels_in_order_every_match_is_the_true_one(
    moves: list[tuple[str, str, int]], loses: bool, vectors: bool
) -> None:
    """Whatever was lost on the way, and whatever is still in flight."""
    trace, true = played(moves, loses).trace(vectors)
    for columns in (["stamp"], ["sender"], ["stamp", "sender"]):
        assert_all_true(
            hidden(trace, *columns).replace(strategies=["unique-stamp", "position"]), true
        )
    if not loses:  # no clock shows a loss
        assert_all_true(hidden(trace, "stamp", "clock").replace(timestamps=None), true)
    some = trace.columns.stamp.copy() if trace.columns.stamp is not None else None
    assert some is not None
    some[:: 2 + len(moves) % 3] = MISSING
    partly = trace.replace(columns=trace.columns._replace(stamp=some), arrivals=None)
    assert_all_true(partly.replace(timestamps=None), true)


@given(moves=st.lists(MOVES, max_size=40), number=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_where_all_was_received_all_is_matched(
    moves: list[tuple[str, str, int]], number: int
) -> None:
    """With as many receives as sends the order alone is enough, with or without clocks."""
    run = played(moves, loses=False)
    for sender, name in sorted(run.channels):
        while run.channels[sender, name]:
            run.receive(sender, name)
    trace, true = run.trace()
    bare = hidden(trace, "stamp", *([[], ["clock"]][number % 2]))
    assert assert_all_true(bare, true) == len(run.true)
    verdict = driftlab.History(hidden(trace, "stamp")).check()
    assert not any(verdict.counts.values())
    assert verdict.unknown == 0
    assert "fifo" not in verdict.counts  # it was assumed


@given(moves=st.lists(MOVES, max_size=60))
@settings(max_examples=200, deadline=None)
def test_on_channels_out_of_order_no_right_machine_is_blamed(
    moves: list[tuple[str, str, int]],
) -> None:
    trace, _ = played(moves, loses=True, reorders=True).trace()
    verdict = driftlab.History(hidden(trace, "stamp")).check(without=["lost-message"])
    assert not any(verdict.counts.values()), list(verdict.violations)


@given(moves=st.lists(MOVES, max_size=60))
@settings(max_examples=150, deadline=None)
def test_vector_clocks_match_what_the_order_does_not(
    moves: list[tuple[str, str, int]],
) -> None:
    """Where vector clocks speak against the order they are believed, and right clocks hold."""
    trace, true = played(moves, loses=True, reorders=True).trace(with_vectors=True)
    bare = hidden(trace, "stamp", "clock")
    source = match(bare).source
    exact = {row for row, sent in enumerate(true) if sent >= 0 and source[row] >= 0}
    assert all(trace.process_of(int(source[row])) == trace.process_of(true[row]) for row in exact)
    verdict = driftlab.History(bare).check(without=["lost-message", "fifo"])
    assert not any(verdict.counts.values()), list(verdict.violations)


# A stamp that only one process can have sent.


@given(moves=st.lists(MOVES, max_size=40), hides=st.lists(st.integers(0, 39), max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_stamp_alone_is_matched_if_and_only_if_one_send_can_have_it(
    moves: list[tuple[str, str, int]], hides: list[int]
) -> None:
    trace, true = played(moves, loses=True).trace()
    target, stamp, clock = (trace.columns.target, trace.columns.stamp, trace.columns.clock)
    assert target is not None
    assert stamp is not None
    assert clock is not None
    target = target.copy()
    sends = np.flatnonzero(trace.columns.kind == SEND)
    nameless = sends[[place for place in hides if place < len(sends)]]
    target[nameless] = NO_TARGET
    trace = hidden(trace.replace(columns=trace.columns._replace(target=target)), "sender")
    trace = trace.replace(strategies=["unique-stamp"])
    fitting = {
        row: [
            sent
            for sent in sends.tolist()
            if clock[sent] == stamp[row]
            and trace.process_of(sent) != trace.process_of(row)
            and (sent in nameless or trace.process_of(row) in trace.targets_of(sent))
        ]
        for row in np.flatnonzero(stamp != MISSING).tolist()
    }
    source = match(trace).source
    has_log = (np.diff(trace.starts) > 0).tolist()
    for row, found in fitting.items():
        to = trace.process_of(row)
        certain = all(has for place, has in enumerate(has_log) if place != to)
        expected = found[0] if len(found) == 1 and certain else UNMATCHED
        assert source[row] == expected
        assert expected in (UNMATCHED, true[row])


def stamps_alone(*rows: Event, more: Mapping[str, Sequence[Event]] | None = None) -> Trace:
    return hidden(log({"A": [send(1, "B"), send(2, "B")], "B": rows, **(more or {})},
                      from_start=None), "sender")  # fmt: skip


def carried(clock: int, stamp: int) -> Event:
    return Event(clock, RECEIVE, stamp=stamp)


def test_a_stamp_of_two_senders_is_nobodys() -> None:
    rows = carried(3, 1), carried(4, 2)
    trace = stamps_alone(*rows)
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "A1"}
    trace = stamps_alone(*rows, more={"C": [send(2, "B")]})
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "?"}
    trace = stamps_alone(*rows, more={"C": [send(2, "A")]})  # that one went elsewhere
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "A1"}
    trace = stamps_alone(*rows, more={"C": []})  # whose log is missing
    assert sources_of(trace, match(trace)) == {"B0": "?", "B1": "?"}


def test_a_stamp_that_fits_into_a_gap_of_another_process_is_nobodys() -> None:
    rows = carried(3, 1), carried(4, 2)
    trace = stamps_alone(*rows, more={"C": [step(1), step(4), step(5)]})
    trace.gaps = np.array([5])  # before C1: clocks 2 and 3
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "?"}
    trace.gaps = np.array([6])  # before C2: there is no room
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "A1"}
    trace.gaps = np.array([2])  # of the receiver itself
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "A1"}


def test_two_receives_of_one_stamp_are_not_told_apart() -> None:
    trace = stamps_alone(carried(3, 1), carried(4, 1), carried(5, 2))
    assert sources_of(trace, match(trace)) == {"B0": "?", "B1": "?", "B2": "A1"}


def test_stamps_that_are_no_clocks_of_sends_match_nothing_but_the_clock_before() -> None:
    trace = log({"A": [step(1), send(2, "B"), step(3), send(4, "B"), step(5)],
                 "B": [carried(2, 1), carried(4, 3)]}, from_start=None)  # fmt: skip
    messages = match(hidden(trace, "sender"))
    assert sources_of(trace, messages) == {"B0": "A1", "B1": "A3"}
    assert messages.stamp_before_send == {0}
    verdict = driftlab.History(hidden(trace, "sender")).check()
    assert verdict.counts["clock-condition"] == 2
    trace = log({"A": [send(2, "B"), step(3), send(4, "B")],
                 "B": [carried(8, 7), carried(10, 4)]}, from_start=None)  # fmt: skip
    assert sources_of(trace, match(hidden(trace, "sender"))) == {"B0": "?", "B1": "?"}


# The order on a channel.


def nameless(clock: int, sender: str = "A") -> Event:
    return Event(clock, RECEIVE, sender=sender)


def test_more_receives_than_sends_or_a_gap_match_nothing() -> None:
    events = {"A": [send(1, "B"), send(2, "B")], "B": [nameless(2), nameless(3)]}
    trace = log(events, from_start=None)
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "A1"}
    for gap in ("A1", "B1"):
        trace = log(events, gaps=[gap], from_start=None)
        assert set(sources_of(trace, match(trace)).values()) == {"?"}
    events["B"].append(nameless(4))
    trace = log(events, from_start=None)
    assert set(sources_of(trace, match(trace)).values()) == {"?"}


def test_sends_left_over_are_in_flight_if_a_clock_or_the_queue_shows_it() -> None:
    sends = [send(1, "B"), send(2, "B"), step(3), send(4, "B")]
    trace = log({"A": sends, "B": [step(1), step(2), nameless(3), step(4), nameless(5)]},
                from_start=None)  # fmt: skip
    assert set(sources_of(trace, match(trace)).values()) == {"?"}  # A0, A1 and A3 all fit
    queue = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1])
    shown = trace.replace(columns=trace.columns._replace(queue=queue))
    assert sources_of(shown, match(shown)) == {"B2": "A0", "B4": "A1"}
    sends[3] = send(7, "B")
    trace = log({"A": sends, "B": [step(1), step(2), nameless(3), step(4), nameless(5)]},
                from_start=None)  # fmt: skip
    assert sources_of(trace, match(trace)) == {"B2": "A0", "B4": "A1"}
    bare = hidden(trace, "clock")
    assert set(sources_of(bare, match(bare)).values()) == {"?"}


def test_a_receive_whose_clock_was_set_by_its_message_shows_its_send() -> None:
    sends = [send(5, "B"), send(9, "B"), send(10, "B"), send(11, "B")]
    trace = log({"A": sends, "B": [step(1), nameless(6), nameless(10), step(11), step(12),
                                   nameless(13)]}, from_start=None)  # fmt: skip
    assert sources_of(trace, match(trace)) == {"B1": "A0", "B2": "A1", "B5": "?"}
    trace = log({"A": sends, "B": [step(1), nameless(10), nameless(11)]}, from_start=None)
    assert set(sources_of(trace, match(trace)).values()) == {"?"}  # A0 was lost


def test_sends_left_over_of_which_one_may_have_come_are_not_in_flight() -> None:
    """The clock of the last send is wrong: it is below the receiver's last."""
    trace = log({"A": [send(1, "B"), send(9, "B"), send(2, "B")], "B": [step(4), nameless(5)]},
                from_start=None)  # fmt: skip
    assert sources_of(trace, match(trace)) == {"B1": "?"}


def test_a_message_that_came_twice_is_no_wrong_clock() -> None:
    sends = [send(clock, "B") for clock in (5, 20, 40, 60, 80)]
    trace = log({"A": sends, "B": [step(1), nameless(6), nameless(7), nameless(21), nameless(22)]},
                from_start=None)  # fmt: skip
    assert set(sources_of(trace, match(trace)).values()) == {"?"}
    assert {each.process for each in driftlab.History(trace).check().violations} == {"A"}


def test_a_receive_of_a_send_that_is_not_logged_shifts_none_of_those_after_it() -> None:
    """A's line with clock 20 is lost: no right clock of B is held against it."""
    sends = [send(clock, "B") for clock in (5, 40, 60, 80)]
    events = [step(1), nameless(6), nameless(21), nameless(41), nameless(61)]
    trace = log({"A": sends, "B": events}, from_start=None)
    assert set(sources_of(trace, match(trace)).values()) == {"?"}
    sends.insert(1, step(20))  # it may be the send, called otherwise: B's clocks fit all others
    trace = log({"A": sends, "B": events}, from_start=None)
    assert set(sources_of(trace, match(trace)).values()) == {"?"}
    steps = [event for clock in (5, 40, 60, 80) for event in (step(clock - 1), send(clock, "B"))]
    wrong = [step(1), nameless(5), nameless(40), nameless(60), nameless(80)]  # fit none
    trace = log({"A": steps, "B": wrong}, from_start=None)
    assert list(sources_of(trace, match(trace)).values()) == ["A1", "A3", "A5", "A7"]


def test_between_two_named_messages_the_counts_must_agree() -> None:
    sends = [send(clock, "B") for clock in range(1, 6)]
    named = [receive(10, "A", 1), nameless(11), receive(12, "A", 4), nameless(13)]
    trace = log({"A": sends, "B": named}, from_start=None)
    assert sources_of(trace, match(trace)) == {"B0": "A0", "B1": "?", "B2": "A3", "B3": "A4"}
    named.insert(1, nameless(11))
    trace = log({"A": sends, "B": named}, from_start=None)
    assert list(sources_of(trace, match(trace)).values()) == ["A0", "A1", "A2", "A3", "A4"]


def test_a_channel_whose_named_messages_are_out_of_order_keeps_none() -> None:
    events = [receive(10, "A", 2), receive(11, "A", 1), receive(12, "A", 3), nameless(13)]
    trace = log({"A": [send(clock, "B") for clock in range(1, 5)], "B": events}, from_start=None)
    assert list(sources_of(trace, match(trace)).values()) == ["A1", "A0", "A2", "?"]
    events[:2] = receive(10, "A", 1), receive(11, "A", 2)
    trace = log({"A": [send(clock, "B") for clock in range(1, 5)], "B": events}, from_start=None)
    assert list(sources_of(trace, match(trace)).values()) == ["A0", "A1", "A2", "A3"]


def test_an_order_that_closes_a_cycle_is_not_taken() -> None:
    trace = hidden(log({"A": [nameless(1, "B"), send(2, "B")], "B": [nameless(1), send(2, "A")]},
                       from_start=None), "clock", "stamp")  # fmt: skip
    assert sources_of(trace, match(trace)) == {"A0": "?", "B0": "?"}
    trace = hidden(log({"A": [send(2, "B"), nameless(3, "B")], "B": [nameless(1), send(2, "A")]},
                       from_start=None), "clock", "stamp")  # fmt: skip
    assert sources_of(trace, match(trace)) == {"A1": "B1", "B0": "A0"}


def test_a_sender_that_is_not_named_is_the_only_one_there_can_be() -> None:
    events = {"A": [send(1, "B"), step(2)], "B": [nameless(2, "")], "C": [step(1)]}
    trace = log(events, from_start=None)
    assert sources_of(trace, match(trace)) == {"B0": "A0"}
    assert match(trace).sender.tolist() == [NOBODY, NOBODY, 0, NOBODY]
    for more in ([send(1, "B")], [Event(1, SEND)], []):  # C may have sent it
        trace = log({**events, "C": more}, from_start=None)
        assert sources_of(trace, match(trace)) == {"B0": "?"}


def test_what_a_miscounted_send_carried_is_not_known() -> None:
    """A counts once for each target: its first message to B carried 2, and B is right."""
    trace = log({"A": [step(1), send(3, "B", "C"), step(4), send(5, "B")],
                 "B": [step(1), nameless(3), nameless(6)], "C": [nameless(4)]},
                from_start=None)  # fmt: skip
    assert sources_of(trace, match(trace)) == {"B1": "A1", "B2": "A3", "C0": "A1"}
    verdict = driftlab.History(trace).check()
    assert {each.process for each in verdict.violations} == {"A"}
    assert verdict.unknown_counts["lamport-step"] == 2


def test_ids_stamps_and_order_complete_each_other() -> None:
    trace = log({
        "A": [send(1, "B", sent=7), send(2, "B"), send(3, "B"), send(4, "B")],
        "B": [receive(2, "A", MISSING, received=7), nameless(3), receive(4, "A", 3), nameless(5)],
    }, from_start=None)  # fmt: skip
    messages = match(trace)
    assert sources_of(trace, messages) == {"B0": "A0", "B1": "A1", "B2": "A2", "B3": "A3"}
    assert messages.matched_by == {"id": 1, "stamp": 1, "position": 2}
    assert messages.assumed_order.tolist() == [5, 7]
    assert assumed_lines(messages) == ["2 receives matched by their order on the channel (--match)"]
    assert match(trace.replace(strategies=["stamp"])).matched_by == {"stamp": 1}
    assert match(trace.replace(strategies=["none"])).matched_by == {}
    assert match(trace.replace(strategies=["position"])).matched_by == {"position": 4}


# Wrong machines, whose logs leave names out.


FAULTS = (
    "", "max-of-next", "max-only", "adds-two", "stamps-before", "counts-twice", "steps-by-two",
    "takes-none", "takes-two", "sorts-as-text", "loses-rest", "delivered-twice", "overtakes",
    "from-nowhere", "one-peer-twice", "reaches-one",
)  # fmt: skip


def as_table(path: Path, trace: Trace, *left_out: str) -> driftlab.History:
    """Write a run as a table without some columns, and read it."""
    of = trace.columns
    assert of.clock is not None
    assert of.sender is not None
    assert of.stamp is not None
    assert of.queue is not None
    columns: dict[str, Sequence[Any]] = {
        "process": [trace.names[place] for place in trace.process_column().tolist()],
        "kind": [KINDS[kind] for kind in of.kind.tolist()],
        "lamport": of.clock.tolist(),
        "sender": ["" if one < 0 else trace.names[one] for one in of.sender.tolist()],
        "stamp": ["" if one == MISSING else one for one in of.stamp.tolist()],
        "targets": [
            ",".join(trace.names[place] for place in trace.targets_of(row))
            for row in range(len(trace))
        ],
        "queue": of.queue.tolist(),
    }
    kept = {name: column for name, column in columns.items() if name not in left_out}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(kept)
        writer.writerows(zip(*kept.values(), strict=True))
    return driftlab.read(path)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("wrong", ["A", "B", "C"])
def test_no_right_machine_is_blamed_and_no_wrong_one_is_cleared(
    tmp_path: Path, fault: str, wrong: str
) -> None:
    """As the same log with all names: what is violated there is violated here, or undecided."""
    for seed, rates in product((1,), ((6, 5, 2), (6, 3, 1))):
        folder = write_run(
            tmp_path / f"{seed}-{rates[2]}", fault, seed=seed, rates=rates, wrong=wrong
        )
        trace = driftlab.read(folder).trace
        whole = as_table(tmp_path / "whole.csv", trace).check()
        blamed = {(each.rule.replace("send-to-all", "lost-message"), each.row)
                  for each in whole.violations}  # fmt: skip
        for left_out in (["stamp"], ["sender"], ["stamp", "sender"], ["stamp", "queue"]):
            history = as_table(tmp_path / "log.csv", trace, *left_out)
            verdict = history.check()
            innocent = {
                (each.rule.replace("send-to-all", "lost-message"), each.row)
                for each in verdict.violations
                if each.process != wrong or not fault
            }
            if fault == "stamps-before":  # the receive is not above its send, whoever is wrong
                receives = [row for rule, row in innocent if rule == "clock-condition"]
                innocent = {each for each in innocent if each[0] != "clock-condition"}
                clock, source = history.trace.columns.clock, history.messages.source
                assert clock is not None
                assert (clock[receives] <= clock[source[receives]]).all()
            assert innocent <= blamed, left_out
            shown = {rule for rule, count in whole.counts.items() if count}
            shown -= {"queue", "one-operation"} if "queue" in left_out else set()
            shown -= {"stamp"} if "stamp" in left_out else set()  # stamps below all other clocks
            if shown:
                assert verdict.unknown or not verdict.holds


@pytest.mark.parametrize(
    ("fault", "rule"),
    [("", ""), ("max-of-next", "clock-condition"), ("max-only", "clock-condition"),
     ("adds-two", "lamport-step"), ("stamps-before", "clock-condition")],
)  # fmt: skip
@pytest.mark.parametrize("wrong", ["A", "ABC"])
def test_programs_without_stamps_are_told_apart(
    tmp_path: Path, fault: str, rule: str, wrong: str
) -> None:
    """Every receive of a right one is right, and what a wrong one does is wrong."""
    trace = driftlab.read(write_run(tmp_path / "run", fault, rates=(6, 5, 4), wrong=wrong)).trace
    history = as_table(tmp_path / "log.csv", trace, "stamp")
    assert history.messages.matched_by["position"] == int((trace.columns.kind == RECEIVE).sum())
    verdict = history.check()
    assert verdict.unknown == 0
    assert [name for name, count in verdict.counts.items() if count] == ([rule] if rule else [])
    whole = as_table(tmp_path / "whole.csv", trace).check()
    rows = {each.row for each in verdict.violations}
    assert rows == {each.row for each in whole.violations if each.rule == rule}


# Logs as they are found, and the flag.


def test_a_stamp_that_is_not_below_the_receive_breaks_the_clock_condition(tmp_path: Path) -> None:
    columns = "process kind lamport stamp targets"
    wrong = "a send 1 - b\nb receive 1 1 -\nb send 2 - a\na receive 2 2 -"
    verdict = table(tmp_path / "wrong", columns, wrong).check()
    assert verdict.counts["clock-condition"] == 2
    assert [each.rows for each in verdict.violations] == [(3, 1), (0, 2)]
    right = "a send 1 - b\nb receive 2 1 -\nb send 3 - a\na receive 4 3 -"
    assert table(tmp_path / "right", columns, right).check().holds


def test_receives_that_name_their_sender_are_received_and_none_is_in_flight(
    tmp_path: Path,
) -> None:
    columns = "process kind lamport sender targets"
    lines = "a send 1 - b\nb receive 2 a -\nb send 3 - a\na receive 4 b -"
    verdict = table(tmp_path / "right", columns, lines).check()
    assert (verdict.messages, verdict.in_flight, verdict.unknown) == (2, 0, 0)
    verdict = table(tmp_path / "wrong", columns, lines.replace("4 b", "5 b")).check()
    assert verdict.counts["lamport-step"] == 1
    verdict = table(tmp_path / "none", columns, lines, match="none").check()
    assert (verdict.messages, verdict.unnamed_messages) == (2, 2)
    assert (verdict.counts["lamport-step"], verdict.unknown_counts["lamport-step"]) == (0, 2)


def test_converted_logs_and_chains_have_the_arrows_of_matched_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = "process kind lamport sender targets"
    lines = "a send 1 - b\nb receive 2 a -\nb internal 3 - -"
    history = table(tmp_path / "log", columns, lines)
    assert history.why("a:0", "b:1")["process"].to_list() == ["a", "b", "b"]
    log_file, out = tmp_path / "log" / "log.csv", tmp_path / "out.shiviz"
    assert main(["convert", str(log_file), str(out), "--to", "shiviz"]) == 0
    assert 'b {"a":1, "b":1} receive 2 a -' in out.read_text()
    command = ["convert", str(log_file), str(out), "--to", "shiviz", "--match", "none"]
    assert main([*command, "--overwrite"]) == 0
    assert 'b {"a":0, "b":1} receive 2 a -' in out.read_text()
    capsys.readouterr()


def test_names_of_strategies_are_checked_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    known = "id, stamp, unique-stamp, position, vector-clock"
    assert ", ".join(strategy.name for strategy in STRATEGIES) == known
    assert checked_strategies("position, id") == ("position", "id")
    assert checked_strategies(["none"]) == ("none",)
    assert checked_strategies(None) == ()
    for wrong in ("guess", "id,", "position;id"):
        with pytest.raises(NoSuchStrategyError, match=f"there are {known}, none"):
            checked_strategies(wrong)
    with pytest.raises(NoSuchStrategyError, match="stands alone"):
        checked_strategies("id,none")
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    assert known.replace(" ", "") in "".join(capsys.readouterr().out.split())


TWICE = """
    a internal 1 - -
    a send 2 - c
    a internal 3 - -
    a send 4 - c
    a internal 5 - -
    a send 6 - c
    c internal 1 - -
    c receive 3 a -
    c receive 3 a -
    c receive 5 a -
    c internal 6 - -
"""


def test_a_receive_that_stands_twice_does_not_accuse_the_next_of_its_channel(
    tmp_path: Path,
) -> None:
    """Three receives of three sends: the last send is in flight, for the second line is none."""
    columns = "process kind lamport sender targets"
    found = table(tmp_path, columns, TWICE).check().violations
    assert {(each.process, each.index) for each in found} == {("c", 2)}
    right = TWICE.replace("    c receive 3 a -\n", "", 1)
    assert not table(tmp_path, columns, right).check().violations
    wrong = right.replace("c receive 5 a", "c receive 4 a")
    assert table(tmp_path, columns, wrong).check().violations
