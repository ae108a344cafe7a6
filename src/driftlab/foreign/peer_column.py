"""A column that names the other process: the target of a send, the sender of a receive.

What it means follows from the kind of the event, so a record of which no kind is
known gives neither: its value stays text, as does that of an internal event.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.foreign.fields import is_empty
from driftlab.foreign.packed import Values
from driftlab.model.columns import RECEIVE, SEND, UNKNOWN_KIND


class PeerColumn(NamedTuple):
    """What a column of peers holds, each as long as the log; None where no record has it.

    sender: of receives. targets: of sends. text: of all other events.
    """

    sender: Values | None
    targets: Values | None
    text: Values | None


def split_by_kind(peers: Values, kind: IntArray, known: Mapping[str, Values]) -> PeerColumn:
    """Return what the peers of records are.

    kind: of each record, as far as it is known. known: the fields of the log; a record of
    unknown kind is a receive if it has a stamp or the name of a message received, and a send
    if it has that of a message sent.
    """
    held = list(peers)
    unknown = kind == UNKNOWN_KIND
    is_received = _has_value(known, "stamp", len(held)) | _has_value(known, "received", len(held))
    is_receive = (kind == RECEIVE) | (unknown & is_received)
    is_send = (kind == SEND) | (unknown & ~is_received & _has_value(known, "sent", len(held)))
    return PeerColumn(
        _only(held, is_receive), _only(held, is_send), _only(held, ~(is_receive | is_send))
    )


def _has_value(known: Mapping[str, Values], name: str, rows: int) -> BoolArray:
    if name not in known:
        return np.zeros(rows, bool)
    return np.array([not is_empty(value) for value in known[name]], bool)


def _only(values: Values, mask: BoolArray) -> Values | None:
    """Return the values of some records, None for the others; None if there are none."""
    held = [value if keep else None for value, keep in zip(values, mask.tolist(), strict=True)]
    return held if any(not is_empty(value) for value in held) else None
