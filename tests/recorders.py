"""Recorders: of the notes for a journal, and of the timers of an event loop."""

from driftlab.real.event_loop import Callback, EventLoop


class NoteRecorder:
    """Keeps notes instead of writing them."""

    def __init__(self) -> None:
        self.notes: list[dict[str, object]] = []

    def note(self, topic: str, fields: dict[str, object]) -> None:
        self.notes.append({"topic": topic, **fields})

    @property
    def incidents(self) -> list[tuple[object, object, object]]:
        """The name, the peer and the reason of each incident."""
        return [(note["what"], note["peer"], note["reason"]) for note in self.notes]


class CountingLoop(EventLoop):
    """Counts the timers that are set."""

    timers = 0

    def call_at(self, instant_ns: int, callback: Callback) -> None:
        self.timers += 1
        super().call_at(instant_ns, callback)
