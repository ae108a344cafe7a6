"""Records: what every format is read into first, a value per field and record, in file order.

What gave no record is kept as UnmatchedText, with what is known of the process
whose event it may be, since an event may be missing there (`gaps`).

*Which executions of several files belong together*: those of one label, or, where
labels do not decide, those of one position, and only if all files have equally
many (`align_executions`).
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign.packed import Packed, Values
from driftlab.journal.files import UnreadableError
from driftlab.lazy import lazy_pattern

__all__ = ["Values"]

TEXT_CHARS_SHOWN: Final = 60  # of text that gave no record, in its reason

_TIME_OF_DAY: Final = lazy_pattern(r"\d:\d\d")


class UnmatchedText(NamedTuple):
    """Lines that gave no event.

    file: number of the file. line: the first of them, from 1. reason: why they
    gave none. text: what they hold, where it could be any process's event. host:
    the process whose event it is, if that is known. Both None: it is no event.
    lines: how many there are; blank ones between them do not count.
    """

    file: int
    line: int
    reason: str
    text: str | None = None
    host: str | None = None
    lines: int = 1


class Records(NamedTuple):
    """Records as columns, each as long as `lines`.

    fields: values by the log's own names. lines i8: the line of each record, from
    1. file i4: the file of each record, a position in `files`, which are names.
    unread: what gave no record. assumed: what was assumed to read them, a line each.
    paths: where the log has a field that stands here under another name: a path of keys.
    """

    fields: dict[str, Values]
    lines: IntArray
    file: IntArray
    files: list[str]
    unread: list[UnmatchedText]
    assumed: Sequence[str] = ()
    paths: Mapping[str, str] = MappingProxyType({})


class LabelledRecords(NamedTuple):
    """The records of one execution in one file, and the execution's label, which may be empty."""

    label: str
    records: Records


def records_of_file(
    name: str, fields: dict[str, Values], lines: IntArray, unread: list[UnmatchedText]
) -> Records:
    """Return the records of one file, with its unread lines in order.

    `name`: of the file. `lines` i8: of each record. `fields`: values by name.
    """
    unread.sort(key=lambda each: each.line)
    return Records(fields, lines, np.zeros(len(lines), np.int32), [name], unread)


def shorten_line(line: str) -> str:
    """Return a line as a reason shows it."""
    return line if len(line) <= TEXT_CHARS_SHOWN else f"{line[:TEXT_CHARS_SHOWN]}…"


def concatenate_records(parts: Sequence[Records]) -> Records:
    """Put the records of several files, or several pieces of one, one after the other."""
    if len(parts) == 1:
        return parts[0]
    names = list(dict.fromkeys(name for part in parts for name in part.fields))
    files = list(dict.fromkeys(name for part in parts for name in part.files))
    number_of = {name: number for number, name in enumerate(files)}
    fields: dict[str, Values] = {
        name: Packed(part.fields.get(name) or [None] * len(part.lines) for part in parts)
        for name in names
    }
    numbered = [
        np.array([number_of[name] for name in part.files], np.int32)[part.file] for part in parts
    ]
    unread = [
        each._replace(file=number_of[part.files[each.file]])
        for part in parts
        for each in part.unread
    ]
    lines = np.concatenate([part.lines for part in parts])
    assumed = list(dict.fromkeys(line for part in parts for line in part.assumed))
    paths = parts[0].paths
    return Records(fields, lines, np.concatenate(numbered), files, unread, assumed, paths)


# Which executions of several files belong together.


