"""A campaign against the judge: good logs of every format and convention, damaged.

    python -m tests.campaign --logs N --seed S

Each log is one of a run of right machines, in a format, with some of its fields, written
by some convention. It is judged whole, where nothing may be found, and then damaged in
every way, once by itself and in company.

**False violation.** A violation is false if it is at an event that the damage cannot have
to do with, or if the damaged log breaks no law at all (`tests.log_laws`). The damage has
to do with the events whose lines it touched, the events that stand beside these in their
process (in the good log or in the damaged one), and those that received from them or sent
to them, by the messages of the good log or by those that the edited lines name; and with
every event whose violation is proved by a touched line (`fifo`: by the receives of either
message).

**Missed fault.** Where the damaged log breaks a law beside the damage, a rule must be
violated there, or a question be undecided, or a line unread, or the log refused.
"""

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import driftlab
from driftlab.errors import DriftlabError
from driftlab.history.conventions.vectors import _fitting
from driftlab.judge.checker import Verdict
from tests.log_damage import CELLS, TEXTS, Fault, cut_file, damaged_text
from tests.log_formats import (
    ANY_FIELDS,
    ARROWS,
    SPANS,
    VECTORS,
    Log,
    Place,
    Text,
    journal,
    run_lines,
)
from tests.log_laws import broken_laws
from tests.written_logs import (
    CLOCKS,
    LINES,
    QUEUES,
    Convention,
    Line,
    own_entry_before_event,
    written,
)

RATES: Final = ((4, 3), (6, 1), (6, 5, 2), (6, 3, 1), (4, 4, 4), (5, 4, 3, 2, 1), (6, 6, 3, 2, 1))
# Which fields a log has; a log without names makes the judge find its messages itself.
CONTENTS: Final[dict[str, tuple[str, ...]]] = {
    "everything": ("kind", "lamport", "queue", "sender", "stamp", "targets", "time"),
    "two clocks": ("kind", "lamport", "queue", "sender", "stamp", "targets", "vector", "time"),
    "ids": ("kind", "lamport", "queue", "targets", "message"),
    "ids and vectors": ("kind", "vector", "message"),
    "no senders": ("kind", "lamport", "queue", "stamp", "targets"),
    "no stamps": ("kind", "lamport", "queue", "sender", "targets"),
    "no names": ("kind", "lamport", "queue", "targets"),
    "vectors": ("kind", "vector"),
    "no targets": ("kind", "lamport", "queue", "sender", "stamp"),
}
OF_ARROWS: Final[dict[str, tuple[str, ...]]] = {
    "arrows": ("kind", "lamport", "message", "time"),
    "arrows and vectors": ("kind", "vector", "message", "time"),
    "only vectors": ("vector",),
}
OF_JOURNALS: Final = {
    "of journals": CONTENTS["everything"],
    "two clocks of journals": CONTENTS["two clocks"],
}
OWN_BEFORE: Final = "own entry before event"
CLOCK_BEFORE_EVENT: Final = "clock before event"
SHOWN_MIN: Final = 5  # messages must show it, that one damaged line does not hide it
GIVEN: Final = ("process", "place")
SPAN_FIELDS: Final = ("kind", "time", "message")
NONE: Final = "none"
# Logs of which `broken_laws` does not know everything: messages without names, what was found.
UNSEEN: Final = ("no stamps", "no names", "of journals", "two clocks of journals")
BEYOND_THE_LAWS: Final = ("time-skew", "before-sent")  # rules that `broken_laws` does not know


class Case(NamedTuple):
    """A log to be: its lines, and how they are written. format: its name in the tables."""

    format: str
    content: str
    conventions: tuple[str, ...]
    lines: list[Line]
    cells: Mapping[Place, Sequence[str]]
    rates: tuple[int, ...]
    by_time: bool

    def log(self, lines: Sequence[Line]) -> Log:
        """Return the log of these lines."""
        if self.format == "journal":
            return journal(lines, self.cells, self.rates)
        writer = {**ANY_FIELDS, **VECTORS, **ARROWS, **SPANS}[self.format]
        return writer(lines)

    @property
    def name(self) -> str:
        return f"{self.format}; {self.content}; {', '.join(self.conventions) or 'our conventions'}"


