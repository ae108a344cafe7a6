"""A send to several processes that a log writes as several lines, which are one event.

Lines of one process that follow one another, show the same clock and send to
different processes are one send to all of these; a line beside them that is sent to
just these, or to nobody in particular, is the same broadcast written once more. Our
own logs write one line. A machine that counts twice for one send shows two clocks,
and one that sends to the same process twice does not have different ones: neither is
taken for a convention. Nor are lines that are apart (see `apart`): a machine that
does not count its second send writes those. What was sent to each process stays as it was.

Limit: where neither times nor names tell, such a machine writes the same lines.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.conventions.queue import outweigh
from driftlab.history.conventions.separate_sends import find_apart
from driftlab.history.rows import take_rows
from driftlab.history.trace import Trace
from driftlab.lazy import np
from driftlab.model.columns import (
    EVERY_PEER,
    MISSING,
    NO_TARGET,
    NOBODY,
    SEND,
    SET_FIRST,
    UNKNOWN_KIND,
    Columns,
    Timestamps,
)

LINE_PER_TARGET: Final = "line-per-target"
BROADCAST_LINE: Final = "broadcast-line"
_EACH_TARGET: Final = "a line for each target"
_BROADCAST_WORDS: Final = ("broadcast", "multicast", "to all", "to both", "everyone")


class _Group(NamedTuple):
    """The lines of one send.

    begin, end: its rows are begin to end - 1. head: the row of the line that is no
    target's own, -1 if there is none. target: what the column `target` holds for the
    event, or the positions of its targets, rising.
    """

    begin: int
    end: int
    head: int
    target: int | tuple[int, ...]


def recognize_lines(trace: Trace) -> Trace:
    """Return the trace with one row for each send, if the log does not also have such rows."""
    follows = _may_join(trace)
    groups = _groups(trace, follows)
    if not groups:
        return trace
    target = trace.columns.target
    assert target is not None
    later = [row for group in groups for row in range(group.begin + 1, group.end)]
    apart = find_apart(trace, np.array(later, np.int64), follows, target >= 0)
    if len(apart):
        follows[apart] = False
        groups = _groups(trace, follows)
        joined = sum(group.end - group.begin - 1 for group in groups)
        if joined < len(apart):
            groups, joined = [], 0  # that a few lines are near is then likely a coincidence
        own = len(later) - joined
        line = (
            f"{counted(own, 'line')} with the clock of the send before {_is_are(own)} taken as "
            f"{counted(own, 'event')}, as times, messages or words show "
            f"(--assume {LINE_PER_TARGET} joins such lines)"
        )
        trace = trace.replace(assumed=[*trace.assumed, line])
    if not groups:
        return trace
    whole = _whole_sends(trace, groups, target)
    if not outweigh(len(groups), whole):
        line = (
            f"{counted(whole, 'send')} to several processes {_is_are(whole)} one "
            f"line, {len(groups)} more may be written as a line for each target: these are taken "
            f"as events of their own (--assume {LINE_PER_TARGET} joins them)"
        )
        return trace.replace(assumed=[*trace.assumed, line])
    return _joined(trace, groups, "")


def _whole_sends(trace: Trace, groups: Sequence[_Group], target: IntArray) -> int:
    """Return how many lines are a send to several processes by themselves.

    A line beside one that sends to one of the same processes is none: it may be the line
    for all of a send of which another line is damaged.
    """
    is_whole: BoolArray = (target == EVERY_PEER) | (target <= SET_FIRST)
    is_whole[[group.head for group in groups if group.head >= 0]] = False
    inside = np.zeros(len(trace), bool)
    process = trace.process_column()
    for row in np.flatnonzero(is_whole).tolist():
        members = trace.targets_of(row)
        inside[row] = any(
            0 <= other < len(trace) and process[other] == process[row] and target[other] in members
            for other in (row - 1, row + 1)
        )
    return int((is_whole & ~inside).sum())


def assume_lines(trace: Trace, names: Sequence[str]) -> Trace:
    """Return the trace with one row for each send that is written by the conventions named."""
    groups = [
        group
        for group in _groups(trace, _may_join(trace))
        if (LINE_PER_TARGET if group.head < 0 else BROADCAST_LINE) in names
    ]
    return _joined(trace, groups, f" (--assume {','.join(names)})") if groups else trace


# Which lines are one send.


def _may_join(trace: Trace) -> BoolArray:
    """Whether each line may be of the same event as the line before it, by kind and clock."""
    none: BoolArray = np.zeros(len(trace), bool)
    target, clock = trace.columns.target, trace.columns.clock
    if target is None or len(trace) < 2 or (clock is None and trace.timestamps is None):
        return none
    if clock is not None and not (clock[1:] == clock[:-1]).any():
        return none
    sends = _is_only_send(trace)
    single = sends & (target >= 0)
    follows = _follows(trace, single | (sends & (target < 0)), single)
    _without_other_heads(trace, follows, target)
    return follows


def _groups(trace: Trace, follows: BoolArray) -> list[_Group]:
    """Return the groups of lines that are one send, in the order of their rows.

    follows: whether each line may be of the same event as the line before it.
    """
    target = trace.columns.target
    if target is None or not follows.any():
        return []
    begins = np.flatnonzero(follows & ~np.concatenate([[False], follows[:-1]])) - 1
    ends = np.flatnonzero(~follows & np.concatenate([[False], follows[:-1]]))
    if len(ends) < len(begins):
        ends = np.append(ends, len(follows))
    groups: list[_Group] = []
    peers = [trace.peers_of(process) for process in range(trace.processes)]
    process = trace.process_column()
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        groups += _split(trace, begin, target[begin:end].tolist(), peers[process[begin]])
    return _without_misdirected(trace, groups)


def _is_only_send(trace: Trace) -> BoolArray:
    """Whether a line is of an event that may have sent, and received nothing."""
    of = trace.columns
    mask: BoolArray = (of.kind == SEND) | (of.kind == UNKNOWN_KIND)
    if of.sender is not None:
        mask &= of.sender == NOBODY
    if of.received is not None:
        mask &= of.received == MISSING
    return mask


def _without_other_heads(trace: Trace, follows: BoolArray, target: IntArray) -> None:
    """Join no line that sent to nobody in particular, unless it says that it sent to all.

    follows: changed in place.
    """
    unnamed = (target == NO_TARGET) & (trace.columns.kind == UNKNOWN_KIND)
    beside = np.append(follows[1:], False)
    for row in np.flatnonzero(unnamed & (follows | beside)).tolist():
        texts = (column[row] for column in trace.texts.values())
        said = " ".join(text.lower().replace("_", " ") for text in texts if text)
        if not any(word in said for word in _BROADCAST_WORDS):
            follows[row : row + 2] = False


def _follows(trace: Trace, may_join: BoolArray, single: BoolArray) -> BoolArray:
    """Whether a line may be of the same event as the line before it.

    Of two lines at least one is of a single target. Nothing is missing between them,
    both have the same clocks, and no message was taken meanwhile.
    """
    of, follows = trace.columns, np.zeros(len(trace), bool)
    follows[1:] = may_join[1:] & may_join[:-1] & (single[1:] | single[:-1])
    follows[trace.starts[:-1][trace.starts[:-1] < len(trace)]] = False
    follows[trace.gaps] = False
    for column in (of.clock, of.tick, of.due_ns):
        if column is not None:
            follows[1:] &= column[1:] == column[:-1]
    if of.queue is not None:
        known = (of.queue[1:] != MISSING) & (of.queue[:-1] != MISSING)
        follows[1:] &= ~known | (of.queue[1:] >= of.queue[:-1])
    rows = np.flatnonzero(follows)
    if len(rows):
        follows[rows] &= _is_same_clock(trace, rows)
    return follows


def _is_same_clock(trace: Trace, rows: IntArray) -> BoolArray:
    """Whether the clocks of rows say that they are of the same event as the row before."""
    clock, held = trace.columns.clock, trace.timestamps
    known: BoolArray = np.zeros(len(rows), bool) if clock is None else clock[rows] != MISSING
    if held is None:
        return known
    same = _is_same_timestamp(held, rows)
    return same & (known | (held.starts[rows + 1] > held.starts[rows]))


def _is_same_timestamp(held: Timestamps, rows: IntArray) -> BoolArray:
    """Whether the timestamp of each row is that of the row before, entry by entry."""
    begins, counts = held.starts[rows], np.diff(held.starts)
    same: BoolArray = counts[rows] == counts[rows - 1]
    mine = np.flatnonzero(same)
    width = counts[rows[mine]]
    ends = np.cumsum(width)
    offset = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - width, width)
    here = np.repeat(begins[mine], width) + offset
    there = np.repeat(held.starts[rows[mine] - 1], width) + offset
    differs = (held.entries[here] != held.entries[there]) | (
        held.values[here] != held.values[there]
    )
    same[np.repeat(mine, width)[differs]] = False
    return same


def _split(
    trace: Trace, begin: int, targets: Sequence[int], peers: Sequence[int]
) -> Iterator[_Group]:
    """Yield the groups in a run of lines that may be joined.

    begin: its first row. targets: what the column `target` holds in each. peers: the
    processes that its own can send to. A target that occurs again begins another send.
    """
    place = 0
    while place < len(targets):
        has_head = targets[place] < 0
        members = _different(targets[place + has_head :])
        end = place + has_head + len(members)
        head = place if has_head else -1
        if has_head and not _is_head_of(trace, begin + place, targets[place], members, peers):
            place += 1
            continue
        if (
            not has_head
            and end < len(targets)
            and targets[end] < 0
            and _is_head_of(trace, begin + end, targets[end], members, peers)
            and not _leads(trace, begin + end, targets[end:], peers)
        ):
            head, end = end, end + 1
        if head >= 0 or len(members) > 1:
            whole = head >= 0 and targets[head] != NO_TARGET
            target = targets[head] if whole else tuple(sorted(members))
            yield _Group(begin + place, begin + end, begin + head if head >= 0 else -1, target)
        place = end


def _different(targets: Sequence[int]) -> list[int]:
    """Return the single targets at the beginning, until one occurs again."""
    found: list[int] = []
    for target in targets:
        if target < 0 or target in found:
            break
        found.append(target)
    return found


def _leads(trace: Trace, row: int, targets: Sequence[int], peers: Sequence[int]) -> bool:
    """Whether a head is followed by the lines of its own send, so is not of those before it."""
    return _is_head_of(trace, row, targets[0], _different(targets[1:]), peers)


def _is_head_of(
    trace: Trace, row: int, target: int, members: Sequence[int], peers: Sequence[int]
) -> bool:
    """Whether a line says once more what lines to `members`, one each, say."""
    if not members:
        return False
    if target <= SET_FIRST:
        return set(members) == set(trace.sets[SET_FIRST - target])
    has_log = np.diff(trace.starts) > 0
    logged = {peer for peer in peers if has_log[peer]}
    if (logged or set(peers)) <= set(members) <= set(peers):
        return True  # a process without a log may be none, but for a damaged line
    is_any_send = target == NO_TARGET and trace.columns.kind[row] == SEND
    return bool(is_any_send) and len(members) > 1


# One row for each.


def _joined(trace: Trace, groups: Sequence[_Group], how: str) -> Trace:
    """Return the trace with one row, that of the first line, for each group.

    It has the targets of all lines, the queue that the last of them counted, and the
    first text of each column that any has.
    """
    of, rows = trace.columns, len(trace)
    assert of.target is not None
    begins = np.array([group.begin for group in groups], np.int64)
    ends = np.array([group.end for group in groups], np.int64)
    numbers = {tuple(members): number for number, members in enumerate(trace.sets)}
    codes = [
        group.target
        if isinstance(group.target, int)
        else group.target[0]
        if len(group.target) == 1
        else SET_FIRST - numbers.setdefault(group.target, len(numbers))
        for group in groups
    ]
    target, kind = of.target.copy(), of.kind.copy()
    target[begins], kind[begins] = codes, SEND
    columns = _with_one_name(trace, groups)._replace(target=target, kind=kind)
    if of.queue is not None:
        queue = of.queue.copy()
        for last in range(int((ends - begins).max()), 0, -1):  # the last that is known
            shorter = ends - last >= begins
            begin, row = begins[shorter], (ends - last)[shorter]
            known = of.queue[row] != MISSING
            queue[begin[known]] = of.queue[row][known]
        columns = columns._replace(queue=queue)
    keep = np.ones(rows, bool)
    for later in range(1, int((ends - begins).max())):
        keep[(begins + later)[begins + later < ends]] = False
    new = np.cumsum(keep) - 1
    joined = trace.replace(columns=columns, texts=_first_texts(trace, groups))
    return take_rows(joined, np.flatnonzero(keep)).replace(
        sets=list(numbers), gaps=new[trace.gaps], assumed=[*trace.assumed, *_said(groups, how)]
    )


def writes_line_per_target(trace: Trace) -> bool:
    """Whether lines for the targets of a send were joined in a trace."""
    return any(f"written as {_EACH_TARGET}" in line for line in trace.assumed)


def _said(groups: Sequence[_Group], how: str) -> Iterator[str]:
    """Yield what was assumed, a line for each convention."""
    plain = [group for group in groups if group.head < 0]
    headed = [group for group in groups if group.head >= 0]
    for mine, words in (
        (plain, _EACH_TARGET),
        (headed, f"{_EACH_TARGET} and one more for all"),
    ):
        if mine:
            lines = sum(group.end - group.begin for group in mine)
            yield (
                f"{counted(len(mine), 'send')} {_is_are(len(mine))} written as {words}: "
                f"{lines} lines are {counted(len(mine), 'event')}{how}"
            )


def _is_are(number: int) -> str:
    return "is" if number == 1 else "are"


def _first_texts(trace: Trace, groups: Sequence[_Group]) -> dict[str, list[str | None]]:
    """Return the columns of text, with the first of each group's in its first row."""
    found = {}
    for name, column in trace.texts.items():
        texts = list(column)
        for begin, end, _, _ in groups:
            if not texts[begin]:
                texts[begin] = next((text for text in texts[begin:end] if text), None)
        found[name] = texts
    return found


