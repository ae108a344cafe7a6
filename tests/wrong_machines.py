"""The assignment's machines written a second time, small, with faults that can be planted.

Independent of the package: it imports nothing of it, and writes its journals by
the page that describes them (docs/journal.md), or as a table of the columns that
the assignment asks for. So the judge's verdict on these logs is one on logs that
another program wrote. A fault changes what one machine or all do, in one place;
everything that follows from it follows by itself. Faults joined by `+` are all done.
"""

import csv
import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import NamedTuple

SECOND = 10**9
NAMES = "ABCDEFGHIJ"
COLUMNS = "time,due_ns,late_ns,tick,kind,sender,stamp,targets,clock,queue,found"

Rows = tuple[tuple[int, ...], ...]  # a timestamp: one row (vector, hybrid), or a row a process


class Message(NamedTuple):
    """A message as it is sent: by whom, with which Lamport clock, with which further timestamp."""

    sender: str
    stamp: int
    timestamp: Rows = ()

    def text(self) -> str:
        """Return it as a journal names what a tick found."""
        further = f":{timestamp_text(self.timestamp)}" if self.timestamp else ""
        return f"{self.sender}:{self.stamp}{further}"


def timestamp_text(rows: Rows) -> str:
    """Return a timestamp as a journal writes it: 3.0.17, or the rows of a matrix, 3.1/0.1."""
    return "/".join(".".join(map(str, row)) for row in rows)


def time_text(time_ns: int) -> str:
    """Return a time as a journal writes it, 1970-01-01T00:00:01.063932498Z."""
    seconds, fraction = divmod(time_ns, SECOND)
    return f"{(datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()}.{fraction:09d}Z"