def drawn_case(format: str, dice: Random) -> Case:
    """Draw a run, the fields of its log, and its conventions."""
    rates = dice.choice(RATES)
    content = dice.choice(list(CONTENTS))
    if format in VECTORS:
        content = "vectors"
    if format in SPANS:
        content = "spans"
    if format == "journal":
        content = dice.choice(["of journals", "two clocks of journals"])
    if format in ARROWS:
        content = dice.choice(list(OF_ARROWS))
    held = {**CONTENTS, **OF_ARROWS, **OF_JOURNALS, "spans": SPAN_FIELDS}[content]
    clock = "vector" if "vector" in held else "lamport"
    seconds = dice.choice((8, 15, 30))
    lines, cells = run_lines(clock=clock, seed=dice.randrange(10**6), seconds=seconds, rates=rates)
    journals = {line.place: row for line, row in zip(lines, cells, strict=True) if line.place}
    by_time = format != "journal" and dice.random() < 0.5
    if by_time:
        lines.sort(key=lambda line: int(line.time))
    if format != "journal":
        hidden = {name: "" for name in Line._fields if name not in (*held, *GIVEN)}
        lines = [line._replace(**hidden) for line in lines]  # type: ignore[arg-type]
    names, written_lines = _conventions(format, held, lines, dice)
    case = Case(format, content, names, written_lines, journals, rates, by_time)
    if OWN_BEFORE in names and _messages_that_show(case) < SHOWN_MIN:
        return case._replace(conventions=(), lines=lines)
    return case


def _messages_that_show(case: Case) -> int:
    """Return how many messages show that own entries are written before their event."""
    with TemporaryDirectory() as folder:
        log = case.log(case.lines)
        path = log.write(Path(folder) / "log")
        fit, every = _fitting(driftlab.read(path, assume="none", **log.options).trace)
    return every - fit


def _conventions(
    format: str, held: Sequence[str], lines: list[Line], dice: Random
) -> tuple[tuple[str, ...], list[Line]]:
    if format == "journal" or dice.random() < 0.3:
        return (), lines
    names: list[str] = []
    chosen: list[Convention] = []
    if "queue" in held:
        name = dice.choice(list(QUEUES))
        names.append(name)
        chosen += QUEUES[name]
    if "lamport" in held and "vector" not in held and "stamp" in held and "sender" in held:
        name = dice.choice(list(CLOCKS))
        names.append(name)
        chosen += CLOCKS[name]
    if "targets" in held:
        name = dice.choice(list(LINES))
        names.append(name)
        chosen += LINES[name]
    if "vector" in held and "lamport" not in held and dice.random() < 0.3:
        names.append(OWN_BEFORE)
        chosen.append(own_entry_before_event)
    return tuple(names), written(lines, *chosen)


# What the damage has to do with.


class Known(NamedTuple):
    """The good log: the order of the events of each process, and who shares which message."""

    counts: dict[str, int]
    messages: dict[str, set[Place]]

    @classmethod
    def of(cls, lines: Sequence[Line]) -> "Known":
        counts: Counter[str] = Counter()
        messages: dict[str, set[Place]] = {}
        for line in lines:
            counts[line.process] += 1
            if line.message and line.place:
                messages.setdefault(line.message, set()).add(line.place)
        return cls(dict(counts), messages)

    def around(self, fault: Fault) -> set[Place]:
        """Return the events that the damage has to do with, by the good log."""
        found = set(fault.touched)
        for process, number in fault.touched:
            for step in (-1, 1):
                at = number + step
                while (process, at) in fault.touched:
                    at += step
                found.add((process, at))
        for name, places in self.messages.items():
            if name in fault.messages or places & fault.touched:
                found |= places
        return found


def with_clocks_before(case: Case, fault: Fault) -> Fault:
    """Return damage with the events whose clocks the lines that it touched hold.

    Where clocks are written before their event, a line holds the clock of the event before
    it: the line is a part of what is logged of both, and whoever moves it moves that clock.
    """
    if CLOCK_BEFORE_EVENT not in case.conventions:
        return fault
    before = {(process, number - 1) for process, number in fault.touched if number}
    return fault._replace(touched=fault.touched | before)


# One log that is judged.


