"""The TCP host: one machine in the real world. One process, one thread, no waiting but one.

The host drives a pure machine: it waits for each tick's absolute due time,
empties the sockets, hands what it found to the machine and performs the
effects. An event is in the journal before its message leaves. Peers that are
late, die, reset, never read or write nonsense cost an incident, not a tick.

A tick that comes late is still taken; none is left out. When the machine falls
behind it catches up as fast as it can, and the lateness stands in the journal.

What a worker is told when it starts: its plan, its peers' addresses, its files.

It travels as one line of JSON, so that a worker imports nothing but the
standard library and this.
"""

import gc
import json
import os
import socket
from collections.abc import Callable
from time import monotonic_ns, time_ns
from typing import Any, NamedTuple

from driftlab.clocks.physical_clock import PhysicalClock
from driftlab.journal.format import (
    COMPLETE,
    Entry,
    Instant,
    column_names,
    has_more_columns,
    header_fields,
)
from driftlab.journal.utc import utc_text
from driftlab.journal.writer import JournalFile
from driftlab.machine.effects import Outgoing
from driftlab.machine.machine import Machine
from driftlab.machine.process_loader import load_process
from driftlab.model.schedule import Schedule
from driftlab.network import wire
from driftlab.real.addresses import Address
from driftlab.real.event_loop import EventLoop, ask_for_exact_timers
from driftlab.real.inbound import Inbound
from driftlab.real.incidents import Incidents
from driftlab.real.outbound import OutboundChannel
from driftlab.scenario.plan import MachinePlan


class TcpHost:
    """One machine, its sockets and its journal. Raises JournalFileError when the disk says no."""

    def __init__(
        self,
        assignment: WorkerConfig,
        listener: socket.socket,
        waiter: EventLoop,
        on_incident: Callable[[str], None] = lambda line: None,
    ) -> None:
        plan = assignment.plan
        self.plan = plan
        self.taken = 0  # ticks
        self._physical = plan.physical._replace(
            offset_ns=plan.schedule.real_ns(plan.physical.offset_ns)
        )
        self._waiter = waiter
        self._machine = Machine(plan, load_process(plan.process))
        self._journal = JournalFile(assignment.journal, more_columns=has_more_columns(plan))
        self._write_header(assignment)
        self._incidents = Incidents(self._journal.note, on_incident)
        self._intake = Inbound(
            plan, assignment.run_id, assignment.order,
            listener, waiter, self._incidents,
        )  # fmt: skip
        greeting = wire.iam(plan.name, assignment.run_id)
        self._channels = {
            peer: OutboundChannel(peer, address, greeting, waiter, self._incidents)
            for peer, address in zip(plan.peers, assignment.addresses, strict=True)
        }

    def _write_header(self, assignment: WorkerConfig) -> None:
        fields = header_fields(
            self.plan,
            speed=self.plan.schedule.speed,
            world="real",
            run_id=assignment.run_id,
            pid=os.getpid(),
        )
        self._journal.note("header", fields)
        self._journal.note("columns", {"names": column_names(self.plan)})

    @staticmethod
    def tune_process() -> None:
        """Put this process in order for exact ticks; takes milliseconds, so before the start."""
        ask_for_exact_timers()
        gc.collect()
        gc.freeze()
        gc.disable()

    def connect(self) -> None:
        """Begin to dial every peer."""
        for channel in self._channels.values():
            channel.dial()

    @property
    def is_connected(self) -> bool:
        """Whether every peer is connected both ways."""
        return self._intake.introduced == len(self._channels) and all(
            channel.is_open for channel in self._channels.values()
        )

    @property
    def is_complete(self) -> bool:
        """Whether every tick was taken."""
        return self.taken == self.plan.ticks

    def run(self, start_ns: int) -> None:
        """Take every tick at its time after `start_ns` of the monotonic clock, or until halted."""
        self._journal.note("start", {"time": self._start_text(start_ns), "monotonic_ns": start_ns})
        schedule, physical = self.plan.schedule, self._physical
        for tick in range(self.plan.ticks):
            due_ns = schedule.due_real_ns(tick)
            began_ns = self._waiter.run_until(start_ns + due_ns)
            if self._waiter.stopped:
                return
            now_ns = physical.reading_ns(time_ns(), began_ns - start_ns)
            self._tick(tick, Instant(now_ns, due_ns, began_ns - start_ns - due_ns))
            self.taken = tick + 1
        self.mute_incidents()

    @staticmethod
    def _start_text(start_ns: int) -> str:
        return utc_text(time_ns() + start_ns - monotonic_ns())

    def _tick(self, tick: int, instant: Instant) -> None:
        found = self._intake.collect()
        event, posts = self._machine.tick(tick, found, instant.time_ns)
        self._journal.append(Entry(event, instant, found))
        for post in posts:
            self._send(post)

    def _send(self, post: Outgoing) -> None:
        timestamp = None if post.timestamp is None else post.timestamp.encode()
        frame = wire.hello(post.targets, post.stamp, timestamp, post.payload)
        for target in post.targets:
            self._channels[target].send(frame)

    def mute_incidents(self) -> None:
        """Record no more incidents: the run is over, and peers close their connections."""
        self._incidents.run_is_over()

    def close(self, reason: str) -> None:
        """Close every connection, count what was not delivered, write the journal's last line.

        The line says `complete` if every tick was taken, and otherwise the reason why not.
        """
        reason = COMPLETE if self.is_complete else reason
        self._intake.close()
        undelivered = 0
        for channel in self._channels.values():
            channel.close()
            undelivered += channel.undelivered
        end: dict[str, object] = {
            "time": utc_text(time_ns()),
            "ticks": self.taken,
            "undelivered": undelivered,
            "incidents": self._incidents.count,
            "reason": reason,
        }
        self._journal.note("end", end)
        self._journal.close()


class WorkerConfig(NamedTuple):
    """One worker's part of a run. `addresses` are those of `plan.peers`, in that order."""

    plan: MachinePlan
    addresses: tuple[Address, ...]
    run_id: str
    order: str
    journal: str

    def to_line(self) -> str:
        """Return the assignment as one line of JSON, line end included."""
        return json.dumps(self) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "WorkerConfig":
        """Read what `to_line` wrote."""
        plan, addresses, *rest = json.loads(line)
        return cls(_plan(plan), tuple(Address(*address) for address in addresses), *rest)


def _plan(values: list[Any]) -> MachinePlan:
    plan = MachinePlan(*values)
    return plan._replace(
        peers=tuple(plan.peers),
        names=tuple(plan.names),
        places=tuple(plan.places),
        schedule=Schedule(*plan.schedule),
        die=(plan.die[0], plan.die[1]),
        physical=PhysicalClock(*plan.physical),
    )
