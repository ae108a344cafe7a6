"""A scenario: the immutable, exact description of what is to be run.

Invariants: a scenario is valid, because it is validated when it is created; it
equals what is read from its TOML; and together with the number of a run it
decides everything that a simulation does and every random number of a real run.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from driftlab.clocks.catalogue import require_fits
from driftlab.errors import nearest_line
from driftlab.model.random_streams import DIE_BITS, Purpose, draw, stream, uniform_below
from driftlab.model.schedule import PhysicalClock, as_fraction
from driftlab.network.latency import Latency
from driftlab.scenario.topology import UNCONDITIONAL, neighbours
from driftlab.scenario.validate import (
    CHECKS,
    MACHINES_MAX,
    RUN_NUMBER_MAX,
    RateRange,
    ScenarioError,
    parse_latency,
)

_DEFAULT_RATES = RateRange(1, 6)
_NO_LATENCIES: Mapping[str, str] = MappingProxyType({})
# TOML forbids these characters in a text; a control character is written by its code.
_TOML_ESCAPES = {code: f"\\u{code:04X}" for code in (*range(32), 127)} | {34: '\\"', 92: "\\\\"}


class Scenario:
    """What is to be run.

    rates: ticks per second, one number for each machine (`[6, 3, 1]`), or a
        range from which to draw for every run (`"1..6"`).
    machines: the number of machines, by default that of `rates` or `names`.
    names: the names of the machines, in the order of `rates`; by default A, B,
        C, … Z, AA, AB, …
    seconds: the length of a run, in scenario time.
    runs, first_run: the number of runs, and the number of the first one, on
        which the random numbers of a run depend.
    faces: the number of faces of the die. With three machines, faces 1 and 2
        send to one peer, face 3 to both. Instead of it:
    send_one, send_all: the probabilities that a tick without a message sends to
        one peer, drawn uniformly, or to every peer.
    seed: a whole number, 0 .. 2**64 - 1.
    speed: how many times faster than real time everything passes.
    phase: "random": a machine's first tick is uniform in its first period;
        "aligned": it is at the start.
    order: "peers": at a tick, read the first peer's socket, then the next (the
        machine of the assignment); "arrival": queue messages as they arrive.
    topology: which machines can send to each other: "mesh" (all), "ring",
        "star" (the first one is its centre), "regular:D" (a random graph with D
        neighbours each, drawn for every run), or links by name, "A-B,B-C".
    latency: the latency of messages in a simulation, in seconds of scenario
        time: "none", "fixed:0.1", "uniform:0.05..0.2", "exponential:0.1" (the
        mean) or "lognormal:0.1,0.5" (the median, and sigma).
    latencies: the latency of single channels: {"A>B": "fixed:0.2"} is that from
        A to B.
    clock: the clock to keep in addition to the Lamport clock, which names the
        messages: "lamport" (none), "vector", "matrix" or "hybrid".
    process: what every machine runs: "die", the process of the assignment, or
        a process of yours, "mine.py:Ring", or a class that a file defines.
    offset_ms, skew_ppm: the error of each machine's physical clock: at the
        start, in milliseconds of scenario time, and its growth, in parts per
        million; one number for each machine. Journals and hybrid clocks see
        it; ticks are due in true time.

    Raise ScenarioError if a key is invalid or two of them contradict each other.
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
        self._resolve_die()
        self._resolve_machines()
        self._check_channels()
        self._check_clocks()
        if self.topology not in UNCONDITIONAL:
            self.neighbours(self.first_run)

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"{key}: a scenario never changes; create another with replace()")

    def __delattr__(self, key: str) -> None:
        raise AttributeError(f"{key}: a scenario never changes; create another with replace()")

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
        """Return a scenario with some keys changed. Raise ScenarioError if it is invalid."""
        return Scenario.from_dict({**self.to_dict(), **changes})

    def for_run(self, run: int) -> "Scenario":
        """Return the scenario of a single run, with its rates drawn."""
        if self.runs == 1 and self.first_run == run and not isinstance(self.rates, RateRange):
            return self
        return self.replace(rates=self.rates_of(run), runs=1, first_run=run)

    def _resolve_die(self) -> None:
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

    def _resolve_machines(self) -> None:
        counts = {
            "machines": self.machines,
            "rates": None if isinstance(self.rates, RateRange) else len(self.rates),
            "names": len(self.names) or None,
        }
        given = {key: count for key, count in counts.items() if count is not None}
        if len(set(given.values())) > 1:
            detail = ", ".join(f"{key} gives {count}" for key, count in given.items())
            raise ScenarioError(f"number of machines: {detail}; they must agree")
        count = next(iter(given.values()), 3)
        if not 2 <= count <= MACHINES_MAX:
            raise ScenarioError(f"machines: {count} is not allowed; from 2 to {MACHINES_MAX}")
        object.__setattr__(self, "machines", count)

    def _check_channels(self) -> None:
        if not self.latencies:
            return
        names = set(self.machine_names())
        for channel in self.latencies:
            for name in channel.split(">"):
                if name not in names:
                    raise ScenarioError(f"latencies: {channel}: there is no machine {name}")

    def _check_clocks(self) -> None:
        for key in ("offset_ms", "skew_ppm"):
            count = len(getattr(self, key))
            if count not in (0, self.size):
                raise ScenarioError(
                    f"{key}: {count} given for {self.size} machines; allowed: one for each"
                )
        try:
            require_fits(self.clock, self.size)
        except ValueError as error:
            raise ScenarioError(f"clock: {error}") from None

    @property
    def size(self) -> int:
        """The number of machines."""
        return self.machines

    @property
    def die(self) -> tuple[int, int]:
        """The die as two bounds on a random number of DIE_BITS bits.

        Below the first bound it sends to one peer, below the second to every peer.
        """
        whole = 2**DIE_BITS
        if self.faces is not None:
            return 2 * whole // self.faces, 3 * whole // self.faces
        one, every = as_fraction(self.send_one or 0), as_fraction(self.send_all or 0)
        return int(one * whole), int((one + every) * whole)

    @property
    def message_latency(self) -> Latency:
        """The latency of channels that have none of their own, to be sampled."""
        return parse_latency("latency", self.latency)

    def channel_latencies(self) -> dict[tuple[int, int], Latency]:
        """Return the latencies of single channels, by the positions (from, to)."""
        positions = {name: position for position, name in enumerate(self.machine_names())}
        latencies = {}
        for channel, text in self.latencies.items():
            sender, _, target = channel.partition(">")
            latencies[positions[sender], positions[target]] = parse_latency("latencies", text)
        return latencies

    def physical_clock(self, position: int) -> PhysicalClock:
        """Return the error of the physical clock of the machine at `position`."""
        offset = as_fraction(self.offset_ms[position]) if self.offset_ms else 0
        skew = as_fraction(self.skew_ppm[position]) if self.skew_ppm else 0
        return PhysicalClock(int(offset * 10**6), int(skew * 1000))

    @property
    def horizon_ns(self) -> int:
        """The length of a run in scenario nanoseconds."""
        return int(as_fraction(self.seconds) * 10**9)

    @property
    def expected_ticks(self) -> int:
        """About the number of ticks of all runs together, with the mean of drawn rates."""
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
        """Return the machines' rates in run number `run`, drawn if the scenario has a range."""
        if not isinstance(self.rates, RateRange):
            return self.rates
        low, high = self.rates.low, self.rates.high
        return tuple(
            low + uniform_below(draw(stream(self.seed, run, i, Purpose.RATE), 0), high - low + 1)
            for i in range(self.size)
        )

    def machine_names(self) -> tuple[str, ...]:
        """Return the names of all machines, in name order, which is the order of the rates."""
        return self.names or tuple(default_name(i) for i in range(self.size))

    def neighbours(self, run: int) -> tuple[tuple[int, ...], ...]:
        """Return each machine's neighbours in run number `run`, as positions in name order."""
        return neighbours(self.topology, self.machine_names(), self.seed, run)

    def to_dict(self) -> dict[str, Any]:
        """Return every key that is set, as plain numbers, text, lists and tables."""
        values = dict(zip(self.__slots__, self._values(), strict=True))
        if not isinstance(self.rates, RateRange):
            del values["machines"]  # it follows from the rates
        return {
            key: _to_plain(value) for key, value in values.items() if value not in (None, (), {})
        }

    @classmethod
    def from_dict(cls, keys: Mapping[str, Any]) -> "Scenario":
        """Return the scenario with these keys. Raise ScenarioError if one is unknown or invalid."""
        known = cls.__slots__
        for key in keys:
            if key not in known:
                hint = nearest_line(key, known) or f"allowed: {', '.join(known)}"
                raise ScenarioError(f"{key}: no such key in a scenario; {hint}")
        return cls(**keys)

    def to_toml(self) -> str:
        """Return the scenario as TOML, from which `from_toml` returns an equal scenario."""
        return toml_text(self.to_dict())

    @classmethod
    def from_toml(cls, text: str) -> "Scenario":
        """Return the scenario that a TOML text describes. Raise ScenarioError if invalid."""
        return cls.from_dict(keys_from_toml(text))