class Found(NamedTuple):
    """What the judge said of a log, by events of the good log; None of a line that is of none."""

    verdict: Verdict
    places: list[Place | None]  # of each row
    unread: int
    vanished: int  # lines that are neither events nor unread

    def near(self, places: set[Place]) -> set[Place]:
        """Return these events and those beside them in their process, as the log was read."""
        trace = self.verdict._context.trace
        process = trace.process_column().tolist()
        found = set(places)
        for row, place in enumerate(self.places):
            if place in places:
                for other in (row - 1, row + 1):
                    if 0 <= other < len(process) and process[other] == process[row]:
                        found |= {each for each in [self.places[other]] if each}
        return found


def judged(log: Log, folder: Path, cut: int | None = None) -> Found:
    """Write a log, read it and judge it. Raise DriftlabError where it is refused."""
    path = log.write(folder, cut)
    history = driftlab.read(path, **log.options)
    verdict = history.check()
    list(verdict.violations), list(verdict.unknowns()), verdict.remarks, verdict.faults
    trace = history.trace
    places: list[Place | None] = []
    seen: set[tuple[str, int]] = set()
    for row in range(len(trace)):
        file, line = trace.source_of(row)
        seen.add((file or "", line or 0))
        places.append(_place(log, file, line))
    unread = {
        (each.file, line)
        for each in trace.unread
        for line in range(each.line, each.line + each.lines)
    }
    vanished = sum(
        text.place is not None and (name, number) not in seen | unread
        for name, texts in log.files.items()
        for number, text in enumerate(texts, 1)
    )
    return Found(verdict, places, sum(each.lines for each in trace.unread), vanished)


def _place(log: Log, file: str | None, line: int | None) -> Place | None:
    if log.rows:
        return log.rows[(line or 1) - 1].place
    texts: list[Text] = log.files[file or next(iter(log.files))]
    return texts[(line or 1) - 1].place


class Trial(NamedTuple):
    """A damaged log: what was done, and what came of it.

    outcome of each fault: `named`, `undecided`, `harmless` or `missed`. false: violations.
    decided, open: how many questions were, and were left undecided.
    """

    outcomes: list[tuple[str, str]]
    false: list[str]
    error: str = ""
    refused: str = ""
    decided: int = 0
    open: int = 0


def trial(  # noqa: C901 - one question after the other
    case: Case,
    log: Log,
    faults: Sequence[Fault],
    known: Known,
    folder: Path,
    cut: int | None = None,
) -> Trial:
    """Judge a damaged log."""
    try:
        found = judged(log, folder, cut)
    except DriftlabError as error:
        return Trial([(fault.what, "refused") for fault in faults], [], refused=str(error))
    except Exception:
        return Trial([(fault.what, "traceback") for fault in faults], [], traceback.format_exc())
    verdict = found.verdict
    if faults[0].touched:  # what could not be read, as what follows the damage of a document
        read = {place for place in found.places if place}
        unread = {line.place for line in case.lines if line.place} - read
        if len(unread) >= 8 or cut is not None:
            faults = [each._replace(touched=each.touched | unread) for each in faults]
    broken = broken_laws(verdict._context.trace)
    touched = {place for fault in faults for place in fault.touched}
    around = [found.near(known.around(fault) if fault.touched else set()) for fault in faults]
    every = set().union(*around)
    false, violated = [], set()
    for each in verdict.violations:
        place = found.places[each.row]
        rows = set(each.rows)
        if each.rule in ("fifo", "lost-message"):  # say something of both receives
            rows |= {to for row in each.rows for to in verdict._context.receives_of(row)}
        proof = {found.places[row] for row in rows}
        violated |= {place, *proof}
        is_sound = (
            place not in touched
            and not broken
            and case.content not in UNSEEN
            and each.rule not in BEYOND_THE_LAWS
        )
        if (place is not None and place not in every and not proof & touched) or is_sound:
            where = f"{each.rule} {each.file}:{each.line} {each.process}:{each.index}"
            why = "no law is broken" if is_sound else "far from the damage"
            false.append(f"{where} ({why}): {each.expected} / {each.found}")
    undecided = {
        found.places[row] for one in verdict._found.values() for row in one.unknown.tolist()
    }
    answered = violated | undecided
    # A law that is broken beside two faults is broken by the one beside which that was said.
    wrong = {found.places[one.row] for one in broken}
    wrong -= set().union(*(near for near in around if near & answered))
    outcomes = []
    for fault, near in zip(faults, around, strict=True):
        if near & violated:
            outcome = "named"
        elif found.unread or near & undecided:
            outcome = "undecided"
        else:
            outcome = "missed" if near & wrong else "harmless"
        outcomes.append((fault.what, outcome))
    return Trial(outcomes, false, decided=verdict.judged, open=verdict.unknown)


