"""Incidents: what went wrong between a machine and its peers, recorded and counted.

An incident is not an event: it has no tick and advances no clock, and the
machine goes on. At most INCIDENTS_RECORDED_MAX of peers are recorded, and as many of
unidentified connections, each with at most REASON_CHARACTERS_MAX of its reason. So
whoever causes them without end fills no disk, and unidentified connections cannot hide
what happens among the peers. The others are counted, and the last line of the journal
has their number.
"""

from collections.abc import Callable
from time import time_ns
from typing import Final

from driftlab.journal.utc import utc_text

INCIDENTS_RECORDED_MAX: Final = 1_000
REASON_CHARACTERS_MAX: Final = 500  # it may quote what a peer wrote
UNIDENTIFIED: Final = "?"  # in place of the name of a peer that is not known

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
        self._left = {
            False: INCIDENTS_RECORDED_MAX,
            True: INCIDENTS_RECORDED_MAX,
        }  # by whether unidentified
        self._sink = sink
        self._on_incident = on_incident
        self._is_muted = False

    def mute(self) -> None:
        """Record nothing more, because the run is over and peers close their connections."""
        self._is_muted = True

    def record(self, what: str, peer: str, reason: str) -> None:
        """Record one incident.

        Args: its name, one or two words with a hyphen, which journals hold; the
        name of the peer, UNIDENTIFIED if unidentified; and the reason, as text.
        """
        if self._is_muted:
            return
        self.count += 1
        is_unidentified = peer == UNIDENTIFIED
        if not self._left[is_unidentified]:
            return
        self._left[is_unidentified] -= 1
        if len(reason) > REASON_CHARACTERS_MAX:
            reason = reason[: REASON_CHARACTERS_MAX - 1] + "…"
        time = utc_text(time_ns())
        self._on_incident(f"{what} {peer}: {reason}")
        self._sink("incident", {"time": time, "what": what, "peer": peer, "reason": reason})
