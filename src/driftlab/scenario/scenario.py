"""A scenario: the frozen, exact description of what is to be run.

A scenario is a value. It is checked when it is made, it round-trips through
TOML, and together with a run's number it decides everything that a simulation
does and every die that a real run throws.

The names of machines that were given none: A, B, C, … in the order of their rates.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from driftlab.clocks.catalogue import require_fits
from driftlab.clocks.physical_clock import PhysicalClock
from driftlab.model.random_streams import DIE_BITS, Purpose, draw, stream, uniform_below
from driftlab.network.latency import Latency
from driftlab.scenario.toml import toml_text
from driftlab.scenario.topology import UNCONDITIONAL, neighbours
from driftlab.scenario.validate import (
    CHECKS,
    MACHINES_MAX,
    RUN_NUMBER_MAX,
    RateRange,
    ScenarioError,
    as_fraction,
    parse_latency,
)

_DEFAULT_RATES = RateRange(1, 6)
_NO_LATENCIES: Mapping[str, str] = MappingProxyType({})


class Scenario:
    """What is to be run.

    rates: ticks per second, one a machine (`[6, 3, 1]`), or a range to draw
        from for every run (`"1..6"`).
    machines: how many; taken from `rates` or `names` where those are lists.
    names: one a machine, in the order of `rates`; A, B, C, … if not given.
    seconds: length of a run in scenario time.
    runs, first_run: how many runs, and the number of the first; a run's dice
        depend on its number.
    faces: faces of the die (of three machines, faces 1 and 2 send to one peer,
        face 3 to both), or instead of it
    send_one, send_all: the probabilities that a free tick sends to one peer
        drawn uniformly, or to every peer.
    seed: whole number, 0 .. 2**64 - 1.
    speed: how many times faster than real time everything passes.
    phase: "random" places each first tick uniformly in its first period,
        "aligned" puts it at the start.
    order: "peers" empties one peer's socket before the next (the notes'
        machine), "arrival" queues messages as they come in.
    topology: who can send to whom: "mesh" (all), "ring", "star" (the first is
        its centre), "regular:D" (a random graph, D neighbours each, drawn for
        every run), or links by name, "A-B,B-C".
    latency: how long messages are on their way, in a simulation: "none",
        "fixed:0.1", "uniform:0.05..0.2", "exponential:0.1" (the mean) or
        "lognormal:0.1,0.5" (median, and sigma), in seconds of scenario time.
    latencies: those of single channels that differ: {"A>B": "fixed:0.2"} is
        the way from A to B.
    clock: what is kept beside the Lamport clock that names the messages:
        "lamport" (nothing more), "vector", "matrix" or "hybrid".
    process: what every machine runs: "die", the notes' die, or a process of
        yours, "mine.py:Ring" (a class, too, if a file defines it).
    offset_ms, skew_ppm: how far each machine's physical clock is off at the
        start, in milliseconds of scenario time, and how much it gains, in
        parts per million; one number a machine. It is what logs and hybrid
        clocks see; ticks are due in true time.

    Raises ScenarioError.
    """

    __slots__ = (
        "clock",
        "faces",
        "first_run",
        "latencies",
        "latency",
        "machines",
        "names",
        "offset_ms",
        "order",
        "phase",
        "process",
        "rates",
        "runs",
        "seconds",
        "seed",
        "send_all",
        "send_one",
        "skew_ppm",
        "speed",
        "topology",
    )  # fmt: skip
    rates: tuple[float, ...] | RateRange
    machines: int
    names: tuple[str, ...]
    seconds: float
    runs: int
    first_run: int
    faces: int | None
    send_one: float | None
    send_all: float | None
    seed: int
    speed: float
    phase: str
    order: str
    latency: str
    topology: str
    latencies: Mapping[str, str]
    clock: str
    process: str
    offset_ms: tuple[float, ...]
    skew_ppm: tuple[float, ...]

    def __init__(
        self,
        *,
        rates: Iterable[float] | str | RateRange = _DEFAULT_RATES,
        machines: int | None = None,
        names: Iterable[str] = (),
        seconds: float = 60,
        runs: int = 1,
        first_run: int = 1,
        faces: int | None = None,
        send_one: float | None = None,
        send_all: float | None = None,
        seed: int = 1,
        speed: float = 1,
        phase: str = "random",
        order: str = "peers",
        latency: str = "none",
        topology: str = "mesh",
        latencies: Mapping[str, str] = _NO_LATENCIES,
        clock: str = "lamport",
        process: str | type = "die",
        offset_ms: Iterable[float] = (),
        skew_ppm: Iterable[float] = (),
    ) -> None:
        given = locals()
        for key, check in CHECKS.items():
            object.__setattr__(self, key, check(key, given[key]))
        if self.first_run + self.runs > RUN_NUMBER_MAX + 1:
            raise ScenarioError(
                f"first_run: {self.runs} runs from {self.first_run} on would go beyond "
                f"{RUN_NUMBER_MAX}, the last number of a run"
            )
        self._settle_chances()
        self._settle_machines()
        self._settle_channels()
        self._settle_clocks()
        if self.topology not in UNCONDITIONAL:
            self.neighbours(self.first_run)

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"{key}: a scenario never changes; make another with replace()")

    def __delattr__(self, key: str) -> None:
        raise AttributeError(f"{key}: a scenario never changes; make another with replace()")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(str(self._values()))

    def __repr__(self) -> str:
        return f"Scenario({', '.join(f'{key}={value!r}' for key, value in self.to_dict().items())})"

    def __reduce__(self) -> tuple[Callable[..., "Scenario"], tuple[dict[str, Any]]]:
        return Scenario.from_dict, (self.to_dict(),)

    def _values(self) -> list[object]:
        return [getattr(self, key) for key in self.__slots__]

    def replace(self, **changes: Any) -> "Scenario":
        """Return the same scenario but for some keys. Raises ScenarioError."""
        return Scenario.from_dict({**self.to_dict(), **changes})

    def for_run(self, run: int) -> "Scenario":
        """Return the scenario of one run alone, its rates drawn."""
        if self.runs == 1 and self.first_run == run and not isinstance(self.rates, RateRange):
            return self
        return self.replace(rates=self.rates_of(run), runs=1, first_run=run)

    def _settle_chances(self) -> None:
        given = [key for key in ("send_one", "send_all") if getattr(self, key) is not None]
        if self.faces is not None and given:
            raise ScenarioError(f"faces and {given[0]}: give a die or probabilities, not both")
        if not given:
            object.__setattr__(self, "faces", 10 if self.faces is None else self.faces)
            return
        object.__setattr__(self, "send_one", self.send_one or 0)
        object.__setattr__(self, "send_all", self.send_all or 0)
        one, every = as_fraction(self.send_one or 0), as_fraction(self.send_all or 0)
        if one + every > 1:
            raise ScenarioError(
                f"send_one {self.send_one} and send_all {self.send_all} add up to "
                f"{float(one + every):g}; together they may be at most 1"
            )

    def _settle_machines(self) -> None:
        counts = {
            "machines": self.machines,
            "rates": None if isinstance(self.rates, RateRange) else len(self.rates),
            "names": len(self.names) or None,
        }
        said = {key: count for key, count in counts.items() if count is not None}
        if len(set(said.values())) > 1:
            detail = ", ".join(f"{key} says {count}" for key, count in said.items())
            raise ScenarioError(f"how many machines? {detail}; they must agree")
        count = next(iter(said.values()), 3)
        if not 2 <= count <= MACHINES_MAX:
            raise ScenarioError(f"machines: {count} is not allowed; from 2 to {MACHINES_MAX}")
        object.__setattr__(self, "machines", count)

    def _settle_channels(self) -> None:
        if not self.latencies:
            return
        names = set(self.machine_names())
        for channel in self.latencies:
            for name in channel.split(">"):
                if name not in names:
                    raise ScenarioError(f"latencies: {channel}: there is no machine {name}")

    def _settle_clocks(self) -> None:
        for key in ("offset_ms", "skew_ppm"):
            count = len(getattr(self, key))
            if count not in (0, self.size):
                raise ScenarioError(
                    f"{key}: {count} given for {self.size} machines; allowed: one a machine"
                )
        try:
            require_fits(self.clock, self.size)
        except ValueError as error:
            raise ScenarioError(f"clock: {error}") from None

    @property
    def size(self) -> int:
        """How many machines there are."""
        return self.machines

    @property
    def die(self) -> tuple[int, int]:
        """The die as two bounds on DIE_BITS random bits: below the first one peer, else all."""
        whole = 2**DIE_BITS
        if self.faces is not None:
            return 2 * whole // self.faces, 3 * whole // self.faces
        one, every = as_fraction(self.send_one or 0), as_fraction(self.send_all or 0)
        return int(one * whole), int((one + every) * whole)

    @property
    def message_latency(self) -> Latency:
        """The latency as a value that engines sample."""
        return parse_latency("latency", self.latency)

    def channel_latencies(self) -> dict[tuple[int, int], Latency]:
        """The latencies of the channels that have one of their own, by positions (from, to)."""
        places = {name: place for place, name in enumerate(self.machine_names())}
        own = {}
        for channel, text in self.latencies.items():
            sender, _, target = channel.partition(">")
            own[places[sender], places[target]] = parse_latency("latencies", text)
        return own

    def physical_clock(self, position: int) -> PhysicalClock:
        """How the physical clock of one machine is off."""
        offset = as_fraction(self.offset_ms[position]) if self.offset_ms else 0
        skew = as_fraction(self.skew_ppm[position]) if self.skew_ppm else 0
        return PhysicalClock(int(offset * 10**6), int(skew * 1000))

    @property
    def horizon_ns(self) -> int:
        """The length of a run in scenario nanoseconds."""
        return int(as_fraction(self.seconds) * 10**9)

    @property
    def expected_ticks(self) -> int:
        """About how many ticks all runs take together; of drawn rates the mean counts."""
        if isinstance(self.rates, RateRange):
            each = self.size * (self.rates.low + self.rates.high) / 2
        else:
            each = float(sum(self.rates))
        return int(each * self.seconds * self.runs)

    @property
    def run_numbers(self) -> range:
        """The numbers of the runs."""
        return range(self.first_run, self.first_run + self.runs)

    def rates_of(self, run: int) -> tuple[float, ...]:
        """The rates of one run, drawn if the scenario says so."""
        if not isinstance(self.rates, RateRange):
            return self.rates
        low, high = self.rates
        return tuple(
            low + uniform_below(draw(stream(self.seed, run, i, Purpose.RATE), 0), high - low + 1)
            for i in range(self.size)
        )

    def machine_names(self) -> tuple[str, ...]:
        """The machines' names in name order: the order of the rates."""
        return self.names or tuple(default_name(i) for i in range(self.size))

    def neighbours(self, run: int) -> tuple[tuple[int, ...], ...]:
        """Each machine's neighbours in one run, as positions in name order."""
        return neighbours(self.topology, self.machine_names(), self.seed, run)

    def to_dict(self) -> dict[str, Any]:
        """Return every key that is set, as plain numbers, text and lists."""
        values = dict(zip(self.__slots__, self._values(), strict=True))
        if not isinstance(self.rates, RateRange):
            del values["machines"]  # the rates say it
        return {
            key: _to_plain(value) for key, value in values.items() if value not in (None, (), {})
        }

    @classmethod
    def from_dict(cls, keys: Mapping[str, Any]) -> "Scenario":
        """Make a scenario from plain keys; unknown ones are an error."""
        known = cls.__slots__
        for key in keys:
            if key not in known:
                raise ScenarioError(f"{key}: no such key in a scenario; known: {', '.join(known)}")
        return cls(**keys)

    def to_toml(self) -> str:
        """Return the scenario as TOML; `from_toml` gives the same scenario back."""
        return toml_text(self.to_dict())

    @classmethod
    def from_toml(cls, text: str) -> "Scenario":
        """Read a scenario from TOML text. Raises ScenarioError."""
        return cls.from_dict(keys_from_toml(text))


def keys_from_toml(text: str) -> dict[str, Any]:
    """Return the keys of a TOML document, not yet checked. Raises ScenarioError."""
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise ScenarioError(f"not valid TOML: {error}") from error


def _to_plain(value: Any) -> Any:
    if isinstance(value, RateRange):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def default_name(index: int) -> str:
    """Name machine `index`: A … Z, AA, AB, … like the columns of a spreadsheet."""
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
