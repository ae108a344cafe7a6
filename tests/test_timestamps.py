"""Timestamps as values: their order, their text, and the catalogue that names them."""

import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.clocks.catalogue import (
    CLOCKS,
    ClockKind,
    additional_clock,
    require_fits,
    timestamp_decoder,
)
from driftlab.clocks.clock import (
    ENTRY_MAX,
    TEXT_CHARACTERS_MAX,
    TimestampError,
    quote_text,
    require_text_length,
    split_numbers,
)
from driftlab.clocks.hybrid import HybridTimestamp
from driftlab.clocks.lamport import LamportTimestamp
from driftlab.clocks.matrix import MatrixTimestamp
from driftlab.clocks.vector import VectorTimestamp
from driftlab.network.wire import FRAME_BYTES_MAX

# Order


def numbers(count: int) -> st.SearchStrategy[tuple[int, ...]]:
    """A few small numbers, so that equal ones occur; or any up to the limit."""
    return st.tuples(*[st.integers(0, 2) | st.integers(0, ENTRY_MAX)] * count)


PROCESS = st.integers(0, 1)  # of two
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "lamport": st.builds(LamportTimestamp, st.integers(0, ENTRY_MAX) | st.integers(0, 2), PROCESS),
    "vector": st.builds(VectorTimestamp, numbers(2)),
    "matrix": st.builds(MatrixTimestamp, st.tuples(numbers(2), numbers(2)), PROCESS),
    "hybrid": st.builds(
        HybridTimestamp, st.integers(-ENTRY_MAX, ENTRY_MAX), st.integers(0, ENTRY_MAX), PROCESS
    )
    | st.builds(HybridTimestamp, st.integers(-1, 1), st.integers(0, 1), PROCESS),
}
every_value = pytest.mark.parametrize("name", VALUES)


def test_every_clock_of_the_catalogue_is_tested_here() -> None:
    assert set(VALUES) == set(CLOCKS)


@every_value
@given(st.data())
def test_the_order_is_a_strict_partial_order(name: str, data: st.DataObject) -> None:
    a, b, c = (data.draw(VALUES[name]) for _ in range(3))
    same = pickle.loads(pickle.dumps(a))
    assert not a < same
    assert not a > same
    assert a <= same
    assert a >= same
    assert not (a < b and b < a)
    assert not (a < b and b < c) or a < c
    assert (a <= b) == (a < b or a == b)
    assert (b > a) == (a < b)
    assert (b >= a) == (a <= b)
    assert a != b or hash(a) == hash(b)
    if CLOCKS[name].is_strong:
        assert a.concurrent(b) == b.concurrent(a)
        assert not a.concurrent(same)
        assert not (a.concurrent(b) and (a <= b or b <= a))
    else:
        assert a < b or b < a or a == b


@pytest.mark.parametrize("compare", ["__lt__", "__le__", "__gt__", "__ge__", "concurrent"])
@pytest.mark.parametrize(
    ("two", "three"),
    [
        (VectorTimestamp((1, 2)), VectorTimestamp((1, 2, 0))),
        (MatrixTimestamp(((1, 2),) * 2, 0), MatrixTimestamp(((1, 2, 0),) * 3, 0)),
    ],
)
def test_timestamps_of_different_length_have_no_order(two: Any, three: Any, compare: str) -> None:
    with pytest.raises(ValueError, match="have no order"):
        getattr(two, compare)(three)
    assert two != three


def test_vector_and_matrix_have_no_order_between_them() -> None:
    vector, matrix = VectorTimestamp((1,)), MatrixTimestamp(((1,),), 0)
    for compare in ("__lt__", "__le__", "__gt__", "__ge__"):
        assert getattr(vector, compare)(matrix) is NotImplemented
        assert getattr(matrix, compare)(vector) is NotImplemented


