"""Small logs written by hand, event by event, and all that the judge says about them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import driftlab
from driftlab.judge.checker import VIOLATED, Verdict

SECOND = 10**9

# Why a question is undecided.
TICKS_MISSING = "ticks before this one are missing, or the log breaks off after it"
STEP_UNKNOWN = "the clock of the event before, or what was received, is not known"
SEND_UNKNOWN = "the receive names no message, or the send may be missing from the sender's log"
MAY_HAVE_COME = (
    "the channel broke, or not every receive is known: gaps, a late start or unnamed messages"
)
ARRIVALS_MISSING = "arrivals before this event are missing"
FOUND_IN_GAP = "the message may have been found where the log has a gap"
TAKEN_IN_GAP = "the messages in front may have been taken where the log has a gap"
MAY_HAVE_WAITED = "took no message; one may have waited, or have come before the queue was counted"
MESSAGE_UNKNOWN = "what was received is not known"
NO_TIMESTAMP = "its timestamp, or one that it follows from, is not known"
NO_HYBRID = "its timestamp or time, or a timestamp that it follows from, is not known"

# A correct run of three machines, to be edited.
GOOD: dict[str, Any] = {
    "A": """
        internal - - - 1 0 -
        send - - B 2 0 -
        send - - B,C 3 0 -
        receive C 2 - 4 0 C:2
    """,
    "B": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        receive A 2 - 3 0 A:2
        receive A 3 - 4 0 A:3
    """,
    "C": """
        internal - - - 1 0 -
        send - - A 2 0 -
        internal - - - 3 0 -
        receive A 3 - 4 0 A:3
    """,
}


class Reported(NamedTuple):
    """A violation: rule, event, line, what was expected and found, the events that prove it."""

    rule: str
    event: str
    line: int | None
    expected: str
    found: str
    witness: str


def reported(verdict: Verdict) -> list[Reported]:
    """Return all violations; the witness as names of events, A:2 B:0.

    That the rows of the witness are those events is checked on the way.
    """
    found = []
    for each in verdict.violations:
        names = [text.split()[0] for text in each.witness]
        assert [verdict._context.event_name(row) for row in each.rows] == names
        assert verdict._context.event_name(each.row) == f"{each.process}:{each.index}"
        found.append(
            Reported(
                each.rule,
                f"{each.process}:{each.index}",
                each.line,
                each.expected,
                each.found,
                " ".join(names),
            )
        )
    return found


