"""Readings: how a log is to be read, kept in a file of TOML.

A reading has the keys of `driftlab.read`, and nothing else; so a log that took effort to
describe is described once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from driftlab.errors import DriftlabError
from driftlab.foreign.kinds import SavedKinds
from driftlab.journal.files import read_text
from driftlab.journal.whole_file import open_whole
from driftlab.scenario.scenario import toml_text
from driftlab.toml_text import TomlError, load_toml

_TEXTS: Final = (
    "format", "delimiter", "execution", "encoding", "time_unit", "time_format", "process_from",
)  # fmt: skip
_LISTS: Final = ("pattern", "match", "assume", "comment")  # texts, or one text
_NUMBERS: Final = ("skip_lines",)  # whole numbers
_TABLES: Final = ("fields", "aliases", "kinds")  # texts by name
KEYS: Final = (*_TEXTS, *_LISTS, *_NUMBERS, *_TABLES)
_HEAD: Final = "# How a log is read: driftlab check LOG --reading FILE\n\n"


class ReadingError(DriftlabError):
    """A file that is not a reading."""


def load_reading(file: str | Path) -> dict[str, Any]:
    """Return what a file of `save_reading` says, as options of `driftlab.read`.

    Raises ReadingError where it is no such file, or has a key or a value that none has.
    """
    try:
        found = load_toml(read_text(str(file)))
    except OSError as error:
        raise ReadingError(f"{file}: {error.strerror}") from None
    except (TomlError, UnicodeDecodeError) as error:
        raise ReadingError(f"{file}: not a reading: {error}") from None
    for key, value in found.items():
        if key not in KEYS:
            raise ReadingError(f"{file}: not a reading: no key {key}; there are {', '.join(KEYS)}")
        wrong = _wrong_type(key, value)
        if wrong is not None:
            raise ReadingError(f"{file}: {key}: expected {wrong}")
    return found


def _wrong_type(key: str, value: Any) -> str | None:
    """Return what a value should be, None if it is that."""
    if key in _TABLES:
        is_table = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        return None if is_table else 'a table of texts, such as {lamport = "Logical clock time"}'
    if key in _NUMBERS:
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if is_number else "a whole number of at least 0"
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if isinstance(value, str) or (key in _LISTS and is_list):
        return None
    return "a text or a list of texts" if key in _LISTS else "a text"


def save_reading(file: str | Path, options: Mapping[str, Any]) -> None:
    """Write options of `driftlab.read` to a file, those that are not given left out.

    Raises ReadingError where it cannot be written, or another file would be lost.
    """
    require_free(file)
    given = {key: options[key] for key in KEYS if options.get(key)}
    plain = {key: dict(value) if key in _TABLES else value for key, value in given.items()}
    listed = {
        key: value if isinstance(value, dict | str | int) else [*value]
        for key, value in plain.items()
    }
    try:
        with open_whole(file) as opened:
            opened.write(_HEAD + toml_text(listed))
    except OSError as error:
        raise ReadingError(f"{file}: cannot be written: {error.strerror}") from None


def require_free(file: str | Path) -> None:
    """Raise ReadingError if a file is there already and is not a reading."""
    path = Path(file)
    if not path.exists():
        return
    try:
        load_reading(path)
    except DriftlabError:
        raise ReadingError(
            f"{file}: exists and is not a reading; give another name to save it to"
        ) from None


def merged_options(reading: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with those of a reading where none is given; tables key by key.

    A reading is of many logs, so a log need not have all words of its `kinds`.
    """
    merged = {**reading, **{key: value for key, value in given.items() if value is not None}}
    for key in _TABLES:
        if reading.get(key) and given.get(key):
            merged[key] = {**reading[key], **given[key]}
    if reading.get("kinds"):
        merged["kinds"] = SavedKinds(merged["kinds"], given.get("kinds") or ())
    return merged