# The damage.

DAMAGE: Final = (*CELLS, *TEXTS, "cut file")


def damaged(
    case: Case, whats: Sequence[str], dice: Random, size: int
) -> tuple[Log, list[Fault], int | None]:
    """Return the log of a case with damage of these kinds, as far as it can have them."""
    lines = list(case.lines)
    if case.format == "journal":  # which has no such cells
        whats = [what for what in whats if what not in ("edit message", "edit time")]
    faults = [
        fault for what in whats if what in CELLS if (fault := CELLS[what](lines, dice)) is not None
    ]
    log = case.log(lines)
    for what in whats:
        if what in TEXTS:
            log, fault = damaged_text(log, what, dice)
            faults += [] if fault is None else [fault]
    cut = None
    if "cut file" in whats:
        cut, fault = cut_file(log, dice, size)
        faults.append(fault)
    return log, [with_clocks_before(case, fault) for fault in faults], cut


class Result(NamedTuple):
    """All that a campaign found: counts by format and damage, and what broke a promise."""

    counts: Counter[tuple[str, str, str]]
    broken: list[str]
    logs: int
    trials: int


def run(
    logs: int, seed: int, *, formats: Sequence[str] = (), damage: Sequence[str] = (),
    rounds: int = 1, show: bool = False, only: int | None = None, keep: Path | None = None,
) -> Result:  # fmt: skip
    """Draw logs, damage each in every way, and count.

    logs: how many. formats, damage: only these. rounds: how often each way is tried on
    each log. show: whether to print progress. only: the number of one log. keep: a folder
    for the logs, which are otherwise deleted.
    """
    names = formats or [*ANY_FIELDS, *VECTORS, *ARROWS, *SPANS, "journal"]
    counts: Counter[tuple[str, str, str]] = Counter()
    broken: list[str] = []
    trials = 0
    begun = time.monotonic()
    with TemporaryDirectory() as folder:
        for number in range(logs) if only is None else [only]:
            dice = Random(f"{seed}/{number}")
            case = drawn_case(names[number % len(names)], dice)
            good = case.log(case.lines)
            here = (keep or Path(folder)) / str(number)
            whole = trial(case, good, [Fault(NONE)], Known({}, {}), here / "good")
            label = f"log {number} ({case.name})"
            counts[case.format, NONE, "logs"] += 1
            counts[case.format, NONE, "false"] += len(whole.false)
            counts[case.format, NONE, "decided"] += whole.decided
            counts[case.format, NONE, "open"] += whole.open
            if whole.false or whole.error or whole.refused or whole.outcomes[0][1] != "harmless":
                broken.append(f"{label}: good log: {whole.outcomes} {whole.false[:3]} "
                              f"{whole.error}{whole.refused}")  # fmt: skip
                counts[case.format, NONE, "broken"] += 1
            size = _size(here / "good", good)
            known = _known(case)
            ways: list[tuple[str, ...]] = [
                (what,) for what in damage or DAMAGE for _ in range(rounds)
            ]
            if not damage:
                ways += [
                    tuple(dice.choices(DAMAGE, k=dice.randrange(2, 5))) for _ in range(2 * rounds)
                ]
            for at, whats in enumerate(ways):
                log, faults, cut = damaged(case, whats, Random(f"{seed}/{number}/{at}"), size)
                if not faults:
                    continue
                trials += 1
                result = trial(case, log, faults, known, here / str(at), cut)
                row = whats[0] if len(whats) == 1 else "several"
                counts[case.format, row, "logs"] += 1
                for _, outcome in result.outcomes:
                    counts[case.format, row, outcome] += 1
                counts[case.format, row, "false"] += len(result.false)
                counts[case.format, row, "decided"] += result.decided
                counts[case.format, row, "open"] += result.open
                # Of a table of Parquet everything is lost with its end, of a document of JSON
                # what follows the damage, and Jaeger's names stand at its end.
                # By its first line a format is recognized.
                is_lost = cut is not None if log.rows else (
                    "no record could be read" in result.refused or "which format" in result.refused
                )  # fmt: skip
                wrong = [what for what, outcome in result.outcomes if outcome == "missed"]
                if (result.false or result.error or wrong
                        or (result.refused and not is_lost)):  # fmt: skip
                    touched = sorted({place for fault in faults for place in fault.touched})[:8]
                    broken.append(
                        f"{label}, damage {at} {[f.what for f in faults]} at {touched}: "
                        f"{f'missed {wrong} ' if wrong else ''}"
                        f"{len(result.false)} false {result.false[:2]} "
                        f"{result.error}{result.refused}"
                    )
                if show:
                    _progress(number, logs, trials, len(broken), begun)
    return Result(counts, broken, logs, trials)


