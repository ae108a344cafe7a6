"""Reading TOML that anybody may have written.

`tomllib` takes time and memory by the square of the parts of a dotted key or of a table's
name, so a file of some kilobytes would take gigabytes. A text with a key of more than
KEY_PARTS_MAX parts is refused before it is parsed, and lists and tables nested deeper than
Python calls may be are an error like others.
"""

import re
from typing import Any, Final

KEY_PARTS_MAX: Final = 32  # of a dotted key, or of the name of a table

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DEEP_KEY: Final = rf"(?m)(?:^|[\[{{,])[ \t]*(?:{_PART}[ \t]*\.[ \t]*){{{KEY_PARTS_MAX}}}"


class TomlError(ValueError):
    """A text is not TOML, or is nested too deep; the message says why."""


def load_toml(text: str) -> dict[str, Any]:
    """Return the keys of a TOML document. Raise TomlError."""
    import tomllib  # slow to import, and only needed for files

    if re.search(_DEEP_KEY, text):
        raise TomlError(f"nested too deep: a key of more than {KEY_PARTS_MAX} parts")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))  # some editors write a mark first
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise TomlError(str(error)) from error
    except RecursionError:
        raise TomlError("nested too deep: lists or tables") from None
