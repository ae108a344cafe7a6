"""What remains of runs of which only figures are kept: arrays of shape (runs, machines)."""

from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.simulator.compiled.jit_rules import finish
from driftlab.simulator.compiled.mailbox import jit_inline
from driftlab.simulator.compiled.records import Array


class Figures(NamedTuple):
    """The figures of some runs, one row a run, one column a machine in name order.

    rates: ticks per second (f8).
    internal, send, receive: how many events of each kind (i8).
    clock, first_clock: after the last and the first event, 0 if there was none.
    jump_max: the largest difference of the clocks of two consecutive events.
    queue_sum (i8), queue_max, queue_last (i4): of the inbox lengths after each event.
    first_due_ns: when its first tick was due (i8, nanoseconds).
    And one a run:
    numbers: the number of the run (u8).
    digest: of all its events (u8), see `driftlab.digest`.
    stopped_ns: the scenario time at which it ended because the tick due then
        would have sent more messages than may wait; -1 if it is whole.
    """

    rates: Array
    internal: Array
    send: Array
    receive: Array
    clock: Array
    first_clock: Array
    jump_max: Array
    queue_sum: Array
    queue_max: Array
    queue_last: Array
    first_due_ns: Array
    numbers: Array
    digest: Array
    stopped_ns: Array


COUNTED: Final = dict.fromkeys(Figures._fields[1:11], "i8") | {
    "queue_max": "i4",
    "queue_last": "i4",
}


def empty(numbers: Any, machines: int) -> Figures:
    """Return figures to be filled in."""
    runs = np.array(numbers, np.uint64)
    shape, each = (len(runs), machines), len(runs)
    tables: dict[str, Array] = {name: np.zeros(shape, COUNTED[name]) for name in COUNTED}
    return Figures(
        rates=np.zeros(shape),
        **tables,
        numbers=runs,
        digest=np.zeros(each, np.uint64),
        stopped_ns=np.zeros(each, np.int64),
    )


@jit_inline
def store_metrics(figures: Any, row: Any, machines: Any, stopped_ns: Any) -> None:
    """Write down the figures of a run that has come to its end."""
    digest = np.uint64(0)
    for i in range(len(machines)):
        machine = machines[i]
        figures.internal[row, i] = machine.tick - machine.sends - machine.receives
        figures.send[row, i] = machine.sends
        figures.receive[row, i] = machine.receives
        figures.clock[row, i] = machine.clock
        # Only a receive can have another first clock, or a jump above 1.
        figures.first_clock[row, i] = max(machine.first_clock, min(machine.tick, 1))
        figures.jump_max[row, i] = max(machine.jump_max, 1) if machine.tick > 1 else 0
        figures.queue_sum[row, i] = machine.queue_sum
        figures.queue_max[row, i] = machine.queue_max
        figures.queue_last[row, i] = machine.queue
        digest = finish(digest, machine.digest)
    figures.digest[row] = digest
    figures.stopped_ns[row] = stopped_ns
