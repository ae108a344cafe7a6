"""Events, counts and numbers on the command line: `A:17`, `A=10,B=7`, `2.5`."""

from typing import Final

from driftlab.api.history import EventName
from driftlab.errors import DriftlabError

DIGITS_MAX: Final = 15  # of a number; each such number is exact as a float


class WrongArgumentError(DriftlabError):
    """An argument is not the name of an event, a count or a number."""


def parse_event(word: str) -> EventName:
    """Return the event of `A:17`: its process and its number there, from 0.

    Raise WrongArgumentError.
    """
    name, _, number = word.rpartition(":")
    if not name or not _is_whole(number):
        raise WrongArgumentError(
            f"{word}: name an event by its process and its number there, like A:17"
        )
    return name, int(number)


def parse_counts(words: str) -> dict[str, int]:
    """Return the numbers of events of `A=10,B=7`, by process. Raise WrongArgumentError."""
    counts: dict[str, int] = {}
    for word in words.split(","):
        name, _, number = word.rpartition("=")
        if not name or not _is_whole(number) or name in counts:
            raise WrongArgumentError(
                f"{words}: give each process's number of events, like A=10,B=7"
            )
        counts[name] = int(number)
    return counts


def parse_number(word: str, flag: str) -> float:
    """Return the number that a flag was given. Raise WrongArgumentError."""
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if not abs(number) < 10**DIGITS_MAX:
        raise WrongArgumentError(f"{flag} {word}: give a number below 10^{DIGITS_MAX}")
    return number


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= DIGITS_MAX
