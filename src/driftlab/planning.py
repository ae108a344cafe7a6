"""From a scenario and a run's number to the plans of its machines."""

from driftlab.dice import Purpose, draw, stream
from driftlab.plan import MachinePlan
from driftlab.scenario import Scenario
from driftlab.scenario_checks import exact
from driftlab.schedule import Schedule, phase_ns


def plan_run(scenario: Scenario, run: int) -> tuple[MachinePlan, ...]:
    """Plan run number `run` of a scenario: its machines in name order."""
    roster = scenario.roster()
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
        places=near,
        clock=scenario.clock,
        process=scenario.process,
        physical=scenario.physical_clock(index),
    )


def schedule_of(scenario: Scenario, run: int, index: int, rate: float) -> Schedule:
    """Return when each tick of one machine is due."""
    ticks, speed = exact(rate), exact(scenario.speed)
    phase = 0
    if scenario.phase == "random":
        word = draw(stream(scenario.seed, run, index, Purpose.PHASE), 0)
        phase = phase_ns(word, ticks.numerator, ticks.denominator)
    return Schedule(ticks.numerator, ticks.denominator, phase, speed.numerator, speed.denominator)
