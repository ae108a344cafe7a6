"""Files that are written whole or not at all.

A file is written under a temporary name beside its own, forced to the disk, and renamed.
So a full disk, a limit or a kill leaves what was there before as it was, and a file that
has its name is whole. The limits: a process that is killed leaves the temporary file,
`.….part`, which no command reads; what is not a regular file (a pipe, `/dev/stdout`) is
written as it comes.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

PART_SUFFIX: Final = ".part"


@contextmanager
def whole_file(path: str | Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield the path of a new file to write, which becomes `path` at the end.

    replace: whether a file that is there is replaced. Its permissions are kept, and what a
    symbolic link points at is replaced, not the link. Raise OSError, which names `path`,
    and FileExistsError if a file is there and stays; whatever is raised, also in the block,
    the file stays as it was.
    """
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    if mode is not None and not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if mode is not None and not stat.S_ISREG(mode):
        with errors_named(path, target):
            yield target
        return
    unfinished = target.with_name(f".{target.name[:100]}.{os.urandom(4).hex()}{PART_SUFFIX}")
    try:
        with errors_named(path, unfinished):
            yield unfinished
            _force_to_disk(unfinished)
            if mode is not None:
                unfinished.chmod(stat.S_IMODE(mode))
            if replace:
                unfinished.replace(target)
            else:
                _rename_to_new(unfinished, target)
            _force_to_disk(target.parent)
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def errors_named(path: str | Path, unfinished: Path) -> Iterator[None]:
    """Give an OSError raised in the block the name of the file that the user knows.

    A full disk names no file, and other errors name the unfinished one, or one below it.
    """
    try:
        yield
    except OSError as error:
        named = error.filename
        if error.errno is None:  # of a library, in its own words
            raise
        if named is None or Path(os.fsdecode(named)).is_relative_to(unfinished):
            error.filename = os.fspath(path)
        raise


@contextmanager
def open_whole(path: str | Path, *, newline: str | None = "\n", errors: str = "strict",
               replace: bool = True) -> Iterator[IO[str]]:  # fmt: skip
    """Yield a new file of UTF-8 text to write, which becomes `path` at the end.

    newline, errors: as in `open`. replace, and what is raised: as in `whole_file`.
    """
    with (
        whole_file(path, replace=replace) as unfinished,
        unfinished.open("w", encoding="utf-8", newline=newline, errors=errors) as file,
    ):
        yield file


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _rename_to_new(unfinished: Path, target: Path) -> None:
    """Give a file its name if no other has it, atomically where the file system has links."""
    try:
        os.link(unfinished, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        unfinished.replace(target)


def _force_to_disk(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has nothing to force
            raise
    finally:
        os.close(descriptor)
