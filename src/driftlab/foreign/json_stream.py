"""One JSON document, read as its text comes: of an array of any length an element is held.

A document that breaks off, or is damaged, gives what was before. An element is
parsed as a whole, by the scanner of the standard library, so it may have at most
ELEMENT_CHARS_MAX characters.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from driftlab.foreign.log_file import UNDECODED, reason_of_byte

ELEMENT_CHARS_MAX: Final = 1 << 24
REST_CHARS_MAX: Final = 1 << 30  # after damage, whose lines are counted
DEPTH_MAX: Final = 20  # of objects that are searched for an array

_BLANKS: Final = re.compile(r"[\s,]*")
_BRACKET: Final = re.compile(r"\[\s*")
_SKIPPING: Final = json.JSONDecoder(parse_int=str, parse_float=str)  # which no number stops


class DamageError(Exception):
    """The document cannot be read from `line` on."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


END: Final = object()  # stands for the end of an object


class Member(NamedTuple):
    """A member of an object.

    line: where it begins, from 1. path: of keys. value: of the member, or END. fault:
    why the value is rejected, None if it is not.
    """

    line: int
    path: tuple[str, ...]
    value: Any
    fault: str | None


class JsonStream:
    """A document whose text comes in pieces.

    `decoder`: of values; a ValueError of its own rejects the value that is next, and
    no other. fault: why the value that was read last is rejected, None if it is not.
    """

    ARRAY: Final = object()  # stands for an array of objects, which is next

    def __init__(self, pieces: Iterator[str], decoder: json.JSONDecoder) -> None:
        self._pieces = pieces
        self._decoder = decoder
        self._text = ""
        self._place = 0
        self._counted = 0  # up to where line ends were counted in the text
        self._line = 1
        self.fault: str | None = None
        self._rest = 0  # characters that were only counted

    @property
    def line(self) -> int:
        """The number of the line."""
        self._line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line

    def peek(self) -> str:
        """Return the next character that is neither blank nor a comma, empty at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._place)
            self._place = blanks.end() if blanks else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                return ""

    def take(self) -> None:
        """Take the character that is next."""
        self._place += 1

    def value(self) -> Any:
        """Return the value that is next; see `fault`. Raises DamageError."""
        while True:
            try:
                value, end = self._raw_value()
            except (ValueError, RecursionError) as error:
                is_long = len(self._text) - self._place > ELEMENT_CHARS_MAX
                if isinstance(error, RecursionError) or is_long or not self._more():
                    raise DamageError(self.line, self._reason(error, is_long=is_long)) from None
            else:
                if end < len(self._text) or self._text[end - 1] in '}]"' or not self._more():
                    if not self._text.isascii():
                        self._look_for_bytes(end)
                    self._place = end
                    return value

    def _raw_value(self) -> tuple[Any, int]:
        self.fault = None
        try:
            return self._decoder.raw_decode(self._text, self._place)
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            value, end = _SKIPPING.raw_decode(self._text, self._place)
            is_key = str(error).startswith("names")
            self.fault = str(error) if is_key else "holds a number of too many digits"
            return value, end

    def _look_for_bytes(self, end: int) -> None:
        """Reject the value that ends at `end` if it has a byte that could not be decoded."""
        bad = UNDECODED.search(self._text, self._place, end)
        if bad:
            self.fault = reason_of_byte(bad[0])

    def try_value(self) -> Any:
        """Return the value that is next without taking it, None if it cannot be parsed."""
        while len(self._text) - self._place < ELEMENT_CHARS_MAX and self._more():
            pass
        try:
            return self._decoder.raw_decode(self._text, self._place)[0]
        except (ValueError, RecursionError):
            return None

    def elements(self) -> Iterator[tuple[int, Any, str | None]]:
        """Yield the elements of the array that is next: the line, the value, or why there is none.

        Raises DamageError where the array cannot be read on.
        """
        self._place += 1
        while self._has_element():
            line = self.line
            value = self.value()
            yield line, value, self.fault

    def members(self, path: tuple[str, ...] = ()) -> Iterator[tuple[int, tuple[str, ...], Any]]:
        """Yield the members of the object that is next and of objects in it, with their paths.

        For an array of objects ARRAY is yielded, and its `elements` are to be read
        then. Raises DamageError where the object cannot be read on.
        """
        self._place += 1
        for line, key in self._keys():
            inside = (*path, key)
            kind = self.peek()
            if kind == "[" and self._begins_with_object():
                yield line, inside, self.ARRAY
            elif kind == "{" and len(path) < DEPTH_MAX:
                yield from self.members(inside)
            else:
                yield line, inside, self.value()

    def walk(
        self, into: Collection[str], leaves: Collection[str], path: tuple[str, ...] = ()
    ) -> Iterator["Member"]:
        """Yield the members of the object that is next, and when it ends END.

        Lists of objects under a key of `into` are walked too; of lists under a key of
        `leaves` each element is yielded. Raises DamageError where the object cannot be
        read on.
        """
        self._place += 1
        for line, key in self._keys():
            inside = (*path, key)
            kind = self.peek()
            if key in into and kind == "{":
                yield from self.walk(into, leaves, inside)
            elif key in into and kind == "[":
                self._place += 1
                while self._has_element():
                    if self.peek() == "{":
                        yield from self.walk(into, leaves, inside)
                    else:
                        yield Member(self.line, inside, self.value(), "is not an object")
            elif key in leaves and kind == "[":
                for line_of_one, value, fault in self.elements():
                    yield Member(line_of_one, inside, value, fault)
            else:
                yield Member(line, inside, self.value(), self.fault)
        yield Member(self.line, path, END, None)

    def next_document(self) -> bool:
        """Go on with the next line that begins with an object; return whether there is one."""
        while (found := self._text.find("\n{", self._place)) < 0:
            self._place = max(self._place, len(self._text) - 1)
            if not self._more():
                return False
        self._place = found + 1
        return True

    def _keys(self) -> Iterator[tuple[int, str]]:
        """Yield the keys of an object after its brace, each with its line, and take their colons.

        What follows the colon is to be taken before the next.
        """
        while (next_one := self.peek()) != "}":
            if not next_one:
                raise DamageError(self.line, "breaks off; what is before is read")
            line, key = self.line, self.value()
            if self.peek() != ":":
                raise DamageError(self.line, "is not JSON: no colon after a key")
            self._place += 1
            yield line, str(key)
        self._place += 1

    def _has_element(self) -> bool:
        """Whether another element of an array is next; if not, take the bracket."""
        next_one = self.peek()
        if not next_one:
            raise DamageError(self.line, "breaks off within the array; what is before is read")
        if next_one == "]":
            self._place += 1
        return next_one != "]"

    def _begins_with_object(self) -> bool:
        """Whether an object follows the bracket that is next."""
        while True:
            bracket = _BRACKET.match(self._text, self._place)
            if bracket is None or bracket.end() < len(self._text):
                return bracket is not None and self._text[bracket.end()] == "{"
            if not self._more():
                return False

    def rest_lines(self) -> int:
        """Return how many lines are left after this one, of what is worth counting."""
        lines = self._text.rstrip().count("\n", self._place)
        for piece in self._pieces:
            lines += piece.count("\n")
            self._rest += len(piece)
            if self._rest > REST_CHARS_MAX:
                break
        return lines

    def _more(self) -> bool:
        """Take in more text, and leave out what was read; return whether there was any."""
        for piece in self._pieces:
            if piece:
                _ = self.line
                self._text = self._text[self._place :] + piece
                self._place = self._counted = 0
                return True
        return False

    def _reason(self, error: Exception, *, is_long: bool) -> str:
        if isinstance(error, RecursionError):
            return "is nested too deep; nothing after it is read"
        if is_long:
            return (
                f"a value of more than {ELEMENT_CHARS_MAX:,} characters; nothing after it is read"
            )
        return "is not JSON, or breaks off; nothing after it is read"
