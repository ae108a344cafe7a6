"""The judge: every rule applied to a whole history, and the verdict.

The checker assumes only program order and the names of messages; every clock is
checked against them. It finds all violations, and puts each into words
only when somebody reads it. A rule that had nothing to judge is not applied,
which is not the same as that it holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, overload

import numpy as np

from driftlab.errors import DriftlabError
from driftlab.foreign.file_names import stem_of
from driftlab.history.matching.messages import Messages
from driftlab.history.matching.repair import RepairedTrace
from driftlab.history.trace import Trace, UnreadLine
from driftlab.judge.causality import BEFORE_SENT
from driftlab.judge.clock_condition import CLOCK_CONDITION
from driftlab.judge.context import Context, Findings, Rule
from driftlab.judge.fifo_channels import (
    DELIVERED_TWICE,
    FIFO,
    FROM_NOWHERE,
    LOST_MESSAGE,
    SEND_TO_ALL,
)
from driftlab.judge.hybrid import HYBRID_BOUND, HYBRID_CONDITION, HYBRID_STEP
from driftlab.judge.inbox import INBOX_ORDER, ONE_OPERATION, QUEUE
from driftlab.judge.lamport import LAMPORT_STEP, STAMP
from driftlab.judge.peer_choice import PEER_CHOICE
from driftlab.judge.ticks import DUE, PACING, PROCESS_ORDER
from driftlab.judge.vectors import (
    MATRIX_MERGE,
    VECTOR_AHEAD,
    VECTOR_BACK,
    VECTOR_MERGE,
    VECTOR_OWN,
)
from driftlab.model.columns import KINDS, UNKNOWN_KIND

HOLDS: Final = "holds"
VIOLATED: Final = "violated"
EVENT_CHARACTERS_MAX: Final = 40  # shown of what a log says about an event
NAMES_SHOWN_MAX: Final = 10  # of processes without a log
TARGETS_SHOWN_MAX: Final = 5  # of one send

# Every rule, in the order in which they are reported.
RULES: Final[dict[str, Rule]] = {
    rule.name: rule
    for rule in (
        PROCESS_ORDER,
        CLOCK_CONDITION,
        LAMPORT_STEP,
        STAMP,
        VECTOR_BACK,
        VECTOR_MERGE,
        VECTOR_OWN,
        VECTOR_AHEAD,
        MATRIX_MERGE,
        HYBRID_CONDITION,
        HYBRID_BOUND,
        HYBRID_STEP,
        FROM_NOWHERE,
        BEFORE_SENT,
        DELIVERED_TWICE,
        FIFO,
        LOST_MESSAGE,
        SEND_TO_ALL,
        INBOX_ORDER,
        QUEUE,
        ONE_OPERATION,
        DUE,
        PACING,
        PEER_CHOICE,
    )
}


class NoSuchRuleError(DriftlabError):
    """A rule was named that does not exist; the message lists those that do."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation: the rule, the event, what was expected and found, and the proof.

    file, line: where the event is logged, None where that is not known.
    process, index: its process, and its number there from 0. row: its row in the
    history. witness: the shortest chain of events that proves the violation, in
    words, and rows: their rows.
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
    """An event that gaps in the log leave undecided: by which rule, where it is, and why."""

    rule: str
    file: str | None
    line: int | None
    process: str
    index: int
    reason: str


class Violations(Sequence[Violation]):
    """All violations of a history, rule after rule; each is put into words when it is read.

    context: the history. found: by the name of each rule, what it found.
    """

    def __init__(self, context: Context, found: dict[str, Findings]) -> None:
        self._context = context
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
            return [self._violation_at(each) for each in places]
        return self._violation_at(places)

    def of(self, rule: str, limit: int | None = None) -> list[Violation]:
        """Return the first `limit` violations of one rule, all without a limit."""
        if rule not in self._found:
            return []
        count = len(self._found[rule].rows)
        shown = count if limit is None else min(count, limit)
        return [self._violation(rule, number) for number in range(shown)]

    def _violation_at(self, place: int) -> Violation:
        for name, each in self._found.items():
            if place < len(each.rows):
                return self._violation(name, place)
            place -= len(each.rows)
        raise IndexError(place)

    def _violation(self, rule: str, number: int) -> Violation:
        trace = self._context.trace
        explanation = self._found[rule].explain(number)
        row = int(self._found[rule].rows[number])
        return Violation(
            rule,
            *trace.source_of(row),
            *trace.place(row),
            row,
            explanation.expected,
            explanation.found,
            tuple(describe(self._context, each) for each in explanation.witness),
            explanation.witness,
        )


