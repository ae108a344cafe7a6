"""Runs as another program would have logged them: a table, written by one convention or more."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.wrong_machines import write_run

COLUMNS = ("process", "kind", "lamport", "queue", "sender", "stamp", "targets")


class Line(NamedTuple):
    """One line of a log, its cells as text; "" where it has none.

    vector: its vector clock as JSON. time: ns. message: the name of its message, if the
    log gives it one. place: which event it is of, None if of none.
    """

    process: str
    kind: str
    lamport: str
    queue: str
    sender: str = ""
    stamp: str = ""
    targets: str = ""
    vector: str = ""
    time: str = ""
    message: str = ""
    place: tuple[str, int] | None = None


def run_of(folder: Path, fault: str = "", **more: object) -> list[Line]:
    """Run three machines of the assignment, with a fault or without, and return their lines."""
    write_run(folder, fault, **more)  # type: ignore[arg-type]
    lines = []
    for journal in sorted(folder.glob("*.log")):
        for text in journal.read_text().splitlines():
            if not text.startswith("#"):
                *_, kind, sender, stamp, targets, clock, queue, _ = text.split("\t")
                cells = [
                    "" if cell == "-" else cell for cell in (clock, queue, sender, stamp, targets)
                ]
                lines.append(Line(journal.stem, kind, *cells))  # type: ignore[arg-type]
    return lines


# The conventions: of each, how it writes what we write.


def queue_before_take(lines: Sequence[Line]) -> list[Line]:
    """Count the message that is taken."""
    return [
        line._replace(queue=str(int(line.queue) + 1))
        if line.kind == "receive" and line.queue
        else line
        for line in lines
    ]


def queue_of_receives(lines: Sequence[Line]) -> list[Line]:
    """Write the length at receives alone."""
    return [line if line.kind == "receive" else line._replace(queue="") for line in lines]


def no_targets(lines: Sequence[Line]) -> list[Line]:
    """Write no targets at all."""
    return [line._replace(targets="") for line in lines]


def clock_before_increment(lines: Sequence[Line]) -> list[Line]:
    """Write each clock before its last step."""
    return [line._replace(lamport=str(int(line.lamport) - 1)) for line in lines]


def clock_before_event(lines: Sequence[Line]) -> list[Line]:
    """Write the clock before the event changes it."""
    last: dict[str, str] = {}
    written = []
    for line in lines:
        written.append(line._replace(lamport=last.get(line.process, "0")))
        last[line.process] = line.lamport
    return written


def own_entry_before_event(lines: Sequence[Line]) -> list[Line]:
    """Write each vector clock before its own entry is incremented."""
    written = []
    for line in lines:
        clock = json.loads(line.vector)
        clock[line.process] -= 1
        written.append(line._replace(vector=json.dumps(clock)))
    return written


def line_per_target(lines: Sequence[Line]) -> list[Line]:
    """Write a send to both as two lines."""
    return [line._replace(targets=target) for line in lines for target in line.targets.split(",")]


def broadcast_first(lines: Sequence[Line]) -> list[Line]:
    """Write a send to both as three lines, the first of which says `all`."""
    return [each for line in lines for each in _headed(line, "all", first=True)]


def broadcast_last(lines: Sequence[Line]) -> list[Line]:
    """Write a send to both as three lines, the last of which says whom all."""
    return [each for line in lines for each in _headed(line, line.targets, first=False)]


def broadcast_unnamed(lines: Sequence[Line]) -> list[Line]:
    """Write a send to both as three lines, the first of which names nobody."""
    return [each for line in lines for each in _headed(line, "", first=True)]


def _headed(line: Line, head: str, *, first: bool) -> list[Line]:
    if "," not in line.targets:
        return [line]
    parts = [line._replace(targets=target) for target in line.targets.split(",")]
    whole = line._replace(targets=head)
    return [whole, *parts] if first else [*parts, whole]


Convention = Callable[[Sequence[Line]], list[Line]]

QUEUES: dict[str, tuple[Convention, ...]] = {
    "queue after": (),
    "queue before": (queue_before_take,),
    "queue of receives": (queue_of_receives,),
    "queue of receives before": (queue_before_take, queue_of_receives),
}
CLOCKS: dict[str, tuple[Convention, ...]] = {
    "clock after": (),
    "clock before increment": (clock_before_increment,),
    "clock before event": (clock_before_event,),
}
LINES: dict[str, tuple[Convention, ...]] = {
    "line per event": (),
    "line per target": (line_per_target,),
    "broadcast first": (broadcast_first,),
    "broadcast last": (broadcast_last,),
    "broadcast unnamed": (broadcast_unnamed,),
    "no targets": (no_targets,),
}


def written(lines: Sequence[Line], *conventions: Convention) -> list[Line]:
    """Return lines as one convention after the other writes them."""
    for convention in conventions:
        lines = convention(lines)
    return list(lines)


def table_of(path: Path, lines: Sequence[Line]) -> Path:
    """Write lines as CSV, without columns of which no line has anything."""
    text = io.StringIO()
    names = [name for name in COLUMNS if any(getattr(line, name) for line in lines)]
    table = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(line._asdict() for line in lines)
    path.write_text(text.getvalue())
    return path


VECTOR_PATTERN = r"(?<host>\S*) (?<clock>{.*}) (?<event>.*)"


def vector_lines(folder: Path, fault: str = "", *, early: bool, **more: object) -> str:
    """Run three machines with vector clocks, and return their log for VECTOR_PATTERN.

    early: whether lines are written before the own entry is incremented.
    """
    write_run(folder, fault, clock="vector", **more)  # type: ignore[arg-type]
    lines = []
    for place, journal in enumerate(sorted(folder.glob("*.log"))):
        for text in journal.read_text().splitlines():
            if not text.startswith("#"):
                *_, timestamp, _ = text.split("\t")
                entries = [int(number) for number in timestamp.split(".")]
                entries[place] -= early
                clock = {name: entry for name, entry in zip("ABC", entries, strict=True) if entry}
                lines.append(f"{journal.stem} {json.dumps(clock)} tick\n")
    return "".join(lines)
