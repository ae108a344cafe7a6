"""Where compiled code is kept, so that compiling is paid for once.

The folder is named by a digest of every source that the code is compiled from.
numba looks only at the file of the outermost function, so that without this a
changed rule would go on running as it was.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = Path(__file__).parents[2]
SOURCES: Final = (
    "model/random_streams.py", "model/digest.py", "network/latency.py", "model/schedule.py",
    "clocks/lamport.py", "machine/die_process.py",
    *(f"simulator/compiled/{name}.py" for name in
      ("jit_rules", "records", "mailbox", "calendar_queue", "ticks", "run_metrics", "runs",
       "lane_kernel", "batch_kernels")),
)  # fmt: skip
_INDEX = "*.nbi"  # of numba, one a function


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """Return the folder for code compiled from the present sources; it need not exist."""
    found = hashlib.sha256()
    for name in SOURCES:
        found.update((PACKAGE / name).read_bytes())
    above = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(above) / "driftlab" / f"compiled-{found.hexdigest()[:16]}"


def is_warm() -> bool:
    """Whether anything has been compiled from the present sources. Imports no compiler."""
    return any(cache_folder().rglob(_INDEX))


@contextmanager
def numba_cache_options() -> Iterator[dict[str, Any]]:
    """Give the options for functions that are to be kept, while they are decorated."""
    from numba import config as numba_config

    config: Any = numba_config
    before = config.CACHE_DIR
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        config.CACHE_DIR = str(cache_folder())
        yield {"cache": os.access(cache_folder(), os.W_OK)}
    except OSError:  # no home, or one that cannot be written to: compile every time
        yield {"cache": False}
    finally:
        config.CACHE_DIR = before
