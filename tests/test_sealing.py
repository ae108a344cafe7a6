"""Connections of a run with a key: only its holders join, and every changed frame is refused."""

import random
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pytest

from driftlab.network import wire
from driftlab.network.handshake import Handshakes
from driftlab.network.sealing import (
    TAG_BYTES,
    ChannelNames,
    KeyedHandshakes,
    Opener,
    Sealer,
    SealError,
    channel_keys,
    sealed_iam,
)

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
RUN = "run-7"
NAMES = ChannelNames("B", "A", RUN)


def nonces() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{number:032x}"


def handshakes(name: str, key: bytes = KEY, run_id: str = RUN, first: int = 0) -> KeyedHandshakes:
    numbers = nonces()
    for _ in range(first):
        next(numbers)
    return KeyedHandshakes(name, run_id, key, 1, lambda: next(numbers))


def text_of(frame: bytes) -> str:
    (text,) = wire.FrameDecoder().feed(frame)
    return text


def shake_hands(dialler: KeyedHandshakes, acceptor: KeyedHandshakes) -> tuple[Sealer, Opener]:
    one, other = dialler.dial("A"), acceptor.accept()
    introduction = other.introduce(text_of(one.hear(text_of(other.greeting))))
    assert introduction.name == "B"
    assert one.hear(text_of(introduction.answer)) == b""
    assert one.is_open
    keys = channel_keys(KEY, NAMES, f"{1:032x}", f"{101:032x}")
    assert introduction.open_frame is not None
    return Sealer(keys), Opener(keys)


def test_holders_of_the_key_prove_themselves_in_both_directions() -> None:
    one, other = handshakes("B", first=100).dial("A"), handshakes("A").accept()
    assert not one.is_open
    introduction = other.introduce(text_of(one.hear(text_of(other.greeting))))
    assert (introduction.name, introduction.incarnation) == ("B", 1)
    one.hear(text_of(introduction.answer))
    sealed = one.seal(wire.hello(("A",), 17))
    assert introduction.open_frame is not None
    assert introduction.open_frame(sealed[4:]) == b"Hello A 17"


def test_the_example_of_the_docs_is_what_a_bare_blake2b_makes() -> None:
    """`docs/wire.md` shows these steps for a machine in another language."""
    bound = f"{1:032x} {101:032x} B A {RUN}"
    key = blake2b(f"driftlab 1 dialler {bound}".encode(), key=KEY, digest_size=32).digest()
    text = f"Iam B {RUN} {101:032x} 1"
    tag = blake2b(bytes(8) + text.encode(), key=key, digest_size=16).hexdigest()
    one, other = handshakes("B", first=100).dial("A"), handshakes("A").accept()
    assert text_of(other.greeting) == f"Nonce {1:032x}"
    assert text_of(one.hear(text_of(other.greeting))) == f"{text} {tag}"
    answer = blake2b(f"driftlab 1 acceptor {bound}".encode(), key=KEY, digest_size=32).digest()
    proof = blake2b(bytes(8), key=answer, digest_size=16).hexdigest()
    assert text_of(other.introduce(f"{text} {tag}").answer) == f"Proof {proof}"
    assert one.hear(f"Proof {proof}") == b""
    page = (Path(__file__).parents[1] / "docs" / "wire.md").read_text()
    assert {f"`{key.hex()}`", f"`{text} {tag}`", f"`Proof {proof}`"} <= set(
        re.findall("`[^`\n]*`", page)
    )
    hello = b"Hello A 17"
    tag = blake2b((1).to_bytes(8, "big") + hello, key=key, digest_size=16).hexdigest()
    sealed = one.seal(wire.hello(("A",), 17))
    assert sealed == (26).to_bytes(4, "big") + hello + bytes.fromhex(tag)
    assert one.seal(wire.hello(("A",), 17)) != sealed  # the next has another number
    assert sealed.hex(" ") in page


@pytest.mark.parametrize(
    ("acceptor", "dialler", "reason"),
    [
        (handshakes("A"), handshakes("B", OTHER_KEY, first=9), "B does not prove that it has"),
        (handshakes("C"), handshakes("B", first=9), "B does not prove that it has"),
        (handshakes("A"), handshakes("B", run_id="run-8", first=9), "B is of run run-8, this is"),
    ],
    ids=["another key", "meant for another machine", "another run"],
)
def test_who_has_another_key_target_or_run_may_not_join(
    acceptor: KeyedHandshakes, dialler: KeyedHandshakes, reason: str
) -> None:
    one, other = dialler.dial("A"), acceptor.accept()
    with pytest.raises(wire.WireError, match=f"^{reason}"):
        other.introduce(text_of(one.hear(text_of(other.greeting))))


def test_a_recorded_introduction_does_not_open_another_connection() -> None:
    acceptor = handshakes("A")
    recorded = text_of(handshakes("B", first=9).dial("A").hear(text_of(acceptor.accept().greeting)))
    with pytest.raises(SealError, match="does not prove"):
        acceptor.accept().introduce(recorded)


def test_an_acceptor_without_the_key_is_found_out() -> None:
    one, other = handshakes("B", first=9).dial("A"), handshakes("A", OTHER_KEY).accept()
    one.hear(text_of(other.greeting))
    with pytest.raises(SealError, match="the peer does not prove"):
        one.hear(f"Proof {0:032x}")
    assert not one.is_open


def test_a_challenge_that_repeats_the_own_nonce_is_refused() -> None:
    """It would let an acceptor answer with what the dialling machine itself proves."""
    with pytest.raises(SealError, match="repeats"):
        handshakes("B").dial("A").hear(f"Nonce {1:032x}")


