"""Incidents: what went wrong between a machine and its peers, recorded and counted.

An incident is not an event: it has no tick and advances no clock, and the
machine goes on. At most INCIDENTS_RECORDED_MAX are recorded, so that a peer
that causes them without end does not fill the disk; the others are counted, and
the last line of the journal has their number.
"""

from collections.abc import Callable
from time import time_ns
from typing import Final

from driftlab.journal.utc import utc_text

INCIDENTS_RECORDED_MAX: Final = 1_000

NoteSink = Callable[[str, dict[str, object]], None]  # (topic, fields)


class Incidents:
    """Records the incidents of one machine.

    Args: the sink that writes notes into the journal, and a callback that gets
    the same as one line of text.
    """

    def __init__(
        self, sink: NoteSink, on_incident: Callable[[str], None] = lambda line: None
    ) -> None:
        self.count = 0
        self._sink = sink
        self._on_incident = on_incident
        self._is_muted = False

    def mute(self) -> None:
        """Record nothing more, because the run is over and peers close their connections."""
        self._is_muted = True

    def record(self, what: str, peer: str, reason: str) -> None:
        """Record one incident.

        Args: its name, one or two words with a hyphen, which journals hold; the
        name of the peer, `?` if unidentified; and the reason, as text.
        """
        if self._is_muted:
            return
        self.count += 1
        if self.count > INCIDENTS_RECORDED_MAX:
            return
        time = utc_text(time_ns())
        self._on_incident(f"{what} {peer}: {reason}")
        self._sink("incident", {"time": time, "what": what, "peer": peer, "reason": reason})
