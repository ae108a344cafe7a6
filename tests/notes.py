"""A place for the notes that a machine would write into its journal."""


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
