"""`python -m tests.accelerated_build`: the tests of what is compiled, run in the accelerated build.

The build is kept in the cache of the tests, and is made when its sources have changed. All
other tests run from the source, whatever build there is. Without a C compiler nothing is run:
the accelerated build is never required.
"""

import os
import subprocess
import sys

from tests.warm_up import ROOT, use_own_cache

FILES = (
    "test_accelerated",
    "test_digest",
    "test_engines",
    "test_machine",
    "test_random_streams",
    "test_recorded_values",
    "test_simulator",
    "test_tick_order",
)


def main() -> int:
    """Make the build if it is not there, run the tests in it, and return the exit status."""
    from driftlab.accelerated import UnusableBuildError, builds_folder, current_build
    from driftlab.api.acceleration import NoCompilerError, accelerate

    try:
        there = current_build(builds_folder())
    except UnusableBuildError:
        there = None
    if there is None:
        try:
            print(f"compiled: {accelerate()}", flush=True)
        except NoCompilerError as error:
            print(f"NOT RUN: {error}")
            return 0
    files = [str(ROOT / "tests" / f"{name}.py") for name in FILES]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-n", "3", *files]
    return subprocess.call(command, cwd=ROOT, env=os.environ | {"DRIFTLAB_ACCELERATED": "1"})


if __name__ == "__main__":
    use_own_cache()
    os.environ["DRIFTLAB_ACCELERATED"] = "0"
    sys.exit(main())
