"""A report as plain values: sections of findings, questions, figures and tables.

It knows nothing of HTML or Markdown; `render.py` puts it on paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftlab.lazy import pl
from driftlab.report.findings import Finding
from driftlab.report.measures import Measure, Subject
from driftlab.report.wording import measure_text, number

if TYPE_CHECKING:
    from driftlab.figures.figure import Figure


TableColumns = Sequence[tuple[str, str]]  # of a table: the name of a measure, and its head


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report.

    name: stem of its CSV file. title: what it shows. heads: of its columns. rows: what
    is printed. frame: the same numbers, not rounded, for CSV.
    """

    name: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    frame: "pl.DataFrame"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: what the data say, what they show, and what is left to think about."""

    heading: str
    findings: Sequence[Finding] = ()
    figures: "Sequence[Figure]" = ()
    tables: Sequence[Table] = ()
    questions: Sequence[str] = ()
    introduction: str = ""
    level: int = 2

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to say or to show."""
        return not (self.introduction or self.findings or self.figures or self.tables)


@dataclass(frozen=True, slots=True)
class Document:
    """A report: its title, what limits it, its sections, and how to make it again.

    origin: pairs of a name and a text: where the data come from.
    scenario: text of TOML, None where no scenario is known.
    """

    title: str
    introduction: str
    warnings: Sequence[Finding] = ()
    sections: Sequence[Section] = ()
    origin: Sequence[tuple[str, str]] = ()
    scenario: str | None = None
    figures_absent: Sequence[str] = field(default=())

    @property
    def figures(self) -> "list[Figure]":
        """All figures, in order."""
        return [figure for section in self.sections for figure in section.figures]

    @property
    def tables(self) -> list[Table]:
        """All tables, in order."""
        return [table for section in self.sections for table in section.tables]

    @property
    def findings(self) -> list[Finding]:
        """All findings, warnings first."""
        return [*self.warnings, *(one for section in self.sections for one in section.findings)]


def measures_table(
    name: str, title: str, first: str, subjects: Sequence[Subject], columns: TableColumns
) -> Table | None:
    """Return a table with a row a subject and a column a measure; None if none has any.

    first: head of the first column. columns: the name of a measure and its head. In the
    frame a measure has its value, and, where there are any, its bounds and extremes.
    Lateness is in microseconds there, as its name says, and in milliseconds where people read.
    """
    present = [(key, head) for key, head in columns if any(each.get(key) for each in subjects)]
    if not present:
        return None
    frame: dict[str, list[object]] = {first: [each.name for each in subjects]}
    frame["runs"] = [each.runs for each in subjects]
    for key, _ in present:
        measures = [each.get(key) for each in subjects]
        for part, suffix in zip(
            Measure._fields, ("", "_low", "_high", "_min", "_max"), strict=True
        ):
            values = [None if one is None else getattr(one, part) for one in measures]
            if part == "value" or any(value is not None for value in values):
                frame[key + suffix] = list(values)
    rows = tuple(
        (each.name, *(cell_text(_as_shown(key, each.get(key))) for key, _ in present))
        for each in subjects
    )
    heads = (first, *(head for _, head in present))
    return Table(name, title, heads, rows, pl.DataFrame(frame, strict=False))


def _as_shown(key: str, measure: Measure | None) -> Measure | None:
    return measure.times(1e-3) if measure is not None and "_us" in key else measure


def theory_table(name: str, subjects: Sequence[Subject], columns: TableColumns) -> Table | None:
    """Return a table of measurements with what theory expects; None if it expects nothing.

    name: stem of its CSV file. subjects: the machines or ranks. columns: the measures.
    """
    found = [
        (each, head, measure, expected)
        for each in subjects
        for key, head in columns
        if (measure := each.get(key)) is not None and (expected := each.expected(key)) is not None
    ]
    if not found:
        return None
    first = "rank" if found[0][0].is_rank else "machine"
    rows = tuple(
        (each.name, head, measure_text(measure), number(expected, 2), _holds(measure, expected))
        for each, head, measure, expected in found
    )
    frame = pl.DataFrame(
        {
            first: [each.name for each, *_ in found],
            "figure": [head for _, head, *_ in found],
            "measured": [measure.value for *_, measure, _ in found],
            "measured_low": [measure.low for *_, measure, _ in found],
            "measured_high": [measure.high for *_, measure, _ in found],
            "predicted": [expected for *_, expected in found],
        },
        strict=False,
    )
    heads = (first, "figure", "measured (95 % interval)", "theory", "interval holds theory")
    return Table(name, "Measurement beside theory", heads, rows, frame)


def _holds(measure: Measure, expected: float) -> str:
    if not measure.has_interval or measure.is_constant:
        return "no interval"
    return "no" if measure.excludes(expected) else "yes"


def cell_text(measure: Measure | None) -> str:
    """Return a measure as a cell of a table; a dash where there is none."""
    return "\N{EN DASH}" if measure is None else measure_text(measure)
