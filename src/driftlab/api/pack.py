"""`driftlab pack`: a run into one Parquet file; journals of any length in bounded memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from driftlab.api.read import find_journals, read
from driftlab.errors import DriftlabError
from driftlab.history.parquet import PACK_SUFFIX, pack_chunks, pack_trace, require_new
from driftlab.history.run_reader import SUFFIXES, RunJournals
from driftlab.journal.files import UnreadLine


class PackingError(DriftlabError):
    """A path that cannot be packed as it was asked for."""


class Packed(NamedTuple):
    """A file that was written.

    path: of the file. source: the folder or the file that was packed. events:
    how many there are. bytes: the size of the file. unread: what in the source
    could not be read.
    """

    path: Path
    source: Path
    events: int
    bytes: int
    unread: Sequence[UnreadLine]


def pack(path: str | Path, out: str | Path | None = None) -> list[Packed]:
    """Write each run at a path into a Parquet file of its own.

    path: whatever `driftlab.read` reads. out: the file for one run, by default
    RUN.parquet beside it; of several runs the folder for their files, by
    default beside each run. A file that exists is never overwritten, and
    journals are never held in memory as a whole. Raise DriftlabError if there
    is nothing to pack, or a file exists or cannot be written.
    """
    path = Path(path)
    runs = find_journals(path)
    if len(runs) < 2:
        one = Path(out) if out else _beside(path)
        return [_pack(runs[0], path, one) if runs else _pack_other(path, one)]
    folders = [run.paths[0].parent for run in runs]
    files = [_inside(Path(out), folder) if out else _beside(folder) for folder in folders]
    for file in files:
        require_new(file)  # all of them before the first is written
    return [_pack(*each) for each in zip(runs, folders, files, strict=True)]


def _beside(path: Path) -> Path:
    """Return RUN.parquet of a run's folder, A.parquet of A.log and of A.log.gz."""
    path = path.resolve() if path.name in ("", "..") else path
    suffix = next((each for each in reversed(SUFFIXES) if path.name.endswith(each)), "")
    name = path.name.removesuffix(suffix) if path.is_file() else path.name
    return path.with_name(name + PACK_SUFFIX)


def _inside(folder: Path, run: Path) -> Path:
    """Return the file for a run in a folder, which is made. Raise PackingError."""
    if folder.exists() and not folder.is_dir():
        raise PackingError(f"{folder} is a file; of several runs --out names a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PackingError(f"cannot write to {folder}: {error.strerror}") from error
    return folder / (run.name + PACK_SUFFIX)


def _pack(journals: RunJournals, source: Path, out: Path) -> Packed:
    builder = journals.builder()
    events = pack_chunks(journals.chunks(), builder, journals.clock, out, journals.scenario)
    return Packed(out, source, events, out.stat().st_size, builder.metadata().unread)


def _pack_other(path: Path, out: Path) -> Packed:
    trace = read(path).trace
    pack_trace(trace, out)
    return Packed(out, path, len(trace), out.stat().st_size, trace.unread)
