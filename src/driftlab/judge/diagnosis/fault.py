"""A known fault, and the violations that it explains, in one process."""

from typing import NamedTuple

from driftlab.arrays import IntArray


class NamedRows(NamedTuple):
    """A known fault in one process.

    name: in plain words. rules: those whose violations it explains, the one that shows
    it first. process: the position of the process. explained i8: rows of the violations.
    shown_by: how many events show it, where that is not the number of violations.
    """

    name: str
    rules: tuple[str, ...]
    process: int
    explained: IntArray
    shown_by: int | None = None

    @property
    def events(self) -> int:
        """How many events show the fault."""
        return len(self.explained) if self.shown_by is None else self.shown_by


def by_process(name: str, rule: str, rows: IntArray, process: IntArray) -> list[NamedRows]:
    """Return a fault for every process that has some of the rows.

    process: the position of the process of each row of the history.
    """
    places = process[rows]
    return [
        NamedRows(name, (rule,), place, rows[places == place])
        for place in sorted(set(places.tolist()))
    ]
