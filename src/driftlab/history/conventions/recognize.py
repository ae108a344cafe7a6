"""Conventions: how a log writes down what happened, recognized and translated into ours.

Programs differ in how they write the same event: a queue counted before the message
was taken, a clock before its increment, a send to two processes as two lines. A
convention is about how a log writes things down, never about what was sent or done.
The same convention is expected of all processes of a log: one program wrote it.

A convention is taken if ours cannot be what the program follows, and all that the
two disagree about speaks for it (but for one line in ten, which is then reported as
it stands). Ours is kept where a machine that errs could have written the log by it.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from driftlab.errors import DriftlabError
from driftlab.history.conventions.clocks import (
    CLOCK_BEFORE_EVENT,
    CLOCK_BEFORE_INCREMENT,
    assume_clocks,
    recognize_clocks,
)
from driftlab.history.conventions.lines import (
    BROADCAST_LINE,
    LINE_PER_TARGET,
    assume_lines,
    recognize_lines,
)
from driftlab.history.conventions.queue import QUEUE_BEFORE_TAKE, assume_queue, recognize_queue
from driftlab.history.trace import Trace


class NoSuchConventionError(DriftlabError):
    """A convention was named that does not exist, or two that contradict each other."""


class Topic(NamedTuple):
    """Something that programs write in different ways.

    ours: the name of the way of our own logs. others: of the other ways.
    are_exclusive: whether a log can follow but one of them.
    recognize: returns the trace as we would write it, by what the log shows.
    assume: the same, by the names of conventions that it is to follow.
    """

    ours: str
    others: tuple[str, ...]
    are_exclusive: bool
    recognize: Callable[[Trace], Trace]
    assume: Callable[[Trace, Sequence[str]], Trace]


# In this order: lines that are one event are joined before their clocks and queues are read.
TOPICS: Final = (
    Topic(
        "line-per-event", (LINE_PER_TARGET, BROADCAST_LINE), False, recognize_lines, assume_lines
    ),
    Topic(
        "clock-after-increment",
        (CLOCK_BEFORE_INCREMENT, CLOCK_BEFORE_EVENT),
        True,
        recognize_clocks,
        assume_clocks,
    ),
    Topic("queue-after-take", (QUEUE_BEFORE_TAKE,), True, recognize_queue, assume_queue),
)
NONE: Final = "none"  # recognize nothing
CONVENTIONS: Final = tuple(name for topic in TOPICS for name in (*topic.others, topic.ours))


def apply_conventions(trace: Trace, wanted: Sequence[str] | str | None = None) -> Trace:
    """Return the trace as our own logs would write it, with what was assumed for that.

    wanted: names of conventions that the user says the log follows, a list or
    separated by commas; each sets its topic, and the other topics are recognized,
    unless `none` is among them. Raise NoSuchConventionError.
    """
    names = checked_conventions(wanted)
    if not len(trace):
        return trace
    for topic in TOPICS:
        chosen = [name for name in names if name == topic.ours or name in topic.others]
        if topic.ours in chosen:
            line = f"{topic.ours} (--assume {topic.ours})"
            trace = trace.replace(assumed=[*trace.assumed, line])
        elif chosen:
            trace = topic.assume(trace, chosen)
        elif NONE not in names:
            trace = topic.recognize(trace)
    return trace


def checked_conventions(wanted: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return names of conventions, each once. Raise NoSuchConventionError."""
    given = [wanted] if isinstance(wanted, str) else wanted or ()
    names = [name.strip() for each in given for name in each.split(",")]
    for name in names:
        if name not in (*CONVENTIONS, NONE):
            known = ", ".join((*CONVENTIONS, NONE))
            raise NoSuchConventionError(f"--assume {name}: there are {known}")
    for topic in TOPICS:
        chosen = {name for name in names if name == topic.ours or name in topic.others}
        if len(chosen) > 1 and (topic.are_exclusive or topic.ours in chosen):
            raise NoSuchConventionError(
                f"--assume: {' and '.join(sorted(chosen))} contradict each other"
            )
    return tuple(dict.fromkeys(names))
