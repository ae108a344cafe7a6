"""The built-in scenarios: the notes' experiments, by name."""

from typing import Any, Final, NamedTuple


class BuiltIn(NamedTuple):
    """A named scenario: what it is for, and its keys."""

    purpose: str
    keys: dict[str, Any]


BUILT_IN: Final = {
    "standard": BuiltIn(
        "the notes' standard experiment: five one-minute runs, a die of 10",
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
