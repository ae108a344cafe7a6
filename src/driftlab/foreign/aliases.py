"""Other names of processes, as the user gives them: `--alias A=B`.

`A` is a name that the log has for a process, and `B` another name of it, or a new one,
which the log does not have: then the process is renamed. A name `A` that the log does
not have is refused, since nothing would come of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Final

from driftlab.foreign.clock_values import natural_key
from driftlab.journal.files import UnreadableError

NAMES_SHOWN_MAX: Final = 20  # of processes, in a message
_BETWEEN: Final = re.compile(r"[,;|\[\]\"']+")  # the names of a list


def resolved_aliases(aliases: Mapping[str, str]) -> dict[str, str]:
    """Return the process that each alias stands for in the end. Raises UnreadableError."""
    resolved = {}
    for alias, name in aliases.items():
        seen = {alias}
        while name in aliases:
            if name in seen:
                raise UnreadableError(f"--alias {alias}={aliases[alias]}: goes round in a circle")
            seen.add(name)
            name = aliases[name]
        resolved[alias] = name
    return resolved


def aliases_by_case(
    names: Iterable[Any], hosts: Iterable[str], known: Mapping[str, str]
) -> dict[str, str]:
    """Return the processes of names that differ from theirs by upper and lower case alone.

    names: of peers, and lists of them as texts. hosts: of the events. known: aliases, which are
    left out. A name that two processes have in some case stands for neither.
    """
    held = frozenset(hosts)
    by_letters: dict[str, str | None] = {}
    for name in held:
        by_letters[name.lower()] = None if name.lower() in by_letters else name
    found = {}
    for value in names:
        text = str(value).strip()
        for name in (text, *map(str.strip, _BETWEEN.split(text))):
            other = by_letters.get(name.lower())
            if other is not None and name not in held and name not in known:
                found[name] = other
    return found


def require_aliases(aliases: Mapping[str, str], names: Set[str]) -> None:
    """Raise UnreadableError where an alias is no name that the log has, or of another alias.

    names: every name that the log has for a process.
    """
    for alias, name in aliases.items():
        if alias not in names and alias not in aliases.values():
            known = ", ".join(sorted(names, key=natural_key)[:NAMES_SHOWN_MAX])
            raise UnreadableError(
                f"--alias {alias}={name}: no process is called {alias}; there are {known or 'none'}"
            )


def new_names(aliases: Mapping[str, str], names: Set[str]) -> Iterator[str]:
    """Yield a line for each process that has a name which the log does not have.

    aliases: as `resolved_aliases` returns them. names: as of `require_aliases`.
    """
    for alias, name in aliases.items():
        if alias in names and name not in names:
            yield f"--alias {alias}={name}: {alias} is called {name}, a name that the log lacks"