def align_executions(files: Sequence[Sequence[LabelledRecords]]) -> list[LabelledRecords]:
    """Return the executions of a log of several files, each with its records from all of them.

    `files`: of each file what stands before its first delimiter (all, where it
    has none), then what follows each delimiter, with the label found in it; also
    what is empty, since a process may have no event in an execution.

    Executions of one label are one execution, in the order in which files have
    them. Labels do not decide if one is empty, if a file has one twice, or if they
    are times of day, which each process records separately, unless one file
    has them all. Then executions are counted: the first of all files is one, the
    second the next. Raises UnreadableError where the files have not equally many,
    or have labels in orders that contradict each other.
    """
    has_preamble = any(len(file[0].records.lines) for file in files)
    if not has_preamble:
        files = [_without_preamble(file) for file in files]
    holding = [file for file in files if _has_records(file)]
    parts: dict[Any, list[LabelledRecords]] = {}
    if _labels_decide(holding, has_preamble=has_preamble):
        parts = {label: [] for label in _order_of_labels(holding)}
        for file in holding:
            for each in file:
                parts[each.label].append(each)
    else:
        _require_equal_counts(holding)
        parts = dict(enumerate(map(list, zip(*holding, strict=True))))
    empty = [each for file in files if not _has_records(file) for each in file]
    executions = list(parts.values()) or [[]]
    executions[0] = executions[0] + empty
    return [_joined(each) for each in executions if each]


def _without_preamble(file: Sequence[LabelledRecords]) -> Sequence[LabelledRecords]:
    """Leave out what stands before the first delimiter; what is unread there counts after it."""
    if len(file) < 2:
        return file
    preamble, (label, first), *others = file
    first = first._replace(unread=[*preamble.records.unread, *first.unread])
    return [LabelledRecords(label, first), *others]


def _has_records(file: Sequence[LabelledRecords]) -> bool:
    return any(len(each.records.lines) for each in file)


def _labels(file: Sequence[LabelledRecords]) -> list[str]:
    return [each.label for each in file]


def _labels_decide(files: Sequence[Sequence[LabelledRecords]], *, has_preamble: bool) -> bool:
    """Whether executions that belong together have the same label; see `align_executions`.

    `has_preamble`: the first of each file comes before its delimiters; so it has no label.
    """
    labels = [_labels(file) for file in files]
    if any(len(set(each)) < len(each) or "" in each[int(has_preamble) :] for each in labels):
        return False
    every = {label for each in labels for label in each}
    if any(len(each) == len(every) for each in labels):
        return True
    return not all(_TIME_OF_DAY.search(label) for label in every - {""})


def _order_of_labels(files: Sequence[Sequence[LabelledRecords]]) -> list[str]:
    try:
        return _merged_order([_labels(file) for file in files])
    except CycleError as error:
        one, other = error.args[1][:2]
        raise UnreadableError(
            f"{files[0][0].records.files[0]} and other files: executions {one or '(no label)'} and "
            f"{other} stand in different orders; read one file at a time"
        ) from None


def _merged_order(sequences: Sequence[Sequence[str]]) -> list[str]:
    """Return all labels so that each sequence keeps its order; else in order of occurrence.

    Raises CycleError where two sequences contradict each other.
    """
    occurrence: dict[str, int] = {}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for labels in sequences:
        for label, before in zip(labels, [None, *labels], strict=False):
            occurrence.setdefault(label, len(occurrence))
            sorter.add(label, *(() if before is None else (before,)))
    sorter.prepare()
    merged: list[str] = []
    ready: list[tuple[int, str]] = []
    while sorter.is_active():
        for label in sorter.get_ready():
            heappush(ready, (occurrence[label], label))
        label = heappop(ready)[1]
        merged.append(label)
        sorter.done(label)
    return merged


def _require_equal_counts(files: Sequence[Sequence[LabelledRecords]]) -> None:
    for file in files[1:]:
        if len(file) != len(files[0]):
            one, other = (each[0].records.files[0] for each in (files[0], file))
            executions = "1 execution" if len(file) == 1 else f"{len(file)} executions"
            raise UnreadableError(
                f"{other}: {executions}, but {len(files[0])} in {one}, and no labels that say "
                "which belong together; read one file at a time"
            )


def _joined(parts: Sequence[LabelledRecords]) -> LabelledRecords:
    """Return one execution out of its parts; what is empty adds nothing."""
    label = next((each.label for each in parts if each.label), "")
    records = [each.records for each in parts]
    held = [each for each in records if len(each.lines) or each.unread or each.assumed] or records[
        :1
    ]
    return LabelledRecords(label, concatenate_records(held))
