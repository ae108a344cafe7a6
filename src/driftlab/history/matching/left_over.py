"""What vector clocks leave over on channels that the log names: repeated, late and unmerged.

A receive that learns nothing new of its sender shows by its clock no send. Where the
log names the channels, each stands between two receives of its channel whose sends are
known, and as many receives are left over there as sends, or fewer, or more:

- as many: they belong to each other in their order;
- no send at all: the receive has a message that was sent before. If as many such are left
  over as receives, these belong to each other: they were overtaken. If no such is left
  over, the message before was delivered again.

A receive that learned only of others cannot have a message of its sender. Everything
else stays unmatched, as on channels of which not every line is known, or where
a receive learned of an event that the log does not have.
"""

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.matching.acyclic import leaves_order
from driftlab.history.matching.by_position import Sends, is_whole
from driftlab.history.matching.by_vector_clock import (
    EntryTable,
    names_channels,
    stamped_row_before,
)
from driftlab.history.matching.matching import Matching
from driftlab.history.matching.messages import NOTHING, UNMATCHED
from driftlab.history.trace import processes_of
from driftlab.model.columns import NOBODY


def match_left_over(matching: Matching) -> None:
    """Match receives that learned nothing, by what is left over on their channels."""
    trace, held = matching.trace, matching.trace.timestamps
    if held is None or held.clock != "vector" or not names_channels(trace):
        return
    rows = matching.nameless()
    if not len(rows):
        return
    sends, width = Sends(trace, names_by_id=matching.names_by_id), trace.processes
    every = np.flatnonzero(matching.source == UNMATCHED)
    everybody = processes_of(trace, every[matching.sender[every] == NOBODY])
    rows = rows[matching.sender[rows] != NOBODY]
    sender, to = matching.sender[rows].astype(np.int64), processes_of(trace, rows)
    table = EntryTable(held, len(trace), width)
    last = stamped_row_before(trace, held)[rows]
    before = np.where(last >= 0, table.at(np.maximum(last, 0), sender), 0)
    learned = (table.at(rows, sender) > before) | (held.starts[rows + 1] == held.starts[rows])
    of_others = np.zeros(len(rows), bool)
    for other in range(width):
        entry = np.full(len(rows), other)
        before = np.where(last >= 0, table.at(np.maximum(last, 0), entry), 0)
        of_others |= (other != to) & (table.at(rows, entry) > before)
    if not trace.is_own_entry_unsure:
        # No message of this sender brings news of others alone: it was another's, or is wrong.
        impossible = rows[of_others & ~learned & (last >= 0)]
        matching.replace(impossible, np.full(len(impossible), NOTHING))
    learned |= of_others
    channel = sender * width + to
    is_certain = sends.is_certain[sender] & is_whole(trace)[to] & ~np.isin(to, everybody)
    codes = np.setdiff1d(channel[is_certain], channel[learned])

    found_rows, found_sends, in_order = [rows[:0]], [rows[:0]], [rows[:0]]
    matched = np.flatnonzero(matching.source >= 0)
    source = matching.source[matched]
    matched_on = processes_of(trace, source) * width + processes_of(trace, matched)
    for code in codes.tolist():
        mine = np.concatenate([rows[channel == code], matched[matched_on == code]])
        given = np.concatenate([np.full((channel == code).sum(), -1), source[matched_on == code]])
        order = np.argsort(mine)
        mine, given = mine[order], given[order]
        known = given[given >= 0]
        if (np.diff(known) <= 0).any():
            continue
        sent = np.sort(sends.rows[sends.channel == code])
        between, again = _pair(given, np.setdiff1d(sent, known))
        for pairs in (between, again):
            found_rows.append(mine[pairs[0]])
            found_sends.append(pairs[1])
        in_order.append(mine[between[0]])
    found, to_sends = np.concatenate(found_rows), np.concatenate(found_sends)
    process = processes_of(trace, to_sends) * width + processes_of(trace, found)
    kept = leaves_order(matching, found, to_sends, process)
    matching.take(found[kept], to_sends[kept])
    assumed = np.intersect1d(np.concatenate(in_order), found[kept])
    matching.assumed_order = np.union1d(matching.assumed_order, assumed)


Pairs = tuple[IntArray, IntArray]  # places of receives, and rows of their sends


def _pair(given: IntArray, free: IntArray) -> tuple[Pairs, Pairs]:
    """Return the receives of a channel that take the sends between, and those with earlier ones.

    given: of each receive the row of its send, rising, -1 where it is not known. free: rows
    of the sends that none of them has, rising.
    """
    places: list[int] = []
    sends: list[int] = []
    late: list[tuple[int, int]] = []  # without a send between: place, the send known before it
    last, run = -1, list[int]()
    has_between = free[:0]
    for place, send in enumerate([*given.tolist(), None]):
        if send is not None and send < 0:
            run.append(place)
            continue
        is_end = send is None
        between = free[free > last] if send is None else free[(free > last) & (free < send)]
        if not is_end and len(between) == len(run):
            places += run
            sends += between.tolist()
            has_between = np.concatenate([has_between, between])
        elif not len(between):
            late += [(each, last) for each in run]
        if send is not None:
            last, run = send, []
    never = np.setdiff1d(free, has_between)
    never = never[never < last]
    again: list[tuple[int, int]] = []
    if not len(never):
        again = [(place, known) for place, known in late if known >= 0]
    elif len(never) == len(late) and all(
        send < known for send, (_, known) in zip(never.tolist(), late, strict=True)
    ):
        again = [(place, send) for send, (place, _) in zip(never.tolist(), late, strict=True)]
    return _arrays(list(zip(places, sends, strict=True))), _arrays(again)


def _arrays(pairs: list[tuple[int, int]]) -> Pairs:
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
