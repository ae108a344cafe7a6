"""Matching: which strategy matches which receive with which send, and what it leaves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import driftlab
from driftlab.history.matching import arrivals as arrivals_module
from driftlab.history.matching import by_stamp, channel_repair, repair, send_index
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.matching.match import NAMED_MESSAGE_STRATEGIES, STRATEGIES, match
from driftlab.history.matching.messages import (
    UNMATCHED,
    arrivals_taken,
    occurrences,
    paired_positions,
)
from driftlab.history.matching.repair import repair_names
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, RECEIVE, UNKNOWN_KIND, from_rows
from tests.hand_made_traces import Event, log, names_of, receive, send, sources_of, step


def matched(trace: Trace, **expected: Any) -> dict[str, str]:
    """Return the sources; require how the messages were matched, and that nothing else was noted.

    expected: names of events, or of senders for `stamp_before_send`, by the field of `Messages`.
    """
    messages = match(trace)
    noted = {
        "stamp_before_send": [trace.names[place] for place in sorted(messages.stamp_before_send)],
        "stamp_per_target": names_of(trace, messages.stamp_per_target),
        "matched_by_position": names_of(trace, messages.matched_by_position),
        "misdelivered": names_of(trace, messages.misdelivered),
        "extra": names_of(trace, messages.extra_receives),
    }
    assert {field: names for field, names in noted.items() if names} == expected
    return sources_of(trace, messages)


# Which strategy applies.


def test_the_strategies_stand_in_the_order_that_the_documentation_says() -> None:
    assert [each.name for each in STRATEGIES] == [
        "id", "stamp", "unique-stamp", "position", "vector-clock"
    ]  # fmt: skip
    assert [each.name for each in NAMED_MESSAGE_STRATEGIES] == [
        "stamp", "stamp before send", "stamp after send", "stamp per target", "miscounted send",
        "channel position", "misdelivered",
    ]  # fmt: skip


def everything() -> Trace:
    """A log in which ids, stamps and vector clocks each name another send of B0."""
    trace = log({
        "A": [send(1, "B", sent=5), send(2, "B", sent=6), send(3, "B", sent=7)],
        "B": [receive(4, "A", 2, received=7)],
    })  # fmt: skip
    trace.timestamps = from_rows("vector", [{0: 1}, {0: 2}, {0: 3}, {0: 1, 1: 1}])
    return trace


def without(trace: Trace, *columns: str) -> Trace:
    missing: dict[str, Any] = dict.fromkeys(columns)
    return trace.replace(columns=trace.columns._replace(**missing))


def test_ids_go_before_stamps_and_stamps_before_vector_clocks() -> None:
    trace = everything()
    assert matched(trace) == {"B0": "A2"}
    assert matched(without(trace, "sent")) == {"B0": "A1"}
    assert matched(without(trace, "received")) == {"B0": "A1"}
    assert matched(without(trace, "sent", "sender")) == {"B0": "A1"}  # its stamp is A's alone
    for column in ("stamp", "clock"):
        assert matched(without(trace, "sent", column)) == {"B0": "A0"}
    assert match(without(trace, "sent", "clock")).implied
    assert not match(trace).implied
    assert not match(without(trace, "sent")).implied


def test_other_timestamps_than_vectors_match_nothing() -> None:
    trace = without(everything(), "sent", "stamp")
    assert trace.timestamps is not None
    trace.timestamps = trace.timestamps._replace(clock="hybrid")
    messages = match(trace)
    assert sources_of(trace, messages) == {"B0": "?"}
    assert messages.sender.tolist() == [-1, -1, -1, 0]
    assert match(without(trace, "sender")).sender.tolist() == [-1, -1, -1, -1]


# Ids.


def test_receives_of_an_id_that_is_sent_twice_take_its_sends_in_their_order() -> None:
    trace = log({
        "A": [send(1, "B", sent=9), send(2, "B", sent=4), send(3, "B", sent=9)],
        "B": [receive(4, "A", MISSING, received=9), receive(5, "A", MISSING, received=9),
              receive(6, "A", MISSING, received=4)],
    })  # fmt: skip
    assert matched(trace) == {"B0": "A0", "B1": "A2", "B2": "A1"}
    many = [send(clock, "B", sent=clock % 3) for clock in range(1, 100)]
    receives = [receive(100 + number, "A", MISSING, received=number) for number in range(3)]
    assert matched(log({"A": many, "B": receives})) == {"B0": "A2", "B1": "A0", "B2": "A1"}


def test_a_receive_with_an_id_that_nobody_sent_or_without_one_is_unmatched() -> None:
    trace = log({
        "A": [send(1, "B", sent=5)],
        "B": [receive(2, "A", 1, received=received) for received in (4, 5, 6, MISSING)],
    })  # fmt: skip
    assert matched(trace) == {"B0": "?", "B1": "A0", "B2": "?", "B3": "?"}


def test_an_id_names_its_send_wherever_the_message_came() -> None:
    trace = log({
        "A": [send(1, "B", sent=5), Event(2, sent=6)],
        "B": [receive(3, "A", MISSING, received=6)],
        "C": [receive(2, "A", MISSING, received=5)],
    })  # fmt: skip
    assert matched(trace, misdelivered=["C0"]) == {"B0": "A1", "C0": "A0"}
    assert matched(without(trace, "target")) == {"B0": "A1", "C0": "A0"}
    bare = match(without(trace, "sender"))
    assert bare.sender.tolist() == [-1, -1, 0, 0]
    named = trace.columns._replace(sender=np.array([-1, -1, 2, 1], np.int32))
    assert match(trace.replace(columns=named)).sender.tolist() == [-1, -1, 2, 1]


# Stamps.


def test_a_stamp_is_the_clock_of_a_send_to_the_receiver() -> None:
    trace = log({
        "A": [send(1, "B"), send(2, "C"), send(3, "B", "C"), send(4, "*"), step(5)],
        "B": [receive(2, "A", 1), receive(4, "A", 3), receive(5, "A", 4)],
        "C": [receive(3, "A", 2), receive(4, "A", 3), receive(5, "A", 4)],
    })  # fmt: skip
    assert matched(trace) == {
        "B0": "A0", "B1": "A2", "B2": "A3", "C0": "A1", "C1": "A2", "C2": "A3"
    }  # fmt: skip


def test_a_broadcast_goes_to_the_peers_of_its_sender_alone() -> None:
    processes = {
        "A": [send(1, "*")], "B": [receive(2, "A", 1)], "C": [receive(2, "A", 1)],
        "D": [step(1)],
    }  # fmt: skip
    assert matched(log(processes)) == {"B0": "A0", "C0": "A0"}
    processes["A"].append(receive(2, "A", 1))
    assert matched(log(processes)) == {"A1": "?", "B0": "A0", "C0": "A0"}
    processes["A"].pop()
    linked = log(processes, peers=[[1], [0], [3], [2]])
    assert matched(linked, misdelivered=["C0"]) == {"B0": "A0", "C0": "A0"}


def test_a_clock_that_no_send_has_is_no_other_senders() -> None:
    """A's clocks end at 3; one more is not the first of B's."""
    trace = log({
        "A": [send(1, "B"), send(3, "B")],
        "B": [send(1, "C")],
        "C": [receive(7, "A", 4), receive(8, "B", 0), receive(9, "B", 1)],
    })  # fmt: skip
    assert matched(trace) == {"C0": "?", "C1": "?", "C2": "B0"}


def test_without_targets_any_send_may_have_gone_to_anybody_but_its_sender() -> None:
    trace = log({
        "A": [send(1), send(2), step(3), receive(4, "A", 2)],
        "B": [receive(2, "A", 1), receive(4, "A", 3)],
    }, without=["target"])  # fmt: skip
    assert matched(trace) == {"A3": "?", "B0": "A0", "B1": "?"}
    trace.columns.kind[:2] = UNKNOWN_KIND
    assert matched(trace) == {"A3": "?", "B0": "A0", "B1": "?"}
    trace.columns.kind[0] = RECEIVE
    assert matched(trace) == {"A0": "?", "A3": "?", "B0": "?", "B1": "?"}


def test_a_receive_that_does_not_name_its_message_is_unmatched() -> None:
    trace = log({
        "A": [send(1, "B"), send(2, "B")],
        "B": [receive(2, "A", MISSING), Event(3, RECEIVE, stamp=2), receive(4, "A", 2)],
    })  # fmt: skip
    assert matched(trace) == {"B0": "?", "B1": "?", "B2": "A1"}


def test_of_sends_with_one_clock_the_kth_is_received_kth_and_the_first_again() -> None:
    trace = log({
        "A": [send(1, "B"), send(1, "C"), send(1, "B"), step(2)],
        "B": [receive(2, "A", 1), receive(3, "A", 1), receive(4, "A", 1)],
        "C": [receive(2, "A", 1), receive(3, "A", 1)],
    })  # fmt: skip
    assert matched(trace) == {"B0": "A0", "B1": "A2", "B2": "A0", "C0": "A1", "C1": "A1"}


@pytest.mark.parametrize(
    ("sender", "source"),
    [
        ([send(7, "B"), send(1, "B"), send(2, "B"), send(7, "B"), step(8)], "A3"),  # fits after
        ([send(6, "B"), send(7, "B"), step(1), send(7, "B"), step(2)], "A1"),  # fits before
        ([send(1, "B"), step(9), send(1, "B"), step(3)], "A0"),  # 0 stands before the first
        ([step(4), send(7, "B"), step(4), send(7, "B"), receive(9, "C", 1)], "A3"),  # jumps
        ([step(4), send(7, "B"), step(4), send(7, "B"), receive(7, "C", 1)], "A1"),  # is no jump
        ([step(4), send(7, "B"), step(4), send(7, "B"), step(4)], "A1"),  # a tie: the first
        ([send(1, "B"), step(9), send(1, "B"), step(2)], "A0"),  # another: 0 stands before it
        ([step(4), send(7, "B"), step(9), send(7, "B"), step(8)], "A3"),  # only a receive jumps
    ],
)
def test_one_message_of_several_sends_belongs_to_the_one_that_fits_its_neighbours(
    sender: Sequence[Event], source: str
) -> None:
    stamp = next(event.clock for event in sender if event.targets and event.clock in (1, 7))
    trace = log({"A": sender, "B": [receive(20, "A", stamp)], "C": [send(1, "A")]})
    assert sources_of(trace, match(trace))["B0"] == source


def test_the_event_after_a_sends_process_is_none_of_its_neighbours() -> None:
    trace = log({
        "A": [step(4), send(7, "B"), step(4), send(7, "B")],
        "B": [step(8), receive(20, "A", 7)],
    })  # fmt: skip
    assert matched(trace) == {"B1": "A1"}


@pytest.mark.parametrize("end", [2**61, 2**62])
def test_clocks_far_apart_are_names_like_others(end: int) -> None:
    trace = log({
        "A": [send(-end, "B"), send(5, "B"), send(end, "B")],
        "B": [receive(end, "A", stamp) for stamp in (end, 5, -end)],
        "C": [receive(end, "B", stamp) for stamp in (-end, end, 6, end + 1, -end - 1)],
    }, from_start=None)  # fmt: skip
    messages = match(trace)
    assert messages.source.tolist() == [-1, -1, -1, 2, 1, 0, *[UNMATCHED] * 5]


@pytest.mark.parametrize("keys_end", [12, 13])
def test_keys_are_ranks_where_clocks_and_processes_span_too_much(
    monkeypatch: pytest.MonkeyPatch, keys_end: int
) -> None:
    """Clocks 1 to 4 and two processes: 4 * 3 keys."""
    monkeypatch.setattr(send_index, "KEYS_END", keys_end)
    trace = log({
        "A": [send(1, "B"), send(4, "B")],
        "B": [receive(9, "A", 4), receive(10, "A", 1), receive(11, "A", 3)],
    })  # fmt: skip
    assert matched(trace) == {"B0": "A1", "B1": "A0", "B2": "?"}


# A sender whose stamps are all one less or one more.


def shifted(shift: int, fitting: int, others: int, by: int = 503) -> Trace:
    """A sends to B at 10, 20, 30 …: `fitting` messages carry the clock and a shift.

    The last ones carry `by` more, and have no place between two known messages.
    """
    clocks = [10 * number + 10 for number in range(fitting + others)]
    sends = [event for clock in clocks for event in (step(clock - 5), send(clock, "B"))]
    stamps = [clock + (shift if number < fitting else by) for number, clock in enumerate(clocks)]
    return log({"B": [receive(200 + stamp, "A", stamp) for stamp in stamps], "A": sends},
               from_start=False)  # fmt: skip


def received_from(trace: Trace) -> list[int]:
    """Return the number of the message that each receive of `shifted` was matched with."""
    source = match(trace).source
    return [-1 if row < 0 else (row - int(trace.starts[1])) // 2 for row in source.tolist()][
        : int(trace.starts[1])
    ]


def test_stamps_from_before_the_send_are_matched_if_nine_in_ten_fit() -> None:
    trace = shifted(-1, 9, 1)
    assert match(trace).stamp_before_send == {1}
    assert len(match(trace).matched_by_position) == 0
    assert received_from(trace) == [*range(9), -1]


def test_stamps_from_before_the_send_are_not_matched_if_fewer_fit() -> None:
    trace = shifted(-1, 8, 1)
    assert match(trace).stamp_before_send == frozenset()
    assert received_from(trace) == [-1] * 9


def test_stamps_from_after_the_send_are_matched_if_nine_in_ten_fit() -> None:
    trace = shifted(1, 9, 1)
    assert received_from(trace) == [*range(9), -1]
    assert match(trace).stamp_before_send == frozenset()
    assert match(trace).matched_by_position.tolist() == list(range(9))
    assert received_from(shifted(1, 8, 1)) == [-1] * 9


def test_a_shift_that_fits_no_more_messages_is_not_taken() -> None:
    """Of A's ten messages nine are right, and nine would fit with one more or one less."""
    stamps = [*range(2, 11), 50]
    trace = log({
        "A": [send(clock, "B") for clock in range(1, 12)],
        "B": [receive(30 + at, "A", stamp) for at, stamp in enumerate(stamps)],
    })  # fmt: skip
    assert matched(trace) == {"B9": "?"} | {f"B{at}": f"A{at + 1}" for at in range(9)}


