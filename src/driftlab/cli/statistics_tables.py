"""Tables of statistics: of the machines of a run, of its distributions, and over runs."""

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import TYPE_CHECKING, Any, Final

from driftlab.analysis.distribution import SHARES
from driftlab.analysis.over_runs import over_runs, whole_runs
from driftlab.cli.output import MACHINES_LISTED_MAX, four_digits, milliseconds, table, wrapped
from driftlab.errors import counted

if TYPE_CHECKING:
    import polars as pl

    from driftlab.analysis.over_runs import By

SUMMARY_MACHINES_MAX: Final = 10  # of a summary over runs
DIGITS_MAX: Final = 4  # after the point
PAIRS_LISTED_MAX: Final = 45  # of machines that drift apart
# The figures of a summary over runs: what each is called, and its digits.
SUMMARY_FIGURES: Final = {
    "rate": ("rate drawn", 2),
    "achieved_rate": ("rate achieved", 3),
    "utilisation": ("share of receives", 3),
    "clock": ("last clock", 1),
    "drift": ("drift at the end", 1),
    "jump_max": ("largest jump", 1),
    "queue_max": ("longest queue", 1),
    "queue_last": ("last queue", 1),
    "queue_per_second": ("queue grows, /s", 3),
    "late_ticks": ("late ticks", 1),
}
_NEEDED: Final = ("run", "name", "rank", "end", "events_internal", "events_send", "events_receive")
Row = Mapping[str, Any]


def cells_of(row: Row) -> list[str]:
    """Return the cells of a machine for `output.run_table`, `-` for what is not known."""
    kinds = [row[f"events_{kind}"] for kind in ("internal", "send", "receive")]
    late = [row[f"lateness_us_{name}"] for name in ("p50", "p99", "max")]
    return [
        row["name"],
        _text(row["rate"], "g"),
        "-" if row["achieved_rate"] is None else four_digits(row["achieved_rate"]),
        "/".join(map(str, kinds)) if None not in kinds else "-",
        _text(row["clock"]),
        f"{_text(row['jump_mean'], '.2f')}/{_text(row['jump_max'])}",
        f"{_text(row['queue_max'])}/{_text(row['queue_last'])}",
        _text(row["drift"]),
        "/".join(map(milliseconds, late)) if None not in late else "-",
    ]


def _text(value: float | None, form: str = "") -> str:
    return "-" if value is None else format(value, form)


def growth_table(rows: Sequence[Row]) -> str:
    """Return how busy each machine was, and what grew how fast, with intervals."""
    heads = (
        "machine", "share of\nreceives", "clock, a second\nwith 95 % interval",
        "queue grows, a second\nwith 95 % interval",
    )  # fmt: skip
    return table(heads, [
        [
            row["name"],
            _text(row["utilisation"], ".3f"),
            _estimate(row, "clock_per_second"),
            _estimate(row, "queue_per_second"),
        ]
        for row in rows[:MACHINES_LISTED_MAX]
    ])  # fmt: skip


def _estimate(row: Row, name: str) -> str:
    value, low, high = (row[f"{name}{part}"] for part in ("", "_low", "_high"))
    if value is None:
        return "-"
    interval = "" if low is None else f"  {_signless(low)} to {_signless(high)}"
    return f"{_signless(value)}{interval}"


