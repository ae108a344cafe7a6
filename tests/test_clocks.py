from hypothesis import given
from hypothesis import strategies as st

from driftlab.clocks.lamport import merge, step

clocks = st.integers(0, 2**62)


@given(clocks)
def test_a_clock_rises_by_one_at_its_own_events(clock: int) -> None:
    assert step(clock) == clock + 1


@given(clocks, clocks)
def test_a_receive_is_after_the_event_before_it_and_after_the_send(clock: int, stamp: int) -> None:
    merged = merge(clock, stamp)
    assert merged > clock
    assert merged > stamp
    assert merged - 1 in (clock, stamp)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), max_size=60))
def test_the_clock_condition_holds_over_any_history(moves: list[tuple[int, int]]) -> None:
    """Each move is a process that receives from another one's last event, or acts alone."""
    clock = [0] * 4
    past: list[set[int]] = [set() for _ in clock]  # events before the process's next one
    stamps: list[int] = []
    for process, source in moves:
        alone = source < 0 or source == process
        clock[process] = step(clock[process]) if alone else merge(clock[process], clock[source])
        if not alone:
            past[process] |= past[source]
        assert all(stamps[event] < clock[process] for event in past[process])
        past[process].add(len(stamps))
        stamps.append(clock[process])
