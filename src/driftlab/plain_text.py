"""Texts of anybody's log, made safe to show: on a terminal, in a picture, in a page.

Invariant: what `plain` returns is one line without control characters (and with them every
escape sequence), characters that reorder or hide text, halves of surrogate pairs, and what
XML forbids; each is written by its code, as Python writes it. The limit: characters that
look alike are not distinguished.
"""

import re
from typing import Any, Final

# Control characters; soft hyphen and invisible or reordering format characters, but for the
# joiners (U+200C, U+200D), which scripts and emoji need; separators of lines; lone surrogates;
# the two characters that XML forbids besides; tags. Compiled when a text first needs it: most
# are printable throughout.
_UNSAFE: Final = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f"
)


def plain(text: str) -> str:
    """Return a text in one line that controls nothing and that every file can hold."""
    return text if text.isprintable() else re.sub(f"[{_UNSAFE}]", escape_found, text)


def plain_lines(text: str) -> str:
    """Return a text that is as `plain` leaves it, but for its line ends."""
    if text.replace("\n", "").isprintable():
        return text
    return "\n".join(map(plain, text.split("\n")))


def plain_values(document: Any) -> Any:
    """Return a document of dictionaries, lists and values with every text in it made plain."""
    if isinstance(document, str):
        return plain(document)
    if isinstance(document, dict):
        return {key: plain_values(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [plain_values(value) for value in document]
    return document


def escape_found(found: re.Match[str]) -> str:
    """Return the characters that a pattern found by their codes, as Python writes them."""
    return found[0].encode("unicode_escape", "backslashreplace").decode()
