"""The figures of a run, against values worked out by hand."""

from driftlab.analysis.metrics import Lateness, MachineSummary, summarise, with_drift
from driftlab.journal.format import Entry, Instant
from driftlab.model.event import Event, Kind

KINDS = {"i": Kind.INTERNAL, "s": Kind.SEND, "r": Kind.RECEIVE}


def summary(
    kinds: str, clocks: list[int], queues: list[int], late_us: list[int], rate: float = 2
) -> MachineSummary:
    """Summarise a machine of rate 2 at speed 5: a tick every 0.1 s of real time."""
    entries = [
        Entry(
            Event("A", tick, KINDS[kind], None, None, (), clock, queue),
            Instant(0, tick * 100_000_000, late * 1000),
            (),
        )
        for tick, (kind, clock, queue, late) in enumerate(
            zip(kinds, clocks, queues, late_us, strict=True)
        )
    ]
    return summarise("A", rate, 5, 60, entries)


def test_events_clocks_jumps_and_queues_are_those_of_the_entries() -> None:
    figures = summary("iisrr", [1, 2, 3, 9, 10], [0, 0, 0, 3, 1], [5] * 5)
    assert figures.events == {"internal": 2, "send": 1, "receive": 2}
    assert (figures.ticks, figures.clock) == (5, 10)
    assert figures.jump == (9 / 4, 6)
    assert figures.queue == (4 / 5, 3, 1)


def test_the_achieved_rate_is_that_of_the_ticks_as_they_began_in_scenario_time() -> None:
    assert summary("iiiii", [1, 2, 3, 4, 5], [0] * 5, [0] * 5).achieved_rate == 2
    late = summary("iiiii", [1, 2, 3, 4, 5], [0] * 5, [0, 0, 0, 0, 400_000])
    assert late.achieved_rate == 1  # four periods took 0.8 s instead of 0.4 s


def test_lateness_is_by_nearest_rank_in_microseconds() -> None:
    figures = summary("i" * 200, list(range(200)), [0] * 200, list(range(1, 201)))
    assert figures.lateness_us == Lateness(100, 198, 200)
    one = summary("i", [1], [0], [7])
    assert one.lateness_us == Lateness(7, 7, 7)


def test_drift_is_counted_from_the_fastest_machine() -> None:
    slow = summary("ii", [1, 5], [0, 0], [0, 0], rate=1)
    fast = summary("ii", [1, 9], [0, 0], [0, 0], rate=3)
    also = summary("ii", [1, 12], [0, 0], [0, 0], rate=3)
    assert [machine.drift for machine in with_drift([slow, fast, also])] == [-4, 0, 3]
    assert with_drift([]) == ()


def test_a_machine_without_ticks_has_figures_of_nothing() -> None:
    figures = summary("", [], [], [])
    assert (figures.ticks, figures.clock, figures.achieved_rate) == (0, 0, 0)
    assert figures.lateness_us is None
    assert "lateness_us" not in figures.to_dict()
    one = summary("s", [1], [0], [0])
    assert (one.jump, one.achieved_rate) == ((0.0, 0), 1 / 60)
