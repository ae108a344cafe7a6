"""The TCP host: runs one machine in real time, with its sockets and its journal.

The host waits for each tick's absolute due time, reads its sockets, hands the
messages found to the machine, and performs the effects. Invariant: an event is
in the journal before its messages leave. A peer that is late, dies, resets the
connection, never reads or violates the protocol costs an incident, not a tick.

Late ticks are still taken; none is skipped. A machine that has fallen behind
catches up as fast as it can, and the journal shows how late it was.
"""

import gc
import json
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import monotonic_ns, time_ns
from typing import Final, NamedTuple

from driftlab.journal.format import COMPLETE, column_names, has_more_columns, header_fields
from driftlab.journal.utc import utc_text
from driftlab.journal.writer import JournalFile
from driftlab.machine.effects import Outgoing
from driftlab.machine.machine import Machine, MachineEndError
from driftlab.machine.process_loader import load_process
from driftlab.model.schedule import PhysicalClock
from driftlab.network import wire
from driftlab.network.handshake import Handshakes
from driftlab.network.timestamp_bounds import CLOCK_END, Own
from driftlab.network.wire import STAMP_MAX
from driftlab.real.addresses import Address
from driftlab.real.event_loop import EventLoop, request_exact_timers
from driftlab.real.inbound import Inbound
from driftlab.real.incidents import Incidents
from driftlab.real.outbound import OutboundChannel
from driftlab.scenario.plan import MachinePlan

CLOCK_ENDED: Final = "clock at its end"


class ClockEndError(MachineEndError):
    """The Lamport clock of a machine is near the largest that travels, so its run ends."""


class WorkerConfig(NamedTuple):
    """What the worker of one machine has to know.

    plan: the plan of its machine.
    addresses: the addresses of `plan.peers`, in that order.
    run_id: the id of the run, the same for all its machines.
    order: the scenario's `order`, "peers" or "arrival".
    journal: the path of the journal to write.
    key: the key of the run in hexadecimal, None if it has none.
    """

    plan: MachinePlan
    addresses: tuple[Address, ...]
    run_id: str
    order: str
    journal: str
    key: str | None = None

    def to_line(self) -> str:
        """Return the configuration as one line of JSON, with its newline."""
        return json.dumps([self.plan.to_dict(), *self[1:]]) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "WorkerConfig":
        """Return the configuration that `to_line` wrote."""
        plan, addresses, *rest = json.loads(line)
        return cls(MachinePlan.from_dict(plan), tuple(Address(*each) for each in addresses), *rest)


