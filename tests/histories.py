"""Tiny histories, any that a log may hold, and what follows from them by brute force."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import NO_TARGET, NOBODY, RECEIVE, SEND, SET_FIRST, Columns

NAMES = "ABCD"


class Tiny(NamedTuple):
    """A trace, its messages, and the same as plain pairs of rows, a send and its receive."""

    trace: Trace
    messages: Messages
    pairs: frozenset[tuple[int, int]]

    @property
    def rows(self) -> range:
        return range(len(self.trace))

    def steps(self) -> dict[int, set[int]]:
        """Return of every row those right after it: in its process, and by message."""
        after: dict[int, set[int]] = {row: set() for row in self.rows}
        for begin, end in pairwise(self.trace.starts.tolist()):
            for row in range(begin, end - 1):
                after[row].add(row + 1)
        for sent, received in self.pairs:
            after[sent].add(received)
        return after

    def closure(self) -> set[tuple[int, int]]:
        """Return all pairs of which the first happened before the second, by walking."""
        after = self.steps()
        found = set()
        for row in self.rows:
            seen: set[int] = set()
            todo = list(after[row])
            while todo:
                if (one := todo.pop()) not in seen:
                    seen.add(one)
                    todo += after[one]
            found |= {(row, one) for one in seen}
        return found

    def fewest_messages(self, first: int, last: int) -> int | None:
        """Return how few messages lead from one row to another in one step or more."""
        after = self.steps()
        cost = {one: self.price(first, one) for one in after[first]}
        changed = True
        while changed:
            changed = False
            for row, paid in list(cost.items()):
                for one in after[row]:
                    total = paid + self.price(row, one)
                    if total < cost.get(one, total + 1):
                        cost[one] = total
                        changed = True
        return cost.get(last)

    def price(self, row: int, other: int) -> int:
        """Return how many messages a step takes: none if it leads on in a process."""
        here = self.trace.process_of(row) == self.trace.process_of(other)
        return 0 if here and other == row + 1 else 1


@st.composite
def tinies(draw: st.DrawFn, *, acyclic: bool = False) -> Tiny:
    """Any tiny history: several messages an event, receives from nowhere, circles."""
    few = draw(st.sampled_from([0, 4, 8]))
    order = draw(st.lists(st.integers(0, draw(st.integers(0, 3))), min_size=few, max_size=10))
    processes = draw(st.integers(max(order, default=0) + 1, 4))
    counts = [order.count(process) for process in range(processes)]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = np.argsort(np.argsort(np.array(order, np.int64), kind="stable")).tolist()
    drawn = draw(received_by(len(order), acyclic or draw(st.booleans())))
    pairs = frozenset((rows[sent], rows[received]) for sent, received in drawn)
    lost = frozenset(draw(st.lists(st.sampled_from(rows), max_size=3))) if rows else frozenset()
    names_other = draw(st.booleans())
    return tiny(starts, pairs, lost, names_other=names_other)


def received_by(count: int, acyclic: bool) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Messages between places in time: most places receive one, some more."""
    if not count:
        return st.just([])
    places = st.integers(0, count - 1)
    first = st.tuples(*(st.one_of(st.none(), places) for _ in range(count)))
    more = st.lists(st.tuples(places, places), max_size=4)

    def pairs(drawn: tuple[tuple[int | None, ...], list[tuple[int, int]]]) -> list[tuple[int, int]]:
        each = [(sent, place) for place, sent in enumerate(drawn[0]) if sent is not None]
        every = each + drawn[1]
        return [(min(one), max(one)) for one in every if one[0] != one[1]] if acyclic else every

    return st.tuples(first, more).map(pairs)


def tiny(
    starts: np.ndarray[tuple[int], np.dtype[np.int64]] | Sequence[int],
    pairs: frozenset[tuple[int, int]],
    lost: frozenset[int] = frozenset(),
    *,
    names_other: bool = False,
) -> Tiny:
    """Return the history with these messages; rows of `lost` received one from nowhere."""
    starts = np.array(starts, np.int64)
    count, processes = int(starts[-1]), len(starts) - 1
    source = np.full(count, NOTHING, np.int64)
    sender = np.full(count, NOBODY, np.int32)
    target: list[set[int]] = [set() for _ in range(count)]
    kind = np.zeros(count, np.uint8)
    more = []
    place = np.searchsorted(starts, np.arange(count), side="right") - 1
    for row in lost:
        source[row] = UNMATCHED
        kind[row] = RECEIVE
    for sent, received in sorted(pairs, key=lambda pair: pair[::-1]):
        kind[received] = RECEIVE
        kind[sent] = SEND
        target[sent].add(int(place[received]))
        if source[received] == NOTHING:
            source[received] = sent
            sender[received] = 0 if names_other else place[sent]
        else:
            more.append((received, sent))
    sets = sorted({tuple(sorted(each)) for each in target if len(each) > 1})
    codes = [_code(each, sets) for each in target]
    columns = Columns(kind=kind, target=np.array(codes, np.int32))
    trace = Trace(NAMES[:processes], starts, columns, sets=sets)
    to = np.array([received for received, _ in more], np.int64)
    came_from = np.array([sent for _, sent in more], np.int64)
    return Tiny(trace, Messages(source, sender, to, came_from, stamp_per_target=to[:0]), pairs)


def _code(targets: set[int], sets: Sequence[tuple[int, ...]]) -> int:
    if not targets:
        return NO_TARGET
    if len(targets) == 1:
        return next(iter(targets))
    return SET_FIRST - list(sets).index(tuple(sorted(targets)))
