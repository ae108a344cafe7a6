"""Which processes of users may be executed: code is not run because data name it.

A process file runs when the user names it: on the command line or as an argument in
Python. Named only by a scenario file, or the scenario of a run folder, it runs if the
very same content was run by name before, or the user trusts it (`--trust`). The digests
of what was run are remembered for each user, as direnv does.

The limit: the digest is of that file alone, not of modules that it imports.
"""

import os
import re
import stat
import sys
from contextlib import suppress
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.machine.process_loader import DIE, with_absolute_process_path
from driftlab.scenario.scenario import ProcessFromFile, Scenario

STORE: Final = "trusted-processes"
_not_remembered: set[str] = set()  # admitted by this process, which could not write it down
_STORE_BYTES_MAX: Final = 1 << 24
_LINE: Final = rb"^([0-9a-f]{64})(?: .*)?$"


class UntrustedProcessError(DriftlabError):
    """A process is named by data alone, and nobody said that it may run."""


def admit_process(scenario: Scenario, *, trust: bool = False) -> Scenario:
    """Return the scenario with its process's file as an absolute path that may be executed.

    trust: whether a process that only a file names may run, from now on.

    Raises UntrustedProcessError if it may not.
    """
    if scenario.process == DIE:
        return scenario
    by_name = not isinstance(scenario.process, ProcessFromFile)
    admitted = with_absolute_process_path(scenario)
    file = admitted.process.rpartition(":")[0]
    digest = _digest(file)
    if digest is None:  # there is no such file, which loading it reports
        return admitted
    known = digest in _remembered() or digest in _not_remembered
    if not (by_name or trust or known):
        raise UntrustedProcessError(
            f"{admitted.process} would be executed, because the scenario names it; look at it, "
            f"then give --trust (in Python trust=True), once"
        )
    if not known:
        _remember(digest, file)
    return admitted


def _digest(file: str) -> str | None:
    from hashlib import sha256

    if not os.path.isfile(file):
        return None
    with open(file, "rb") as opened:
        return sha256(opened.read()).hexdigest()


def _store() -> str | None:
    """Return the path of the digests, None if neither XDG_STATE_HOME nor HOME names a folder."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the XDG standard wants it to be ignored
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "driftlab", STORE) if os.path.isabs(base) else None


def _remembered() -> set[str]:
    """Return the digests that were run before; a line that is not one is ignored."""
    path = _store()
    with suppress(OSError):
        if path is not None and os.path.isfile(path):
            with open(path, "rb") as file:
                lines = re.finditer(_LINE, file.read(_STORE_BYTES_MAX), re.MULTILINE)
                return {line[1].decode() for line in lines}
    return set()


def _remember(digest: str, file: str) -> None:
    path = _store()
    try:
        if path is None:
            raise OSError(None, "no folder for it: neither XDG_STATE_HOME nor HOME names one")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        # No waiting for the reader of a pipe that somebody has put there.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(path, flags, 0o600)
        try:  # a line feed first, in case somebody's last line has none
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(None, f"{path} is not a regular file")
            os.write(fd, f"\n{digest} {os.fsencode(file)!r}\n".encode())
        finally:
            os.close(fd)
    except OSError as error:
        reason = error.strerror or error
        _not_remembered.add(digest)  # say it once
        print(f"driftlab: cannot remember that {file} was run: {reason}", file=sys.stderr)
