"""The slices of each thread of a Chrome trace: when they end, and which is around an instant.

A thread is a stack. Its events go by their time, and among equals in the
file's order: so an `E` ends the slice of the last `B` that is open at its place
in the file, though another begins at the same time. A flow event is in the
innermost slice that is open at its place. For a slice that is written whole
(`X`, and instants) the time alone counts, from its first instant to its last,
since programs write it when it ends; the last one that begins at an instant has
the flow events of that instant. Where none is open, the next `B` of that instant
counts, or else a slice that has just ended.

The limit: NESTED_MAX levels are looked through; slices of one thread that
overlap without being nested count as levels.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

Thread = tuple[str, str]
OURS: Final = "driftlab"  # the argument that has all columns of an event of ours
NESTED_MAX: Final = 1024  # levels of slices that are looked through for the one around
NEVER: Final = 2**62  # nanoseconds, and characters: after all times and places


class Slice(NamedTuple):
    """One event: where it stands, in which thread, from when to when (None: to its `E`)."""

    place: int
    thread: Thread
    time: int
    end: int | None
    name: Any
    args: Any

    def ours(self) -> dict[str, Any] | None:
        """Return the columns of an event that this program wrote, None of somebody else's."""
        ours = self.args.get(OURS) if isinstance(self.args, dict) else None
        return ours if isinstance(ours, dict) else None


class SliceStack(NamedTuple):
    """The slices of one thread by time, all columns of one length.

    slices: their numbers. times, ends: nanoseconds. places: where they stand in
    the file. closings: where their `E` stands, NEVER without one. outer: which
    one each began in; whole: the last one up to it that needs no `E`; ranks in
    this lane, or -1. reach: the last end of each one and all that it is within.
    """

    slices: list[int]
    times: list[int]
    ends: list[int]
    places: list[int]
    closings: list[int]
    outer: list[int]
    whole: list[int]
    reach: list[int]

    def around(self, time: int, place: int) -> int | None:
        """Return the number of the innermost slice around an event, None without any."""
        after, high = self._after(time, place)
        if after < high and self.whole[high - 1] >= after:
            return self.slices[self.whole[high - 1]]
        rank, ended = after - 1, None
        for _ in range(NESTED_MAX):
            if rank < 0 or self.reach[rank] < time:
                break
            if (self.ends[rank], self.closings[rank]) > (time, place):
                return self.slices[rank]
            if ended is None and self.ends[rank] == time:
                ended = rank
            rank = self.outer[rank]
        found = after if after < high else ended
        return None if found is None else self.slices[found]

    def following(self, time: int, place: int) -> int | None:
        """Return the number of the slice that begins next; at the same time, if one does."""
        after, high = self._after(time, place)
        rank = after if after < high else bisect_left(self.times, time)
        return self.slices[rank] if rank < len(self.slices) else None

    def _after(self, time: int, place: int) -> tuple[int, int]:
        """Return the first rank after an event of the file, and the first of a later time."""
        high = bisect_right(self.times, time)
        if not high or self.times[high - 1] < time:
            return high, high
        low = bisect_left(self.times, time, 0, high)
        return bisect_right(self.places, place, low, high), high


def slice_stacks(
    slices: Sequence[Slice], ends: Sequence[dict[str, Any]]
) -> dict[Thread, SliceStack]:
    """Return the lane of every thread. Both are in the file's order."""
    of: dict[Thread, list[int]] = {}
    for number, one in enumerate(slices):
        of.setdefault(one.thread, []).append(number)
    closing: dict[Thread, list[tuple[int, int]]] = {}
    for end in ends:
        closing.setdefault(end["thread"], []).append((end["time"], end["place"]))
    return {
        thread: _slice_stack(slices, numbers, sorted(closing.get(thread, ())))
        for thread, numbers in of.items()
    }


def _slice_stack(
    slices: Sequence[Slice], numbers: list[int], closing: list[tuple[int, int]]
) -> SliceStack:
    numbers.sort(key=lambda number: slices[number].time)
    mine = [slices[number] for number in numbers]
    lane = SliceStack(
        numbers,
        [one.time for one in mine],
        [NEVER if one.end is None else one.end for one in mine],
        [one.place for one in mine],
        [NEVER] * len(mine),
        [-1] * len(mine),
        [-1] * len(mine),
        [],
    )
    _nest(lane, mine, closing)
    return lane


def _nest(lane: SliceStack, mine: Sequence[Slice], closing: list[tuple[int, int]]) -> None:
    """Fill in what needs the stack: once through slices and ends, by time and place."""
    around: list[int] = []  # begun, and not known to have ended
    opened: list[int] = []  # those of them that an `E` ends
    ends = lane.ends
    closing.append((NEVER, NEVER))
    last, whole = 0, -1
    for rank, one in enumerate(mine):
        while closing[last] < (one.time, one.place):
            _close(lane, opened, closing[last])
            last += 1
        while around and ends[around[-1]] <= one.time:
            around.pop()
        if around:
            lane.outer[rank] = around[-1]
        around.append(rank)
        if one.end is None:
            opened.append(rank)
        else:
            whole = rank
        lane.whole[rank] = whole
    for end in closing[last:-1]:
        _close(lane, opened, end)
    for until, outer in zip(ends, lane.outer, strict=True):
        lane.reach.append(until if outer < 0 else max(until, lane.reach[outer]))


def _close(lane: SliceStack, opened: list[int], end: tuple[int, int]) -> None:
    if opened:
        rank = opened.pop()
        lane.ends[rank], lane.closings[rank] = end