@dataclass
class Wrong:
    """One machine; `fault` names what it does wrong, "" for nothing."""

    place: int
    rate: int
    fault: str
    clock_kind: str
    dice: Random
    phase_ns: int = 0
    machines: int = 3  # how many there are
    clock: int = 0
    vector: list[int] = field(default_factory=list)
    matrix: list[list[int]] = field(default_factory=list)
    hybrid: tuple[int, int] = (-1, 0)  # physical time, counter
    inbox: list[Message] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    ticks: int = 0

    def __post_init__(self) -> None:
        """Start the additional clocks."""
        self.vector = [0] * self.machines
        self.matrix = [[0] * self.machines for _ in range(self.machines)]

    def does(self, fault: str) -> bool:
        """Whether the machine does this wrong."""
        return fault in self.fault.split("+")

    def due_ns(self, tick: int) -> int:
        """When a tick is due; the wrong one adds up periods and what adding costs."""
        if self.does("due-by-adding"):
            return self.phase_ns + tick * (SECOND // self.rate + 1000)
        return self.phase_ns + int(tick * Fraction(SECOND, self.rate))

    def late_ns(self, tick: int) -> int:
        """How late it begins: paced exactly but for some microseconds, or after its work."""
        if self.does("sleeps-after-work"):
            return tick * SECOND // self.rate // 40  # two and a half hundredths slow
        if self.does("sleeps-60"):
            return tick * 59 * SECOND // self.rate
        return self.dice.randrange(20_000, 300_000)

    def tick(self, found: list[Message]) -> list[tuple[int, Message]]:
        """Take one tick: record it, and return what is sent."""
        due = self.due_ns(self.ticks)
        late = self.late_ns(self.ticks)
        now_ns = due + late + (SECOND if self.place == 0 else 0)  # A's physical clock is ahead
        found = self.found(found)
        self.inbox += found
        if self.does("sorts-as-text"):
            self.inbox.sort(key=lambda message: str(message.stamp))
        taken = self.take()
        posts = self.receive(taken, now_ns) if taken else self.throw(now_ns)
        cells = [
            time_text(now_ns), due, late, self.ticks,
            "receive" if taken else "send" if posts else "internal",
            taken.sender if taken else "-",
            taken.stamp if taken else "-",
            ",".join(sorted(NAMES[to] for to, _ in posts)) or "-",
            self.clock, len(self.inbox),
            ",".join(message.text() for message in found) or "-",
        ]  # fmt: skip
        if self.clock_kind != "lamport":
            cells += [timestamp_text(self.timestamp()), "-"]
        self.lines.append("\t".join(map(str, cells)))
        self.ticks += 1
        return self.posted(posts)

    def found(self, found: list[Message]) -> list[Message]:
        """What arrives of what was sent."""
        if self.does("loses-rest"):
            found = [message for message in found if self.dice.random() > 0.2]
        if self.does("delivered-twice"):
            found = [message for message in found for _ in range(1 + (self.dice.random() < 0.2))]
        if self.does("overtakes"):
            found = found[::-1]
        if self.does("from-nowhere") and self.dice.random() < 0.05:
            invented = Message(  # its timestamp says nothing new
                "B" if self.place != 1 else "A", (1 + self.ticks) * SECOND, self.timestamp()
            )
            return [*found, invented]
        return found

    def take(self) -> Message | None:
        """Take the front of the inbox, or what a wrong machine takes."""
        if not self.inbox or (self.does("takes-none") and self.dice.random() < 0.3):
            return None
        if self.does("takes-two") and len(self.inbox) > 1:
            self.inbox.pop(0)
        return self.inbox.pop(0)

    def receive(self, message: Message, now_ns: int) -> list[tuple[int, Message]]:
        """Merge the clocks."""
        if self.does("max-of-next"):
            self.clock = max(self.clock + 1, message.stamp)
        elif self.does("max-only"):
            self.clock = max(self.clock, message.stamp)
        elif self.does("adds-two"):
            self.clock = max(self.clock, message.stamp) + 2
        else:
            self.clock = max(self.clock, message.stamp) + 1
        self.merge(NAMES.index(message.sender), message.timestamp, now_ns)
        return []

    def merge(self, sender: int, other: Rows, now_ns: int) -> None:
        """Merge the additional clock, as it should be or not."""
        if self.clock_kind == "vector":
            self.merge_vector(list(other[0]))
        if self.clock_kind == "matrix":
            if self.fault != "matrix-not-merged":
                for row in range(self.machines):
                    for column in range(self.machines):
                        self.matrix[row][column] = max(self.matrix[row][column], other[row][column])
            own = self.matrix[self.place]
            self.matrix[self.place] = [max(*pair) for pair in zip(own, other[sender], strict=True)]
        if self.clock_kind == "hybrid":
            physical, counter = (-1, 0) if self.does("hybrid-not-merged") else other[0]
            self.step_hybrid(now_ns, max(self.hybrid, (physical, counter)))
        else:
            self.count_own()

    def merge_vector(self, theirs: list[int]) -> None:
        """Take the greater of each entry, but for what is forgotten."""
        if self.does("not-merged"):
            return
        if self.does("merges-all-but-one"):
            theirs[(self.place + 1) % self.machines] = 0
        self.vector = [max(*pair) for pair in zip(self.vector, theirs, strict=True)]
        if self.does("takes-over"):  # forgets what it knew itself of a third
            self.vector = [*theirs]
            self.vector[self.place] = max(self.vector[self.place], self.own_entry)

    own_entry: int = 0

    def throw(self, now_ns: int) -> list[tuple[int, Message]]:
        """Throw the die of ten."""
        peers = [place for place in range(self.machines) if place != self.place]
        face = self.dice.randrange(1, 11)
        to = {1: peers[:1], 2: peers[1:], 3: peers}.get(face, [])
        if self.machines != 3 and face in (1, 2):  # one peer, drawn
            to = [self.dice.choice(peers)]
        if self.does("one-peer-twice") and to == peers[1:2]:
            to = peers[:1]
        early = self.clock
        self.clock += 1
        self.step(now_ns)
        stamps = [early if self.does("stamps-before") else self.clock] * len(to)
        if self.does("counts-twice") and len(to) > 1:
            stamps = [stamp + place for place, stamp in enumerate(stamps)]
            self.clock += len(to) - 1
        if self.does("steps-by-two") and not to:
            self.clock += 1
        stamp = self.timestamp()
        return [
            (place, Message(NAMES[self.place], number, stamp))
            for place, number in zip(to, stamps, strict=True)
        ]

    def posted(self, posts: list[tuple[int, Message]]) -> list[tuple[int, Message]]:
        """What leaves of what was sent."""
        if self.does("reaches-one") and len(posts) > 1:
            return posts[:1]
        return posts

    def step(self, now_ns: int) -> None:
        """Step the additional clock."""
        if self.does("goes-back") and self.vector[self.place] > 5 and self.dice.random() < 0.1:
            self.vector[self.place] -= 3
        if self.clock_kind == "hybrid":
            self.step_hybrid(now_ns, self.hybrid)
        else:
            self.count_own()

    def count_own(self) -> None:
        """Count an event in the own entry, as it should be or not."""
        amount = 1
        if self.does("gap") and self.dice.random() < 0.1:
            amount = 2
        if self.does("duplicate") and self.dice.random() < 0.1:
            amount = 0
        self.vector[self.place] += amount
        self.own_entry = self.vector[self.place]
        if self.does("ahead") and self.dice.random() < 0.05:
            self.vector[(self.place + 1) % self.machines] += 500
        self.matrix[self.place][self.place] += amount

    def step_hybrid(self, now_ns: int, latest: tuple[int, int]) -> None:
        """Step the hybrid clock from the latest that is known."""
        if self.does("hybrid-ahead") and self.dice.random() < 0.1:
            now_ns += 5 * SECOND
        if now_ns > latest[0]:
            counter = latest[1] + 1 if self.does("hybrid-never-0") else 0
            self.hybrid = (now_ns, counter)
        else:
            self.hybrid = (latest[0], latest[1] + 1)

    def timestamp(self) -> Rows:
        """The additional clock's timestamp now."""
        if self.clock_kind == "vector":
            return (tuple(self.vector),)
        if self.clock_kind == "matrix":
            return tuple(map(tuple, self.matrix))
        return (self.hybrid,) if self.clock_kind == "hybrid" else ()


def run_machines(
    fault: str = "", *, clock: str = "lamport", seed: int = 1, seconds: int = 60,
    rates: tuple[int, ...] = (6, 5, 2), wrong: str = NAMES,
) -> list[Wrong]:  # fmt: skip
    """Run machines, those named in `wrong` with a fault, to their end."""
    dice = Random(seed)
    machines = [
        Wrong(place, rate, fault if NAMES[place] in wrong else "", clock, dice,
              phase_ns=dice.randrange(SECOND // rate), machines=len(rates))
        for place, rate in enumerate(rates)
    ]  # fmt: skip
    under_way: list[list[tuple[int, int, Message]]] = [[] for _ in machines]
    sent = 0
    agenda = [(machine.due_ns(0) + machine.late_ns(0), machine.place) for machine in machines]
    heapq.heapify(agenda)
    while agenda:
        now_ns, place = heapq.heappop(agenda)
        machine = machines[place]
        if machine.due_ns(machine.ticks) >= seconds * SECOND or now_ns >= 60 * seconds * SECOND:
            continue
        came = [item for item in under_way[place] if item[0] < now_ns]
        under_way[place] = [item for item in under_way[place] if item[0] >= now_ns]
        came.sort(key=lambda item: (item[2].sender, item[1]))
        for to, message in machine.tick([message for _, _, message in came]):
            sent += 1
            under_way[to].append((now_ns, sent, message))
        heapq.heappush(
            agenda, (machine.due_ns(machine.ticks) + machine.late_ns(machine.ticks), place)
        )
    return machines


def write_run(
    folder: Path, fault: str = "", *, clock: str = "lamport", seed: int = 1, seconds: int = 60,
    rates: tuple[int, ...] = (6, 5, 2), wrong: str = NAMES,
) -> Path:  # fmt: skip
    """Run machines, those named in `wrong` with a fault, and write their journals."""
    folder.mkdir(exist_ok=True)
    for machine in run_machines(
        fault, clock=clock, seed=seed, seconds=seconds, rates=rates, wrong=wrong
    ):
        (folder / f"{NAMES[machine.place]}.log").write_text(journal(machine, clock))
    return folder


TABLE = ("time", "kind", "queue", "clock", "sender", "stamp", "targets")  # of the assignment


def write_table(
    path: Path, fault: str = "", *, columns: tuple[str, ...] = TABLE, seed: int = 1,
    seconds: int = 60, rates: tuple[int, ...] = (6, 5, 2), wrong: str = NAMES,
) -> Path:  # fmt: skip
    """Run machines and write a table of CSV with some columns of their logs."""
    order = COLUMNS.split(",")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["machine", *columns])
        for machine in run_machines(fault, seed=seed, seconds=seconds, rates=rates, wrong=wrong):
            for line in machine.lines:
                cells = dict(zip(order, line.split("\t"), strict=False))
                given = ["" if cells[name] == "-" else cells[name] for name in columns]
                writer.writerow([NAMES[machine.place], *given])
    return path


def journal(machine: Wrong, clock: str) -> str:
    """Return the journal of one machine."""
    further = clock != "lamport"
    name = NAMES[machine.place]
    fields = {
        "machine": name, "index": machine.place,
        "peers": ",".join(each for each in NAMES[: machine.machines] if each != name),
        "rate": float(machine.rate), "seed": 1, "run": 1, "phase_ns": machine.phase_ns,
        **({"clock": clock, "process": "die"} if further else {}), "speed": 1, "world": "real",
    }  # fmt: skip
    lines = [
        "# driftlab-journal 1 " + " ".join(f"{key}={value}" for key, value in fields.items()),
        f"# columns names={COLUMNS}{',timestamp,recorded' if further else ''}",
        *machine.lines,
        f"# end time=- ticks={machine.ticks} undelivered=0 incidents=0 reason=complete",
    ]
    return "".join(f"{line}\n" for line in lines)
