"""The judge: every rule applied to a whole history, and the verdict.

The checker assumes only program order and the names of messages; every clock is
checked against them. It finds all violations, and puts each into words
only when somebody reads it. A rule that had nothing to judge is not applied, and
one all of whose questions are undecided has judged nothing: neither is the same as
that it holds. A history of which nothing could be judged is undecided.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, overload

import numpy as np

from driftlab.arrays import IntArray
from driftlab.errors import DriftlabError, counted, name_list
from driftlab.foreign.file_names import stem_of
from driftlab.history.matching.match import assumed_lines
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.matching.repair import RepairedTrace
from driftlab.history.trace import Trace, UnreadLine
from driftlab.judge.alternative_conventions import explained_by_alternative, faults_by_alternative
from driftlab.judge.causality import BEFORE_SENT
from driftlab.judge.clock_condition import CLOCK_CONDITION
from driftlab.judge.clock_entry import CLOCK_ENTRY
from driftlab.judge.context import Context, Findings, Rule, count_of, messages_received
from driftlab.judge.diagnosis.diagnose import Fault, diagnose
from driftlab.judge.fifo_channels import (
    FIFO,
    SEND_TO_ALL,
    losses_of,
)
from driftlab.judge.hybrid import HYBRID_BOUND, HYBRID_CONDITION, HYBRID_STEP
from driftlab.judge.inbox import INBOX_ORDER, ONE_OPERATION, QUEUE, assumed_of_queues
from driftlab.judge.lamport import LAMPORT_STEP, STAMP, jumps_of_unsaid_kind
from driftlab.judge.peer_choice import PEER_CHOICE
from driftlab.judge.physical_time import TIME_BACK, TIME_SKEW
from driftlab.judge.restarts import restarts
from driftlab.judge.swapped_lines import changed_places, faults_of_order
from driftlab.judge.ticks import DUE, PACING, PROCESS_ORDER
from driftlab.judge.unknown_kinds import DELIVERED_TWICE, LOST_MESSAGE
from driftlab.judge.unsent_messages import FROM_NOWHERE
from driftlab.judge.vectors import MATRIX_MERGE, VECTOR_AHEAD, VECTOR_BACK, VECTOR_MERGE, VECTOR_OWN
from driftlab.model.columns import KINDS, NOBODY, UNKNOWN_KIND

HOLDS: Final = "holds"
VIOLATED: Final = "violated"
UNDECIDED: Final = "undecided"  # events were read, and nothing could be judged
EVENT_CHARACTERS_MAX: Final = 40  # shown of what a log says about an event
NAMES_SHOWN_MAX: Final = 10  # of processes without a log
_NO_EVENT: Final = "its journal holds no event, and no last line says that there was none"
TARGETS_SHOWN_MAX: Final = 5  # of one send
KEPT_AS_TEXT: Final = "kept as text, not judged"
_OUR_TEXTS: Final = frozenset({"event", "recorded"})  # columns of text that are understood

# Every rule, in the order in which they are reported.
RULES: Final[dict[str, Rule]] = {
    rule.name: rule
    for rule in (
        PROCESS_ORDER,
        CLOCK_ENTRY,
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
        TIME_BACK,
        TIME_SKEW,
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

    def rows_of(self, rule: str) -> IntArray:
        """Return the rows of all violations of one rule, in the order of `of`."""
        return self._found[rule].rows if rule in self._found else np.zeros(0, np.int64)

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


class Judged(NamedTuple):
    """What one rule found, and how many questions it had to answer (see `Rule`)."""

    questions: int
    findings: Findings

    @property
    def decided(self) -> int:
        """How many of its questions the rule decided; a violation is a decision."""
        return max(self.questions - len(self.findings.unknown), len(np.unique(self.findings.rows)))


class Verdict:
    """What the judge found in one history.

    events, processes: how many there are. messages: how many were received, as the
    log says. unnamed_messages: of how many of these it does not say which.
    judged: how many questions were decided, of all rules; judged_counts: of each
    rule that was applied. What a question is, each rule says: one event, one
    step, one message or one process.
    counts: of every rule that decided any how often it is violated, 0 included.
    violations: all of them, put into words as they are read.
    unknown: how many questions gaps in the log leave undecided; `unknowns`
    yields them. unknown_counts: the same for each rule that was applied.
    unread: the lines of the log that could not be read, and unread_lines: how many.
    is_foreign: whether the log says nothing about its processes, unlike our journals.
    not_applied: rules that had nothing to judge.
    not_whole: why the log is not whole, though it was to be judged as such; else None.
    alternative: how else its clocks may be written, so that what seems wrong may be right;
    "" if that is no question.
    """

    def __init__(
        self,
        context: Context,
        judged: dict[str, Judged],
        not_applied: Sequence[str] = (),
        *,
        not_whole: str | None = None,
        alternative: str = "",
    ) -> None:
        self._context = context
        self._found = {name: each.findings for name, each in judged.items()}
        self.not_applied = list(not_applied)
        self.not_whole = not_whole
        self.alternative = alternative
        self.is_foreign = not len(context.trace.process_info)
        self.events = len(context)
        self.judged_counts = {name: each.decided for name, each in judged.items()}
        self.judged = sum(self.judged_counts.values())
        self.counts = {
            name: len(each.findings.rows) for name, each in judged.items() if each.decided
        }
        self.violations = Violations(context, self._found)
        self.processes = context.trace.processes
        self.messages = messages_received(context)
        self.unnamed_messages = count_of(context.names_no_message)
        self.unknown_counts = {name: len(each.unknown) for name, each in self._found.items()}
        if PROCESS_ORDER.name in self._found:
            self.unknown_counts[PROCESS_ORDER.name] += len(self._without_events())
        self.unknown = sum(self.unknown_counts.values())
        self.unread: Sequence[UnreadLine] = context.trace.unread
        self.unread_lines = sum(each.lines for each in self.unread)

    @property
    def holds(self) -> bool:
        """Whether something was judged, and no rule is violated."""
        return self.verdict == HOLDS

    @property
    def verdict(self) -> str:
        """`violated`, `holds`, or `undecided` where nothing could be judged."""
        if any(self.counts.values()):
            return VIOLATED
        return HOLDS if self.judged else UNDECIDED

    def _repr_html_(self) -> str:
        from driftlab.judge.verdict_html import WITNESSES_MAX, verdict_html

        first = self.violations[:WITNESSES_MAX]
        return verdict_html(
            f"{self.verdict}: {counted(self.events, 'event')}, "
            f"{counted(self.judged, 'question')} decided, {self.unknown} undecided, "
            f"{counted(self.unread_lines, 'line')} unread",
            self.judged_counts,
            self.counts,
            [f"{each.rule}: expected {each.expected}, found {each.found}" for each in first],
        )

    @cached_property
    def faults(self) -> list[Fault]:
        """The faults of the programs that wrote the log, by their plain names."""
        faults = diagnose(self._context, self._found, RULES)
        faults = faults_by_alternative(self._context, faults, RULES)
        reordered = changed_places(self._context, self._found, RULES)
        return faults_of_order(faults, reordered, self._context.trace.names)

    def unknowns(self, limit: int | None = None) -> Iterator[Unknown]:
        """Yield what is undecided, rule after rule; the first `limit` of each rule."""
        trace = self._context.trace
        for name, each in self._found.items():
            for row in each.unknown[:limit].tolist():
                yield Unknown(name, *trace.source_of(row), *trace.place(row), each.reason)
            if name == PROCESS_ORDER.name:
                left = None if limit is None else max(0, limit - len(each.unknown))
                for place in self._without_events()[:left]:
                    yield Unknown(name, None, None, trace.names[place], 0, _NO_EVENT)

    @property
    def in_flight(self) -> int | None:
        """How many messages were sent and may still come, as far as the log says.

        A message is lost, not in flight, if a later one on its channel was received.
        Messages to processes without a log are not counted; None where the log
        does not say which processes events sent to, or which messages were received.
        """
        context = self._context
        if context.columns.target is None or self.unnamed_messages:
            return None
        if context.columns.received is None:
            nobodys = (context.messages.source == UNMATCHED) & (context.messages.sender == NOBODY)
            if (nobodys & context.is_receive).any():
                return None
        width = context.trace.processes
        sends, to = context.sent_messages
        receives, received_sends = context.pairs
        received = received_sends * width + context.process[receives]
        overtaken = losses_of(context)
        settled = np.append(received, overtaken.rows * width + overtaken.to)
        outstanding = ~np.isin(sends * width + to, settled)
        return int((outstanding & ~context.is_missing[to]).sum())

    @property
    def assumed(self) -> list[str]:
        """What was assumed to read the log, a line each."""
        lines = [*self._context.trace.assumed, *assumed_lines(self._context.messages)]
        if ONE_OPERATION.name in self._found:
            lines += assumed_of_queues(self._context)
        lines += [self.alternative] if self.alternative else []
        return lines

    @property
    def remarks(self) -> list[str]:
        """What is not a violation but should be known."""
        trace = self._context.trace
        early = sorted(self._context.messages.stamp_before_send)
        remarks = [] if self.not_whole is None else [f"not judged as complete: {self.not_whole}"]
        remarks += [
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
        remarks += [
            f"events of {trace.names[place]} may be missing: {_NO_EVENT}"
            for place in self._without_events()
        ]
        remarks += changed_places(self._context, self._found, RULES).remarks
        remarks += restarts(self._context, self._found)
        if LAMPORT_STEP.name in self._found:
            remarks += jumps_of_unsaid_kind(self._context)
        unused = _texts_kept(trace)
        remarks += [f"{KEPT_AS_TEXT}: {', '.join(unused)}"] if unused else []
        return [*remarks, *trace.remarks]

    @property
    def reason_undecided(self) -> str:
        """Why nothing could be judged, in one line."""
        if self._found:
            questions = counted(self.unknown, "question")
            return f"{questions} of {', '.join(self._found)}, and none can be decided"
        is_choice = len(self.not_applied) < len(RULES)
        why = f"no chosen rule applies ({', '.join(self.not_applied)})"
        kept = [remark for remark in self.remarks if remark.startswith(KEPT_AS_TEXT)]
        if kept:
            from driftlab.foreign.fields import how_to_name

            kept.append(f"say what one means: {how_to_name(_texts_kept(self._context.trace))}")
        return "; ".join([why if is_choice else "the log has nothing that a rule judges", *kept])

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

    def _without_events(self) -> list[int]:
        """Return the processes whose journal has no event, and does not say that it is complete.

        Not where lines of it are unread, which may be its events, and are reported.
        """
        trace = self._context.trace
        counts = np.diff(trace.starts).tolist()
        unread = {each.file for each in trace.unread}
        return [
            process
            for process, description in enumerate(trace.process_info)
            if description.from_start
            and not description.ended
            and not counts[process]
            and not (trace.files and trace.files[process] in unread)
        ]

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
            "judged": self.judged,
            "unknown": self.unknown,
            "unread": self.unread_lines,
            "violations": listed,
            "counts": self.counts,
            "in_flight": self.in_flight,
            "unknowns": [asdict(each) for each in self.unknowns(limit)],
            "unread_lines": [each._asdict() for each in self.unread[:limit]],
            "not_applied": self.not_applied,
            "assumed": self.assumed,
            "remarks": self.remarks,
            "diagnosis": [each.to_dict() for each in self.faults],
            **({"reason": self.reason_undecided} if self.verdict == UNDECIDED else {}),
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
    original: Trace,
    repaired: RepairedTrace,
    messages: Messages,
    rules: Sequence[Rule],
    *,
    complete: bool = False,
) -> Verdict:
    """Check a history against every rule that applies to it.

    original: the trace as logged. repaired: the same with the names of its
    messages repaired. messages: those of the repaired one. rules: which to apply.
    complete: whether the log holds every event, so that what only an absent event
    could explain is a violation. A log that says itself that it is not is judged
    as any other.
    """
    not_whole = _why_not_whole(original) if complete else None
    context = Context(repaired, messages, original, is_whole=complete and not_whole is None)
    asked = {rule.name: rule.questions(context) for rule in rules}
    found = {rule.name: rule.judge(context) for rule in rules if asked[rule.name]}
    found, alternative = explained_by_alternative(context, found)
    judged = {name: Judged(asked[name], each) for name, each in found.items()}
    not_applied = [rule.name for rule in rules if rule.name not in judged]
    return Verdict(context, judged, not_applied, not_whole=not_whole, alternative=alternative)


def _texts_kept(trace: Trace) -> list[str]:
    """Return the log's names of the columns that are kept as text, and are not understood."""
    unused = [name for name in trace.texts if name not in _OUR_TEXTS]
    if not unused:
        return []
    from driftlab.foreign.fields import name_in_log  # logs of driftlab's own have no such columns

    return list(map(name_in_log, unused))


def _why_not_whole(trace: Trace) -> str | None:
    """Return why a log cannot hold every event, None if it may."""
    lines = sum(each.lines for each in trace.unread)
    if lines:
        verb, pronoun = ("is", "it") if lines == 1 else ("are", "they")
        return f"{counted(lines, 'line')} {verb} unread, and {pronoun} may hold what is missing"
    if len(trace.gaps):
        file, line = trace.source_of(int(trace.gaps[0]))
        process, number = trace.place(int(trace.gaps[0]))
        where = f" ({file}:{line})" if file else ""
        return f"events are missing before {process}:{number}{where}"
    broken = [
        name
        for name, described in zip(trace.names, trace.process_info, strict=False)
        if not described.ended
    ]
    return f"the log of {name_list(broken)} breaks off" if broken else None
