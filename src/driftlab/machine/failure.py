"""When a process of the user fails: where in its file, at which tick, and why."""

from types import TracebackType
from typing import Any

from driftlab.errors import DriftlabError


class ProcessError(DriftlabError):
    """A process raised, or returned what is no effect; the message says where.

    Its machine takes no further tick; what it did before stands.
    """


_BEGIN = "process failed: "


def is_of_process(reason: str) -> bool:
    """Whether the reason why a machine ended is that its process failed."""
    return reason.startswith(_BEGIN)


def process_raised(asked: Any, error: BaseException, tick: int | None) -> ProcessError:
    """Return the error of a process whose code raised; `asked` is the method that was called."""
    code = getattr(asked, "__code__", None)
    where = _place(error.__traceback__, code.co_filename if code else "")
    return _error(where, tick, f"{type(error).__name__}: {_text(error)}")


def invalid_effect(asked: Any, reason: str, tick: int) -> ProcessError:
    """Return the error of a process whose method returned what is no effect."""
    code = getattr(asked, "__code__", None)
    where = f"{code.co_filename}, line {code.co_firstlineno}" if code else str(asked)
    return _error(where, tick, f"{getattr(asked, '__qualname__', asked)} returned {reason}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # even that is the user's
        return "(it cannot be shown)"


def _error(where: str, tick: int | None, reason: str) -> ProcessError:
    when = "before its first tick" if tick is None else f"at tick {tick}"
    return ProcessError(" ".join(f"{_BEGIN}{where}, {when}: {reason}".split()))


def _place(trace: TracebackType | None, file: str) -> str:
    """Return the innermost place in the process's own file, else the innermost of all."""
    place = inner = file
    while trace is not None:
        code = trace.tb_frame.f_code
        inner = f"{code.co_filename}, line {trace.tb_lineno}"
        place = inner if code.co_filename == file else place
        trace = trace.tb_next
    return inner if place == file else place
