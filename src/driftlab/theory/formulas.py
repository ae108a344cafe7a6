"""Closed forms of the model: flow of messages, queues, clock rates, jumps.

The model: N machines in a mesh without latency. Machine i ticks r_i times a second.
A tick with a message in the inbox takes one; any other is *free* and rolls the die:
with probability `send_one` a message goes to one peer drawn uniformly, with
`send_all` to every peer. So a given peer gets a message from a free tick with
probability q = send_one/(N - 1) + send_all.

A machine is *live* if it has free ticks in the long run, else *saturated*: then it
never sends, and its queue diverges unless it is exactly critical. Pure functions of
numbers; each states whether it is exact, and its known error otherwise (measured
against simulations of the compiled engine).
"""

from collections.abc import Sequence
from math import ceil, erfc, exp, log, log1p, pi, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

EULER_GAMMA: Final = 0.5772156649015329
CRITICAL_SHARE: Final = 0.1  # a load within this share of 1 counts as critical
LENGTHS_MAX: Final = 100_000  # of a queue that are added up one by one
STALE_RATIO: Final = 2  # a machine this many times slower never leads the highest clock


class DieProbabilities(NamedTuple):
    """What a free tick does: the probabilities of a send to one peer, and to every peer."""

    send_one: float
    send_all: float

    @classmethod
    def of_faces(cls, faces: int) -> "DieProbabilities":
        """Return those of the die of the assignment: two faces send to one peer, one to all."""
        return cls(2 / faces, 1 / faces)

    @classmethod
    def of_scenario(cls, scenario: "Scenario") -> "DieProbabilities":
        """Return those of a scenario's die."""
        if scenario.faces is not None:
            return cls.of_faces(scenario.faces)
        return cls(float(scenario.send_one or 0), float(scenario.send_all or 0))

    def to_peer(self, machines: int) -> float:
        """Return q, the probability that a free tick sends to a given peer, of `machines` - 1."""
        return 0.0 if machines < 2 else self.send_one / (machines - 1) + self.send_all


# Flow: exact.


def live_machines(rates: Sequence[float], q: float) -> list[int]:
    """Return the positions of the live machines, fastest first. Exact.

    With S free ticks a second of all machines, x_i = (r_i - q S)/(1 - q) of them are
    machine i's: it gets q (S - x_i) messages a second and each costs a tick. Summed
    over m live machines, S = (sum of their rates)/(1 + (m - 1) q). A machine is live
    while r_i > q S, and the faster of two is live if the slower is.
    """
    order = sorted(range(len(rates)), key=lambda i: -rates[i])
    live: list[int] = []
    total = 0.0
    for i in order:
        with_it = (total + rates[i]) / (1 + len(live) * q)
        if live and rates[i] <= q * with_it * (1 + 1e-12):
            break
        live.append(i)
        total += rates[i]
    return live


def free_ticks(rates: Sequence[float], q: float) -> list[float]:
    """Return x_i, the free ticks a second of each machine; 0 of a saturated one. Exact."""
    live = live_machines(rates, q)
    every = sum(rates[i] for i in live) / (1 + (len(live) - 1) * q)
    free = [0.0] * len(rates)
    for i in live:
        # Where q = 1 only machines of one rate are live, and share the free ticks.
        free[i] = every / len(live) if q >= 1 else (rates[i] - q * every) / (1 - q)
    return free


class Inflow(NamedTuple):
    """Messages to a machine that is itself silent.

    rate: messages a second, a. load: a over the machine's own rate: its queue
    diverges if that is above 1. variance: V, of the number of messages a second in the
    long run (messages^2/s). senders: how many other machines are live.
    """

    rate: float
    load: float
    variance: float
    senders: int


def inflow(rates: Sequence[float], die: DieProbabilities, machine: int) -> Inflow:
    """Return what flows into a machine if it sends nothing.

    The rate is exact. Variance: a free tick brings B in {0, 1} to the machine, and A
    messages to the other m - 1 live ones, each of which costs a later free tick, so
    that F free ticks a second have V = F Var(B - u A) with u = q/(1 + (m - 1) q).
    """
    others = [rate for i, rate in enumerate(rates) if i != machine]
    q = die.to_peer(len(rates))
    free = free_ticks(others, q)
    every = sum(free)
    senders = sum(x > 0 for x in free)
    u = q / (1 + (senders - 1) * q) if senders else 0.0
    variance = every * _variance_of_tick(die, len(rates), senders, u)
    return Inflow(q * every, q * every / rates[machine], variance, senders)


