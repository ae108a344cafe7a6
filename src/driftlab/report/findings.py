"""The sentences of a report about runs: each a function from a subject to a finding, or to None.

Invariant: a sentence is said only if its data are there, and says no more than they
support. What an interval does not exclude is said as not shown; of one run no interval
over runs is claimed, and a growth within a run says that its interval is of this run's
parts. A prediction stands beside a measurement and is never mixed into it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from driftlab.analysis.statistics import BLOCKS
from driftlab.errors import counted, name_list
from driftlab.report.measures import Measure, Subject
from driftlab.report.wording import (
    bounds_text,
    joined,
    measure_decimals,
    number,
    percent,
    rate_text,
    sentence,
    value_text,
)

SPOILED: Final = 0.01  # share of late ticks from which on a run is another experiment
ANOTHER: Final = " These are figures of another experiment than the one that was asked for."
EXACT: Final = 0.0005  # share of a rate below which two are equal
SATURATED: Final = 0.9  # share of receives from which on a machine does little else
EVENTS_MIN: Final = 10  # before such a share is worth a word
SUBJECTS_REPORTED_MAX: Final = 12  # machines that sentences name; tables have all


class Finding(NamedTuple):
    """Something that the data support.

    kind: which function found it. text: the sentence. is_warning: whether it limits
    what the other sentences of the report are worth.
    """

    kind: str
    text: str
    is_warning: bool = False


Finder = Callable[[Subject], Finding | None]


def interval(
    measure: Measure, runs: int, *, within_run: bool = False, of_what: str = "runs"
) -> str:
    """Return an interval in brackets with what it is of; empty where there is none.

    within_run: whether of one run the interval comes from its parts. of_what: what there
    are so many of, runs or pairs of them.
    """
    if not measure.has_interval or (runs == 1 and not within_run):
        return ""
    if measure.is_constant:
        return (
            f" (in each of {runs} {of_what})" if runs > 1 else f" (in each of {BLOCKS} parts of it)"
        )
    source = f"over {runs} {of_what}" if runs > 1 else f"from {BLOCKS} parts of this run"
    return f" (95 % interval {bounds_text(measure)}, {source})"


def mean_of(subject: Subject) -> str:
    """Return how a value is introduced: as a mean where it is one."""
    return "on average " if subject.runs > 1 else ""


# Rates and lateness.


def late(subjects: Sequence[Subject]) -> Finding | None:
    """Say that ticks began more than a period late, and what that means."""
    known = [
        (each, late_ticks.value, ticks.value * each.runs)
        for each in subjects
        if (late_ticks := each.get("late_ticks")) is not None
        and (ticks := each.get("ticks")) is not None
    ]
    some = [(each, count, of) for each, count, of in known if count >= 1]
    if not some:
        return None
    total = round(sum(count for _, count, _ in some))
    share = percent(total / max(sum(of for _, _, of in known), 1))
    if len(some) == 1:
        who = f" of {some[0][0].label}"
        share = f"{percent(total / max(some[0][2], 1))} % of them"
    elif len(some) > SUBJECTS_REPORTED_MAX:
        who, share = f" of {len(some)} machines", f"{share} % of all"
    else:
        listed = joined([f"{each.label} {round(count)}" for each, count, _ in some])
        who, share = "", f"{listed}; {share} % of all"
    where = f" in {subjects[0].runs} runs" if subjects[0].runs > 1 else ""
    is_spoiled = any(count >= SPOILED * of for _, count, of in some)
    return Finding(
        "late",
        f"late: {counted(total, 'tick')}{who}{where} ({share}) began more than a period late; "
        f"lower --speed or the number of machines.{ANOTHER if is_spoiled else ''}",
        is_warning=True,
    )


def rate_missed(subject: Subject) -> Finding | None:
    """Say that a machine did not keep the rate that was asked for, by more than SLOW_SHARE."""
    missed, share = subject.get("rate_missed"), subject.get("achieved_share")
    if missed is None or share is None or not missed.value:
        return None
    known = [one for one in (share.value, share.least, share.greatest) if one is not None]
    worst = max(known, key=lambda one: abs(one - 1))
    word = "slower" if worst < 1 else "faster"
    off = f"{percent(abs(worst - 1))} % {word} than asked"
    advice = (
        f"Its figures are those of a {word} machine: compare them with what theory expects of the "
        "rate that it achieved."
    )
    if subject.runs > 1:
        text = (
            f"in {number(missed.value)} of {subject.runs} runs {subject.label} missed its rate, at "
            f"most by running {off}. {advice}"
        )
        return Finding("rate-missed", text[0].upper() + text[1:], is_warning=True)
    rate, asked = subject.get("achieved_rate"), subject.rate
    got = (
        ""
        if rate is None or asked is None
        else f": {number(rate.value, 3)} ticks a second instead of {rate_text(asked)}"
    )
    text = sentence(f"{subject.label} ran {off}{got}. {advice}")
    return Finding("rate-missed", text, is_warning=True)


def rates_kept(subjects: Sequence[Subject]) -> Finding | None:
    """Say which machines kept their rates, and within how much."""
    kept = [
        (each, share)
        for each in subjects
        if (share := each.get("achieved_share")) is not None
        and (missed := each.get("rate_missed")) is not None
        and not missed.value
    ]
    if not kept:
        return None
    who = "Every machine" if len(kept) == len(subjects) else joined([s.label for s, _ in kept])
    off = max(abs(share.value - 1) for _, share in kept)
    within = (
        "no tick was missing"
        if off < EXACT
        else f"{mean_of(kept[0][0])}at most {percent(off)} % off"
    )
    verb = "kept its rate" if len(kept) in (1, len(subjects)) else "kept their rates"
    return Finding("rates-kept", sentence(f"{who} {verb}: {within}."))


def rate_unknown(subject: Subject) -> Finding | None:
    """Say what a machine's rate was where nobody knows what was asked."""
    rate = subject.get("achieved_rate")
    if rate is None or rate.value <= 0 or subject.get("achieved_share") is not None:
        return None
    return Finding(
        "rate-unknown",
        sentence(
            f"{subject.label} took {mean_of(subject)}{number(rate.value)} ticks a second by its "
            "own log; what was asked is not recorded."
        ),
    )


