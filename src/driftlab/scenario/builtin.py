"""The built-in scenarios, by name: the experiments of the assignment."""

from typing import Any, Final, NamedTuple


class BuiltIn(NamedTuple):
    """A built-in scenario: its purpose, as one line for people, and its keys."""

    purpose: str
    keys: dict[str, Any]


BUILT_IN: Final = {
    "standard": BuiltIn(
        "the standard experiment of the assignment: five one-minute runs, a die of 10",
        {"rates": "1..6", "seconds": 60, "runs": 5, "faces": 10},
    ),
    "close-rates": BuiltIn(
        "smaller variation of the clock rates",
        {"rates": "4..6", "seconds": 60, "runs": 5, "faces": 10},
    ),
    "talkative": BuiltIn(
        "smaller probability of internal events: a die of 4",
        {"rates": "1..6", "seconds": 60, "runs": 5, "faces": 4},
    ),
    "close-and-talkative": BuiltIn(
        "both: close rates, and a die of 4",
        {"rates": "4..6", "seconds": 60, "runs": 5, "faces": 4},
    ),
}