def _known(case: Case) -> Known:
    """Return what is known of the good log, also of what the log hides."""
    found: dict[str, set[Place]] = {}
    for place, cells in case.cells.items():
        _, _, _, _, _, sender, stamp, targets, clock, _, arrived, *_ = cells
        for message in arrived.split(",") if arrived != "-" else ():
            of, number, *_ = message.split(":")
            found.setdefault(f"{of}-{number}", set()).add(place)
        name = f"{sender}-{stamp}" if stamp != "-" else f"{place[0]}-{clock}"
        if stamp != "-" or targets != "-":
            found.setdefault(name, set()).add(place)
    return Known({}, found)


def _size(folder: Path, log: Log) -> int:
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    name = "log.parquet" if log.rows else list(log.files)[-1]
    return next(each.stat().st_size for each in files if each.name == name)


_SHOWN: Final = [0.0]


def _progress(number: int, logs: int, trials: int, broken: int, begun: float) -> None:
    now = time.monotonic()
    if now - _SHOWN[0] > 1:
        _SHOWN[0] = now
        rate = trials / max(now - begun, 1e-9)
        print(f"\rlog {number + 1} of {logs}, {trials} damaged logs, {rate:.0f} a second, "
              f"{broken} promises broken ", end="", file=sys.stderr, flush=True)  # fmt: skip


COLUMNS: Final = (
    "logs",
    "named",
    "undecided",
    "harmless",
    "missed",
    "refused",
    "false",
    "traceback",
    "decided",  # questions, and those that were left open
    "open",
)


def table(counts: Counter[tuple[str, str, str]], by: int) -> str:
    """Return the counts as a table, a row for each format (by 0) or each damage (by 1)."""
    rows = list(dict.fromkeys(key[by] for key in counts))
    lines = [f"{'':<18}" + "".join(f"{name:>11}" for name in COLUMNS)]
    for row in [*rows, "all"]:
        cells = [
            sum(
                count
                for key, count in counts.items()
                if (key[by] == row or row == "all") and key[2] == name
            )
            for name in COLUMNS
        ]
        lines.append(f"{row:<18}" + "".join(f"{cell:>11,}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign and print its tables. Return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign", description="Damage good logs."
    )
    parser.add_argument("--logs", type=int, default=46, help="how many good logs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often each damage is tried on each"
    )
    parser.add_argument("--format", action="append", default=[], help="only this one")
    parser.add_argument("--damage", action="append", default=[], help="only this one")
    parser.add_argument("--details", action="store_true", help="counts by format and damage")
    parser.add_argument("--log", type=int, help="only the log of this number")
    parser.add_argument("--keep", type=Path, help="keep the logs in this folder")
    given: Any = parser.parse_args(arguments)
    found = run(given.logs, given.seed, formats=given.format, damage=given.damage,
                rounds=given.rounds, show=True, only=given.log, keep=given.keep)  # fmt: skip
    print(file=sys.stderr)
    print(f"{found.logs:,} good logs, {found.trials:,} damaged ones\n")
    print(table(found.counts, 0), table(found.counts, 1), sep="\n\n")
    if given.details:
        for format in dict.fromkeys(key[0] for key in found.counts):
            own = Counter({key: n for key, n in found.counts.items() if key[0] == format})
            print(f"\n{format}\n{table(own, 1)}")
    print(f"\n{len(found.broken):,} promises broken")
    for line in found.broken:
        print(f"  {line}")
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
