from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.network import wire

texts = st.text(max_size=60)
tokens = st.text("ABCXYZabc019_-", min_size=1, max_size=8)
stamps = st.integers(0, wire.STAMP_MAX)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Cut a stream at some places, which may be equal: empty pieces are legal."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


def decoded(pieces: list[bytes]) -> tuple[list[str], str | None, int]:
    decoder = wire.FrameDecoder()
    frames = [text for piece in pieces for text in decoder.feed(piece)]
    return frames, decoder.broken, decoder.pending_bytes


@given(st.lists(texts), st.lists(st.integers(0)))
def test_frames_survive_any_cut(frames: list[str], places: list[int]) -> None:
    stream = b"".join(wire.frame(text) for text in frames)
    assert decoded(cut(stream, places)) == (frames, None, 0)


@given(st.lists(texts), st.lists(st.integers(0)))
def test_frames_survive_byte_by_byte(frames: list[str], places: list[int]) -> None:
    stream = b"".join(wire.frame(text) for text in frames)
    assert decoded([bytes([byte]) for byte in stream]) == (frames, None, 0)


@given(st.binary(max_size=200), st.lists(st.integers(0)))
def test_any_bytes_give_the_same_frames_and_the_same_end_under_any_cut(
    stream: bytes, places: list[int]
) -> None:
    assert decoded(cut(stream, places)) == decoded([stream])


@given(st.lists(texts, max_size=3), st.lists(st.integers(0)), st.binary(max_size=20))
def test_a_broken_stream_gives_the_frames_before_the_break_under_any_cut(
    frames: list[str], places: list[int], rest: bytes
) -> None:
    stream = b"".join(wire.frame(text) for text in frames) + b"\xff\xff\xff\xff" + rest
    assert decoded(cut(stream, places)) == (
        frames,
        f"a frame of {2**32 - 1} bytes; the limit is {wire.FRAME_BYTES_MAX}",
        0,
    )


@given(st.lists(texts, min_size=1), st.integers(1))
def test_nothing_of_an_unfinished_frame_is_returned(frames: list[str], missing: int) -> None:
    last = wire.frame(frames[-1])
    kept = last[: -(missing % len(last)) or None]
    stream = b"".join(wire.frame(text) for text in frames[:-1]) + kept
    complete = frames if kept == last else frames[:-1]
    assert decoded([stream]) == (complete, None, 0 if kept == last else len(kept))


def test_a_frame_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    text = "x" * wire.FRAME_BYTES_MAX
    assert decoded([wire.frame(text)]) == ([text], None, 0)
    over = (wire.FRAME_BYTES_MAX + 1).to_bytes(4, "big") + text.encode() + b"x"
    assert decoded([over])[1] is not None
    with pytest.raises(ValueError, match="65537"):
        wire.frame(text + "x")


def test_the_limit_counts_bytes_not_characters() -> None:
    with pytest.raises(ValueError, match="131072"):
        wire.frame("é" * wire.FRAME_BYTES_MAX)


def test_bytes_that_are_not_utf8_break_the_stream() -> None:
    frames, broken, _ = decoded([wire.frame("Hello B 1") + b"\0\0\0\2\xc3\x28"])
    assert frames == ["Hello B 1"]
    assert broken == "a frame that is not UTF-8, at byte 0"


@given(st.lists(tokens, min_size=1, max_size=5), stamps)
def test_a_message_survives_the_wire(targets: list[str], stamp: int) -> None:
    (text,) = wire.FrameDecoder().feed(wire.hello(tuple(targets), stamp))
    assert wire.parse_hello(text) == wire.Hello(tuple(targets), stamp)
    assert text == f"Hello {','.join(targets)} {stamp}"


@given(
    tokens, stamps, st.none() | st.from_regex(r"[0-9.;/]{1,30}", fullmatch=True),
    st.none() | st.text(min_size=1, max_size=40),
)  # fmt: skip
def test_timestamps_and_payloads_survive_the_wire(
    target: str, stamp: int, timestamp: str | None, payload: str | None
) -> None:
    (text,) = wire.FrameDecoder().feed(wire.hello((target,), stamp, timestamp, payload))
    assert wire.parse_hello(text) == wire.Hello((target,), stamp, timestamp, payload)
    if timestamp is None and payload is None:
        assert text == f"Hello {target} {stamp}"


@pytest.mark.parametrize("more", [" ", " -", " x", "  1", " 1,2"])
def test_after_the_clock_comes_a_timestamp_or_a_payload(more: str) -> None:
    with pytest.raises(wire.WireError, match="is not a message"):
        wire.parse_hello(f"Hello B 1{more}")


@given(tokens, tokens)
def test_an_introduction_survives_the_wire(name: str, run_id: str) -> None:
    (text,) = wire.FrameDecoder().feed(wire.iam(name, run_id))
    assert wire.parse_iam(text) == (name, run_id)


