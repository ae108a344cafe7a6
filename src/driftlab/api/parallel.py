"""Many runs divided into shares, for several processes or the workers of a Dask cluster.

The result of a share depends only on the scenario and the numbers of its runs,
so it does not matter which worker simulates it, in what order, or how often.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import TYPE_CHECKING, Any, Final

from driftlab.api.engine_choice import choose_engine
from driftlab.api.run import Run
from driftlab.api.simulate_one import simulate_one
from driftlab.errors import DriftlabError
from driftlab.interrupts import INTERRUPT_SECONDS, deferred_interrupts
from driftlab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

SHARE_TICKS_COMPILED: Final = 50_000_000  # half a second of work
SHARE_TICKS: Final = 50_000  # a sixth of a second of work
SHARE_RUNS_MAX: Final = 20_000
SHARES_PER_WORKER_MIN: Final = 4  # so that no worker waits long for the slowest
SHARES_AHEAD: Final = 32  # of each worker: it waits for none that takes longer
DASK_TIMEOUT_S = 10
STOP_S_MAX: Final = 3.0  # for processes of a pool to end the journals that they write
SAFE_PATH: Final = "PYTHONSAFEPATH"  # as the flag -P


class WorkersLostError(DriftlabError):
    """A process that simulated a share has died."""


class DaskError(DriftlabError):
    """The Dask cluster cannot be reached or used."""


def split_into_shares(scenario: Scenario, workers: int, *, compiled: bool) -> list[range]:
    """Divide the numbers of a scenario's runs into shares, at least four for each worker.

    workers: how many processes or computers. compiled: whether the compiled engine
    simulates, of which a share has more ticks.
    """
    runs = scenario.runs
    each = max(1, scenario.expected_ticks // runs)
    ticks = SHARE_TICKS_COMPILED if compiled else SHARE_TICKS
    evenly = -(-runs // (SHARES_PER_WORKER_MIN * workers))
    size = max(1, min(SHARE_RUNS_MAX, ticks // each, evenly))
    numbers = scenario.run_numbers
    return [numbers[first : first + size] for first in range(0, runs, size)]


def simulate_share(scenario: Scenario, numbers: Sequence[int], *, compiled: bool) -> Any:
    """Simulate a share of the runs; `runs_from_share` makes `Run` objects of the result.

    The result can be pickled. numbers: of the runs of the share, from 1. compiled: by
    which engine.
    """
    if compiled:
        from driftlab.simulator.compiled.engine import simulate_runs

        return simulate_runs(scenario, numbers, cores=1)
    return [simulate_one(scenario, number) for number in numbers]


def runs_from_share(scenario: Scenario, numbers: Sequence[int], result: Any) -> Sequence[Run]:
    """Return the runs of a share.

    scenario, numbers: those given to `simulate_share`. result: what it returned.
    """
    if isinstance(result, list):
        return result
    from driftlab.api.compiled_runs import CompiledRuns

    return CompiledRuns(scenario, numbers, result)


def on_processes(
    scenario: Scenario, workers: int, out: str | None
) -> Generator[Sequence[Run], None, None]:
    """Simulate with the general engine on several processes; yield the shares in order.

    workers: how many processes. out: the folder below which journals are written; None
    writes none. Raise WorkersLostError if a process dies, and KeyboardInterrupt after all
    runs that are done.
    """
    pending: deque[Future[list[Run]]] = deque()
    try:
        with deferred_interrupts() as handle_interrupts, process_pool(workers) as pool:
            # A few ahead: a million futures would take seconds, and memory.
            for numbers in split_into_shares(scenario, workers, compiled=False):
                pending.append(pool.submit(_runs_until_stopped, scenario, numbers, out))
                if len(pending) >= SHARES_AHEAD * workers:
                    _wait_for(pending[0], handle_interrupts)
                    yield pending.popleft().result()
            while pending:
                _wait_for(pending[0], handle_interrupts)
                yield pending.popleft().result()
    except KeyboardInterrupt:  # every process has ended
        yield from (one.result() for one in pending if _has_result(one))
        raise


def _runs_until_stopped(scenario: Scenario, numbers: Sequence[int], out: str | None) -> list[Run]:
    """Simulate a share in a process of a pool, or, if that is stopped, a beginning of it."""
    runs: list[Run] = []
    try:
        with deferred_interrupts() as handle_interrupts:
            for number in numbers:  # journals are written whole
                runs.append(simulate_one(scenario, number, out, lambda _: handle_interrupts()))
                handle_interrupts()
    except KeyboardInterrupt:
        _Stop.was_asked = True
    return runs


def _wait_for(future: "Future[Any]", handle_interrupts: Callable[[], None]) -> None:
    from concurrent.futures import wait

    while not wait([future], INTERRUPT_SECONDS).done:
        handle_interrupts()
    handle_interrupts()


def _has_result(future: "Future[Any]") -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


@contextmanager
def process_pool(workers: int) -> "Iterator[ProcessPoolExecutor]":
    """Yield a pool of so many processes, which end with this one, however it ends.

    If its user is interrupted, or wants no more, they stop in the middle of what they do.
    Raise WorkersLostError if a process dies.
    """
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    class Pool(ProcessPoolExecutor):
        def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Any:
            return super().submit(_unless_stopped, work, *arguments, **named)

    with _interrupts_ignored(), _main_hidden(), _working_folder_left_out():
        # The pool starts a process at once, which tracks resources.
        pool = Pool(workers, _Context(), initializer=_end_with_parent)
    try:
        yield pool
    except BrokenProcessPool:
        raise WorkersLostError(
            "an operating-system process that simulates has died; did a process of yours end it?"
        ) from None
    except BaseException:
        _stop(pool)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _stop(pool: "ProcessPoolExecutor") -> None:
    """Interrupt the processes of a pool, and kill those that do not end of it."""
    from multiprocessing.connection import wait
    from time import monotonic

    processes = list(pool._processes.values())
    for process in processes:
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)  # so that they hear that nothing follows
    left, deadline = {process.sentinel for process in processes}, monotonic() + STOP_S_MAX
    while left and monotonic() < deadline:
        left -= set(wait(list(left), deadline - monotonic()))
    for process in processes:
        process.kill()


class _Process(SpawnProcess):
    """A process that ignores Ctrl-C, and does not import the user's script."""

    def start(self) -> None:
        """Start the process; a pool does so when a task finds none idle."""
        with _interrupts_ignored(), _main_hidden(), _working_folder_left_out():
            super().start()

    def run(self) -> None:
        """Take tasks until the pool ends."""
        with suppress(KeyboardInterrupt):
            super().run()