def lateness(subjects: Sequence[Subject]) -> Finding | None:
    """Say how late ticks began: the median of the latest machine, and the latest tick."""
    known = [
        (median.value, most.value if most.greatest is None else most.greatest, each)
        for each in subjects
        if (median := each.get("lateness_us_p50")) is not None
        and (most := each.get("lateness_us_max")) is not None
    ]
    if not known:
        return None
    median_us, _, who = max(known, key=lambda one: one[0])
    _, most_us, latest = max(known, key=lambda one: one[1])
    averaged = " (mean of the runs' medians)" if who.runs > 1 else ""
    return Finding(
        "lateness",
        f"Half the ticks of every machine began within {number(median_us / 1e3)} ms of their due "
        f"time{averaged}; the latest of all, a tick of {latest.label}, "
        f"{number(most_us / 1e3)} ms after.",
    )


# Clocks and drift.


def drift(subject: Subject) -> Finding | None:
    """Say whether a clock falls behind the reference, how fast, and what theory expects."""
    slope = subject.get("drift_per_second")
    if slope is None or subject.is_reference:
        return None
    other = subject.reference_label
    expected = subject.expected("drift_per_second")
    theory = _expected_drift(expected)
    if not slope.has_interval:
        return Finding(
            "drift-without-interval",
            sentence(
                f"{subject.label}'s clock changed by {number(slope.value)} a second against that "
                f"of {other}; there are too few events for an interval.{theory}"
            ),
        )
    about = interval(slope, subject.runs, within_run=True)
    if not slope.excludes(0):
        return Finding(
            "drift-not-shown",
            sentence(
                f"{subject.label}'s clock is not shown to drift from that of {other}: "
                f"{value_text(slope)} a second{about}.{theory}"
            ),
        )
    size = slope if slope.value > 0 else slope.negated()
    about = interval(size, subject.runs, within_run=True)
    direction = "gained on" if slope.value > 0 else "fell behind"
    return Finding(
        "drift",
        sentence(
            f"{subject.label}'s clock {direction} that of {other} by {value_text(size)} a "
            f"second{about}.{theory}"
        ),
    )


def _expected_drift(expected: float | None) -> str:
    if expected is None:
        return ""
    if round(expected, 2) == 0:
        return " Theory expects none in the long run."
    word = "ahead" if expected > 0 else "behind"
    return f" Theory expects it to get {number(abs(expected), 2)} a second {word}."


def last_drift(subject: Subject) -> Finding | None:
    """Say by how much two clocks differed at the end."""
    last = subject.get("drift")
    if last is None or subject.is_reference:
        return None
    if last.value == 0 and not last.has_interval:
        return Finding(
            "last-drift",
            sentence(f"{subject.label}'s last clock was that of {subject.reference_label}."),
        )
    size, word = (last, "above") if last.value > 0 else (last.negated(), "below")
    return Finding(
        "last-drift",
        sentence(
            f"{subject.label}'s last clock was {mean_of(subject)}{value_text(size)} {word} that of "
            f"{subject.reference_label}{interval(size, subject.runs)}."
        ),
    )