def test_before_the_send_goes_before_after_the_send() -> None:
    """Stamp 2 is the clock before A1 and the one after A0."""
    trace = log({"A": [send(1, "B"), send(3, "B")], "B": [receive(4, "A", 2)]}, from_start=False)
    assert matched(trace, stamp_before_send=["A"]) == {"B0": "A1"}

    wider = log({
        "A": [send(clock, "B") for clock in range(1, 21, 2)],
        "B": [receive(50 + clock, "A", clock + 1) for clock in range(1, 21, 2)],
    }, from_start=False)  # fmt: skip
    found = {f"B{number}": f"A{number + 1}" for number in range(9)}
    assert matched(wider, stamp_before_send=["A"]) == found | {"B9": "?"}


@pytest.mark.parametrize("shift", [-1, 1])
def test_where_events_are_missing_no_shift_is_taken(shift: int) -> None:
    trace = shifted(shift, 5, 0)
    trace.gaps = np.array([9])
    assert received_from(trace) == [-1] * 5
    trace.gaps = np.array([4])  # of the receiver: what is missing there has no such names
    assert received_from(trace) == [0, 1, 2, 3, 4]


# A clock that counts once for each target.


def test_targets_of_different_numbers_each_take_a_stamp_of_their_own() -> None:
    """A counts three for B, C and D, two for B and C, and four for all; each first one last."""
    trace = log({
        "A": [send(3, "B", "C", "D"), send(5, "B", "C"), send(9, "*")],
        "B": [receive(10, "A", 1), receive(11, "A", 4), receive(12, "A", 6)],
        "C": [receive(10, "A", 2), receive(11, "A", 5), receive(12, "A", 7)],
        "D": [receive(10, "A", 3), receive(12, "A", 8)],
        "E": [receive(12, "A", 9)],
    }, from_start=False)  # fmt: skip
    fields = ["B0", "B1", "B2", "C0", "C2", "D1"]
    assert matched(trace, stamp_per_target=fields) == {
        "B0": "A0", "B1": "A1", "B2": "A2", "C0": "A0", "C1": "A1", "C2": "A2", "D0": "A0",
        "D1": "A2", "E0": "A2",
    }  # fmt: skip


