"""Python functions compiled to machine code by Numba, and where that code is kept.

Two kinds of functions are compiled: the kernels of the compiled engine, and
loops over columns that cannot be written as array operations (`Loop`). Both
keep their machine code in a `CompileCache`, so that compiling is paid for once.

A cache speeds things up and decides nothing: whatever is wrong with it costs
time and one warning in a process, never the run. Numba's own cache promises
less: it notices a change only in the file of the outermost function, and a
damaged file ends the program.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from stat import S_ISREG
from typing import Any, Final

from driftlab.folders import cache_folder

ROWS_COMPILED_MIN: Final = 500_000  # below this a loop in Python is over before one is compiled

_SUFFIX: Final = ".nbc"
_CHECKSUM_BYTES: Final = hashlib.sha256().digest_size


class CompileCache:
    """The machine code compiled from some source files, in a folder of its own.

    The folder's name holds a digest of the sources, so code never outlives a
    change in any of them. They must include every file that the functions call
    into or take constants from.

    Args:
        name: the beginning of the folder's name.
        sources: the paths of the source files.
    """

    def __init__(self, name: str, sources: Sequence[str]) -> None:
        self.sources = tuple(sources)
        self.loaded: set[str] = set()  # labels of what was loaded or compiled in this process
        self._name = name

    @cached_property
    def folder(self) -> str | None:
        """The folder, which need not exist; None if this user has no place for caches."""
        base = cache_folder()
        if base is None:
            return None
        digest = hashlib.sha256()
        for path in self.sources:
            with open(path, "rb") as source:
                digest.update(hashlib.sha256(source.read()).digest())
        return os.path.join(base, f"{self._name}-{digest.hexdigest()[:16]}")

    def has(self, label: str) -> bool:
        """Whether the machine code with this label (see `label`) is kept. Imports no compiler."""
        try:
            names = os.listdir(self.folder) if self.folder else []
        except OSError:
            return False
        return any(name.startswith(f"{label}-") and name.endswith(_SUFFIX) for name in names)

    def jit(self, function: Callable[..., Any]) -> Any:
        """Return the function as a Numba dispatcher that keeps its machine code here.

        Where `NUMBA_DISABLE_JIT` is set it is the Python function itself.
        """
        from numba import njit

        dispatcher: Any = njit(error_model="numpy", nogil=True)(function)
        if hasattr(dispatcher, "_cache"):
            dispatcher._cache = _NumbaCache(self, function)
        return dispatcher


def label(function: str, absent: Sequence[str] = ()) -> str:
    """Return the label of machine code: its function, and the arguments that are None.

    Numba compiles a function anew for other types of arguments, and of these
    only None is worth showing in the label.
    """
    return ".".join([function, *(f"no_{name}" for name in absent)])


class _NumbaCache:
    """What a Numba dispatcher asks for machine code and gives it to: one file a signature.

    A file holds a SHA-256 checksum and then what Numba pickles of a compiled
    function. It is written beside its place and moved there whole, so that
    processes which compile at the same time never see half a file.
    """

    def __init__(self, cache: CompileCache, function: Callable[..., Any]) -> None:
        self._cache = cache
        self._function = function

    @property
    def cache_path(self) -> str | None:
        """Where the files are; Numba reports it in the statistics of a dispatcher."""
        return self._cache.folder

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the function compiled for a signature, None if it is not kept or damaged."""
        path = self._path(signature, target.codegen())
        self._cache.loaded.add(self._label(signature))
        if path is None:
            _warn("no folder for it: neither XDG_CACHE_HOME nor HOME names one")
            return None
        try:
            with open(path, "rb", opener=_open_at_once) as file:
                content = file.read() if S_ISREG(os.fstat(file.fileno()).st_mode) else b""
        except FileNotFoundError:
            return None
        except OSError as error:
            _warn(_reason(error))
            return None
        checksum, payload = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
        if hashlib.sha256(payload).digest() == checksum:
            return self._unpickle(path, payload, target)
        _discard(path, "a damaged file")
        return None

    def _unpickle(self, path: str, payload: bytes, target: Any) -> Any:
        import pickle

        try:
            from numba.core.compiler import CompileResult

            target.refresh()
            rebuild: Any = CompileResult._rebuild  # which has no types
            return rebuild(target, *pickle.loads(payload))
        except Exception as error:  # Numba's own code, of which nothing is promised
            _discard(path, _reason(error))
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled function."""
        path = self._path(signature, result.codegen)
        if path is None or result.lifted or result.library.has_dynamic_globals:
            return  # such code holds addresses of this process
        beside = f"{path}.{os.getpid()}"
        try:
            from numba.core import serialize

            dumps: Any = serialize.dumps  # which has no types
            payload = dumps(result._reduce())
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(beside, "wb") as file:
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(beside, path)
        except Exception as error:  # no place, no space, no permission, or another Numba
            _warn(_reason(error))
            _remove(beside)

    def _label(self, signature: Any) -> str:
        from numba import types

        code = self._function.__code__
        names = code.co_varnames[: code.co_argcount]
        absent = [
            name
            for name, kind in zip(names, signature, strict=False)
            if isinstance(kind, types.NoneType)
        ]
        return label(code.co_name, absent)

    def _path(self, signature: Any, codegen: Any) -> str | None:
        """Return the file for a signature: the processor and the versions count, too."""
        import sys

        import numba

        key = (numba.__version__, sys.version, codegen.magic_tuple(), str(signature))
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        name = f"{self._label(signature)}-{digest}{_SUFFIX}"
        return os.path.join(self._cache.folder, name) if self._cache.folder else None

    def enable(self) -> None:
        """Do nothing: Numba's interface wants it."""

    def disable(self) -> None:
        """Do nothing: Numba's interface wants it."""

    def flush(self) -> None:
        """Do nothing: nothing is held back in memory."""


