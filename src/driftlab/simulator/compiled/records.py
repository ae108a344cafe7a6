"""What the compiled engine keeps in memory, field by field.

A machine is one record of two cache lines; what every tick needs stands in the
first. A message is one record of a pool; it is named by its place in the pool,
and place 0 stays empty, so that 0 means none. Counters that the inner loop
needs live in the record of the run only between two calls.
"""

from typing import Any, Final, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

MACHINE: Final = np.dtype(
    [
        ("die", "u8"),  # the key of its die
        ("digest", "u8"),
        ("clock", "i8"),
        ("tick", "i8"),  # the number of its next tick: how many it has taken
        ("head", "u4"),  # the message at the front of its inbox
        ("tail", "u4"),
        ("settled", "u4"),  # the last message of the inbox when it ticked last
        ("flight", "u4"),  # the root of the heap of messages under way to it
        ("queue", "u4"),  # length of its inbox when it ticked last
        ("fresh", "u4"),  # how many have come since
        ("peers", "u4"),
        ("queue_max", "u4"),
        ("queue_sum", "i8"),
        ("jump_max", "i8"),
        ("first_clock", "i8"),
        ("sends", "i8"),
        ("receives", "i8"),
        ("delays", "u8"),  # the key of its latencies
        ("links", "i8"),  # where its peers begin in the list of links, and its channels
    ],
    align=True,
)

CURSOR: Final = np.dtype(
    [
        ("due", "i8"),  # of the next tick to be put into a window, in nanoseconds
        ("rest", "i8"),  # what rounding down has left of it, in parts of `rate`
        ("whole", "i8"),  # the period in whole nanoseconds
        ("part", "i8"),  # and what is left of it, in parts of `rate`
        ("rate", "i8"),  # the numerator of the rate
        ("scale", "u8"),  # its denominator; 0 where the phases are given, not worked out
    ],
    align=True,
)

MESSAGE: Final = np.dtype([("stamp", "i8"), ("sender", "u4"), ("next", "u4")], align=True)

FLYING_MESSAGE: Final = np.dtype(
    [
        ("stamp", "i8"),
        ("sender", "u4"),
        ("next", "u4"),  # in the inbox; under way, the next brother in the heap
        ("arrival", "i8"),
        ("child", "u4"),
        ("spare", "u4"),
    ],
    align=True,
)

RUN: Final = np.dtype(
    [
        ("seed", "u8"),
        ("number", "u8"),
        ("one_below", "u8"),
        ("all_below", "u8"),
        ("mesh", "i8"),
        ("by_sender", "i8"),
        ("aligned", "i8"),
        ("horizon", "i8"),
        ("period", "i8"),  # of the schedule, 0 where it has none that is short enough
        ("window", "i8"),  # length of a window in nanoseconds
        ("shift", "i8"),  # a bucket of a window is 2**shift nanoseconds
        ("base", "i8"),  # where the window begins
        ("filled", "i8"),  # how many ticks the window holds
        ("entry", "i8"),  # and which is next
        ("repeat", "i8"),  # how often the window was repeated
        ("stashed", "i8"),
        ("free", "u4"),  # the first free message below the top
        ("top", "u4"),  # the last message ever used
        ("waiting", "i8"),
        ("room", "i8"),  # how many may wait before the pool must grow
        ("most", "i8"),  # and how many at all
        ("ticks", "i8"),
        ("status", "i8"),
        ("stopped", "i8"),
        ("row", "i8"),
    ],
    align=True,
)

RUNNING: Final = 0
DONE: Final = 1
FULL: Final = 2  # the next tick sends more than there is room for


class Window(NamedTuple):
    """The ticks of a stretch of time in the order they are taken, and what sorting them needs."""

    machines: Array  # u4: whose tick
    dues: Array  # i8: from the beginning of the window or of the run
    tied: Array  # u1: 1 if the next is due at the same instant, 2 if only the one before is
    loose_machines: Array
    loose_dues: Array
    buckets: Array  # i4


class Delay(NamedTuple):
    """A latency as arrays: how it is drawn, and of each channel the last arrival so far."""

    kind: int
    first: np.uint64
    second: np.uint64
    tables: tuple[Array, Array, Array]
    latest: Array  # i8, one a channel; empty where no message can overtake another


class EventColumns(NamedTuple):
    """The events of a run in the order of (due time, process), a column a field.

    due_ns i8; process u4, its position; tick u4; kind u1, as in `digest`;
    sender i4, its position, -1 where nothing was received; stamp u4, 0 where
    nothing was received; target i4, the index among the peers of the one that
    it sends to, -1 if to all of several, -2 if to none; clock u4; queue u4.
    """

    due_ns: Array
    process: Array
    tick: Array
    kind: Array
    sender: Array
    stamp: Array
    target: Array
    clock: Array
    queue: Array
