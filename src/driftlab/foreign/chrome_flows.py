"""Flows of Chrome's traces: in which slice each flow event is, and which are one message.

*Slices.* A thread is a stack. Its events go by their time, and among equals in
the file's order: so an `E` ends the slice of the last `B` that is open at its
place in the file, though another begins at the same time. A flow event is in the
innermost slice that is open at its place. For a slice that is written whole
(`X`, and instants) only time counts, from its first instant to its last, since
programs write it when it ends; the last one that begins at an instant has the
flow events of that instant. Where none is open, the next `B` of that instant
counts, or else a slice that has just ended.

*Flows.* A flow has one key: `cat`, `name`, `scope` and `id`, or `id2` (its
`local` id within one `pid`); numbers and texts of numbers are the same. Slices
may name a flow themselves, by `bind_id` alone: with `flow_out` it begins there,
with `flow_in` it ends, with both it passes.

A key with one beginning is one message, whatever the times say, since clocks of
processes need not agree: the beginning sends it, passings receive and pass it on
in the order of time, ends receive it. Where a key begins several times, as
programs reuse ids, its steps are gone through in the order of time, among equals
in the file's order: each beginning is a message of its own, and a step after it
receives what was sent last. At one instant passings come before ends, and what
was written before any beginning of that instant belongs to it if the message
before has an end, or there is none. Several ends after one beginning are several
receives of one message, each in its slice (fan-out); a passing after an end is
one more of them.

*Limits.* An event receives one message; a second one is reported. Of what one
event sent to one thread the first receive is kept; the others, which follow it
there, are reported, so nothing of the order is lost. A slice is one event, when
it begins: a flow back into the slice that sent it, or into one around that, is
reported and is not a message. Our own events are kept as they are: they are known
to be no spans, and a message received twice was received twice. A beginning
without an end before the next beginning is a message that nobody received, and
not a send. An id that is reused between clocks that disagree by more than the
time between its uses joins wrong ends. NESTED_MAX levels of slices are looked
through; slices of one thread that overlap without being nested count as levels.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

Thread: TypeAlias = tuple[str, str]  # pid and tid
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
        """Return the columns of an event that this program wrote, None for another program's."""
        ours = self.args.get(OURS) if isinstance(self.args, dict) else None
        return ours if isinstance(ours, dict) else None


