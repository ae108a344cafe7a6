"""The folder of driftlab's caches, below the user's."""

import os


def cache_folder() -> str | None:
    """Return the folder of driftlab's caches; None if this user has no place for caches."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # then the XDG standard wants it to be ignored
        base = "" if os.environ.get("HOME") == "" else os.path.expanduser("~/.cache")
    return os.path.join(base, "driftlab") if os.path.isabs(base) else None
