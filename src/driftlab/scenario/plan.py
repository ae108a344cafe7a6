"""The plan of one machine in one run: everything that its scenario decides, in plain numbers.

A host needs the plan of a machine and nothing else of the scenario. So a worker
gets its own plan only.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.model.schedule import PhysicalClock, Schedule, phase_ns

if TYPE_CHECKING:  # a worker has a plan, and need not load the rest of a scenario
    from driftlab.scenario.scenario import Scenario
from driftlab.model.schedule import as_fraction


class MachinePlan:
    """The plan of one machine in one run.

    name, position: its name, and its index in name order, from 0.
    peers, peer_positions: the names and positions of the machines that it can
        send to, in name order.
    rate, schedule: its rate in ticks per second, and when its ticks are due.
    ticks: the number of ticks that it will take.
    end_ns: the end of the run, in scenario nanoseconds.
    die: the two bounds of `Scenario.die`.
    die_stream: the key of its process's random numbers.
    seed, run: the scenario's seed, and the number of the run.
    names: the names of all machines, in name order.
    clock, process: the scenario's keys of the same name.
    physical: the error of its physical clock.
    """

    __slots__ = (
        "clock", "die", "die_stream", "end_ns", "name", "names", "peer_positions", "peers",
        "physical", "position", "process", "rate", "run", "schedule", "seed", "ticks",
    )  # fmt: skip

    def __init__(
        self,
        *,
        name: str,
        position: int,
        peers: tuple[str, ...],
        rate: float,
        schedule: Schedule,
        ticks: int,
        end_ns: int,
        die: tuple[int, int],
        die_stream: int,
        seed: int,
        run: int,
        names: tuple[str, ...],
        peer_positions: tuple[int, ...],
        clock: str,
        process: str,
        physical: PhysicalClock,
    ) -> None:
        self.name = name
        self.position = position
        self.peers = peers
        self.rate = rate
        self.schedule = schedule
        self.ticks = ticks
        self.end_ns = end_ns
        self.die = die
        self.die_stream = die_stream
        self.seed = seed
        self.run = run
        self.names = names
        self.peer_positions = peer_positions
        self.clock = clock
        self.process = process
        self.physical = physical

    @property
    def size(self) -> int:
        """The number of machines."""
        return len(self.names)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as values of JSON, from which `from_dict` returns an equal plan."""
        plain = {key: getattr(self, key) for key in self.__slots__}
        for key in ("schedule", "physical"):
            part = plain[key]
            plain[key] = {name: getattr(part, name) for name in part.__slots__}
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "MachinePlan":
        """Return the plan that `to_dict` returned, also if JSON made lists of its tuples."""
        tuples = {key: tuple(plain[key]) for key in ("peers", "names", "peer_positions", "die")}
        schedule, physical = Schedule(**plain["schedule"]), PhysicalClock(**plain["physical"])
        return cls(**{**plain, **tuples, "schedule": schedule, "physical": physical})


def plan_run(scenario: "Scenario", run: int) -> tuple[MachinePlan, ...]:
    """Return the plans of all machines, in name order, for run number `run`."""
    names = scenario.machine_names()
    neighbours, die, end_ns = scenario.neighbours(run), scenario.die, scenario.horizon_ns
    return tuple(
        _plan_machine(scenario, run, i, rate, names, neighbours[i], die, end_ns)
        for i, rate in enumerate(scenario.rates_of(run))
    )


def _plan_machine(
    scenario: "Scenario",
    run: int,
    index: int,
    rate: float,
    names: tuple[str, ...],
    peer_positions: tuple[int, ...],
    die: tuple[int, int],
    end_ns: int,
) -> MachinePlan:
    schedule = schedule_of(scenario, run, index, rate)
    return MachinePlan(
        name=names[index],
        position=index,
        peers=_peers_of(index, names, peer_positions),
        rate=rate,
        schedule=schedule,
        ticks=schedule.ticks_before(end_ns),
        end_ns=end_ns,
        die=die,
        die_stream=stream(scenario.seed, run, index, Purpose.DIE),
        seed=scenario.seed,
        run=run,
        names=names,
        peer_positions=peer_positions,
        clock=scenario.clock,
        process=scenario.process,
        physical=scenario.physical_clock(index),
    )


def _peers_of(
    index: int, names: tuple[str, ...], peer_positions: tuple[int, ...]
) -> tuple[str, ...]:
    if len(peer_positions) == len(names) - 1:  # all others: much faster for a thousand machines
        return names[:index] + names[index + 1 :]
    return tuple(map(names.__getitem__, peer_positions))


def schedule_of(scenario: "Scenario", run: int, index: int, rate: float) -> Schedule:
    """Return when the ticks of one machine are due.

    Args: the scenario, the number of the run, the position of the machine, and
    its rate in ticks per second.
    """
    ticks, speed = as_fraction(rate), as_fraction(scenario.speed)
    phase = 0
    if scenario.phase == "random":
        word = draw(stream(scenario.seed, run, index, Purpose.PHASE), 0)
        phase = phase_ns(word, ticks.numerator, ticks.denominator)
    return Schedule(ticks.numerator, ticks.denominator, phase, speed.numerator, speed.denominator)