def _variance_of_tick(die: DieProbabilities, machines: int, senders: int, u: float) -> float:
    """Return Var(B - u A) of one free tick; see `inflow`."""
    if machines < 2 or not senders:
        return 0.0
    each = die.send_one / (machines - 1)
    others = senders - 1
    outcomes = (
        (each, 1.0),
        (each * others, -u),
        (die.send_all, 1 - u * others),
    )
    mean = sum(p * value for p, value in outcomes)
    return sum(p * value * value for p, value in outcomes) - mean * mean


def classify(load: float) -> str:
    """Return `stable`, `critical` or `diverges`, by the load of a machine's queue."""
    if abs(load - 1) <= CRITICAL_SHARE:
        return "critical"
    return "diverges" if load > 1 else "stable"


# Queues: reflected Brownian motion from an empty inbox.


def _phi(x: float) -> float:
    return exp(-x * x / 2) / sqrt(2 * pi)


def _Phi(x: float) -> float:  # noqa: N802 - the usual name of the normal distribution function
    return erfc(-x / sqrt(2)) / 2  # 1 + erf would lose all digits of a small probability


def _log_Phi(x: float) -> float:  # noqa: N802
    """Return log Phi(x), also where Phi(x) is too small for a number."""
    if x > -30:
        return log(_Phi(x))
    # Mills' ratio, its asymptotic series.
    z = -x
    return -z * z / 2 - log(z * sqrt(2 * pi)) + log1p(-1 / z**2 + 3 / z**4)


def mean_queue(flow: Inflow, rate: float, seconds: float) -> float:
    """Return the mean length of a queue after some seconds, starting empty.

    flow: of messages to its machine. rate: of the machine, in ticks a second.

    Brownian motion with drift mu = a - r and variance V a second, reflected at 0
    (Harrison 1985), less half the message that is in service. Error after 60 s at most
    0.84 messages for 10 faces, 1.5 for 5, 1.75 for 4, 2.15 for 3.
    """
    mu, variance, load = flow.rate - rate, flow.variance, flow.load
    if variance <= 0:
        return max(mu, 0.0) * seconds
    if abs(mu) * sqrt(seconds / variance) < 1e-6:
        mean = sqrt(2 * variance * seconds / pi)
    else:
        w = mu * sqrt(seconds / variance)
        mean = (
            mu * seconds * _Phi(w)
            + sqrt(variance * seconds) * _phi(w)
            + variance / (2 * mu) * (2 * _Phi(w) - 1)
        )
    return max(0.0, mean - min(1.0, load) / 2)


def queue_at_most(flow: Inflow, rate: float, seconds: float, length: int) -> float:
    """Return P(Q <= length) after some seconds, starting empty; see `mean_queue`."""
    mu, variance = flow.rate - rate, flow.variance
    x = length + 1  # a length is whole: without the shift P(Q <= 0) would be 0
    if variance <= 0:
        return float(max(mu, 0.0) * seconds < x)
    spread = sqrt(variance * seconds)
    below = _Phi((x - mu * seconds) / spread)
    reflected = 2 * mu * x / variance + _log_Phi((-x - mu * seconds) / spread)
    return min(1.0, max(0.0, below - exp(min(reflected, 0.0))))


def queue_spread(flow: Inflow, rate: float, seconds: float) -> float:
    """Return the standard deviation of a queue's length after some seconds, starting empty.

    flow: of messages to its machine. rate: of the machine, in ticks a second.
    """
    first = second = 0.0
    length = 0
    limit = 10 + int(max(flow.rate - rate, 0) * seconds + 12 * sqrt(flow.variance * seconds + 1))
    if limit > LENGTHS_MAX:
        return _wide_spread(flow, rate, seconds, limit)
    while length < limit:
        above = 1 - queue_at_most(flow, rate, seconds, length)
        first += above
        second += (2 * length + 1) * above
        if above < 1e-9 and length > max(flow.rate - rate, 0) * seconds:
            break
        length += 1
    return sqrt(max(second - first * first, 0.0))


