"""`driftlab.simulate`: every engine gives the same runs, on processes and clusters, too."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.api import compiled_runs, parallel, simulate_one
from driftlab.api import simulate as api_simulate
from driftlab.api.engine_choice import Engine
from driftlab.api.parallel import split_into_shares
from driftlab.api.run import NotRecordedError, Run
from driftlab.api.simulate import simulate_each
from driftlab.simulator import engine
from tests.processes import Chatter
from tests.started import driftlab as command
from tests.started import eventually, started
from tests.test_cli import document

SMALL = driftlab.Scenario(rates=[6, 3, 1], seconds=60, seed=4)


def one(scenario: driftlab.Scenario, **keys: Any) -> Run:
    run = driftlab.simulate(scenario, **keys)
    assert isinstance(run, Run)
    return run


OTHER_PATH: dict[Engine, str] = {"general": "_compiled", "compiled": "_one_by_one"}


def use(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    """Let an engine simulate, whether it is the fastest or not."""
    monkeypatch.setattr(api_simulate, "choose_engine", lambda *scenario, **options: engine)
    monkeypatch.setattr(api_simulate, OTHER_PATH[engine], None)  # calling it would be an error


@pytest.mark.parametrize(
    "more",
    [{}, {"rates": "1..6", "runs": 30}, {"latency": "exponential:0.3"}, {"topology": "ring"},
     {"order": "arrival", "phase": "aligned", "machines": 5, "rates": "2..9", "runs": 3}],
)  # fmt: skip
def test_a_run_is_the_same_by_either_engine_figures_digest_and_history(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    scenario = SMALL.replace(**more) if "machines" not in more else driftlab.Scenario(**more)
    with monkeypatch.context() as patch:
        use(patch, "general")
        slow = list(simulate_each(scenario, keep=True))
    use(monkeypatch, "compiled")
    quick = list(simulate_each(scenario, keep=True))
    assert quick == slow == list(simulate_each(scenario))
    assert slow == quick
    assert [run.digest for run in slow] == [run.digest for run in quick]
    for run, other in zip(slow, quick, strict=True):
        assert run.history.events.equals(other.history.events)
        assert len(run.history) == len(run.history.events) == run.ticks == other.ticks
        assert [machine.to_dict() for machine in other.machines] == [
            machine.to_dict() for machine in run.machines
        ]


@pytest.mark.parametrize(
    "more",
    [{"clock": "vector"}, {"process": Chatter}, {"clock": "hybrid", "offset_ms": [5, -7, 0]},
     {"faces": 3, "rates": [6, 3, 1, 2]}],
)  # fmt: skip
def test_a_history_in_memory_is_that_of_the_journals(tmp_path: Path, more: dict[str, Any]) -> None:
    run = one(SMALL.replace(**more), record="all", out=tmp_path / "run")
    kept = run.history.events
    back = driftlab.read(tmp_path / "run").events
    assert set(kept.columns) < set(back.columns)  # the journals' lines are known, too
    assert back.select(kept.columns).equals(kept)
    assert len(kept) == run.ticks > 0
    assert back["line"].null_count() == 0
    if run.scenario.clock != "lamport":
        assert kept["timestamp"].null_count() == 0


def test_what_was_not_recorded_is_not_there() -> None:
    with pytest.raises(NotRecordedError, match="record="):
        _ = one(SMALL).history
    with pytest.raises(driftlab.DriftlabError, match="allowed: all or summary"):
        one(SMALL, record="some")


def test_a_small_run_never_loads_the_compiler() -> None:
    heavy = {"numba", "numpy", "polars", "rich", "multiprocessing", "pathlib", "dataclasses"}
    script = (
        "import sys; from driftlab.cli.main import main;"
        "main(['simulate', '--rates', '6,3,1', '--seed', '1', '--record', 'summary']);"
        f"print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    # Coverage and editable installs load what they like before us; only then may it be there.
    loaded = set(eval(done.stderr.splitlines()[-1]))
    bare = subprocess.run(
        [sys.executable, "-c", f"import sys; print(sorted({heavy} & set(sys.modules)))"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert loaded <= set(eval(bare.stdout))


def test_runs_are_divided_whole_and_in_order() -> None:
    for runs in (1, 2, 7, 1000, 123_457):
        for compiled in (True, False):
            scenario = SMALL.replace(runs=runs, first_run=5)
            parts = split_into_shares(scenario, 3, compiled=compiled)
            assert [number for part in parts for number in part] == list(scenario.run_numbers)
            assert runs < 12 or len(parts) >= 12


@pytest.mark.parametrize(
    ("runs", "seconds", "workers", "compiled", "size"),
    [
        (1, 60, 3, False, 1),
        (13, 60, 3, False, 2),  # four shares for each worker
        (13, 60, 3, True, 2),
        (12, 60, 3, True, 1),
        (1_000, 60, 3, False, 83),  # 50,000 ticks
        (1_000, 60, 3, True, 84),
        (10, 60_000, 1, False, 1),  # a run has more ticks than that
        (10_000_000, 60, 3, True, 20_000),  # runs enough
        (1_000, 6_000, 2, True, 125),
        (1_000, 60_000, 2, True, 83),  # 50,000,000 ticks
    ],
)
def test_a_share_has_enough_runs_to_be_worth_sending_and_no_more(
    runs: int, seconds: int, workers: int, compiled: bool, size: int
) -> None:
    scenario = SMALL.replace(runs=runs, seconds=seconds)
    shares = split_into_shares(scenario, workers, compiled=compiled)
    assert {len(share) for share in shares[:-1]} <= {size}
    assert len(shares[0]) == size
    assert 1 <= len(shares[-1]) <= size


@pytest.mark.parametrize("engine", ["general", "compiled"])
def test_progress_rises_to_the_number_of_ticks(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    use(monkeypatch, engine)
    for scenario in (SMALL, SMALL.replace(runs=50)):
        seen: list[tuple[int, ...]] = []
        runs = list(simulate_each(scenario, on_progress=lambda *far, to=seen: to.append(far)))
        assert seen
        assert seen == sorted(seen)
        assert seen[-1] == (sum(run.ticks for run in runs), scenario.expected_ticks)


OVERLOADED = driftlab.Scenario(rates=[500, 500, 1], seconds=60, send_one=1, seed=2)


def test_more_messages_than_may_wait_end_a_run_clearly_at_the_same_tick_in_either_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (engine, simulate_one, compiled_runs):
        monkeypatch.setattr(module, "WAITING_MESSAGES_MAX", 700)
    stopped: dict[Engine, Run] = {}
    engines: tuple[Engine, ...] = ("general", "compiled")
    for name in engines:
        with monkeypatch.context() as patch:
            use(patch, name)
            with pytest.raises(driftlab.TooManyMessagesError, match="more than 700") as error:
                one(OVERLOADED)
        (stopped[name],) = error.value.runs
    for run in stopped.values():
        assert not run.is_whole
        (end,) = set(run.ends.values())
        assert end.startswith("stopped at ")
        assert "more than 700 messages wait" in end
        assert 500 < run.ticks < OVERLOADED.expected_ticks
    general, compiled = stopped.values()
    assert general.digest is not None
    assert (general.ticks, general.digest) == (compiled.ticks, compiled.digest)
    assert set(general.ends.values()) == set(compiled.ends.values())
    assert general == compiled


@pytest.fixture(scope="module")
def cluster() -> Any:
    """Give a Dask cluster of two worker processes on this computer."""
    from distributed import LocalCluster

    make: Any = LocalCluster  # which has no types
    with make(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        yield started


@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_sweeps_to_the_same_rows(cluster: Any) -> None:
    over: dict[str, list[Any]] = {"clock": ["lamport", "vector"], "faces": [4, 10]}
    base = driftlab.Scenario(rates=[6, 3, 1], seconds=10)
    there = driftlab.sweep(base, over, 40, dask=cluster.scheduler_address)
    assert there.equals(driftlab.sweep(base, over, 40))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("process", ["die", "chatter"])
def test_a_dask_cluster_gives_the_same_runs(cluster: Any, process: str) -> None:
    scenario = SMALL.replace(runs=40)
    if process == "chatter":
        scenario = scenario.replace(process=Chatter, runs=8)
    there = driftlab.simulate(scenario, dask=cluster.scheduler_address)
    assert there == driftlab.simulate(scenario)


@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_is_killed_costs_only_time(cluster: Any) -> None:
    scenario = driftlab.Scenario(rates="1..9", seconds=60, runs=400, clock="vector", seed=8)
    pids = [worker.pid for worker in cluster.workers.values()]
    runs = simulate_each(scenario, dask=cluster.scheduler_address)
    first = next(runs)
    os.kill(pids[0], signal.SIGKILL)
    every = [first, *runs]
    deadline = time.monotonic() + 30
    while pids[0] in [worker.pid for worker in cluster.workers.values()]:
        assert time.monotonic() < deadline
    assert [run.digest for run in every] == [run.digest for run in simulate_each(scenario)]


@pytest.mark.filterwarnings("ignore")
def test_many_runs_are_shared_from_the_command_line(cluster: Any, tmp_path: Path) -> None:
    flags = ("--rates", "6,3,1", "--runs", "30", "--seed", "1", "--json")
    here = command("simulate", *flags, cwd=tmp_path)
    there = command("simulate", *flags, "--dask", cluster.scheduler_address, cwd=tmp_path)
    assert document(there.stdout) == document(here.stdout)
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_that_is_not_there_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(driftlab.DriftlabError, match="dask: its workers keep figures"):
        driftlab.simulate(SMALL, record="all", dask="tcp://127.0.0.1:9")
    monkeypatch.setattr(parallel, "DASK_TIMEOUT_S", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "not an address"):
        with pytest.raises(driftlab.DriftlabError, match="no scheduler at") as error:
            driftlab.simulate(SMALL, dask=address)
        assert "\n" not in str(error.value)


def test_a_script_without_a_main_guard_may_simulate_many_runs(tmp_path: Path) -> None:
    """By the general engine, on several processes: none of them runs the script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import driftlab\n"
        "scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=60, runs=400, clock='hybrid')\n"
        "runs = driftlab.simulate(scenario, workers=2)\n"
        "print(len(runs), __file__)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=90, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == (f"400 {script}\n", "")


