"""The base class of every error that a user can cause, and the wording of lists and guesses.

The message of a `DriftlabError` is one line that says what was wrong and what
is allowed. The command line prints it and exits with status 2. Any other
exception that escapes is a bug in driftlab and keeps its traceback.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Final

NAMES_LISTED_MAX: Final = 12


class DriftlabError(Exception):
    """What the user asked for cannot be done; the message says what to do instead."""


class SystemNotSupportedError(DriftlabError):
    """The operating system lacks what driftlab needs."""


def require_supported_system() -> None:
    """Raise SystemNotSupportedError on Windows, whose processes and sockets differ too much."""
    if sys.platform == "win32":
        raise SystemNotSupportedError(
            "driftlab needs Linux or macOS; on Windows install WSL (wsl --install) "
            "and run driftlab inside it"
        )


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with what it counts: `1 event`, `2 events`, `0 messages were`.

    plural: where it is not the singular with `s` or `es`.
    """
    if number == 1:
        return f"1 {singular}"
    return f"{number} {plural or singular + ('es' if singular.endswith('s') else 's')}"


def name_list(names: Sequence[str]) -> str:
    """Return names separated by commas; of more than NAMES_LISTED_MAX the last are left out."""
    if len(names) <= NAMES_LISTED_MAX:
        return ", ".join(names)
    return ", ".join([*names[: NAMES_LISTED_MAX - 1], f"… ({len(names)} in all)"])


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return which of the known words one that is not known begins, or is most like."""
    known = list(known)
    begun = [one for one in known if one.startswith(word)]
    if word.strip("-") and 1 <= len(begun) <= 2:
        return begun
    from difflib import get_close_matches  # only after a mistake

    return get_close_matches(word, known, n=2, cutoff=0.7)


def nearest_line(word: str, known: Iterable[str]) -> str:
    """Return a question after the words that were probably meant, empty if none is near."""
    words = nearest(word, known)
    return f"did you mean {' or '.join(words)}?" if words else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question of `nearest_line` as the end of a message, empty if none is near."""
    question = nearest_line(word, known)
    return f"; {question}" if question else ""


def lines_of_runs(runs: Sequence[tuple[str, Iterable[str]]]) -> list[str]:
    """Return what is said of several runs, each line once, with the runs of which it is said.

    runs: the name of each, and its lines. Of one run, lines are what they are.
    """
    named: dict[str, list[str]] = {}
    for name, lines in runs:
        for line in dict.fromkeys(lines):
            named.setdefault(line, []).append(f"run {name}" if name.isdecimal() else name)
    if len(runs) < 2:
        return list(named)
    every = "both runs" if len(runs) == 2 else f"all {len(runs)} runs"
    return [
        f"{every if len(names) == len(runs) else name_list(names)}: {line}"
        for line, names in named.items()
    ]
