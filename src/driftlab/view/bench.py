"""The bench: the runs of a folder, and runs that are started from the page.

Started runs are processes of their own, `driftlab run` or `driftlab simulate`, so nothing that
the server does slows their machines, and the same command line is shown to the user. A form
has fields of a scenario only. A process of the user must be in the folder that is served, by
its very name in the list, and must have been run by name before (see `api.trust`).
"""

import ast
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from time import gmtime, monotonic, sleep, strftime
from typing import IO, Any, Final, NamedTuple

from driftlab.api.read import RunSource, read
from driftlab.api.run_real import require_real
from driftlab.api.trust import UntrustedProcessError, admit_process
from driftlab.diagram.command_line import command_line, flag_text, scenario_flags
from driftlab.errors import DriftlabError
from driftlab.journal.run_folder import SCENARIO_FILE
from driftlab.scenario.scenario import ProcessFromFile, Scenario
from driftlab.view.run_list import ListedRun, list_runs
from driftlab.view.served_history import ServedHistory
from driftlab.view.server import FieldError

FIELDS: Final = (
    "rates", "machines", "names", "seconds", "faces", "send_one", "send_all", "seed", "speed",
    "phase", "topology", "latency", "clock", "process", "offset_ms", "skew_ppm", "order",
)  # fmt: skip
KINDS: Final = {"real": "run", "simulated": "simulate"}
UNDER_WAY_MAX: Final = 4  # runs that were started here and go on
TICKS_MAX: Final = 5_000_000  # of a run that is started here
SHOWN_MAX: Final = 4  # diagrams that are kept in memory
START_S_MAX: Final = 90.0  # until the folder of a started run is there
PROCESS_FILES_MAX: Final = 50
PROCESS_BYTES_MAX: Final = 1 << 20
STOP_S_MAX: Final = 10.0
DEFAULTS: Final = {"kind": "real", "rates": "6,3,1", "seconds": "60", "faces": "10", "speed": "1",
                   "topology": "mesh", "process": "", "latency": ""}  # fmt: skip