def _signless(value: float, digits: int = 3) -> str:
    """Return a number to some digits after the point, without a sign if these are zero."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def distribution_table(rows: Sequence[Row]) -> str:
    """Return the distributions of jumps, queues and lateness of each machine; empty if none."""
    titles = {"jump": "jump", "queue": "queue", "lateness_us": "late, ms"}
    heads = (
        "",
        "machine",
        "mean",
        "sd",
        *(f"{share * 100:.0f} %" for share in SHARES.values()),
        "max",
    )
    body: list[list[str]] = []
    for figure, title in titles.items():
        known = [row for row in rows[:MACHINES_LISTED_MAX] if row[f"{figure}_max"] is not None]
        show = milliseconds if figure == "lateness_us" else str
        body += [[]] if body and known else []
        body += [
            [
                title,
                row["name"],
                _text(row.get(f"{figure}_mean"), ".2f"),
                _text(row.get(f"{figure}_sd"), ".2f"),
                *(show(row[f"{figure}_{name}"]) for name in (*SHARES, "max")),
            ]
            for row in known
        ]
    return table(heads, body, left=2) if body else ""


def drift_table(slopes: "pl.DataFrame", rows: Sequence[Row]) -> str:
    """Return the drift of each pair of machines at the end, and its slope; empty if none."""
    clocks = {row["name"]: row["clock"] for row in rows}
    known = slopes.filter(slopes["drift_per_second"].is_not_null())[:PAIRS_LISTED_MAX]
    heads = (
        "drift of",
        "from",
        "last clock less\nthat of the other",
        "a second, with\n95 % interval",
    )
    body = [
        [
            row["machine"],
            row["reference"],
            str(clocks[row["machine"]] - clocks[row["reference"]]),
            _estimate(row, "drift_per_second"),
        ]
        for row in known.iter_rows(named=True)
    ]
    return table(heads, body, left=2) if body else ""


def print_over_runs(frame: "pl.DataFrame", by: "By") -> None:
    """Print the mean and the range of the figures of each machine over runs.

    frame: a row a run and machine, as `Runs.frame`; if no run is whole nothing is printed.
    by: what puts machines of different runs together.
    """
    shown, more = _machines_shown(whole_runs(frame), by)
    figures = [name for name in frame.columns if name in SUMMARY_FIGURES or name in _NEEDED]
    summary = over_runs(shown.select(figures), by)
    if summary.is_empty():
        return
    words = "by rank of speed, since rates are drawn" if by == "rank" else "by machine"
    print(f"over {counted(max(summary['runs']), 'run')}, {words}\n")
    heads = ("", "machine", "mean", "± of the mean\n(95 %)", "sd of\na run", "min", "max")
    body: list[list[str]] = []
    for figure, (title, digits) in SUMMARY_FIGURES.items():
        rows = summary.filter(figure=figure).to_dicts()
        if rows and _says_anything(figure, rows, summary, by):
            body += [[]] if body else []
            body += _summary_rows(title, digits, rows)
    print(table(heads, body, left=2))
    notes = [
        "largest jump, longest queue: mean is the mean of the runs' maxima, max the maximum of "
        "all runs"
    ]
    if more:
        notes.append(f"… and {counted(more, 'more machine')}; see --json")
    print("", *map(wrapped, notes), sep="\n")


def _machines_shown(frame: "pl.DataFrame", by: "By") -> "tuple[pl.DataFrame, int]":
    """Return the rows of the machines that a summary shows, and how many others there are."""
    machines = frame[by].unique(maintain_order=True)
    if by == "rank":
        machines = machines.sort()  # the last, the slowest, is always shown
        kept = [*machines[: SUMMARY_MACHINES_MAX - 1], *machines[-1:]]
    else:
        kept = machines[:SUMMARY_MACHINES_MAX].to_list()
    if len(machines) <= SUMMARY_MACHINES_MAX:
        return frame, 0
    return frame.filter(frame[by].is_in(kept)), len(machines) - len(kept)


def _says_anything(figure: str, rows: Sequence[Row], summary: "pl.DataFrame", by: "By") -> bool:
    """Whether a figure of some machines is worth its rows."""
    if figure == "late_ticks":
        return any(row["max"] for row in rows)
    if figure == "rate":
        return by == "rank"
    known = set(summary["figure"])
    is_as_drawn = by == "rank" and "rate" in known and "late_ticks" not in known
    return figure != "achieved_rate" or not is_as_drawn


def _summary_rows(title: str, digits: int, rows: Sequence[Row]) -> list[list[str]]:
    """Return the rows of a figure, with so many digits that no interval rounds to nothing."""
    halves = [
        None if row["mean_low"] is None else (row["mean_high"] - row["mean_low"]) / 2
        for row in rows
    ]
    needed = [-floor(log10(half)) for half in halves if half]
    fine = max(digits, min(DIGITS_MAX, max(needed, default=0)))
    return [
        [
            title,
            row["machine"],
            _signless(row["mean"], fine),
            _text(half, f".{fine}f"),
            _text(row["sd"], f".{digits}f"),
            _end(row["min"], digits),
            _end(row["max"], digits),
        ]
        for row, half in zip(rows, halves, strict=True)
    ]


def _end(value: float, digits: int) -> str:
    return _signless(value, 0 if digits < 2 else digits)
