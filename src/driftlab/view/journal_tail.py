"""Runs that still go on: their journals are read as they grow, and cut into frames.

The machines are never waited for and know nothing of it: a follower only reads what they have
written. It takes whole lines, so no event is shown twice or in parts. Each follower reads from
the beginning, and keeps nothing of what it has passed on.

A frame is a container (see `diagram.encoding`) whose header has `live`, and `lane_rows`: a
list of [lane, number of the first event in its lane, count], in the order of the rows. Its
columns are `kind`, `time`, `own`, `clock`, `queue`, `late`, `tick`, `target`, `sender`, `stamp`
of these rows, and of the messages that their ticks found `a_lane`, `a_index` (of the tick),
`a_sender` and `a_stamp`. The last frame has `ended`: by lane name why it ended.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import time
from typing import Any, Final

import numpy as np

from driftlab.arrays import AnyArray, IntArray
from driftlab.diagram.columns import Lane
from driftlab.diagram.command_line import command_line
from driftlab.diagram.encoding import container
from driftlab.figures.palette import machine_colour, machine_dash
from driftlab.history.run_reader import journal_paths
from driftlab.journal.files import UnreadableError, open_regular
from driftlab.journal.format import JOURNAL_SUFFIX
from driftlab.journal.journal_columns import TargetSets
from driftlab.journal.reader import JournalChunk, line_schema, read_header, read_lines
from driftlab.journal.run_folder import SCENARIO_FILE, read_scenario
from driftlab.model.columns import MISSING
from driftlab.scenario.scenario import Scenario

READ_BYTES_MAX: Final = 1 << 20  # of one journal for one frame
FRAME_BYTES_MAX: Final = 1 << 23  # of all journals
SILENT_S_MAX: Final = 5.0  # after which a run whose writer is not known counts as over
TAIL_BYTES: Final = 4096
CUT_OFF: Final = "breaks off"
GONE: Final = "its journal is gone"


def is_running(folder: Path) -> bool:
    """Whether a run folder's machines still write: none of the journals ends, or not all."""
    try:
        paths = journal_paths(folder)
    except UnreadableError:
        return False
    if not paths:
        return _is_fresh(folder / SCENARIO_FILE)
    return any(_is_written(path) for path in paths if path.suffix == JOURNAL_SUFFIX)


def has_end(path: Path) -> bool:
    """Whether the last line of a journal says that it ends. Raise OSError, UnreadableError."""
    with open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    last = tail[: tail.rfind(b"\n")].rsplit(b"\n", 1)[-1]
    return tail.endswith(b"\n") and last.startswith(b"# end ")


