"""Validation of a scenario's keys: the allowed values, and the message otherwise.

A check takes a key and a value from a file, a flag or Python, and returns the
value in canonical form. It raises ScenarioError with one line that names the
key, the value and what is allowed.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from driftlab.clocks.catalogue import CLOCKS
from driftlab.errors import DriftlabError
from driftlab.model.schedule import as_fraction
from driftlab.network.latency import Latency

RATE_MAX: Final = 1e9  # ticks per second: one tick a nanosecond
RATE_MIN: Final = 1e-9
SECONDS_MAX: Final = 1e9
SPEED_MAX: Final = 1e6
SEED_MAX: Final = 2**64 - 1
MACHINES_MAX: Final = 1_000_000
RUN_NUMBER_MAX: Final = 2**63
RUNS_MAX: Final = 1_000_000_000
NAME_CHARACTERS_MAX: Final = 32
MESSAGE_CHARACTERS_MAX: Final = 1_000  # of an error
CHANNELS_MAX: Final = 30_000_000  # of a mesh whose channels are listed one by one
DRAWN_CHANNELS_MAX: Final = 1_000_000  # of a random graph, which is drawn link by link
LATENCY_SECONDS_MAX: Final = 1e6
WAITING_MESSAGES_MAX: Final = 10_000_000  # in a simulated run: in transit and in all inboxes
SIGMA_MAX: Final = 5
OFFSET_MS_MAX: Final = 1e12  # about 30 years
SKEW_PPM_MAX: Final = 1e5

# Patterns are compiled where they are used: a start seldom needs any.
_NAME: Final = r"(?a)[A-Za-z][A-Za-z0-9_-]*"
_TOPOLOGY: Final = r"(?a)mesh|ring|star|regular:\d{1,6}|\w+-\w+(?:,\w+-\w+)*"
_PROCESS: Final = r"[^\n]+\.py:[^\W\d]\w*"
_RANGE: Final = r"(?a)\s*(\d+)\s*\.\.\s*(\d+)\s*"
_WHOLE: Final = r"(?a)\s*[+-]?\d{1,40}\s*"


class ScenarioError(DriftlabError):
    """A scenario is invalid; the message names the key and what is allowed."""

    def __init__(self, message: str) -> None:
        if len(message) > MESSAGE_CHARACTERS_MAX:  # a value may be as long as the file
            half = MESSAGE_CHARACTERS_MAX // 2
            message = f"{message[:half]} … {message[-half:]}"
        super().__init__(message)


class RateRange:
    """Rates drawn for every run: whole numbers, uniform in low .. high, both included."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RateRange) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"RateRange({self.low}, {self.high})"

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


def _number(key: str, value: Any, low: float, high: float, unit: str) -> float:
    """Return a number in low .. high; a whole number as an int, so that 6.0 equals 6."""
    allowed = f"allowed: a number from {low:g} to {high:g}{unit}"
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ScenarioError(f"{key}: {value!r} is not a number; {allowed}") from None
    value = _unboxed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScenarioError(f"{key}: {value!r} is not a number; {allowed}")
    if not low <= value <= high:  # NaN is not
        raise ScenarioError(f"{key}: {value} is not allowed; {allowed}")
    return int(value) if value == int(value) else value


def _unboxed(value: Any) -> Any:
    """Return a NumPy number as a Python number; anything else unchanged."""
    return value.item() if hasattr(value, "item") and hasattr(value, "dtype") else value


