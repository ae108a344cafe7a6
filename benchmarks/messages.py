"""Small frames per second one way between two processes over loopback.

driftlab's frames take the path of a real run: `wire.hello`,
`OutboundChannel.send`, a socket, `Inbound.collect`. The bare program decodes
frames itself, from a non-blocking socket. Each end is a process of its own. The
clock runs from before the first send until the receiver has counted the last frame.
"""

import sys
from typing import NamedTuple

from benchmarks.machines import children
from benchmarks.tables import NONE, Cell, Table, compare, progress

RHYTHMS = {
    "tick": "reads at ticks of 1 ms (order peers, the default)",
    "ready": "reads when there is something (order arrival)",
}
_HEADS = (
    "the receiver", "driftlab, frames/s", "bare, frames/s", "ratio", "of single pairs", "target",
    "sender's CPU, µs a frame", "bare sender's", "receiver's CPU, µs a frame", "bare receiver's",
)  # fmt: skip


class Transfer(NamedTuple):
    """One stream: frames per second, and processor time of both ends in µs a frame."""

    frames_per_second: float
    sender_us: float
    receiver_us: float


def measure(quick: bool) -> list[Table]:
    """Send the same number of frames both ways in turn."""
    frames, pairs = (50_000, 2) if quick else (200_000, 7)
    how = (
        f"{frames:,} frames `Hello B 17` from one process to another over loopback, sent one by "
        f"one; interleaved, medians of {pairs}."
    )
    rows = [_row(rhythm, frames, pairs) for rhythm in RHYTHMS]
    return [Table("Messages", how, _HEADS, rows)]


def _row(rhythm: str, frames: int, pairs: int) -> tuple[Cell, ...]:
    progress(f"messages: the receiver {RHYTHMS[rhythm]}, {pairs} pairs")
    ours, bare = [], []
    for _ in range(pairs):
        ours.append(_transfer(f"ours-{rhythm}", frames))
        bare.append(_transfer(f"bare-{rhythm}", frames))
    found, sender, receiver = (
        compare([mine[i] for mine in ours], [other[i] for other in bare]) for i in range(3)
    )
    speed = (found.ours, found.bare, found.ratio, found.spread, NONE)
    return (RHYTHMS[rhythm], *speed, sender.ours, sender.bare, receiver.ours, receiver.bare)


def _transfer(what: str, frames: int) -> Transfer:
    program = (sys.executable, "-m", "benchmarks.message_ends")
    with children([(*program, "receive", what, str(frames))]) as (receiver,):
        assert receiver.stdout is not None
        port = receiver.stdout.readline().strip()
        with children([(*program, "send", what, str(frames), port)]) as (sender,):
            assert sender.stdout is not None
            ended_ns, receiver_ns = map(int, receiver.stdout.readline().split())
            began_ns, sender_ns = map(int, sender.stdout.readline().split())
    seconds = (ended_ns - began_ns) / 1e9
    return Transfer(frames / seconds, sender_ns / 1e3 / frames, receiver_ns / 1e3 / frames)
