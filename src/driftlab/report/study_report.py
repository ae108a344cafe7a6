"""The report about a study: its question, what its conditions show, and how they differ.

The first condition is the one that the others are compared with.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from driftlab import __version__
from driftlab.analysis.metrics import SLOW_SHARE
from driftlab.errors import counted
from driftlab.journal.format import COMPLETE
from driftlab.lazy import pl
from driftlab.report import findings
from driftlab.report.differences import (
    chance,
    differences_table,
    differs,
    identical,
    means_table,
    not_shown,
)
from driftlab.report.document import Document, Section, Table
from driftlab.report.findings import SPOILED, Finding
from driftlab.report.measures import label_of, rank_names
from driftlab.report.pictures import pictures_of_frame
from driftlab.report.sweep_report import Sweep, report_on_cells
from driftlab.report.wording import joined, number, percent
from driftlab.scenario.scenario import Scenario
from driftlab.study.differences import Difference
from driftlab.study.study import StudyResult
from driftlab.theory.formulas import Die, classify, inflow

PAIRS_TOLD_MAX: Final = 60  # differences of one condition that sentences tell


def report_on_study(result: StudyResult) -> Document:
    """Return the report about what a study found."""
    scenarios, frame = result.scenarios, result.frame
    sections = _condition_sections(result) if frame.height else []
    grid = None if result.sweep is None or not result.sweep.height else report_on_cells(
        Sweep(f"grid of {result.study.name}", result.study.base, result.sweep, result.version)
    )  # fmt: skip
    if grid is not None:
        sections += [Section("The grid", introduction=grid.introduction), *grid.sections]
    pictures = pictures_of_frame(frame, None, COMPARED) if frame.height else None
    first = next(iter(scenarios.values()), result.study.base)
    return Document(
        title=f"Lab report: {result.study.name}",
        introduction=result.study.question,
        warnings=[*_spoiled(result), *_broken(frame), *([] if grid is None else grid.warnings)],
        sections=[section for section in sections if not section.is_empty],
        origin=_origin(result),
        scenario=first.to_toml(),
        figures_absent=[
            *([] if pictures is None else pictures.absent),
            *([] if grid is None else grid.figures_absent),
        ],
    )


COMPARED: Final = ("comparison",)  # figures of conditions


def _condition_sections(result: StudyResult) -> list[Section]:
    scenarios, frame, differences = result.scenarios, result.frame, result.differences
    baseline, *others = scenarios
    ranks = rank_names(max(each.size for each in scenarios.values()))
    pictures = pictures_of_frame(frame, None, COMPARED)
    by_theory = [_queues_by_theory(name, each, frame) for name, each in scenarios.items()]
    words = "; ".join(f"{name}: {text}" for name, text in describe_conditions(scenarios).items())
    sections = [
        Section(
            "The conditions",
            [each for each in by_theory if each is not None],
            pictures.named(*COMPARED),
            [means_table(frame, result.study.compare), *_clock_costs(result)],
            introduction=f"{words}. Runs of the same number are paired: they have the same random "
            "draws, so a difference is of the condition.",
        )
    ]
    for name in others:
        found = [each for each in differences if each.condition == name]
        sections.append(
            Section(
                f"{name} compared with {baseline}", _told(found, ranks), questions=_questions(found)
            )
        )
    table = differences_table(differences, ranks)
    sure = chance(differences)
    sections.append(
        Section(
            "All differences",
            [] if sure is None else [sure],
            tables=[] if table is None else [table],
        )
    )
    return sections


def _clock_costs(result: StudyResult) -> list[Table]:
    """Return what each clock costs and hides, if the study asks for it."""
    frame = result.tables.get("clocks")
    if frame is None:
        return []
    rows = tuple(tuple(map(_cell, row)) for row in frame.rows())
    heads = tuple(name.replace("_", " ") for name in frame.columns)
    return [Table("clocks", "What each clock costs and hides, in one run", heads, rows, frame)]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    return "" if value is None else str(value)


def _told(differences: Sequence[Difference], ranks: Sequence[str]) -> list[Finding]:
    told = [finding for each in differences if (finding := differs(each, ranks)) is not None]
    others = identical(differences, ranks), not_shown(differences, ranks)
    rest = [one for one in others if one is not None]
    return [*told[:PAIRS_TOLD_MAX], *rest]


def _questions(differences: Sequence[Difference]) -> list[str]:
    shown = {each.metric for each in differences if each.is_shown}
    asked = []
    if "queue_last" in shown or "queue_max" in shown:
        asked.append(
            "Is the queue different because messages come at another rate, or because a machine "
            "takes them at another rate?"
        )
    if "jump_max" in shown:
        asked.append(
            "Do the jumps differ because messages come more often, or because they are older when "
            "they are taken?"
        )
    if differences and all(each.identical for each in differences):
        return ["Why does this condition change nothing here? What would it have to change?"]
    if differences and not shown:
        asked.append("How many runs would it take to show a difference that you would care about?")
    return asked


def _queues_by_theory(name: str, scenario: Scenario, frame: "pl.DataFrame") -> Finding | None:
    """Say in how many runs of a condition which ranks have a queue that diverges by theory."""
    if scenario.process != "die" or scenario.topology != "mesh" or scenario.latency != "none":
        return None
    rates = (
        frame.filter(pl.col("condition") == name)
        .sort("run", "rank")
        .group_by("run", maintain_order=True)
        .agg("rate")["rate"]
        .to_list()
    )
    if not rates:
        return None
    die = (
        Die(2 / scenario.faces, 1 / scenario.faces)
        if scenario.faces is not None
        else Die(float(scenario.send_one or 0), float(scenario.send_all or 0))
    )
    names = rank_names(scenario.size)
    kinds = [
        [classify(inflow(run, die, place).load) for run in rates] for place in range(scenario.size)
    ]
    of = f"{len(rates)} runs" if len(rates) > 1 else "its one run"

    def listed(kind: str) -> str:
        counts = {name: each.count(kind) for name, each in zip(names, kinds, strict=True)}
        return joined(
            [f"{label_of(n, is_rank=True)}'s in {count}" for n, count in counts.items() if count]
        )

    diverging, critical = listed("diverges"), listed("critical")
    text = (
        f"{name}: by theory a queue diverges, {diverging} of {of}"
        if diverging
        else f"{name}: by theory no queue diverges in any of {of}"
    )
    more = f"; within 10 % of the boundary is {critical}" if critical else ""
    return Finding("queues-by-theory", f"{text}{more}.")


def _spoiled(result: StudyResult) -> list[Finding]:
    """Say which conditions' real runs were late, or ran at other rates than asked."""
    found = []
    for name in result.scenarios:
        frame = result.frame.filter(pl.col("condition") == name)
        late = int(frame["late_ticks"].fill_null(0).sum())
        if late:
            ticks = int(frame.select(pl.sum_horizontal("^events_.*$").sum()).item())
            another = (
                " These are figures of another experiment than the one that was asked for."
                if late >= SPOILED * ticks
                else ""
            )
            found.append(
                Finding(
                    "late",
                    f"late: {counted(late, 'tick')} of {name} ({percent(late / max(ticks, 1))} % "
                    "of them) began more than a period late; lower --speed or the number of "
                    f"machines.{another}",
                    is_warning=True,
                )
            )
        known = frame.filter((pl.col("rate") > 0) & pl.col("achieved_rate").is_not_null())
        off = ((known["achieved_rate"] / known["rate"]) - 1).abs()
        slow = int((off > SLOW_SHARE).sum()) if len(off) and not result.simulated else 0
        worst = off.max() if slow else 0.0
        assert isinstance(worst, float)
        if slow:
            found.append(
                Finding(
                    "rate-missed",
                    f"{name}: in {slow} of {len(known)} cases a machine did not keep its rate "
                    f"within {percent(SLOW_SHARE)} %; the worst was "
                    f"{percent(worst)} % off.",
                    is_warning=True,
                )
            )
    return found


