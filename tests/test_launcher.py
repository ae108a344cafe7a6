"""The launcher: the limits it checks before a run, and how it reports the end of each worker."""

import os
import resource
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import driftlab
from driftlab.history.run_reader import run_journals
from driftlab.real import launcher
from driftlab.real.launcher import (
    REAL_MACHINES_MAX,
    LaunchError,
    LaunchOutcome,
    TooManyMachinesError,
    reserve_file_descriptors,
)
from driftlab.scenario.scenario import Scenario

UNLIMITED = resource.RLIM_INFINITY


class FileLimit:
    """Stands for the system's limit of open files."""

    def __init__(self, soft: int, hard: int, *, is_fixed: bool = False) -> None:
        self.limits = (soft, hard)
        self.is_fixed = is_fixed

    def get(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.limits

    def set(self, which: int, limits: tuple[int, int]) -> None:
        if self.is_fixed:
            raise ValueError("not here")
        self.limits = limits


def limited(monkeypatch: pytest.MonkeyPatch, limit: FileLimit) -> FileLimit:
    monkeypatch.setattr(resource, "getrlimit", limit.get)
    monkeypatch.setattr(resource, "setrlimit", limit.set)
    return limit


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (78, 1000, (78, 1000)),  # ten machines need 3 * 10 + 48
        (77, 1000, (78, 1000)),
        (77, 78, (78, 78)),
        (77, UNLIMITED, (78, UNLIMITED)),
        (UNLIMITED, UNLIMITED, (UNLIMITED, UNLIMITED)),
    ],
)
def test_the_limit_of_open_files_is_raised_only_if_needed_and_only_as_far(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: tuple[int, int]
) -> None:
    limit = limited(monkeypatch, FileLimit(soft, hard))
    reserve_file_descriptors(10)
    assert limit.limits == raised


@pytest.mark.parametrize(
    ("hard", "allowed"),
    [(77, "9 machines"), (51, "1 machine"), (50, "0 machines"), (20, "0 machines")],
)
def test_too_few_open_files_are_an_error_that_says_how_many_machines_are_possible(
    monkeypatch: pytest.MonkeyPatch, hard: int, allowed: str
) -> None:
    limit = limited(monkeypatch, FileLimit(10, hard))
    with pytest.raises(TooManyMachinesError) as caught:
        reserve_file_descriptors(10)
    assert str(caught.value) == (
        "machines: 10 need 78 open files in each process; the limit here is "
        f"{hard} (ulimit -n), which allows {allowed}"
    )
    assert limit.limits == (10, hard)


def test_a_limit_that_cannot_be_raised_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, FileLimit(10, UNLIMITED, is_fixed=True))
    with pytest.raises(TooManyMachinesError) as caught:
        reserve_file_descriptors(2)
    assert str(caught.value) == (
        "machines: 2 need 54 open files in each process; the limit here is "
        "10 (ulimit -n) and cannot be raised: not here"
    )


def test_the_largest_number_of_real_machines_is_allowed_and_one_more_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited(monkeypatch, FileLimit(UNLIMITED, UNLIMITED))
    reserve_file_descriptors(REAL_MACHINES_MAX)
    with pytest.raises(TooManyMachinesError) as caught:
        reserve_file_descriptors(REAL_MACHINES_MAX + 1)
    assert str(caught.value) == (
        "machines: 1001 are too many processes for one computer; allowed: up to 1000"
    )


def test_an_outcome_is_whole_if_every_machine_is_complete() -> None:
    assert LaunchOutcome({"A": "complete", "B": "complete"}, interrupted=False).is_whole
    assert not LaunchOutcome({"A": "complete", "B": "out of time"}, interrupted=False).is_whole


def process_file(folder: Path, body: str, top: str = "") -> str:
    path = folder / "mine.py"
    path.write_text(
        f"import os\nimport time\n\nfrom driftlab import Process\n\n{top}\n\n"
        f"class Mine(Process):\n    def idle(self):\n        {body}\n"
    )
    return f"{path}:Mine"


def ends_of(folder: Path, process: str, seconds: float) -> Mapping[str, str]:
    scenario = Scenario(rates=[20, 20], seconds=seconds, process=process)
    run = driftlab.run(scenario, folder / "run")
    assert isinstance(run, driftlab.Run)
    return run.ends


@pytest.mark.parametrize("status", [1, 5])
def test_a_worker_that_exits_is_reported_with_its_status(tmp_path: Path, status: int) -> None:
    body = f"self.machine.name == 'B' and self.machine.tick == 3 and os._exit({status})"
    ends = ends_of(tmp_path, process_file(tmp_path, body), 0.5)
    assert ends == {"A": "complete", "B": f"ended with status {status}"}


def test_a_machine_that_cannot_keep_up_is_stopped_some_time_after_the_end(tmp_path: Path) -> None:
    body = "self.machine.name == 'B' and time.sleep(0.5)"
    ends = ends_of(tmp_path, process_file(tmp_path, body), 0.5)
    assert ends == {"A": "complete", "B": "out of time"}
    record = run_journals(tmp_path / "run").read()
    a, b = np.diff(record.trace.starts).tolist()
    assert a == 10
    assert 1 <= b <= 7  # in half a second, and two more of grace
    journal = record.journals[1]
    assert journal is not None
    assert journal.notes[-1].fields["reason"] == "out of time"


def test_a_run_whose_workers_start_too_slowly_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "MESH_NS_MAX", -1)
    with pytest.raises(LaunchError) as caught:
        driftlab.run(Scenario(rates=[5, 5]), tmp_path / "one")
    assert str(caught.value) == (
        "no complete mesh within -1e-09 s: 0 of 2 started; fewer machines, or a faster computer"
    )
    monkeypatch.setattr(launcher, "MESH_NS_MAX", 2_000_000_000)
    slowly = f"if os.getpid() != {os.getpid()}:\n    time.sleep(60)"  # in the workers only
    process = process_file(tmp_path, "pass", slowly)
    with pytest.raises(LaunchError) as caught:
        driftlab.run(Scenario(rates=[5, 5], process=process), tmp_path / "two")
    assert str(caught.value) == (
        "no complete mesh within 2 s: not connected: A, B; fewer machines, or a faster computer"
    )
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"mine.py", "__pycache__"}
