"""Payloads: the JSON values that a process may send or record.

Two processes never share an object: a payload travels as text both in a real
run and in a simulation, so that a receiver gets its own copy. A tuple arrives
as a list.
"""

from typing import Any, Final, NoReturn

PAYLOAD_BYTES_MAX: Final = 16_384  # of JSON text in one message, or on record in one event


class PayloadError(ValueError):
    """A value cannot be written as JSON, or a text is not JSON; the message says why."""


def payload_text(value: Any) -> str:
    """Return a value as canonical JSON text: ASCII, without blanks.

    Raise PayloadError if it is not a JSON value or longer than PAYLOAD_BYTES_MAX.
    """
    import json  # imported here: it is slow to import, and most runs have no payloads

    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"{quote(value)} is not a value of JSON: {error}") from None
    if len(text) > PAYLOAD_BYTES_MAX:
        raise PayloadError(f"{len(text)} bytes of JSON; the limit is {PAYLOAD_BYTES_MAX}")
    return text


def parse_payload(text: str) -> Any:
    """Return the value that a JSON text holds.

    Raise PayloadError if it is not JSON or longer than PAYLOAD_BYTES_MAX.
    """
    if len(text) > PAYLOAD_BYTES_MAX:
        raise PayloadError(f"{len(text)} bytes of JSON; the limit is {PAYLOAD_BYTES_MAX}")
    import json

    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"{quote(text)} is not JSON: {error}") from None


def canonical_payload(text: str) -> str:
    """Return any JSON text in the canonical form of `payload_text`. Raise PayloadError."""
    return payload_text(parse_payload(text))


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def quote(value: Any) -> str:
    """Return any value as a literal on one line, shortened to 60 characters."""
    try:
        text = ascii(value)
    except Exception:  # nested too deep, a number too long, or a __repr__ that raises
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
