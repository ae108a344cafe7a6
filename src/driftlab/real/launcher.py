"""The launcher: starts the workers of one run, follows them, stops them and reaps them.

It binds every listening socket itself and hands it to the worker, so there is
no race for ports and no connection is refused for being early. When the mesh
is complete, every machine connected to all its peers, it orders one common start
instant. If a worker dies the others go on. A worker ends when its pipe from the
launcher ends, so no worker is left behind, however the launcher dies.

Every machine needs file descriptors; `reserve_file_descriptors` makes sure that
there are enough before anything is started.
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

from driftlab.errors import DriftlabError, counted, name_list
from driftlab.journal.format import COMPLETE, JOURNAL_SUFFIX
from driftlab.real.addresses import Address, AddressError, listen
from driftlab.real.tcp_host import WorkerConfig
from driftlab.scenario.plan import MachinePlan

REAL_MACHINES_MAX: Final = 1_000  # each is a process, each pair has two connections
LOOPBACK: Final = "127.0.0.1"
MESH_NS_MAX: Final = 60_000_000_000  # from the start of the first worker to a complete mesh
START_LEAD_NS: Final = 10_000_000  # from the start order to the start instant
START_LEAD_EACH_NS: Final = 500_000  # additional lead for each machine
GRACE_NS: Final = 2_000_000_000  # after the end of the run, for late ticks
REAP_NS_MAX: Final = 5_000_000_000
PROGRESS_EVERY_NS: Final = 200_000_000
_BACKLOG_SPARE: Final = 64
_SPARE_FDS: Final = 48  # for the interpreter, a selector, unidentified connections and a journal

# A worker must find this package, and must not import a socket.py of the user's in place of the
# standard library's. Hence -P, and the package's folder at the end of the path.
_PACKAGE_ROOT: Final = str(Path(__file__).parents[2])
_WORKER_PROGRAM: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from driftlab.real.worker import main; sys.exit(main(int(sys.argv[2])))"
)

OnProgress = Callable[[int], None]  # (real nanoseconds since the start)


class TooManyMachinesError(DriftlabError):
    """A run needs more open files or processes than this system allows."""


class LaunchError(DriftlabError):
    """A run could not be started. No journal is kept and no worker is left running."""


class WorkerBugError(Exception):
    """A worker failed before the start because of a bug in driftlab; has its traceback."""


class LaunchOutcome(NamedTuple):
    """How a run ended.

    ends: for each machine `complete`, or the reason why it took fewer ticks.
    interrupted: whether a signal stopped the run.
    """

    ends: dict[str, str]
    interrupted: bool

    @property
    def is_whole(self) -> bool:
        """Whether every machine took every tick."""
        return all(end == COMPLETE for end in self.ends.values())


class _Worker:
    """The launcher's view of one worker: its process and its reports."""

    def __init__(self, plan: MachinePlan, listener: socket.socket) -> None:
        self.name = plan.name
        self.is_ready = False
        self.is_done = False
        self.is_stopped = False
        self.is_gone = False
        self.failure = ""
        self.is_killed = False  # by this launcher
        self.is_bug = False
        self._unfinished = b""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _WORKER_PROGRAM, _PACKAGE_ROOT, str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=[listener.fileno()],
            process_group=0,  # Ctrl-C reaches the launcher only, which then stops the workers
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.orders = self.process.stdin
        self.reports = self.process.stdout

    def order(self, line: str) -> None:
        """Send an order."""
        with suppress(BrokenPipeError):  # the worker is gone, as the end of its reports will show
            self.orders.write(line.encode())

    def read_reports(self) -> None:
        """Read the reports that have arrived."""
        chunk = os.read(self.reports.fileno(), 65_536)
        self.is_gone = self.is_gone or not chunk
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        for line in lines:
            topic, _, text = line.decode().partition(" ")
            self.is_ready = self.is_ready or topic == "ready"
            self.is_done = self.is_done or topic == "done"
            self.is_stopped = self.is_stopped or topic == "stopped"
            if topic in ("failed", "bug"):
                self.failure = json.loads(text)
                self.is_bug = topic == "bug"

    def end(self, stop_reason: str) -> str:
        """Return `complete` or why the worker took fewer ticks, once it was reaped.

        `stop_reason` is the reason that the launcher stopped it for.
        """
        code = self.process.returncode
        if self.failure:
            return self.failure
        if self.is_killed:
            return f"did not stop within {REAP_NS_MAX / 1e9:g} s, and was killed by the launcher"
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
    on_progress: OnProgress = lambda elapsed_ns: None,
    key: bytes | None = None,
) -> LaunchOutcome:
    """Run the machines of one run and return how they ended.

    Args:
        plans: the plans of all machines.
        folder: the existing folder to write the journals into.
        run_id: the id of the run, a token of the wire.
        order: the scenario's `order`, "peers" or "arrival".
        on_progress: called about five times a second with the real nanoseconds
            since the start.
        key: the key that every machine has to prove, None for none.

    Call `reserve_file_descriptors` first. Raise LaunchError or WorkerBugError,
    both only before the start.
    """
    with _Signals() as signals:
        return _Launch(plans, folder, run_id, order, signals, on_progress, key).run()


