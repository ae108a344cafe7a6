"""The laws' settings, and a cache in which everything is compiled before tests are timed."""

import sys

import pytest
from hypothesis import settings

from tests.warm_up import use_own_cache, warm_up

settings.register_profile("driftlab", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("driftlab")
use_own_cache()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile before the first test begins, where one of the tests may run something compiled."""
    if session.items and "driftlab.jit" in sys.modules:
        warm_up()