class SliceStack(NamedTuple):
    """The slices of one thread by time, all columns of one length.

    slices: their numbers. times, ends: nanoseconds. places: where they stand in
    the file. closings: where their `E` stands, NEVER without one. outer: the one
    that each began in, whole: the last one up to it that needs no `E`; ranks in
    this stack, or -1. reach: the last end among each one and those it began in.
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
        """Return the number of the innermost slice around a flow event, None without any.

        `time`: the event's, in nanoseconds. `place`: where it stands in the file.
        """
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
        """Return the number of the slice that begins next after a flow event; see `around`.

        A slice that begins at the same time counts, wherever it stands in the file.
        """
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
    """Return the stack of every thread.

    `slices`, and `ends`, the elements of phase `E`: both in the file's order.
    """
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
    own = [slices[number] for number in numbers]
    stack = SliceStack(
        numbers,
        [one.time for one in own],
        [NEVER if one.end is None else one.end for one in own],
        [one.place for one in own],
        [NEVER] * len(own),
        [-1] * len(own),
        [-1] * len(own),
        [],
    )
    _nest(stack, own, closing)
    return stack


def _nest(stack: SliceStack, own: Sequence[Slice], closing: list[tuple[int, int]]) -> None:
    """Fill in what needs the stack: once through slices and ends, by time and place."""
    around: list[int] = []  # begun, and not known to have ended
    opened: list[int] = []  # those of them that an `E` ends
    ends = stack.ends
    closing.append((NEVER, NEVER))
    last, whole = 0, -1
    for rank, one in enumerate(own):
        while closing[last] < (one.time, one.place):
            _close(stack, opened, closing[last])
            last += 1
        while around and ends[around[-1]] <= one.time:
            around.pop()
        if around:
            stack.outer[rank] = around[-1]
        around.append(rank)
        if one.end is None:
            opened.append(rank)
        else:
            whole = rank
        stack.whole[rank] = whole
    for end in closing[last:-1]:
        _close(stack, opened, end)
    for until, outer in zip(ends, stack.outer, strict=True):
        stack.reach.append(until if outer < 0 else max(until, stack.reach[outer]))


def _close(stack: SliceStack, opened: list[int], end: tuple[int, int]) -> None:
    if opened:
        rank = opened.pop()
        stack.ends[rank], stack.closings[rank] = end


BEGINS, PASSES, ENDS = 0, 1, 2
_PHASES: Final = {"s": BEGINS, "t": PASSES, "f": ENDS}
_NUMBER: Final = re.compile(r"0[xX]([0-9a-fA-F]{1,16})|([0-9]{1,20})")

_Key: TypeAlias = tuple[Any, ...]
# The numbers of the slices that a message is from and to, and the place of its end.
_Message: TypeAlias = tuple[int, int, int]
# A step of a flow: time in nanoseconds, place in the file, phase, number of its slice.
_Step: TypeAlias = tuple[int, int, int, int]


class Binding(NamedTuple):
    """A slice that names a flow itself: its number, place and time, and the element itself."""

    number: int
    place: int
    time: int
    element: dict[str, Any]


class FlowLinks(NamedTuple):
    """Every slice's rank in its thread, and the names of the messages it sent and received.

    unread: flow events that could not be used, where they stand and why.
    late: how many flow events stand in their slice after others of its thread began.
    """

    ranks: list[int]
    sent: list[int | None]
    received: list[int | None]
    unread: list[tuple[int, str]]
    late: int = 0


def link_flows(
    slices: Sequence[Slice],
    ends: Sequence[dict[str, Any]],
    flows: Sequence[dict[str, Any]],
    bindings: Sequence[Binding],
) -> FlowLinks:
    """Find the slice of every flow event, and link those of one flow.

    All in the file's order: `slices`, which are the events; `ends`, the elements of
    phase `E`; `flows`, those of phases `s`, `t` and `f`; `bindings`, the slices that
    name a flow themselves.
    """
    stacks = slice_stacks(slices, ends)
    links = FlowLinks([0] * len(slices), [None] * len(slices), [None] * len(slices), [])
    for stack in stacks.values():
        for rank, number in enumerate(stack.slices):
            links.ranks[number] = rank
    chains: dict[_Key, list[_Step]] = {}
    late = 0
    for flow in flows:
        own = stacks.get(flow["thread"])
        key, around = _key(flow), _slice_of(own, flow)
        if key is None:
            links.unread.append((flow["place"], "is a flow event without an id"))
        elif around is None:
            links.unread.append((flow["place"], "is a flow event in no slice"))
        else:
            step = (flow["time"], flow["place"], _PHASES[flow["ph"]], around)
            chains.setdefault(key, []).append(step)
            late += own is not None and _is_late(own, slices[around].time, flow["time"])
    for binding in bindings:
        _bind(links, chains, binding)
    messages = [each for chain in chains.values() for each in _messages_of(chain, links.unread)]
    _assign_messages(links, messages, slices)
    return links._replace(late=late)


def _is_late(stack: SliceStack, begin: int, time: int) -> bool:
    """Whether other slices begin after one that begins at `begin`, and up to a flow event."""
    return bisect_right(stack.times, time) > bisect_right(stack.times, begin)


def _slice_of(stack: SliceStack | None, flow: dict[str, Any]) -> int | None:
    """Return the slice of a flow event: around it, or the next one for an end without `bp`."""
    if stack is None:
        return None
    number = None
    if flow["ph"] == "f" and flow.get("bp") != "e":
        number = stack.following(flow["time"], flow["place"])
    return stack.around(flow["time"], flow["place"]) if number is None else number


def _key(flow: dict[str, Any]) -> _Key | None:
    """Return what flow events of one flow have in common, None without any id."""
    found, within = _id(flow.get("id")), None
    if found is None and isinstance(two := flow.get("id2"), dict):
        found = _id(two.get("global"))
        if found is None:
            found, within = _id(two.get("local")), flow["thread"][0]
    if found is None:
        return None
    return str(flow.get("cat")), str(flow.get("name")), str(flow.get("scope")), within, found


def _id(given: Any) -> Any:
    """Return an id as a number, if it is one, or as it is; None for what cannot be an id."""
    if type(given) is int:
        return given
    if isinstance(given, str):
        number = _NUMBER.fullmatch(given)
        if number is None:
            return given
        return int(number[1], 16) if number[1] else int(number[2])
    return None if isinstance(given, bool | list | dict) else given


def _bind(links: FlowLinks, chains: dict[_Key, list[_Step]], binding: Binding) -> None:
    is_out, is_in = (_is_true(binding.element.get(key)) for key in ("flow_out", "flow_in"))
    name = _id(binding.element.get("bind_id"))
    if not (is_out or is_in):
        return
    if name is None:
        links.unread.append((binding.place, "is a slice with a flow that has no bind_id"))
        return
    phase = PASSES if is_out and is_in else BEGINS if is_out else ENDS
    step = (binding.time, binding.place, phase, binding.number)
    chains.setdefault((name,), []).append(step)


def _is_true(value: Any) -> bool:
    return value in ("true", 1)  # a JSON true is 1, too


def _messages_of(chain: list[_Step], unread: list[tuple[int, str]]) -> list[_Message]:
    found: list[_Message] = []
    source: int | None = None
    for _, place, phase, number in _in_turn(chain):
        if phase > BEGINS:
            if source is None:
                unread.append((place, "is a flow that begins nowhere"))
            else:
                found.append((source, number, place))
        if phase < ENDS:  # what passes a message on sends the next
            source = number
    return found


def _assign_messages(links: FlowLinks, messages: list[_Message], slices: Sequence[Slice]) -> None:
    """Fill in who sent and received; the first in its thread of what one event sent there."""
    messages.sort(key=lambda each: links.ranks[each[1]])
    held: set[tuple[int, Thread]] = set()
    for source, number, place in messages:
        thread, is_theirs = slices[number].thread, slices[number].ours() is None
        is_within = thread == slices[source].thread and links.ranks[number] <= links.ranks[source]
        if is_within and is_theirs:
            links.unread.append((place, "is a flow back into its own slice, or one around it"))
        elif links.received[number] is not None:
            links.unread.append((place, "is a second message into one event, not held"))
        elif (source, thread) in held and is_theirs:
            links.unread.append((place, "is a second message of one event to one thread, not held"))
        else:
            links.sent[source] = source
            links.received[number] = source
            held.add((source, thread))


def _in_turn(chain: list[_Step]) -> list[_Step]:
    """Return the steps of one key in the order in which they count."""
    if [step[2] for step in chain].count(BEGINS) < 2:
        return sorted(chain, key=itemgetter(2, 0, 1))
    found: list[_Step] = []
    is_open = False  # a message has begun, and has no end
    for _, steps in groupby(sorted(chain), key=itemgetter(0)):
        for step in _at_once(list(steps), is_open):
            found.append(step)
            is_open = step[2] != ENDS
    return found


def _at_once(steps: list[_Step], is_open: bool) -> list[_Step]:
    """Put the steps of one instant in turn: each beginning, then what was written after it."""
    turns: list[list[_Step]] = [[]]
    for step in steps:
        if step[2] == BEGINS:
            turns.append([])
        turns[-1].append(step)
    if not is_open and len(turns) > 1:
        turns[:2] = [turns[0] + turns[1]]
    return [step for turn in turns for step in sorted(turn, key=itemgetter(2))]