# The names of messages, where each line of a send has another.


class _Names(NamedTuple):
    """Names of messages of groups that have several, rising: the group and the target of each.

    target: -1 for the line that is no target's own.
    """

    name: IntArray
    group: IntArray
    target: IntArray

    def find(self, received: IntArray) -> tuple[IntArray, BoolArray]:
        """Return the place of each name, and whether it is one of them."""
        place = np.minimum(np.searchsorted(self.name, received), len(self.name) - 1)
        return place, self.name[place] == received


def _names(trace: Trace, groups: Sequence[_Group]) -> _Names | None:
    """Return the names of the messages of groups with several names, None if there are none."""
    sent, target = trace.columns.sent, trace.columns.target
    if sent is None or trace.columns.received is None or target is None:
        return None
    found: dict[int, tuple[int, int]] = {}
    for number, (begin, end, head, _) in enumerate(groups):
        named = [row for row in range(begin, end) if sent[row] != MISSING]
        if len({int(sent[row]) for row in named}) > 1:
            found |= {
                int(sent[row]): (number, -1 if row == head else int(target[row])) for row in named
            }
    inside = np.zeros(len(trace), bool)
    for begin, end, _, _ in groups:
        inside[begin:end] = True
    for name in np.unique(sent[~inside]).tolist():
        found.pop(name, None)  # another event's too: whose message has it is not known
    if not found:
        return None
    names = np.array(sorted(found), np.int64)
    group, to = np.array([found[name] for name in names.tolist()], np.int64).T
    return _Names(names, group, to)


