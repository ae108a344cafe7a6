"""What is sent arrives: nothing vanishes on the way, a send to several reaches them all.

A message that never came is in flight as long as nothing that was sent after it
on the same channel has come; after that it is lost. Where a channel broke, or
the receiver's log has holes, nothing can be said.
"""

import numpy as np

from driftlab.judge.rules.context import Context
from driftlab.judge.rules.inbox import mixes_operations
from driftlab.judge.rules.lamport import counts_per_target
from driftlab.judge.rules.rule import NO_ROWS, Explanation, Findings, Rule, findings
from driftlab.model.columns import NO_TARGET, Array

_MAY_BE = "the channel broke, or what came is not all known: holes, a later begin, receives unnamed"


def _lost_ones(case: Context) -> tuple[Array, Array]:
    """Return messages that never came though later ones did: rows of the sends, and the targets."""
    rows, to = case.sent
    width = case.trace.processes
    channel = case.process[rows].astype(np.int64) * width + to
    there, sources = _came(case)
    receives = case.matched  # what was received came, whatever was found
    keys = case.messages.source[receives] * width + case.process[receives]
    came_keys = np.sort(np.concatenate([sources * width + case.process[there], keys]))
    sent_keys = rows * width + to
    place = np.searchsorted(came_keys, sent_keys)
    lost = np.append(came_keys, -1)[place] != sent_keys
    if len(case.messages.misdelivered):  # they went elsewhere
        lost &= ~np.isin(rows, case.messages.source[case.messages.misdelivered])
    lost &= ~mixes_operations(case)[rows]  # that it was sent is told to be wrong
    rows, to, channel = rows[lost], to[lost], channel[lost]
    channels, begins, sources = case.cached("came by channel", _by_channel)
    if not len(channels):
        return rows[:0], to[:0]
    place = np.minimum(np.searchsorted(channels, channel), len(channels) - 1)
    last = sources[begins[place + 1] - 1]
    overtaken = (channels[place] == channel) & (last > rows)
    return rows[overtaken], to[overtaken]


def _came(case: Context) -> tuple[Array, Array]:
    """Return what came in and is known to have been sent: rows of there, and of the sends."""
    there, sources = case.arrivals_or_receives
    keep = sources >= 0
    return there[keep], sources[keep]


def _by_channel(case: Context) -> tuple[Array, Array, Array]:
    """Return the channels on which something came, and the rows of the sends of what came.

    A channel is sender * processes + receiver, rising; channel k's sends are
    begins[k]:begins[k + 1] of the last, rising.
    """
    there, sources = _came(case)
    channel = case.process[sources].astype(np.int64) * case.trace.processes + case.process[there]
    order = np.lexsort((sources, channel))
    channels, begins = np.unique(channel[order], return_index=True)
    return channels, np.append(begins, len(order)), sources[order]


def _losses(case: Context) -> tuple[Array, Array, Array]:
    """Return what `_find_losses` does, found once."""
    losses: tuple[Array, Array, Array] = case.cached("losses", _find_losses)
    return losses


def _find_losses(case: Context) -> tuple[Array, Array, Array]:
    """Return lost messages, and of each whether only sends to several lose any there.

    That tells a sender that does not send to all from a receiver that loses
    whatever it is sent: of those a message to one is lost too, sooner or later.
    """
    rows, to = _lost_ones(case)
    target = case.columns.target[rows]
    single = target >= 0
    senders = case.process[rows]
    suspect = np.isin(senders, senders[single]) | np.isin(to, to[single])
    return rows, to, ~single & ~suspect


def _next_there(case: Context, row: int, to: int) -> int:
    """Return the row of the next send on the same channel whose message came."""
    channels, begins, sources = case.cached("came by channel", _by_channel)
    channel = int(case.process[row]) * case.trace.processes + to
    place = int(np.searchsorted(channels, channel))
    mine = sources[begins[place] : begins[place + 1]]
    return int(mine[np.searchsorted(mine, row, side="right")])


def _excused(case: Context, rows: Array, to: Array) -> Array:
    """Whether a message may have come, or its channel broke: then nothing can be said.

    It may have come if the receiver's log has holes, or receives that name no
    message, or begins anywhere and has nothing of the channel that was sent before.
    """
    names = case.trace.names
    broke = [
        names[place] in case.author(sender).lost or names[sender] in case.author(place).lost
        for sender, place in zip(case.process[rows].tolist(), to.tolist(), strict=True)
    ]
    channels, begins, sources = case.cached("came by channel", _by_channel)
    channel = case.process[rows].astype(np.int64) * case.trace.processes + to
    first = sources[begins[np.searchsorted(channels, channel)]]
    before = (first > rows) & case.may_lack_first[to]
    return case.has_gaps[to] | case.has_unnamed_messages[to] | before | np.array(broke, bool)


def _lost(case: Context) -> Findings:
    """A message does not vanish from a channel on which later ones arrive."""
    rows, to, of_several = _losses(case)
    excused = _excused(case, rows, to)
    mine = ~of_several & ~excused
    wrong, where = rows[mine], to[mine]

    def tell(number: int) -> Explanation:
        row, place = int(wrong[number]), int(where[number])
        other, name = _next_there(case, row, place), case.trace.names[place]
        return Explanation(
            f"{name} finds this message before that of {case.name(other)}",
            f"{name} found only that",
            (row, other),
        )

    return findings(wrong, tell, rows[~of_several & excused], _MAY_BE)


# To several.


def _send_to_all(case: Context) -> Findings:
    """A send to several is one event, with one stamp, and reaches every target."""
    uneven = case.messages.source[case.messages.stamp_per_target]
    counted = np.flatnonzero(counts_per_target(case)) if case.columns.clock is not None else NO_ROWS
    stamped = np.union1d(uneven, counted)
    rows, to, of_several = _losses(case)
    excused = _excused(case, rows, to)
    mine = of_several & ~excused
    wrong = np.concatenate([stamped, rows[mine]])

    def tell(number: int) -> Explanation:
        row = int(wrong[number])
        if number < len(stamped):
            return _told_apart(case, row)
        place = int(to[mine][number - len(stamped)])
        return Explanation(
            f"reaches {_listed(case, row)}",
            f"never came to {case.trace.names[place]}, though a later message did",
            (row, _next_there(case, row, place)),
        )

    return findings(wrong, tell, rows[of_several & excused], _MAY_BE)


def _listed(case: Context, row: int) -> str:
    return " and ".join(case.trace.names[place] for place in case.trace.targets_of(row))


def _told_apart(case: Context, row: int) -> Explanation:
    of = case.columns
    received = case.receives_of(row)
    stamps = [f"{of.stamp[each]} at {case.name(each)}" for each in received]
    before = (row - 1,) if not case.is_first[row] else ()
    stood = of.clock[row - 1] if before else 0
    return Explanation(
        f"one step, from {stood} to {stood + 1}, and that one stamp to {_listed(case, row)}",
        f"clock {of.clock[row]}" + (f", stamps {', '.join(stamps)}" if stamps else ""),
        (*before, row, *received),
    )


def _has_targets(case: Context) -> bool:
    """Whether the log says to whom events sent, and names messages, if only by their stamps."""
    if case.messages.implied:
        return False
    return case.columns.target is not None and bool((case.columns.target != NO_TARGET).any())


LOST_MESSAGE = Rule(
    "lost-message",
    "no message vanishes from a channel on which later ones arrive",
    _has_targets,
    _lost,
)
SEND_TO_ALL = Rule(
    "send-to-all",
    "a send to several is one event with one stamp, and reaches every one of them",
    _has_targets,
    _send_to_all,
)