def undecided(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Return what the judge leaves undecided: rule, event, reason."""
    found = [
        (each.rule, f"{each.process}:{each.index}", each.reason) for each in verdict.unknowns()
    ]
    assert verdict.unknown == len(found) == sum(verdict.unknown_counts.values())
    return found


def journals(
    folder: Path, *, ended: str = "ABCD", lost: tuple[str, str] | None = None,
    headers: dict[str, dict[str, Any]] | None = None, **events: str,
) -> driftlab.History:  # fmt: skip
    """Write a run of machines A, B, … with one tick a second, and read it.

    events: of each machine one event a line: kind, sender, stamp, targets, clock,
    queue, found, then a timestamp if the run has an additional clock. `tick=7`,
    `due=`, `late=` and `time=` (ns) before the kind set those, else they follow
    from the line. A line that begins with `%` is
    written as it is, and cannot be read.
    ended: the machines whose journals are complete. lost: a channel that broke,
    as the machine that says so and its peer.
    headers: what the header of a machine says otherwise.
    """
    folder.mkdir(exist_ok=True)
    for name, text in events.items():
        peers = ",".join(other for other in events if other != name)
        fields = {
            "machine": name, "index": list(events).index(name), "peers": peers, "rate": 1,
            "seed": 1, "run": 1, "phase_ns": 0, "speed": 1, "world": "simulated",
            **(headers or {}).get("", {}), **(headers or {}).get(name, {}),
        }  # fmt: skip
        header = " ".join(f"{key}={value}" for key, value in fields.items())
        columns = "time,due_ns,late_ns,tick,kind,sender,stamp,targets,clock,queue,found"
        columns += ",timestamp,recorded" if "clock" in fields else ""
        lines = [f"# driftlab-journal 1 {header}", f"# columns names={columns}"]
        if lost is not None and lost[0] == name:
            lines.append(f"# incident time=- what=channel-lost peer={lost[1]} reason=reset")
        own = [line.strip() for line in text.strip().splitlines() if line.strip()]
        lines += [
            _journal_line(number, line, float(fields["rate"])) for number, line in enumerate(own)
        ]
        if name in ended:
            lines.append(
                f"# end time=- ticks={_ticks(lines)} undelivered=0 incidents=0 reason=complete"
            )
        (folder / f"{name}.log").write_text("\n".join([*lines, ""]))
    return driftlab.read(folder)


def _ticks(lines: list[str]) -> int:
    """Return how many ticks a journal has whose lines are these so far."""
    return int(lines[-1].split("\t")[3]) + 1


def _journal_line(number: int, text: str, rate: float) -> str:
    if text.startswith("%"):
        return text
    words = text.split()
    named = dict(word.split("=") for word in words if "=" in word)
    cells = [word for word in words if "=" not in word]
    tick = int(named.get("tick", number))
    due, late = int(named.get("due", int(tick * SECOND / rate))), int(named.get("late", 0))
    time = int(named.get("time", due + late))
    stamp = (
        f"1970-01-01T00:{time // SECOND // 60:02d}:{time // SECOND % 60:02d}.{time % SECOND:09d}Z"
    )
    recorded = ["-"] if len(cells) > 7 else []
    return "\t".join([stamp, str(due), str(late), str(tick), *cells, *recorded])


def table(folder: Path, columns: str, events: str, **options: Any) -> driftlab.History:
    """Write a log as CSV, and read it.

    columns: their names, separated by blanks. events: one a line, the cells split
    by blanks, `-` where one is empty.
    """
    folder.mkdir(exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns.split())
    for line in events.strip().splitlines():
        if line.strip():
            writer.writerow(["" if cell == "-" else cell for cell in line.split()])
    (folder / "log.csv").write_text(text.getvalue())
    return driftlab.read(folder / "log.csv", **options)


class Csv(NamedTuple):
    """A log for `table`: the names of its columns, its events; ticks per second, if given."""

    columns: str
    events: str
    rates: tuple[float, ...] | None = None


Log = dict[str, Any] | Csv  # what `journals` takes, or a table


def edit(log: dict[str, Any], machine: str, *pairs: tuple[str, str]) -> dict[str, Any]:
    """Return a log with texts replaced in the events of one machine, each found just once."""
    text = log[machine]
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return {**log, machine: text}


def verdict_on(folder: Path, log: Log) -> Verdict:
    """Write a log, read it, and judge it by all rules that apply."""
    if isinstance(log, dict):
        return journals(folder, **log).check()
    history = table(folder, log.columns, log.events)
    return (history if log.rates is None else history.with_rates(log.rates)).check()


class Case(NamedTuple):
    """A log, and all that the judge is to say about it.

    violations: as `reported` returns them. unknown: as `undecided` does.
    in_flight: messages; None where the log names no targets.
    """

    log: Log
    violations: Sequence[tuple[str, str, int | None, str, str, str]] = ()
    unknown: Sequence[tuple[str, str, str]] = ()
    in_flight: int | None = 0
    remarks: Sequence[str] = ()

    def check(self, folder: Path) -> None:
        """Judge the log, and compare everything."""
        verdict = verdict_on(folder, self.log)
        assert [tuple(each) for each in reported(verdict)] == list(self.violations)
        assert undecided(verdict) == list(self.unknown)
        assert (verdict.in_flight, verdict.remarks) == (self.in_flight, list(self.remarks))
        assert (verdict.verdict == VIOLATED) == bool(self.violations)