def test_the_greatest_set_of_targets_says_how_much_less_is_tried() -> None:
    """No broadcast: sets of two, three and two of four peers, in this order."""
    trace = log({
        "A": [send(2, "B", "C"), send(5, "B", "C", "D"), send(7, "D", "E")],
        "B": [receive(10, "A", 1), receive(11, "A", 3)],
        "C": [receive(10, "A", 2), receive(11, "A", 4)],
        "D": [receive(10, "A", 5), receive(11, "A", 6)],
        "E": [receive(11, "A", 7)],
    }, from_start=False)  # fmt: skip
    assert matched(trace, stamp_per_target=["B0", "B1", "C1", "D1"]) == {
        "B0": "A0", "B1": "A1", "C0": "A0", "C1": "A1", "D0": "A1", "D1": "A2", "E0": "A2"
    }  # fmt: skip


def test_an_event_with_two_targets_sends_at_most_one_less() -> None:
    trace = log({
        "A": [send(3, "B", "C")],
        "B": [receive(10, "A", 1)],
        "C": [receive(10, "A", 3)],
    }, from_start=False)  # fmt: skip
    assert matched(trace) == {"B0": "?", "C0": "A0"}


def test_a_broadcast_to_two_peers_sends_at_most_one_less() -> None:
    processes = {
        "A": [send(3, "*")],
        "B": [receive(10, "A", 2)],
        "C": [receive(10, "A", 3)],
    }
    trace = log(processes, from_start=False)
    assert matched(trace, stamp_per_target=["B0"]) == {"B0": "A0", "C0": "A0"}
    processes["B"] = [receive(10, "A", 1)]
    assert matched(log(processes, from_start=False)) == {"B0": "?", "C0": "A0"}