def _open_at_once(path: str, flags: int) -> int:
    """Open a file, or a pipe in its place, without waiting for somebody to write into it."""
    return os.open(path, flags | os.O_NONBLOCK)


_warned = False


def _warn(reason: str) -> None:
    """Log one warning in this process: there is nothing that a caller could do differently."""
    global _warned
    if not _warned:
        _warned = True
        import logging

        logging.getLogger("driftlab").warning(
            "driftlab: the compile cache failed, so this process compiles its code: %s",
            reason,
        )


def _reason(error: Exception) -> str:
    text = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _discard(path: str, reason: str) -> None:
    """Remove a damaged file, so that the next process finds the one that this one writes."""
    _warn(f"{reason}: {path}")
    _remove(path)


def _remove(path: str) -> None:
    with suppress(OSError):  # it is not there, or stays
        os.unlink(path)


class Loop:
    """A loop over columns, as a decorator: plain Python over few rows, compiled over many.

    The function takes arrays and whole numbers, writes into arrays that it is
    given, and calls nothing outside its own file. Both ways run the same
    source, so they give the same result.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.plain = function
        self.__doc__ = function.__doc__

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The loop as machine code, kept between processes. Imports Numba."""
        source = self.plain.__code__.co_filename
        name = os.path.splitext(os.path.basename(source))[0]
        compiled: Callable[..., Any] = CompileCache(name, [source]).jit(self.plain)
        return compiled

    def __call__(self, rows: int, inputs: Sequence[Any], outputs: Sequence[Any] = ()) -> Any:
        """Run the loop, compiled if it is to go over many rows, and return its result.

        Args:
            rows: how many rows it goes over.
            inputs: the first arguments of the function; lists and arrays are only read.
            outputs: its further arguments, arrays that it changes in place.
        """
        if rows >= ROWS_COMPILED_MIN:
            return self.compiled(*inputs, *outputs)
        lists = [each.tolist() for each in outputs]
        values = [each.tolist() if hasattr(each, "tolist") else each for each in inputs]
        result = self.plain(*values, *lists)
        for array, changed in zip(outputs, lists, strict=True):
            array[...] = changed
        return result
