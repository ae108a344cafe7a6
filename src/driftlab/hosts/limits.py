"""The open-file limit, asked before anything is started."""

import resource
from typing import Final

from driftlab.errors import DriftlabError

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
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TooManyMachinesError(
            f"machines: {machines} need {needed} open files each way; the limit here is {hard} "
            f"(ulimit -n), which allows {max(0, (hard - _SPARE) // 3)} machines"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