def _real(low: float, high: float, unit: str = "") -> Callable[[str, Any], Any]:
    return lambda key, value: _number(key, value, low, high, unit)


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def check(key: str, value: Any) -> int:
        allowed = f"allowed: a whole number from {low} to {high}"
        if isinstance(value, str) and re.fullmatch(_WHOLE, value):
            value = int(value)
        value = _unboxed(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ScenarioError(f"{key}: {value!r} is not a whole number; {allowed}")
        if not low <= value <= high:
            raise ScenarioError(f"{key}: {value} is not allowed; {allowed}")
        return value

    return check


def _optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda key, value: None if value is None else check(key, value)


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
    def check(key: str, value: Any) -> str:
        if value not in allowed:
            raise ScenarioError(f"{key}: {value!r} is not known; allowed: {' or '.join(allowed)}")
        return str(value)

    return check


def _rates(key: str, value: Any) -> tuple[float, ...] | RateRange:
    if isinstance(value, RateRange):
        return _rate_range(key, value.low, value.high)
    if isinstance(value, str):
        if ".." in value and (match := re.fullmatch(_RANGE, value)):
            return _rate_range(key, int(match[1]), int(match[2]))
        value = [part.strip() for part in value.split(",")]
    elif not isinstance(value, Iterable):
        value = [value]
    unit = " ticks per second, as in 6,3,1 or 1..6"
    value = tuple(value)
    if not value:
        raise ScenarioError(f"{key}: none given; allowed: numbers of{unit}")
    return tuple(_number(key, rate, RATE_MIN, RATE_MAX, unit) for rate in value)


def _rate_range(key: str, low: int, high: int) -> RateRange:
    if not 1 <= low <= high <= RATE_MAX:
        raise ScenarioError(
            f"{key}: {low}..{high} is not a range; allowed: LOW..HIGH, "
            f"whole numbers with 1 <= LOW <= HIGH <= {RATE_MAX:g}"
        )
    return RateRange(low, high)


def _names(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",") if value else ()
    if not isinstance(value, Iterable):
        raise ScenarioError(f"{key}: {value!r} is not a list of names, as in A,B,C")
    names = tuple(value)
    for name in names:
        valid = (
            isinstance(name, str) and re.fullmatch(_NAME, name) and len(name) <= NAME_CHARACTERS_MAX
        )
        if not valid:
            raise ScenarioError(
                f"{key}: {name!r} is not a name; allowed: a letter, then letters, digits, _ or -, "
                f"at most {NAME_CHARACTERS_MAX} characters"
            )
    if len({name.lower() for name in names}) < len(names):
        raise ScenarioError(
            f"{key}: {', '.join(names)}: each machine needs a different name, whatever the case"
        )
    return names


def parse_latency(key: str, text: Any) -> Latency:
    """Return the latency that a scenario describes as `text`. Raise ScenarioError.

    `key` is the name of the key, for the message.
    """
    kind, _, rest = str(text).partition(":")
    if kind == "none" and not rest:
        return Latency()
    if kind in ("fixed", "exponential"):
        return Latency(kind, _nanoseconds(key, rest))
    first, dots, second = rest.partition("..")
    if kind == "uniform" and dots:
        low, high = _nanoseconds(key, first), _nanoseconds(key, second)
        if low <= high:
            return Latency(kind, low, high)
    median, comma, sigma = rest.partition(",")
    if kind == "lognormal" and comma:
        sigma_value = _number(key, sigma, 0, SIGMA_MAX, " for sigma")
        return Latency(kind, _nanoseconds(key, median), round(sigma_value * 1_000_000))
    raise ScenarioError(
        f"{key}: {text!r} is not a latency; allowed: none, fixed:S, uniform:LOW..HIGH, "
        "exponential:MEAN or lognormal:MEDIAN,SIGMA, in seconds"
    )


def _nanoseconds(key: str, text: str) -> int:
    seconds = _number(key, text, 0, LATENCY_SECONDS_MAX, " seconds")
    return int(as_fraction(seconds) * 10**9)


def _per_machine(low: float, high: float, unit: str) -> Callable[[str, Any], Any]:
    def check(key: str, value: Any) -> tuple[float, ...]:
        if isinstance(value, str):
            value = value.split(",") if value else ()
        if not isinstance(value, Iterable):
            value = (value,)
        return tuple(_number(key, number, low, high, unit) for number in value)

    return check


def _latencies(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ScenarioError(
            f'{key}: {value!r} is not a table; allowed: a table, as in {{"A>B" = "fixed:0.1"}}'
        )
    valid = {}
    for channel, text in value.items():
        ends = str(channel).replace(" ", "").split(">")
        if len(ends) != 2 or ends[0] == ends[1]:
            raise ScenarioError(f"{key}: {channel!r} is not a channel; allowed: FROM>TO, as in A>B")
        parse_latency(f"{key}: {channel}", text)
        valid[">".join(ends)] = str(text)
    return valid


def _clock(key: str, value: Any) -> str:
    if value not in CLOCKS:
        raise ScenarioError(f"{key}: {value!r} is not known; allowed: {', '.join(CLOCKS)}")
    return str(value)


def _process(key: str, value: Any) -> str:
    if isinstance(value, type):
        file = getattr(sys.modules[value.__module__], "__file__", None)
        if file is None:
            raise ScenarioError(
                f"{key}: {value.__qualname__} is not defined in a file; each "
                "machine of a real run loads it from its file"
            )
        value = f"{file}:{value.__qualname__}"
    if value == "die" or (isinstance(value, str) and re.fullmatch(_PROCESS, value)):
        named: str = value  # of its own type, which says whether the user or a file named it
        return named
    raise ScenarioError(
        f"{key}: {value!r} is not a process; allowed: die, or FILE.py:CLASS, as in mine.py:Ring"
    )


def _topology(key: str, value: Any) -> str:
    text = str(value).replace(" ", "")
    if text != "mesh" and not re.fullmatch(_TOPOLOGY, text):
        raise ScenarioError(
            f"{key}: {value!r} is not known; allowed: mesh, ring, star, regular:D, "
            "or links between names without a hyphen, as in A-B,B-C"
        )
    return text


def _latency(key: str, value: Any) -> str:
    parse_latency(key, value)
    return str(value)


CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "rates": _rates,
    "machines": _optional(_whole(2, MACHINES_MAX)),
    "names": _names,
    "seconds": _real(1e-9, SECONDS_MAX, " (scenario time)"),
    "runs": _whole(1, RUNS_MAX),
    "first_run": _whole(1, RUN_NUMBER_MAX),
    "faces": _optional(_whole(3, 2**32)),
    "send_one": _optional(_real(0, 1)),
    "send_all": _optional(_real(0, 1)),
    "seed": _whole(0, SEED_MAX),
    "speed": _real(1e-6, SPEED_MAX),
    "phase": _one_of("random", "aligned"),
    "order": _one_of("peers", "arrival"),
    "latency": _latency,
    "topology": _topology,
    "latencies": _latencies,
    "clock": _clock,
    "process": _process,
    "offset_ms": _per_machine(-OFFSET_MS_MAX, OFFSET_MS_MAX, " milliseconds"),
    "skew_ppm": _per_machine(-SKEW_PPM_MAX, SKEW_PPM_MAX, " parts per million"),
}
