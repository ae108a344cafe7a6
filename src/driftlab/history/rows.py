"""Some rows of a trace, in another order: every column, timestamps, arrivals and texts."""

from driftlab.arrays import IntArray
from driftlab.history.trace import InvalidClocks, Trace
from driftlab.journal.journal_columns import take_columns, take_ragged
from driftlab.lazy import np
from driftlab.model.columns import Arrivals, Timestamps, starts_of


def take_rows(trace: Trace, order: IntArray) -> Trace:
    """Return some rows of a trace.

    order: numbers of the rows, in the order in which they are to stand; those of a
    process stay together, and processes in their order. The gaps are left as they
    are: what they mean for the new rows is for the caller to say.
    """
    stamps, arrivals = trace.timestamps, trace.arrivals
    process = trace.process_column()[order]
    numbers = order.tolist()
    return trace.replace(
        starts=starts_of(np.bincount(process, minlength=trace.processes)),
        columns=take_columns(trace.columns, order),
        timestamps=stamps and Timestamps(stamps.clock, *take_ragged(stamps[1:], order)),
        arrivals=arrivals and Arrivals(*take_ragged(arrivals, order)),
        texts={name: [texts[row] for row in numbers] for name, texts in trace.texts.items()},
        invalid_clocks=_with_new_rows(trace.invalid_clocks, order),
        unsure_queue=np.flatnonzero(np.isin(order, trace.unsure_queue)),
    )


def _with_new_rows(invalid: InvalidClocks, order: IntArray) -> InvalidClocks:
    """Return invalid clocks with the numbers that their rows have in the new order."""
    if not len(invalid.rows):
        return invalid
    text_of = dict(zip(invalid.rows.tolist(), invalid.texts, strict=True))
    rows = np.flatnonzero(np.isin(order, invalid.rows))
    return InvalidClocks(rows, [text_of[row] for row in order[rows].tolist()])
