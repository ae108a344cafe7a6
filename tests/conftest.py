"""The laws' settings, and a cache in which everything is compiled before tests are timed."""

import os
import sys
from collections import Counter

import pytest
from coverage import Coverage
from hypothesis import settings

from tests.warm_up import use_own_cache, use_own_state, warm_up

# Coverage is measured in the processes that these tests start, and in the tests' own. Starting
# it takes longer than most processes run, and hundreds of others run the same lines.
COVERS_PROCESSES = {"test_run", "test_cli", "test_launcher"}
PROCESS_COVERAGE = "COVERAGE_PROCESS_CONFIG"  # the variable by which coverage reaches a process

# Measuring slows Python down by half. A test with many sets of parameters runs the same lines
# with most of them, so only the first few are measured: what is reported is a lower bound.
MEASURED_SETS_MAX = 2

settings.register_profile("driftlab", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("driftlab")
use_own_cache()
use_own_state()
os.environ.setdefault("DRIFTLAB_ACCELERATED", "0")  # `tests.accelerated_build` says 1


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile before the first test begins, where one of the tests may run something compiled."""
    if session.items and "driftlab.jit" in sys.modules:
        warm_up()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Measure the lines of a test and of the processes that it starts, or do not."""
    if _process_coverage is not None:
        if item.path.stem in COVERS_PROCESSES:
            os.environ[PROCESS_COVERAGE] = _process_coverage
        else:
            os.environ.pop(PROCESS_COVERAGE, None)
    function = item.nodeid.partition("[")[0]
    _sets[function] += 1
    measuring = Coverage.current()
    if measuring is not None and _sets[function] > MEASURED_SETS_MAX:
        measuring.stop()
        _stopped.append(measuring)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Go on with measuring where it was stopped."""
    if _stopped:
        _stopped.pop().start()


_process_coverage = os.environ.get(PROCESS_COVERAGE)
_sets = Counter[str]()
_stopped: list[Coverage] = []
