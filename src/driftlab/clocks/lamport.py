"""Lamport's scalar clock.

Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System"
(CACM 21(7), 1978), implementation rules IR1 and IR2. The rules are written
once, as functions of whole numbers, and every engine calls or compiles them.

Invariant (the clock condition): if event a happened before event b, then
C(a) < C(b). The converse does not hold: C(a) < C(b) says nothing about
whether a happened before b.
"""


def step(clock: int) -> int:
    """IR1: the clock after an internal event or a send; a send carries this new value."""
    return clock + 1


def merge(clock: int, stamp: int) -> int:
    """IR2: the clock after receiving a message that carries `stamp`, the receive itself counted."""
    return (clock if clock > stamp else stamp) + 1
