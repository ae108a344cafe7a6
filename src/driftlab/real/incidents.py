"""Incidents: what went wrong between a host and its peers, recorded and counted.

An incident is not an event: it has no tick and moves no clock. The machine
goes on. A peer that causes them without end fills no disk: after
INCIDENTS_RECORDED_MAX lines they are only counted, and the end line says how many.
"""

from collections.abc import Callable
from time import time_ns
from typing import Final

from driftlab.journal.utc import utc_text

INCIDENTS_RECORDED_MAX: Final = 1_000

NoteSink = Callable[[str, dict[str, object]], None]


class Incidents:
    """Records what happens on the channels, through a sink for notes."""

    def __init__(
        self, sink: NoteSink, on_incident: Callable[[str], None] = lambda line: None
    ) -> None:
        self.count = 0
        self._sink = sink
        self._on_incident = on_incident
        self._over = False

    def run_is_over(self) -> None:
        """Record nothing more: from here on peers close their connections because they are done."""
        self._over = True

    def record(self, what: str, peer: str, reason: str) -> None:
        """Record one incident: `what` is one word or two with a hyphen, `reason` a sentence."""
        if self._over:
            return
        self.count += 1
        if self.count > INCIDENTS_RECORDED_MAX:
            return
        time = utc_text(time_ns())
        self._on_incident(f"{what} {peer}: {reason}")
        self._sink("incident", {"time": time, "what": what, "peer": peer, "reason": reason})
