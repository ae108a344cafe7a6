"""The notes' machines once more, small and on their own, with faults that can be planted.

Nothing of the engines is used: what the judge says of these logs, it says of
logs that somebody else wrote. A fault changes what one machine (A) or all do,
in one place; everything that follows from it follows by itself.
"""

import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

from driftlab.clocks.hybrid import HybridTimestamp
from driftlab.clocks.matrix import MatrixTimestamp
from driftlab.clocks.vector import VectorTimestamp
from driftlab.journal.format import COLUMNS, MORE_COLUMNS, Entry, Instant, format_entry, format_note
from driftlab.model.event import Event, Kind, Message

SECOND = 10**9
NAMES = "ABC"


@dataclass
class Wrong:
    """One machine; `fault` names what it does wrong, "" for nothing."""

    place: int
    rate: int
    fault: str
    clock_kind: str
    dice: Random
    phase_ns: int = 0
    clock: int = 0
    vector: list[int] = field(default_factory=lambda: [0, 0, 0])
    matrix: list[list[int]] = field(default_factory=lambda: [[0] * 3 for _ in range(3)])
    hybrid: tuple[int, int] = (-1, 0)  # physical time, counter
    inbox: list[Message] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    ticks: int = 0

    def due_ns(self, tick: int) -> int:
        """When a tick is due; the wrong one adds up periods and what adding costs."""
        if self.fault == "due-by-adding":
            return self.phase_ns + tick * (SECOND // self.rate + 1000)
        return self.phase_ns + int(tick * Fraction(SECOND, self.rate))

    def late_ns(self, tick: int) -> int:
        """How late it begins: paced exactly but for some microseconds, or after its work."""
        if self.fault == "sleeps-after-work":
            return tick * SECOND // self.rate // 40  # two and a half hundredths slow
        if self.fault == "sleeps-60":
            return tick * 59 * SECOND // self.rate
        return self.dice.randrange(20_000, 300_000)

    def tick(self, found: list[Message]) -> list[tuple[int, Message]]:
        """Take one tick: record it, and return what is sent."""
        due = self.due_ns(self.ticks)
        late = self.late_ns(self.ticks)
        now_ns = due + late + (SECOND if self.place == 0 else 0)  # A's physical clock is ahead
        found = self.found(found)
        self.inbox += found
        if self.fault == "sorts-as-text":
            self.inbox.sort(key=lambda message: str(message.stamp))
        taken = self.take()
        posts = self.receive(taken, now_ns) if taken else self.throw(now_ns)
        kind = Kind.RECEIVE if taken else (Kind.SEND if posts else Kind.INTERNAL)
        event = Event(
            NAMES[self.place],
            self.ticks,
            kind,
            taken.sender if taken else None,
            taken.stamp if taken else None,
            tuple(sorted(NAMES[to] for to, _ in posts)),
            self.clock,
            len(self.inbox),
            self.timestamp(),
        )
        self.entries.append(Entry(event, Instant(now_ns, due, late), found))
        self.ticks += 1
        return self.posted(posts)

    def found(self, found: list[Message]) -> list[Message]:
        """What arrives of what was sent."""
        if self.fault == "loses-rest":
            return [message for message in found if self.dice.random() > 0.2]
        if self.fault == "delivered-twice":
            return [message for message in found for _ in range(1 + (self.dice.random() < 0.2))]
        if self.fault == "overtakes" and len(found) > 1:
            return found[::-1]
        if self.fault == "from-nowhere" and self.dice.random() < 0.05:
            extra = self.stamped(
                Message("B" if self.place != 1 else "A", (1 + self.ticks) * SECOND)
            )
            return [*found, extra]
        return found

    def stamped(self, message: Message) -> Message:
        """Give an invented message a timestamp that says nothing new."""
        return message._replace(
            timestamp=self.timestamp() if self.clock_kind != "lamport" else None
        )

    def take(self) -> Message | None:
        """Take the front of the inbox, or what a wrong machine takes."""
        if not self.inbox or (self.fault == "takes-none" and self.dice.random() < 0.3):
            return None
        if self.fault == "takes-two" and len(self.inbox) > 1:
            self.inbox.pop(0)
        return self.inbox.pop(0)

    def receive(self, message: Message, now_ns: int) -> list[tuple[int, Message]]:
        """Merge the clocks."""
        if self.fault == "max-of-next":
            self.clock = max(self.clock + 1, message.stamp)
        elif self.fault == "max-only":
            self.clock = max(self.clock, message.stamp)
        elif self.fault == "adds-two":
            self.clock = max(self.clock, message.stamp) + 2
        else:
            self.clock = max(self.clock, message.stamp) + 1
        self.merge(message.timestamp, now_ns)
        return []

    def merge(self, other: Any, now_ns: int) -> None:
        """Merge the further clock, as it should be or not."""
        if self.clock_kind == "vector":
            self.merge_vector(list(other.entries))
        if self.clock_kind == "matrix":
            sender = other.process
            if self.fault != "matrix-not-merged":
                for row in range(3):
                    for column in range(3):
                        self.matrix[row][column] = max(
                            self.matrix[row][column], other.rows[row][column]
                        )
            own = self.matrix[self.place]
            self.matrix[self.place] = [
                max(*pair) for pair in zip(own, other.rows[sender], strict=True)
            ]
        if self.clock_kind == "hybrid":
            if self.fault == "hybrid-not-merged":
                other = HybridTimestamp(-1, 0, 0)
            self.step_hybrid(now_ns, max(self.hybrid, tuple(other[:2])))
        else:
            self.count_own()

    def merge_vector(self, theirs: list[int]) -> None:
        """Take the greater of each entry, but for what is forgotten."""
        if self.fault == "not-merged":
            return
        if self.fault == "merges-all-but-one":
            theirs[(self.place + 1) % 3] = 0
        self.vector = [max(*pair) for pair in zip(self.vector, theirs, strict=True)]
        if self.fault == "takes-over":  # forgets what it knew itself of a third
            self.vector = [*theirs]
            self.vector[self.place] = max(self.vector[self.place], self.own_entry)

    own_entry: int = 0

    def throw(self, now_ns: int) -> list[tuple[int, Message]]:
        """Throw the die of ten."""
        first, second = ((self.place + 1) % 3, (self.place + 2) % 3)
        peers = sorted((first, second))
        face = self.dice.randrange(1, 11)
        to = {1: peers[:1], 2: peers[1:], 3: peers}.get(face, [])
        if self.fault == "one-peer-twice" and face == 2:
            to = peers[:1]
        early = self.clock
        self.clock += 1
        self.step(now_ns)
        stamps = [early if self.fault == "stamps-before" else self.clock] * len(to)
        if self.fault == "counts-twice" and len(to) == 2:
            self.clock += 1
            stamps = [self.clock - 1, self.clock]
        if self.fault == "steps-by-two" and not to:
            self.clock += 1
        stamp = self.timestamp()
        return [
            (place, Message(NAMES[self.place], number, stamp))
            for place, number in zip(to, stamps, strict=True)
        ]

    def posted(self, posts: list[tuple[int, Message]]) -> list[tuple[int, Message]]:
        """What leaves of what was sent."""
        if self.fault == "reaches-one" and len(posts) == 2:
            return posts[:1]
        return posts

    def step(self, now_ns: int) -> None:
        """Step the further clock."""
        if self.fault == "goes-back" and self.vector[self.place] > 5 and self.dice.random() < 0.1:
            self.vector[self.place] -= 3
        if self.clock_kind == "hybrid":
            self.step_hybrid(now_ns, self.hybrid)
        else:
            self.count_own()

    def count_own(self) -> None:
        """Count an event in the own entry, as it should be or not."""
        amount = 1
        if self.fault == "gap" and self.dice.random() < 0.1:
            amount = 2
        if self.fault == "duplicate" and self.dice.random() < 0.1:
            amount = 0
        self.vector[self.place] += amount
        self.own_entry = self.vector[self.place]
        if self.fault == "ahead" and self.dice.random() < 0.05:
            self.vector[(self.place + 1) % 3] += 500
        self.matrix[self.place][self.place] += amount

    def step_hybrid(self, now_ns: int, latest: tuple[int, int]) -> None:
        """Step the hybrid clock from the latest that is known."""
        if self.fault == "hybrid-ahead" and self.dice.random() < 0.1:
            now_ns += 5 * SECOND
        if now_ns > latest[0]:
            counter = latest[1] + 1 if self.fault == "hybrid-never-0" else 0
            self.hybrid = (now_ns, counter)
        else:
            self.hybrid = (latest[0], latest[1] + 1)

    def timestamp(self) -> Any:
        """The further clock's timestamp now."""
        if self.clock_kind == "vector":
            return VectorTimestamp(tuple(self.vector))
        if self.clock_kind == "matrix":
            return MatrixTimestamp(tuple(map(tuple, self.matrix)), self.place)
        return HybridTimestamp(*self.hybrid, self.place) if self.clock_kind == "hybrid" else None


def write_run(
    folder: Path, fault: str = "", *, clock: str = "lamport", seed: int = 1, seconds: int = 60,
    rates: tuple[int, ...] = (6, 5, 2), wrong: str = "ABC",
) -> Path:  # fmt: skip
    """Run three machines, those named in `wrong` with a fault, and write their journals."""
    folder.mkdir(exist_ok=True)
    dice = Random(seed)
    machines = [
        Wrong(place, rate, fault if NAMES[place] in wrong else "", clock, dice,
              phase_ns=dice.randrange(SECOND // rate))
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
    for machine in machines:
        (folder / f"{NAMES[machine.place]}.log").write_text(journal(machine, clock))
    return folder


def journal(machine: Wrong, clock: str) -> str:
    """Return the journal of one machine."""
    more = clock != "lamport"
    peers = ",".join(name for name in NAMES if name != NAMES[machine.place])
    fields = {
        "machine": NAMES[machine.place], "index": machine.place, "peers": peers,
        "rate": float(machine.rate), "seed": 1, "run": 1, "phase_ns": machine.phase_ns,
        **({"clock": clock, "process": "die"} if more else {}), "speed": 1, "world": "real",
    }  # fmt: skip
    lines = [
        format_note("header", fields),
        format_note("columns", {"names": ",".join(COLUMNS + MORE_COLUMNS if more else COLUMNS)}),
        *(format_entry(entry, more_columns=more) for entry in machine.entries),
        format_note("end", {"time": "-", "ticks": machine.ticks, "undelivered": 0, "incidents": 0,
                            "reason": "complete"}),
    ]  # fmt: skip
    return "".join(lines)
