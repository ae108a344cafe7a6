"""Flow events of Chrome's traces: which slice each is in, and so who heard of whom."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

Thread = tuple[str, str]
NESTED_MAX: Final = 64  # slices that are looked through for the one around a flow event


class Slice(NamedTuple):
    """One event: where it stands, in which thread, from when to when (None: to its `E`)."""

    place: int
    thread: Thread
    time: int
    end: int | None
    name: Any
    args: Any


class Links(NamedTuple):
    """Of every slice its rank in its thread, and names of the messages it sent and received.

    unread: flow events that could not be used, where they stand and why.
    """

    ranks: list[int]
    sent: list[int | None]
    received: list[int | None]
    unread: list[tuple[int, str]]


class _Lane(NamedTuple):
    """The slices of one thread by time: when they begin, which they are, when they end."""

    times: list[int]
    slices: list[int]
    ends: list[int]


def bound(
    slices: Sequence[Slice], ends: Sequence[dict[str, Any]], flows: Sequence[dict[str, Any]]
) -> Links:
    """Find the slice of every flow event, and link those of one flow."""
    lanes = _lanes(slices, ends)
    links = Links([0] * len(slices), [None] * len(slices), [None] * len(slices), [])
    for lane in lanes.values():
        for rank, number in enumerate(lane.slices):
            links.ranks[number] = rank
    chains: dict[tuple[str, str, str], list[tuple[int, int, int, int]]] = {}
    for order, flow in enumerate(flows):
        around = _slice_of(lanes.get(flow["thread"]), flow)
        if around is None:
            links.unread.append((flow["place"], "is a flow event in no slice"))
        else:
            key = (str(flow.get("cat")), str(flow.get("name")), str(flow.get("id")))
            step = ("s", "t", "f").index(flow["ph"])
            chains.setdefault(key, []).append((step, flow["time"], order, around))
    for chain in chains.values():
        _link(links, chain, flows)
    return links


def _link(
    links: Links, chain: list[tuple[int, int, int, int]], flows: Sequence[dict[str, Any]]
) -> None:
    source: int | None = None
    for step, _, order, number in sorted(chain):
        if step > 0:
            if source is None:
                links.unread.append((flows[order]["place"], "is a flow that begins nowhere"))
            elif links.received[number] is not None:
                links.unread.append(
                    (flows[order]["place"], "is a second message into one event, not held")
                )
            else:
                links.sent[source] = source
                links.received[number] = source
        if step < 2:  # those that pass one on are heard by the next
            source = number


def _lanes(slices: Sequence[Slice], ends: Sequence[dict[str, Any]]) -> dict[Thread, _Lane]:
    of: dict[Thread, list[int]] = {}
    for number, one in enumerate(slices):
        of.setdefault(one.thread, []).append(number)
    closing: dict[Thread, list[int]] = {}
    for end in ends:
        closing.setdefault(end["thread"], []).append(end["time"])
    lanes = {}
    for thread, numbers in of.items():
        numbers.sort(key=lambda number: slices[number].time)
        ending = _closed([slices[n] for n in numbers], sorted(closing.get(thread, ())))
        lanes[thread] = _Lane([slices[n].time for n in numbers], numbers, ending)
    return lanes


def _closed(slices: Sequence[Slice], closing: Sequence[int]) -> list[int]:
    """Return when slices end: what was begun last is ended first; never, where nothing ends it."""
    never = 2**62
    ends = [never if one.end is None else one.end for one in slices]
    opened: list[int] = []
    place = 0
    for time in closing:
        while place < len(slices) and slices[place].time <= time:
            if slices[place].end is None:
                opened.append(place)
            place += 1
        if opened:
            ends[opened.pop()] = time
    return ends


def _slice_of(lane: _Lane | None, flow: dict[str, Any]) -> int | None:
    """Return the slice of a flow event: around it, or the next one for an end without `bp`."""
    if lane is None:
        return None
    if flow["ph"] == "f" and flow.get("bp") != "e":
        after = bisect_left(lane.times, flow["time"])
        if after < len(lane.slices):
            return lane.slices[after]
    last = bisect_right(lane.times, flow["time"]) - 1
    for place in range(last, max(last - NESTED_MAX, -1), -1):
        if lane.ends[place] >= flow["time"]:
            return lane.slices[place]
    return None
