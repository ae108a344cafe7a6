"""The figures of a report, and why some are absent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftlab.report.measures import Subject
from driftlab.report.sources import Group

if TYPE_CHECKING:
    from driftlab.figures.figure import Figure


@dataclass(frozen=True, slots=True)
class Pictures:
    """figures: by their names without prefix. absent: a line each on what could not be drawn."""

    figures: "dict[str, Figure]" = field(default_factory=dict)
    absent: Sequence[str] = ()

    def named(self, *names: str) -> "list[Figure]":
        """Return those of these names that there are."""
        return [self.figures[name] for name in names if name in self.figures]


def pictures_of_runs(group: Group, subjects: Sequence[Subject], prefix: str) -> Pictures:
    return Pictures()
