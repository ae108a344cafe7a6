"""The open-file limit, asked before anything is started."""

import resource
from typing import Final

from driftlab.errors import DriftlabError

REAL_MACHINES_MAX: Final = 1_000  # each a process, each pair two connections
_SPARE: Final = 48  # what an interpreter, a selector, strangers and a journal take besides


class TooManyMachinesError(DriftlabError):
    """More machines than this system's open-file limit allows."""


def require_files_for(machines: int) -> None:
    """Make room for a run of so many machines: raise the soft limit up to the hard one.

    The launcher holds a listening socket and two pipes a machine, a worker
    two connections a peer. Raises TooManyMachinesError.
    """
    needed = 3 * machines + _SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and needed > soft:
        _raise_limit(machines, needed, soft, hard)
    if machines > REAL_MACHINES_MAX:
        raise TooManyMachinesError(
            f"machines: {machines} are too many processes for one computer; "
            f"allowed: up to {REAL_MACHINES_MAX}"
        )


def _raise_limit(machines: int, needed: int, soft: int, hard: int) -> None:
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TooManyMachinesError(
            f"machines: {machines} need {needed} open files each way; the limit here is {hard} "
            f"(ulimit -n), which allows {max(0, (hard - _SPARE) // 3)} machines"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:  # macOS has a further limit of its own
        raise TooManyMachinesError(
            f"machines: {machines} need {needed} open files each way; the limit here is {soft} "
            f"(ulimit -n) and cannot be raised: {error}"
        ) from None