@pytest.mark.parametrize(
    "text",
    [
        "", "Hello", "Hello B", "Hello  17", "Hello B 17 ", " Hello B 17", "hello B 17",
        "Hello B -1", "Hello B 1.5", "Hello B 017", "Hello B,, 17", "Hello ,B 17", "Hello B, 17",
        "Hello B 17\n", "Hello B ١٧", "Hello B 1e3", "Iam B x", "Hello B\t17",  # noqa: RUF001 - Arabic digits, on purpose
        f"Hello B {2**63}", "Hello B 99999999999999999999", "Hello É 3", "Hello B C 3",
    ],
)  # fmt: skip
def test_bad_grammar_is_no_message(text: str) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_hello(text)


@pytest.mark.parametrize(
    "text", ["", "Iam", "Iam A", "Iam A ", "Iam A b c", "iam A b", "Hello A 1", "Iam A,B c"]
)
def test_bad_grammar_is_no_introduction(text: str) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_iam(text)


def test_a_reason_is_short_and_on_one_line() -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.parse_hello("Hello\n" + "x" * 1000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_a_clock_of_exactly_the_limit_passes_and_one_more_does_not() -> None:
    assert wire.parse_hello(f"Hello B {wire.STAMP_MAX}").stamp == 2**62
    assert wire.parse_hello("Hello B 0").stamp == 0
    with pytest.raises(wire.WireError) as caught:
        wire.parse_hello(f"Hello B {wire.STAMP_MAX + 1}")
    assert str(caught.value) == f"a clock of {2**62 + 1}; the limit is {2**62}"


def test_a_clock_of_more_than_nineteen_digits_is_no_number() -> None:
    with pytest.raises(wire.WireError, match=r"^a clock of 9{19}; the limit"):
        wire.parse_hello(f"Hello B {'9' * 19}")
    with pytest.raises(wire.WireError, match="is not a message; expected"):
        wire.parse_hello(f"Hello B {'9' * 20}")


def test_a_name_of_exactly_the_limit_passes_and_one_character_more_does_not() -> None:
    longest = "x" * wire.TOKEN_CHARACTERS_MAX
    assert len(longest) == 64
    assert wire.is_token(longest)
    assert wire.parse_iam(f"Iam {longest} {longest}") == (longest, longest)
    assert wire.parse_hello(f"Hello {longest},{longest} 1").targets == (longest, longest)
    for too_long in (longest + "x", ""):
        assert not wire.is_token(too_long)
        with pytest.raises(wire.WireError):
            wire.parse_iam(f"Iam {too_long} x")
        with pytest.raises(wire.WireError):
            wire.parse_iam(f"Iam x {too_long}")
        with pytest.raises(wire.WireError):
            wire.parse_hello(f"Hello {too_long} 1")


@pytest.mark.parametrize("token", ["\n", "x\n", "é", "a,b", "a b", "a.b"])
def test_a_token_has_only_the_characters_of_the_protocol(token: str) -> None:
    assert not wire.is_token(token)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("x" * 40, f"'{'x' * 40}'"), ("x" * 41, f"'{'x' * 37}...'"), ("\n", r"'\n'")],
)
def test_a_reason_shows_up_to_forty_characters(text: str, shown: str) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.parse_iam(text)
    assert str(caught.value) == (f"{shown} is not an introduction; expected 'Iam <name> <run id>'")


def test_every_reason_says_what_was_expected() -> None:
    for text, expected in (
        ("Goodbye", "'Goodbye' is not a message; expected 'Hello <target(s)> <clock>'"),
        ("Hello B 1 -", "'Hello B 1 -' is not a message; after the clock comes a timestamp or -"),
        ("Hello B 1 x", "'Hello B 1 x' is not a message; after the clock comes a timestamp or -"),
    ):
        with pytest.raises(wire.WireError) as caught:
            wire.parse_hello(text)
        assert str(caught.value) == expected


def test_an_empty_payload_is_a_payload() -> None:
    assert wire.parse_hello("Hello B 1 - ") == wire.Hello(("B",), 1, None, "")
    assert wire.parse_hello("Hello B 1 3.0 ") == wire.Hello(("B",), 1, "3.0", "")


def test_after_a_break_nothing_is_decoded() -> None:
    decoder = wire.FrameDecoder()
    assert decoder.feed(b"\0\1\0\1") == []
    assert decoder.broken == "a frame of 65537 bytes; the limit is 65536"
    assert decoder.feed(wire.frame("Hello B 1")) == []
    assert decoder.pending_bytes == 0


def test_a_length_is_not_judged_before_all_its_bytes_have_come() -> None:
    pieces = [wire.frame("Hello B 1") + b"\xff\xff\xff", b"\xff"]
    reason = f"a frame of {2**32 - 1} bytes; the limit is 65536"
    assert decoded(pieces[:1]) == (["Hello B 1"], None, 3)
    assert decoded(pieces) == (["Hello B 1"], reason, 0)
    for size in range(4):
        assert decoded([b"\0\0\0\1x"[:size]]) == ([], None, size)
    assert decoded([b"\0\0\0\0"]) == ([""], None, 0)
