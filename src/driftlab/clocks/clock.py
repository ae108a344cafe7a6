"""What every clock and every timestamp is: the interface, and how timestamps are read.

A clock belongs to one process, is told of each of its events, and issues a
timestamp for it. A timestamp is a frozen value that carries its own order and
travels with a message as text. Its type is a NamedTuple: quick to make, and a
total order is the tuple's own.

Invariant of all clocks (the clock condition): if event a happened before
event b, then a's timestamp is less than b's. A clock is *strong* if the
converse holds too. A clock holds for the messages of correct clocks; one that
no correct clock issued gives timestamps that mean nothing, but breaks nothing.

A timestamp's text has characters of `[0-9.;/-]` only, so that it can stand in
a column of a journal and in a frame. It is canonical: `decode` takes exactly
what `encode` gives.
"""

from typing import Final, Protocol, Self, TypeVar

ENTRY_MAX: Final = 2**62  # of a number in a timestamp's text, in size; half of what 64 bits hold
TEXT_CHARACTERS_MAX: Final = 50_000  # of a timestamp's text: a frame holds 65,536 bytes


class TimestampError(ValueError):
    """A text that is no timestamp of its type; the message says why."""


class Timestamp(Protocol):
    """What a clock issues: frozen, hashable, with an order of its own."""

    def encode(self) -> str:
        """Return the timestamp as text. The sender's index is not in it: a receiver knows it."""

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Read what process `process` (from 0) of `processes` encoded. Raises TimestampError."""


T = TypeVar("T", bound=Timestamp)


class Clock(Protocol[T]):
    """What issues the timestamps of one process."""

    def __init__(self, process: int, processes: int) -> None:
        """Make the clock of process `process` (from 0) of `processes`. Raises ValueError."""

    @property
    def now(self) -> T | None:
        """The timestamp of the last event, None before the first."""

    def tick(self, now_ns: int) -> T:
        """Return the timestamp of an internal event or a send; a send carries it.

        `now_ns` is the process's own physical time in whole nanoseconds. It may
        stand still, go backwards and be negative.
        """

    def merge(self, timestamp: T, now_ns: int) -> T:
        """Return the timestamp of the receive of a message that carried `timestamp`."""


def require_process(process: int, processes: int) -> None:
    """Raise ValueError unless `process` is the index, from 0, of one of `processes`."""
    if not 0 <= process < processes:
        raise ValueError(f"process {process} of {processes}: expected 0 to {processes - 1}")


def require_short(text: str) -> None:
    """Raise TimestampError if `text` is longer than any timestamp."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TimestampError(
            f"a timestamp of {len(text)} characters; the limit is {TEXT_CHARACTERS_MAX}"
        )


def join_numbers(numbers: tuple[int, ...]) -> str:
    """Return whole numbers as text, parted by dots: 3.0.17."""
    return ".".join(map(str, numbers))


def split_numbers(text: str, count: int, lowest: int = 0) -> tuple[int, ...]:
    """Read exactly `count` whole numbers from `lowest` to ENTRY_MAX. Raises TimestampError.

    To write them again is the judge of the text: `int` takes much that
    `encode` never gives, as in +1, 01, 1_0, blanks, other scripts' digits.
    """
    require_short(text)
    parts = text.split(".")
    if len(parts) != count:
        raise TimestampError(f"{quote(text)} has {len(parts)} numbers; expected {count}")
    try:
        numbers = tuple(map(int, parts))
        is_canonical = join_numbers(numbers) == text
    except ValueError:
        is_canonical = False
    if not is_canonical:
        raise TimestampError(f"{quote(text)} is no timestamp; expected whole numbers, as in 3.0.17")
    if max(numbers) > ENTRY_MAX or min(numbers) < lowest:
        raise TimestampError(f"{quote(text)}: numbers must be from {lowest} to {ENTRY_MAX}")
    return numbers


def quote(text: str) -> str:
    """Show what came, short and on one line."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")
