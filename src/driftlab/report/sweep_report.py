"""The report about a sweep: where queues diverge, beside where theory puts the boundary.

Measured, a queue counts as diverging if the interval of its mean last length lies above
the length that a queue exactly at the boundary has after the same time (which is
sqrt(2 V T/pi) - 1/2, see `theory/formulas.py`), as stable if it lies below, and is
undecided otherwise. Near the boundary and after a short time that cannot be otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any, Final

from driftlab import __version__
from driftlab.errors import counted
from driftlab.lazy import pl
from driftlab.report.document import Document, Section, Table
from driftlab.report.findings import Finding
from driftlab.report.measures import Measure
from driftlab.report.pictures import pictures_of_frame
from driftlab.report.wording import joined, measure_text, number
from driftlab.scenario.scenario import Scenario
from driftlab.theory.formulas import DieProbabilities, classify, inflow

ROWS_SHOWN_MAX: Final = 40  # of a table of cells; its CSV file has all
NAMED_MAX: Final = 8  # cells that a sentence names
SWEPT: Final = "over_"
FIGURES: Final = ("clock", "drift", "jump_max", "queue_last", "queue_max")
NOT_OF_THEORY: Final = {"process": "die", "topology": "mesh", "latency": "none"}


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that was read.

    name: of its file. base: the scenario that gives the fields that are not swept. frame:
    a row a cell and machine. version: of the driftlab that made it.
    """

    name: str
    base: Scenario
    frame: "pl.DataFrame"
    version: str

    @property
    def fields(self) -> list[str]:
        """The names of the swept fields."""
        return [name.removeprefix(SWEPT) for name in self.frame.columns if name.startswith(SWEPT)]


@dataclass(frozen=True, slots=True)
class QueueCell:
    """The queue of one machine of a cell, measured and by theory.

    die: what it is, in words. rates: of the cell, in the order of its machines. place: of
    the machine among them. machine: its name. rank: of its speed, 1 the fastest. load: by
    theory. kind: stable, critical, diverges. measured: diverges, stable or undecided.
    last: the mean last queue.
    """

    die: str
    boundary: float
    rates: tuple[float, ...]
    place: int
    machine: str
    rank: int
    load: float
    kind: str
    measured: str
    last: Measure

    @property
    def ratio(self) -> float:
        """The rates of the other machines together over its own."""
        return (sum(self.rates) - self.rates[self.place]) / self.rates[self.place]

    @property
    def is_slowest(self) -> bool:
        """Whether it is the slowest of its cell."""
        return self.rank == len(self.rates)

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        rates = ", ".join(map(number, self.rates))
        return f"{self.machine}, rate {number(self.rates[self.place])} of {rates} ({self.die})"


def report_on_cells(sweep: Sweep) -> Document:
    """Return the report about a sweep."""
    cells, no_theory = queue_cells(sweep)
    pictures = pictures_of_frame(sweep.frame, sweep.base, ("phase", "prediction"))
    sections = [
        Section(
            "Where queues diverge",
            [each for each in (agreement(cells), misfits(cells), undecided(cells)) if each],
            pictures.named("phase"),
            _tables(cells),
            _questions(cells),
        ),
        Section("At the boundary", boundaries(cells), tables=_boundary_table(cells)),
        Section("The cells", (), pictures.named("prediction"), [cells_table(sweep)]),
    ]
    runs = int(sweep.frame["runs"].max() or 0)  # type: ignore[arg-type]
    count = sweep.frame["cell"].n_unique()
    swept = joined(sweep.fields) if sweep.fields else "nothing"
    return Document(
        title=f"Lab report: a sweep over {swept}",
        introduction=(
            f"{counted(count, 'cell')}, each simulated {counted(runs, 'time')} for "
            f"{number(sweep.base.seconds)} s: figures are means over runs with 95 % intervals."
        ),
        warnings=_incomplete(sweep.frame),
        sections=[section for section in sections if not section.is_empty],
        origin=[
            ("Sweep", sweep.name),
            ("Simulated by", f"driftlab {sweep.version}"),
            ("Made by", f"driftlab {__version__}"),
        ],
        scenario=sweep.base.to_toml(),
        figures_absent=[*pictures.absent, *([] if no_theory is None else [no_theory])],
    )


# What theory says of each machine of each cell.


def queue_cells(sweep: Sweep) -> tuple[list[QueueCell], str | None]:
    """Return the queues of all machines that theory covers, and why not those of others."""
    cells: list[QueueCell] = []
    left_out = 0
    for rows in sweep.frame.sort("cell", maintain_order=True).partition_by(
        "cell", maintain_order=True
    ):
        plain = rows.to_dicts()
        keys = _keys(sweep, plain[0])
        if plain[0]["name"] is None or any(keys[key] != ok for key, ok in NOT_OF_THEORY.items()):
            left_out += 1
            continue
        cells += _of_cell(plain, keys)
    reason = (
        f"prediction: {counted(left_out, 'cell')} not covered by theory (rates drawn, or another "
        "process, topology or latency)"
    )
    return cells, reason if left_out else None


