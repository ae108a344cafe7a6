"""A share of many runs: what one core, or one worker of a cluster, is handed at once.

What comes out of a share depends on the scenario and the numbers of its runs
alone, so it does not matter who works it out, nor in what order, nor how often.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from driftlab.api.general_engine import simulate_one
from driftlab.api.run import Run
from driftlab.errors import DriftlabError
from driftlab.scenario.scenario import Scenario

TICKS_WORTH_COMPILED = 300_000  # the compiler loads in half a second, which is what these take
TICKS_WORTH_COMPILING = 5_000_000  # nothing compiled yet: that takes some ten seconds, once
TICKS_A_SHARE_COMPILED = 50_000_000  # half a second of work
TICKS_A_SHARE = 50_000
RUNS_A_SHARE_MAX = 20_000
DASK_TIMEOUT_S = 10


class WorkersLostError(DriftlabError):
    """Processes that were to simulate a share have died."""


class DaskError(DriftlabError):
    """A cluster that cannot be reached or used."""


def is_worth_compiling(scenario: Scenario) -> bool:
    """Whether the compiled engine applies to a scenario and is the faster one for it."""
    if scenario.expected_ticks < TICKS_WORTH_COMPILED:
        return False
    from driftlab.simulator.compiled.eligibility import incompatibility
    from driftlab.simulator.compiled.jit_cache import is_warm

    warm = scenario.expected_ticks >= TICKS_WORTH_COMPILING or is_warm()
    return warm and incompatibility(scenario) is None


def is_cold() -> bool:
    """Whether the compiled engine has still to be compiled."""
    from driftlab.simulator.compiled.jit_cache import is_warm

    return not is_warm()


def split_into_shares(scenario: Scenario, workers: int, *, compiled: bool) -> list[range]:
    """Divide the runs of a scenario into shares, some for each worker."""
    runs = scenario.runs
    each = max(1, scenario.expected_ticks // runs)
    ticks = TICKS_A_SHARE_COMPILED if compiled else TICKS_A_SHARE
    size = max(1, min(RUNS_A_SHARE_MAX, ticks // each, -(-runs // (4 * workers))))
    numbers = scenario.run_numbers
    return [numbers[first : first + size] for first in range(0, runs, size)]


def simulate_share(
    scenario: Scenario, numbers: Sequence[int], *, compiled: bool, out: str | None = None
) -> Any:
    """Simulate a share of the runs; what comes out travels, and `unpacked` makes runs of it.

    Journals go below `out`, if that is given.
    """
    if compiled:
        from driftlab.simulator.compiled.engine import simulate_runs

        return simulate_runs(scenario, numbers, cores=1)
    return [simulate_one(scenario, number, out) for number in numbers]


def runs_from_share(scenario: Scenario, numbers: Sequence[int], result: Any) -> Iterator[Run]:
    """Yield the runs of a share that was worked out."""
    if isinstance(result, list):
        yield from result
        return
    from driftlab.api.compiled_runs import runs_of

    yield from runs_of(scenario, numbers, result)


def on_processes(scenario: Scenario, workers: int, out: str | None) -> Iterator[Run]:
    """Simulate by the general engine on several processes, and yield the runs in order."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from functools import partial

    shares = split_into_shares(scenario, workers, compiled=False)
    work = partial(simulate_share, scenario, compiled=False, out=out)
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        with _interrupts_ignored(), _main_left_out():  # by the processes that are started here
            results = pool.map(work, shares)
        for result in results:
            yield from result
    except BrokenProcessPool:
        raise WorkersLostError(
            "an operating-system process that simulates has died; did a process of yours end it?"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _main_left_out() -> Iterator[None]:
    """Keep new processes from running the user's script again, which has nothing that they need.

    So a script without `if __name__ == "__main__":` may simulate many runs.
    """
    main: dict[str, Any] = vars(sys.modules["__main__"])
    kept: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main}
    main.pop("__file__", None)
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(kept)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C for a moment; processes started meanwhile leave it to this one for good."""
    import signal  # both cost a start more than they seem to
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def on_dask(scenario: Scenario, address: str) -> Iterator[Run]:
    """Simulate on the workers of a Dask cluster, and yield the runs in order.

    A worker that is lost costs time: its shares are worked out again by
    another. Raises DaskError.
    """
    client = _client(address)
    try:
        workers = max(1, sum(client.nthreads().values()))
        compiled = is_worth_compiling(scenario)
        shares = split_into_shares(scenario, workers, compiled=compiled)
        futures = client.map(
            _on_worker, shares, scenario=scenario, compiled=compiled, pure=False, retries=3
        )
        for place, numbers in enumerate(shares):
            result = _result(futures[place])
            futures[place].release()
            yield from runs_from_share(scenario, numbers, result)
    finally:
        client.close()


def _result(future: Any) -> Any:
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise DaskError(f"dask: workers die of a share: {_one_line(error)}") from None
    except DriftlabError as error:
        raise DaskError(f"dask: a worker says: {error}") from None


def _on_worker(numbers: range, *, scenario: Scenario, compiled: bool) -> Any:
    return simulate_share(scenario, numbers, compiled=compiled)


def _client(address: str) -> Any:
    import socket

    try:
        from distributed import Client
    except ImportError:
        raise DaskError("dask: not installed; pip install driftlab[dask]") from None
    try:
        # Asked by hand first: a client that fails goes on complaining after its error.
        host, _, port = address.rpartition("//")[2].rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=DASK_TIMEOUT_S).close()
        client: Any = Client  # which has no types
        connected = client(address, timeout=f"{DASK_TIMEOUT_S}s", set_as_default=False)
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


def worker_count(workers: int | None) -> int:
    """Return how many cores to use: all of them if not said."""
    return workers or os.cpu_count() or 1
