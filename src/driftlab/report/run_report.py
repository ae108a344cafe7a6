"""The report about runs: of one scenario, or of several, each reported by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from driftlab import __version__
from driftlab.errors import counted, name_list
from driftlab.journal.format import COMPLETE
from driftlab.lazy import pl
from driftlab.report import findings
from driftlab.report.document import (
    Document,
    Section,
    Table,
    TableColumns,
    cell_text,
    measures_table,
    theory_table,
)
from driftlab.report.findings import Finding, find
from driftlab.report.measures import Measure, Subject
from driftlab.report.measuring import (
    MachineMeasures,
    expected_of,
    measures_of_run,
    subjects_of_runs,
    with_predictions,
)
from driftlab.report.pictures import Pictures, pictures_of_runs
from driftlab.report.sources import ReportedRun, ReportedRuns, read_groups
from driftlab.report.wording import number, rate_text
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange

JUDGED_MAX: Final = 20  # runs whose clocks are judged
RUNS_SHOWN_MAX: Final = 10  # in the table of single runs; its CSV file has all
RATES: Final = (
    ("ticks", "events"),
    ("rate", "rate asked, ticks/s"),
    ("achieved_rate", "rate achieved, ticks/s"),
    ("achieved_share", "achieved share of the rate"),
    ("lateness_us_p50", "median lateness, ms"),
    ("lateness_us_max", "largest lateness, ms"),
    ("late_ticks", "late ticks"),
    ("rate_missed", "runs off its rate"),
)
CLOCKS: Final = (
    ("clock", "last clock"),
    ("clock_per_second", "clock, ticks/s"),
    ("drift", "last drift"),
    ("drift_per_second", "drift, ticks/s"),
)
JUMPS: Final = (
    ("jump_mean", "mean jump"),
    ("jump_sd", "standard deviation"),
    ("jump_p95", "95 % quantile"),
    ("jump_max", "largest jump"),
)
QUEUES: Final = (
    ("queue_per_second", "growth, messages/s"),
    ("queue_mean", "mean queue"),
    ("queue_max", "largest queue"),
    ("queue_last", "last queue"),
    ("queue_grew", "runs in which it grew"),
)
EVENTS: Final = (
    ("events_internal", "internal"),
    ("events_send", "send"),
    ("events_receive", "receive"),
    ("utilisation", "share of receives"),
)
OF_A_RUN: Final = (
    ("rate", "rate asked, ticks/s"),
    ("achieved_rate", "rate achieved, ticks/s"),
    ("clock", "last clock"),
    ("drift_per_second", "drift, ticks/s"),
    ("jump_max", "largest jump"),
    ("queue_last", "last queue"),
    ("queue_per_second", "queue growth, messages/s"),
)
PREDICTED: Final = (
    ("clock_per_second", "clock, ticks/s"),
    ("drift_per_second", "drift, ticks/s"),
    ("queue_per_second", "queue growth, messages/s"),
    ("queue_last", "last queue"),
    ("utilisation", "share of receives"),
    ("jump_mean", "mean jump"),
    ("jump_max", "largest jump"),
)


@dataclass(frozen=True, slots=True)
class GroupReport:
    """The parts of a report about the runs of one scenario."""

    warnings: Sequence[Finding]
    sections: Sequence[Section]
    absent: Sequence[str] = field(default=())


def report_on_runs(*paths: str | Path, **options: Any) -> Document:
    """Return the report about all runs at some paths; the options are those of `driftlab.read`.

    Raises DriftlabError if there is no run that can be read.
    """
    names = [Path(path).name or str(path) for path in paths]
    return report_on_groups(read_groups(*paths, **options), name_list(names))


def report_on_groups(groups: Sequence[ReportedRuns], name: str) -> Document:
    """Return the report about groups of runs; name: of where they come from."""
    parts = [_group_report(group, number, len(groups)) for number, group in enumerate(groups, 1)]
    sections = [section for part in parts for section in part.sections]
    scenario = groups[0].scenario if len(groups) == 1 else None
    return Document(
        title=_title(groups),
        introduction=_introduction(groups),
        warnings=[one for part in parts for one in part.warnings],
        sections=sections,
        origin=_origin(name, groups),
        scenario=None if scenario is None else scenario.to_toml(),
        figures_absent=list(dict.fromkeys(one for part in parts for one in part.absent)),
    )


def _group_report(group: ReportedRuns, place: int, of: int) -> GroupReport:
    found = [measures_of_run(run.history.trace) for run in group.runs]
    measured = [machines for machines, _ in found]
    reasons = dict.fromkeys(reason for _, lines in found for reason in lines)
    averaged = set(map(id, group.averaged))
    stated = [each for each, run in zip(measured, group.runs, strict=True) if id(run) in averaged]
    numbers = [run.scenario.first_run for run in group.averaged if run.scenario is not None]
    expected, no_theory = expected_of(group.scenario, numbers)
    subjects = with_predictions(subjects_of_runs(stated), expected)
    prefix = f"scenario-{place}-" if of > 1 else ""
    pictures = pictures_of_runs(group, prefix)
    warnings = _warnings(group, subjects)
    absent = _each_once([*reasons, *pictures.absent, *([] if no_theory is None else [no_theory])])
    sections = [
        section
        for section in _sections(subjects, group, measured, pictures, prefix)
        if not section.is_empty
    ]
    if of > 1:
        heading = f"Scenario {place}: {describe(group.scenario, len(group.runs))}"
        sections = [Section(heading, level=2, introduction=_names(group)), *_deeper(sections)]
    return GroupReport(warnings, sections, absent)


def _each_once(reasons: Sequence[str]) -> list[str]:
    """Return reasons, `what, what: why`, without those that earlier ones give already."""
    kept: list[str] = []
    said: list[str] = []
    for reason in reasons:
        names = reason.partition(":")[0].split(", ")
        if not all(any(name.startswith(one) for one in said) for name in names):
            kept.append(reason)
        said += names
    return kept


def _deeper(sections: Sequence[Section]) -> list[Section]:
    return [
        Section(
            one.heading, one.findings, one.figures, one.tables, one.questions, one.introduction, 3
        )
        for one in sections
    ]


def _warnings(group: ReportedRuns, subjects: Sequence[Subject]) -> list[Finding]:
    stopped = [
        (f"{name} (run {run.name})" if len(group.runs) > 1 else name, how)
        for run in group.runs
        for name, how in run.ends.items()
        if how != COMPLETE
    ]
    unread = sum(one.lines for run in group.runs for one in run.history.trace.unread)
    left_out = findings.left_out(len(group.runs) - len(group.averaged), len(group.runs))
    return [
        *([] if (late := findings.late(subjects)) is None else [late]),
        *findings.ends(stopped),
        *([] if left_out is None else [left_out]),
        *find(findings.WARNINGS, subjects),
        *([] if (line := findings.unread(unread)) is None else [line]),
    ]


def _sections(
    subjects: Sequence[Subject],
    group: ReportedRuns,
    measured: Sequence[Sequence[MachineMeasures]],
    pictures: Pictures,
    prefix: str,
) -> list[Section]:
    first = "rank" if subjects[0].is_rank else "machine"

    def table(name: str, title: str, columns: TableColumns) -> list[Table]:
        made = measures_table(prefix + name, title, first, subjects, columns)
        return [] if made is None else [made]

    theory = theory_table(prefix + "theory", subjects, PREDICTED)
    rates = find(findings.PACING, subjects, findings.rates_kept, findings.lateness)
    return [
        Section(
            "What was run",
            tables=_runs_table(group, measured, prefix),
            introduction=what_was_run(group.scenario, simulated=group.is_simulated),
        ),
        Section("What the judge says", _judged(group.runs)),
        Section(
            "Rates",
            rates,
            pictures.named("lateness"),
            table("rates", "Rates and lateness", RATES),
            questions_about_rates(subjects),
        ),
        Section(
            "Drift",
            find(findings.DRIFT, subjects),
            pictures.named("clock", "drift", "drift-real"),
            table("clocks", "Clocks and drift", CLOCKS),
            questions_about_drift(subjects),
        ),
        Section(
            "Jumps",
            find(findings.JUMPS, subjects, findings.mean_jumps),
            pictures.named("jumps", "jump-histogram"),
            table("jumps", "Jumps of the clocks", JUMPS),
            questions_about_jumps(subjects),
        ),
        Section(
            "Queues",
            find(findings.QUEUES, subjects, findings.empty_queues, findings.queues_diverged),
            pictures.named("queue"),
            table("queues", "Messages that wait", QUEUES),
            questions_about_queues(subjects),
        ),
        Section(
            "What the ticks were used for",
            find(_finders_of_events(group.scenario), subjects),
            pictures.named("events"),
            table("events", "Events by kind", EVENTS),
        ),
        Section(
            "Beside theory",
            figures=pictures.named("prediction"),
            tables=[] if theory is None else [theory],
            questions=questions_about_theory(subjects),
        ),
    ]


def _finders_of_events(scenario: Scenario | None) -> Sequence[findings.Finder]:
    """Return what is said of events: only a machine that rolls the die has events of choice."""
    rolls = scenario is not None and scenario.process == "die"
    return findings.EVENTS_OF_DIE if rolls else findings.EVENTS


def _judged(runs: Sequence[ReportedRun]) -> list[Finding]:
    """Judge the clocks of the runs, of many those of the first."""
    verdicts = [run.check() for run in runs[:JUDGED_MAX]]
    violated = {name for verdict in verdicts for name, count in verdict.counts.items() if count}
    judged: dict[str, int] = {}
    for verdict in verdicts:
        for name, count in verdict.judged_counts.items():
            judged[name] = judged.get(name, 0) + count
    finding = findings.verdict(judged, sorted(violated))
    return [] if finding is None else [finding]


def _runs_table(
    group: ReportedRuns, measured: Sequence[Sequence[MachineMeasures]], prefix: str
) -> list[Table]:
    """Return the table of the single runs, a row a machine, if there are several."""
    if len(group.runs) < 2:
        return []
    rows = [
        (run, machine) for run, each in zip(group.runs, measured, strict=True) for machine in each
    ]
    keys = [key for key, _ in OF_A_RUN if any(key in machine.values for _, machine in rows)]
    heads = dict(OF_A_RUN)
    cells = [
        [None if (one := machine.values.get(key)) is None else Measure(*one) for key in keys]
        for _, machine in rows
    ]
    columns: dict[str, list[object]] = {
        "run": [run.name for run, _ in rows],
        "machine": [machine.name for _, machine in rows],
    }
    for place, key in enumerate(keys):
        of_key = [row[place] for row in cells]
        columns[key] = [None if one is None else one.value for one in of_key]
        if any(one is not None and one.has_interval for one in of_key):
            columns[f"{key}_low"] = [None if one is None else one.low for one in of_key]
            columns[f"{key}_high"] = [None if one is None else one.high for one in of_key]
    shown = len(group.runs[0].history.names) * RUNS_SHOWN_MAX
    printed = tuple(
        (run.name, machine.name, *map(cell_text, row))
        for (run, machine), row in zip(rows[:shown], cells[:shown], strict=True)
    )
    title = "The single runs" + (
        f", the first {RUNS_SHOWN_MAX} of {len(group.runs)}" if len(rows) > shown else ""
    )
    return [
        Table(
            f"{prefix}runs", title, ("run", "machine", *(heads[key] for key in keys)), printed,
            pl.DataFrame(columns, strict=False),
        )
    ]  # fmt: skip


# Questions: where the reader must think for herself.


def questions_about_rates(subjects: Sequence[Subject]) -> list[str]:
    """Ask about pacing where a machine did not keep its rate."""
    if findings.find((findings.rate_missed,), subjects, findings.late):
        return [
            "How must a program wait for its next tick so that the time of its work does not add "
            "to the period?"
        ]
    return []


def questions_about_drift(subjects: Sequence[Subject]) -> list[str]:
    """Ask about drift that was shown, or about clocks that keep up."""
    kinds = {one.kind for one in find((findings.drift,), subjects)}
    asked = []
    if "drift" in kinds:
        asked.append(
            "A message carries the sender's clock to the receiver. Why do messages not keep every "
            "clock up here, and what would the drift be after ten minutes?"
        )
    if "drift-not-shown" in kinds:
        asked.append(
            "Which messages keep a slower machine's clock up with a faster one's, although it "
            "takes fewer ticks?"
        )
    return asked


def questions_about_jumps(subjects: Sequence[Subject]) -> list[str]:
    """Ask about jumps where there are any."""
    if any(one.kind == "jumps" for one in find((findings.jumps,), subjects)):
        return [
            "Which machine jumps furthest, and is it for want of messages or because its messages "
            "are old when it takes them?"
        ]
    return []


def questions_about_queues(subjects: Sequence[Subject]) -> list[str]:
    """Ask about a queue that grows, or about what would make one grow."""
    kinds = {one.kind for one in find((findings.queue_growth,), subjects)}
    if "queue-grows" in kinds:
        return [
            "Why would the mean of a growing queue over time not be a property of the system? "
            "Which change of one rate, or of the die, would stop the growth?"
        ]
    if "queue-not-shown-to-grow" in kinds:
        return ["How much slower must the slowest machine be before its queue grows without end?"]
    return []


def questions_about_theory(subjects: Sequence[Subject]) -> list[str]:
    """Ask about the comparison with theory where there is one."""
    if not any(each.predicted for each in subjects):
        return []
    if all(each.runs == 1 for each in subjects):
        return ["One run is one draw: which of these figures would you expect to see again?"]
    return ["Which differences from theory would remain with ten times as many runs?"]


# Words about the whole.


def describe(scenario: Scenario | None, runs: int) -> str:
    """Return a scenario in a few words."""
    if scenario is None:
        return "the log of another program"
    rates = scenario.rates
    drawn = isinstance(rates, RateRange)
    asked = (
        f"rates drawn from {rates}" if drawn
        else f"rates {', '.join(rate_text(rate) for rate in scenario.rates_of(scenario.first_run))}"
    )  # fmt: skip
    many = f", {runs} runs" if runs > 1 else ""
    return f"{counted(scenario.size, 'machine')}, {asked}, {number(scenario.seconds)} s{many}"


def what_was_run(scenario: Scenario | None, *, simulated: bool) -> str:
    """Return how the machines of a scenario work and were run; empty where nobody knows."""
    if scenario is None:
        return ""
    if simulated:
        how = "The machines were simulated: ticks begin exactly when they are due."
    else:
        speed = "" if scenario.speed == 1 else f", at {number(scenario.speed)} times real time"
        how = f"Each machine was a process of its own, connected to its peers over TCP{speed}."
    if scenario.process != "die":
        return f"{how} At every tick a machine ran one step of the process {scenario.process}."
    phases = (
        "at a random point of its first period" if scenario.phase == "random" else "at the start"
    )
    return (
        f"{how} At every tick a machine first took in what had arrived, then did one operation: "
        f"with messages in its queue it received the first of them; otherwise {_die(scenario)}. "
        f"Every operation was one event of its Lamport clock. Each machine's first tick was "
        f"{phases}."
    )


def _die(scenario: Scenario) -> str:
    if scenario.faces is not None and scenario.size == 3:
        return (
            f"it rolled a die of {scenario.faces} faces, of which two sent to one peer, one to "
            "both, and the others made an internal event"
        )
    if scenario.faces is not None:
        return (
            f"it rolled a die of {scenario.faces} faces, of which two sent to one peer, one to "
            "all, and the others made an internal event"
        )
    return (
        f"it sent to one peer with probability {scenario.send_one:g}, to all with probability "
        f"{scenario.send_all:g}, and otherwise made an internal event"
    )


def _title(groups: Sequence[ReportedRuns]) -> str:
    if len(groups) > 1:
        return f"Lab report: runs of {len(groups)} scenarios"
    return f"Lab report: {describe(groups[0].scenario, len(groups[0].runs))}"


def _introduction(groups: Sequence[ReportedRuns]) -> str:
    runs = sum(len(group.runs) for group in groups)
    if len(groups) > 1:
        return (
            f"{counted(runs, 'run')} of {len(groups)} scenarios, each scenario reported by itself: "
            "runs of different scenarios are never averaged together."
        )
    if runs == 1:
        return (
            "One run. An interval here is of a growth within this run; of what another run would "
            "show, one run says nothing."
        )
    scenario = groups[0].scenario
    drawn = (
        " Rates were drawn for every run: machines are reported by rank of speed, and an interval "
        "includes what differs because the rates do."
        if scenario is not None and isinstance(scenario.rates, RateRange)
        else ""
    )
    return (
        f"{runs} runs of one scenario. Figures are means over runs with 95 % intervals, unless "
        f"they are called otherwise.{drawn}"
    )


def _names(group: ReportedRuns) -> str:
    return f"Runs: {name_list([run.name for run in group.runs])}."


def _origin(name: str, groups: Sequence[ReportedRuns]) -> list[tuple[str, str]]:
    events = sum(len(run.history) for group in groups for run in group.runs)
    rows = [
        ("Data", name),
        ("Events", str(events)),
        ("Made by", f"driftlab {__version__}"),
    ]
    assumed = [line for group in groups for run in group.runs for line in run.history.assumed]
    if assumed:
        rows.append(("Assumed to read the logs", "; ".join(dict.fromkeys(assumed))))
    return rows
