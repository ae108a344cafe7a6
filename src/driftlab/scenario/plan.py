"""The plan of one machine: in plain numbers, all that its scenario decides.

A plan is what a host needs and no more. It is small, exact and light to
import, so a worker can be handed its own part and nothing else.

From a scenario and a run's number to the plans of its machines.
"""

from typing import NamedTuple

from driftlab.clocks.physical_clock import PhysicalClock
from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.model.schedule import Schedule, phase_ns
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import as_fraction


class MachinePlan(NamedTuple):
    """One machine of one run.

    `position` is its place in name order, `names` are those of all machines. `peers` are those
    it is linked to, in name order, `places` their positions. `die` holds the
    two bounds of `Scenario.die`, `die_stream` the key of the machine's draws.
    `ticks` is how many it will take, `end_ns` the end of the run in scenario
    time. `clock` names the clock that the run keeps, `process` what the
    machine runs, `physical` says how its physical clock is off.
    """

    name: str
    position: int
    peers: tuple[str, ...]
    rate: float
    schedule: Schedule
    ticks: int
    end_ns: int
    die: tuple[int, int]
    die_stream: int
    seed: int
    run: int
    names: tuple[str, ...]
    peer_positions: tuple[int, ...]
    clock: str = "lamport"
    process: str = "die"
    physical: PhysicalClock = PhysicalClock()

    @property
    def size(self) -> int:
        """How many machines there are."""
        return len(self.names)


def plan_run(scenario: Scenario, run: int) -> tuple[MachinePlan, ...]:
    """Plan run number `run` of a scenario: its machines in name order."""
    roster = scenario.machine_names()
    near = scenario.neighbours(run)
    return tuple(
        _plan_machine(scenario, run, i, rate, roster, near[i])
        for i, rate in enumerate(scenario.rates_of(run))
    )


def _plan_machine(
    scenario: Scenario,
    run: int,
    index: int,
    rate: float,
    roster: tuple[str, ...],
    near: tuple[int, ...],
) -> MachinePlan:
    schedule = schedule_of(scenario, run, index, rate)
    return MachinePlan(
        name=roster[index],
        position=index,
        peers=tuple(roster[place] for place in near),
        rate=rate,
        schedule=schedule,
        ticks=schedule.ticks_before(scenario.horizon_ns),
        end_ns=scenario.horizon_ns,
        die=scenario.die,
        die_stream=stream(scenario.seed, run, index, Purpose.DIE),
        seed=scenario.seed,
        run=run,
        names=roster,
        peer_positions=near,
        clock=scenario.clock,
        process=scenario.process,
        physical=scenario.physical_clock(index),
    )


def schedule_of(scenario: Scenario, run: int, index: int, rate: float) -> Schedule:
    """Return when each tick of one machine is due."""
    ticks, speed = as_fraction(rate), as_fraction(scenario.speed)
    phase = 0
    if scenario.phase == "random":
        word = draw(stream(scenario.seed, run, index, Purpose.PHASE), 0)
        phase = phase_ns(word, ticks.numerator, ticks.denominator)
    return Schedule(ticks.numerator, ticks.denominator, phase, speed.numerator, speed.denominator)
