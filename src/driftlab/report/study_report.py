"""The report about a study: its question, what its conditions show, and how they differ.

The first condition is the one that the others are compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from driftlab import __version__
from driftlab.errors import counted
from driftlab.journal.format import COMPLETE
from driftlab.lazy import pl
from driftlab.report import findings
from driftlab.report.differences import (
    Difference,
    chance,
    differences_of,
    differences_table,
    differs,
    identical,
    means_table,
    not_shown,
)
from driftlab.report.document import Document, Section
from driftlab.report.findings import RATE_TOLERANCE, SPOILED, Finding
from driftlab.report.measures import label_of, rank_names
from driftlab.report.pictures import pictures_of_frame
from driftlab.report.wording import percent
from driftlab.scenario.scenario import Scenario
from driftlab.theory.formulas import Die, classify, inflow

PAIRS_TOLD_MAX: Final = 60  # differences of one condition that sentences tell


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a study found.

    name, question: of the study. scenarios: of every condition by its name, the first one
    that with which the others are compared. frame: a row a condition, run and machine,
    with the columns of `Runs.frame`. simulated: whether nothing could be late.
    """

    name: str
    question: str
    scenarios: Mapping[str, Scenario]
    frame: "pl.DataFrame"
    simulated: bool


def report_on_conditions(study: Conditions) -> Document:
    """Return the report about a study."""
    baseline, *others = study.scenarios
    pictures = pictures_of_frame(study.frame, None)
    differences = differences_of(study.frame, baseline, others)
    by_condition = {name: [d for d in differences if d.condition == name] for name in others}
    table = differences_table(differences)
    overview = [
        finding
        for name, scenario in study.scenarios.items()
        for finding in (_queues_by_theory(name, scenario, study.frame),)
        if finding is not None
    ]
    sections = [
        Section(
            "The conditions",
            overview,
            pictures.named("comparison", "prediction", "phase"),
            [means_table(study.frame, dict.fromkeys(study.scenarios, ""))],
            introduction="; ".join(
                f"{name}: {words}" for name, words in describe_conditions(study.scenarios).items()
            )
            + ". Runs of the same number are paired: they have the same random draws.",
        ),
        *(
            Section(
                f"{name} compared with {baseline}", _told(found), questions=_questions(found)
            )
            for name, found in by_condition.items()
        ),
        Section("All differences", tables=[] if table is None else [table]),
    ]  # fmt: skip
    known = [each for each in [chance(differences)] if each is not None]
    return Document(
        title=f"Lab report: {study.name}",
        introduction=study.question,
        warnings=[*_spoiled(study), *_broken(study.frame)],
        sections=[
            *(one for one in sections if not one.is_empty),
            *([Section("How sure this is", known)] if known else []),
        ],
        origin=_origin(study),
        scenario=study.scenarios[baseline].to_toml(),
        figures_absent=pictures.absent,
    )


def _told(differences: Sequence[Difference]) -> list[Finding]:
    told = [finding for each in differences if (finding := differs(each)) is not None]
    rest = [one for one in (identical(differences), not_shown(differences)) if one is not None]
    return [*told[:PAIRS_TOLD_MAX], *rest]


def _questions(differences: Sequence[Difference]) -> list[str]:
    shown = {each.column for each in differences if each.is_shown}
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
    counts = [
        sum(classify(inflow(run, die, place).load) == "diverges" for run in rates)
        for place in range(scenario.size)
    ]
    listed = [
        f"{label_of(names[place], is_rank=True)}'s in {count}"
        for place, count in enumerate(counts)
        if count
    ]
    of = f"{len(rates)} runs" if len(rates) > 1 else "its one run"
    if not listed:
        return Finding("queues-by-theory", f"{name}: by theory no queue diverges in any of {of}.")
    return Finding(
        "queues-by-theory", f"{name}: by theory a queue diverges, {', '.join(listed)} of {of}."
    )


def _spoiled(study: Conditions) -> list[Finding]:
    """Say which conditions' real runs were late, or ran at other rates than asked."""
    found = []
    for name in study.scenarios:
        frame = study.frame.filter(pl.col("condition") == name)
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
        slow = int((off > RATE_TOLERANCE).sum()) if len(off) and not study.simulated else 0
        worst = off.max() if slow else 0.0
        assert isinstance(worst, float)
        if slow:
            found.append(
                Finding(
                    "rate-missed",
                    f"{name}: in {slow} of {len(known)} cases a machine did not keep its rate "
                    f"within {percent(RATE_TOLERANCE)} %; the worst was "
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


def _origin(study: Conditions) -> list[tuple[str, str]]:
    runs = study.frame.select(pl.struct("condition", "run").n_unique()).item()
    kind = "simulated run" if study.simulated else "run of real machines"
    plural = "simulated runs" if study.simulated else "runs of real machines"
    return [
        ("Study", study.name),
        ("Runs", f"{counted(runs, kind, plural)}, {len(study.scenarios)} conditions"),
        ("Made by", f"driftlab {__version__}"),
    ]
