"""Names of events and cuts on the command line: `A:17`, `A=10,B=7`."""

from driftlab.api.history import EventName
from driftlab.errors import DriftlabError

DIGITS_MAX = 15


class WrongNameError(DriftlabError):
    """A word that names no event, or is no number."""


def event_named(word: str) -> EventName:
    """Read `A:17`, an event by its process and its number from 0. Raises WrongNameError."""
    name, _, number = word.rpartition(":")
    if not name or not _is_whole(number):
        raise WrongNameError(f"{word}: name an event by its process and number, like A:17")
    return name, int(number)


def counts_named(words: str) -> dict[str, int]:
    """Read `A=10,B=7`, numbers of events by process. Raises WrongNameError."""
    counts: dict[str, int] = {}
    for word in words.split(","):
        name, _, number = word.rpartition("=")
        if not name or not _is_whole(number) or name in counts:
            raise WrongNameError(f"{words}: give numbers of events by process, like A=10,B=7")
        counts[name] = int(number)
    return counts


def number_named(word: str, flag: str) -> float:
    """Read a number. Raises WrongNameError."""
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if not abs(number) < 10**DIGITS_MAX:
        raise WrongNameError(f"{flag} {word}: give a number")
    return number


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= DIGITS_MAX
