"""The formats by name, and which of them a log is in."""

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.trace.files import UnreadableError
from driftlab.trace.formats import (
    chrome,
    chrome_write,
    govector,
    plain,
    shiviz,
    table,
    tracing,
    tsviz,
)
from driftlab.trace.formats.asked import Asked, Execution, UnwritableError
from driftlab.trace.formats.fields import UNITS
from driftlab.trace.formats.one_run import require_one_run
from driftlab.trace.formats.packed import BreaksOffError, unpacked
from driftlab.trace.formats.patterns import compiled
from driftlab.trace.formats.text import HEAD_BYTES, head_of, read_text
from driftlab.trace.ordinary import begins_with, exists, require_ordinary
from driftlab.trace.trace import Trace

Read = Callable[[Sequence[Path], Asked], list[Execution]]
Write = Callable[[Sequence[Execution], Path], None]


class Format(NamedTuple):
    """A format: how it is read, how it is written (None: it is not), and what it is."""

    read: Read
    write: Write | None
    says: str


FORMATS: Final[dict[str, Format]] = {
    "shiviz": Format(shiviz.read, shiviz.write, "vector clocks as JSON, a pattern in the header"),
    "tsviz": Format(tsviz.read, tsviz.write, "the same with times"),
    "govector": Format(
        govector.read, govector.write, "NAME-Log.txt files, one or a folder of them"
    ),
    "tracing": Format(tracing.read, tracing.write, "JSON lines of the DistributedClocks tracer"),
    "chrome": Format(chrome.read, chrome_write.write, "Chrome trace events, which Perfetto opens"),
    "csv": Format(table.read_csv, table.write_csv, "a table of text"),
    "parquet": Format(table.read_parquet, table.write_parquet, "a table of Parquet"),
    "text": Format(plain.read, None, "anything that --pattern describes"),
}
FILES_MAX: Final = 10_000  # of a folder
_PARQUET: Final = b"PAR1"
_EXPECTED: Final = (
    "expected a journal or another log; so is the journal of a machine that was killed before "
    "it wrote anything: then name the run's folder"
)


def read_executions(
    path: str | Path,
    format: str | None = None,
    pattern: str | Sequence[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    time_unit: str | None = None,
    execution: str | int | None = None,
) -> list[Execution]:
    """Read a log that somebody else wrote, a file or a folder of files, and all it holds.

    What is not asked for is found out: the format by the file's name and its
    first lines. `execution`: only that one, by its label or its number from 1.
    Raises DriftlabError, which says what to ask for.
    """
    path = Path(path)
    patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern or ())
    if time_unit not in (None, *UNITS):
        raise UnreadableError(f"--time-unit {time_unit}: there are {', '.join(UNITS)}")
    asked = Asked(patterns, delimiter, encoding, time_unit)
    name = format or recognised(path, asked)
    if name not in FORMATS:
        raise UnreadableError(f"--format {name}: there are {', '.join(FORMATS)}")
    files = _files(path, name)
    with _collector_paused():
        found = FORMATS[name].read(files, asked)
    if len(files) > 1:
        for each in found:
            require_one_run(path, each.trace, is_described=name == "text")
    return found if execution is None else [_chosen(path, found, str(execution))]


def read_log(path: str | Path, **options: Any) -> list[Trace]:
    """Return the traces of `read_executions`, one for each execution in the log."""
    return [each.trace for each in read_executions(path, **options)]


def _chosen(path: Path, executions: Sequence[Execution], wanted: str) -> Execution:
    for number, each in enumerate(executions, 1):
        if wanted in (each.label, str(number)):
            return each
    labels = ", ".join(each.label or str(n) for n, each in enumerate(executions, 1))
    raise UnreadableError(f"{path}: no execution {wanted}; it has {labels[:200]}")


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the collector from walking the records, which it does again and again as they come."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def write_log(executions: Sequence[Execution], path: str | Path, format: str) -> None:
    """Write executions in a format. Raises UnwritableError where it cannot hold them."""
    known = FORMATS.get(format)
    if known is None or known.write is None:
        writable = ", ".join(name for name, each in FORMATS.items() if each.write)
        raise UnwritableError(f"--to {format}: there are {writable}")
    known.write(executions, Path(path))


