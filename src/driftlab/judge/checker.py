"""The judge: every rule over a whole history, and what came of it.

The judge believes program order and the names of messages, nothing else; every
clock is held against them. It finds all violations, and puts them into words
only for who asks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, overload

import numpy as np

from driftlab.errors import DriftlabError
from driftlab.history.matching.messages import Messages
from driftlab.history.matching.repair import RepairedTrace
from driftlab.history.trace import Trace, UnreadLine
from driftlab.judge.rules.catalogue import RULES
from driftlab.judge.rules.context import Context
from driftlab.judge.rules.rule import Findings, Rule
from driftlab.model.columns import KINDS, UNKNOWN_KIND

HOLDS: Final = "holds"
VIOLATED: Final = "violated"
EVENT_CHARACTERS: Final = 40  # of what a log says of an event, in the words for it


class NoSuchRuleError(DriftlabError):
    """A name of a rule that is none; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation: the rule, the event, what was expected, what stands there, and the proof.

    file, line: where the event stands, None where there is no file. process,
    index: its process and its number within it, from 0. row: its row in the
    history. witness: the chain of events that proves it, in words, and rows:
    their rows.
    """

    rule: str
    file: str | None
    line: int | None
    process: str
    index: int
    row: int
    expected: str
    found: str
    witness: tuple[str, ...]
    rows: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it under the names of the JSON interface."""
        return asdict(self) | {"witness": list(self.witness), "rows": list(self.rows)}


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event that holes in the log leave undecided: by which rule, where it stands, and why."""

    rule: str
    file: str | None
    line: int | None
    process: str
    index: int
    reason: str


class Violations(Sequence[Violation]):
    """All violations of a history, rule after rule; each is put into words when it is looked at."""

    def __init__(self, case: Context, found: dict[str, Findings]) -> None:
        self._case = case
        self._found = {name: each for name, each in found.items() if len(each.rows)}

    def __len__(self) -> int:
        return sum(len(each.rows) for each in self._found.values())

    @overload
    def __getitem__(self, place: int) -> Violation: ...
    @overload
    def __getitem__(self, place: slice) -> list[Violation]: ...
    def __getitem__(self, place: int | slice) -> Violation | list[Violation]:
        places = range(len(self))[place]
        if isinstance(places, range):
            return [self._told(each) for each in places]
        return self._told(places)

    def of(self, rule: str, limit: int | None = None) -> list[Violation]:
        """Return the violations of one rule, the first `limit` of them."""
        if rule not in self._found:
            return []
        many = len(self._found[rule].rows)
        shown = many if limit is None else min(many, limit)
        return [self._tell(rule, each) for each in range(shown)]

    def _told(self, place: int) -> Violation:
        for name, each in self._found.items():
            if place < len(each.rows):
                return self._tell(name, place)
            place -= len(each.rows)
        raise IndexError(place)

    def _tell(self, rule: str, number: int) -> Violation:
        trace = self._case.trace
        telling = self._found[rule].explain(number)
        row = int(self._found[rule].rows[number])
        return Violation(
            rule,
            *trace.source_of(row),
            *trace.place(row),
            row,
            telling.expected,
            telling.found,
            tuple(describe(self._case, each) for each in telling.witness),
            telling.witness,
        )


class Verdict:
    """What the judge found in one history.

    holds: whether no rule is violated. events: how many there are.
    counts: of every rule that was applied how often it is violated, also 0.
    violations: every one of them, put into words as they are looked at.
    processes: how many there are. messages: how many were received from a send that is there.
    unknown: how many questions holes in the log leave undecided; `unknowns` tells of them.
    unread: what in the log matched nothing. in_flight: messages that were sent
    and not received, but for those to processes without a log; None where the
    log does not say to whom events sent.
    is_foreign: whether the log says nothing about its processes, as ours do.
    not_applied: rules that need what the log does not have.
    remarks: what is no violation but should be known.
    """

    def __init__(
        self, case: Context, found: dict[str, Findings], not_applied: Sequence[str] = ()
    ) -> None:
        self._case = case
        self._found = found
        self.not_applied = list(not_applied)
        self.is_foreign = not len(case.trace.process_info)
        self.events = len(case)
        self.counts = {name: len(each.rows) for name, each in found.items()}
        self.violations = Violations(case, found)
        self.processes = case.trace.processes
        self.messages = len(case.messages.receives)
        self.unknown_counts = {name: len(each.unknown) for name, each in found.items()}
        self.unknown = sum(self.unknown_counts.values())
        self.unread: Sequence[UnreadLine] = case.trace.unread

    @property
    def holds(self) -> bool:
        """Whether no rule is violated."""
        return not any(self.counts.values())

    @property
    def verdict(self) -> str:
        """`holds` or `violated`."""
        return HOLDS if self.holds else VIOLATED

    def unknowns(self, limit: int | None = None) -> Iterator[Unknown]:
        """Yield what is undecided, rule after rule, the first `limit` of each rule."""
        trace = self._case.trace
        for name, each in self._found.items():
            for row in each.unknown[:limit].tolist():
                yield Unknown(name, *trace.source_of(row), *trace.place(row), each.reason)

    @property
    def in_flight(self) -> int | None:
        """How many messages were sent and not received, as far as the log says."""
        if self._case.columns.target is None:
            return None
        case = self._case
        rows, to = case.sent
        keys = rows * case.trace.processes + to
        came_from, there = _received(case)
        lacking = ~np.isin(keys, came_from * case.trace.processes + there)
        return int((lacking & ~case.is_absent[to]).sum())

    @property
    def remarks(self) -> list[str]:
        """What is no violation but should be known."""
        names = [
            self._case.trace.names[place] for place in sorted(self._case.messages.stamp_before_send)
        ]
        told = [f"messages of {name} carry its clock before the send was counted" for name in names]
        absent = list(self._case.trace.missing_processes)
        more = f" and {len(absent) - 10} more" if len(absent) > 10 else ""
        told += [f"no log of {', '.join(absent[:10])}{more}"] if absent else []
        told += [f"the log of {name} breaks off at {place}" for name, place in self._broken()]
        kept = [name for name in self._case.trace.texts if name not in ("event", "recorded")]
        return told + ([f"kept as text, and not judged: {', '.join(kept)}"] if kept else [])

    def _broken(self) -> Iterator[tuple[str, str]]:
        """Yield processes whose log tells that it is not whole, and where it ends."""
        trace = self._case.trace
        for process, author in enumerate(trace.process_info):
            end = int(trace.starts[process + 1])
            if not author.ended and author.from_start and end > trace.starts[process]:
                yield trace.names[process], "{}:{}".format(*trace.place(end - 1))

    def __repr__(self) -> str:
        broken = {name: count for name, count in self.counts.items() if count}
        return f"Verdict({self.verdict}, {self.events} events, violations: {broken})"

    def to_dict(self, limit: int | None = None) -> dict[str, Any]:
        """Return it under the names of the JSON interface, with at most `limit` of each rule."""
        listed = [
            violation.to_dict()
            for name in self.counts
            for violation in self.violations.of(name, limit)
        ]
        return {
            "verdict": self.verdict,
            "events": self.events,
            "unknown": self.unknown,
            "unread": len(self.unread),
            "violations": listed,
            "counts": self.counts,
            "in_flight": self.in_flight,
            "unknowns": [asdict(each) for each in self.unknowns(limit)],
            "unread_lines": [each._asdict() for each in self.unread[:limit]],
            "not_applied": self.not_applied,
            "remarks": self.remarks,
        }


def _received(case: Context) -> tuple[Any, Any]:
    """Return the messages that were received: rows of the sends, and the receivers."""
    to, came_from = case.pairs
    return came_from, case.process[to]


def describe(case: Context, row: int) -> str:
    """Say in a few words what an event is, and where it stands."""
    trace, of = case.trace, case.columns
    words = [case.name(row), _kind(trace, row)]
    targets = trace.targets_of(row)
    if targets:
        words.append("to " + ",".join(trace.names[place] for place in targets[:5]))
        words[-1] += ",…" if len(targets) > 5 else ""
    if of.sender is not None and of.sender[row] >= 0:
        words.append(f"from {trace.names[int(of.sender[row])]}")
    clock = case.clock_of(row)
    if clock is not None:
        words.append(f"clock {clock}")
    file, line = trace.source_of(row)
    if file is not None:
        words.append(f"({file}:{line})")
    return " ".join(words)


def _kind(trace: Trace, row: int) -> str:
    """Return what kind of event it is, or what its log says of it."""
    kind = int(trace.columns.kind[row])
    text = trace.texts["event"][row] if kind == UNKNOWN_KIND and "event" in trace.texts else None
    if text:
        return f"«{text if len(text) <= EVENT_CHARACTERS else text[:EVENT_CHARACTERS] + '…'}»"
    return KINDS[kind] if kind != UNKNOWN_KIND else "event"


def chosen_rules(only: Sequence[str] = (), without: Sequence[str] = ()) -> list[Rule]:
    """Return the rules of these names, all where none are named. Raises NoSuchRuleError."""
    only, without = (
        [given] if isinstance(given, str) else list(given) for given in (only, without)
    )
    for name in (*only, *without):
        if name not in RULES:
            raise NoSuchRuleError(f"there is no rule {name!r}; there are {', '.join(RULES)}")
    return [
        rule for name, rule in RULES.items() if (not only or name in only) and name not in without
    ]


def judge(
    original: Trace, mended: RepairedTrace, messages: Messages, rules: Sequence[Rule]
) -> Verdict:
    """Hold a history against every rule that applies to it; `messages` are of the mended one."""
    case = Context(mended, messages, original)
    applied = {rule.name: rule.judge(case) for rule in rules if rule.applies(case)}
    return Verdict(case, applied, [rule.name for rule in rules if rule.name not in applied])
