"""The bytes of a diagram: what is written is what is read, in both encodings."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from driftlab.api.diagram import columns_of
from driftlab.api.history import History
from driftlab.api.simulate_one import simulated_trace
from driftlab.arrays import AnyArray
from driftlab.diagram.encoding import (
    WHOLE_MAX,
    container,
    container_parts,
    encode,
    header_of,
    leb128,
)
from driftlab.figures.palette import machine_colour
from driftlab.scenario.scenario import Scenario
from tests.containers import decoded

WHOLE = st.integers(-(2**53), 2**53).map(float) | st.just(float("nan"))
COLUMNS = st.one_of(
    arrays.arrays(np.uint8, st.integers(0, 40)),
    arrays.arrays(np.int32, st.integers(0, 40)),
    arrays.arrays(np.float64, st.integers(0, 40), elements=WHOLE),
)


@given(st.dictionaries(st.text(max_size=8), COLUMNS, max_size=5), st.booleans(), st.text())
def test_what_is_written_is_what_is_read(
    columns: dict[str, AnyArray], compact: bool, title: str
) -> None:
    title = title.encode("utf-8", "replace").decode()
    columns = {name.encode("utf-8", "replace").decode(): one for name, one in columns.items()}
    read = decoded(container({"title": title}, columns, compact=compact))
    assert read.header["title"] == title
    assert list(read.columns) == list(columns)
    for name, column in columns.items():
        assert read.columns[name].dtype == column.dtype
        np.testing.assert_array_equal(read.columns[name], column)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_leb128_is_what_the_format_says(numbers: list[int]) -> None:
    expected = bytearray()
    for number in numbers:
        while number > 127:
            expected.append(number & 127 | 128)
            number >>= 7
        expected.append(number)
    assert leb128(np.array(numbers, np.uint64)).tobytes() == bytes(expected)


def test_numbers_beyond_what_differences_can_say_are_cut_to_that() -> None:
    column = np.array([0.0, 2.0**63, -(2.0**63), float("inf"), 7.0])
    read = decoded(container({}, {"clock": column}, compact=True)).columns["clock"]
    assert read.tolist() == [0, WHOLE_MAX, -WHOLE_MAX, WHOLE_MAX, 7]


def test_a_column_of_another_type_is_refused() -> None:
    with pytest.raises(StopIteration):
        container({}, {"clock": np.zeros(3, np.int64)})


def test_parts_are_the_container_and_share_the_columns_memory() -> None:
    column = np.arange(10, dtype=np.int32)
    parts = container_parts({}, {"queue": column})
    assert b"".join(parts) == container({}, {"queue": column})
    shares = [np.shares_memory(np.frombuffer(part, np.uint8), column) for part in parts if part]
    assert any(shares)


def simulated_diagram(**keys: Any) -> History:
    scenario = Scenario(rates=[6, 3, 1], seconds=20, seed=3, **keys)
    return History(simulated_trace(scenario, 1)[0])


@pytest.mark.parametrize("compact", [False, True])
def test_the_header_says_what_the_diagram_is(compact: bool) -> None:
    history = simulated_diagram(topology="A-B,B-C")
    diagram = columns_of(history, "ein Titel „mit“ <b>")
    read = decoded(encode(diagram, compact=compact))
    header = read.header
    assert (header["title"], header["events"]) == (diagram.title, len(history))
    assert header["messages"] == len(read.columns["m_send"])
    assert [lane["name"] for lane in header["lanes"]] == ["A", "B", "C"]
    assert [lane["colour"] for lane in header["lanes"]] == [machine_colour(i) for i in range(3)]
    assert [lane["rate"] for lane in header["lanes"]] == [6, 3, 1]
    assert [lane["start"] for lane in header["lanes"]] == history.trace.starts[:-1].tolist()
    assert header["peers"] == [[1], [0, 2], [1]]
    assert header["has"] == {
        "time": True, "own": False, "clock": True, "queue": True, "late": False, "found": True,
        "real_time": False,
    }  # fmt: skip
    assert header["command"].startswith("driftlab simulate --rates 6,3,1")
    assert Scenario.from_toml(header["scenario"]).seed == 3
    for name, column in diagram.columns.items():
        np.testing.assert_array_equal(read.columns[name], column)


def test_a_million_events_take_few_bytes_each() -> None:
    diagram = columns_of(simulated_diagram(), "")
    header = len(container(header_of(diagram), {}))
    size = len(encode(diagram, compact=True)) - header
    assert size < 16 * diagram.events  # before it is deflated