def _is_written(path: Path) -> bool:
    """Whether somebody still writes a journal: it has no end, and its machine lives."""
    if not path.is_file():
        return False  # a pipe or a device, which readers refuse
    try:
        if has_end(path):
            return False
        header = read_header(path)
    except (OSError, UnreadableError):
        return _is_fresh(path)
    pid = header.get("pid", "")
    if header.get("world") == "real" and pid.isdecimal():
        return _is_alive(int(pid))
    return _is_fresh(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_fresh(path: Path) -> bool:
    try:
        return time() - path.stat().st_mtime < SILENT_S_MAX
    except OSError:
        return False


class _Tail:
    """One journal that grows: what of it was passed on.

    at: the byte up to which it was. events: how many. end: why the machine ended, None while
    it goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Mapping[str, str] | None = None
        self.at = 0
        self.events = 0
        self.end: str | None = None

    def more(self) -> bytes:
        """Return whole lines that were not read yet; empty if there are none."""
        if self.end is not None:
            return b""
        try:
            with open_regular(self.path) as file:
                file.seek(self.at)
                text = file.read(READ_BYTES_MAX)
                while b"\n" not in text and (more := file.read(READ_BYTES_MAX)):
                    text += more  # a line longer than that
        except FileNotFoundError:
            if self.header is not None:
                self.end = GONE
            return b""
        except UnreadableError as error:  # something else stands in its place
            self.end = str(error)
            return b""
        whole = text.rfind(b"\n") + 1
        if not whole:
            return b""
        self.at += whole
        if self.header is None:
            self.header = read_header(self.path)
            return text[text.find(b"\n") + 1 : whole]
        return text[:whole]

    def take_end(self, chunk: JournalChunk) -> None:
        """Note why the machine ended, if the lines say so."""
        for note in chunk.journal.notes_on("end"):
            self.end = note.fields.get("reason", "")


class Follower:
    """Follows the run in a folder from its first event.

    is_behind: whether there was more to read than fits into one frame.
    """

    def __init__(
        self, folder: Path, had: Sequence[int] = (), goes_on: Callable[[], bool] | None = None
    ) -> None:
        """Begin to follow.

        folder: of the run. had: of each lane how many events need not be passed on. goes_on:
        whether the run still does; by default its journals say so. Raise DriftlabError if the
        folder has no scenario.
        """
        self._goes_on: Callable[[], bool] = goes_on or partial(is_running, folder)
        self.scenario = read_scenario(folder / SCENARIO_FILE)
        self._names = self.scenario.machine_names()
        self._schema = line_schema(self._names, self.scenario.clock)
        self._tails = [_Tail(folder / f"{name}{JOURNAL_SUFFIX}") for name in self._names]
        self._had = [*had, *[0] * len(self._names)][: len(self._names)]
        self._sets = TargetSets()
        self._origin_ns: int | None = None
        self.is_behind = False

    def next_frame(self) -> tuple[bytes, bool]:
        """Return the next frame, empty if nothing has happened, and whether it is the last."""
        was_going = self._goes_on()
        parts, size = [], 0
        sets_before = len(self._sets.members)
        self.is_behind = False
        for lane, tail in enumerate(self._tails):
            if size >= FRAME_BYTES_MAX:
                self.is_behind = True
                break
            with suppress(OSError):
                text = tail.more()
                size += len(text)
                self.is_behind |= len(text) > READ_BYTES_MAX // 2
                if text:
                    parts += self._rows_of(lane, tail, text)
        is_last = not was_going and not self.is_behind and not parts
        if not parts and not is_last:
            return b"", False
        header: dict[str, Any] = {
            "live": True,
            "lane_rows": [[lane, first, len(columns["kind"])] for lane, first, columns in parts],
            "at_ms": round(time() * 1000),
            "caught_up": not self.is_behind,
        }
        if len(self._sets.members) > sets_before:
            header["sets"] = [list(each) for each in self._sets.members]
        if is_last:
            header["ended"] = {
                name: CUT_OFF if tail.end is None else tail.end
                for name, tail in zip(self._names, self._tails, strict=True)
            }
        return container(header, _joined([columns for _, _, columns in parts])), is_last

    def _rows_of(
        self, lane: int, tail: _Tail, text: bytes
    ) -> list[tuple[int, int, dict[str, AnyArray]]]:
        """Return a lane, the number of the first event, and the columns of the new lines."""
        assert tail.header is not None
        chunk = read_lines(tail.path, tail.header, self._schema, text)
        tail.take_end(chunk)
        rows = self._sets.renumbered(chunk.rows)
        skipped = min(max(0, self._had[lane] - tail.events), rows.events)
        first = tail.events + skipped
        tail.events += rows.events
        if skipped == rows.events:
            return []
        of, speed = rows.columns, float(tail.header.get("speed", 1))
        is_simulated = tail.header.get("world") == "simulated"
        assert of.due_ns is not None
        assert of.late_ns is not None
        assert of.time_ns is not None
        begun = of.due_ns + of.late_ns
        if self._origin_ns is None:
            self._origin_ns = int(of.time_ns[0]) - int(begun[0])
        scale = 1.0 if is_simulated else speed
        arrivals = rows.arrivals
        begin = int(arrivals.starts[skipped])
        counts = np.diff(arrivals.starts[skipped:])
        columns: dict[str, AnyArray] = {
            "kind": of.kind[skipped:],
            "time": begun[skipped:] * scale,
            "own": (of.time_ns[skipped:] - self._origin_ns) * scale,
            "clock": _column(of.clock, skipped, np.float64),
            "queue": _column(of.queue, skipped, np.int32),
            "late": _column(of.late_ns, skipped, np.float32),
            "tick": _column(of.tick, skipped, np.int32),
            "target": _column(of.target, skipped, np.int32),
            "sender": _column(of.sender, skipped, np.int32),
            "stamp": _column(of.stamp, skipped, np.float64),
            "a_lane": np.full(int(counts.sum()), lane, np.int32),
            "a_index": np.repeat(np.arange(first, first + len(counts), dtype=np.int32), counts),
            "a_sender": arrivals.sender[begin:].astype(np.int32),
            "a_stamp": arrivals.stamp[begin:].astype(np.float64),
        }
        return [(lane, first, columns)]


def _column(column: IntArray | None, skipped: int, kind: type[Any]) -> AnyArray:
    """Return the rows of a column after the first; as floats NaN where it is MISSING."""
    assert column is not None
    rest = column[skipped:]
    if kind is np.float64:
        return np.where(rest == MISSING, np.nan, rest.astype(np.float64))
    return rest.astype(kind)


def _joined(parts: Sequence[Mapping[str, AnyArray]]) -> dict[str, AnyArray]:
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def empty_container(folder: Path, title: str) -> bytes:
    """Return the container of a run that goes on, before any of its events.

    folder: of the run. Raise DriftlabError if there is no scenario in it.
    """
    scenario = read_scenario(folder / SCENARIO_FILE)
    rates = scenario.rates_of(scenario.first_run)
    lanes = [
        Lane(name, machine_colour(place), machine_dash(place), 0, 0, rates[place])
        for place, name in enumerate(scenario.machine_names())
    ]
    header = {
        "title": title,
        "live": True,
        "events": 0,
        "messages": 0,
        "lanes": [each._asdict() for each in lanes],
        "origin_ns": "0",
        "time_meaning": "scenario",
        "has": {
            **dict.fromkeys(("time", "own", "clock", "queue", "late", "found"), True),
            "real_time": True,
        },
        "sets": [],
        "peers": _peers(scenario),
        "scenario": scenario.to_toml(),
        "command": command_line(scenario, "run"),
        "remarks": [],
        "verdict": None,
    }
    columns: dict[str, AnyArray] = {
        "kind": np.zeros(0, np.uint8),
        **{name: np.zeros(0, np.float64) for name in ("time", "own", "clock")},
        "late": np.zeros(0, np.float32),
        **{
            name: np.zeros(0, np.int32)
            for name in ("queue", "tick", "target", "m_send", "m_receive", "m_found")
        },
    }
    return container(header, columns)


def _peers(scenario: Scenario) -> list[list[int]] | None:
    if scenario.topology == "mesh":
        return None
    return [list(each) for each in scenario.neighbours(scenario.first_run)]