class Started(NamedTuple):
    """A run that was started from the page: its process, and what it writes of its errors."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]


class RunBench:
    """The runs of a folder, or of a log with several executions, and those started here.

    folder: whose runs are listed and where new ones go. sources: runs that are listed besides.
    """

    def __init__(self, folder: Path, sources: Sequence[RunSource] = ()) -> None:
        self.folder = folder
        self._sources = {_id_of(source.name): source for source in sources}
        self._lock = threading.Lock()
        self._shown: dict[str, ServedHistory] = {}
        self._started: dict[str, Started] = {}
        self._there: dict[str, ListedRun] = {}

    # What is there.

    def listed(self) -> Mapping[str, Any]:
        """Return what the start page shows."""
        self._look()
        runs = [self._described(name, run) for name, run in self._there.items()]
        logs = [
            {
                "id": name, "name": source.name, "kind": "log", "events": None, "machines": None,
                "seconds": None, "when": None, "state": "done", "scenario": None, "command": None,
            }
            for name, source in self._sources.items()
        ]  # fmt: skip
        return {
            "folder": str(self.folder),
            "runs": [*runs, *logs],
            "defaults": {**DEFAULTS, "seed": str(int.from_bytes(os.urandom(3), "big"))},
            "processes": self.processes(),
        }

    def _look(self) -> None:
        found = {_id_of(run.name): run for run in list_runs(self.folder)}
        with self._lock:
            self._there = found

    def _described(self, name: str, run: ListedRun) -> dict[str, Any]:
        scenario, started = run.scenario, self._started.get(name)
        status = None if started is None else started.process.poll()
        return {
            "id": name,
            "name": run.name,
            "kind": run.kind,
            "events": run.events,
            "machines": None if scenario is None else scenario.size,
            "seconds": None if scenario is None else float(scenario.seconds),
            "when": run.when,
            "state": run.state,
            "stoppable": started is not None and status is None,
            "error": _said(started) if started is not None and status else None,
            "scenario": None if scenario is None else form_of(scenario, run.kind),
            "command": None
            if scenario is None
            else command_line(scenario, KINDS.get(run.kind, "simulate")),
        }

    def find(self, run: str) -> ServedHistory:
        """Return a run by its id. Raise KeyError if there is none."""
        with self._lock:
            if run in self._shown:
                return self._shown[run]
        if run in self._sources:
            source = self._sources[run]
            found = ServedHistory(source.name, source.read)
        else:
            if run not in self._there:
                self._look()
            there = self._there[run]
            folder = there.path if there.path.is_dir() else None
            found = ServedHistory(there.name, partial(read, there.path), folder)
        with self._lock:
            found = self._shown.setdefault(run, found)
            while len(self._shown) > SHOWN_MAX:  # the one that was opened first
                del self._shown[next(iter(self._shown))]
            return found

    def processes(self) -> list[str]:
        """Return the processes of the user in files of the folder, `FILE.py:CLASS`."""
        found = []
        with suppress(OSError):
            for path in sorted(self.folder.glob("*.py"))[:PROCESS_FILES_MAX]:
                if path.is_file() and path.stat().st_size <= PROCESS_BYTES_MAX:
                    found += [f"{path.name}:{name}" for name in _process_classes(path)]
        return found

    # What is started.

    def command(self, fields: Mapping[str, Any]) -> str:
        """Return the command line of a form. Raise FieldError."""
        kind, scenario = self._scenario(fields)
        return command_line(scenario, KINDS[kind]) or ""

    def start(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the run that a form describes; return its id and command. Raise FieldError."""
        kind, scenario = self._scenario(fields)
        if scenario.expected_ticks > TICKS_MAX:
            raise FieldError(
                f"seconds: about {scenario.expected_ticks:,} ticks; from the page at most "
                f"{TICKS_MAX:,}, more with the command",
                "seconds",
            )
        with self._lock:
            under_way = [each for each in self._started.values() if each.process.poll() is None]
            if len(under_way) >= UNDER_WAY_MAX:
                raise FieldError(f"{len(under_way)} runs go on; stop one, or wait")
            folder = self._new_folder()
            name = _id_of(folder.name)
            self._started[name] = self._spawn(kind, scenario, folder)
        self._await_start(name, folder)
        return {"id": name, "command": command_line(scenario, KINDS[kind])}

    def stop(self, run: str) -> None:
        """Stop a run that was started here. Raise KeyError if there is none."""
        started = self._started[run]
        if started.process.poll() is None:
            started.process.terminate()  # Ctrl-C may be ignored, as in the background

    def close(self) -> None:
        """Stop all runs that were started here and go on, and wait for them."""
        for started in self._started.values():
            if started.process.poll() is None:
                started.process.terminate()  # Ctrl-C may be ignored, as in the background
        for started in self._started.values():
            try:
                started.process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                started.process.kill()
                started.process.wait()
            started.errors.close()

    def _scenario(self, fields: Mapping[str, Any]) -> tuple[str, Scenario]:
        """Return the kind and the scenario of a form. Raise FieldError."""
        given = {name: str(value).strip() for name, value in fields.items() if value is not None}
        kind = given.pop("kind", "real")
        if kind not in KINDS:
            raise FieldError(f"kind: {kind} is not known; real or simulated", "kind")
        unknown = [name for name in given if name not in FIELDS]
        if unknown:
            raise FieldError(f"{unknown[0]}: is no field of the form", unknown[0])
        keys: dict[str, Any] = {name: value for name, value in given.items() if value}
        process = keys.pop("process", "die")
        if process != "die":
            keys["process"] = self._admitted(process)
        try:
            scenario = admit_process(Scenario.from_dict(keys))
            if kind == "real":
                require_real(scenario)
        except UntrustedProcessError as error:
            raise FieldError(str(error), "process") from None
        except DriftlabError as error:
            field = str(error).partition(":")[0].partition(" ")[0]
            raise FieldError(str(error), field if field in FIELDS else None) from None
        return kind, scenario

    def _admitted(self, process: str) -> ProcessFromFile:
        """Return a process of the folder that is served. Raise FieldError if it is none."""
        if process not in self.processes():
            raise FieldError(f"process: {process} is not in {self.folder}", "process")
        return ProcessFromFile(process).beside(str(self.folder.resolve()))

    def _new_folder(self) -> Path:
        """Return a folder for a run, named by the time, that nobody has yet."""
        stem = strftime("%Y%m%d-%H%M%S", gmtime())
        number, folder = 1, self.folder / stem
        while folder.exists() or _id_of(folder.name) in self._started:
            number += 1
            folder = self.folder / f"{stem}-{number}"
        return folder

    def _spawn(self, kind: str, scenario: Scenario, folder: Path) -> Started:
        flags = [f"{flag}={value}" for flag, value in scenario_flags(scenario).items()]
        errors = TemporaryFile()  # noqa: SIM115 - as long as the run is known
        command = [sys.executable, "-P", "-m", "driftlab", KINDS[kind], *flags, f"--out={folder}"]
        process = subprocess.Popen(
            [*command, "--quiet"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            process_group=0,  # Ctrl-C reaches the server alone, which then stops it
        )
        return Started(process, errors)

    def _await_start(self, name: str, folder: Path) -> None:
        """Wait until a started run has its folder. Raise FieldError if it ends before."""
        deadline = monotonic() + START_S_MAX
        started = self._started[name]
        while not (folder / SCENARIO_FILE).exists():
            if started.process.poll() is not None or monotonic() > deadline:
                self.stop(name)
                raise FieldError(_said(started) or "the run did not start")
            sleep(0.02)


def form_of(scenario: Scenario, kind: str) -> dict[str, str]:
    """Return the fields of the form that repeat a scenario; kind: of the run."""
    keys = scenario.to_dict()
    fields: dict[str, str] = {name: flag_text(keys[name]) for name in FIELDS if name in keys}
    process = fields.get("process", "die")
    fields["process"] = "" if process == "die" else os.path.basename(process)
    if fields.get("latency") == "none":
        del fields["latency"]
    if fields.get("send_one") or fields.get("send_all"):
        fields.pop("faces", None)
    return {"kind": kind if kind in KINDS else "simulated", **fields}


def _said(started: Started) -> str:
    """Return the last line of what a run said of its errors."""
    with suppress(OSError, ValueError):
        size = os.fstat(started.errors.fileno()).st_size
        text = os.pread(started.errors.fileno(), 4096, max(0, size - 4096))
        lines = text.decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("driftlab: ") if lines else ""
    return ""


def _id_of(name: str) -> str:
    """Return the name of a run as one part of an address."""
    plain = re.sub(r"[^\w.-]", "~", name)
    return plain if plain == name else f"{plain}~{sum(name.encode()) % 997}"


def _process_classes(path: Path) -> list[str]:
    """Return the classes of a file that are processes, without executing it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    return [
        part.name
        for part in tree.body
        if isinstance(part, ast.ClassDef)
        and any(ast.unparse(base).rpartition(".")[2] == "Process" for base in part.bases)
    ]
