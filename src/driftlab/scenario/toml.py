"""Writing TOML: the few kinds of value that a scenario has, and no other.

The standard library reads TOML but does not write it. A library would do it
too, but its imports cost a simulation more than all it has to simulate.
"""

from collections.abc import Mapping
from typing import Any


def toml_text(values: Mapping[str, Any]) -> str:
    """Return whole numbers, numbers, texts, lists of them, and then tables of those, as TOML."""
    plain = [f"{key} = {_value(value)}" for key, value in values.items() if not _is_table(value)]
    tables = [
        "\n".join(
            [f"\n[{key}]", *(f"{_text(name)} = {_value(one)}" for name, one in value.items())]
        )
        for key, value in values.items()
        if _is_table(value)
    ]
    return "\n".join([*plain, *tables]) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _table(key: str, table: Mapping[str, Any]) -> str:
    lines = [f"{_text(name)} = {_value(one)}" for name, one in table.items()]
    return "\n".join([f"\n[{key}]", *lines])


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} has no place in a scenario")
    return repr(value)


def _text(text: str) -> str:
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08X}"
