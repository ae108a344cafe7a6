"""Payloads: JSON values and nothing else, within their limit; and counts and lists in messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.errors import NAMES_LISTED_MAX, counted, name_list
from driftlab.model.event import (
    PAYLOAD_BYTES_MAX,
    PayloadError,
    canonical_payload,
    parse_payload,
    payload_text,
    quote,
)

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(values)
def test_a_value_survives_its_text_which_is_canonical(value: object) -> None:
    text = payload_text(value)
    assert parse_payload(text) == value
    assert canonical_payload(f" {text}\n") == text
    assert text.isascii()


def test_a_text_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    largest = "x" * (PAYLOAD_BYTES_MAX - 2)
    assert parse_payload(payload_text(largest)) == largest
    reason = "^16385 bytes of JSON; the limit is 16384$"
    with pytest.raises(PayloadError, match=reason):
        payload_text(largest + "x")
    with pytest.raises(PayloadError, match=reason):
        parse_payload(f'"{largest}x"')


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "", "{", "1 2", "[" * 9000])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(PayloadError, match="is not JSON: "):
        parse_payload(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), b"x"])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(PayloadError, match="is not a value of JSON: "):
        payload_text(value)


class Unshowable:
    def __repr__(self) -> str:
        raise ValueError


def test_a_quoted_value_is_short_and_on_one_line() -> None:
    assert quote("x" * 58) == f"'{'x' * 58}'"
    assert quote("x" * 59) == f"'{'x' * 56}..."
    assert len(quote("x" * 59)) == 60
    assert quote("a\nb") == r"'a\nb'"
    assert quote(Unshowable()) == "a Unshowable"


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [counted(count, "message") for count in (0, 1, 2)] == [
        "0 messages", "1 message", "2 messages",
    ]  # fmt: skip
    assert [counted(count, "process") for count in (1, 2)] == ["1 process", "2 processes"]


def test_a_list_of_names_is_shortened_beyond_its_limit() -> None:
    names = [str(number) for number in range(NAMES_LISTED_MAX + 1)]
    assert name_list(names[:-1]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
    assert name_list(names) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … (13 in all)"
    assert name_list([]) == ""
