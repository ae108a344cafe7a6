"""Damage to good logs: cells that are edited, and lines that are lost, doubled, moved or cut."""

import json
from collections.abc import Callable, Sequence, Set
from itertools import pairwise
from random import Random
from typing import NamedTuple

from tests.log_formats import Log, Place, Text
from tests.written_logs import Line


class Fault(NamedTuple):
    """One act of damage: what was done, and to the lines of which events.

    touched: the events. messages: the names of further messages that an edited line gives.
    """

    what: str
    touched: Set[Place] = frozenset()
    messages: Set[str] = frozenset()


# Cells: of one line, as another cell than it was.


def _number(dice: Random, cell: str) -> str:
    value = int(cell)
    return str(dice.choice([value + 1, value - 1, value + 2, value + 40, max(value - 7, 0), 0]))


def _name(dice: Random, names: Sequence[str], cell: str) -> str:
    return dice.choice([name for name in names if name != cell] or [cell])


def edit_cell(name: str) -> Callable[[list[Line], Random], Fault | None]:
    """Return what edits a cell of this name in one line that has one."""

    def edit(lines: list[Line], dice: Random) -> Fault | None:
        names = sorted({line.process for line in lines})
        at = [number for number, line in enumerate(lines) if getattr(line, name)]
        if not at:
            return None
        number = dice.choice(at)
        line = lines[number]
        cell = getattr(line, name)
        if name in ("sender", "targets"):
            new = _name(dice, names, cell)
        elif name == "kind":
            new = dice.choice([kind for kind in ("internal", "send", "receive") if kind != cell])
        elif name == "message":
            new = dice.choice([each.message for each in lines if each.message])
        elif name == "time":
            new = str(int(cell) + dice.choice([-1, 1]) * dice.choice([10**6, 3 * 10**9]))
        else:
            new = _number(dice, cell)
        if new == cell:
            return None
        lines[number] = changed = line._replace(**{name: new})  # type: ignore[arg-type]
        messages = {f"{changed.sender}-{changed.stamp}"} if changed.stamp else {changed.message}
        if name == "lamport":
            messages.add(f"{changed.process}-{changed.lamport}")
        return Fault(f"edit {name}", {line.place} if line.place else set(), messages)

    return edit


def edit_own_entry(lines: list[Line], dice: Random) -> Fault | None:
    """Edit the entry of the process itself in a vector clock."""
    return _edit_entry(lines, dice, is_own=True)


def edit_other_entry(lines: list[Line], dice: Random) -> Fault | None:
    """Edit another entry."""
    return _edit_entry(lines, dice, is_own=False)


def _edit_entry(lines: list[Line], dice: Random, *, is_own: bool) -> Fault | None:
    at = [number for number, line in enumerate(lines) if len(line.vector) > 2]
    if not at:
        return None
    number = dice.choice(at)
    line = lines[number]
    clock = json.loads(line.vector)
    names = [name for name in clock if (name == line.process) == is_own]
    if not names:
        return None
    name = dice.choice(names)
    new = int(_number(dice, str(clock[name])))
    if new == clock[name]:
        return None
    lines[number] = line._replace(vector=json.dumps({**clock, name: new}))
    what = "edit own entry" if is_own else "edit other entry"
    return Fault(what, {line.place} if line.place else set())


CELLS: dict[str, Callable[[list[Line], Random], Fault | None]] = {
    **{
        f"edit {name}": edit_cell(name)
        for name in ("lamport", "queue", "sender", "stamp", "targets", "kind", "message", "time")
    },
    "edit own entry": edit_own_entry,
    "edit other entry": edit_other_entry,
}


# Lines: lists of `Text`, or of `Line` where a format has no lines of text.

Lines = list[Text] | list[Line]


def _places(lines: Lines) -> list[int]:
    return [number for number in range(len(lines)) if lines[number].place is not None]


def _of(lines: Lines, *numbers: int) -> set[Place]:
    """Return the events of some lines; where a record has two, also of the lines beside them."""
    steps = (-1, 0, 1) if _has_long_records(lines) else (0,)
    at = [number + step for number in numbers for step in steps]
    return {
        place
        for number in at
        if 0 <= number < len(lines) and (place := lines[number].place) is not None
    }


def _has_long_records(lines: Lines) -> bool:
    places = [line.place for line in lines if isinstance(line, Text)]
    return any(place and place == after for place, after in pairwise(places[:20]))


def drop(lines: Lines, dice: Random) -> Fault:
    number = dice.choice(_places(lines))
    fault = Fault("drop", _of(lines, number))
    del lines[number]
    return fault


def drop_several(lines: Lines, dice: Random) -> Fault:
    """Drop a stretch of lines."""
    places = _places(lines)
    begin = dice.choice(places)
    end = min(begin + dice.randrange(2, 8), places[-1] + 1)
    fault = Fault("drop several", _of(lines, *range(begin, end)))
    del lines[begin:end]
    return fault


