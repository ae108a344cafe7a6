"""The die: each peer has the same chance to get a message that goes to one.

What a single throw gave cannot be wrong; that all throws give one peer, or none
gives it, can. A process is judged only if so uneven a division has a chance of
less than CHANCE_MAX under a fair choice: of ten thousand million right runs one
is wronged.
"""

from math import exp, log

import numpy as np

from driftlab.judge.context import Context, Explanation, Findings, Rule, findings

CHANCE_MAX = 1e-10  # shared by all processes of a history
PEERS_MAX = 1_000  # of a process; among more a message to each is too rare to judge by


def _peer_choice(case: Context) -> Findings:
    """Messages to one peer are shared evenly among the peers."""
    target, starts = case.columns.target, case.trace.starts
    unfair: dict[int, Explanation] = {}
    for process in range(case.trace.processes):
        begin, end = int(starts[process]), int(starts[process + 1])
        if case.author(process).process != "die":
            continue
        peers = case.trace.peers_of(process)
        if not 2 <= len(peers) <= PEERS_MAX:
            continue
        to = target[begin:end]
        strange = np.flatnonzero((to >= 0) & ~np.isin(to, peers)) + begin
        for row in strange.tolist():
            unfair[row] = Explanation(
                "a peer", f"sent to {case.trace.names[int(target[row])]}, which is none", (row,)
            )
        counts = np.bincount(to[to >= 0], minlength=case.trace.processes)[list(peers)]
        total = int(counts.sum())
        chances = [_chance(total, int(each), len(peers)) for each in (counts.max(), counts.min())]
        if min(chances) < CHANCE_MAX / case.trace.processes:
            place = int(counts.argmax() if chances[0] <= chances[1] else counts.argmin())
            name, worst = case.trace.names[peers[place]], int(counts[place])
            unfair[end - 1] = Explanation(
                f"about {total / len(peers):.0f} of {total} messages to one peer to each of "
                f"{len(peers)}", f"{worst} to {name}", (begin, end - 1)
            )  # fmt: skip
    rows = np.array(list(unfair), np.int64)
    return findings(rows, lambda number: unfair[int(rows[number])])


def _chance(total: int, count: int, peers: int) -> float:
    """Return a bound for the chance that some peer's count of messages is so far from its share.

    Chernoff's: exp(-n D(count / n || 1 / peers)) for each of the peers, and for
    both sides of the share.
    """
    if not total:
        return 1.0
    share, fair = count / total, 1 / peers
    distance = share * log(share / fair) if share else 0.0
    if share < 1:
        distance += (1 - share) * log((1 - share) / (1 - fair))
    return min(1.0, 2 * peers * exp(-total * distance))


def _applies(case: Context) -> bool:
    authors = case.trace.process_info
    if case.columns.target is None or not len(authors) or case.trace.processes < 3:
        return False
    return any(author.process == "die" for author in authors[:100])


PEER_CHOICE = Rule(
    "peer-choice", "messages to one peer are shared evenly among all peers", _applies, _peer_choice
)
