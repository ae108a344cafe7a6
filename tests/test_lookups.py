"""A table instead of sorting: the same answer whichever way is taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.history.frame import _distinct
from driftlab.history.matching.messages import arrival_names, receive_names
from driftlab.judge.fifo_channels import TABLE_FACTOR, _are_among
from driftlab.model.columns import MISSING
from tests.hand_made_traces import log, receive, send, step

CODES = st.lists(st.integers(0, 40), max_size=60)


@given(CODES)
def test_different_codes_and_their_places_are_those_of_sorting(codes: list[int]) -> None:
    given_codes = np.array(codes, np.int64)
    expected, places = np.unique(given_codes, return_inverse=True)
    for size in (41, max(41, len(codes) + 1), 10**9):  # a table where it is no longer than codes
        found, index = _distinct(given_codes, size)
        assert found.tolist() == expected.tolist()
        assert index.tolist() == places.tolist()
        assert index.dtype == np.uint32


@given(CODES, CODES)
def test_membership_is_the_same_by_table_and_by_sorting(keys: list[int], others: list[int]) -> None:
    few, many = 41, TABLE_FACTOR * (len(keys) + len(others)) + 41
    for size in (few, many):
        found = _are_among(np.array(keys, np.int64), np.array(others, np.int64), size)
        assert found.tolist() == [key in others for key in keys]


@pytest.mark.parametrize("far", [0, 2**61, 2**63 - 8], ids=["near", "far", "farthest"])
@pytest.mark.parametrize("low", [0, -(2**62)], ids=["from zero", "negative"])
def test_two_names_have_one_number_exactly_if_they_are_one_name(far: int, low: int) -> None:
    """However far apart stamps are, at a receive and at an arrival."""
    stamps = [low + 1, low + 2, low + 3, far + 4, far + 4, far + 5]
    received_by_b = [receive(2 + place, "A", stamp) for place, stamp in enumerate(stamps)]
    trace = log({
        "A": [send(1, "B", "C"), send(2, "B", "C")],
        "B": [step(1, *(("A", stamp) for stamp in stamps)), *received_by_b],
        "C": [receive(1, "A", stamps[0]), receive(2, "B", stamps[-1])],
    })  # fmt: skip
    rows, numbers = receive_names(trace)
    of = trace.columns
    assert of.sender is not None
    assert of.stamp is not None
    assert MISSING not in of.stamp[rows]
    columns = (of.stamp, of.sender, trace.process_column())
    received = list(zip(*(column[rows].tolist() for column in columns), strict=True))
    arrived = [(stamp, 0, 1) for stamp in stamps]
    names, given_numbers = received + arrived, [*numbers.tolist(), *arrival_names(trace).tolist()]
    for one, number in zip(names, given_numbers, strict=True):
        for other, of_other in zip(names, given_numbers, strict=True):
            assert (one < other) == (number < of_other)
            assert (one == other) == (number == of_other)