def test_an_introduction_that_repeats_its_challenge_is_refused_and_a_second_challenge_is_not() -> (
    None
):
    """Nonces of both sides make the keys: who hears one challenge twice makes other keys."""
    acceptor, dialler = handshakes("A"), handshakes("B", first=100)
    challenge = text_of(acceptor.accept().greeting)
    names = ChannelNames("B", "A", RUN)
    nonce = challenge.split(" ")[1]
    echoed = sealed_iam(channel_keys(KEY, names, nonce, nonce), names, nonce, 1)
    again = handshakes("A").accept()
    assert text_of(again.greeting) == challenge
    with pytest.raises(SealError, match="repeats"):
        again.introduce(text_of(echoed))
    assert dialler.dial("A").hear(challenge) != dialler.dial("A").hear(challenge)


@pytest.mark.parametrize(
    "text",
    [
        "Iam B run-7", "", "Iam", f"Iam B run-7 {1:032x} 1 ", f"Iam B run-7 {1:032x} 01 {0:032x}",
        f"Iam B run-7 {1:031x} 1 {0:032x}", f"Iam B run-7 {1:032x} 1 {0:031x}x",
        f"Iam B, run-7 {1:032x} 1 {0:032x}", f"Iam B run-7 {1:032x} {10**19} {0:032x}",
        f"Iam B run-7 {1:032x} 1 {0:032x} ",
    ],
)  # fmt: skip
def test_an_introduction_without_a_proof_is_refused(text: str) -> None:
    with pytest.raises(wire.WireError, match="without a proof"):
        handshakes("A").accept().introduce(text)


@pytest.mark.parametrize("text", ["", "Nonce", "Iam A run-7", f"Nonce {0:031x}", f"Nonce {0:033x}"])
def test_what_is_no_challenge_is_refused(text: str) -> None:
    with pytest.raises(wire.WireError, match="no challenge"):
        handshakes("B").dial("A").hear(text)


FRAMES = [wire.hello(("A",), stamp) for stamp in (1, 2, 3, 10**18)]


def opened(sealed: list[bytes]) -> tuple[list[str], str | None]:
    """Return what a new acceptor reads of sealed frames, and why it stopped."""
    decoder = wire.FrameDecoder()
    keys = channel_keys(KEY, NAMES, "a", "b")
    decoder.open_with(Opener(keys).open, wire.FRAME_BYTES_MAX + TAG_BYTES)
    return decoder.feed(b"".join(sealed)), decoder.broken


def sealed_frames(acceptor_nonce: str = "a") -> list[bytes]:
    sealer = Sealer(channel_keys(KEY, NAMES, acceptor_nonce, "b"))
    return [sealer.seal(frame) for frame in FRAMES]


def test_frames_in_order_are_opened_and_any_other_sequence_breaks_at_its_first_wrong_frame() -> (
    None
):
    right, elsewhere = sealed_frames(), sealed_frames("c")
    texts = [text_of(frame) for frame in FRAMES]
    assert opened(right) == (texts, None)
    first, second, third, last = right
    for wrong, at in (
        ([first, first, second], 1),  # doubled
        ([first, third], 1),  # left out
        ([second, first], 0),  # out of order
        ([first, elsewhere[1]], 1),  # of another connection
        ([first, second[:-1] + bytes([second[-1] ^ 1])], 1),  # its tag changed
        ([first, second[:4] + b"J" + second[5:]], 1),  # its text changed
        ([first, FRAMES[1]], 1),  # without a tag
        ([first, (5).to_bytes(4, "big") + b"12345"], 1),  # shorter than a tag
        ([first, second, third[:3] + bytes([third[3] - 1]) + third[4:-1], last], 2),  # cut
    ):
        found, broken = opened(wrong)
        assert found == texts[:at]
        assert broken == f"frame {at + 1} of the connection has a wrong tag"


def test_no_random_change_of_a_sealed_stream_is_taken_for_a_message() -> None:
    draw = random.Random(3)
    stream = b"".join(sealed_frames())
    texts = [text_of(frame) for frame in FRAMES]
    for _ in range(3_000):
        changed = bytearray(stream)
        at = draw.randrange(len(stream))
        change = draw.randrange(3)
        if change == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif change == 1:
            del changed[at : at + draw.randrange(1, 40)]
        else:
            changed[at:at] = draw.randbytes(draw.randrange(1, 40))
        found, _ = opened([bytes(changed)])
        assert found == texts[: len(found)]
        assert len(found) < len(texts) or changed[: len(stream)] == stream


def test_the_largest_frame_can_be_sealed_and_one_byte_more_is_refused() -> None:
    sealer = Sealer(channel_keys(KEY, NAMES, "a", "b"))
    largest = wire.frame("x" * wire.FRAME_BYTES_MAX)
    assert opened([sealer.seal(largest)]) == (["x" * wire.FRAME_BYTES_MAX], None)
    too_long = (wire.FRAME_BYTES_MAX + TAG_BYTES + 1).to_bytes(4, "big")
    assert opened([too_long])[1] == "a frame of 65553 bytes; the limit is 65552"


def test_a_plain_connection_stays_what_it_was_byte_for_byte() -> None:
    plain = Handshakes("B", RUN)
    assert plain.dial("A").greeting == wire.iam("B", RUN)
    assert plain.accept().greeting == b""
    assert plain.dial("A").seal(FRAMES[0]) == FRAMES[0]
    introduction = plain.accept().introduce(f"Iam B {RUN}")
    assert (introduction.name, introduction.incarnation) == ("B", 0)
    assert (introduction.answer, introduction.open_frame) == (b"", None)