def _keys(sweep: Sweep, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scenario's keys of a cell that decide about its queues."""
    keys: dict[str, Any] = {
        key: getattr(sweep.base, key)
        for key in (*NOT_OF_THEORY, "faces", "send_one", "send_all", "seconds")
    }
    swept = {field: row[SWEPT + field] for field in sweep.fields}
    if "faces" in swept:
        keys |= {"send_one": None, "send_all": None}
    elif swept.keys() & {"send_one", "send_all"}:
        keys["faces"] = None
    return keys | {key: value for key, value in swept.items() if key in keys}


def _of_cell(rows: Sequence[Mapping[str, Any]], keys: Mapping[str, Any]) -> list[QueueCell]:
    rates = [float(row["rate"]) for row in rows]
    if keys["faces"] is not None:
        die, words = DieProbabilities.of_faces(keys["faces"]), f"{keys['faces']} faces"
    else:
        one, every = float(keys["send_one"] or 0), float(keys["send_all"] or 0)
        die, words = DieProbabilities(one, every), f"send one {number(one)}, all {number(every)}"
    q = die.to_peer(len(rates))
    boundary = (1 + (len(rates) - 2) * q) / q if q else float("inf")
    found = []
    for place, row in enumerate(rows):
        flow = inflow(rates, die, place)
        last = measure_of(row, "queue_last")
        at_boundary = sqrt(2 * flow.variance * float(keys["seconds"]) / pi) - 0.5
        measured = _measured(last, max(at_boundary, 0.0))
        found.append(
            QueueCell(
                words,
                boundary,
                tuple(rates),
                place,
                row["name"],
                row["rank"],
                flow.load,
                classify(flow.load),
                measured,
                last,
            )
        )
    return found


def measure_of(row: Mapping[str, Any], name: str) -> Measure:
    """Return a measure of a row of a sweep."""
    low, high, least, most = (
        row.get(name + suffix) for suffix in ("_ci95_low", "_ci95_high", "_min", "_max")
    )
    return Measure(float(row[name]), low, high, least, most)


def _measured(last: Measure, at_boundary: float) -> str:
    if last.low is None or last.high is None:
        return "undecided"
    if last.low > at_boundary:
        return "diverges"
    return "stable" if last.high < at_boundary or last.value == 0 else "undecided"


# Sentences.


def agreement(cells: Sequence[QueueCell]) -> Finding | None:
    """Say in how many cells measurement and theory agree on which queues diverge."""
    decided = [each for each in cells if "undecided" not in each.measured]
    clear = [each for each in decided if each.kind != "critical"]
    if not clear:
        return None
    agreeing = sum(each.kind == each.measured for each in clear)
    diverging = sum(each.measured == "diverges" for each in decided)
    return Finding(
        "boundary-agrees" if agreeing == len(clear) else "boundary-differs",
        f"{diverging} of {counted(len(decided), 'queue')} that could be decided diverge. Theory "
        f"agrees on {agreeing} of the {len(clear)} that it does not call critical.",
    )


def misfits(cells: Sequence[QueueCell]) -> Finding | None:
    """Name the queues on which theory and measurement disagree."""
    wrong = [
        each
        for each in cells
        if each.kind != "critical" and each.measured not in ("undecided", each.kind)
    ]
    if not wrong:
        return None
    listed = [f"{each.name}: theory {each.kind}, measured {each.measured}" for each in wrong]
    more = f"; and {len(wrong) - NAMED_MAX} more" if len(wrong) > NAMED_MAX else ""
    return Finding("misfits", f"They disagree on {'; '.join(listed[:NAMED_MAX])}{more}.")


def undecided(cells: Sequence[QueueCell]) -> Finding | None:
    """Say how many queues the runs do not decide."""
    count = sum(each.measured == "undecided" for each in cells)
    if not count:
        return None
    return Finding(
        "undecided",
        f"The runs do not decide {counted(count, 'queue')}: their intervals hold the length that a "
        "queue exactly at the boundary would have.",
    )


def boundaries(cells: Sequence[QueueCell]) -> list[Finding]:
    """Say of each die between which ratios of rates the boundary lies, beside the predicted one."""
    found = []
    for die in dict.fromkeys(each.die for each in cells):
        slowest = [each for each in cells if each.die == die and each.is_slowest]
        diverging = [each.ratio for each in slowest if each.measured == "diverges"]
        stable = [each.ratio for each in slowest if each.measured == "stable"]
        if not diverging or not stable:
            continue
        found.append(
            Finding(
                "boundary",
                f"{die}: the slowest machine's queue diverges from a ratio of the others' rates to "
                f"its own of {number(min(diverging), 2)} on, and is stable up to "
                f"{number(max(stable), 2)}. Theory puts the boundary at "
                f"{number(slowest[0].boundary, 2)}.",
            )
        )
    return found


def _questions(cells: Sequence[QueueCell]) -> list[str]:
    if not any(each.measured == "diverges" for each in cells):
        return []
    return [
        "Why is it the ratio of the rates that decides, and not their difference?",
        "Why does a queue within 10 % of the boundary look undecided after this time, and how much "
        "longer must a run be to decide it?",
    ]


def _incomplete(frame: "pl.DataFrame") -> list[Finding]:
    ended = int(frame.unique("cell")["runs_incomplete"].sum())
    if not ended:
        return []
    return [
        Finding(
            "incomplete",
            f"{counted(ended, 'run')} ended early: their figures are of what they did until then.",
            is_warning=True,
        )
    ]


# Tables.


def _tables(cells: Sequence[QueueCell]) -> list[Table]:
    if not cells:
        return []
    noted = [each for each in cells if each.kind == "critical" or each.kind != each.measured]
    rows = tuple(
        (
            each.die, ", ".join(map(number, each.rates)), each.machine,
            number(each.rates[each.place]),
            number(each.ratio, 2), number(each.boundary, 2), number(each.load, 2), each.kind,
            each.measured, measure_text(each.last),
        )
        for each in noted[:ROWS_SHOWN_MAX]
    )  # fmt: skip
    frame = pl.DataFrame(
        {
            "die": [each.die for each in cells],
            "rates": [",".join(map(number, each.rates)) for each in cells],
            "machine": [each.machine for each in cells],
            "rate": [each.rates[each.place] for each in cells],
            "ratio": [each.ratio for each in cells],
            "boundary": [each.boundary for each in cells],
            "load": [each.load for each in cells],
            "theory": [each.kind for each in cells],
            "measured": [each.measured for each in cells],
            "queue_last": [each.last.value for each in cells],
            "queue_last_low": [each.last.low for each in cells],
            "queue_last_high": [each.last.high for each in cells],
        },
        strict=False,
    )
    title = "Queues that are critical, undecided or otherwise than by theory" + _shown(
        len(rows), len(noted)
    )
    heads = (
        "die", "rates, in order", "machine", "rate", "ratio", "boundary", "load", "theory",
        "measured", "last queue",
    )  # fmt: skip
    return [Table("queues", title, heads, rows, frame)]


def _boundary_table(cells: Sequence[QueueCell]) -> list[Table]:
    """Return a row a die: how many queues diverge, and between which ratios the boundary lies."""
    made: list[dict[str, Any]] = []
    for die in dict.fromkeys(each.die for each in cells):
        of_die = [each for each in cells if each.die == die]
        slowest = [each for each in of_die if each.is_slowest]
        stable = [each.ratio for each in slowest if each.measured == "stable"]
        diverging = [each.ratio for each in slowest if each.measured == "diverges"]
        made.append(
            {
                "die": die,
                "queues": len(of_die),
                "diverge": sum(each.measured == "diverges" for each in of_die),
                "stable": sum(each.measured == "stable" for each in of_die),
                "undecided": sum(each.measured == "undecided" for each in of_die),
                "critical_by_theory": sum(each.kind == "critical" for each in of_die),
                "stable_up_to": max(stable, default=None),
                "diverges_from": min(diverging, default=None),
                "boundary": slowest[0].boundary,
            }
        )  # fmt: skip
    if not made:
        return []
    rows = tuple(
        tuple(
            value if isinstance(value, str)
            else "\N{EN DASH}" if value is None
            else number(value, 2 if isinstance(value, float) else 0)
            for value in each.values()
        )
        for each in made
    )  # fmt: skip
    heads = tuple(name.replace("_", " ") for name in made[0])
    title = "Queues by die; ratios are of the slowest machine"
    return [Table("boundary", title, heads, rows, pl.DataFrame(made, infer_schema_length=None))]


def cells_table(sweep: Sweep) -> Table:
    """Return the figures of every machine of every cell; what is printed are the first."""
    swept = [SWEPT + field for field in sweep.fields]
    shown = sweep.frame.head(ROWS_SHOWN_MAX).to_dicts()
    rows = tuple(
        (
            *(_text(row[name]) for name in swept), row["name"] or "", str(row["rank"]),
            *(measure_text(measure_of(row, name)) for name in FIGURES if row[name] is not None),
        )
        for row in shown
    )  # fmt: skip
    heads = (*sweep.fields, "machine", "rank", *(name.replace("_", " ") for name in FIGURES))
    title = "Means over runs" + _shown(len(rows), len(sweep.frame))
    return Table("cells", title, heads, rows, sweep.frame)


def _shown(shown: int, of: int) -> str:
    return f", the first {shown} of {of} rows" if shown < of else ""


def _text(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else str(value)