def test_a_stamp_per_target_is_tried_for_64_targets_at_most() -> None:
    peers = 70
    trace = log({
        "A": [send(100, "*")],
        **{f"P{number}": [receive(200, "A", 100 - number)] for number in range(peers)},
    }, from_start=False)  # fmt: skip
    found = match(trace)
    assert by_stamp.TARGETS_TRIED_MAX == 64
    assert found.source[1:].tolist() == [0] * 64 + [UNMATCHED] * (peers - 64)
    assert found.stamp_per_target.tolist() == list(range(2, 65))


def test_if_all_messages_of_an_event_carry_less_its_own_clock_is_wrong() -> None:
    """A1 counted once, and its clock should be 2: only one of A2's messages carries less."""
    trace = log({
        "A": [step(1), send(3, "B", "C"), send(5, "B", "C"), step(9)],
        "B": [receive(10, "A", 2), receive(11, "A", 4)],
        "C": [receive(10, "A", 2), receive(11, "A", 5)],
    })  # fmt: skip
    assert matched(trace, matched_by_position=["B0", "C0"], stamp_per_target=["B1"]) == {
        "B0": "A1", "B1": "A2", "C0": "A1", "C1": "A2"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "fits"), [(1, 9, True), (5, 9, False), (1, 5, False), (6, 9, False)]
)
def test_an_event_whose_clock_is_out_of_order_sent_no_stamps_per_target(
    before: int, after: int, fits: bool
) -> None:
    trace = log({
        "A": [step(before), send(5, "B", "C"), step(after)],
        "B": [receive(10, "A", 4)],
        "C": [receive(10, "A", 5)],
    }, from_start=False)  # fmt: skip
    assert (len(match(trace).stamp_per_target) == 1) == fits


def test_what_another_process_counts_puts_no_clock_out_of_order() -> None:
    trace = log({
        "Z": [step(9)],
        "A": [send(5, "B", "C")],
        "B": [step(1), receive(10, "A", 4)],
        "C": [receive(10, "A", 5)],
    }, from_start=False)  # fmt: skip
    assert matched(trace, stamp_per_target=["B1"]) == {"B1": "A0", "C0": "A0"}


def test_a_send_whose_message_was_received_has_no_further_one_for_the_same_target() -> None:
    trace = log({
        "A": [send(5, "B", "C")],
        "B": [receive(10, "A", 5), receive(11, "A", 4)],
        "C": [receive(10, "A", 5)],
    }, from_start=False)  # fmt: skip
    assert matched(trace) == {"B0": "A0", "B1": "?", "C0": "A0"}


