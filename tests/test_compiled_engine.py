"""The compiled engine gives the general engine's history, bit for bit."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab import Scenario
from driftlab.machine.machine import Machine
from driftlab.model.digest import KINDS, digest_of, digest_of_run
from driftlab.model.event import Event, Kind
from driftlab.scenario.plan import plan_run
from driftlab.simulator.compiled import engine, memory_layout
from driftlab.simulator.compiled.engine import (
    Figures,
    NotCompiledError,
    Recorded,
    incompatibility,
    record_run,
    simulate_runs,
)
from driftlab.simulator.compiled.memory_layout import allocate
from driftlab.simulator.engine import NetworkConfig, each_event, simulate_run

LATENCIES = [
    "none", "none", "none", "fixed:0", "fixed:0.25", "uniform:0..0.9", "uniform:0.00000001..3",
    "exponential:0.2", "lognormal:0.1,1", "lognormal:0.02,2.5",
]  # fmt: skip
RATES = st.one_of(
    st.integers(1, 12),
    st.sampled_from([0.5, 1.5, 2.5, 0.1, 3.7]),
    st.floats(0.05, 20),
)
CHANCES = st.one_of(
    st.fixed_dictionaries({"faces": st.integers(3, 12)}),
    st.sampled_from([(0, 0), (1, 0), (0, 1), (0.3, 0.3), (0.05, 0.5), (0.9, 0.1)]).map(
        lambda pair: {"send_one": pair[0], "send_all": pair[1]}
    ),
)


class General(NamedTuple):
    """A run as the general engine gives it."""

    rows: list[tuple[int, int, Event]]  # due_ns, process, event
    scenario: Scenario
    number: int

    def of(self, process: int) -> list[Event]:
        return [event for _, position, event in self.rows if position == process]

    def digest(self) -> int:
        names = self.scenario.machine_names()
        near = self.scenario.neighbours(self.number)
        return digest_of_run(
            digest_of(self.of(i), names, [names[j] for j in near[i]])
            for i in range(self.scenario.size)
        )


def general(scenario: Scenario, number: int = 1) -> General:
    rows: list[tuple[int, int, Event]] = []
    plans = plan_run(scenario, number)
    ways = NetworkConfig(scenario.order, scenario.message_latency)
    simulate_run(
        plans, [Machine(plan) for plan in plans], ways,
        each_event(lambda position, event, due_ns, found: rows.append((due_ns, position, event))),
    )  # fmt: skip
    return General(rows, scenario, number)


def events_of(recorded: Recorded, scenario: Scenario, number: int) -> list[tuple[int, int, Event]]:
    """Turn columns back into the events that they stand for."""
    names = scenario.machine_names()
    peers = [tuple(names[j] for j in others) for others in scenario.neighbours(number)]
    columns = [column.tolist() for column in recorded.history]
    rows = []
    for due, process, tick, kind, sender, stamp, target, clock, queue in zip(*columns, strict=True):
        received = (None, None) if sender < 0 else (names[sender], stamp)
        assert sender >= 0 or stamp == 0
        targets = {-2: (), -1: peers[process]}.get(target) if target < 0 else None
        if targets is None:
            targets = (peers[process][target],)
        made = Event(
            names[process], tick, Kind(KINDS[kind]), received[0], received[1], targets, clock, queue
        )
        rows.append((due, process, made))
    return rows


def figures_of(run: General) -> dict[str, list[int]]:
    """Count what `Figures` holds, from the events."""
    found: dict[str, list[int]] = {name: [] for name in Figures._fields[1:11]}
    for i in range(run.scenario.size):
        events = run.of(i)
        clocks = [event.clock for event in events]
        queues = [event.queue for event in events]
        kinds = [str(event.kind) for event in events]
        for kind in KINDS:
            found[kind].append(kinds.count(kind))
        found["clock"].append(clocks[-1] if clocks else 0)
        found["first_clock"].append(clocks[0] if clocks else 0)
        jumps = [after - before for before, after in pairwise(clocks)]
        found["jump_max"].append(max(jumps, default=0))
        found["queue_sum"].append(sum(queues))
        found["queue_max"].append(max(queues, default=0))
        found["queue_last"].append(queues[-1] if queues else 0)
        found["first_due_ns"].append(plan_run(run.scenario, run.number)[i].schedule.due_ns(0))
    return found


def assert_engines_agree(scenario: Scenario, number: int = 1, **keys: Any) -> Recorded:
    """Assert that both engines agree in every event and every metric."""
    assert incompatibility(scenario) is None
    expected = general(scenario, number)
    recorded = record_run(scenario, number, **keys)
    assert events_of(recorded, scenario, number) == expected.rows
    for figures in (recorded.figures, simulate_runs(scenario, [number], **keys)):
        assert figures.digest.tolist() == [expected.digest()]
        assert figures.stopped_ns.tolist() == [-1]
        assert figures.rates.tolist() == [list(map(float, scenario.rates_of(number)))]
        for name, values in figures_of(expected).items():
            assert getattr(figures, name).tolist() == [values], name
    return recorded


@pytest.mark.parametrize("latency", ["none", "exponential:0.2"])
@pytest.mark.parametrize("kept", ["figures", "history"])
def test_a_minute_is_the_same(kept: str, latency: str) -> None:
    """Each of the four is compiled on its own."""
    scenario = Scenario(rates=[6, 3, 1], latency=latency, seed=1)
    expected = general(scenario)
    if kept == "history":
        assert events_of(record_run(scenario, 1), scenario, 1) == expected.rows
    else:
        assert simulate_runs(scenario).digest.tolist() == [expected.digest()]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    size = draw(st.integers(2, 8))
    one_rate = draw(st.booleans())
    rates: Any = [draw(RATES)] * size if one_rate else [draw(RATES) for _ in range(size)]
    if draw(st.integers(0, 4)) == 0:
        rates = "1..9"
    regular = "regular:2" if size > 2 else "regular:1"
    chain = ",".join(f"{a}-{b}" for a, b in zip("ABCDEFG"[: size - 1], "BCDEFGH", strict=False))
    return Scenario.from_dict({
        "rates": rates, **({"machines": size} if rates == "1..9" else {}),
        "seconds": draw(st.sampled_from([0.3, 2, 7, 12.5])),
        "seed": draw(st.integers(0, 2**64 - 1)),
        "order": draw(st.sampled_from(["peers", "arrival"])),
        "phase": draw(st.sampled_from(["random", "aligned"])),
        "topology": draw(st.sampled_from(["mesh", "mesh", "ring", "star", regular, chain])),
        "latency": draw(st.sampled_from(LATENCIES)),
        **draw(CHANCES),
    })  # fmt: skip


@given(scenarios(), st.integers(1, 2**40), st.booleans())
@settings(max_examples=120)
def test_the_compiled_history_is_the_general_engines_event_by_event(
    scenario: Scenario, number: int, repeats: bool
) -> None:
    assert_engines_agree(scenario, number, repeats=repeats)


@pytest.mark.parametrize(
    "keys",
    [
        # One bucket of a window holds them all, since they begin at once and go nearly alike.
        {"rates": [1 + i * 1e-9 for i in range(40)], "phase": "aligned", "seconds": 20},
        # Dozens come in between two ticks of the first.
        {"rates": [0.5, 20, 15.5, 17, 20], "topology": "star", "send_one": 1, "seconds": 40},
        {"rates": [0.5, 20, 15.5, 17], "latency": "uniform:0..1", "send_all": 0.7, "seconds": 40},
        # Hundreds are under way.
        {"rates": [20, 15, 10], "latency": "exponential:10", "send_all": 0.9, "seconds": 60},
        {"rates": [20, 15, 10], "latency": "fixed:30", "send_all": 0.9, "seconds": 60},
        # Everyone sends to everyone at the same instant.
        {"rates": [1] * 30, "phase": "aligned", "send_all": 1, "seconds": 20},
        # Messages arrive at the very instant of a tick, several of them at once.
        {"rates": [2, 4, 4], "phase": "aligned", "latency": "fixed:0.5", "send_all": 0.5},
        # A few ticks, or none at all.
        {"rates": [0.001, 0.5, 5], "seconds": 3},
        {"rates": [123456.789, 98765.4321], "seconds": 0.2},
        {"rates": [1e9, 3e8], "seconds": 0.000001},
    ],
)
@pytest.mark.parametrize("order", ["peers", "arrival"])
def test_crowded_scenarios_are_the_same(keys: dict[str, Any], order: str) -> None:
    assert_engines_agree(Scenario.from_dict({**keys, "order": order, "seed": 9}))


def test_ticks_are_in_the_order_of_due_time_and_process() -> None:
    """In some of many runs the first two, too, come to their bucket in another order."""
    for number in range(1, 60):
        history = record_run(Scenario(rates=[5, 5], seconds=2), number).history
        ticks = list(zip(history.due_ns.tolist(), history.process.tolist(), strict=True))
        assert ticks == sorted(ticks)


def test_a_long_run_with_a_long_queue_is_the_same() -> None:
    recorded = assert_engines_agree(Scenario(rates=[60, 50, 3], seconds=1500, seed=2))
    assert len(recorded.history.tick) == 169_500
    assert recorded.figures.queue_max[0, 2] > 10 * memory_layout.ROOM_FIRST


GOLDEN = {
    "the assignment": (
        Scenario(rates=[6, 3, 1]),
        12720925931785759892,
    ),
    "drawn rates": (
        Scenario(seed=2**64 - 1, first_run=400),
        306350383946488053,
    ),
    "real rates in order of arrival": (
        Scenario(rates=[6.1, 2.718281828, 0.3], order="arrival", seed=7),
        17226685129996195017,
    ),
    "a ring with latency": (
        Scenario(machines=6, rates=[5] * 6, topology="ring", latency="exponential:0.5", seed=3),
        10620077455685270631,
    ),
    "a slow crowd": (
        Scenario(machines=50, send_all=0.1, latency="lognormal:0.1,1", phase="aligned", seed=5),
        4291529925245761354,
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_published_digests_stay_the_same(name: str) -> None:
    """Another digest here means that no published run can be repeated."""
    scenario, digest = GOLDEN[name]
    assert simulate_runs(scenario).digest.tolist() == [digest]
    assert general(scenario, scenario.first_run).digest() == digest


def equal(one: Figures, other: Figures) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


MANY = [
    Scenario(rates="1..9", machines=4, seconds=30, seed=4, runs=700),
    Scenario(
        rates=[6.25, 3.123456789012345, 1], seconds=30, seed=4, runs=300, latency="uniform:0..1"
    ),
    Scenario(rates=[6, 3, 1, 2], topology="regular:2", seconds=30, seed=4, runs=20),
]


@pytest.mark.parametrize("scenario", MANY)
def test_figures_do_not_depend_on_the_cores_or_on_who_else_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, scenario: Scenario
) -> None:
    monkeypatch.setattr(engine, "SHARE_TICKS_MIN", 1)  # so that three cores have work
    assert len(list(engine._shares(scenario, scenario.runs, 3))) >= 6
    alone = simulate_runs(scenario, cores=1)
    assert equal(simulate_runs(scenario, cores=3), alone)
    assert len(set(alone.digest.tolist())) == scenario.runs
    row = scenario.runs - 3
    single = simulate_runs(scenario, [scenario.run_numbers[row]])
    assert equal(single, alone.of_rows(slice(row, row + 1)))
    assert single.digest.tolist() == [general(scenario, scenario.run_numbers[row]).digest()]


@pytest.mark.parametrize("latency", ["none", "exponential:0.3"])
@pytest.mark.parametrize("repeats", [True, False])
def test_where_a_run_is_interrupted_does_not_show(
    monkeypatch: pytest.MonkeyPatch, latency: str, repeats: bool
) -> None:
    scenario = Scenario(rates=[6, 3, 1, 4], seconds=100, runs=3, latency=latency)
    whole = simulate_runs(scenario, repeats=repeats)
    recorded = record_run(scenario, 1, repeats=repeats)
    monkeypatch.setattr(engine, "SLICE_TICKS_FIRST", 7)
    monkeypatch.setattr(engine, "SLICE_TICKS_MIN", 7)
    monkeypatch.setattr(engine, "SLICE_SECONDS", 0.0)
    seen: list[tuple[int, int]] = []
    sliced = simulate_runs(
        scenario, cores=1, repeats=repeats, on_progress=lambda *ticks: seen.append(ticks)
    )
    assert equal(sliced, whole)
    again = record_run(scenario, 1, repeats=repeats)
    assert all(map(np.array_equal, again.history, recorded.history))
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == (4200, 4200)


def test_shares_are_neither_too_small_nor_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(scenario: Scenario, cores: int) -> list[int]:
        shares = list(engine._shares(scenario, scenario.runs, cores))
        assert [row for share in shares for row in share] == list(range(scenario.runs))
        return [len(share) for share in shares]

    minute = Scenario(rates=[6, 3, 1], runs=100_000)  # 600 ticks each
    assert sizes(minute, 1) == [14_286] * 6 + [14_284]
    assert sizes(minute, 2) == [12_500] * 8
    assert sizes(minute.replace(runs=16_384), 1) == [16_384]
    assert sizes(minute.replace(runs=16_385), 1) == [8_193, 8_192]
    assert sizes(minute.replace(runs=8_000), 2) == [2_000] * 4
    assert sizes(minute.replace(runs=3_000), 2) == [1_000] * 3  # 600,000 ticks
    assert sizes(minute.replace(runs=999), 8) == [999]
    assert sizes(minute.replace(runs=5, seconds=10**6), 8) == [1] * 5
    drawn = Scenario(machines=4, topology="regular:2", runs=3)
    assert sizes(drawn, 1) == [1] * 3


def test_a_history_may_have_as_many_events_as_its_columns_can_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = Scenario(rates=[6, 3, 1], seconds=2)
    monkeypatch.setattr(engine, "EVENTS_MAX", 20)
    assert len(record_run(scenario, 1).history.tick) == 20
    monkeypatch.setattr(engine, "EVENTS_MAX", 19)
    with pytest.raises(NotCompiledError, match="a history of 20 events; at most 19"):
        record_run(scenario, 1)


def test_progress_is_reported_for_all_cores_together() -> None:
    seen: list[tuple[int, int]] = []
    scenario = Scenario(rates=[6, 3, 1], runs=500)
    simulate_runs(scenario, cores=2, on_progress=lambda *ticks: seen.append(ticks))
    assert seen == sorted(seen)
    assert seen[-1] == (300_000, 300_000)


@pytest.mark.parametrize("cores", [1, 2])
def test_ctrl_c_ends_it_between_two_slices(cores: int) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_runs(
            Scenario(rates=[9, 8, 7], seconds=1e8, runs=8), cores=cores, on_progress=interrupt
        )


@pytest.mark.parametrize("latency", ["none", "uniform:0..2"])
@pytest.mark.parametrize("phase", ["random", "aligned"])
@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("waiting_max", [1, 2, 100, 1500])
def test_a_run_ends_where_more_messages_would_wait_than_may(
    latency: str, phase: str, repeats: bool, waiting_max: int
) -> None:
    """All events before the first tick that would send too many, and none after it."""
    scenario = Scenario.from_dict(
        {"rates": [30, 20, 1], "seconds": 300, "latency": latency, "phase": phase, "runs": 2}
    )
    keys: dict[str, Any] = {"waiting_max": waiting_max, "repeats": repeats}
    recorded = record_run(scenario, 1, **keys)
    figures = simulate_runs(scenario, **keys)
    expected = general(scenario)
    events = len(recorded.history.tick)
    assert events < len(expected.rows)
    assert events_of(recorded, scenario, 1) == expected.rows[:events]
    due_ns, _, event = expected.rows[events]
    so_far = expected._replace(rows=expected.rows[:events])
    assert figures.stopped_ns[0] == recorded.figures.stopped_ns[0] == due_ns
    assert figures.stopped_ns[1] >= 0
    assert figures.digest[0] == recorded.figures.digest[0] == so_far.digest()
    sent = sum(len(row[2].targets) for row in so_far.rows)
    received = sum(row[2].sender is not None for row in so_far.rows)
    assert sent - received <= waiting_max < sent - received + len(event.targets)


def test_schedules_repeat_after_the_shortest_whole_time() -> None:
    periods = {
        (6, 3, 1): 10**9, (6, 4, 2): 5 * 10**8, (0.5, 1.5): 2 * 10**9, (7, 14): 10**9,
        (1000, 2000): 10**6, (0.001, 3): 10**12, (3.14159, 2.71828): 0, (1e6, 1.5): 0,
    }  # fmt: skip
    for rates, period in periods.items():
        found = int(allocate(Scenario(rates=rates), 1).run["period"])
        assert found == period, rates
        assert allocate(Scenario(rates=rates), 1, repeats=False).run["period"] == 0


@pytest.mark.parametrize("topology", ["ring", "star"])
@pytest.mark.parametrize("size", [2, 3, 4, 9])
def test_links_worked_out_at_once_are_those_of_the_topology(topology: str, size: int) -> None:
    scenario = Scenario(machines=size, topology=topology)
    arena = allocate(scenario, 1)
    near = scenario.neighbours(1)
    for machine, others in zip(arena.machines, near, strict=True):
        first = int(machine["links"])
        assert arena.links[first : first + int(machine["peers"])].tolist() == list(others)


def test_an_incompatible_scenario_is_refused_with_the_reason() -> None:
    plain = Scenario()
    assert incompatibility(plain) is None
    keys: dict[str, Any] = {
        "process": "mine.py:Ring", "clock": "vector", "latencies": {"A>B": "fixed:1"},
    }  # fmt: skip
    for key, value in keys.items():
        assert key in str(incompatibility(plain.replace(**{key: value})))
    refused = {
        "latency: lognormal": plain.replace(latency="lognormal:1000000,5"),
        "latency: exponential": Scenario(machines=5000, latency="exponential:1"),
    }
    for words, scenario in refused.items():
        assert str(incompatibility(scenario)).startswith(words)
        with pytest.raises(NotCompiledError, match=words):
            simulate_runs(scenario)
    assert incompatibility(Scenario(machines=5000, latency="fixed:1")) is None
    assert (
        incompatibility(Scenario(seconds=1e9, rates=[1e-9, 1e9], latency="exponential:1e6")) is None
    )


def test_a_history_too_long_for_its_columns_is_refused() -> None:
    with pytest.raises(NotCompiledError, match="4294967295"):
        record_run(Scenario(rates=[1000, 1000], seconds=1e7), 1)
