"""The clock rate of the live machines, numerically, as a Markov chain.

The highest clock is the longest path in the space-time graph of the run, so its rate
is the Lyapunov exponent of a max-plus system (Baccelli and Hong 2000; Merlet 2008).
The chain carries a distribution over states along the schedule of ticks. A state holds,
for every *leader* (a live machine faster than half the fastest), how far its clock
lags behind the highest one, and the lags of the messages in its inbox. A lag of 2
stands for every larger one: a machine that lags by 2 cannot lead before it hears of a
higher clock, and a message that lags by 2 moves no clock but its receiver's by 1.
Other live machines send stale messages, which cost the leaders ticks.

Messages wait in the sockets, each with the place of its sender, until the next tick
takes them in, one socket after the other: that order changes the rate by up to 0.6 %.
With more than MANY leaders it is left out, and messages are taken as they came.

States are numbered as they are met, and the transitions of an instant are arrays, so a
step is a few array operations. Known error: 0.2 % for up to three machines (every triple
of rates from 1 to 6 with four dice), most of it from the few draws of phases; 0.6 % for
four to six (13 lists of rates with three dice), the most for six equal machines, whose
sockets are taken as one. Not measured for more. Limits: a mesh, no latency.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import sqrt
from typing import Final, NamedTuple, TypeVar

from driftlab.arrays import FloatArray, IntArray
from driftlab.lazy import np
from driftlab.model.schedule import as_fraction
from driftlab.theory.formulas import (
    STALE_RATIO,
    DieProbabilities,
    free_ticks,
    inflow,
    live_machines,
)

LAG_MAX: Final = 2  # stands for every larger lag
PRUNED_BELOW: Final = 4e-6  # probability of a state that is dropped
PRUNED_BELOW_MANY: Final = 1e-5  # with more than MANY leaders, whose sockets are taken as one
MANY: Final = 3
STATES_MAX: Final = 12_000  # at one time, beyond which the chain gives up
STATES_MET_MAX: Final = 120_000  # in all
BURN_IN: Final = 30  # ticks of the fastest machine before the rate is measured
MESSAGES_FIRST: Final = 6  # of a channel, which every run gets before it is measured
SETTLING_MAX: Final = 250  # more of them before the first draw, where a queue is near critical
WINDOW_MAX: Final = 60  # ticks of the fastest machine in which it is measured
GOLDEN: Final = (sqrt(5) - 1) / 2
DRAWS: Final = {3: 17, 4: 5}  # of the phases, by the number of machines; 1 of more


class _State(NamedTuple):
    """Lags behind the highest clock: of the leaders, and of the messages on their way to them.

    lags: of each leader. inboxes: of the messages in each inbox. arrived: of those in the
    sockets, (place of the sender, lag), in the order in which the next tick takes them
    in. sent: of those sent at this very instant, (leader, place of the sender, lag).
    """

    lags: tuple[int, ...]
    inboxes: tuple[tuple[int, ...], ...]
    arrived: tuple[tuple[tuple[int, int], ...], ...]
    sent: tuple[tuple[int, int, int], ...]


_Steps = list[tuple[float, _State, int]]  # probability, next state, by how much the highest rose


class ClockRate(NamedTuple):
    """The rate of the highest clock, per second, and the most states that the chain held."""

    rate: float
    states: int


class TooManyStatesError(Exception):
    """The chain would need more than STATES_MAX states."""


def clock_rate(
    rates: Sequence[float], die: DieProbabilities, *, aligned: bool = False, by_socket: bool = True
) -> ClockRate:
    """Return the clock rate that all live machines share.

    rates: ticks a second of all machines, in the order of their names. die: of their
    free ticks. aligned: whether all machines tick first at the same instant. by_socket:
    whether a tick empties one socket after the other, in name order, rather than taking
    messages as they came. Raises TooManyStatesError.
    """
    q = die.to_peer(len(rates))
    free = free_ticks(rates, q)
    live = live_machines(rates, q)
    fastest = rates[live[0]]
    leaders = [i for i in live if STALE_RATIO * rates[i] > fastest]
    if len(leaders) < 2 or q == 0:
        return ClockRate(fastest, 1)
    stale = [i for i in live if i not in leaders]
    stale_free = [free[i] / rates[i] for i in stale]
    places = (*leaders, *stale)
    chain = _Chain(len(rates), len(leaders), die, stale_free, places, by_socket=by_socket)
    ticking = [as_fraction(rates[i]) for i in (*leaders, *stale)]
    any_phase = len(ticking) == 2 and not aligned  # two take turns, whatever their phases
    draws = 1 if aligned or any_phase else DRAWS.get(len(ticking), 1)
    settling = max(
        MESSAGES_FIRST / q / fastest, *(_settling_seconds(rates, die, i) for i in leaders)
    )
    chain.settle(min(settling, SETTLING_MAX / fastest))
    found = [
        chain.measure(
            ticking_instants(ticking, spread_phases(len(ticking), draw, draws, aligned=aligned)),
            ticking,
        )
        for draw in range(draws)
    ]
    return ClockRate(sum(found) / draws, chain.states)


def _settling_seconds(rates: Sequence[float], die: DieProbabilities, machine: int) -> float:
    """Return how long a queue takes to forget that it was empty: V/mu^2."""
    flow = inflow(rates, die, machine)
    return flow.variance / max((flow.rate - rates[machine]) ** 2, 1e-9)


def spread_phases(machines: int, draw: int, draws: int, *, aligned: bool) -> list[float]:
    """Return the phase of each machine as a share of its period, spread evenly over draws.

    A lattice: along each axis the draws are evenly spaced, in the order of the multiples
    of a power of 3. draws: a prime number of which 3 is a primitive root, as 5 or 17; 1.
    """
    if aligned:
        return [0.0] * machines
    return [
        ((draw * 3**machine) % draws + 0.45 + 0.1 * ((machine + 1) * GOLDEN % 1)) / draws
        for machine in range(machines)
    ]


def ticking_instants(
    rates: Sequence[Fraction | float], phases: Sequence[float]
) -> Iterator[tuple[float, list[int]]]:
    """Yield each instant at which machines tick, and their positions, in order, for ever."""
    ticks = [0] * len(rates)
    times = [phase / float(rate) for rate, phase in zip(rates, phases, strict=True)]
    while True:
        now = min(times)
        due = [i for i, time in enumerate(times) if time - now < 1e-9]
        yield now, due
        for i in due:
            ticks[i] += 1
            times[i] = (ticks[i] + phases[i]) / float(rates[i])


def _window(rates: Sequence[Fraction | int]) -> float:
    """Return for how many seconds to measure: a period of the schedule, if that is short."""
    common = Fraction(0)
    for rate in rates:
        one, other = Fraction(rate), common
        while other:
            one, other = other, one % other
        common = one
    longest = WINDOW_MAX / float(max(rates))
    return float(1 / common) if 1 / common <= longest else longest


class _Moves(NamedTuple):
    """What may follow at one instant: a transition a row, of the states expanded so far.

    sources, targets: numbers of states. shares: probabilities. rises: by how much the
    highest clock rises, times the probability.
    """

    sources: IntArray
    targets: IntArray
    shares: FloatArray
    rises: FloatArray


class _Instant:
    """The transitions at instants at which the same machines tick, found as states need them."""

    def __init__(self) -> None:
        self.expanded: set[int] = set()
        self._new: list[tuple[int, int, float, float]] = []
        self._moves = _Moves(np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros(0))

    def add(self, source: int, target: int, share: float, risen: int) -> None:
        """Add one transition."""
        self._new.append((source, target, share, share * risen))

    def moves(self) -> _Moves:
        """Return all transitions."""
        if self._new:
            added = zip(self._moves, zip(*self._new, strict=True), strict=True)
            self._moves = _Moves(*(np.append(column, more) for column, more in added))
            self._new = []
        return self._moves


class _Chain:
    """The chain: states are numbered as they are met, transitions computed once each."""

    def __init__(
        self,
        machines: int,
        leaders: int,
        die: DieProbabilities,
        stale_free: Sequence[float],
        places: Sequence[int],
        *,
        by_socket: bool,
    ) -> None:
        """machines: of the run. stale_free: of each stale one, the share of its free ticks.

        places: of the leaders, then the stale ones, in the order of the sockets.
        """
        each = die.send_one / (machines - 1)
        self._leaders = leaders
        self._stale_free = stale_free
        self._each, self._all = each, die.send_all
        self._places, self._by_socket = places, by_socket and leaders <= MANY
        self._pruned_below = PRUNED_BELOW if leaders <= MANY else PRUNED_BELOW_MANY
        start = _State((0,) * leaders, ((),) * leaders, ((),) * leaders, ())
        self._states = [start]
        self._numbers = {start: 0}
        self._instants: dict[tuple[int, ...], _Instant] = {}
        self._shares: FloatArray = np.ones(1)  # of the states, at the end of the last draw
        self._settling = 0.0
        self.states = 0

    def settle(self, seconds: float) -> None:
        """Let the first draw run so much longer before it is measured."""
        self._settling = seconds

    def measure(
        self, instants: Iterator[tuple[float, list[int]]], rates: Sequence[Fraction | int]
    ) -> float:
        """Return by how much the highest clock rises a second in the long run."""
        fastest = float(max(rates))
        begin, window = BURN_IN / fastest + self._settling, _window(rates)
        self._settling = 0.0
        risen = 0.0
        for now, due in instants:
            if now >= begin + window:
                return risen / window
            self._shares, rise = self._step(self._shares, tuple(due))
            if now >= begin:
                risen += rise
        raise AssertionError("the schedule has no end")

    def _step(self, shares: FloatArray, due: tuple[int, ...]) -> tuple[FloatArray, float]:
        """Return the probabilities of the states after an instant, and the mean rise."""
        instant = self._instants.setdefault(due, _Instant())
        kept = np.flatnonzero(shares >= self._pruned_below)
        self.states = max(self.states, len(kept))
        if len(kept) > STATES_MAX:
            raise TooManyStatesError(f"more than {STATES_MAX:,} states")
        for number in set(kept.tolist()) - instant.expanded:
            if len(self._states) > STATES_MET_MAX:
                raise TooManyStatesError(f"more than {STATES_MET_MAX:,} states met")
            self._expand(instant, number, due)
        shares = np.where(shares >= self._pruned_below, shares, 0.0)
        shares = np.append(shares, np.zeros(len(self._states) - len(shares)))
        moves = instant.moves()
        held = shares[moves.sources]
        after = np.bincount(moves.targets, held * moves.shares, len(self._states))
        total = float(after.sum())
        rise = float((held * moves.rises).sum())  # `@` would start threads, at ten times the cost
        return after / total, rise / total

    def _expand(self, instant: _Instant, number: int, due: tuple[int, ...]) -> None:
        """Find what may follow a state when machines tick, none finding what another sends."""
        steps: _Steps = [(1.0, self._states[number], 0)]
        for machine in due:
            steps = [
                (share * more, following, risen + again)
                for share, state, risen in steps
                for more, following, again in self._steps(state, machine)
            ]
        for share, state, risen in steps:
            instant.add(number, self._number(self._delivered(state)), share, risen)
        instant.expanded.add(number)

    def _number(self, state: _State) -> int:
        known = self._numbers.get(state)
        if known is None:
            known = self._numbers[state] = len(self._states)
            self._states.append(state)
        return known

    def _steps(self, state: _State, machine: int) -> Iterator[tuple[float, _State, int]]:
        if machine >= self._leaders:
            free = self._stale_free[machine - self._leaders]
            yield from self._sends(state, machine, LAG_MAX, free, 0)
            return
        found = tuple([lag for _, lag in state.arrived[machine]])
        inbox = state.inboxes[machine] + found
        heard = min((state.lags[machine], *inbox[:1]))
        lag = max(heard - 1, 0)
        risen = 1 if heard == 0 else 0
        state = state._replace(
            inboxes=_with(state.inboxes, machine, inbox[1:]),
            arrived=_with(state.arrived, machine, ()),
        )
        if risen:
            state = _raised(state)
        state = state._replace(lags=_with(state.lags, machine, lag))
        if inbox:
            yield 1.0, state, risen
        else:
            yield from self._sends(state, machine, lag, 1.0, risen)

    def _sends(
        self, state: _State, sender: int, lag: int, free: float, risen: int
    ) -> Iterator[tuple[float, _State, int]]:
        """Yield what a tick may send to the leaders, if it is free, and nothing otherwise."""
        peers = [peer for peer in range(self._leaders) if peer != sender]
        every, each = free * self._all, free * self._each
        nothing = 1 - every - each * len(peers)
        place = self._places[sender]
        if nothing > 0:
            yield nothing, state, risen
        if each > 0:
            for peer in peers:
                yield each, state._replace(sent=(*state.sent, (peer, place, lag))), risen
        if every > 0:
            sent = (*state.sent, *((peer, place, lag) for peer in peers))
            yield every, state._replace(sent=sent), risen

    def _delivered(self, state: _State) -> _State:
        """Put the messages of an instant into the sockets: later ticks find them."""
        if not state.sent:
            return state
        arrived = list(state.arrived)
        for peer, place, lag in state.sent:
            held = [*arrived[peer], (place if self._by_socket else 0, lag)]
            arrived[peer] = tuple(sorted(held, key=_place))
        return state._replace(arrived=tuple(arrived), sent=())


def _place(message: tuple[int, int]) -> int:
    return message[0]


_Parts = TypeVar("_Parts")


def _with(parts: tuple[_Parts, ...], place: int, part: _Parts) -> tuple[_Parts, ...]:
    return (*parts[:place], part, *parts[place + 1 :])


def _one_more(lag: int) -> int:
    return lag + 1 if lag < LAG_MAX else LAG_MAX


def _raised(state: _State) -> _State:
    """Return a state whose highest clock is one higher, so that all lag by one more."""
    return _State(
        tuple(map(_one_more, state.lags)),
        tuple([tuple(map(_one_more, inbox)) for inbox in state.inboxes]),
        tuple([tuple([(place, _one_more(lag)) for place, lag in each]) for each in state.arrived]),
        tuple([(peer, place, _one_more(lag)) for peer, place, lag in state.sent]),
    )