# Jumps.


def mean_jumps(subjects: Sequence[Subject]) -> Finding | None:
    """Say what mean jumps are: identities."""
    known = [(each, mean) for each in subjects if (mean := each.get("jump_mean")) is not None]
    if not known:
        return None
    listed = joined([f"{each.label} {number(mean.value, 2)}" for each, mean in known])
    if len(known) == 1:
        head, rest = f"The mean jump ({listed}) is an identity", "It says"
    else:
        head, rest = f"The mean jumps ({listed}) are identities", "They say"
    return Finding(
        "mean-jumps",
        f"{head}: the rise of a clock over the number of its events. {rest} nothing that clocks "
        "and rates do not; the spread and the largest jump do.",
    )


def jumps(subject: Subject) -> Finding | None:
    """Say what carries information: the spread of the jumps and the largest."""
    most, spread = subject.get("jump_max"), subject.get("jump_sd")
    if most is None:
        return None
    if (most.value if most.greatest is None else most.greatest) <= 1:
        return Finding(
            "no-jumps",
            sentence(
                f"{subject.label}'s clock never rose by more than 1 at once: nothing that it "
                "received was ahead of it."
            ),
        )
    deviation = (
        ""
        if spread is None
        else f"; the standard deviation of its jumps {mean_of(subject)}{number(spread.value, 2)}"
    )
    if subject.runs == 1:
        q95 = subject.get("jump_p95")
        usual = "" if q95 is None else f", 95 % of its jumps were at most {number(q95.value)}"
        text = f"largest jump of {subject.label} was {number(most.value)}{usual}{deviation}."
        return Finding("jumps", f"The {text}")
    largest = "" if most.greatest is None else (
        f"; the largest of all runs was {number(most.greatest)}"
    )  # fmt: skip
    return Finding(
        "jumps",
        f"The largest jump in a run of {subject.label} was on average {value_text(most)}"
        f"{interval(most, subject.runs)}{largest}{deviation}.",
    )


# Queues.


def is_always_empty(subject: Subject) -> bool:
    """Whether no message ever waited after an event."""
    most = subject.get("queue_max")
    if most is None:
        return False
    return (most.value if most.greatest is None else most.greatest) == 0


def never_grows(subject: Subject) -> bool:
    """Whether a queue did not grow in any run, or part of the one, and was empty at the end."""
    growth, last = subject.get("queue_per_second"), subject.get("queue_last")
    if growth is None or last is None or subject.predicted.get("queue") == "diverges":
        return False
    values = (growth.value, growth.low, growth.high, last.value, last.low, last.high)
    return not any(values)


def empty_queues(subjects: Sequence[Subject]) -> Finding | None:
    """Say which queues were always empty."""
    empty = [each for each in subjects if is_always_empty(each)]
    if not empty:
        return None
    if len(empty) == len(subjects) > 1:
        return Finding("queues-empty", "Every queue was empty after every event.")
    verb = "queue of {} was" if len(empty) == 1 else "queues of {} were"
    return Finding(
        "queues-empty",
        f"The {verb.format(joined([each.label for each in empty]))} empty after every event.",
    )


def queue_growth(subject: Subject) -> Finding | None:
    """Say whether a queue grows, how fast, and what theory expects."""
    growth = subject.get("queue_per_second")
    if growth is None or is_always_empty(subject) or never_grows(subject):
        return None
    theory = queue_theory(subject)
    about = interval(growth, subject.runs, within_run=True)
    if not growth.has_interval:
        return Finding(
            "queue-without-interval",
            sentence(
                f"{subject.label}'s queue changed by {number(growth.value)} messages a second; "
                f"there are too few events for an interval.{theory}"
            ),
        )
    if growth.exceeds(0):
        return Finding(
            "queue-grows",
            sentence(
                f"{subject.label}'s queue grew by {value_text(growth)} messages a second"
                f"{about}.{theory}"
            ),
        )
    return Finding(
        "queue-not-shown-to-grow",
        sentence(
            f"{subject.label}'s queue is not shown to grow: {value_text(growth)} messages a "
            f"second{about}.{theory}"
        ),
    )


def queue_theory(subject: Subject) -> str:
    """Return what theory expects of a queue, as a sentence that follows another; may be empty."""
    kind, rate = subject.predicted.get("queue"), subject.expected("queue_per_second")
    if kind == "diverges" and rate is not None:
        return f" Theory: it diverges, by {number(rate, 2)} a second in the long run."
    if kind == "critical":
        return " Theory: it is within 10 % of the boundary between stable and diverging."
    if kind == "stable":
        return " Theory: it is stable."
    return ""