def _broken(frame: "pl.DataFrame") -> list[Finding]:
    stopped = frame.filter(pl.col("end") != COMPLETE)
    return findings.ends(
        [
            (f"{row['name']} ({row['condition']}, run {row['run']})", row["end"])
            for row in stopped.iter_rows(named=True)
        ]
    )


def describe_conditions(scenarios: Mapping[str, Scenario]) -> dict[str, str]:
    """Return what is particular to each condition: of the first the rates and the die."""
    (first, base), *_ = scenarios.items()
    words = {first: _keys(base, ("rates", "faces", "send_one", "send_all", "seconds", "phase"))}
    plain = _plain(base)
    for name, scenario in scenarios.items():
        if name != first:
            changed = [key for key, value in _plain(scenario).items() if plain.get(key) != value]
            words[name] = _keys(scenario, changed) or "the same"
    return words


def _plain(scenario: Scenario) -> dict[str, str]:
    left_out = ("runs", "first_run", "seed")
    return {key: _text(value) for key, value in scenario.to_dict().items() if key not in left_out}


def _keys(scenario: Scenario, keys: Sequence[str]) -> str:
    plain = _plain(scenario)
    return ", ".join(f"{key.replace('_', ' ')} {plain[key]}" for key in keys if key in plain)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return "/".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _origin(result: StudyResult) -> list[tuple[str, str]]:
    runs = result.frame.n_unique(["condition", "run"]) if result.frame.height else 0
    kind = "simulated run" if result.simulated else "run of real machines"
    plural = "simulated runs" if result.simulated else "runs of real machines"
    conditions = counted(len(result.scenarios), "condition")
    return [
        ("Study", result.study.name),
        ("Runs", f"{counted(runs, kind, plural)}, {conditions}"),
        ("Run by", f"driftlab {result.version}"),
        ("Made by", f"driftlab {__version__}"),
    ]
