"""The threads in which the journals of a run that goes on are read for a page.

The page may be late, and the machines may not. So journals are read when no other thread wants
the processor; where that is never, for a while at a low priority, as the thread that waits for
its turn holds up everything else that the server is asked.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from types import TracebackType
from typing import Final

from driftlab.view.journal_tail import Follower
from driftlab.view.priority import lower_priority, work_when_idle

PATIENCE_S: Final = 0.25  # without the processor: a frame takes some milliseconds of it
BUSY_S: Final = 10.0  # after that, in which journals are read at a low priority


class FrameReader:
    """Reads the frames of a follower. Nobody waits for its last work when it is left."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self._when_idle = _thread(work_when_idle)
        self._at_low_priority = _thread(lower_priority)
        self._busy_until = 0.0

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for thread in (self._when_idle, self._at_low_priority):
            thread.shutdown(wait=False, cancel_futures=True)

    async def next_frame(self) -> tuple[bytes, bool]:
        """Return the next frame, empty if nothing has happened, and whether it is the last."""
        run = asyncio.get_running_loop().run_in_executor
        if monotonic() >= self._busy_until:
            answer = await run(self._when_idle, self.follower.try_frame, PATIENCE_S)
            if answer is not None:
                return answer
            self._busy_until = monotonic() + BUSY_S
        return await run(self._at_low_priority, self.follower.next_frame)


def _thread(begin: Callable[[], None]) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "reader of journals", initializer=begin)