def queue_surprise(subject: Subject) -> Finding | None:
    """Say that a queue did not do what theory expects of it."""
    growth, kind = subject.get("queue_per_second"), subject.predicted.get("queue")
    if growth is None or not growth.has_interval or kind not in ("stable", "diverges"):
        return None
    expected = subject.expected("queue_per_second") or 0.0
    if kind == "stable" and growth.exceeds(0):
        return Finding(
            "queue-surprise",
            sentence(
                f"{subject.label}'s queue grew although theory calls it stable: chance (1 interval "
                "in 20 misses), a start from an empty queue, or another experiment than asked."
            ),
        )
    if kind == "diverges" and growth.excludes(expected):
        return Finding(
            "queue-surprise",
            sentence(
                f"the interval of {subject.label}'s growth does not hold the {number(expected, 2)} "
                "a second of theory: chance (1 interval in 20 misses), the start, during which the "
                "queue is still short, or another rate than asked."
            ),
        )
    return None


def last_queue(subject: Subject) -> Finding | None:
    """Say how many messages waited at the end, and at most."""
    last, most = subject.get("queue_last"), subject.get("queue_max")
    if last is None or most is None or is_always_empty(subject):
        return None
    greatest = most.value if most.greatest is None else most.greatest
    expected = subject.expected("queue_last")
    theory = "" if expected is None else f" Theory expects {number(expected, 2)} at the end."
    of_all = " in any run" if subject.runs > 1 else ""
    if never_grows(subject):
        where = "at the end of every run" if subject.runs > 1 else "at the end"
        return Finding(
            "last-queue",
            f"The queue of {subject.label} was empty {where}, and at most {number(greatest)} "
            f"{'message' if greatest == 1 else 'messages'} waited.",
        )
    return Finding(
        "last-queue",
        f"At the end {value_text(last)} {_messages(last)} waited {mean_of(subject)}at "
        f"{subject.label}{interval(last, subject.runs)}; at most {number(greatest)} waited"
        f"{of_all}.{theory}",
    )


def _messages(measure: Measure) -> str:
    one = measure.value == 1 and measure_decimals(measure) is None
    return "message" if one else "messages"


def queues_diverged(subjects: Sequence[Subject]) -> Finding | None:
    """Say in how many runs the queue of each rank grew, where rates were drawn."""
    known = [
        (each, grew)
        for each in subjects
        if (grew := each.get("queue_grew")) is not None and each.is_rank
        and (grew.value or each.expected("queue_diverges_in"))
    ]  # fmt: skip
    if not known:
        return None
    listed = joined([f"that of {each.label} in {number(grew.value)}" for each, grew in known])
    expected = [each.expected("queue_diverges_in") for each, _ in known]
    numbers = [number(value) for value in expected if value is not None]
    theory = (
        f" By their rates theory has it diverge in {joined(numbers)}."
        if len(numbers) == len(expected)
        else ""
    )
    return Finding(
        "queues-diverged",
        f"Of {known[0][0].runs} runs the queue grew (the interval of its growth within the run "
        f"excludes 0), {listed}.{theory}",
    )


# Utilisation and kinds of events.


def utilisation(subject: Subject) -> Finding | None:
    """Say in which share of its events a machine received."""
    share, events = subject.get("utilisation"), subject.get("ticks")
    if share is None or (events is not None and events.value < 2):
        return None
    in_percent = Measure(*(None if one is None else 100 * one for one in share))  # type: ignore[arg-type]
    expected = subject.expected("utilisation")
    theory = "" if expected is None else f" Theory: {percent(expected)} %."
    value = value_text(in_percent) if share.has_interval else percent(share.value)
    return Finding(
        "utilisation",
        sentence(
            f"{subject.label} received in {mean_of(subject)}{value} % of its events"
            f"{interval(in_percent, subject.runs)}.{theory}"
        ),
    )


def saturated(subject: Subject) -> Finding | None:
    """Say that a machine that only receives sends nothing."""
    share, sends = subject.get("utilisation"), subject.get("events_send")
    events = subject.get("ticks")
    if share is None or sends is None or events is None:
        return None
    if share.value < SATURATED or events.value < EVENTS_MIN:
        return None
    return Finding(
        "saturated",
        f"That left {subject.label} few events of its own choice: {mean_of(subject)}"
        f"{value_text(sends)} {'was a send' if sends.value == 1 else 'were sends'}"
        f"{interval(sends, subject.runs)}.",
    )