def _wide_spread(flow: Inflow, rate: float, seconds: float, limit: int) -> float:
    """Return `queue_spread` of a long queue, from LENGTHS_MAX lengths up to `limit`.

    Nearly no probability lies more than 12 standard deviations below the mean, so the
    lengths begin there; a sum from 0 would lose all digits.
    """
    low = max(0, limit - 20 - int(24 * sqrt(flow.variance * seconds + 1)))
    step = max(1, -(-(limit - low) // LENGTHS_MAX))
    first = second = 0.0
    for length in range(0, limit - low, step):
        above = 1 - queue_at_most(flow, rate, seconds, low + length + step // 2)
        first += step * above
        second += (2 * length + step) * step * above
    return sqrt(max(second - first * first, 0.0))


def stable_queue(flow: Inflow) -> float:
    """Return the mean length in the long run of a queue whose load is below 1.

    k (I - 1 + k)/(2 (1 - k)) with the load k and I = V/a. The formula found in many
    places, k^2/(2 (1 - k)), assumes Poisson arrivals and is 50 to 300 % too large.
    """
    if flow.rate <= 0:
        return 0.0
    load, dispersion = flow.load, flow.variance / flow.rate
    return max(0.0, load * (dispersion - 1 + load) / (2 * (1 - load)))


# Clock rates.


def equal_pair_rate(rate: float, q: float) -> float:
    """Return the clock rate of two machines of equal rate, their phases apart. Exact.

    A chain of 4 states: lambda/r = 1 + q (1 - q)/(2 + q (1 - q)).
    """
    return rate * (1 + q * (1 - q) / (2 + q * (1 - q)))


def equal_triple_rate(rate: float, q: float) -> float:
    """Return the clock rate of three machines of equal rate that only send to both. Exact.

    Their phases are apart, so they take turns, and the chain over lags and inboxes has 8
    states. Its rate is a rational function of q: lambda/r = 1 +
    q (1 - q)(3 - q)/(3 + 3 q - 5 q^2 + 2 q^3), whose five coefficients follow from the chain
    at five values of q; at three others it is the chain's to 15 digits. Where a machine may
    send to one peer alone, inboxes grow without bound and so does the chain; then this is
    up to 2.5 % too high.
    """
    excess = q * (1 - q) * (3 - q) / (3 + 3 * q - 5 * q**2 + 2 * q**3)
    return rate * (1 + excess)


def pair_rate(fast: float, slow: float, q: float) -> float:
    """Return the clock rate of two live machines, in the fluid limit.

    While the faster machine gains one tick on the slower, the two take turns in leading.
    Error at most 0.9 % for q <= 0.5, 1.5 % for q = 2/3; exact for equal rates
    and for fast >= 2 slow, where the faster one's own ticks are the longest path.
    """
    if slow <= 0 or fast >= STALE_RATIO * slow:
        return fast
    if fast - slow < 1e-9 * fast:
        return equal_pair_rate(fast, q)
    alpha = q * (1 - q * fast / slow) * slow
    beta = q * (1 - q * slow / fast) * fast
    if alpha <= 0 or beta <= 0:
        return fast
    a = 1 / (1 / alpha + 1 / (2 * slow))
    b = 1 / (1 / beta + 1 / (2 * fast))
    s = (a + b) / (fast - slow)
    return fast + a * b / (a + b) * (1 - (1 - exp(-s)) / s)


def clock_rate_bounds(rates: Sequence[float]) -> tuple[float, float]:
    """Return bounds of the clock rate: the fastest rate, and that of N machines of that rate."""
    fast, machines = max(rates), len(rates)
    return fast, fast * 2 * machines / (machines + 1)


# Saturated machines.


def saturated_clock_rate(clock_rate: float, rate: float, arriving: float) -> float:
    """Return the clock rate of a saturated machine.

    Of every message that arrives, r/a are taken in time: its clock is that of a message
    which was sent when the share r/a of the time was over. clock_rate: lambda, of the
    live machines. rate: its own. arriving: a, messages a second. Error at most 0.32 %
    for a load above 1.1.
    """
    return clock_rate * rate / arriving


def saturated_clock_spread(clock_rate: float, rate: float, flow: Inflow, seconds: float) -> float:
    """Return the standard deviation of a saturated machine's clock after some seconds.

    clock_rate: of the live machines, a second. rate: of the machine, in ticks a second.
    flow: of messages to it.
    """
    return clock_rate * sqrt(flow.variance * rate * seconds / flow.rate) / flow.rate


class PredictedJumps(NamedTuple):
    """The jumps of a machine: `least` + `step` G at a share of its events, 1 at the others.

    G is geometric, 1, 2, …, with this probability. share: of events that take a message.
    """

    probability: float
    share: float
    least: float
    step: float

    @property
    def mean(self) -> float:
        """The mean jump, over all events."""
        return 1 - self.share + self.share * (self.least + self.step / self.probability)

    @property
    def sd(self) -> float:
        """The standard deviation of a jump, over all events."""
        p, step = self.probability, self.step
        receive = self.least + step / p
        square = receive**2 + step**2 * (1 - p) / p**2
        return sqrt(max(1 - self.share + self.share * square - self.mean**2, 0.0))

    def quantile(self, share: float) -> int:
        """Return the smallest jump that at least a share of jumps does not exceed."""
        above = (1 - share) / self.share if self.share > 0 else 1.0
        if above >= 1:
            return 1
        gap = 1 if self.probability >= 1 else max(1, ceil(log(above) / log1p(-self.probability)))
        return max(1, round(self.least + self.step * gap))

    def largest(self, jumps: float) -> float:
        """Return the mean of the largest of many jumps, by the extreme values of G."""
        receives = jumps * self.share
        if receives < 1 or self.step <= 0:
            return 1.0
        gap = 1.0
        if self.probability < 1:
            gap = max(1.0, 0.5 + (log(receives) + EULER_GAMMA) / -log1p(-self.probability))
        return max(1.0, self.least + self.step * gap)


def saturated_jumps(clock_rate: float, arriving: float) -> PredictedJumps:
    """Return the jumps of a saturated machine: geometric with p = a/lambda.

    Every event takes a message, and the clock follows the stamps: between two messages
    the live clocks rise by lambda/a on average. Exact with one sender. With two the
    standard deviation is 5 to 29 % too small, but the quantiles 0.95 and 0.99 are right
    within 2. The largest of a run: median error 4 %, largest 28 %.
    """
    return PredictedJumps(min(1.0, arriving / clock_rate), 1.0, 0.0, 1.0)


def live_jumps(clock_rate: float, rate: float, free: float) -> PredictedJumps:
    """Return the jumps of a live machine, as if its inbox never held more than one message.

    Between two receives the live clocks rise by G, geometric with p = a/lambda where
    a = r - x messages come a second. Meanwhile the machine has counted G r/lambda - 1
    events of its own, so the receive makes up for G (1 - r/lambda) and counts itself.
    The mean is exact, an identity. The largest of a run is at most 2.5 off, mostly 10 to
    20 % too small: messages that waited and stale ones lengthen the gaps. If the machine
    alone sets the pace, lambda = r, every jump is 1, exactly.

    rate: its ticks a second. free: x, its free ticks a second.
    """
    arriving = rate - free
    if arriving <= 1e-9 * rate or clock_rate <= rate * (1 + 1e-9):
        return PredictedJumps(1.0, max(0.0, arriving / rate), 1.0, 0.0)
    return PredictedJumps(
        min(1.0, arriving / clock_rate), arriving / rate, 1.0, 1 - rate / clock_rate
    )


def clock_lag(clock_rate: float, rate: float, arriving: float, queue: float) -> float:
    """Return how far the clock of a machine that receives is behind lambda T, in the mean.

    The message it took last had waited for the `queue` messages before it. Since then,
    lambda/a - 1/2 ticks of the live clocks ago in the mean, the machine has counted only
    its own ticks: nothing to speak of where it takes a message at every tick.

    rate: its ticks a second. arriving: a, messages a second. queue: the mean length of its
    inbox at the end. With the exact queue at most 2 ticks off below a load of 0.9.
    """
    if arriving <= 1e-9 * rate or clock_rate <= rate * (1 + 1e-9):
        return 0.0
    gap = max(0.0, clock_rate / arriving - 0.5) if arriving < rate else 0.0
    return (1 - rate / clock_rate) * gap + queue / arriving * clock_rate
