"""The interfaces of clocks and timestamps, and the text form of timestamps.

A clock belongs to one process and issues a timestamp for each of its events.
A timestamp is an immutable value that carries its own order and travels with a
message as text. Timestamps are NamedTuples: they are fast to create, and a
tuple's own order is total.

Invariant of every clock (the clock condition): if event a happened before
event b, then a's timestamp is less than b's. A clock is *strong* if the
converse holds too. The invariant is promised for timestamps that correct
clocks issued; merging any other timestamp gives meaningless timestamps, but no
error.

The text of a timestamp consists of characters of `[0-9.;/-]`, so that it fits
into a column of a journal and into a frame. It is canonical: `decode` accepts
exactly the texts that `encode` returns.
"""

from typing import Final, Protocol, Self, TypeVar

from driftlab.errors import counted

ENTRY_MAX: Final = 2**62  # largest absolute value of a number in a text: half of the 64-bit range
TEXT_CHARACTERS_MAX: Final = 50_000  # of one timestamp; a frame holds 65,536 bytes


class TimestampError(ValueError):
    """A text is not a timestamp of the expected type; the message says why."""


class Timestamp(Protocol):
    """A timestamp: immutable, hashable, with an order of its own."""

    def encode(self) -> str:
        """Return the timestamp as text, without the index of its process, which a reader knows."""

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Return the timestamp that a process encoded as `text`.

        Args: the text, the index of the process (from 0), the number of
        processes. Raise TimestampError if the text is not canonical.
        """


T = TypeVar("T", bound=Timestamp)


class Clock(Protocol[T]):
    """The clock of one process."""

    def __init__(self, process: int, processes: int) -> None:
        """Create the clock of process `process` of `processes`, counted from 0.

        Raise ValueError if there is no such process.
        """

    @property
    def now(self) -> T | None:
        """The timestamp of the last event, None before the first."""

    def tick(self, now_ns: int) -> T:
        """Return the timestamp of an internal event or a send; the message carries it.

        `now_ns` is the physical time of the process in whole nanoseconds. It may
        stand still, go backwards and be negative.
        """

    def merge(self, timestamp: T, now_ns: int) -> T:
        """Return the timestamp of the receive of a message that carries `timestamp`.

        `now_ns` as for `tick`. Raise ValueError if the timestamp counts another
        number of processes.
        """


def require_valid_index(process: int, processes: int) -> None:
    """Raise ValueError unless `process` is an index, from 0, of `processes` processes."""
    if not 0 <= process < processes:
        raise ValueError(f"process {process} of {processes}: expected 0 to {processes - 1}")


def require_text_length(text: str) -> None:
    """Raise TimestampError if `text` is longer than TEXT_CHARACTERS_MAX."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TimestampError(
            f"a timestamp of {len(text)} characters; the limit is {TEXT_CHARACTERS_MAX}"
        )


def join_numbers(numbers: tuple[int, ...]) -> str:
    """Return whole numbers as text, separated by dots: 3.0.17."""
    return ".".join(map(str, numbers))


def split_numbers(text: str, count: int, lowest: int = 0) -> tuple[int, ...]:
    """Return the whole numbers that `join_numbers` wrote as `text`.

    Raise TimestampError unless there are exactly `count` of them, in canonical
    form, each from `lowest` to ENTRY_MAX. The check for canonical form writes
    the numbers again and compares, because `int` also accepts +1, 01, 1_0,
    blanks and the digits of other scripts.
    """
    require_text_length(text)
    parts = text.split(".")
    if len(parts) != count:
        raise TimestampError(
            f"{quote_text(text)} has {counted(len(parts), 'number')}; expected {count}"
        )
    try:
        numbers = tuple(map(int, parts))
        is_canonical = join_numbers(numbers) == text
    except ValueError:
        is_canonical = False
    if not is_canonical:
        raise TimestampError(
            f"{quote_text(text)} is not a timestamp; expected whole numbers, as in 3.0.17"
        )
    if max(numbers) > ENTRY_MAX or min(numbers) < lowest:
        raise TimestampError(f"{quote_text(text)}: numbers must be from {lowest} to {ENTRY_MAX}")
    return numbers


def quote_text(text: str) -> str:
    """Return a text as a literal on one line, shortened to 40 characters."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")