class TcpHost:
    """One machine, its sockets and its journal.

    Args: the configuration; the socket that listens for the peers; the event
    loop; a callback that gets each incident as one line of text; and the context in
    which the code of a user runs, None for the die, which has none. Raise
    JournalFileError if the journal cannot be written, LoadError or ProcessError
    if the machine's process cannot be loaded or created.
    """

    def __init__(
        self,
        config: WorkerConfig,
        listener: socket.socket,
        loop: EventLoop,
        on_incident: Callable[[str], None] = lambda line: None,
        guard: AbstractContextManager[None] | None = None,
    ) -> None:
        plan = config.plan
        self.plan = plan
        self.ticks_taken = 0
        self._physical = PhysicalClock(
            plan.schedule.real_ns(plan.physical.offset_ns), plan.physical.skew_ppb
        )
        self._loop = loop
        self._guard = guard
        with guard or nullcontext():
            self._machine = Machine(plan, load_process(plan.process))
        self._journal = JournalFile(config.journal, more_columns=has_more_columns(plan))
        self._write_header(config)
        self._incidents = Incidents(self._journal.note, on_incident)
        handshakes = _handshakes(config)
        self._inbound = Inbound(
            plan, handshakes, config.order, listener, loop, self._incidents, self._own,
            self._machine.count_waiting,
        )  # fmt: skip
        self._start_ns: int | None = None
        self._channels = {
            peer: OutboundChannel(peer, address, handshakes, loop, self._incidents)
            for peer, address in zip(plan.peers, config.addresses, strict=True)
        }

    def _own(self) -> Own:
        """Return this machine's clocks, which bound those of its peers."""
        elapsed_ns = 0 if self._start_ns is None else max(0, monotonic_ns() - self._start_ns)
        return Own(self._machine.clock, elapsed_ns, time_ns())

    def _write_header(self, config: WorkerConfig) -> None:
        fields = header_fields(
            self.plan,
            speed=self.plan.schedule.speed,
            world="real",
            run_id=config.run_id,
            pid=os.getpid(),
        )
        self._journal.note("header", fields)
        self._journal.note("columns", {"names": column_names(self.plan)})

    @staticmethod
    def tune_process() -> None:
        """Prepare this process for exact ticks. Call it before the start: it takes milliseconds."""
        request_exact_timers()
        gc.collect()
        gc.freeze()
        gc.disable()

    def connect(self) -> None:
        """Begin to dial every peer."""
        for channel in self._channels.values():
            channel.dial()

    @property
    def is_connected(self) -> bool:
        """Whether every peer is connected in both directions."""
        return self._inbound.connected_peers == len(self._channels) and all(
            channel.is_open for channel in self._channels.values()
        )

    @property
    def is_complete(self) -> bool:
        """Whether every tick was taken."""
        return self.ticks_taken == self.plan.ticks

    def run(self, start_ns: int) -> None:
        """Take every tick when it is due, or until the event loop is stopped.

        `start_ns` is the start of the run, in nanoseconds of the monotonic
        clock. Raise MachineEndError if the machine cannot go on, as if its process
        fails, JournalFileError if the journal cannot be written.
        """
        self._start_ns = start_ns
        self._journal.note("start", {"time": _utc_of(start_ns), "monotonic_ns": start_ns})
        schedule, physical = self.plan.schedule, self._physical
        for tick in range(self.plan.ticks):
            due_ns = schedule.due_real_ns(tick)
            began_ns = self._loop.run_until(start_ns + due_ns)
            if self._loop.stopped:
                return
            now_ns = physical.reading_ns(time_ns(), began_ns - start_ns)
            self._tick(tick, now_ns, due_ns, began_ns - start_ns - due_ns)
            self.ticks_taken = tick + 1
        self.mute_incidents()

    def _tick(self, tick: int, now_ns: int, due_ns: int, late_ns: int) -> None:
        found = self._inbound.collect()
        if self._guard is None:
            event, outgoing = self._machine.tick(tick, found, now_ns)
        else:
            with self._guard:
                event, outgoing = self._machine.tick(tick, found, now_ns)
        self._journal.append(event, now_ns, due_ns, late_ns, found)
        for message in outgoing:
            self._send(message)
        if event.clock >= CLOCK_END:
            raise ClockEndError(
                f"{CLOCK_ENDED}: it is {event.clock}, near the largest that travels, {STAMP_MAX}"
            )

    def _send(self, message: Outgoing) -> None:
        timestamp = None if message.timestamp is None else message.timestamp.encode()
        frame = wire.hello(message.targets, message.stamp, timestamp, message.payload)
        for target in message.targets:
            self._channels[target].send(frame)

    def mute_incidents(self) -> None:
        """Record no more incidents: the run is over, and peers close their connections."""
        self._incidents.mute()

    def close(self, reason: str) -> None:
        """Close every connection and end the journal with the number of undelivered messages.

        `reason` says why the machine ended; it is `complete` in any case if
        every tick was taken.
        """
        reason = COMPLETE if self.is_complete else reason
        self._inbound.close()
        undelivered = 0
        for channel in self._channels.values():
            channel.close()
            undelivered += channel.undelivered
        end: dict[str, object] = {
            "time": utc_text(time_ns()),
            "ticks": self.ticks_taken,
            "undelivered": undelivered,
            "incidents": self._incidents.count,
            **({"refused": _counts(self._inbound.refused)} if self._inbound.refused else {}),
            "reason": reason,
        }
        self._journal.note("end", end)
        self._journal.close()


def _handshakes(config: WorkerConfig) -> Handshakes:
    if config.key is None:
        return Handshakes(config.plan.name, config.run_id)
    from driftlab.network.sealing import NONCE_BYTES, KeyedHandshakes  # loads hashlib

    return KeyedHandshakes(
        config.plan.name,
        config.run_id,
        bytes.fromhex(config.key),
        incarnation=time_ns(),
        new_nonce=lambda: os.urandom(NONCE_BYTES).hex(),
    )


def _counts(counts: dict[str, int]) -> str:
    """Return numbers by name as one word, as in B:2,C:1."""
    return ",".join(f"{name}:{count}" for name, count in sorted(counts.items()))


def _utc_of(instant_ns: int) -> str:
    """Return an instant of the monotonic clock as UTC."""
    return utc_text(time_ns() + instant_ns - monotonic_ns())
