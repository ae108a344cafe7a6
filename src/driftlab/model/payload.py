"""What a process may put into a message or on record: a value of JSON, and no other.

A payload is a value, not an object that two processes share: it travels as
text in both worlds, so a receiver gets a copy of its own, and a tuple arrives
as the list that JSON knows.
"""

from typing import Any, Final, NoReturn

PAYLOAD_BYTES_MAX: Final = 16_384  # of JSON text in one message, or on record in one event


class PayloadError(ValueError):
    """A value that cannot travel, or a text that is no value; the message says why."""


def payload_text(value: Any) -> str:
    """Return a value as canonical JSON, in ASCII and without blanks. Raises PayloadError."""
    import json  # heavy, and the notes' messages have no payload

    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"{quote(value)} is not a value of JSON: {error}") from None
    if len(text) > PAYLOAD_BYTES_MAX:
        raise PayloadError(f"{len(text)} bytes of JSON; the limit is {PAYLOAD_BYTES_MAX}")
    return text


def parse_payload(text: str) -> Any:
    """Read JSON as a value. Raises PayloadError."""
    if len(text) > PAYLOAD_BYTES_MAX:
        raise PayloadError(f"{len(text)} bytes of JSON; the limit is {PAYLOAD_BYTES_MAX}")
    import json

    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"{quote(text)} is not JSON: {error}") from None


def canonical_payload(text: str) -> str:
    """Return JSON that somebody else wrote as `payload_text` writes it. Raises PayloadError."""
    return payload_text(parse_payload(text))


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def quote(value: Any) -> str:
    """Show a value, short and on one line, whatever it is."""
    try:
        text = ascii(value)
    except Exception:  # too deep, too long a number, or a __repr__ of the user's that fails
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
