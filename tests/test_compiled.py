"""The compiled engine gives the general engine's history, bit for bit."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab import Scenario
from driftlab.compiled import layout
from driftlab.compiled.engine import (
    Figures,
    NotCompiledError,
    Recorded,
    record_run,
    simulate_runs,
    why_not,
)
from driftlab.compiled.layout import space_for
from driftlab.digest import KINDS, digest_of, digest_of_run
from driftlab.event import Event
from driftlab.hosts.simulator import simulate_run
from driftlab.planning import plan_run

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
        names = self.scenario.roster()
        near = self.scenario.neighbours(self.number)
        return digest_of_run(
            digest_of(self.of(i), names, [names[j] for j in near[i]])
            for i in range(self.scenario.size)
        )


def general(scenario: Scenario, number: int = 1) -> General:
    rows: list[tuple[int, int, Event]] = []
    simulate_run(
        plan_run(scenario, number), scenario.order, scenario.message_latency,
        lambda position, entry: rows.append((entry.instant.due_ns, position, entry.event)),
    )  # fmt: skip
    return General(rows, scenario, number)


def events_of(recorded: Recorded, scenario: Scenario, number: int) -> list[tuple[int, int, Event]]:
    """Turn columns back into the events that they stand for."""
    names = scenario.roster()
    peers = [tuple(names[j] for j in others) for others in scenario.neighbours(number)]
    columns = [column.tolist() for column in recorded.history]
    rows = []
    for due, process, tick, kind, sender, stamp, target, clock, queue in zip(*columns, strict=True):
        came = (None, None) if sender < 0 else (names[sender], stamp)
        assert sender >= 0 or stamp == 0
        targets = {-2: (), -1: peers[process]}.get(target) if target < 0 else None
        if targets is None:
            targets = (peers[process][target],)
        made: Any = Event(names[process], tick, KINDS[kind], *came, targets, clock, queue)  # type: ignore[arg-type]
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
        jumps = [after - before for before, after in zip(clocks, clocks[1:], strict=False)]
        found["jump_max"].append(max(jumps, default=0))
        found["queue_sum"].append(sum(queues))
        found["queue_max"].append(max(queues, default=0))
        found["queue_last"].append(queues[-1] if queues else 0)
        found["first_due_ns"].append(plan_run(run.scenario, run.number)[i].schedule.due_ns(0))
    return found


def same(scenario: Scenario, number: int = 1, **keys: Any) -> Recorded:
    """Demand that both engines agree in every event and every figure."""
    assert why_not(scenario) is None
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
@settings(max_examples=400)
def test_the_compiled_history_is_the_general_engines_event_by_event(
    scenario: Scenario, number: int, repeats: bool
) -> None:
    same(scenario, number, repeats=repeats)
