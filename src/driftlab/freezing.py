"""Freezing objects that stay, so that garbage is not searched for among them again and again.

A frozen object is freed as usual when nothing refers to it any more; only a reference
cycle of frozen objects waits until they are unfrozen. CPython unfreezes all objects or
none. So a process of driftlab's own freezes them until it ends; in any other process
they are unfrozen soon, and nothing is frozen if somebody else has frozen objects, which
must stay frozen.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_is_own_process = False


def freeze_until_exit() -> None:
    """Freeze all present objects for good. Call it only in a process of driftlab's own."""
    global _is_own_process
    _is_own_process = True
    gc.freeze()


@contextmanager
def freezing() -> Iterator[Callable[[], None]]:
    """Yield a function that freezes all present objects; they are unfrozen at the end.

    In a process of driftlab's own they stay frozen. If the caller has frozen objects, the
    function does nothing.
    """
    allowed: bool | None = None  # asked when it is first needed: CPython counts one by one

    def freeze() -> None:
        nonlocal allowed
        if allowed is None:
            allowed = _is_own_process or not gc.get_freeze_count()
        if allowed:
            gc.collect(0)  # so that the latest garbage is not kept
            gc.freeze()

    try:
        yield freeze
    finally:
        if allowed and not _is_own_process:
            gc.unfreeze()
