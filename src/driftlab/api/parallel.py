"""Many runs divided into shares, for several processes or the workers of a Dask cluster.

The result of a share depends only on the scenario and the numbers of its runs,
so it does not matter which worker simulates it, in what order, or how often.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from driftlab.api.engine_choice import choose_engine
from driftlab.api.run import Run
from driftlab.api.simulate_one import simulate_one
from driftlab.errors import DriftlabError
from driftlab.scenario.scenario import Scenario

SHARE_TICKS_COMPILED: Final = 50_000_000  # half a second of work
SHARE_TICKS: Final = 50_000  # a sixth of a second of work
SHARE_RUNS_MAX: Final = 20_000
SHARES_PER_WORKER_MIN: Final = 4  # so that no worker waits long for the slowest
DASK_TIMEOUT_S = 10
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


def simulate_share(
    scenario: Scenario, numbers: Sequence[int], *, compiled: bool, out: str | None = None
) -> Any:
    """Simulate a share of the runs; `runs_from_share` makes `Run` objects of the result.

    The result can be pickled. numbers: of the runs of the share, from 1. compiled: by
    which engine. out: the folder below which journals are written; None writes none.
    """
    if compiled:
        from driftlab.simulator.compiled.engine import simulate_runs

        return simulate_runs(scenario, numbers, cores=1)
    return [simulate_one(scenario, number, out) for number in numbers]


def runs_from_share(scenario: Scenario, numbers: Sequence[int], result: Any) -> Sequence[Run]:
    """Return the runs of a share from the result of `simulate_share`."""
    if isinstance(result, list):
        return result
    from driftlab.api.compiled_runs import CompiledRuns

    return CompiledRuns(scenario, numbers, result)


def on_processes(scenario: Scenario, workers: int, out: str | None) -> Iterator[Sequence[Run]]:
    """Simulate with the general engine on several processes; yield the shares in order.

    workers: how many processes. out: the folder below which journals are written; None
    writes none. Raise WorkersLostError if a process dies.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from functools import partial

    shares = split_into_shares(scenario, workers, compiled=False)
    work = partial(simulate_share, scenario, compiled=False, out=out)
    # Both start processes, the first of them one that tracks resources.
    with _interrupts_ignored(), _main_hidden(), _working_folder_left_out():
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        with _interrupts_ignored(), _main_hidden(), _working_folder_left_out():
            results = pool.map(work, shares)
        yield from results
    except BrokenProcessPool:
        raise WorkersLostError(
            "an operating-system process that simulates has died; did a process of yours end it?"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


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


def on_dask(scenario: Scenario, address: str) -> Iterator[Sequence[Run]]:
    """Simulate on the workers of the Dask cluster at `address`; yield the shares in order.

    The shares of a worker that is lost are simulated again by another. Raises
    DaskError.
    """
    client = _client(address)
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