def test_single_targets_and_senders_with_gaps_have_no_stamps_per_target() -> None:
    processes = {
        "A": [send(2, "B", "C"), send(9, "B")],
        "B": [receive(10, "A", 1), receive(11, "A", 8), receive(12, "A", 9)],
        "C": [receive(10, "A", 2)],
    }
    assert matched(log(processes, from_start=False), stamp_per_target=["B0"])["B1"] == "?"
    lacking = log(processes, from_start=False, gaps=["A1"])
    assert matched(lacking) == {"B0": "?", "B1": "?", "B2": "A1", "C0": "A0"}
    first = log({
        "A": [receive(10, "B", 8)],
        "B": [send(2, "C", "D"), send(9, "A")],
        "C": [receive(10, "B", 1)],
        "D": [receive(10, "B", 2)],
    }, from_start=False)  # fmt: skip
    assert matched(first, stamp_per_target=["C0"]) == {"A0": "?", "C0": "B0", "D0": "B0"}


# One wrong name.


def test_a_message_may_carry_the_clock_that_its_send_should_have_had() -> None:
    trace = log({
        "A": [step(1), send(7, "B"), send(8, "B")],
        "B": [receive(3, "A", 2), receive(9, "A", 8)],
    })  # fmt: skip
    assert matched(trace, matched_by_position=["B0"]) == {"B0": "A1", "B1": "A2"}


def test_a_first_event_should_count_one_if_the_log_begins_with_it() -> None:
    processes = {"A": [send(7, "B")], "B": [receive(3, "A", 1)]}
    assert matched(log(processes), matched_by_position=["B0"]) == {"B0": "A0"}
    assert matched(log(processes, from_start=False)) == {"B0": "?"}
    assert matched(log(processes, from_start=None)) == {"B0": "?"}
    first_is_empty = {"E": [], **processes, "Z": []}
    assert matched(log(first_is_empty), matched_by_position=["B0"]) == {"B0": "A0"}
    assert matched(log(first_is_empty, from_start=None)) == {"B0": "?"}


def test_after_a_gap_or_a_receive_or_an_event_without_a_clock_nothing_should_be() -> None:
    processes = {"A": [step(1), send(7, "B")], "B": [receive(3, "A", 2)]}
    assert matched(log(processes), matched_by_position=["B0"]) == {"B0": "A1"}
    assert matched(log(processes, gaps=["A1"])) == {"B0": "?"}
    processes["A"][0] = step(MISSING)
    assert matched(log(processes)) == {"B0": "?"}
    processes["A"] = [step(1), Event(7, RECEIVE, ("B",), "B", 6)]
    assert matched(log(processes))["B0"] == "?"
    processes["A"] = [step(1), send(MISSING, "B")]
    assert matched(log(processes)) == {"B0": "?"}


def test_a_miscounted_send_whose_message_was_received_has_no_second_one() -> None:
    trace = log({
        "A": [step(1), send(7, "B"), step(8)],
        "B": [receive(8, "A", 7), receive(9, "A", 2)],
    })  # fmt: skip
    assert matched(trace) == {"B0": "A1", "B1": "?"}


# Positions on a channel.


def channel(*stamps: int, sends: int = 5, **more: Any) -> Trace:
    """A sends to B at 1, 2 …; B receives these stamps."""
    return log({
        "A": [send(clock, "B") for clock in range(1, sends + 1)],
        "B": [receive(100 + at, "A", stamp) for at, stamp in enumerate(stamps)],
    }, **more)  # fmt: skip


def test_between_two_known_messages_as_many_receives_belong_to_as_many_sends() -> None:
    found = matched(channel(1, 77, 66, 4, 5), matched_by_position=["B1", "B2"])
    assert found == {"B0": "A0", "B1": "A1", "B2": "A2", "B3": "A3", "B4": "A4"}


def test_before_the_first_known_message_too_but_not_after_the_last() -> None:
    assert matched(channel(77, 2), matched_by_position=["B0"]) == {"B0": "A0", "B1": "A1"}
    assert matched(channel(4, 77)) == {"B0": "A3", "B1": "?"}


def test_with_more_receives_or_fewer_than_sends_between_nothing_is_concluded() -> None:
    assert matched(channel(1, 77, 4)) == {"B0": "A0", "B1": "?", "B2": "A3"}
    assert matched(channel(1, 77, 66, 3)) == {"B0": "A0", "B1": "?", "B2": "?", "B3": "A2"}


def test_a_message_that_overtakes_does_not_move_the_lower_end_back() -> None:
    """After 4 and 1 what is left before 5 lies between 4 and 5: there is nothing."""
    assert matched(channel(4, 1, 77, 5))["B2"] == "?"
    assert matched(channel(4, 1, 2, 77, 5))["B3"] == "?"
    assert matched(channel(2, 1, 77, 4), matched_by_position=["B2"])["B2"] == "A2"


def test_a_send_whose_message_comes_later_has_no_place_before() -> None:
    assert matched(channel(1, 77, 4, 2), matched_by_position=["B1"])["B1"] == "A2"


def test_a_channel_with_a_gap_at_either_end_is_not_filled() -> None:
    stamps = (1, 77, 3, 4)
    for gap in ("A2", "B2"):
        assert matched(channel(*stamps, gaps=[gap]))["B1"] == "?"
    other = log({
        "A": [send(1, "B"), send(2, "B"), send(3, "B")],
        "B": [receive(10, "A", 1), receive(11, "A", 77), receive(12, "A", 3)],
        "C": [step(1), step(2)],
    }, gaps=["C1"])  # fmt: skip
    assert matched(other, matched_by_position=["B1"])["B1"] == "A1"
    assert matched(channel(*stamps, without=["target"]))["B1"] == "?"


