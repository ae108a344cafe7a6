"""The sentences of a report about runs: each a function from a subject to a finding, or to None.

Invariant: a sentence is said only if its data are there, and says no more than they
support. What an interval does not exclude is said as not shown; of one run no interval
over runs is claimed, and a growth within a run says that its interval is of this run's
parts. A prediction stands beside a measurement and is never mixed into it.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from driftlab.analysis.statistics import BLOCKS
from driftlab.errors import counted
from driftlab.report.measures import Measure, Subject
from driftlab.report.wording import (
    bounds_text,
    joined,
    measure_decimals,
    number,
    percent,
    sentence,
    value_text,
)

RATE_TOLERANCE: Final = 0.005  # share of the asked rate that is taken as kept


class Finding(NamedTuple):
    """Something that the data support.

    kind: which function found it. text: the sentence. is_warning: whether it limits
    what the other sentences of the report are worth.
    """

    kind: str
    text: str
    is_warning: bool = False


Finder = Callable[[Subject], Finding | None]


def interval(measure: Measure, runs: int, *, within_run: bool = False) -> str:
    """Return an interval in brackets with what it is of; empty where there is none.

    within_run: whether of one run the interval comes from its parts.
    """
    if not measure.has_interval:
        return ""
    if runs > 1:
        source = f"over {counted(runs, 'run')}"
    elif within_run:
        source = f"from {BLOCKS} parts of this run"
    else:
        return ""
    return f" (95 % interval {bounds_text(measure)}, {source})"


def mean_of(subject: Subject) -> str:
    """Return how a value is introduced: as a mean where it is one."""
    return "on average " if subject.runs > 1 else ""


# Rates and lateness.


def late(subject: Subject) -> Finding | None:
    """Say that ticks began more than a period late, and what that means."""
    ticks = subject.get("late_ticks")
    if ticks is None:
        return None
    count = round(ticks.value * subject.runs)
    if not count:
        return None
    where = f" in {subject.runs} runs" if subject.runs > 1 else ""
    return Finding(
        "late",
        f"late: {counted(count, 'tick')} of {subject.label}{where} began more than a period late; "
        "lower --speed or the number of machines. What follows are the figures of another "
        "experiment than the one that was asked for.",
        is_warning=True,
    )


def rate_missed(subject: Subject) -> Finding | None:
    """Say that a machine did not keep the rate that was asked for."""
    share = subject.get("achieved_share")
    if share is None or abs(share.value - 1) <= RATE_TOLERANCE:
        return None
    if share.has_interval and not share.excludes(1):
        return None
    word = "slower" if share.value < 1 else "faster"
    off = percent(abs(share.value - 1))
    rate, asked = subject.get("achieved_rate"), subject.rate
    got = "" if rate is None or asked is None else (
        f": {mean_of(subject)}{number(rate.value, 3)} ticks a second instead of {number(asked)}"
    )  # fmt: skip
    return Finding(
        "rate-missed",
        sentence(
            f"{subject.label} ran {off} % {word} than asked{got}. Its figures are those of a "
            f"{word} machine: compare them with what theory expects of the rate that it achieved."
        ),
        is_warning=True,
    )


def rate_kept(subject: Subject) -> Finding | None:
    """Say that a machine kept its rate."""
    share = subject.get("achieved_share")
    if share is None or abs(share.value - 1) > RATE_TOLERANCE:
        return None
    rate, asked = subject.get("achieved_rate"), subject.rate
    if rate is None or asked is None:
        return Finding(
            "rate-kept",
            sentence(
                f"{subject.label} kept its rate: {mean_of(subject)}{percent(share.value)} % of "
                "the ticks a second that were asked for."
            ),
        )
    return Finding(
        "rate-kept",
        sentence(
            f"{subject.label} kept its rate: {mean_of(subject)}{number(rate.value, 3)} ticks a "
            f"second, asked {number(asked)}."
        ),
    )


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


def lateness(subject: Subject) -> Finding | None:
    """Say how late ticks began."""
    median, most = subject.get("lateness_us_p50"), subject.get("lateness_us_max")
    if median is None or most is None:
        return None
    greatest = most.value if most.greatest is None else most.greatest
    return Finding(
        "lateness",
        f"Of {subject.label} half the ticks began within {number(median.value)} µs of their due "
        f"time{' (mean of the medians)' if subject.runs > 1 else ''}, the latest "
        f"{number(greatest)} µs after.",
    )


# Clocks and drift.


def drift(subject: Subject) -> Finding | None:
    """Say whether a clock falls behind the reference, how fast, and what theory expects."""
    slope = subject.get("drift_per_second")
    if slope is None or subject.is_reference:
        return None
    other = subject.reference_label
    expected = subject.expected("drift_per_second")
    theory = "" if expected is None else f" Theory expects {number(expected)} a second."
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
    theory = _expected_drift(expected)
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
        return f" Theory expects none in the long run ({number(expected)} a second)."
    word = "ahead" if expected > 0 else "behind"
    return f" Theory expects it to get {number(abs(expected), 2)} a second {word}."


def last_drift(subject: Subject) -> Finding | None:
    """Say by how much two clocks differed at the end."""
    last = subject.get("drift")
    if last is None or subject.is_reference:
        return None
    if last.value == 0 and not last.has_interval:
        size = "stood at the same value as"
        return Finding(
            "last-drift",
            sentence(f"{subject.label}'s last clock {size} that of {subject.reference_label}."),
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


def mean_jump(subject: Subject) -> Finding | None:
    """Say what the mean jump is: an identity."""
    mean = subject.get("jump_mean")
    if mean is None:
        return None
    return Finding(
        "mean-jump",
        f"The mean jump of {subject.label} is {number(mean.value, 2)}. That is an identity, the "
        "rise of the clock over the number of events, and says nothing that the clock and the "
        "rate do not.",
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
    deviation = "" if spread is None else f" (standard deviation {number(spread.value, 2)})"
    if subject.runs == 1:
        q95 = subject.get("jump_q95")
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


def queue_growth(subject: Subject) -> Finding | None:
    """Say whether a queue grows, how fast, and what theory expects."""
    growth = subject.get("queue_growth")
    if growth is None:
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
    if growth.excludes(0) and growth.value > 0:
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
    kind, rate = subject.predicted.get("queue"), subject.expected("queue_growth")
    if kind == "diverges" and rate is not None:
        return f" Theory: it diverges, by {number(rate, 2)} a second in the long run."
    if kind == "critical":
        return " Theory: it is within 10 % of the boundary between stable and diverging."
    if kind == "stable":
        return " Theory: it is stable."
    return ""


def queue_surprise(subject: Subject) -> Finding | None:
    """Say that a queue did not do what theory expects of it."""
    growth, kind = subject.get("queue_growth"), subject.predicted.get("queue")
    if growth is None or not growth.has_interval or kind not in ("stable", "diverges"):
        return None
    expected = subject.expected("queue_growth") or 0.0
    if kind == "stable" and growth.excludes(0) and growth.value > 0:
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
    if last is None or most is None:
        return None
    greatest = most.value if most.greatest is None else most.greatest
    expected = subject.expected("queue_last")
    theory = "" if expected is None else f" Theory expects {number(expected, 1)} at the end."
    of_all = " in any run" if subject.runs > 1 else ""
    return Finding(
        "last-queue",
        f"At the end {value_text(last)} {_messages(last)} waited {mean_of(subject)}at "
        f"{subject.label}{interval(last, subject.runs)}; at most {number(greatest)} waited"
        f"{of_all}.{theory}",
    )


def _messages(measure: Measure) -> str:
    one = measure.value == 1 and measure_decimals(measure) is None
    return "message" if one else "messages"


# Utilisation and kinds of events.


def utilisation(subject: Subject) -> Finding | None:
    """Say at which share of its ticks a machine received."""
    share = subject.get("utilisation")
    if share is None:
        return None
    in_percent = Measure(*(None if one is None else 100 * one for one in share))  # type: ignore[arg-type]
    expected = subject.expected("utilisation")
    theory = "" if expected is None else f" Theory: {percent(expected)} %."
    value = value_text(in_percent) if share.has_interval else percent(share.value)
    return Finding(
        "utilisation",
        sentence(
            f"{subject.label} received at {mean_of(subject)}{value} % of its ticks"
            f"{interval(in_percent, subject.runs)}.{theory}"
        ),
    )


def saturated(subject: Subject) -> Finding | None:
    """Say that a machine that only receives sends nothing."""
    share, sends = subject.get("utilisation"), subject.get("events_send")
    if share is None or sends is None or share.value < 0.9:
        return None
    return Finding(
        "saturated",
        f"That left {subject.label} few free ticks: it sent at {mean_of(subject)}"
        f"{value_text(sends)} of them{interval(sends, subject.runs)}.",
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


PACING: Final[tuple[Finder, ...]] = (rate_missed, rate_kept, rate_unknown, lateness)
DRIFT: Final[tuple[Finder, ...]] = (drift, last_drift)
JUMPS: Final[tuple[Finder, ...]] = (jumps, mean_jump)
QUEUES: Final[tuple[Finder, ...]] = (queue_growth, queue_surprise, last_queue)
EVENTS: Final[tuple[Finder, ...]] = (utilisation, saturated)
WARNINGS: Final[tuple[Finder, ...]] = (late, rate_missed, nothing_recorded)


def find(finders: Sequence[Finder], subjects: Sequence[Subject]) -> list[Finding]:
    """Return what the finders find, subject after subject."""
    return [
        finding
        for subject in subjects
        for finder in finders
        if (finding := finder(subject)) is not None
    ]


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


def verdict(decided: int, rules: int, violated: Sequence[str]) -> Finding | None:
    """Say what the judge of the clocks found.

    decided: questions that could be decided. violated: names of the rules that do not hold.
    """
    if not decided:
        return None
    judged = f"{counted(rules, 'rule')}, {counted(decided, 'decided question')}"
    if violated:
        return Finding(
            "clocks-violated",
            f"The logs break {counted(len(violated), 'rule')} of logical time "
            f"({joined(list(violated))}; {judged}): repair the program before you read its "
            "figures; `driftlab check` shows every place.",
            is_warning=True,
        )
    return Finding("clocks-hold", f"The clocks hold: no violation ({judged}).")
