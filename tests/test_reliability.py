"""A short campaign of each kind; `python -m tests.reliability` is the long one."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests import reliability

SEED = 5


def test_kills_lose_nothing_that_journals_had(tmp_path: Path) -> None:
    found = reliability.kills(4, Random(SEED), tmp_path)
    assert found["kills"] == 4
    assert found["events"] > 0


def test_no_mutated_frame_ends_a_machine_or_is_taken_for_a_proven_one(tmp_path: Path) -> None:
    found = reliability.frames(5_000, Random(SEED))
    assert found["frames"] >= 5_000
    assert 1_000 < found["sealed frames"] < found["frames"]
    found = reliability.frames_over_sockets(20, Random(SEED), tmp_path)
    assert found["connections"] == 20
    assert found["received"] > 0


def test_intruders_get_nowhere(tmp_path: Path) -> None:
    for seconds in (2.5, 10.0, 40.0):  # as long as this computer needs for so many
        folder = tmp_path / str(seconds)
        folder.mkdir()
        with suppress(reliability.TooShortError):
            found = reliability.intruders(80, Random(SEED), folder, seconds)
            break
    assert found["intruders"] == 80
    assert found["messages"] > 0


def test_a_changed_frame_that_gets_in_breaks_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign would see it."""
    monkeypatch.setattr("driftlab.network.sealing.compare_digest", lambda one, other: True)
    with pytest.raises(reliability.BrokenPromiseError):
        reliability.frames(5_000, Random(SEED))
