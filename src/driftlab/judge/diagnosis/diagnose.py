"""Which known wrong machine wrote a log: the plain names of the faults behind violations.

A rule says which event is wrong; a diagnosis says what the program does wrong. Each
known fault predicts an event from its neighbours: a machine that takes `max(C, stamp)`
at a receive has that clock there and no other. A fault is named where what it predicts
is found, at nearly every event that can show it (`clock_faults`, `inbox_faults`).

The invariant: a log that breaks no rule has no fault, but for a choice of peers that
chance does not explain (`peer_faults`; the rule `peer-choice` needs a journal). What
violations remain are described by the sentence of their rule. Limit: two faults that write
the same log are one name, which says both.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.judge.context import NO_ROWS, Context, Findings, Rule, required
from driftlab.judge.diagnosis.clock_faults import CLOCK_RULES, clock_faults
from driftlab.judge.diagnosis.fault import NamedRows, by_process
from driftlab.judge.diagnosis.inbox_faults import inbox_faults
from driftlab.judge.inbox import mixes_operations
from driftlab.judge.peer_choice import CHANCE_MAX, PEERS_MAX, chance_bound
from driftlab.model.columns import EVERY_PEER, INTERNAL, NO_TARGET, RECEIVE, SEND

# What breaks a rule whose violations are all of one kind.
PLAIN_NAMES: Final[Mapping[str, str]] = {
    "process-order": "writes its events out of order",
    "vector-back": "lets a vector entry go back",
    "vector-merge": "does not merge the vector that it receives",
    "vector-own": "does not count its events one by one in its own vector entry",
    "vector-ahead": "counts events in a vector that it cannot have heard of",
    "matrix-merge": "does not merge the matrix that it receives",
    "hybrid-condition": "does not merge the hybrid clock that it receives",
    "hybrid-bound": "lets the hybrid clock leave its physical time",
    "hybrid-step": "counts the hybrid clock up where it should not",
    "from-nowhere": "receives messages that nobody sent",
    "before-sent": "receives messages before they are sent",
    "delivered-twice": "receives messages twice",
    "fifo": "messages overtake each other",
    "inbox-order": "takes messages out of their order",
    "queue": "queue lengths do not add up",
    "due": "ticks are not due at phase + k / rate",
}
MISNAMED: Final = "calls its events what they are not"
SLOW_PERIODS_NAMED: Final = (55.0, 65.0)  # how many times too slow is 60/r instead of 1/r
SINGLE_FOR_EACH_ALL: Final = 2  # faces 1 and 2 send to one peer, face 3 to all
DEVIATIONS_MAX: Final = 4.0  # standard deviations
SEVERAL_TIMES: Final = 2.0  # a machine that is slower is so by a factor, not by a percentage


class Fault(NamedTuple):
    """What a program does wrong.

    name: in plain words. rule: the one that shows it, None where none does.
    processes: names of those that do it. events: how many events show it.
    is_named: whether the fault itself is known, and not only the rule that it breaks.
    """

    name: str
    rule: str | None
    processes: tuple[str, ...]
    events: int
    is_named: bool = True

    def joined(self, other: "Fault") -> "Fault":
        """Return the same fault of two runs as one."""
        more = [name for name in other.processes if name not in self.processes]
        events = self.events + other.events
        return self._replace(processes=(*self.processes, *more), events=events)

    def to_dict(self) -> dict[str, Any]:
        """Return it under the names of the JSON interface."""
        return {
            "fault": self.name,
            "rule": self.rule,
            "processes": list(self.processes),
            "events": self.events,
        }


def diagnose(
    context: Context, found: Mapping[str, Findings], rules: Mapping[str, Rule]
) -> list[Fault]:
    """Return the faults of the programs that wrote a history, in the order of the rules.

    found: what each rule that was applied finds, by its name. rules: all rules, by
    name. Each violation counts for a fault, and most for one.
    """
    violated = {name: each.rows for name, each in found.items() if len(each.rows)}
    named = [*_named(context, found, violated), *_peer_faults(context, found)]
    explained: dict[str, IntArray] = {}
    for each in named:
        for rule in each.rules:
            explained[rule] = np.union1d(explained.get(rule, NO_ROWS), each.explained)
    faults = _joined(context, named, violated)
    for rule, rows in violated.items():
        left = rows[~np.isin(rows, explained.get(rule, NO_ROWS))]
        if len(left):
            name = PLAIN_NAMES.get(rule)
            sentence = name or f"breaks {rule}: {rules[rule].says}"
            faults.append(
                Fault(sentence, rule, _names_of(context, left), len(left), name is not None)
            )
    order = [*rules, None]
    return sorted(faults, key=lambda fault: order.index(fault.rule))


def _named(
    context: Context, found: Mapping[str, Findings], violated: Mapping[str, IntArray]
) -> list[NamedRows]:
    """Return the faults that are known by what they predict, a process at a time."""
    named: list[NamedRows] = []
    if any(rule in violated for rule in CLOCK_RULES):
        named += clock_faults(context, violated)
    named += inbox_faults(context, violated)
    if "one-operation" in violated:
        rows = violated["one-operation"]
        mixed = rows[mixes_operations(context)[rows]]
        named += by_process(MISNAMED, "one-operation", np.unique(mixed), context.process)
    if "pacing" in violated:
        named += _paces(context, found["pacing"])
    if "peer-choice" in violated:
        named += _chosen_peers(context, violated["peer-choice"])
    return named


def _joined(
    context: Context, named: Sequence[NamedRows], violated: Mapping[str, IntArray]
) -> list[Fault]:
    """Return one fault for each name, with all processes that have it."""
    by_name: dict[str, list[NamedRows]] = {}
    for each in named:
        by_name.setdefault(each.name, []).append(each)
    return [
        Fault(
            name,
            _rule_of(same, violated),
            _in_order(context, [each.process for each in same]),
            sum(each.events for each in same),
        )
        for name, same in by_name.items()
    ]


def _rule_of(same: Sequence[NamedRows], violated: Mapping[str, IntArray]) -> str | None:
    """Return the rule most of whose violations a fault explains, None if it breaks none."""
    explained = np.concatenate([each.explained for each in same])
    broken = [rule for rule in same[0].rules if rule in violated]
    return max(broken, key=lambda rule: int(np.isin(violated[rule], explained).sum()), default=None)


def _in_order(context: Context, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(context.trace.names[place] for place in sorted(set(places)))


def _names_of(context: Context, rows: IntArray) -> tuple[str, ...]:
    return _in_order(context, np.unique(context.process[rows]).tolist())


# Rates.


def _paces(context: Context, pacing: Findings) -> list[NamedRows]:
    """Name by how much machines are too slow, or too fast."""
    named = []
    for number, row in enumerate(pacing.rows.tolist()):
        achieved = float(pacing.explain(number).found.split()[0])
        process = int(context.process[row])
        rate = context.description_of(process).rate
        if rate and achieved > 0:
            name = _pace_name(rate, achieved)
            events = int(np.diff(context.trace.starts)[process])
            here = pacing.rows[number : number + 1]
            named.append(NamedRows(name, ("pacing",), process, here, events))
    return named


def _pace_name(rate: float, achieved: float) -> str:
    times = rate / achieved
    if SLOW_PERIODS_NAMED[0] < times < SLOW_PERIODS_NAMED[1]:
        return "sleeps 60/r instead of 1/r"
    if times >= SEVERAL_TIMES:
        return f"{times:.3g} times too slow"
    percent = f"{abs(achieved / rate - 1) * 100:.2g} %"
    return f"{percent} {'slow' if achieved < rate else 'fast'}"


# The die's choice of a peer.


def _chosen_peers(context: Context, rows: IntArray) -> list[NamedRows]:
    """Name choices of a peer that the rule `peer-choice` reports."""
    named = []
    for row in rows.tolist():
        process = int(context.process[row])
        name = _choice_name(context, process)
        if name is not None:
            here = rows[context.process[rows] == process]
            sent = int(_single_targets(context, process).sum())
            named.append(NamedRows(name, ("peer-choice",), process, here, sent))
    return named


def _single_targets(context: Context, process: int) -> IntArray:
    """Return how many messages a process sent to each of its peers alone."""
    begin, end = context.trace.starts[process : process + 2].tolist()
    to = required(context.columns.target)[begin:end]
    counts: IntArray = np.bincount(to[to >= 0], minlength=context.trace.processes)
    return counts[list(context.trace.peers_of(process))]


def _choice_name(context: Context, process: int) -> str | None:
    """Return what is wrong with a die that never chooses a peer; None if it chooses each."""
    counts = _single_targets(context, process)
    if len(counts) < 2 or counts.min() > 0:
        return None
    return "faces 1 and 2 reach the same peer" if len(counts) == 2 else "never chooses one peer"


def _peer_faults(context: Context, found: Mapping[str, Findings]) -> list[NamedRows]:
    """Name choices of a peer in the log of another program that throws the assignment's die.

    Such a log does not say so; it shows it by events of all three kinds, lengths of a
    queue, and, in every process that sends, one message to all for two to a single peer.
    """
    of, trace = context.columns, context.trace
    if len(trace.process_info) and any(one.process for one in trace.process_info):
        return []
    if "peer-choice" in found or of.target is None or of.queue is None:
        return []
    if not 3 <= trace.processes <= PEERS_MAX:
        return []
    if not all(bool((of.kind == kind).any()) for kind in (INTERNAL, SEND, RECEIVE)):
        return []
    named, dice = [], 0
    for process in range(trace.processes):
        begin, end = trace.starts[process : process + 2].tolist()
        target = of.target[begin:end]
        sends = np.flatnonzero(target != NO_TARGET)
        if not len(sends):
            continue
        several = target[sends][target[sends] < 0]
        everybody = np.isin(several, _codes_of_all(context, process))
        if not len(several) or not everybody.all():
            return []  # no die: it sends to some of its peers at once, or never to all
        counts = _single_targets(context, process)
        expected = int(counts.sum()) / SINGLE_FOR_EACH_ALL
        if abs(len(several) - expected) > DEVIATIONS_MAX * expected**0.5:
            return []  # another die
        dice += 1
        name = _choice_name(context, process)
        chance = chance_bound(int(counts.sum()), int(counts.min()), len(counts))
        if name is not None and chance < CHANCE_MAX / trace.processes:
            named.append(NamedRows(name, (), process, NO_ROWS, int(counts.sum())))
    return named if dice > 1 else []


def _codes_of_all(context: Context, process: int) -> list[int]:
    """Return the values in `target` that stand for every peer of a process."""
    peers = context.trace.peers_of(process)
    return [EVERY_PEER, *(-3 - place for place, each in enumerate(context.trace.sets)
                          if tuple(each) == tuple(peers))]  # fmt: skip
