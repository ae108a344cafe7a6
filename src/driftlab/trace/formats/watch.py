"""A bound on the time that a regular expression may take to find its next record.

An expression such as `(a+)+$` tries exponentially many ways before it gives up.
Python's own engine looks for signals while it matches, so a timer of processor
time stops it, at no cost where all is well; another process, or another engine,
would cost every log. A signal reaches the main thread only: in another thread
patterns are matched in a child process, whose main thread can be stopped.

The bound is meant for the next record, and it grows with the text, since to
find that nothing matches all of it has to be gone through. A pattern that finds
every record in time, but each after long, is stopped too: RECORDS_PER_SECOND_MIN
is far below what any usable one finds.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from driftlab.trace.files import UnreadableError

SECONDS_MAX: Final = 5.0  # of processor time, for the next record
SECONDS_PER_CHARACTER: Final = 1e-6  # and that much more, for a text of that length
TOTAL_SECONDS_MIN: Final = 20.0  # before all records together are too slow
RECORDS_PER_SECOND_MIN: Final = 20
_LOOKS: Final = 5  # times the timer looks within the bound


_ADVICE: Final = (
    "a repeated group that is repeated again, as in (a+)+, can take for ever; write it "
    "without, or anchor it at the begin of the line with ^"
)


class PatternTimeError(UnreadableError):
    """A pattern did not find the next record in time."""


def is_possible() -> bool:
    """Whether this thread can be stopped by a signal."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def watched(found: list[Any], length: int, seconds: float) -> Iterator[None]:
    """Raise PatternTimeError when `found` has not grown for too long.

    `length`: of the text, in characters. `seconds`: the bound for a short one.
    In the main thread only.
    """
    limit = seconds + length * SECONDS_PER_CHARACTER
    looks, known, ticks = 0, -1, 0

    def look(_signal: int, _frame: FrameType | None) -> None:
        nonlocal looks, known, ticks
        ticks += 1
        took = ticks * limit / _LOOKS
        allowed = TOTAL_SECONDS_MIN + limit + len(found) / RECORDS_PER_SECOND_MIN
        looks = looks + 1 if len(found) == known else 0
        known = len(found)
        if looks >= _LOOKS:
            raise PatternTimeError(
                f"it looked for {limit:.3g} s (of processor time) without finding the next "
                f"record: {_ADVICE}"
            )
        if took > allowed:
            raise PatternTimeError(
                f"it found {len(found)} records in {took:.3g} s (of processor time): {_ADVICE}"
            )

    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit / _LOOKS, limit / _LOOKS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