def recognised(path: Path, asked: Asked) -> str:
    """Say in which format a log is. Raises UnreadableError where that cannot be told."""
    files = _files(path, None)
    if path.is_dir() and files[0].name.endswith(govector.SUFFIX):
        return "govector" if not asked.patterns else "text"
    first = files[0]
    if first.name.endswith((".parquet", ".pq")) or begins_with(first, _PARQUET):
        return "parquet"
    head = _head(first, asked)
    if asked.patterns and not shiviz.has_header(head):
        return "text"
    name = _by_head(first, head)
    if name is None:
        line = head.strip().partition("\n")[0][:60]
        where = f"{path}: no journals here (NAME.log), and {first.name}" if path != first else first
        raise UnreadableError(
            f"{where}: which format is this? It begins with: {line} … "
            f"Say --format (convert: --from) {', '.join(FORMATS)}, or --pattern for any other text"
        )
    return name


def _head(path: Path, asked: Asked) -> str:
    """Return the begin of a text, where it is one. Raises UnreadableError."""
    try:
        block = next(unpacked(path, HEAD_BYTES), b"")
    except BreaksOffError as error:
        reason = str(error).partition(";")[0]
        raise UnreadableError(
            f"{path}: {reason}, and nothing of it can be unpacked; copy it again"
        ) from None
    if block.startswith(_PARQUET):
        raise UnreadableError(f"{path}: a gzipped file of Parquet; unpack it first (gunzip)")
    head = head_of(path, asked.encoding)
    return head if head.strip() else _after_blanks(path, asked)


def _after_blanks(path: Path, asked: Asked) -> str:
    """Return a text that does not begin within 64 KiB. Raises UnreadableError if there is none."""
    text = read_text(path, asked.encoding)
    if text.text.strip():
        return text.text.lstrip()
    reasons = [f"{text.name}:{one.line}: {one.reason}" for one in text.unread]
    raise UnreadableError((reasons or [f"{text.name}: empty; {_EXPECTED}"])[0])


def _by_head(path: Path, head: str) -> str | None:
    first = head.lstrip().partition("\n")[0]
    if shiviz.has_header(head):
        return "tsviz" if "<timestamp>" in first else "shiviz"
    if head.lstrip().startswith(("[", "{")):
        if '"TracerIdentity"' in head:
            return "tracing"
        if f'"{chrome.KEY}"' in head or '"ph"' in head:
            return "chrome"
        if _is_json(head.lstrip()):
            return None
    if path.name.removesuffix(".gz").endswith(govector.SUFFIX):
        return "govector"
    if table.separator_of(head):
        return "csv"
    return _by_default_patterns(head)


def _is_json(text: str) -> bool:
    """Whether a text begins with JSON, damaged or not, and not with a line in brackets.

    Of JSON a first line that is whole is a value, or the damage stands further down.
    """
    length = text.find("\n") if "\n" in text else len(text)
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        return error.pos >= length
    except RecursionError:
        return True
    return not text[end:].partition("\n")[0].strip()


def _by_default_patterns(head: str) -> str | None:
    lines = head.strip().split("\n")[:20]
    text = "\n".join(lines)
    for name, pattern in (
        ("govector", govector.DELIMITER),
        ("tsviz", tsviz.CLOCK_FIRST),
        ("tsviz", tsviz.EVENT_FIRST),
        ("shiviz", shiviz.default_pattern(text)),
    ):
        if compiled(pattern).search(text):
            return name
    return None


def _files(path: Path, name: str | None) -> list[Path]:
    """Return the files of a log, in name order; of a folder those that are not hidden."""
    if not path.is_dir():
        if not exists(path):
            raise UnreadableError(f"{path}: no such file")
        require_ordinary(path)
        return [path]
    files = sorted(one for one in path.iterdir() if one.is_file() and one.name[0] != ".")
    logs = [one for one in files if one.name.removesuffix(".gz").endswith(govector.SUFFIX)]
    if logs and name in (None, "govector"):
        files = logs
    if not files:
        raise UnreadableError(f"{path}: no files here")
    if len(files) > FILES_MAX:
        raise UnreadableError(f"{path}: {len(files):,} files; at most {FILES_MAX:,} are read")
    return files
