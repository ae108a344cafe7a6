"""Python's garbage collector, spared what a simulation keeps.

A growing history is many objects that are no garbage, and the collector would
walk through all of them again and again. What is there after a stretch of work
is therefore frozen: the collector leaves it alone until the run is over. What
is made and dropped in between it collects as always; but a cycle of objects
that outlives a stretch is freed after the run only.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def collector_spared() -> Iterator[Callable[[], None]]:
    """Give what is to be called after each stretch; where others have frozen, it does nothing."""
    if gc.get_freeze_count():
        yield lambda: None
        return
    try:
        yield _freeze
    finally:
        gc.unfreeze()


def _freeze() -> None:
    gc.collect(0)  # so that the garbage of the last ticks is not kept
    gc.freeze()