@pytest.mark.parametrize("kind", [kind for kind in CLOCKS.values() if kind.is_strong])
def test_a_receive_from_a_larger_or_smaller_system_is_refused(kind: ClockKind) -> None:
    clock = kind.clock(0, 2)
    for processes, count in ((1, "1 process"), (3, "3 processes")):
        with pytest.raises(ValueError, match=f"^a timestamp of {count}; expected 2$"):
            clock.merge(kind.clock(0, processes).tick(0), 0)
    assert clock.now is None


# Text


@every_value
@given(st.data())
def test_any_timestamp_is_read_back(name: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[name])
    process = getattr(value, "process", 0)
    assert CLOCKS[name].timestamp.decode(value.encode(), process, 2) == value


def read_or_refused(name: str, text: str) -> None:
    """Check that a text is either refused or exactly what its timestamp encodes to."""
    reason = ""
    try:
        assert CLOCKS[name].timestamp.decode(text, 0, 2).encode() == text
    except TimestampError as error:
        reason = str(error)
    assert len(reason) < 300
    assert reason.isprintable()


@every_value
@given(st.text() | st.text("0123456789.;/-+_ e\t\n٣²", max_size=12))
def test_a_text_is_refused_or_canonical(name: str, text: str) -> None:
    read_or_refused(name, text)


@every_value
@given(st.data())
def test_a_text_with_one_character_wrong_is_refused_or_canonical(
    name: str, data: st.DataObject
) -> None:
    text = data.draw(VALUES[name]).encode()
    at = data.draw(st.integers(0, len(text)))
    wrong = data.draw(st.sampled_from([*"0123456789.;/-+_ \n٣", ""]))
    read_or_refused(name, text[:at] + wrong + text[at + data.draw(st.integers(0, 1)) :])


ONE_NUMBER = (
    "", "-", ".", "/", ";", "01", "00", "+1", "-0", "1-", "1_0", " 1", "1 ", "1\n", "1e3", "0x1",
    "٣", "\uff11", "²", "1\0", "None", "nan", "1.", ".1", "1,2", "1:2", "1" * 20,
    str(ENTRY_MAX + 1), "9" * 5_000,
)  # fmt: skip


@every_value
@pytest.mark.parametrize("number", ONE_NUMBER)
def test_garbage_is_refused_at_every_place(name: str, number: str) -> None:
    value: Any = {
        "lamport": "{}",
        "vector": "{}.{}",
        "matrix": "{}.{}/{}.{}",
        "hybrid": "{}.{}",
    }[name]
    places = value.count("{}")
    for place in range(places):
        text = value.format(*[number if at == place else "1" for at in range(places)])
        with pytest.raises(TimestampError):
            CLOCKS[name].timestamp.decode(text, 0, 2)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("lamport", "1.2", "has 2 numbers; expected 1"),
        ("lamport", "-1", "numbers must be from 0"),
        ("vector", "1", "has 1 number; expected 2"),
        ("vector", "1.2.3", "has 3 numbers; expected 2"),
        ("vector", "1..2", "has 3 numbers; expected 2"),
        ("vector", "1.2.", "has 3 numbers; expected 2"),
        ("vector", "1.-2", "numbers must be from 0"),
        ("vector", "1/2", "has 1 number; expected 2"),
        ("matrix", "1.2", "has 1 row; expected 2"),
        ("matrix", "1.2/3.4/5.6", "has 3 rows; expected 2"),
        ("matrix", "1.2/3", "has 1 number; expected 2"),
        ("matrix", "1.2//3.4", "has 3 rows; expected 2"),
        ("matrix", "1.2/3.-4", "numbers must be from 0"),
        ("hybrid", "1", "has 1 number; expected 2"),
        ("hybrid", "1.2.3", "has 3 numbers; expected 2"),
        ("hybrid", "1.-2", "the second number must not be negative"),
        ("hybrid", f"{-ENTRY_MAX - 1}.0", "numbers must be from -4611686018427387904"),
    ],
)
def test_a_refusal_says_why(name: str, text: str, reason: str) -> None:
    with pytest.raises(TimestampError, match=reason):
        CLOCKS[name].timestamp.decode(text, 0, 2)


