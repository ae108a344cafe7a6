"""logfmt: lines of `key=value`, as Go and Ruby services write them.

    time=2026-03-04T15:20:27Z level=info host=a clock=3 msg="hello world"

A value is bare, or in quotes with escapes, or a clock in brackets. A key alone is
there without a value. Words beside the pairs are the event's text, where no key is.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from driftlab.foreign.fields import field_of, shorten
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.record_columns import line_reader, read_records
from driftlab.foreign.records import shorten_line
from driftlab.foreign.trace_builder import Execution

PAIRS_MIN: Final = 2  # in the first line of a log that is recognized

_PAIR: Final = re.compile(
    r"(?<!\S)(?P<key>[^\s=\"{}\[\],;]{1,200})="
    r"(?P<value>\"(?:[^\"\\]|\\.)*+\"|(?:map)?\[[^\[\]\n]*\]|\{[^{}\n]*\}|[^\s\"]*)(?!\S)"
)
_TIME: Final = re.compile(
    r"\s*\[?(?P<time>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*?)\]?(?=[\s,]|$)"
)


class Pairs(NamedTuple):
    """The pairs in a line: fields by key, what stands beside them, and a key that is there twice.

    twice: None if no key is.
    """

    fields: dict[str, Any]
    rest: str
    twice: str | None


def pairs_in(line: str) -> Pairs:
    """Return what a line says in pairs, and beside them."""
    fields: dict[str, Any] = {}
    rest = []
    place = 0
    twice = None
    for pair in _PAIR.finditer(line):
        rest.append(line[place : pair.start()])
        place = pair.end()
        if pair["key"] in fields:
            twice = pair["key"]
        fields[pair["key"]] = _value(pair["value"])
    rest.append(line[place:])
    return Pairs(fields, " ".join(" ".join(rest).split()), twice)


def _value(text: str) -> str | None:
    if not text.startswith('"'):
        return text or None
    with suppress(ValueError):
        return str(json.loads(text))
    return text[1:-1].replace('\\"', '"')


def begins_with_pairs(line: str) -> bool:
    """Whether a line is pairs and nothing but a time beside them, one of a field's name."""
    pairs = pairs_in(line)
    is_known = any(field_of(key) is not None for key in pairs.fields)
    time = _TIME.match(pairs.rest)
    beside = pairs.rest[time.end() :] if time else pairs.rest
    return is_known and len(pairs.fields) >= PAIRS_MIN and len(beside.split()) <= 1


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of logfmt. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return read_records(logs, options, line_reader(_record), "logfmt")


def _record(line: str) -> dict[str, Any] | str:
    """Return the fields of a line, or why it is no record."""
    fields, rest, twice = pairs_in(line)
    if not fields:
        return f"has no key=value: {shorten_line(line.strip())}"
    if twice is not None:
        return f"names the key {shorten(twice)} twice"
    if '="' in rest:
        return f"a quote opens and does not close: {shorten_line(rest)}"
    known = {field_of(key) for key in fields}
    time = _TIME.match(rest)
    if time and not known & {"time", "time_ns"}:
        fields["time"] = time["time"]
        rest = rest[time.end() :].strip()
    if rest:
        has_text = "event" in known or "msg" in fields
        fields["words" if has_text else "event"] = rest
    return fields
