"""The built-in scenarios, by name: the assignment's standard experiment and its variations.

The names and values are those of the study `assignment` and of the claims.
"""

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
    "narrow-rates": BuiltIn(
        "smaller variation of the clock rates",
        {"rates": "3..4", "seconds": 60, "runs": 5, "faces": 10},
    ),
    "few-internal-events": BuiltIn(
        "smaller probability of internal events: a die of 5",
        {"rates": "1..6", "seconds": 60, "runs": 5, "faces": 5},
    ),
    "both-variations": BuiltIn(
        "both: narrow rates, and a die of 5",
        {"rates": "3..4", "seconds": 60, "runs": 5, "faces": 5},
    ),
}
# Earlier names of theirs, which scripts may use.
ALIASES: Final = {
    "close-rates": "narrow-rates",
    "talkative": "few-internal-events",
    "close-and-talkative": "both-variations",
}


def built_in(name: str) -> BuiltIn | None:
    """Return the built-in scenario of this name, or of this earlier name; None if there is none."""
    return BUILT_IN.get(ALIASES.get(name, name))
