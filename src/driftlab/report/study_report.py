"""The report about a study: its question, what its conditions show, and how they differ.

The first condition is the one that the others are compared with.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from driftlab import __version__
from driftlab.analysis.metrics import SLOW_SHARE, is_rate_missed, pace
from driftlab.analysis.over_runs import size_of_all
from driftlab.errors import counted
from driftlab.journal.format import COMPLETE
from driftlab.lazy import pl
from driftlab.report import findings
from driftlab.report.differences import (
    chance,
    differ,
    differences_table,
    identical,
    means_table,
    not_shown,
)
from driftlab.report.document import Document, Section, Table
from driftlab.report.findings import ANOTHER, SPOILED, Finding
from driftlab.report.measures import label_of, rank_names
from driftlab.report.pictures import pictures_of_frame
from driftlab.report.sweep_report import Sweep, report_on_cells
from driftlab.report.wording import joined, number, percent
from driftlab.scenario.scenario import Scenario
from driftlab.study.differences import Difference, means_of
from driftlab.study.published import summaries_of
from driftlab.study.study import StudyResult
from driftlab.theory.formulas import DieProbabilities, classify, inflow


def report_on_study(result: StudyResult) -> Document:
    """Return the report about what a study found."""
    scenarios, frame = result.scenarios, result.frame
    sections = [*(_condition_sections(result) if frame.height else []), *_published(result)]
    grid = None if result.sweep is None or not result.sweep.height else report_on_cells(
        Sweep(f"grid of {result.study.name}", result.study.base, result.sweep, result.version)
    )  # fmt: skip
    if grid is not None:
        sections += [Section("The grid", introduction=grid.introduction), *grid.sections]
    pictures = pictures_of_frame(frame, None, COMPARED) if frame.height else None
    first = next(
        iter(scenarios.values()), None if result.published is not None else result.study.base
    )
    return Document(
        title=f"Lab report: {result.study.name}",
        introduction=result.study.question,
        warnings=[
            *_narrow(result),
            *_spoiled(result),
            *_broken(frame),
            *([] if grid is None else grid.warnings),
        ],
        sections=[section for section in sections if not section.is_empty],
        origin=_origin(result),
        scenario=None if first is None else first.to_toml(),
        figures_absent=[
            *([] if pictures is None else pictures.absent),
            *([] if grid is None else grid.figures_absent),
        ],
    )


COMPARED: Final = ("comparison",)  # figures of conditions
KINDS: Final = ("internal", "send", "receive")  # of events


def _condition_sections(result: StudyResult) -> list[Section]:
    scenarios, frame, differences = result.scenarios, result.frame, result.differences
    baseline, *others = scenarios
    ranks = rank_names(
        max(each.size for each in scenarios.values()), size_of_all(frame, "condition")
    )
    pictures = pictures_of_frame(frame, None, COMPARED, result.study.compare)
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
    means = {
        (each.metric, each.rank): each.estimate.value
        for each in means_of(frame, result.study.compare)
        if each.condition == baseline
    }
    for name in others:
        found = [each for each in differences if each.condition == name]
        pairs = f"paired by run, {counted(found[0].pairs, 'pair')}" if found else "no run in common"
        sections.append(
            Section(
                f"{name} compared with {baseline}",
                _told(found, ranks, means),
                introduction=f"In brackets 95 % intervals, {pairs}.",
            )
        )
    table = differences_table(differences, ranks)
    sure = chance(differences)
    sections.append(
        Section(
            "All differences",
            [] if sure is None else [sure],
            tables=[] if table is None else [table],
            questions=_questions(differences, others),
        )
    )
    return sections


def _published(result: StudyResult) -> list[Section]:
    """Return what became of the runs that others published, if the study asks for them."""
    frame = result.published
    if frame is None:
        return []
    summaries = summaries_of(frame)
    outside = [each for each in summaries if each.outside]
    kept = [each for each in outside if each.at_achieved]
    stated = [
        Finding(
            "published-outside",
            each.sentence(result.narrow_ranges)
            + _once_achieved(each.achieved_rates, each.at_achieved),
        )
        for each in outside
    ]
    inside = len(summaries) - len(outside)
    lie, their = ("lies", "its") if inside == 1 else ("lie", "their")
    total = Finding(
        "published",
        f"{inside} of {counted(len(summaries), 'published row')} {lie} inside the range of "
        f"{their} scenario. {_inside_once_achieved(len(outside), len(kept))}".rstrip(),
    )
    heads = ("run", "figure", "machine", "published", "99 % range", "range at rates achieved")
    rows = tuple(
        (
            f"{each['source'].partition('/')[0]}, {each['rates']}, {each['die']}",
            each["figure"], str(each["machine"] + 1), number(each["value"]),
            _range(each["low"], each["high"], each["inside"]),
            _range(each["low_achieved"], each["high_achieved"], each["inside_achieved"]),
        )
        for each in frame.iter_rows(named=True)
    )  # fmt: skip
    runs = counted(result.study.simulated_runs, "run")
    return [
        Section(
            "Runs that others published",
            [total, *stated],
            tables=[Table("published", "Published figures beside simulated ranges", heads, rows,
                          frame)],
            questions=[
                "A figure inside its range proves little, and one outside says that the run was "
                "another experiment than its rates say. Which of your own figures would show that "
                "your machines were slow?"
            ],
            introduction=f"Each row was simulated in {runs}; all its figures together lie in their "
            "ranges with a probability of 99 %. The rates achieved are the last clock over the "
            "mean jump, in ticks. Machine 1 is the fastest.",
        )
    ]  # fmt: skip


def _inside_once_achieved(outside: int, inside: int) -> str:
    """Say how many rows that lie outside lie inside once simulated at the rates achieved."""
    if not outside:
        return ""
    rates = "simulated at the rates that were achieved."
    if outside == 1:
        return f"The other {'lies inside' if inside else 'lies outside'} once {rates}"
    return (
        f"Of the other {outside}, {inside} {'lies' if inside == 1 else 'lie'} inside once {rates}"
    )


def _once_achieved(rates: str | None, is_inside: bool | None) -> str:
    if rates is None or is_inside is None:
        return ""
    word = "inside" if is_inside else "outside still"
    return f" Simulated at the rates achieved, {rates}, it lies {word}."


def _range(low: float | None, high: float | None, is_inside: bool | None) -> str:
    if low is None or high is None:
        return "\N{EN DASH}"
    return f"{number(low)} to {number(high)}{'' if is_inside else ', outside'}"


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


def _told(
    differences: Sequence[Difference],
    ranks: Sequence[str],
    means: Mapping[tuple[str, int], float],
) -> list[Finding]:
    stated = differ(differences, ranks, means)
    others = identical(differences, ranks), not_shown(differences, ranks)
    rest = [one for one in others if one is not None]
    return [*stated, *rest]


def _questions(differences: Sequence[Difference], conditions: Sequence[str]) -> list[str]:
    """Ask about differences that were shown, each question once of all conditions."""
    unchanged = [
        name
        for name in conditions
        if (found := [each for each in differences if each.condition == name])
        and all(each.identical for each in found)
    ]
    shown = {each.metric for each in differences if each.is_shown}
    asked = []
    if "queue_last" in shown or "queue_max" in shown:
        asked.append(
            "Where a queue differs: is it because messages come at another rate, or because a "
            "machine takes them at another rate?"
        )
    if "jump_max" in shown:
        asked.append(
            "Where the jumps differ: is it because messages come more often, or because they are "
            "older when they are taken?"
        )
    if unchanged:
        asked.append(
            f"Why does {joined(unchanged)} change nothing here? What would it have to change?"
        )
    elif differences and not shown:
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
    die = DieProbabilities.of_scenario(scenario)
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


def _narrow(result: StudyResult) -> list[Finding]:
    """Say that published runs were held against ranges of too few runs."""
    line = result.narrow_ranges
    if line is None:
        return []
    return [Finding("ranges-narrow", f"{line}.", is_warning=True)]


def _spoiled(result: StudyResult) -> list[Finding]:
    """Say of which conditions real runs were late, or ran at other rates than asked."""
    if result.simulated:
        return []
    late: dict[str, int] = {}
    slow: dict[str, int] = {}
    is_spoiled, worst = False, 0.0
    for name in result.scenarios:
        rows = result.frame.filter(pl.col("condition") == name).to_dicts()
        ticks = [sum(row[f"events_{kind}"] or 0 for kind in KINDS) for row in rows]
        late[name] = sum(row["late_ticks"] or 0 for row in rows)
        is_spoiled = is_spoiled or late[name] >= SPOILED * max(sum(ticks), 1)
        pacing = [
            (row["rate"], row["achieved_rate"] or 0.0, count, row["late_ticks"])
            for row, count in zip(rows, ticks, strict=True)
        ]
        off = [abs(pace(*each) - 1) for each in pacing if is_rate_missed(*each)]
        slow[name], worst = len(off), max([worst, *off])
    found = []
    if total := sum(late.values()):
        found.append(
            Finding(
                "late",
                f"late: {counted(total, 'tick')}{_of_which(late)} began more than a period late; "
                f"lower --speed or the number of machines.{ANOTHER if is_spoiled else ''}",
                is_warning=True,
            )
        )
    if total := sum(slow.values()):
        found.append(
            Finding(
                "rate-missed",
                f"In {counted(total, 'case')}{_of_which(slow)} a machine did not keep its rate "
                f"within {percent(SLOW_SHARE)} %; the worst was {percent(worst)} % off.",
                is_warning=True,
            )
        )
    return found


def _of_which(counts: Mapping[str, int]) -> str:
    """Return of which conditions that many are, in brackets where there are several."""
    some = {name: count for name, count in counts.items() if count}
    if len(some) == 1:
        return f" of {next(iter(some))}"
    return f" ({joined([f'{count} of {name}' for name, count in some.items()])})"


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
