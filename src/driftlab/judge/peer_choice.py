"""The die's choice of a peer: each has the same chance to get a message sent to one.

Rule: `peer-choice`. It needs the targets of sends, and processes that their
journals say to be the die of the assignment.

A single throw cannot be wrong; that all of many throws give one peer, or none
does, can. A process is reported only if so uneven a division has a chance below
CHANCE_MAX under a fair choice: of ten thousand million correct runs one is
reported wrongly. Limit: a slight bias, or one over few messages, is not seen.
"""

from math import exp, log
from typing import Final

import numpy as np

from driftlab.judge.context import Context, Explanation, Findings, Rule, findings, required

CHANCE_MAX: Final = 1e-10  # shared by all processes of a history
PEERS_MAX: Final = 1_000  # of a process; with more, a message to each is too rare to judge by
PROCESSES_ASKED_MAX: Final = 100  # until one is found whose process is the die


def _judge_peer_choice(context: Context) -> Findings:
    violations: dict[int, Explanation] = {}
    for process in range(context.trace.processes):
        peers = context.trace.peers_of(process)
        if context.description_of(process).process == "die" and 2 <= len(peers) <= PEERS_MAX:
            violations |= _violations_of(context, process, peers)
    rows = np.array(list(violations), np.int64)
    return findings(rows, lambda number: violations[int(rows[number])])


def _violations_of(
    context: Context, process: int, peers: tuple[int, ...]
) -> dict[int, Explanation]:
    """Return the violations of one process by their rows."""
    names, processes = context.trace.names, context.trace.processes
    begin, end = context.trace.starts[process : process + 2].tolist()
    to = required(context.columns.target)[begin:end]
    found = {
        row: Explanation(
            "a message to a peer",
            f"a message to {names[int(to[row - begin])]}, which is not a peer",
            (row,),
        )
        for row in (np.flatnonzero((to >= 0) & ~np.isin(to, peers)) + begin).tolist()
    }
    counts = np.bincount(to[to >= 0], minlength=processes)[list(peers)]
    total = int(counts.sum())
    most, least = (
        chance_bound(total, int(count), len(peers)) for count in (counts.max(), counts.min())
    )
    if min(most, least) < CHANCE_MAX / processes:
        place = int(counts.argmax() if most <= least else counts.argmin())
        found[end - 1] = Explanation(
            f"about {total / len(peers):.0f} of {total} messages sent to one peer to each of "
            f"{len(peers)} peers",
            f"{counts[place]} to {names[peers[place]]}",
            (begin, end - 1),
        )
    return found


def chance_bound(total: int, count: int, peers: int) -> float:
    """Return an upper bound of the chance that some peer's count is as far from its share.

    Chernoff's bound, exp(-total D(count / total || 1 / peers)), for each of the
    peers and for both sides of the share.
    """
    if not total:
        return 1.0
    share, fair = count / total, 1 / peers
    divergence = share * log(share / fair) if share else 0.0
    if share < 1:
        divergence += (1 - share) * log((1 - share) / (1 - fair))
    return min(1.0, 2 * peers * exp(-total * divergence))


def _dice(context: Context) -> int:
    """Return how many processes are the die of several peers; 0 if none of the first hundred is."""
    described = context.trace.process_info
    if context.columns.target is None or not len(described) or context.trace.processes < 3:
        return 0
    if not any(description.process == "die" for description in described[:PROCESSES_ASKED_MAX]):
        return 0
    sent = np.bincount(context.process[required(context.columns.target) >= 0])
    return sum(
        described[process].process == "die" and len(context.trace.peers_of(process)) >= 2
        for process in np.flatnonzero(sent).tolist()
    )


PEER_CHOICE = Rule(
    "peer-choice",
    "messages sent to one peer are shared evenly among all peers",
    _dice,
    _judge_peer_choice,
)