def nothing_recorded(subject: Subject) -> Finding | None:
    """Say that a machine has no event, or one."""
    ticks = subject.get("ticks")
    if ticks is None or ticks.value >= 2 or subject.runs > 1:
        return None
    count = "no event" if ticks.value < 1 else "one event"
    return Finding(
        "nothing-recorded",
        sentence(f"{subject.label} has {count} in its log: it has no jumps, rates or growth."),
        is_warning=True,
    )


GroupFinder = Callable[[Sequence[Subject]], Finding | None]

PACING: Final[tuple[Finder, ...]] = (rate_unknown,)
DRIFT: Final[tuple[Finder, ...]] = (drift, last_drift)
JUMPS: Final[tuple[Finder, ...]] = (jumps,)
QUEUES: Final[tuple[Finder, ...]] = (queue_growth, queue_surprise, last_queue)
EVENTS: Final[tuple[Finder, ...]] = (utilisation,)
EVENTS_OF_DIE: Final[tuple[Finder, ...]] = (*EVENTS, saturated)
WARNINGS: Final[tuple[Finder, ...]] = (rate_missed, nothing_recorded)


def find(
    finders: Sequence[Finder], subjects: Sequence[Subject], *together: GroupFinder
) -> list[Finding]:
    """Return what the finders find, subject after subject, then of all together.

    Of more than SUBJECTS_REPORTED_MAX subjects only the first are reported.
    """
    stated = subjects[:SUBJECTS_REPORTED_MAX]
    found = [finder(subject) for subject in stated for finder in finders]
    found += [finder(stated) for finder in together]
    kept = [finding for finding in found if finding is not None]
    if len(stated) < len(subjects) and kept:
        more = (
            f"Reported: the first {len(stated)} of {len(subjects)} machines; the tables have all."
        )
        kept.append(Finding("more", more))
    return kept


# Of all machines together.


def ends(stopped: Sequence[tuple[str, str]]) -> list[Finding]:
    """Say of machines that did not end as they should how they ended.

    stopped: of each its name (with its run) and how it ended.
    """
    return [
        Finding(
            "broken",
            f"{name} did not take every tick ({how}): its figures are of what it recorded, and the "
            "others ran on without it.",
            is_warning=True,
        )
        for name, how in stopped
    ]


def left_out(runs: int, of: int) -> Finding | None:
    """Say that runs which are not whole are in no mean."""
    if not runs:
        return None
    verb = "is" if runs == 1 else "are"
    return Finding(
        "left-out",
        f"{runs} of {of} runs {verb} incomplete and left out of figures and means; the table of "
        "single runs has them.",
        is_warning=True,
    )


def unread(lines: int) -> Finding | None:
    """Say that lines of the logs could not be read."""
    if not lines:
        return None
    return Finding(
        "unread",
        f"{counted(lines, 'line')} of the logs could not be read and {'is' if lines == 1 else 'are'} "  # noqa: E501
        "in no figure.",
        is_warning=True,
    )


def missing(reasons: Sequence[str]) -> list[Finding]:
    """Say which figures a log does not allow, and why."""
    return [
        Finding("missing", f"Not in this report: {reason}.")
        for reason in dict.fromkeys(one.rstrip(".") for one in reasons)
    ]


CLOCK_RULES: Final = ("clock-", "lamport-", "stamp", "vector-", "matrix-", "hybrid-")


def verdict(judged: Mapping[str, int], violated: Sequence[str]) -> Finding | None:
    """Say what the judge found, and whether it judged any clock.

    judged: of each rule, how many questions could be decided. violated: names of the rules
    that do not hold.
    """
    decided = {name: count for name, count in judged.items() if count}
    if not decided:
        return None
    of_clocks = any(name.startswith(CLOCK_RULES) for name in decided)
    questions = sum(decided.values())
    extent = f"{counted(len(decided), 'rule')}, {counted(questions, 'decided question')}"
    if violated:
        return Finding(
            "clocks-violated",
            f"The logs break {counted(len(violated), 'rule')} of logical time "
            f"({joined(list(violated))}; {extent}): repair the program before you read its "
            "figures; `driftlab check` shows every place.",
            is_warning=True,
        )
    if not of_clocks:
        return Finding(
            "no-clocks-judged",
            "No logical clock could be judged. Of the rest of the log "
            f"({name_list(list(decided))}) no violation was found ({extent}).",
        )
    return Finding("clocks-hold", f"The clocks hold: no violation ({extent}).")
