"""A grid of scenarios: some fields of a base scenario, each with the values it takes.

A cell is one scenario of the grid; cells are numbered from 0, the last field varying
the fastest. Every cell of a grid is a valid scenario, and no two are equal.

As text, a field's values are separated by commas, whole numbers may be ranges (`3..6`).
Rates are lists themselves: of `1..6,1..6,3` each machine has its own values, and every
combination is one value of the field; several lists are separated by semicolons, as are
the values of other fields that may hold a comma. A single range of rates is what it is
in a scenario: rates that every run draws.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, Final, NamedTuple

from driftlab.errors import DriftlabError, did_you_mean
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import CHECKS, RateRange, ScenarioError

CELLS_MAX: Final = 200_000
_PER_MACHINE: Final = ("rates", "names", "offset_ms", "skew_ppm")
_WITH_COMMAS: Final = (*_PER_MACHINE, "latency", "topology", "process")
_NOT_SWEPT: Final = {
    "runs": "how many runs a cell has is one number for all",
    "latencies": "a table; give its values in Python, as dictionaries",
}
# A swept field replaces these keys of the base scenario.
_REPLACES: Final = {
    "rates": ("machines",),
    "machines": ("rates",),
    "faces": ("send_one", "send_all"),
    "send_one": ("faces",),
    "send_all": ("faces",),
}
_RANGE: Final = r"(\d{1,9})\.\.(\d{1,9})"


class GridError(DriftlabError):
    """A grid that cannot be swept, and why."""


class Cell(NamedTuple):
    """One scenario of a grid: its number, its values of the swept fields, and itself."""

    number: int
    values: tuple[Any, ...]
    scenario: Scenario


class Grid:
    """A base scenario and the values that some of its fields take.

    base: the scenario that gives all other fields, with the number of runs of a cell.
    fields: by name, in the order in which they were given, the last varying the fastest.

    Raise GridError if a field or a value is unknown or invalid, or given twice.
    """

    def __init__(self, base: Scenario, fields: Mapping[str, str | Iterable[Any]]) -> None:
        self.base = base
        self.fields = {name: _values(name, values) for name, values in fields.items()}
        if not self.fields:
            raise GridError("nothing to sweep; name a field and its values, as in faces=3,4,10")
        if len(self) > CELLS_MAX:
            raise GridError(f"{len(self)} cells; at most {CELLS_MAX:,} can be swept at once")

    def __len__(self) -> int:
        return prod(map(len, self.fields.values()))

    def cells(self) -> Iterator[Cell]:
        """Yield the cells in order. Raise ScenarioError if one is not valid."""
        for number, values in enumerate(product(*self.fields.values())):
            changes = dict(zip(self.fields, values, strict=True))
            try:
                scenario = Scenario.from_dict(changed_keys(self.base, changes))
            except ScenarioError as error:
                stated = ", ".join(f"{name}={shown(value)}" for name, value in changes.items())
                raise ScenarioError(f"{stated}: {error}") from None
            yield Cell(number, values, scenario)

    def to_dict(self) -> dict[str, list[str | float]]:
        """Return the swept fields and their values, as numbers and text."""
        return {name: [shown(value) for value in values] for name, values in self.fields.items()}


def shown(value: Any) -> str | float:
    """Return the value of a field as a table shows it: a number, or one text."""
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, RateRange):
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={text}" for key, text in value.items())
    return ",".join(f"{each:g}" if isinstance(each, float) else str(each) for each in value)


def changed_keys(base: Scenario, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a scenario with some changed, and without those that these replace.

    A die replaces probabilities, for example, and rates the number of machines, unless they
    are a range from which each is drawn.
    """
    replaced = {each for name in changes for each in _REPLACES.get(name, ())}
    keys = {key: value for key, value in base.to_dict().items() if key not in replaced}
    if ".." in str(changes.get("rates", "")):
        keys["machines"] = base.size
    return keys | dict(changes)


def parse_over(texts: Iterable[str]) -> dict[str, str]:
    """Return the fields and values of texts such as `faces=3,4,10`. Raise GridError."""
    fields: dict[str, str] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not values.strip():
            raise GridError(f"--over {text}: expected FIELD=VALUES, as in faces=3,4,10")
        if name in fields:
            raise GridError(f"--over {text}: {name} is given twice; give all its values at once")
        fields[name] = values
    return fields


def _values(name: str, values: str | Iterable[Any]) -> tuple[Any, ...]:
    if name in _NOT_SWEPT and (isinstance(values, str) or name == "runs"):
        raise GridError(f"{name}: cannot be swept ({_NOT_SWEPT[name]})")
    if name not in CHECKS:
        allowed = ", ".join(key for key in CHECKS if key not in _NOT_SWEPT)
        raise GridError(
            f"{name}: no such field of a scenario; allowed: {allowed}{did_you_mean(name, CHECKS)}"
        )
    given = list(_parsed(name, values) if isinstance(values, str) else values)
    if not given:
        raise GridError(f"{name}: no value is given")
    if len(given) > CELLS_MAX:
        raise GridError(f"{name}: {len(given)} values; at most {CELLS_MAX:,} can be swept at once")
    checked = [CHECKS[name](name, value) for value in given]
    if any(value is None for value in checked):
        raise GridError(f"{name}: None is not a value to sweep")
    seen: set[str] = set()
    for value in checked:
        if repr(value) in seen:
            raise GridError(f"{name}: {shown(value)} is given twice")
        seen.add(repr(value))
    return tuple(checked)


def _parsed(name: str, text: str) -> Iterator[Any]:
    """Yield the values of a text, not yet checked."""
    if name in _WITH_COMMAS:
        for part in text.split(";"):
            yield from _lists(part.strip()) if name == "rates" else (part.strip(),)
        return
    for part in text.split(","):
        yield from _range(part.strip())


def _lists(text: str) -> Iterator[Any]:
    """Yield the lists of rates of `1..6,1..6,3`; a range alone is one value, drawn rates."""
    machines = [part.strip() for part in text.split(",")]
    if len(machines) == 1:
        yield text
        return
    each = [list(_range(part)) for part in machines]
    if prod(map(len, each)) > CELLS_MAX:
        raise GridError(f"rates: {text} is too many; at most {CELLS_MAX:,} can be swept at once")
    yield from product(*each)


def _range(text: str) -> Iterator[Any]:
    match = re.fullmatch(_RANGE, text)
    if match is None:
        yield text
        return
    low, high = int(match[1]), int(match[2])
    if high < low:
        raise GridError(f"{text}: no range; the lower number comes first")
    if high - low >= CELLS_MAX:
        raise GridError(f"{text} is too many; at most {CELLS_MAX:,} can be swept at once")
    yield from range(low, high + 1)
