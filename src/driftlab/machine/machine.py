"""One machine of the scale model: an inbox, a die, a Lamport clock, one operation a tick.

At every tick the machine takes in what its host found, in the order found,
and then does exactly one thing: it receives the front message of its inbox,
or, if there is none, rolls its die to send or to do something internal. Each
is one event. A send to several peers is one event with one stamp.

The machine is a pure state machine: its effects depend on its plan and its
inputs alone. The record of an event always comes before the message that the
event sends, so that a host which stops in between leaves a recorded send
without a message, never a message without a recorded send.
"""

from collections.abc import Sequence

from driftlab.clocks.lamport import merge, step
from driftlab.dice import draw
from driftlab.event import Event, Kind, Message
from driftlab.machine.effects import Effect, Record, Send
from driftlab.machine.inbox import Inbox
from driftlab.machine.workload import EVERY_PEER, INTERNAL, roll
from driftlab.plan import MachinePlan


class Machine:
    """The state of one machine. `clock` is its Lamport clock, 0 before its first event."""

    def __init__(self, plan: MachinePlan) -> None:
        self.name = plan.name
        self.peers = plan.peers
        self.clock = 0
        self.inbox = Inbox()
        self._die = plan.die
        self._stream = plan.die_stream

    def tick(self, tick: int, found: Sequence[Message]) -> list[Effect]:
        """Take in what was found, do the one operation of tick number `tick`."""
        self.inbox.extend(found)
        if len(self.inbox):
            return [self._receive(tick)]
        choice = roll(draw(self._stream, tick), *self._die, len(self.peers))
        if choice == INTERNAL:
            self.clock = step(self.clock)
            return [self._record(tick, Kind.INTERNAL)]
        targets = self.peers if choice == EVERY_PEER else (self.peers[choice],)
        return self._send(tick, targets)

    def _receive(self, tick: int) -> Effect:
        sender, stamp = self.inbox.take()
        self.clock = merge(self.clock, stamp)
        return self._record(tick, Kind.RECEIVE, sender, stamp)

    def _send(self, tick: int, targets: tuple[str, ...]) -> list[Effect]:
        self.clock = step(self.clock)
        return [self._record(tick, Kind.SEND, targets=targets), Send(targets, self.clock)]

    def _record(
        self,
        tick: int,
        kind: Kind,
        sender: str | None = None,
        stamp: int | None = None,
        targets: tuple[str, ...] = (),
    ) -> Record:
        queue = len(self.inbox)
        return Record(Event(self.name, tick, kind, sender, stamp, targets, self.clock, queue))
