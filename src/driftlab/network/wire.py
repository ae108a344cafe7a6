"""The wire, sans-I/O: bytes in, frames out; and the two sentences that frames carry.

A frame is a 4-byte big-endian length and that many bytes of UTF-8. The first
frame of a connection introduces the dialling machine: `Iam <name> <run id>`.
Every later one is a message: `Hello <target(s)> <logical clock>`, as in
`Hello B 17` or `Hello B,C 17`. A run that keeps a further clock adds its
timestamp, as in `Hello B 17 3.9.17`; a message with something in it adds that
as JSON, as in `Hello B 17 - {"token":1}`. `docs/wire.md` is the same for readers.

Law: every way of cutting a byte stream gives the same frames, and the same
reason at the same place where the stream is broken.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

FRAME_BYTES_MAX: Final = 65_536  # of UTF-8 in one frame, its length not counted
STAMP_MAX: Final = 2**62  # half of what 64 bits hold: room to count on from it
_LENGTH_BYTES: Final = 4

TOKEN_CHARACTERS_MAX: Final = 64  # of a name or a run id

_TOKEN = rf"[A-Za-z0-9_-]{{1,{TOKEN_CHARACTERS_MAX}}}"
_TARGETS = re.compile(rf"{_TOKEN}(?:,{_TOKEN})*", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9.;/-]+", re.ASCII)
_ABSENT: Final = "-"
_STAMP_DIGITS_MAX: Final = 19
_IAM = re.compile(rf"Iam ({_TOKEN}) ({_TOKEN})", re.ASCII)


class WireError(Exception):
    """What a peer wrote is not of this wire; the message is the reason to be recorded."""


class Hello(NamedTuple):
    """A message on the wire: its targets, the sender's logical clock, and what is added.

    `timestamp` is that of the run's further clock as text, `payload` a text of
    JSON, neither looked into; None where there is none.
    """

    targets: tuple[str, ...]
    stamp: int
    timestamp: str | None = None
    payload: str | None = None


class Iam(NamedTuple):
    """An introduction on the wire: who dials, and for which run."""

    name: str
    run_id: str


class FrameDecoder:
    """Cuts a stream of bytes into frames.

    After a bad frame `broken` holds the reason, nothing more is decoded, and
    the frames before it have been returned.
    """

    def __init__(self) -> None:
        self.broken: str | None = None
        self._rest = b""

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> list[str]:
        """Take in the next bytes and return the texts of the frames they complete."""
        if self.broken is not None:
            return []
        stream = self._rest + chunk if self._rest else chunk
        frames: list[str] = []
        at, end = 0, len(stream)
        try:
            while end - at >= _LENGTH_BYTES:
                length = int.from_bytes(stream[at : at + _LENGTH_BYTES], "big")
                if length > FRAME_BYTES_MAX:
                    raise WireError(f"a frame of {length} bytes; the limit is {FRAME_BYTES_MAX}")
                stop = at + _LENGTH_BYTES + length
                if stop > end:
                    break
                frames.append(_decode_utf8(stream[at + _LENGTH_BYTES : stop]))
                at = stop
        except WireError as error:
            self.broken = str(error)
            self._rest = b""
            return frames
        self._rest = stream[at:]
        return frames


def frame(text: str) -> bytes:
    """Return `text` as one frame. Raises ValueError over FRAME_BYTES_MAX."""
    payload = text.encode()
    if len(payload) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(payload)} bytes; the limit is {FRAME_BYTES_MAX}")
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


def hello(
    targets: tuple[str, ...], stamp: int, timestamp: str | None = None, payload: str | None = None
) -> bytes:
    """Return the frame of a message. Raises ValueError over FRAME_BYTES_MAX."""
    text = f"Hello {','.join(targets)} {stamp}"
    if timestamp is not None or payload is not None:
        text += f" {_ABSENT if timestamp is None else timestamp}"
    return frame(text if payload is None else f"{text} {payload}")


def iam(name: str, run_id: str) -> bytes:
    """Return the frame of an introduction."""
    return frame(f"Iam {name} {run_id}")


def parse_hello(text: str) -> Hello:
    """Read a message. Raises WireError."""
    hello, _, rest = text.partition(" ")
    names, _, rest = rest.partition(" ")
    digits, has_more, rest = rest.partition(" ")
    targets = _parse_targets(names)
    if hello != "Hello" or not targets or not _is_number(digits):
        raise WireError(f"{_quote(text)} is not a message; expected 'Hello <target(s)> <clock>'")
    stamp = int(digits)
    if stamp > STAMP_MAX:
        raise WireError(f"a clock of {stamp}; the limit is {STAMP_MAX}")
    return _parse_extensions(targets, stamp, text, rest) if has_more else Hello(targets, stamp)


def _parse_extensions(targets: tuple[str, ...], stamp: int, text: str, rest: str) -> Hello:
    """Read what stands after the notes' fields: a timestamp or `-`, and perhaps a payload."""
    timestamp, has_payload, payload = rest.partition(" ")
    if not _TIMESTAMP.fullmatch(timestamp) or (timestamp == _ABSENT and not has_payload):
        raise WireError(f"{_quote(text)} is not a message; after the clock comes a timestamp or -")
    return Hello(
        targets,
        stamp,
        None if timestamp == _ABSENT else timestamp,
        payload if has_payload else None,
    )


@lru_cache(maxsize=1024)
def _parse_targets(names: str) -> tuple[str, ...]:
    """Part the names of targets; none if they are not well formed. Few ever differ in a run."""
    return tuple(names.split(",")) if _TARGETS.fullmatch(names) else ()


def _is_number(digits: str) -> bool:
    """Whether these are decimal digits without a leading zero, not too many to be a clock."""
    plain = digits.isdigit() and digits.isascii() and len(digits) <= _STAMP_DIGITS_MAX
    return plain and (digits[0] != "0" or digits == "0")


def parse_iam(text: str) -> Iam:
    """Read an introduction. Raises WireError."""
    match = _IAM.fullmatch(text)
    if match is None:
        raise WireError(f"{_quote(text)} is no introduction; expected 'Iam <name> <run id>'")
    return Iam(match[1], match[2])


def is_token(text: str) -> bool:
    """Whether `text` can stand as a name or a run id on the wire."""
    return re.fullmatch(_TOKEN, text, re.ASCII) is not None


def _decode_utf8(payload: bytes) -> str:
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"a frame that is not UTF-8: byte {error.start} of it") from None


def _quote(text: str) -> str:
    """Show what came, short and on one line."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")