class Verdict:
    """What the judge found in one history.

    events, processes: how many there are. messages: how many were received from
    a send that is logged.
    counts: of every rule that was applied how often it is violated, 0 included.
    violations: all of them, put into words as they are read.
    unknown: how many questions gaps in the log leave undecided; `unknowns`
    yields them. unknown_counts: the same for each rule that was applied.
    unread: the lines of the log that could not be read.
    is_foreign: whether the log says nothing about its processes, unlike our journals.
    not_applied: rules that need what the log does not have.
    """

    def __init__(
        self, context: Context, found: dict[str, Findings], not_applied: Sequence[str] = ()
    ) -> None:
        self._context = context
        self._found = found
        self.not_applied = list(not_applied)
        self.is_foreign = not len(context.trace.process_info)
        self.events = len(context)
        self.counts = {name: len(each.rows) for name, each in found.items()}
        self.violations = Violations(context, found)
        self.processes = context.trace.processes
        self.messages = len(context.messages.receives)
        self.unknown_counts = {name: len(each.unknown) for name, each in found.items()}
        self.unknown = sum(self.unknown_counts.values())
        self.unread: Sequence[UnreadLine] = context.trace.unread

    @property
    def holds(self) -> bool:
        """Whether no rule is violated."""
        return not any(self.counts.values())

    @property
    def verdict(self) -> str:
        """`holds` or `violated`."""
        return HOLDS if self.holds else VIOLATED

    def unknowns(self, limit: int | None = None) -> Iterator[Unknown]:
        """Yield what is undecided, rule after rule; the first `limit` of each rule."""
        trace = self._context.trace
        for name, each in self._found.items():
            for row in each.unknown[:limit].tolist():
                yield Unknown(name, *trace.source_of(row), *trace.place(row), each.reason)

    @property
    def in_flight(self) -> int | None:
        """How many messages were sent and not received, as far as the log says.

        Messages to processes without a log are not counted; None where the log
        does not say which processes events sent to.
        """
        context = self._context
        if context.columns.target is None:
            return None
        width = context.trace.processes
        sends, to = context.sent_messages
        receives, received_sends = context.pairs
        received = received_sends * width + context.process[receives]
        outstanding = ~np.isin(sends * width + to, received)
        return int((outstanding & ~context.is_missing[to]).sum())

    @property
    def remarks(self) -> list[str]:
        """What is not a violation but should be known."""
        trace = self._context.trace
        early = sorted(self._context.messages.stamp_before_send)
        remarks = [
            f"the messages of {trace.names[place]} carry its clock from before the send was counted"
            for place in early
        ]
        missing = trace.missing_processes
        if missing:
            more = len(missing) - NAMES_SHOWN_MAX
            rest = f" and {more} more" if more > 0 else ""
            files = self._files_for_names()
            remarks.append(f"no log of {', '.join(missing[:NAMES_SHOWN_MAX])}{rest}{files}")
        remarks += [f"the log of {name} breaks off at {place}" for name, place in self._broken()]
        unused = [name for name in trace.texts if name not in ("event", "recorded")]
        remarks += trace.remarks
        return remarks + ([f"kept as text, not judged: {', '.join(unused)}"] if unused else [])

    def _files_for_names(self) -> str:
        """Return what files there are, where all processes are called so and nobody calls them so.

        Then the names that have no log may be other names of these.
        """
        trace, columns = self._context.trace, self._context.columns
        files = dict.fromkeys(stem_of(file) for file in trace.files)
        present = [name for name in trace.names if name not in trace.missing_processes]
        peers = [column for column in (columns.sender, columns.target) if column is not None]
        places = {place for column in peers for place in np.unique(column).tolist()}
        places |= {place for members in trace.sets for place in members}
        named = {trace.names[place] for place in places if place >= 0}
        if set(present) != set(files) or named & set(present):
            return ""
        more = ", …" if len(files) > NAMES_SHOWN_MAX else ""
        shown = ", ".join(list(files)[:NAMES_SHOWN_MAX])
        return f"; the files are {shown}{more} (--process-from or --alias says which is which)"

    def _broken(self) -> Iterator[tuple[str, str]]:
        """Yield the processes whose log says that it is not complete, and where it ends."""
        trace = self._context.trace
        for process, description in enumerate(trace.process_info):
            end = int(trace.starts[process + 1])
            if not description.ended and description.from_start and end > trace.starts[process]:
                yield trace.names[process], self._context.event_name(end - 1)

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


def describe(context: Context, row: int) -> str:
    """Return in a few words what an event is, and where it is logged."""
    trace, sender = context.trace, context.columns.sender
    words = [context.event_name(row), _kind(trace, row)]
    targets = trace.targets_of(row)
    if targets:
        shown = ",".join(trace.names[place] for place in targets[:TARGETS_SHOWN_MAX])
        words.append(f"to {shown}{',…' if len(targets) > TARGETS_SHOWN_MAX else ''}")
    if sender is not None and sender[row] >= 0:
        words.append(f"from {trace.names[int(sender[row])]}")
    clock = context.clock_of(row)
    if clock is not None:
        words.append(f"clock {clock}")
    file, line = trace.source_of(row)
    if file is not None:
        words.append(f"({file}:{line})")
    return " ".join(words)


def _kind(trace: Trace, row: int) -> str:
    """Return what kind of event it is, or what its log says about it."""
    kind = int(trace.columns.kind[row])
    if kind != UNKNOWN_KIND:
        return KINDS[kind]
    text = trace.texts["event"][row] if "event" in trace.texts else None
    if not text:
        return "event"
    is_long = len(text) > EVENT_CHARACTERS_MAX
    return f"«{text[:EVENT_CHARACTERS_MAX]}{'…' if is_long else ''}»"


def chosen_rules(only: Sequence[str] = (), without: Sequence[str] = ()) -> list[Rule]:
    """Return the chosen rules in the order of RULES.

    only: names of the rules to choose from, all if empty. without: names of
    rules to leave out. A single name may be given as a string. Raises
    NoSuchRuleError.
    """
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
    original: Trace, repaired: RepairedTrace, messages: Messages, rules: Sequence[Rule]
) -> Verdict:
    """Check a history against every rule that applies to it.

    original: the trace as logged. repaired: the same with the names of its
    messages repaired. messages: those of the repaired one. rules: which to apply.
    """
    context = Context(repaired, messages, original)
    found = {rule.name: rule.judge(context) for rule in rules if rule.applies(context)}
    return Verdict(context, found, [rule.name for rule in rules if rule.name not in found])
