"""The threads in which the journals of a run that goes on are read for a page.

The page may be late, and the machines may not. So journals are read when no other thread wants
the processor. Where that is hardly ever, they are read at a low priority, as a thread that waits
for its turn holds up everything else that the server is asked.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final

from driftlab.view.journal_tail import Follower
from driftlab.view.priority import IdleTime, lower_priority, work_when_idle

IDLE_SHARE_MIN: Final = 0.05  # of all processors, since the frame before


class FrameReader:
    """Reads the frames of a follower. Nobody waits for its last work when it is left."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._when_idle = _thread(work_when_idle)
        self._at_low_priority = _thread(lower_priority)
        self._idle_time = IdleTime()

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
        has_idle_time = self._idle_time.share() >= IDLE_SHARE_MIN
        thread = self._when_idle if has_idle_time else self._at_low_priority
        return await asyncio.get_running_loop().run_in_executor(thread, self._follower.next_frame)


def _thread(begin: Callable[[], None]) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "reader of journals", initializer=begin)