def test_a_script_that_runs_machines_while_it_is_loaded_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import driftlab\n"
        "class Mine(driftlab.Process):\n"
        "    pass\n"
        "driftlab.run(driftlab.Scenario(process=Mine, seconds=1), 'out')\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=90, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "runs machines while its process is loaded" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {script.name, "__pycache__"}


def test_runs_are_equal_only_if_all_that_they_hold_is() -> None:
    run, other = one(SMALL), one(SMALL)
    assert run == other
    assert hash(run) == hash(other)
    assert run == next(simulate_each(SMALL.replace(runs=3)))
    for change in ("ends", "incidents", "undelivered", "unread"):
        other = one(SMALL)
        setattr(other, change, {"A": 1})
        assert run != other
    other = one(SMALL)
    other.machines = other.machines[:2]
    assert run != other
    other = one(SMALL)
    other.digest = 0
    assert run != other


def test_an_interrupt_keeps_and_shows_the_runs_that_are_whole(tmp_path: Path) -> None:
    flags = ("--rates", "6,3,1", "--runs", "100000", "--clock", "vector", "--out", tmp_path / "out")
    for number in (signal.SIGINT, signal.SIGTERM):
        with started("simulate", *flags, "--json") as process:
            eventually(lambda: (tmp_path / "out" / "run-000400").exists())
            process.send_signal(number)
            said, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        runs = document(said)["runs"]
        assert len(runs) > 10
        assert f"interrupted; {len(runs)} of 100000 runs are whole" in errors
        assert "Traceback" not in errors
        shutil.rmtree(tmp_path / "out")
