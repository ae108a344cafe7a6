"""Messages that vector timestamps imply: they give the true order, or are UNMATCHED."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings

from driftlab.history.matching.by_vector_clock import ROUNDS_MAX, implied_messages
from driftlab.history.matching.messages import NOTHING, UNMATCHED
from driftlab.history.trace import Trace
from driftlab.model.columns import INTERNAL, NOBODY, RECEIVE, SEND, UNKNOWN_KIND, Columns, from_rows
from tests.executions import Edge, edges_of, executions, only_vectors

Clock = Mapping[str, int]


def log(**events: Sequence[Clock]) -> Trace:
    """Return a trace of vector clocks, a list of them a process."""
    names = list(events)
    flat = [clock for clocks in events.values() for clock in clocks]
    starts = np.cumsum([0, *(len(clocks) for clocks in events.values())])
    rows = [{names.index(name): value for name, value in clock.items()} for clock in flat]
    kind = np.full(len(flat), 3, np.uint8)
    return Trace(names, starts, Columns(kind), timestamps=from_rows("vector", rows))


def order_of(trace: Trace, edges: set[Edge]) -> set[Edge]:
    """Return all pairs in happened-before, by following edges until nothing is added."""
    places = [trace.place(row) for row in range(len(trace))]
    past: dict[tuple[str, int], set[tuple[str, int]]] = {place: set() for place in places}
    direct = {place: [a for a, b in edges if b == place] for place in places}
    changed = True
    while changed:
        changed = False
        for name, index in places:
            before = [*direct[name, index], *([(name, index - 1)] if index else [])]
            found = {each for one in before for each in {one, *past[one]}}
            changed |= found != past[name, index]
            past[name, index] = found
    return {(a, b) for b, all_before in past.items() for a in all_before}


@given(trace=executions())
@settings(max_examples=80, deadline=None)
def test_the_order_is_that_of_the_true_messages(trace: Trace) -> None:
    implied = edges_of(only_vectors(trace))
    assert implied <= edges_of(trace)  # nothing is made up
    assert order_of(trace, implied) == order_of(trace, edges_of(trace))


def test_what_is_heard_of_through_another_is_no_message() -> None:
    trace = log(
        A=[{"A": 1}],
        B=[{"A": 1, "B": 1}],
        C=[{"A": 1, "B": 1, "C": 1}],
    )
    messages = implied_messages(trace)
    assert messages.source.tolist() == [NOTHING, 0, 1]
    assert messages.sender.tolist() == [-1, 0, 1]
    assert len(messages.extra_receives) == 0


def test_what_is_heard_of_through_the_first_row_is_no_message_either() -> None:
    trace = log(A=[{"A": 1, "B": 1}], B=[{"B": 1}], C=[{"A": 1, "B": 1, "C": 1}])
    assert edges_of(trace) == {(("B", 0), ("A", 0)), (("A", 0), ("C", 0))}


def test_of_two_messages_from_nowhere_one_is_noted() -> None:
    messages = implied_messages(log(A=[], B=[], C=[{"A": 1, "B": 1, "C": 1}]))
    assert messages.source.tolist() == [UNMATCHED]
    assert len(messages.extra_receives) == len(messages.extra_sends) == 0


def test_one_event_may_hear_of_several_that_know_nothing_of_each_other() -> None:
    trace = log(A=[{"A": 1}], B=[{"B": 1}, {"B": 2}], C=[{"A": 1, "B": 2, "C": 1}])
    assert edges_of(trace) == {(("A", 0), ("C", 0)), (("B", 1), ("C", 0))}


def test_an_entry_that_counts_no_event_is_unmatched() -> None:
    trace = log(A=[{"A": 1}], B=[{"A": 5, "B": 1}, {"A": 5, "B": 2}])
    messages = implied_messages(trace)
    assert messages.source.tolist() == [NOTHING, UNMATCHED, NOTHING]
    assert messages.sender.tolist() == [-1, 0, -1]


def test_an_event_alone_may_have_heard_of_what_is_not_there() -> None:
    assert implied_messages(log(A=[{"A": 1, "B": 1}], B=[])).source.tolist() == [UNMATCHED]


def test_the_messages_beside_an_unmatched_one_are_kept() -> None:
    trace = log(A=[{"A": 1}], B=[{"B": 1}], C=[{"A": 1, "B": 7, "C": 1}])
    messages = implied_messages(trace)
    assert messages.source.tolist() == [NOTHING, NOTHING, UNMATCHED]
    assert (messages.extra_receives.tolist(), messages.extra_sends.tolist()) == ([2], [0])


def test_of_several_events_with_one_number_the_first_is_meant() -> None:
    trace = log(A=[{"A": 1}, {"A": 2}, {"A": 2}], B=[{"A": 2, "B": 1}])
    assert edges_of(trace) == {(("A", 1), ("B", 0))}


def test_a_clock_that_goes_back_hears_again_when_it_comes_forward() -> None:
    trace = log(A=[{"A": 1}], B=[{"A": 1, "B": 1}, {"B": 2}, {"A": 1, "B": 3}])
    assert edges_of(trace) == {(("A", 0), ("B", 0)), (("A", 0), ("B", 2))}


def test_an_event_without_a_timestamp_is_passed_over() -> None:
    trace = log(A=[{"A": 1}], B=[{"A": 1, "B": 1}, {}, {"A": 1, "B": 3}])
    assert edges_of(trace) == {(("A", 0), ("B", 0))}


def test_clocks_that_form_a_cycle_end_all_the_same() -> None:
    trace = log(A=[{"A": 1, "B": 1}], B=[{"A": 1, "B": 1}])
    assert edges_of(trace) == {(("B", 0), ("A", 0)), (("A", 0), ("B", 0))}


def test_entries_at_the_end_of_64_bits_are_numbers_like_others() -> None:
    last = 2**63 - 1
    trace = log(A=[{"A": last}], B=[{"A": last, "B": last - 1}])
    assert edges_of(trace) == {(("A", 0), ("B", 0))}


def test_more_messages_than_turns_are_all_kept() -> None:
    names = [f"P{n}" for n in range(100)]
    own = {name: [{name: 1}] for name in names}
    trace = log(**own, Z=[{**dict.fromkeys(names, 1), "Z": 1}])
    assert len(edges_of(trace)) == 100


@pytest.mark.parametrize(("names", "edges"), [(62, 63), (63, 64), (64, 66)])
def test_after_64_messages_of_one_event_the_rest_is_not_reduced(names: int, edges: int) -> None:
    """Z learned of Q through R; before R come as many others, whose timestamps are heavier."""
    assert ROUNDS_MAX == 64
    heavy = [f"P{n}" for n in range(names)]
    own = {name: [{name: 1, f"H{name}": 9}] for name in heavy}
    trace = log(
        **own, **{f"H{name}": [] for name in heavy},
        Q=[{"Q": 1}], R=[{"R": 1, "Q": 1}],
        Z=[{**dict.fromkeys(heavy, 1), "R": 1, "Q": 1, "Z": 1}],
    )  # fmt: skip
    of_z = {sent for sent, received in edges_of(trace) if received == ("Z", 0)}
    assert len(of_z) == edges
    assert ("R", 0) in of_z
    assert (("Q", 0) in of_z) == (names == 64)


def test_an_event_that_the_log_calls_a_send_received_nothing() -> None:
    trace = log(A=[{"A": 1}], B=[{"A": 1, "B": 1}], C=[{"C": 1}])
    for kind, source in ((INTERNAL, NOTHING), (SEND, NOTHING), (RECEIVE, 0), (UNKNOWN_KIND, 0)):
        trace.columns.kind[1] = kind
        assert implied_messages(trace).source.tolist() == [NOTHING, source, NOTHING]
    for sender, source in ((0, 0), (2, NOTHING), (NOBODY, 0)):
        trace.columns = trace.columns._replace(sender=np.array([NOBODY, sender, NOBODY]))
        assert implied_messages(trace).source[1] == source


def test_no_timestamps_imply_nothing() -> None:
    empty = Trace(["A"], np.array([0, 0]), Columns(np.zeros(0, np.uint8)))
    assert len(implied_messages(empty).source) == 0
    assert not implied_messages(empty).implied