def test_each_channel_is_filled_by_itself() -> None:
    trace = log({
        "A": [send(1, "B"), send(2, "C"), send(3, "B", "C"), send(4, "*")],
        "B": [receive(10, "A", 1), receive(11, "A", 77), receive(12, "A", 4)],
        "C": [receive(10, "A", 2), receive(11, "A", 88), receive(12, "A", 4)],
    })  # fmt: skip
    assert matched(trace, matched_by_position=["B1", "C1"]) == {
        "B0": "A0", "B1": "A2", "B2": "A3", "C0": "A1", "C1": "A2", "C2": "A3"
    }  # fmt: skip


def test_up_to_a_limit_unmatched_receives_are_matched_by_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stamps = (1, 77, 66, 4, 5)
    monkeypatch.setattr(channel_repair, "UNMATCHED_MAX", 2)
    assert matched(channel(*stamps), matched_by_position=["B1", "B2"])["B1"] == "A1"
    monkeypatch.setattr(channel_repair, "UNMATCHED_MAX", 1)
    assert matched(channel(*stamps))["B1"] == "?"


# Messages that came to another process.


def test_a_message_to_another_process_is_matched_if_one_send_alone_has_its_name() -> None:
    trace = log({
        "A": [send(1, "B"), send(2, "B"), send(2, "B"), receive(3, "A", 1)],
        "B": [step(1)],
        "C": [receive(10, "A", 1), receive(11, "A", 2)],
    })  # fmt: skip
    assert matched(trace, misdelivered=["C0"]) == {"A3": "?", "C0": "A0", "C1": "?"}
    assert matched(without(trace, "target"))["C0"] == "A0"  # whose target nobody knows


# Arrivals.


def arrived(trace: Trace) -> tuple[list[str], list[int]]:
    """Return the sends of all arrivals, and the numbers of those matched by their place."""
    found = match_arrivals(trace, match(trace))
    sends = ["?" if row == UNMATCHED else names_of(trace, np.array([row]))[0]
             for row in found.source.tolist()]  # fmt: skip
    return sends, found.by_place.tolist()


def test_an_arrival_has_the_name_of_its_send() -> None:
    trace = log({
        "A": [send(1, "B"), send(2, "B", "C"), send(3, "C")],
        "B": [step(1, ("A", 1), ("A", 2)), receive(2, "A", 1, ("A", 9)), receive(3, "A", 2)],
        "C": [step(1, ("A", 2), ("A", 1)), receive(5, "A", 3, ("A", 3))],
    })  # fmt: skip
    assert arrived(trace) == (["A0", "A1", "?", "A1", "?", "A2"], [])
    assert arrived(trace.replace(arrivals=None)) == ([], [])
    assert arrived(without(trace, "clock")) == (["?"] * 6, [])
    assert arrived(without(trace, "sender")) == (["A0", "A1", "?", "A1", "?", "A2"], [])


def test_an_arrival_follows_the_convention_of_its_senders_receives() -> None:
    early = log({
        "A": [send(3, "B"), send(6, "B"), send(9, "B")],
        "B": [step(1, ("A", 2), ("A", 5), ("A", 8)), receive(4, "A", 2), receive(7, "A", 5)],
    }, from_start=False)  # fmt: skip
    assert arrived(early) == (["A0", "A1", "A2"], [])
    uneven = log({
        "A": [send(2, "B", "C"), step(9)],
        "B": [step(1, ("A", 1)), receive(4, "A", 1)],
        "C": [step(1, ("A", 2), ("A", 1)), receive(4, "A", 2)],
    }, from_start=False)  # fmt: skip
    assert arrived(uneven) == (["A0", "A0", "?"], [])
    renamed = log({
        "A": [send(1, "B"), send(2, "B"), send(3, "B")],
        "B": [step(1, ("A", 1), ("A", 77), ("A", 3)), receive(10, "A", 1), receive(11, "A", 77),
              receive(12, "A", 3)],
    })  # fmt: skip
    assert arrived(renamed) == (["A0", "A1", "A2"], [])


def test_an_arrival_that_nobody_received_is_matched_by_its_place() -> None:
    processes = {
        "A": [send(clock, "B") for clock in range(1, 6)],
        "B": [step(1, ("A", 1), ("A", 77), ("A", 3), ("A", 4)), receive(10, "A", 1)],
    }
    assert arrived(log(processes)) == (["A0", "A1", "A2", "A3"], [1])
    for gap in ("A2", "B1"):
        assert arrived(log(processes, gaps=[gap])) == (["A0", "?", "A2", "A3"], [])
    assert arrived(log(processes, without=["target"]))[0][1] == "?"


def test_a_name_that_somebody_received_is_not_looked_for_among_places() -> None:
    """It is B's receive that has no send, and so has the arrival."""
    trace = log({
        "A": [send(clock, "B") for clock in range(1, 7)],
        "B": [step(1, ("A", 1), ("A", 77), ("A", 3)), receive(12, "A", 77), receive(13, "A", 3)],
    })  # fmt: skip
    assert arrived(trace) == (["A0", "?", "A2"], [])
    one_of_two = log({
        "A": [send(clock, "B") for clock in range(1, 7)],
        "B": [step(1, ("A", 1), ("A", 77), ("A", 66), ("A", 4)), receive(12, "A", 77)],
    })  # fmt: skip
    assert arrived(one_of_two) == (["A0", "?", "?", "A3"], [])


