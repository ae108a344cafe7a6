"""Processes that the contract tests run for real and simulated, as a user would write them."""

import random

from driftlab import Message, Process, Record, Send
from driftlab.machine.process import ProcessContext

ODDITIES = [
    0, -1, 2**70, 0.1, -1e300, True, "", "blank, comma:colon%percent\ttab\nline", "\u2028é😀",
    [], [1, [2, [None]]], {"a": {"b": [1, 2]}, "": " "},
]  # fmt: skip


class Hangs(Process):
    """Never comes back from its third tick."""

    def idle(self) -> None:
        while self.machine.tick >= 2:
            pass


class Echo(Process):
    """The first sends every peer one oddity a tick; the others record what arrives."""

    def idle(self) -> Send | None:
        tick = self.machine.tick
        if self.machine.position or tick >= len(ODDITIES):
            return None
        return Send(self.machine.peers, {"number": tick, "value": ODDITIES[tick]})

    def receive(self, message: Message) -> Record:
        return Record([message.sender, message.stamp, message.payload])


class Spoiler(Process):
    """Each receiver changes the list that it got; no other may notice."""

    def idle(self) -> Send | None:
        return None if self.machine.position else Send(self.machine.peers, [1, 2, 3])

    def receive(self, message: Message) -> Record:
        seen = list(message.payload)
        message.payload.append(self.machine.name)
        return Record(seen)


class Surroundings(Process):
    """Records everything that a process can see of its machine, and draws of every kind."""

    def idle(self) -> list[Send | Record]:
        machine = self.machine
        draws = machine.random
        seen = [machine.name, machine.position, machine.size, machine.peers, machine.tick,
                machine.clock, machine.queue]  # fmt: skip
        drawn = [draws.word(), draws.below(6), draws.uniform(), draws.chance(0.5),
                 draws.choice("abc"), draws.word()]  # fmt: skip
        return [Record(seen), Record(drawn)]


class Payloads(Process):
    """Sends different payloads to different peers at one tick; a receive answers."""

    def idle(self) -> list[Send] | None:
        if self.machine.position or self.machine.tick % 2:
            return None
        return [Send(peer, f"for {peer}") for peer in reversed(self.machine.peers)]

    def receive(self, message: Message) -> list[Send | Record]:
        if self.machine.position:
            return [Record(message.payload), Send(message.sender, [self.machine.clock])]
        return [Record(message.payload)]


class Chatter(Process):
    """Sends to a random peer at every tick without a message, and answers now and then."""

    def idle(self) -> Send:
        return Send(self.machine.random.choice(self.machine.peers))

    def receive(self, message: Message) -> Send | None:
        return Send(message.sender) if self.machine.random.chance(0.2) else None


class Raises(Process):
    """B raises at its third tick, deep in a call of something else."""

    def idle(self) -> None:
        if self.machine.name == "B" and self.machine.tick == 2:
            sorted([1, "x"], key=self.weigh)  # the mark of the line

    def weigh(self, value: object) -> int:
        raise LookupError("two\nlines")  # the innermost line


class Leaves(Process):
    """B tries to exit."""

    def idle(self) -> None:
        if self.machine.name == "B" and self.machine.tick == 2:
            raise SystemExit(4)


class Broken(Process):
    """Cannot be created."""

    def __init__(self, machine: object) -> None:
        raise RuntimeError("not today")


class Prints(Process):
    """Prints at every tick."""

    def idle(self) -> None:
        print('ready {"stopped"}', self.machine.tick)


class Cheats(Process):
    """Draws random numbers that are not its machine's, so it cannot be replayed."""

    def idle(self) -> Record:
        return Record(random.random())


class Answers(Process):
    """Returns the answer that its text names, at its third tick."""

    answer: object = None

    def idle(self) -> object:  # type: ignore[override]  # invalid on purpose
        return self.answer if self.machine.tick == 2 else None


class Number(Answers):
    answer = 5


class Text(Answers):
    answer = "B"


class Yields(Process):
    def idle(self) -> object:  # type: ignore[override]  # invalid on purpose
        yield Send("B")


class UnknownPeer(Answers):
    answer = Send("Z")


class Twice(Answers):
    answer = Send(["B", "B"])


class TwoSends(Answers):
    answer = (Send("B", 1), Send(("C", "B"), 2))


class Unsendable(Answers):
    answer = Send("B", {1, 2})


class NotANumber(Answers):
    answer = Send("B", float("nan"))


class Huge(Answers):
    answer = Record("x" * 20_000)


class WrongTarget(Answers):
    answer = Send(7)  # type: ignore[arg-type]  # invalid on purpose


class Mixed(Answers):
    answer = (Record(1), 3)


class Deep(Answers):
    """A value nested too deep to be written."""

    def __init__(self, machine: ProcessContext) -> None:
        super().__init__(machine)
        value: list[object] = []
        for _ in range(5000):
            value = [value]
        self.answer = Send("B", value)


class Endless(Answers):
    answer = Send("B", 10**5000)


class Records(Answers):
    answer = (Record("x" * 9000), Record("y" * 9000))


class Meddler(Process):
    """Changes what it sees of its machine."""

    def idle(self) -> None:
        self.machine.clock = 99
        self.machine.tick = -5
        self.machine.queue = 7


NOT_A_PROCESS = 3
