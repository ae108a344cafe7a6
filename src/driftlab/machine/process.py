"""A process: what a machine does at its ticks. The notes' die is one; users write their own.

A process is asked one thing a tick: `receive` where the inbox holds a message,
otherwise `idle`. It answers with effects, which are values. What it keeps
between ticks is its own; name, peers, clock, time and dice it asks of
`self.machine`. It never learns which world it is in, so it runs in both.
"""

from driftlab.machine.context import ProcessContext
from driftlab.machine.effects import Effects
from driftlab.model.event import Message


class Process:
    """The base of every process. Override `idle`, `receive`, or both; the rest does nothing."""

    def __init__(self, machine: ProcessContext) -> None:
        self.machine = machine

    def idle(self) -> Effects:
        """Say what is to be done at a tick whose inbox is empty."""
        return None

    def receive(self, message: Message) -> Effects:
        """Say what is to be done about the front message of the inbox."""
        return None
