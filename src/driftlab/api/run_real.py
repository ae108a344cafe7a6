"""A scenario run by real machines: folder, launch, and the journals read back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from driftlab.api.read_run import NO_JOURNAL, read_run
from driftlab.api.run import Run, raise_failures
from driftlab.api.runs import Runs
from driftlab.api.trust import admit_process
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import (
    RunFolderError,
    create_run_folder,
    discard_run_folder,
    fresh_folder,
    new_run_id,
    run_folder,
)
from driftlab.machine.process_loader import (
    forbid_reentrant_run,
    load_process,
)
from driftlab.real.launcher import LaunchError, WorkerBugError, launch, reserve_file_descriptors
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario, require_scenario
from driftlab.scenario.validate import ScenarioError


class RunStart(NamedTuple):
    """A run that is under way: its folder, and its own scenario, with rates drawn."""

    folder: Path
    scenario: Scenario


OnBeat = Callable[[RunStart, int], None]


def run(
    scenario: Scenario,
    out: str | Path | None = None,
    *,
    key: str | Path | None = None,
    trust: bool = False,
) -> Run | Runs:
    """Run a scenario for real: every machine a process, every message over TCP.

    out: the folder for the journals, which must not hold a run already; by
    default a new one below `runs`. key: a key file (`driftlab key`), which every machine
    has to prove, None for none. trust: whether a process that only a scenario file names
    may be executed. Return the run, or `Runs` if the scenario asks
    for more than one. Raise DriftlabError if it cannot be run;
    ProcessesFailedError, after everything else is done, if a process of the
    user failed.
    """
    require_scenario(scenario)
    forbid_reentrant_run()
    scenario = admit_process(scenario, trust=trust)
    require_real(scenario)
    runs = Runs(scenario, [list(run_each(scenario, Path(out or fresh_folder()), key=key))])
    raise_failures(runs, runs.incomplete())
    return runs[0] if scenario.runs == 1 else runs


def run_each(
    scenario: Scenario,
    out: Path,
    on_beat: OnBeat = lambda start, elapsed_ns: None,
    *,
    key: str | Path | None = None,
) -> Iterator[Run]:
    """Yield the runs of a scenario as they end; stop after one that was interrupted.

    out: the folder for the journals. on_beat: called periodically with the run
    under way and the real time since its start, in nanoseconds. key: as in `run`.
    Raise DriftlabError if it cannot be run.
    """
    reserve_file_descriptors(scenario.size)
    require_real(scenario)
    secret = None if key is None else _load_key(str(key))
    if scenario.runs > 1:
        create_run_folder(out, scenario)
    for number in scenario.run_numbers:
        try:
            done = run_one(scenario, out, number, on_beat, secret)
        except (LaunchError, WorkerBugError, RunFolderError):
            if number == scenario.first_run and scenario.runs > 1:
                discard_run_folder(out)  # nothing of it is recorded
            raise
        yield done
        if done.interrupted:
            return


def _load_key(path: str) -> bytes:
    from driftlab.real.key_file import load_key  # loads hmac and hashlib

    return load_key(path)


def require_real(scenario: Scenario) -> None:
    """Raise DriftlabError if real machines cannot run a scenario, or its process not be loaded."""
    if scenario.latency != "none":
        raise ScenarioError(
            f"latency: {scenario.latency} is only for `simulate`; "
            "real machines have the latency of their network, so allowed here: none"
        )
    if scenario.latencies:
        raise ScenarioError("latencies: these are only for `simulate`; leave them out here")
    load_process(scenario.process)


def run_one(
    scenario: Scenario, out: Path, number: int, on_beat: OnBeat, key: bytes | None = None
) -> Run:
    """Run one run of a scenario and return it; the parameters are those of `run_each`.

    number: of the run, whose folder is below `out`, unless it is the only one. key: that
    every machine has to prove, None for none.
    """
    alone = scenario.for_run(number)
    start = RunStart(Path(run_folder(out, scenario, number)), alone)
    create_run_folder(start.folder, alone)
    try:
        outcome = launch(
            plan_run(alone, number),
            str(start.folder),
            new_run_id(),
            alone.order,
            lambda elapsed_ns: on_beat(start, elapsed_ns),
            key,
        )
    except (LaunchError, WorkerBugError):
        discard_run_folder(start.folder)
        raise
    done = read_run(start.folder)
    removed = {name for name, end in done.ends.items() if end == NO_JOURNAL}
    done.ends = {
        name: NO_JOURNAL if end == COMPLETE and name in removed else end
        for name, end in outcome.ends.items()
    }
    done.interrupted = outcome.interrupted
    return done
