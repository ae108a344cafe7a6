"""Conventions: how a log writes down what happened, recognized and translated into ours.

Programs differ in how they write the same event: a queue counted before the message
was taken, a send to two processes as two lines. A convention is about how a log
writes things down, never about what was sent or done.
"""

from collections.abc import Sequence

from driftlab.history.trace import Trace


def apply_conventions(trace: Trace, wanted: Sequence[str] | str | None = None) -> Trace:
    """Return the trace as our own logs would write it, with what was assumed for that.

    wanted: names of conventions that the user says the log follows; None: recognized.
    """
    return trace