class _Signals:
    """Counts SIGINT, SIGTERM and SIGHUP, so that they stop the run in order.

    Python delivers signals to the main thread only; in another one this does
    nothing.
    """

    def __init__(self) -> None:
        self.count = 0
        self._old_handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> "_Signals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                    self._old_handlers[number] = signal.signal(number, self._count)
        return self

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    def __exit__(self, *error: object) -> None:
        for number, handler in self._old_handlers.items():
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
        on_progress: OnProgress,
        key: bytes | None,
    ) -> None:
        self._key = None if key is None else key.hex()
        self._plans = plans
        self._folder = folder
        self._deadline_ns = monotonic_ns() + MESH_NS_MAX
        self._run_id = run_id
        self._order = order
        self._signals = signals
        self._on_progress = on_progress
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> LaunchOutcome:
        """Start the workers, follow the run and end it. In any case no worker is left running."""
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
                self._require_in_time(f"{len(self._workers)} of {len(self._plans)} started")
                self._workers.append(_Worker(plan, listener))
                self._configure(self._workers[-1], plan, addresses)
        except (OSError, AddressError) as error:
            raise LaunchError(
                f"cannot start {counted(len(self._plans), 'machine')}: {error}"
            ) from error
        finally:
            for listener in listeners:
                listener.close()

    def _configure(self, worker: _Worker, plan: MachinePlan, addresses: dict[str, Address]) -> None:
        journal = f"{self._folder}/{plan.name}{JOURNAL_SUFFIX}"
        peers = tuple(addresses[peer] for peer in plan.peers)
        config = WorkerConfig(plan, peers, self._run_id, self._order, str(journal), self._key)
        worker.order(config.to_line())
        self._selector.register(worker.reports, selectors.EVENT_READ, worker)

    def _await_mesh(self) -> None:
        """Wait until every machine is connected to all its peers. Raise LaunchError."""
        while not all(worker.is_ready for worker in self._workers) and not self._signals.count:
            self._read_reports(PROGRESS_EVERY_NS)
            for worker in self._workers:
                if worker.is_gone:
                    raise self._start_failure(worker)
            missing = [worker.name for worker in self._workers if not worker.is_ready]
            if missing:
                self._require_in_time(f"not connected: {name_list(missing)}")

    def _require_in_time(self, state: str) -> None:
        """Raise LaunchError if the mesh took too long; `state` describes the progress so far."""
        if monotonic_ns() > self._deadline_ns:
            raise LaunchError(
                f"no complete mesh within {MESH_NS_MAX / 1e9:g} s: {state}; "
                "fewer machines, or a faster computer"
            )

    def _start_failure(self, worker: _Worker) -> Exception:
        worker.process.wait()
        if worker.is_bug:
            return WorkerBugError(f"machine {worker.name}:\n{worker.failure}")
        return LaunchError(f"machine {worker.name}: {worker.end('ended before the start')}")

    def _follow_to_the_end(self) -> None:
        """Start and follow the run; if `on_progress` raises, end the run in order first."""
        try:
            self._follow(self._start())
        except BaseException:
            self._finish("the launcher failed")
            raise

    def _start(self) -> int:
        start_ns = monotonic_ns() + START_LEAD_NS + START_LEAD_EACH_NS * len(self._workers)
        for worker in self._workers:
            worker.order(f"start {start_ns}\n")
        return start_ns

    def _follow(self, start_ns: int) -> None:
        """Wait for the end of the run and then for late ticks, or for a signal."""
        end_ns = start_ns + self._plans[0].schedule.real_ns(self._plans[0].end_ns)
        report_ns = start_ns
        while not self._signals.count:
            now_ns = monotonic_ns()
            wait_ns = self._deadline(end_ns) - now_ns
            if wait_ns <= 0:
                return
            if now_ns >= report_ns:
                self._on_progress(now_ns - start_ns)
                report_ns = now_ns + PROGRESS_EVERY_NS
            self._read_reports(min(wait_ns, report_ns - now_ns))

    def _deadline(self, end_ns: int) -> int:
        """Return when to stop: at the end, later if ticks are late, now if all are gone."""
        if all(worker.is_gone for worker in self._workers):
            return 0
        is_over = all(worker.is_done or worker.is_gone for worker in self._workers)
        return end_ns if is_over else end_ns + GRACE_NS

    def _read_reports(self, timeout_ns: int) -> None:
        """Read the reports that have arrived, after waiting at most `timeout_ns`."""
        for key, _ in self._selector.select(max(0, timeout_ns) / 1e9):
            key.data.read_reports()
            if key.data.is_gone:
                self._selector.unregister(key.fileobj)

    def _finish(self, reason: str) -> LaunchOutcome:
        """Stop and reap every worker, and return how the run ended.

        All workers stop before the first closes its connections, so that none
        records the end of another as an incident. A worker that does not end in
        time is killed.
        """
        for worker in self._workers:
            worker.order(f"stop {reason}\n")
        self._read_reports_until(lambda worker: worker.is_stopped or worker.is_gone)
        for worker in self._workers:
            worker.orders.close()
        self._read_reports_until(lambda worker: worker.is_gone)
        self._kill_and_reap()
        ends = {worker.name: worker.end(reason) for worker in self._workers}
        return LaunchOutcome(ends, interrupted=bool(self._signals.count))

    def _read_reports_until(self, condition: Callable[[_Worker], bool]) -> None:
        deadline_ns = monotonic_ns() + REAP_NS_MAX
        while (
            not all(condition(worker) for worker in self._workers) and monotonic_ns() < deadline_ns
        ):
            self._read_reports(PROGRESS_EVERY_NS)

    def _kill_and_reap(self) -> None:
        """Close the pipes, kill the workers that still run, and reap all."""
        for worker in self._workers:
            worker.orders.close()
            if not worker.is_gone:
                worker.is_killed = True
                worker.process.kill()
            worker.process.wait()
            worker.reports.close()
        self._selector.close()


def reserve_file_descriptors(machines: int) -> None:
    """Raise the limit of open files, if needed, to what a run of `machines` machines needs.

    The launcher holds a listening socket and two pipes for each machine, a worker
    two connections for each peer. Raise TooManyMachinesError if the system does
    not allow that, or if there are more than REAL_MACHINES_MAX machines.
    """
    needed = 3 * machines + _SPARE_FDS
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
        possible = counted(max(0, (hard - _SPARE_FDS) // 3), "machine")
        raise TooManyMachinesError(
            f"machines: {machines} need {needed} open files in each process; the limit here is "
            f"{hard} (ulimit -n), which allows {possible}"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:  # macOS has a lower limit of its own
        raise TooManyMachinesError(
            f"machines: {machines} need {needed} open files in each process; the limit here is "
            f"{soft} (ulimit -n) and cannot be raised: {error}"
        ) from None
