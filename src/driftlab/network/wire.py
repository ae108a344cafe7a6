"""The wire protocol without I/O: bytes to frames, and the two kinds of text that frames carry.

A frame is a 4-byte big-endian length and that many bytes of UTF-8. The first
frame of a connection is the handshake, which introduces the dialling machine:
`Iam <name> <run id>`.
Every later frame is a message: `Hello <target(s)> <logical clock>`, as in
`Hello B 17` or `Hello B,C 17`. A run with an additional clock appends its
timestamp, as in `Hello B 17 3.9.17`; a message with a payload appends that as
JSON, as in `Hello B 17 - {"token":1}`. `docs/wire.md` specifies all of it.

Invariant: the frames, and the reason and place at which a stream is broken, do
not depend on how the stream is cut into pieces.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from driftlab.clocks.clock import quote_text

FRAME_BYTES_MAX: Final = 65_536  # of UTF-8 in one frame, without the 4 bytes of its length
STAMP_MAX: Final = 2**62  # half of the 64-bit range, which leaves room to go on counting
_LENGTH_BYTES: Final = 4

TOKEN_CHARACTERS_MAX: Final = 64  # of a name or a run id

_TOKEN = rf"[A-Za-z0-9_-]{{1,{TOKEN_CHARACTERS_MAX}}}"
_TARGETS = re.compile(rf"{_TOKEN}(?:,{_TOKEN})*", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9.;/-]+", re.ASCII)
_ABSENT: Final = "-"
_STAMP_DIGITS_MAX: Final = 19
_CACHED_CHARACTERS_MAX: Final = 2_048  # a cache of the longest targets would take gigabytes
_IAM = re.compile(rf"Iam ({_TOKEN}) ({_TOKEN})", re.ASCII)


_new = tuple.__new__  # takes half the time of the generated constructor

OpenFrame = Callable[[bytes], bytes]


class WireError(Exception):
    """What a peer wrote violates the protocol; the message says how."""


class Hello(NamedTuple):
    """A message on the wire.

    targets: the names of all its targets.
    stamp: the sender's Lamport clock.
    timestamp: the text of the additional clock's timestamp, not yet decoded,
        None if there is none.
    payload: JSON text, not yet parsed, None if there is none.
    """

    targets: tuple[str, ...]
    stamp: int
    timestamp: str | None = None
    payload: str | None = None


class FrameDecoder:
    """Decodes a stream of bytes, fed in pieces, into frames.

    After an invalid frame `broken` holds the reason. The frames before it have
    been returned; nothing after it is decoded.
    """

    def __init__(self) -> None:
        self.broken: str | None = None
        self._pending = b""
        self._open: OpenFrame | None = None
        self._frame_bytes_max = FRAME_BYTES_MAX

    def open_with(self, open_frame: OpenFrame, frame_bytes_max: int) -> None:
        """Have each frame from here on opened: its tag verified and taken off.

        open_frame: returns the text of a frame; raises WireError. frame_bytes_max: of
        a frame with its tag.
        """
        self._open = open_frame
        self._frame_bytes_max = frame_bytes_max

    @property
    def pending_bytes(self) -> int:
        """The number of bytes of the unfinished frame."""
        return len(self._pending)

    def feed(self, chunk: bytes) -> list[str]:
        """Return the texts of the frames that the next bytes complete."""
        if self.broken is not None:
            return []
        stream = self._pending + chunk if self._pending else chunk
        frames: list[str] = []
        start, end = 0, len(stream)
        try:
            while end - start >= _LENGTH_BYTES:
                length = int.from_bytes(stream[start : start + _LENGTH_BYTES], "big")
                if length > self._frame_bytes_max:
                    raise WireError(
                        f"a frame of {length} bytes; the limit is {self._frame_bytes_max}"
                    )
                stop = start + _LENGTH_BYTES + length
                if stop > end:
                    break
                text = stream[start + _LENGTH_BYTES : stop]
                frames.append(_decode_utf8(text if self._open is None else self._open(text)))
                start = stop
        except WireError as error:
            self.broken = str(error)
            self._pending = b""
            return frames
        self._pending = stream[start:]
        return frames


def frame(text: str) -> bytes:
    """Return `text` as one frame. Raise ValueError if it exceeds FRAME_BYTES_MAX."""
    payload = text.encode()
    if len(payload) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(payload)} bytes; the limit is {FRAME_BYTES_MAX}")
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


def hello(
    targets: tuple[str, ...], stamp: int, timestamp: str | None = None, payload: str | None = None
) -> bytes:
    """Return the frame of a message.

    Args: the names of its targets, the sender's Lamport clock, the text of the
    additional clock's timestamp and the JSON text of the payload, None for none.
    Raise ValueError if the frame exceeds FRAME_BYTES_MAX.
    """
    text = f"Hello {','.join(targets)} {stamp}"
    if timestamp is not None or payload is not None:
        text += f" {_ABSENT if timestamp is None else timestamp}"
    return frame(text if payload is None else f"{text} {payload}")


def iam(name: str, run_id: str) -> bytes:
    """Return the frame of an introduction: the own name, and the id of the run."""
    return frame(f"Iam {name} {run_id}")


def parse_hello(text: str) -> Hello:
    """Return the message that a frame carries. Raise WireError if it is malformed."""
    hello, _, rest = text.partition(" ")
    names, _, rest = rest.partition(" ")
    digits, has_extensions, rest = rest.partition(" ")
    is_cached = len(names) <= _CACHED_CHARACTERS_MAX
    targets = _cached_targets(names) if is_cached else _parse_targets(names)
    if hello != "Hello" or not targets or not _is_number(digits):
        raise WireError(
            f"{quote_text(text)} is not a message; expected 'Hello <target(s)> <clock>'"
        )
    stamp = int(digits)
    if stamp > STAMP_MAX:
        raise WireError(f"a clock of {stamp}; the limit is {STAMP_MAX}")
    if not has_extensions:
        return _new(Hello, (targets, stamp, None, None))
    return _parse_extensions(targets, stamp, text, rest)


def _parse_extensions(targets: tuple[str, ...], stamp: int, text: str, rest: str) -> Hello:
    """Return the message with what follows its clock: a timestamp or `-`, and maybe a payload."""
    timestamp, has_payload, payload = rest.partition(" ")
    if not _TIMESTAMP.fullmatch(timestamp) or (timestamp == _ABSENT and not has_payload):
        raise WireError(
            f"{quote_text(text)} is not a message; after the clock comes a timestamp or -"
        )
    return Hello(
        targets,
        stamp,
        None if timestamp == _ABSENT else timestamp,
        payload if has_payload else None,
    )


def _parse_targets(names: str) -> tuple[str, ...]:
    """Return the names of targets, none if malformed."""
    return tuple(names.split(",")) if _TARGETS.fullmatch(names) else ()


_cached_targets = lru_cache(maxsize=1024)(_parse_targets)  # a run has few different texts


def _is_number(digits: str) -> bool:
    """Whether a text is a decimal number without leading zeros, short enough for a clock."""
    is_short = digits.isdigit() and digits.isascii() and len(digits) <= _STAMP_DIGITS_MAX
    return is_short and (digits[0] != "0" or digits == "0")


def parse_iam(text: str) -> tuple[str, str]:
    """Return who introduces itself and of which run, by a frame. Raise WireError if malformed."""
    match = _IAM.fullmatch(text)
    if match is None:
        raise WireError(
            f"{quote_text(text)} is not an introduction; expected 'Iam <name> <run id>'"
        )
    return match[1], match[2]


def is_token(text: str) -> bool:
    """Whether `text` is valid as a name or a run id on the wire."""
    return re.fullmatch(_TOKEN, text, re.ASCII) is not None


def _decode_utf8(payload: bytes) -> str:
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"a frame that is not UTF-8, at byte {error.start}") from None
