"""The launcher: starts the machines of one run together, follows them, ends them, reaps them.

It binds every listening socket itself and hands it over, so no port is raced
for and no connection can come too early. It gates the machines until the mesh
is complete, and then names one common start instant. A worker that dies is
noted and the others go on. Every worker ends when its pipe from the launcher
ends, so nothing is left behind, however the launcher dies.

The open-file limit, asked before anything is started.
"""

import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic_ns
from types import FrameType
from typing import Final, NamedTuple

from driftlab.errors import DriftlabError
from driftlab.journal.format import COMPLETE, JOURNAL_SUFFIX
from driftlab.real.addresses import Address, AddressError, listen
from driftlab.real.tcp_host import WorkerConfig
from driftlab.scenario.plan import MachinePlan

LOOPBACK: Final = "127.0.0.1"
MESH_NS_MAX: Final = 60_000_000_000  # from the first worker to a complete mesh
START_LEAD_NS: Final = 10_000_000  # from the start order to the start instant, and
START_LEAD_EACH_NS: Final = 500_000  # for each machine that has to be told
GRACE_NS: Final = 2_000_000_000  # for late ticks after the end of the run
REAP_NS_MAX: Final = 5_000_000_000
PROGRESS_EVERY_NS: Final = 200_000_000
_BACKLOG_SPARE: Final = 64

# A worker must find this package wherever it is, and must not find the user's files: a socket.py
# in the working folder would stand before the standard library. Hence -P, and the path at the end.
_PACKAGE_ROOT: Final = str(Path(__file__).parents[2])
_WORKER_PROGRAM: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from driftlab.real.worker import main; sys.exit(main(int(sys.argv[2])))"
)

OnProgress = Callable[[int], None]


class LaunchError(DriftlabError):
    """A run that could not be started; nothing of it is recorded, no worker is left."""


class WorkerBugError(Exception):
    """A worker failed before the start, by a bug of ours; carries the worker's traceback."""


class LaunchOutcome(NamedTuple):
    """How a run ended: for each machine `complete` or why not, and whether it was interrupted."""

    ends: dict[str, str]
    interrupted: bool

    @property
    def is_whole(self) -> bool:
        """Whether every machine took every tick."""
        return all(end == COMPLETE for end in self.ends.values())


class _Worker:
    """The launcher's side of one worker: its process, and what it has reported."""

    def __init__(self, plan: MachinePlan, listener: socket.socket) -> None:
        self.name = plan.name
        self.is_ready = False
        self.is_done = False
        self.is_stopped = False
        self.is_gone = False
        self.failure = ""
        self.is_bug = False
        self._heard = b""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _WORKER_PROGRAM, _PACKAGE_ROOT, str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=[listener.fileno()],
            process_group=0,  # Ctrl-C is for the launcher, which then stops the workers
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.orders = self.process.stdin
        self.reports = self.process.stdout

    def order(self, line: str) -> None:
        """Tell the worker; one that is gone hears nothing, and its reports end."""
        with suppress(BrokenPipeError):
            self.orders.write(line.encode())

    def hear(self) -> None:
        """Take in what the worker reports."""
        chunk = os.read(self.reports.fileno(), 65_536)
        self.is_gone = self.is_gone or not chunk
        *lines, self._heard = (self._heard + chunk).split(b"\n")
        for line in lines:
            topic, _, text = line.decode().partition(" ")
            self.is_ready = self.is_ready or topic == "ready"
            self.is_done = self.is_done or topic == "done"
            self.is_stopped = self.is_stopped or topic == "stopped"
            if topic in ("failed", "bug"):
                self.failure = json.loads(text)
                self.is_bug = topic == "bug"

    def end(self, stop_reason: str) -> str:
        """Say how it ended, once reaped."""
        code = self.process.returncode
        if self.failure:
            return self.failure
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        if code:
            return f"ended with status {code}"
        return COMPLETE if self.is_done else stop_reason