def test_arrivals_matched_by_their_place_are_numbered_as_they_stand() -> None:
    trace = log({
        "A": [send(clock, "B") for clock in range(1, 4)],
        "B": [step(1, ("C", 77), ("A", 66), ("C", 2), ("A", 2))],
        "C": [send(clock, "B") for clock in range(1, 4)],
    })  # fmt: skip
    assert arrived(trace) == (["C0", "A0", "C1", "A1"], [0, 1])


def test_an_arrival_may_carry_the_clock_that_its_send_should_have_had() -> None:
    processes = {
        "A": [send(5, "B"), send(9, "B"), send(10, "B"), step(11)],
        "B": [step(1, ("A", 6), ("A", 3)), step(2)],
    }
    assert arrived(log(processes)) == (["A1", "?"], [0])  # what stands before A0 is not known
    processes["A"][1:3] = [send(5, "B"), send(5, "B")]
    assert arrived(log(processes)) == (["A1", "?"], [0])  # of two the first


def test_up_to_a_limit_arrivals_are_matched_by_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = log({
        "A": [send(clock, "B") for clock in range(1, 6)],
        "B": [step(1, ("A", 1), ("A", 77), ("A", 66), ("A", 4))],
    })  # fmt: skip
    monkeypatch.setattr(arrivals_module, "UNMATCHED_MAX", 2)
    assert arrived(trace) == (["A0", "A1", "A2", "A3"], [1, 2])
    monkeypatch.setattr(arrivals_module, "UNMATCHED_MAX", 1)
    assert arrived(trace) == (["A0", "?", "?", "A3"], [])


def test_the_kth_receive_of_a_name_takes_its_kth_arrival_unless_that_came_later() -> None:
    trace = log({
        "A": [send(1, "B"), send(1, "B")],
        "B": [receive(2, "A", 1, ("A", 1)), receive(3, "A", 1), step(4, ("A", 1)),
              receive(5, "A", 7, ("A", 7))],
    })  # fmt: skip
    rows, taken = arrivals_taken(trace)
    assert (names_of(trace, rows), taken.tolist()) == (["B0", "B1", "B3"], [0, -1, 2])
    later = log({"A": [send(1, "B")], "B": [receive(2, "A", 1), step(3, ("A", 1))]})
    assert arrivals_taken(later)[1].tolist() == [-1]


def test_a_name_has_a_sender_and_a_receiver() -> None:
    """Messages with one stamp from A to C, from C to A and from B to itself are three."""
    trace = log({
        "A": [step(1, ("C", 5))],
        "B": [step(1, ("B", 5))],
        "C": [receive(6, "A", 5)],
    })  # fmt: skip
    assert arrivals_taken(trace)[1].tolist() == [-1]


def test_positions_pair_equal_keys_in_their_order() -> None:
    keys, others = np.array([5, 3, 5, 5, 8]), np.array([3, 5, 9, 5])
    assert occurrences(keys).tolist() == [0, 0, 1, 2, 0]
    assert paired_positions(keys, others).tolist() == [1, 0, 3, -1, -1]
    assert paired_positions(keys, others[:0]).tolist() == [-1] * 5
    assert paired_positions(keys[:0], others).tolist() == []


# Repair.


def repaired(trace: Trace) -> tuple[list[str], list[int], list[str]]:
    """Return which receives named their messages wrong, which arrivals, and at which events."""
    found = repair_names(trace)
    return (
        names_of(trace, found.misnamed_receives),
        found.misnamed_arrivals.tolist(),
        names_of(trace, found.found_at),
    )


def inbox(*receives: Event, first: Sequence[tuple[str, int]], **more: Any) -> Trace:
    """A sends to B at 1 to 4; B's first tick finds some messages."""
    sends = [send(clock, "B") for clock in range(1, 5)]
    return log({"A": sends, "B": [step(1, *first), *receives]}, **more)


def test_a_receive_that_names_another_message_than_arrived_is_repaired() -> None:
    arrivals = [("A", 1), ("A", 2), ("A", 3)]
    trace = inbox(receive(2, "A", 1), receive(3, "A", 77), receive(4, "A", 3), first=arrivals)
    assert repaired(trace) == (["B2"], [], [])
    fixed = repair_names(trace).trace
    assert matched(fixed) == {"B1": "A0", "B2": "A1", "B3": "A2"}
    assert matched(trace, matched_by_position=["B2"])["B2"] == "A1"
    assert repaired(inbox(receive(2, "A", 77), first=arrivals)) == (["B1"], [], [])
    assert repaired(inbox(receive(2, "A", 1), first=arrivals)) == ([], [], [])
    assert repair_names(without(trace, "clock")).trace.columns is not fixed.columns
    assert repaired(without(trace, "clock")) == ([], [], [])