def _without_misdirected(trace: Trace, groups: Sequence[_Group]) -> list[_Group]:
    """Leave out groups of which a message came to another process than its line says.

    As one event with several targets it would hide that.
    """
    names, received = _names(trace, groups), trace.columns.received
    if names is None or received is None:
        return list(groups)
    place, is_named = names.find(received)
    to = names.target[place]
    elsewhere = is_named & (to >= 0) & (to != trace.process_column())
    left_out = set(names.group[place[elsewhere]].tolist())
    return [group for number, group in enumerate(groups) if number not in left_out]


def _with_one_name(trace: Trace, groups: Sequence[_Group]) -> Columns:
    """Return the columns with one name for all messages of a group, that of its first line."""
    of, sent = trace.columns, trace.columns.sent
    if sent is None or of.received is None:
        return of
    sent = sent.copy()
    first = np.full(len(groups), MISSING, np.int64)
    for number, (begin, end, _, _) in enumerate(groups):
        given = sent[begin:end][sent[begin:end] != MISSING]
        if len(given):
            first[number] = sent[begin] = given[0]
    names = _names(trace, groups)
    received = of.received
    if names is not None:
        place, is_named = names.find(received)
        received = np.where(is_named, first[names.group[place]], received)
    return of._replace(sent=sent, received=received)
