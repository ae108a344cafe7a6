"""Finished cells of a sweep on the disk: parts, which a killed process leaves whole or not at all.

A part is a Parquet file with the rows of some cells. It is written under a temporary
name, forced to the disk and only then renamed; its name holds a digest of its bytes, so
a part that is damaged all the same is recognised, and its cells are simulated again. A
cell counts as finished once its part has its name.

The folder has a description of the sweep: who goes on with another version of driftlab
or another grid is refused. A lock lets one process at a time write.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import polars as pl

from driftlab.errors import DriftlabError
from driftlab.history.parquet import SWEEP_KEY
from driftlab.toml_text import TomlError, load_toml

PARTS_SUFFIX: Final = ".parts"
_DESCRIPTION: Final = "sweep.json"
_LOCK: Final = "lock"
_UNFINISHED: Final = ".unfinished"
_DIGEST_DIGITS: Final = 16


class SweepFileError(DriftlabError):
    """A sweep's file or its parts cannot be written, read or gone on with."""


class Parts:
    """The folder of the finished cells of a sweep that is under way.

    out: the file that the sweep makes. description: of the sweep, plain values of JSON.

    finished: the numbers of the cells that were found whole.
    damaged: how many parts were found that are not what was written.
    """

    def __init__(self, out: Path, description: Mapping[str, Any]) -> None:
        self.out = out
        self.folder = out.with_name(out.name + PARTS_SUFFIX)
        self.finished: set[int] = set()
        self.damaged = 0
        self._description = dict(description)
        self._parts: list[Path] = []

    @contextmanager
    def opened(self, *, discard: bool) -> Iterator["Parts"]:
        """Lock the folder, and find what is finished; keep the folder if anything goes wrong.

        discard: whether to begin again where a part is of another sweep. Raise SweepFileError.
        """
        existed = self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open(self.folder / _LOCK, "w", encoding="utf-8")  # noqa: SIM115 - kept open
        except OSError as error:
            raise SweepFileError(f"cannot write to {self.folder}: {error.strerror}") from error
        with lock:
            _require_lock(lock, self.folder)
            if existed:
                self._resume(discard=discard)
            text = json.dumps(self._description, indent=1, ensure_ascii=False)
            write_durably(self.folder / _DESCRIPTION, f"{text}\n".encode())
            yield self

    def _resume(self, *, discard: bool) -> None:
        try:
            text = (self.folder / _DESCRIPTION).read_text(encoding="utf-8")
            present = json.loads(text)
        except FileNotFoundError:
            present = None
        except ValueError:
            present = {}
        if present is not None and present != self._description:
            if not discard:
                raise SweepFileError(self._refusal(present))
            present = None
        for path in sorted(self.folder.iterdir()):
            if path.name.endswith(_UNFINISHED) or (present is None and path.suffix == ".parquet"):
                path.unlink()
            elif path.suffix == ".parquet":
                self._take(path)

    def _take(self, path: Path) -> None:
        content = path.read_bytes()
        if _digest(content) != path.stem.rpartition("-")[2]:
            self.damaged += 1
            path.unlink()
            return
        self.finished.update(pl.read_parquet(io.BytesIO(content), columns=["cell"])["cell"])
        self._parts.append(path)

    def _refusal(self, present: Mapping[str, Any]) -> str:
        ours = self._description
        keys = [key for key in ours if present.get(key) != ours[key]]
        key = keys[0] if keys else "format"
        stated = {"version": "version of driftlab", "runs": "number of runs"}.get(key, key)
        there, here = (_keys_of(each.get(key)) for each in (present, ours))
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            there, here = _difference(there, here)
        else:
            there, here = _short(there), _short(here)
        return (
            f"{self.folder} holds cells of another {stated} ({there}; now {here}); finish that "
            "sweep as it was begun, name another --out, or begin again with --overwrite"
        )

    def add(self, frame: pl.DataFrame) -> None:
        """Write the rows of finished cells as one part. Raise SweepFileError."""
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        content = buffer.getvalue()
        first = frame["cell"][0]
        path = self.folder / f"cells-{first:07d}-{_digest(content)}.parquet"
        write_durably(path, content)
        self._parts.append(path)
        self.finished.update(frame["cell"].unique())

    def merge(self) -> None:
        """Write all parts in the order of their cells into the file, and remove them."""
        frames = [pl.read_parquet(path) for path in self._parts]
        frame = pl.concat(frames, how="vertical_relaxed").sort("cell", maintain_order=True)
        write_sweep(frame, self.out, self._description)
        self.remove()

    def remove(self) -> None:
        """Remove the folder and what this class has written there."""
        for path in [*self._parts, self.folder / _DESCRIPTION, self.folder / _LOCK]:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # somebody else's files are there
            self.folder.rmdir()


def write_sweep(frame: pl.DataFrame, out: Path, description: Mapping[str, Any]) -> None:
    """Write a sweep, whole or not at all.

    frame: its rows. out: the Parquet file. description: what is said of it, as metadata.
    """
    buffer = io.BytesIO()
    text = json.dumps(description, ensure_ascii=False)
    frame.write_parquet(buffer, metadata={SWEEP_KEY: text})
    write_durably(out, buffer.getvalue())


def read_description(path: Path) -> dict[str, Any]:
    """Return the description in a sweep's file. Raise SweepFileError if it is none."""
    try:
        text = pl.read_parquet_metadata(path).get(SWEEP_KEY)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SweepFileError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if text is None:
        raise SweepFileError(f"{path}: no sweep of driftlab")
    description: dict[str, Any] = json.loads(text)
    return description


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, were the computer to stop.

    Raise SweepFileError if it cannot be written.
    """
    beside = path.with_name(f"{path.name}{_UNFINISHED}")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise SweepFileError(f"cannot write {path}: {error.strerror}") from error


def _require_lock(lock: io.TextIOWrapper, folder: Path) -> None:
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SweepFileError(f"{folder}: another sweep is writing there") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]


def _difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[str, str]:
    """Return what two mappings say of the first key in which they differ."""
    keys: Sequence[str] = [*(key for key in here if key in there), *here, *there]
    key = next((each for each in keys if there.get(each) != here.get(each)), None)
    if key is None:
        return ", ".join(there), ", ".join(here)
    return tuple(  # type: ignore[return-value]
        f"{key} {_short(each[key])}" if key in each else f"no {key}" for each in (there, here)
    )


def _keys_of(value: Any) -> Any:
    """Return the keys of a scenario, which is TOML; any other value as it is."""
    try:
        return load_toml(value) if isinstance(value, str) and "=" in value else value
    except TomlError:
        return value


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}…"