def test_an_arrival_with_a_name_that_nobody_sent_is_repaired_from_its_receive() -> None:
    trace = inbox(receive(2, "A", 1), receive(3, "A", 2), first=[("A", 1), ("A", 77)])
    assert repaired(trace) == ([], [1], ["B0"])
    fixed = repair_names(trace).trace
    assert fixed.arrivals is not None
    assert fixed.arrivals.stamp.tolist() == [1, 2]
    assert trace.arrivals is not None
    assert trace.arrivals.stamp.tolist() == [1, 77]
    assert arrived(fixed) == (["A0", "A1"], [])


def test_of_two_names_that_were_both_sent_the_arrivals_is_right() -> None:
    trace = inbox(receive(2, "A", 1), receive(3, "A", 4), first=[("A", 1), ("A", 2)])
    assert repaired(trace) == (["B2"], [], [])
    assert repaired(inbox(receive(2, "A", 77), first=[("A", 66)])) == (["B1"], [], [])


def test_a_receive_that_bears_a_later_receives_name_is_the_wrong_one() -> None:
    """B2 took message 2 and names 3, which B3 took: B3 is right."""
    arrivals = [("A", 1), ("A", 2), ("A", 3)]
    trace = inbox(receive(2, "A", 1), receive(3, "A", 3), receive(4, "A", 3), first=arrivals)
    assert repaired(trace) == (["B2"], [], [])
    fixed = repair_names(trace).trace
    assert matched(fixed) == {"B1": "A0", "B2": "A1", "B3": "A2"}
    first = inbox(receive(2, "A", 2), receive(3, "A", 2), first=arrivals)
    assert repaired(first) == (["B1"], [], [])
    twice = inbox(*(receive(2, "A", stamp) for stamp in (1, 2, 3, 3)), first=arrivals)
    assert repaired(twice) == ([], [], [])


def test_after_a_borrowed_name_the_inbox_goes_on() -> None:
    arrivals = [("A", 1), ("A", 2), ("A", 3), ("A", 4)]
    behind = inbox(*(receive(2, "A", stamp) for stamp in (1, 3, 3, 77)), first=arrivals)
    assert repaired(behind) == (["B2", "B4"], [], [])
    given = inbox(*(receive(2, "A", stamp) for stamp in (3, 3, 1, 77)), first=arrivals[:3])
    assert repaired(given) == (["B1"], [], [])


def test_what_had_not_arrived_or_was_taken_is_no_right_name() -> None:
    later = inbox(receive(2, "A", 77), step(3, ("A", 1)), first=[])
    assert repaired(later) == ([], [], [])
    at_once = inbox(receive(2, "A", 77, ("A", 1)), first=[])
    assert repaired(at_once) == (["B1"], [], [])
    taken = inbox(receive(2, "A", 2), receive(3, "A", 77), receive(4, "A", 3),
                  first=[("A", 2), ("A", 3)])  # fmt: skip
    assert repaired(taken) == ([], [], [])
    nothing_left = inbox(receive(2, "A", 1), receive(3, "A", 77), first=[("A", 1)])
    assert repaired(nothing_left) == ([], [], [])


def test_what_another_process_found_is_no_right_name() -> None:
    trace = log({
        "A": [send(1, "B"), send(2, "C")],
        "B": [step(1, ("A", 1)), receive(2, "A", 1), receive(3, "A", 77)],
        "C": [step(1, ("A", 2)), receive(9, "A", 66)],
    })  # fmt: skip
    assert repaired(trace) == (["C1"], [], [])


def test_after_a_receive_that_took_nothing_no_arrival_is_due() -> None:
    trace = inbox(receive(2, "A", 77), step(2, ("A", 1)), receive(3, "A", 66), first=[])
    assert repaired(trace) == ([], [], [])


def test_where_events_are_missing_no_name_is_repaired() -> None:
    arrivals = [("A", 1), ("A", 2)]
    receives = [receive(2, "A", 1), receive(3, "A", 77)]
    assert repaired(inbox(*receives, first=arrivals, gaps=["B1"])) == ([], [], [])
    assert repaired(inbox(*receives, first=arrivals, gaps=["A1"])) == (["B2"], [], [])


def test_up_to_a_limit_names_are_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = inbox(receive(2, "A", 77), receive(3, "A", 66), first=[("A", 1), ("A", 2)])
    monkeypatch.setattr(repair, "REPAIRS_MAX", 2)
    assert repaired(trace) == (["B1", "B2"], [], [])
    monkeypatch.setattr(repair, "REPAIRS_MAX", 1)
    assert repaired(trace) == ([], [], [])


def test_a_send_that_names_no_target_may_be_to_anybody(tmp_path: Path) -> None:
    """Where other sends name theirs; its message is found by its stamp."""
    path = tmp_path / "log.csv"
    path.write_text(
        "process,kind,lamport,to,from,stamp\n"
        "a,send,1,b,,\na,send,2,,,\na,send,3,b,,\n"
        "b,receive,2,,a,1\nb,receive,3,,a,2\nc,receive,3,,a,2\n"
    )
    verdict = driftlab.read(path).check()
    assert verdict.verdict == "holds"
    assert not verdict.unknown
    path.write_text(path.read_text().replace("c,receive,3,,a,2", "c,receive,2,,a,2"))
    assert driftlab.read(path).check().counts["clock-condition"] == 1
    path.write_text(path.read_text().replace("c,receive,2,,a,2", "c,receive,4,,a,3"))
    assert driftlab.read(path).check().counts["from-nowhere"] == 1  # which went to b alone
