"""`driftlab pack`: a run into one Parquet file; journals of any length in bounded memory."""

from pathlib import Path
from typing import NamedTuple

from driftlab.api.reading import journals_at, read
from driftlab.errors import DriftlabError
from driftlab.trace.journals import SUFFIXES, Journals
from driftlab.trace.packed import PACK_SUFFIX, pack_pieces, pack_trace
from driftlab.trace.trace import Unread


class PackingError(DriftlabError):
    """A path that cannot be packed as it was asked for."""


class Packed(NamedTuple):
    """One file that was written: of which run, with how many events, and what was unread."""

    path: Path
    source: Path
    events: int
    bytes: int
    unread: list[Unread]


def pack(path: str | Path, out: str | Path | None = None) -> list[Packed]:
    """Write each run at a path into a Parquet file of its own.

    One run goes to `out`, or beside it to RUN.parquet. Several go into the
    folder `out`, or beside each. No file is ever overwritten. What `read`
    reads can be packed; journals are never held in memory as a whole.
    Raises DriftlabError.
    """
    path = Path(path)
    runs = journals_at(path)
    if not runs:
        return [_pack_other(path, Path(out) if out else _beside(path))]
    if len(runs) == 1:
        return [_pack(runs[0], path, Path(out) if out else _beside(path))]
    folders = [run.paths[0].parent for run in runs]
    return [
        _pack(run, folder, _inside(Path(out), folder) if out else _beside(folder))
        for run, folder in zip(runs, folders, strict=True)
    ]


def _beside(path: Path) -> Path:
    """Return RUN.parquet of a run's folder, A.parquet of A.log and of A.log.gz."""
    path = path.resolve() if path.name in ("", "..") else path
    suffix = next((each for each in reversed(SUFFIXES) if path.name.endswith(each)), "")
    name = path.name.removesuffix(suffix) if path.is_file() else path.name
    return path.with_name(name + PACK_SUFFIX)


def _inside(folder: Path, run: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise PackingError(f"{folder} is a file; of several runs --out names a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PackingError(f"cannot write to {folder}: {error.strerror}") from error
    return folder / (run.name + PACK_SUFFIX)


def _pack(journals: Journals, source: Path, out: Path) -> Packed:
    gathering = journals.gathering()
    events = pack_pieces(journals.pieces(), gathering, journals.clock, out, journals.scenario)
    return Packed(out, source, events, out.stat().st_size, gathering.known()["unread"])


def _pack_other(path: Path, out: Path) -> Packed:
    trace = read(path).trace
    pack_trace(trace, out)
    return Packed(out, path, len(trace), out.stat().st_size, list(trace.unread))
