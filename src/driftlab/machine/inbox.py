"""The incoming queue of one machine: first in, first out, and unbounded.

Its length is what the laboratory studies. It is kept as two parallel queues
of text and numbers, not as a queue of objects, so that a long one costs
little memory and gives a garbage collector nothing to walk.
"""

from collections import deque
from collections.abc import Iterable

from driftlab.event import Message


class Inbox:
    """A FIFO queue of messages."""

    __slots__ = ("_senders", "_stamps")

    def __init__(self) -> None:
        self._senders: deque[str] = deque()
        self._stamps: deque[int] = deque()

    def extend(self, messages: Iterable[Message]) -> None:
        """Append messages in the order given."""
        for sender, stamp in messages:
            self._senders.append(sender)
            self._stamps.append(stamp)

    def take(self) -> Message:
        """Remove the front message and return it. Raises IndexError when empty."""
        return Message(self._senders.popleft(), self._stamps.popleft())

    def __len__(self) -> int:
        return len(self._senders)