class _Context(SpawnContext):
    """The context of processes of this kind."""

    Process = _Process


class _Stop:
    """Whether this process of a pool was asked to stop, and whether it does a task.

    Between two tasks it may be sending a result, which must not be lost; it ends when the
    pool says that nothing follows.
    """

    was_asked = False
    is_working = False


def _unless_stopped(work: Any, *arguments: Any, **named: Any) -> Any:
    """Do what a pool is asked to, unless it is being stopped: one more task may be queued."""
    if _Stop.was_asked:
        raise KeyboardInterrupt
    _Stop.is_working = True
    try:
        return work(*arguments, **named)
    finally:
        _Stop.is_working = False


def _stop_this_process(number: int, frame: Any) -> None:
    _Stop.was_asked = True
    if _Stop.is_working:
        raise KeyboardInterrupt


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, were it killed, or says so."""
    import signal
    from multiprocessing import parent_process
    from threading import Thread

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()
    signal.signal(signal.SIGTERM, _stop_this_process)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep new processes from importing the user's script, of which they need nothing.

    So a script without `if __name__ == "__main__":` may simulate many runs.
    """
    main: dict[str, Any] = vars(sys.modules["__main__"])
    hidden: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main}
    main.pop("__file__", None)
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


@contextmanager
def _working_folder_left_out() -> Iterator[None]:
    """Keep new interpreters from importing the standard library from the working folder.

    A `random.py` there would take the place of Python's own before the path of this
    process, which they are given, holds.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C for a moment; processes that start meanwhile ignore it for good."""
    import signal  # slow to import, like `threading`
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def on_dask(scenario: Scenario, address: str) -> Generator[Sequence[Run], None, None]:
    """Simulate on the workers of the Dask cluster at `address`; yield the shares in order.

    The shares of a worker that is lost are simulated again by another. Raises
    DaskError.
    """
    client = dask_client(address)
    try:
        workers = max(1, sum(client.nthreads().values()))
        compiled = choose_engine(scenario, workers) == "compiled"
        shares = split_into_shares(scenario, workers, compiled=compiled)
        futures = client.map(
            _on_worker, shares, scenario=scenario, compiled=compiled, pure=False, retries=3
        )
        for place, numbers in enumerate(shares):
            result = _result(futures[place])
            futures[place].release()
            yield runs_from_share(scenario, numbers, result)
    finally:
        client.close()


def _result(future: Any) -> Any:
    with dask_errors():
        return future.result()


@contextmanager
def dask_errors() -> Iterator[None]:
    """Turn what goes wrong on a worker into DaskError."""
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise DaskError(f"dask: workers die of a share: {_one_line(error)}") from None
    except DriftlabError as error:
        raise DaskError(f"dask: a worker says: {error}") from None


def _on_worker(numbers: range, *, scenario: Scenario, compiled: bool) -> Any:
    return simulate_share(scenario, numbers, compiled=compiled)


def dask_client(address: str) -> Any:
    """Return a client of the Dask scheduler at `address`. Raise DaskError."""
    import socket

    try:
        from distributed import Client
    except ImportError:
        raise DaskError("dask: not installed; pip install driftlab[dask]") from None
    try:
        # Try the address first: a client that cannot connect goes on logging after its error.
        host, _, port = address.rpartition("//")[2].rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=DASK_TIMEOUT_S).close()
        make_client: Any = Client  # which has no types
        connected = make_client(address, timeout=f"{DASK_TIMEOUT_S}s", set_as_default=False)
    except (OSError, ValueError, TypeError, TimeoutError) as error:
        raise DaskError(
            f"dask: no scheduler at {address!r}, as in tcp://HOST:8786: {_one_line(error)}"
        ) from None
    try:
        connected.wait_for_workers(1, timeout=DASK_TIMEOUT_S)
    except TimeoutError:
        connected.close()
        raise DaskError(f"dask: the scheduler at {address} has no workers") from None
    return connected


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