@every_value
def test_a_text_over_the_limit_is_refused_unread(name: str) -> None:
    with pytest.raises(TimestampError, match=f"of {TEXT_CHARACTERS_MAX + 1} characters; the limit"):
        CLOCKS[name].timestamp.decode("1" * (TEXT_CHARACTERS_MAX + 1), 0, 2)


# The catalogue


@pytest.mark.parametrize("name", [name for name, kind in CLOCKS.items() if kind.processes_max])
def test_the_largest_timestamp_is_read_back_and_fits_a_frame(name: str) -> None:
    most = CLOCKS[name].processes_max
    assert most is not None
    row = (ENTRY_MAX,) * most
    largest = VectorTimestamp(row) if name == "vector" else MatrixTimestamp((row,) * most, 0)
    text = largest.encode()
    assert len(text) <= TEXT_CHARACTERS_MAX < FRAME_BYTES_MAX
    assert CLOCKS[name].timestamp.decode(text, 0, most) == largest


def test_a_clock_that_does_not_fit_is_refused_by_name_and_limit() -> None:
    for name, kind in CLOCKS.items():
        require_fits(name, kind.processes_max or 10**6)
    with pytest.raises(ValueError, match=r"2001 processes are too many for the vector .* 2000"):
        require_fits("vector", 2001)
    with pytest.raises(ValueError, match=r"51 processes are too many for the matrix .* 50"):
        require_fits("matrix", 51)
    with pytest.raises(ValueError, match="no clock 'sundial'; there are lamport, vector"):
        require_fits("sundial", 2)


def test_a_worker_with_one_clock_does_not_import_the_others() -> None:
    program = (
        "import sys; from driftlab.clocks.catalogue import CLOCKS; CLOCKS['lamport'].clock(0, 2);"
        "print(*sorted(name for name in sys.modules if name.startswith('driftlab.clocks.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == [
        f"driftlab.clocks.{name}" for name in ("catalogue", "clock", "lamport")
    ]


def test_limits_are_inclusive() -> None:
    require_text_length("1" * TEXT_CHARACTERS_MAX)
    with pytest.raises(
        TimestampError, match=r"^a timestamp of 50001 characters; the limit is 50000$"
    ):
        require_text_length("1" * (TEXT_CHARACTERS_MAX + 1))
    assert split_numbers(f"0.{ENTRY_MAX}", 2) == (0, 2**62)
    assert split_numbers(f"-3.{ENTRY_MAX}", 2, lowest=-3) == (-3, 2**62)
    for text, lowest in ((f"0.{ENTRY_MAX + 1}", 0), ("-4.0", -3)):
        with pytest.raises(TimestampError) as caught:
            split_numbers(text, 2, lowest)
        assert str(caught.value) == f"'{text}': numbers must be from {lowest} to {2**62}"
    assert (quote_text("x" * 40), quote_text("x" * 41)) == (f"'{'x' * 40}'", f"'{'x' * 37}...'")
    with pytest.raises(TimestampError, match=r"^'x' is not a timestamp; expected whole numbers"):
        split_numbers("x", 1)
    hybrid = HybridTimestamp.decode
    assert hybrid(f"{-ENTRY_MAX}.0", 0, 1) == (-(2**62), 0, 0)
    assert hybrid(f"{ENTRY_MAX}.{ENTRY_MAX}", 0, 1) == (2**62, 2**62, 0)


def test_the_lamport_clock_is_no_additional_clock() -> None:
    assert additional_clock("lamport", 0, 2) is None
    assert timestamp_decoder("lamport", {"A": 0}, 2) is None
    assert additional_clock("vector", 1, 2) is not None
    decode = timestamp_decoder("hybrid", {"A": 0, "B": 1}, 2)
    assert decode is not None
    assert decode("B", "5.3") == HybridTimestamp(5, 3, 1)
    with pytest.raises(TimestampError, match=r"^a timestamp of C, which is not a process of this"):
        decode("C", "5.3")