def double(lines: Lines, dice: Random) -> Fault:
    number = dice.choice(_places(lines))
    lines.insert(number, lines[number])  # type: ignore[arg-type]
    return Fault("double", _of(lines, number))


def double_far(lines: Lines, dice: Random) -> Fault:
    """Repeat a line somewhere else."""
    places = _places(lines)
    number, to = dice.choice(places), dice.choice(places)
    fault = Fault(
        "double far", _of(lines, number) | (_of(lines, to) if _has_long_records(lines) else set())
    )
    lines.insert(to, lines[number])  # type: ignore[arg-type]
    return fault


def _swap(what: str, lines: Lines, first: int, second: int) -> Fault:
    fault = Fault(what, _of(lines, first, second))
    lines[first], lines[second] = lines[second], lines[first]  # type: ignore[assignment]
    return fault


def swap_near(lines: Lines, dice: Random) -> Fault | None:
    """Swap two lines that follow one another in a process."""
    return _swap_in_process("swap near", lines, dice, 1)


def swap_far(lines: Lines, dice: Random) -> Fault | None:
    """Swap two lines of a process that are some way apart."""
    return _swap_in_process("swap far", lines, dice, dice.randrange(2, 40))


def _swap_in_process(what: str, lines: Lines, dice: Random, apart: int) -> Fault | None:
    chosen: Text | Line = lines[dice.choice(_places(lines))]
    place = chosen.place
    own = [n for n in _places(lines) if (of := lines[n].place) and place and of[0] == place[0]]
    if len(own) <= apart:
        return None
    at = dice.randrange(len(own) - apart)
    return _swap(what, lines, own[at], own[at + apart])


def cut_line(lines: Lines, dice: Random) -> Fault | None:
    """Leave out the rest of a line."""
    number = dice.choice(_places(lines))
    line = lines[number]
    if isinstance(line, Line) or len(line.text) < 2:
        return None
    lines[number] = line._replace(text=line.text[: dice.randrange(1, len(line.text))])  # type: ignore[call-overload]
    return Fault("cut line", _of(lines, number))


def join_lines(lines: Lines, dice: Random) -> Fault | None:
    """Leave out a line end."""
    number = dice.choice(_places(lines))
    line = lines[number]
    if isinstance(line, Line) or number + 1 >= len(lines):
        return None
    after = lines[number + 1]
    assert isinstance(after, Text)
    fault = Fault("join lines", _of(lines, number, number + 1))
    lines[number : number + 2] = [Text(line.text + after.text, line.place)]  # type: ignore[list-item]
    return fault


GARBAGE = (
    "Exception in thread main java.lang.NullPointerException",
    "    at com.example.Main.run(Main.java:17)",
    "2024/03/04 15:20:27 restarting",
    "{",
    "]]}",
    "\udcff\udcfe\udc80",
    "A",
    "- - - -",
    '"',
    "",
    ",,,,",
    "\t",
)


def garbage(lines: Lines, dice: Random) -> Fault | None:
    """Insert a line that is none of the log; the lines around it are touched."""
    places = _places(lines)
    number = dice.choice(places)
    if isinstance(lines[number], Line):
        return None
    fault = Fault("garbage", _of(lines, number, max(number - 1, 0)))
    lines.insert(number, Text(dice.choice(GARBAGE)))  # type: ignore[arg-type]
    return fault


TEXTS: dict[str, Callable[[Lines, Random], Fault | None]] = {
    "drop": drop,
    "drop several": drop_several,
    "double": double,
    "double far": double_far,
    "swap near": swap_near,
    "swap far": swap_far,
    "cut line": cut_line,
    "join lines": join_lines,
    "garbage": garbage,
}


def damaged_text(log: Log, what: str, dice: Random) -> tuple[Log, Fault | None]:
    """Return a log with one line or a few damaged, and what was done; None if it cannot be."""
    if log.rows:
        rows = list(log.rows)
        fault = TEXTS[what](rows, dice)
        return log._replace(rows=rows), fault
    name = dice.choice([name for name, lines in log.files.items() if _places(lines)])
    texts = list(log.files[name])
    fault = TEXTS[what](texts, dice)
    return log._replace(files={**log.files, name: texts}), fault


def cut_file(log: Log, dice: Random, size: int) -> tuple[int, Fault]:
    """Return after how many bytes its last file ends, and which events are lost with the rest.

    size: of the file.
    """
    cut = dice.randrange(size // 3, size)
    touched: set[Place] = set()
    if log.rows:
        return cut, Fault("cut file", {line.place for line in log.rows if line.place})
    end = 0
    for line in log.files[list(log.files)[-1]]:
        end += len(line.text.encode("utf-8", "surrogateescape")) + 1
        if end > cut and line.place:
            touched.add(line.place)
    return cut, Fault("cut file", touched)