def launch(
    plans: Sequence[MachinePlan],
    folder: str,
    run_id: str,
    order: str,
    on_beat: OnProgress = lambda elapsed_ns: None,
) -> LaunchOutcome:
    """Run the machines of one run, journals into `folder`, and return how they ended.

    `on_beat` is called about five times a second with the real nanoseconds
    since the start. Ask `require_files_for` first. Raises LaunchError
    and WorkerBugError, both only before the start.
    """
    with _Signals() as signals:
        return _Launch(plans, folder, run_id, order, signals, on_beat).run()


class _Signals:
    """Counts requests to stop, of a person (Ctrl-C) or of the system, instead of dying of them.

    Outside the main thread Python delivers no signals, and this does nothing.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> "_Signals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asks for that
                    self._before[number] = signal.signal(number, self._count)
        return self

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


class _Launch:
    """One run from its first socket to its last reaped worker."""

    def __init__(
        self,
        plans: Sequence[MachinePlan],
        folder: str,
        run_id: str,
        order: str,
        signals: _Signals,
        on_beat: OnProgress,
    ) -> None:
        self._plans = plans
        self._folder = folder
        self._deadline_ns = monotonic_ns() + MESH_NS_MAX
        self._run_id = run_id
        self._order = order
        self._signals = signals
        self._on_beat = on_beat
        self._hands: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> LaunchOutcome:
        """Start, gate, follow, end. Whatever happens on the way, no worker is left."""
        try:
            self._spawn()
            self._await_mesh()
            if not self._signals.count:
                self._follow_to_the_end()
            return self._finish("interrupted" if self._signals.count else "out of time")
        finally:
            self._kill_and_reap()

    def _spawn(self) -> None:
        listeners: list[socket.socket] = []
        try:
            backlog = len(self._plans) + _BACKLOG_SPARE
            listeners.extend(listen(Address(LOOPBACK, 0), backlog) for _ in self._plans)
            addresses = {
                plan.name: Address(*listener.getsockname())
                for plan, listener in zip(self._plans, listeners, strict=True)
            }
            for plan, listener in zip(self._plans, listeners, strict=True):
                if self._signals.count:
                    return
                self._demand_in_time(f"{len(self._hands)} of {len(self._plans)} machines started")
                self._hands.append(_Worker(plan, listener))
                self._assign(self._hands[-1], plan, addresses)
        except (OSError, AddressError) as error:
            raise LaunchError(f"cannot start {len(self._plans)} machines: {error}") from error
        finally:
            for listener in listeners:
                listener.close()

    def _assign(self, hand: _Worker, plan: MachinePlan, addresses: dict[str, Address]) -> None:
        journal = f"{self._folder}/{plan.name}{JOURNAL_SUFFIX}"
        peers = tuple(addresses[peer] for peer in plan.peers)
        assignment = WorkerConfig(plan, peers, self._run_id, self._order, str(journal))
        hand.order(assignment.to_line())
        self._selector.register(hand.reports, selectors.EVENT_READ, hand)

    def _await_mesh(self) -> None:
        """Wait until every machine is connected to every other."""
        while not all(hand.is_ready for hand in self._hands) and not self._signals.count:
            self._listen(PROGRESS_EVERY_NS)
            for hand in self._hands:
                if hand.is_gone:
                    raise self._failure(hand)
            missing = [hand.name for hand in self._hands if not hand.is_ready]
            listed = missing if len(missing) <= 12 else [*missing[:11], f"… ({len(missing)})"]
            if missing:
                self._demand_in_time(f"not connected: {', '.join(listed)}")

    def _demand_in_time(self, state: str) -> None:
        """Raise LaunchError if the mesh should stand by now."""
        if monotonic_ns() > self._deadline_ns:
            raise LaunchError(
                f"no complete mesh within {MESH_NS_MAX / 1e9:g} s: {state}; "
                "fewer machines, or a faster computer"
            )

    def _failure(self, hand: _Worker) -> Exception:
        hand.process.wait()
        if hand.is_bug:
            return WorkerBugError(f"machine {hand.name}:\n{hand.failure}")
        return LaunchError(f"machine {hand.name}: {hand.end('ended before the start')}")

    def _follow_to_the_end(self) -> None:
        """Follow the run; if watching it fails, still end it in order, then say so."""
        try:
            self._follow(self._start())
        except BaseException:
            self._finish("the launcher failed")
            raise

    def _start(self) -> int:
        start_ns = monotonic_ns() + START_LEAD_NS + START_LEAD_EACH_NS * len(self._hands)
        for hand in self._hands:
            hand.order(f"start {start_ns}\n")
        return start_ns

    def _follow(self, start_ns: int) -> None:
        """Wait for the end of the run, and then for late ticks; or for Ctrl-C."""
        end_ns = start_ns + self._plans[0].schedule.real_ns(self._plans[0].end_ns)
        beat_ns = start_ns
        while not self._signals.count:
            now_ns = monotonic_ns()
            wait_ns = self._deadline(end_ns) - now_ns
            if wait_ns <= 0:
                return
            if now_ns >= beat_ns:
                self._on_beat(now_ns - start_ns)
                beat_ns = now_ns + PROGRESS_EVERY_NS
            self._listen(min(wait_ns, beat_ns - now_ns))

    def _deadline(self, end_ns: int) -> int:
        """When to stop: at the end, after a grace for late ticks, or at once if all are gone."""
        if all(hand.is_gone for hand in self._hands):
            return 0
        is_over = all(hand.is_done or hand.is_gone for hand in self._hands)
        return end_ns if is_over else end_ns + GRACE_NS

    def _listen(self, timeout_ns: int) -> None:
        for key, _ in self._selector.select(max(0, timeout_ns) / 1e9):
            key.data.hear()
            if key.data.is_gone:
                self._selector.unregister(key.fileobj)

    def _finish(self, reason: str) -> LaunchOutcome:
        """Stop every worker and reap it; one that does not end in time is killed.

        All stop before the first closes its connections, so that none takes
        the end of another for an incident.
        """
        for hand in self._hands:
            hand.order(f"stop {reason}\n")
        self._listen_until(lambda hand: hand.is_stopped or hand.is_gone)
        for hand in self._hands:
            hand.orders.close()
        self._listen_until(lambda hand: hand.is_gone)
        self._kill_and_reap()
        ends = {hand.name: hand.end(reason) for hand in self._hands}
        return LaunchOutcome(ends, interrupted=bool(self._signals.count))

    def _listen_until(self, holds: Callable[[_Worker], bool]) -> None:
        deadline_ns = monotonic_ns() + REAP_NS_MAX
        while not all(holds(hand) for hand in self._hands) and monotonic_ns() < deadline_ns:
            self._listen(PROGRESS_EVERY_NS)

    def _kill_and_reap(self) -> None:
        """Leave nothing: close the pipes, kill who is still there, reap all."""
        for hand in self._hands:
            hand.orders.close()
            if not hand.is_gone:
                hand.process.kill()
            hand.process.wait()
            hand.reports.close()
        self._selector.close()


REAL_MACHINES_MAX: Final = 1_000  # each a process, each pair two connections
_SPARE: Final = 48  # what an interpreter, a selector, strangers and a journal take besides


class TooManyMachinesError(DriftlabError):
    """More machines than this system's open-file limit allows."""


def reserve_file_descriptors(machines: int) -> None:
    """Make room for a run of so many machines: raise the soft limit up to the hard one.

    The launcher holds a listening socket and two pipes a machine, a worker
    two connections a peer. Raises TooManyMachinesError.
    """
    needed = 3 * machines + _SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and needed > soft:
        _raise_soft_limit(machines, needed, soft, hard)
    if machines > REAL_MACHINES_MAX:
        raise TooManyMachinesError(
            f"machines: {machines} are too many processes for one computer; "
            f"allowed: up to {REAL_MACHINES_MAX}"
        )


def _raise_soft_limit(machines: int, needed: int, soft: int, hard: int) -> None:
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TooManyMachinesError(
            f"machines: {machines} need {needed} open files each way; the limit here is {hard} "
            f"(ulimit -n), which allows {max(0, (hard - _SPARE) // 3)} machines"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:  # macOS has a further limit of its own
        raise TooManyMachinesError(
            f"machines: {machines} need {needed} open files each way; the limit here is {soft} "
            f"(ulimit -n) and cannot be raised: {error}"
        ) from None