def require_scenario(scenario: object) -> None:
    """Raise TypeError, which says how to make one, if something is not a `Scenario`."""
    if not isinstance(scenario, Scenario):
        raise TypeError(
            f"{scenario!r} is not a Scenario; make one: driftlab.Scenario(rates=[6, 3, 1])"
        )


class ProcessFromFile(str):
    """The name of a process that data gave, not the user: who loads it must be sure to want it."""

    __slots__ = ()

    def beside(self, folder: str) -> "ProcessFromFile":
        """Return the name with its file looked for in the folder of the data."""
        is_die = ":" not in self
        return self if is_die else ProcessFromFile(posixpath.join(folder, self))


def keys_from_toml(text: str) -> dict[str, Any]:
    """Return the keys of a TOML document, not yet validated.

    Raise ScenarioError if the text is not TOML.
    """
    from driftlab.toml_text import TomlError, load_toml  # only needed for files

    try:
        keys = load_toml(text)
    except TomlError as error:
        raise ScenarioError(f"not valid TOML: {error}") from error
    if isinstance(keys.get("process"), str):
        keys["process"] = ProcessFromFile(keys["process"])
    return keys


def toml_text(keys: Mapping[str, Any]) -> str:
    """Return keys as TOML: texts, finite numbers, lists of these, and tables of them."""
    tables = {key: table for key, table in keys.items() if isinstance(table, Mapping)}
    lines = [f"{key} = {_toml_value(value)}" for key, value in keys.items() if key not in tables]
    for name, table in tables.items():
        rows = (f"{_toml_key(key)} = {_toml_value(value)}" for key, value in table.items())
        lines += ["", f"[{name}]", *rows] if table else []
    return "\n".join(lines) + "\n"


def _toml_key(key: str) -> str:
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else _toml_value(key)


def _toml_value(value: str | float | list[Any]) -> str:
    """Return a text, a finite number, or a list of these as TOML on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    return f'"{value.translate(_TOML_ESCAPES)}"' if isinstance(value, str) else repr(value)


def _to_plain(value: Any) -> Any:
    if isinstance(value, RateRange):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def default_name(index: int) -> str:
    """Return the default name of machine `index`: A … Z, AA, AB, … like spreadsheet columns."""
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
