"""Ends a worker whose user's process hangs after its launcher has died.

A worker notices the end of its launcher when it waits for its sockets. While it runs
the code of a user it does not wait, and that code may never return. Within the guard
the kernel kills the worker when its launcher dies (Linux), or else a thread does. Outside
it a worker ends in order, with its journal. Machines of the assignment's die run no code
of a user and have no guard.
"""

import os
import signal
import sys
from types import TracebackType
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LOOK_EVERY_S: Final = 1.0
_THREAD_GRACE_S: Final = 3.0  # for a worker that is about to end in order


class OrphanGuard:
    """A context within which this process does not outlive its parent.

    Made while the parent lives. Elsewhere than on Linux a thread watches instead, from
    the first entry on.
    """

    def __init__(self) -> None:
        self._parent = os.getppid()
        if sys.platform.startswith("linux"):
            import ctypes  # loads in milliseconds, which workers of the die do not spend

            self._set_signal = ctypes.CDLL(None).prctl
        else:
            self._watch()

    def __enter__(self) -> None:
        if sys.platform.startswith("linux"):
            self._set_signal(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != self._parent:  # it died before the kernel knew what to do
                os.kill(os.getpid(), signal.SIGKILL)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if sys.platform.startswith("linux"):
            self._set_signal(_PR_SET_PDEATHSIG, 0, 0, 0, 0)

    def _watch(self) -> None:
        import threading
        from time import sleep

        def watch() -> None:
            while os.getppid() == self._parent:
                sleep(_LOOK_EVERY_S)
            sleep(_THREAD_GRACE_S)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=watch, daemon=True).start()
