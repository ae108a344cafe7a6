"""What theory predicts of a scenario, machine by machine, with the method of every figure.

Applies to the die of the assignment in a mesh without latency, any number of
machines. Every figure names its method, and METHODS says how far off that is known
to be. What is not known is None.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from driftlab.errors import DriftlabError, name_list
from driftlab.theory.clock_chain import TooManyStatesError, clock_rate
from driftlab.theory.formulas import (
    DieProbabilities,
    Inflow,
    PredictedJumps,
    classify,
    clock_lag,
    clock_rate_bounds,
    equal_triple_rate,
    free_ticks,
    inflow,
    live_jumps,
    live_machines,
    mean_queue,
    pair_rate,
    queue_spread,
    saturated_clock_rate,
    saturated_clock_spread,
    saturated_jumps,
    stable_queue,
)

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario
    from driftlab.theory.queue_chain import QueueLengths

MACHINES_MAX: Final = 1_000  # the work grows with their square
LARGEST_OF_MIN: Final = 2  # jumps of a machine before the largest of them is predicted

JUMP_SPREAD: Final = ("jump.sd", "jump.q50", "jump.q95", "jump.q99", "jump.max")

# Of every method: what it is, and its known error.
METHODS: Final = {
    "flow": "flow balance; exact in the long run",
    "identity": "the rise of the clock over the number of events; exact",
    "fastest": "the fastest machine's own ticks, since no other has more than half its rate; exact",
    "own": "the machine's own ticks, since no message is ahead of them; exact",
    "clock-chain": "Markov chain over the lags of the clocks; error at most 0.2 % for up to three "
    "machines, 0.6 % for four to six, not measured for more",
    "pair": "closed form of the two fastest machines; at most 1.5 % off for two live machines, "
    "too low by up to 12 % for three to six, by more for more (18 % for twelve equal ones)",
    "triple": "closed form of three equal machines that only send to both peers; exact",
    "delay": "the clock of messages that waited; error at most 0.4 % above a load of 1.1",
    "lag": "what the live clocks would reach, less what waits in the inbox; after 60 s at most "
    "4 ticks off",
    "queue-chain": "Markov chain over the queue lengths; exact but for the phases",
    "brownian": "reflected Brownian motion; the mean after 60 s is at most 2.5 messages off",
    "brownian-stable": "the limit of reflected Brownian motion; at most 1 message off below a "
    "load of 0.9",
    "geometric": "geometric jumps; exact with one sender, with two the spread is up to 29 % low; "
    "the largest is 4 % off in the median, 28 % at most",
    "gaps": "geometric gaps between receives; the largest jump is at most 2.5 off, mostly "
    "10 to 20 % low",
}


class NoTheoryError(DriftlabError):
    """A scenario that the theory does not cover; the message says why."""


@dataclass(frozen=True, slots=True)
class MachinePrediction:
    """What theory predicts of one machine; None where it is not known.

    queue: `stable`, `critical` or `diverges`. load: messages that arrive, if it is
    silent, over its rate. queue_per_second: growth, 0 where it does not diverge.
    queue_mean: in the long run. queue_last, clock_last: mean and standard deviation
    after the run, over runs. clock_per_second. drift_per_second: against the fastest
    machine. utilisation: share of its ticks that receive. events: shares of the kinds.
    jump: mean, standard deviation, quantiles (`q50`, …), and the mean of a run's largest. Of a
    machine that is due for less than one tick, last clock and mean jump are not known.
    method: the method of each figure, a key of METHODS.
    """

    name: str
    rate: float
    queue: str
    load: float
    queue_per_second: float
    queue_mean: float | None
    queue_last: dict[str, float]
    clock_per_second: float
    clock_last: dict[str, float | None]
    drift_per_second: float
    utilisation: float
    events: dict[str, float]
    jump: dict[str, float | None]
    method: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it under the names of the JSON interface."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What theory predicts of a scenario.

    machines: of each machine. clock_rate: of the live machines, a second; bounds: it
    lies between these. seconds: of a run. remarks: what limits the prediction.
    """

    machines: tuple[MachinePrediction, ...]
    clock_rate: float
    bounds: tuple[float, float]
    seconds: float
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it under the names of the JSON interface."""
        used = {method for machine in self.machines for method in machine.method.values()}
        return {
            "machines": [machine.to_dict() for machine in self.machines],
            "clock_rate": self.clock_rate,
            "clock_rate_bounds": list(self.bounds),
            "seconds": self.seconds,
            "methods": {name: text for name, text in METHODS.items() if name in used},
            "remarks": list(self.remarks),
        }


def predict(scenario: "Scenario", *, quick: bool = False) -> Prediction:
    """Predict a scenario's queues, clocks and jumps.

    quick: by closed forms alone, at once; else by chains where they stay small, within
    seconds. Raises NoTheoryError if the theory does not cover the scenario.
    """
    _require_covered(scenario)
    rates = [float(rate) for rate in scenario.rates_of(scenario.first_run)]
    die, aligned = DieProbabilities.of_scenario(scenario), scenario.phase == "aligned"
    remarks = ["no machine ever sends"] if is_silent(die) else []
    by_socket = scenario.order == "peers"
    rate, method = _clock_rate(rates, die, aligned=aligned, by_socket=by_socket, quick=quick)
    if method == "pair" and len(live_machines(rates, die.to_peer(len(rates)))) > 2:
        remarks.append(
            "the clock rate is that of the two fastest machines alone"
            + (
                ": leave out --quick for a better one"
                if quick
                else ", since the chain of all would need too many states"
            )
        )
    if aligned and method == "pair":
        remarks.append(
            "the closed form of the clock rate is of free phases; aligned ones make slower clocks"
        )
    lengths = None if quick else _queue_lengths(rates, die, scenario.seconds, aligned=aligned)
    if lengths is None and not quick:
        remarks.append("the exact chain of the queues would be too large; approximated instead")
    machines = _machines(scenario, rates, die, rate, method, lengths)
    idle = [each.name for each in machines if each.clock_last["mean"] is None]
    if idle:
        remarks.append(
            f"{name_list(idle)}: due for less than one tick in the time, so neither the last clock "
            "nor the mean jump is predicted"
        )
    unknown = [
        each.name
        for each in machines
        if each.clock_last["sd"] is None and each.clock_last["mean"] is not None
    ]
    if unknown:
        remarks.append(f"not known: the spread of the last clock of {name_list(unknown)}")
    near = [each.name for each in machines if each.queue == "critical"]
    if near:
        remarks.append(
            f"{name_list(near)}: within 10 % of the boundary between stable and diverging; there "
            "a queue grows as the square root of time, and one run says little"
        )
    return Prediction(
        tuple(machines), rate, clock_rate_bounds(rates), float(scenario.seconds), tuple(remarks)
    )


def _require_covered(scenario: "Scenario") -> None:
    if scenario.size > MACHINES_MAX:
        raise NoTheoryError(f"machines: {scenario.size} are too many; up to {MACHINES_MAX}")
    for key, plain, reason in (
        ("process", "die", "the theory is of the die"),
        ("topology", "mesh", "the theory is of a mesh"),
        ("latency", "none", "the theory is of messages without latency"),
    ):
        if getattr(scenario, key) != plain:
            raise NoTheoryError(f"{key} {getattr(scenario, key)}: not known; {reason}")
    if scenario.latencies:
        raise NoTheoryError("latencies: not known; the theory is of messages without latency")
    if len(set(map(tuple, (scenario.rates_of(run) for run in _few(scenario))))) > 1:
        raise NoTheoryError(
            "rates differ from run to run; give the rates of one run, as in --rates 6,3,1"
        )


def _few(scenario: "Scenario") -> range:
    """Return the numbers of some runs, enough to see whether rates are drawn."""
    return range(scenario.first_run, scenario.first_run + 20)


def _clock_rate(
    rates: Sequence[float], die: DieProbabilities, *, aligned: bool, by_socket: bool, quick: bool
) -> tuple[float, str]:
    """Return the clock rate of the live machines, and by which method."""
    if is_silent(die):
        return max(rates), "own"
    fast = sorted((rates[i] for i in live_machines(rates, die.to_peer(len(rates)))), reverse=True)
    if len(fast) < 2 or fast[0] >= 2 * fast[1]:
        return fast[0], "fastest"
    if len(rates) == 3 and fast[0] == fast[-1] and len(fast) == 3 and not (die.send_one or aligned):
        return equal_triple_rate(fast[0], die.send_all), "triple"
    if not quick:
        try:
            found = clock_rate(rates, die, aligned=aligned, by_socket=by_socket)
            return found.rate, "clock-chain"
        except TooManyStatesError:
            pass
    return pair_rate(fast[0], fast[1], die.to_peer(len(rates))), "pair"


def is_silent(die: DieProbabilities) -> bool:
    """Whether no machine ever sends, so that every clock counts its own ticks."""
    return not (die.send_one or die.send_all)


def _queue_lengths(
    rates: Sequence[float], die: DieProbabilities, seconds: float, *, aligned: bool
) -> "list[QueueLengths] | None":
    """Return the exact distributions of the queues, None where they would be too large."""
    from driftlab.theory.queue_chain import TooLargeError, queue_lengths  # loads NumPy

    try:
        return queue_lengths(rates, die, seconds, aligned=aligned)
    except TooLargeError:
        return None


def _machines(
    scenario: "Scenario",
    rates: Sequence[float],
    die: DieProbabilities,
    clock: float,
    clock_method: str,
    lengths: "list[QueueLengths] | None",
) -> list[MachinePrediction]:
    free = free_ticks(rates, die.to_peer(len(rates)))
    own = [_clock_per_second(rates, die, i, clock) for i in range(len(rates))]
    fastest = own[rates.index(max(rates))]
    return [
        _machine(
            name, rates[i], scenario.seconds, inflow(rates, die, i), free[i], die,
            own[i] if is_silent(die) else clock, own[i],
            fastest, clock_method, None if lengths is None else lengths[i],
        )
        for i, name in enumerate(scenario.machine_names())
    ]  # fmt: skip


def _clock_per_second(
    rates: Sequence[float], die: DieProbabilities, machine: int, clock: float
) -> float:
    if is_silent(die):
        return rates[machine]
    flow = inflow(rates, die, machine)
    if flow.load <= 1:
        return clock
    return saturated_clock_rate(clock, rates[machine], flow.rate)


def _machine(
    name: str,
    rate: float,
    seconds: float,
    flow: Inflow,
    free: float,
    die: DieProbabilities,
    clock: float,
    own_clock: float,
    fastest_clock: float,
    clock_method: str,
    lengths: "QueueLengths | None",
) -> MachinePrediction:
    kind, is_full = classify(flow.load), flow.load > 1
    utilisation = 1 - free / rate if lengths is None else lengths.receives
    last = (
        {"mean": mean_queue(flow, rate, seconds), "sd": queue_spread(flow, rate, seconds)}
        if lengths is None
        else {
            "mean": lengths.last_mean,
            "sd": lengths.last_sd,
            "q05": float(lengths.quantile(0.05)),
            "q95": float(lengths.quantile(0.95)),
        }
    )
    jumps = live_jumps(clock, rate, free) if kind == "stable" else saturated_jumps(clock, flow.rate)
    arriving = flow.rate if is_full else rate - free
    is_idle = rate * seconds < 1  # what holds of many ticks says nothing of the first one
    own_last = clock * seconds - clock_lag(clock, rate, arriving, last["mean"])
    alone = "fastest" if clock_method == "fastest" else "own"  # no message is ahead of its clock
    spread = "geometric" if kind != "stable" else alone if jumps.step == 0 else "gaps"
    fixed_clock = not is_full and clock <= rate * (1 + 1e-9)
    sent = (1 - utilisation) * (die.send_one + die.send_all)
    return MachinePrediction(
        name=name,
        rate=rate,
        queue=kind,
        load=flow.load,
        queue_per_second=max(0.0, flow.rate - rate),
        queue_mean=stable_queue(flow) if kind == "stable" else None,
        queue_last=last,
        clock_per_second=own_clock,
        clock_last={
            "mean": None if is_idle else own_last,
            "sd": (
                saturated_clock_spread(clock, rate, flow, seconds)
                if is_full and not is_idle
                else None
            ),
        },
        drift_per_second=own_clock - fastest_clock,
        utilisation=utilisation,
        events={"internal": 1 - utilisation - sent, "send": sent, "receive": utilisation},
        jump=_jump(jumps, None if is_idle else own_clock / rate, rate * seconds),
        method={
            "queue": "flow",
            "queue_per_second": "flow",
            **({"queue_mean": "brownian-stable"} if kind == "stable" else {}),
            "queue_last": "brownian" if lengths is None else "queue-chain",
            "clock_per_second": "delay" if is_full else clock_method,
            "utilisation": "flow" if lengths is None else "queue-chain",
            "clock_last": alone if fixed_clock else "lag",
            "drift_per_second": "delay" if is_full else clock_method,
            "jump.mean": "identity",
            **dict.fromkeys(JUMP_SPREAD, spread),
        },
    )


def _jump(jumps: PredictedJumps, mean: float | None, ticks: float) -> dict[str, float | None]:
    """Return what is known of a machine's jumps. mean: of them. ticks: of a run."""
    return {
        "mean": mean,
        "sd": jumps.sd,
        **{f"q{share:02d}": float(jumps.quantile(share / 100)) for share in (50, 95, 99)},
        "max": jumps.largest(ticks) if ticks >= LARGEST_OF_MIN else None,
    }
