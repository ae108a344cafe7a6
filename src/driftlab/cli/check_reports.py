"""The verdicts of `driftlab check` for a teacher and for CI: a table, CSV, JUnit, annotations.

Every report is made of text of other people's logs, so each escapes what its reader
would take for its own: a line end in a table, a control character in XML, a `%` or a
line end in a command of GitHub.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from math import inf
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

from driftlab.cli.check_results import UNREADABLE, Result
from driftlab.cli.output import page_width, table, terminal_width
from driftlab.cli.standard_input import STANDARD_INPUT
from driftlab.errors import counted
from driftlab.journal.whole_file import whole_file
from driftlab.judge.checker import RULES, UNDECIDED, Verdict, Violation
from driftlab.judge.diagnosis.diagnose import Fault
from driftlab.lazy import lazy_pattern
from driftlab.plain_text import escape_found, plain

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

T = TypeVar("T")
Annotation: TypeAlias = tuple[dict[str, str], str, str]  # where it is, its title, its text

ANNOTATIONS_MAX: Final = 10  # of each level: GitHub shows no more of one step
TABLE_WIDTH: Final = 80  # of the table of several paths, where nothing says how wide a page is
PATH_SHARE: Final = 3  # of a table's width, one in so many parts is for the path
PATH_CHARACTERS_MIN: Final = 16
CSV_COLUMNS: Final = (
    "path", "verdict", "events", "processes", "messages", "violations", "undecided", "unread",
    "faults", "reason",
)  # fmt: skip
# What no document of XML 1.0 may hold, not even escaped.
_NOT_XML: Final = lazy_pattern(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_OUTCOMES: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}
_FORMULA: Final = ("=", "+", "-", "@")  # with which a spreadsheet begins one


class Wanted(NamedTuple):
    """What reports are to say.

    limit: of the violations of each rule in JSON, all if None. shown: of these in text.
    strict: whether unread lines and undecided questions fail. json, github, junit:
    which reports there are besides the table.
    """

    limit: int | None
    shown: int
    strict: bool
    json: bool
    github: bool
    junit: bool


class Annotations(NamedTuple):
    """The first annotations of one level, and how many there are in all."""

    first: list[Annotation]
    total: int


class Report(NamedTuple):
    """What all reports say of one path; it holds no events, so a thousand fit in memory.

    path, name, verdict, status, reason, interrupted: of its `Result`. row: of the
    table. cells: of CSV. document: of JSON, None if it was not wanted. suites: of
    JUnit. errors, warnings: of GitHub.
    """

    path: str
    name: str
    verdict: str
    status: int
    reason: str
    interrupted: bool
    row: tuple[str, str, str, str]
    cells: tuple[str | int, ...]
    document: dict[str, Any] | None
    suites: "list[Element]"
    errors: Annotations
    warnings: Annotations


def report_on(result: Result, wanted: Wanted) -> Report:
    """Return what reports say of one path."""
    nothing = Annotations([], 0)
    return Report(
        result.path,
        result.name,
        result.verdict,
        result.status,
        result.reason or result.short_reason,
        result.interrupted,
        _row(result),
        _csv_row(result),
        result.to_dict(wanted.limit) if wanted.json else None,
        _suites(result, wanted) if wanted.junit else [],
        _errors_of(result) if wanted.github else nothing,
        _warnings_of(result) if wanted.github else nothing,
    )


def summary(reports: Sequence[Report]) -> str:
    """Return in one line how many paths have which verdict."""
    verdicts = [report.verdict for report in reports]
    words = (("holds", "hold"), ("violated",) * 2, (UNDECIDED,) * 2, (UNREADABLE,) * 2)
    each = [f"{verdicts.count(one)} {word}" for one, word in words if one in verdicts]
    return f"{counted(len(reports), 'path')}: {', '.join(each)}"


# Faults in words.


def fault_text(fault: Fault) -> str:
    """Return a fault with its processes and how many events show it."""
    return f"{fault.name} ({', '.join(fault.processes)}: {counted(fault.events, 'event')})"


def faults_text(faults: Sequence[Fault]) -> str:
    """Return all faults in one line, as a verdict and the table of several paths have them."""
    return "; ".join(map(fault_text, faults))


def fault_line(faults: Sequence[Fault]) -> str:
    """Return the line of a verdict that names its faults, empty if there is none."""
    return f"{'fault' if len(faults) == 1 else 'faults'}: {faults_text(faults)}" if faults else ""


def _findings(result: Result) -> str:
    """Return what was found at a path, or why nothing was, for a row of the table."""
    if result.judged is None or result.verdict == UNDECIDED:
        return plain(result.short_reason)
    judged = result.judged
    found = [faults_text(judged.faults)] if judged.faults else []
    open_questions = [
        *([f"{counted(judged.unread, 'line')} unread"] if judged.unread else []),
        *([f"{counted(judged.unknown, 'question')} undecided"] if judged.unknown else []),
    ]
    return plain("; ".join([*found, *open_questions]))


# The table.


def result_table(reports: Sequence[Report]) -> str:
    """Return a row for each path: read or not, what it rests on, and what is wrong.

    It is as wide as the terminal, or as COLUMNS says, else TABLE_WIDTH; but a path is cut
    only for a terminal, since elsewhere a program may read it.
    """
    width = page_width(TABLE_WIDTH)
    longest = None if terminal_width() == inf else max(PATH_CHARACTERS_MIN, width // PATH_SHARE)
    wide = max([len("events"), *(len(report.row[2]) for report in reports)])
    rows = [
        (_shortened(path, longest), verdict, events.rjust(wide), found)
        for path, verdict, events, found in (report.row for report in reports)
    ]
    return table(("path", "verdict", "events".rjust(wide), "faults, or why not"), rows, left=4,
                 width=width)  # fmt: skip


def _row(result: Result) -> tuple[str, str, str, str]:
    events = 0 if result.judged is None else result.judged.events
    return plain(result.name), _verdict_word(result), str(events), _findings(result)


def _verdict_word(result: Result) -> str:
    return f"{result.verdict}, cut off" if result.interrupted else result.verdict


def _shortened(path: str, longest: int | None) -> str:
    return path if longest is None or len(path) <= longest else f"…{path[1 - longest :]}"


# CSV.


def write_csv(reports: Sequence[Report], file: IO[str]) -> None:
    """Write a row for each path."""
    import csv

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(report.cells for report in reports)


def _csv_row(result: Result) -> tuple[str | int, ...]:
    judged = result.judged
    path = _no_formula(_text(result.name))
    if judged is None:
        return path, result.verdict, 0, 0, 0, 0, 0, 0, "", _no_formula(_text(result.reason))
    return (
        path, result.verdict, judged.events, judged.processes, judged.messages,
        sum(judged.counts.values()), judged.unknown, judged.unread,
        faults_text(judged.faults), _text(result.short_reason),
    )  # fmt: skip


def _text(text: str) -> str:
    """Return a text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _no_formula(text: str) -> str:
    """Return a cell that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


# Annotations of GitHub Actions.


def annotations(reports: Sequence[Report], limit: int = ANNOTATIONS_MAX) -> Iterator[str]:
    """Yield commands of GitHub Actions that put verdicts beside the lines of the logs.

    Violations and paths that cannot be read are errors; unread lines and undecided
    questions are warnings; at most `limit` of each, the first of every path before
    the second of any.
    """
    levels = (
        ("error", [report.errors for report in reports]),
        ("warning", [report.warnings for report in reports]),
    )
    for level, of_paths in levels:
        shown = _in_turn([each.first for each in of_paths], limit)
        for where, title, text in shown:
            yield _command(level, {**where, "title": title}, text)
        more = sum(each.total for each in of_paths) - len(shown)
        if more:
            text = f"{counted(more, f'more {level}')} not shown here"
            yield _command("notice", {"title": "driftlab"}, text)


def _in_turn(lists: Sequence[Sequence[T]], limit: int) -> list[T]:
    """Return the first item of every list, then the second of every, and so on, `limit` in all."""
    rows = zip_longest(*(((item,) for item in each) for each in lists), fillvalue=())
    return list(islice((item for row in rows for cell in row for item in cell), limit))


def _errors_of(result: Result) -> Annotations:
    judged = result.judged
    if judged is None:
        return Annotations([(_at_path(result), "driftlab", result.reason)], 1)
    line = fault_line(judged.faults)
    title = f"driftlab: {result.verdict}"
    faults = [(_at_path(result), title, line)] if line else []
    listed = _in_turn(
        [
            [(name, violation) for violation in verdict.violations.of(rule, ANNOTATIONS_MAX)]
            for name, verdict in judged.verdicts
            for rule, count in verdict.counts.items()
            if count
        ],
        ANNOTATIONS_MAX,
    )
    violations = [_of_violation(result, *one) for one in listed]
    return Annotations([*faults, *violations], len(faults) + sum(judged.counts.values()))


def _of_violation(result: Result, run: str, violation: Violation) -> Annotation:
    place = f"{violation.process}:{violation.index}"
    text = f"{place} expected {violation.expected}; found {violation.found}"
    return _place(result, run, violation.file, violation.line, f"driftlab {violation.rule}", text)


def _warnings_of(result: Result) -> Annotations:
    judged = result.judged
    if judged is None:
        return Annotations([], 0)
    first = []
    if result.verdict == UNDECIDED:
        first.append((_at_path(result), "driftlab: undecided", result.short_reason))
    total = len(first)
    for name, verdict in judged.verdicts:
        total += len(verdict.unread) + verdict.unknown
        first += [
            _place(result, name, one.file, one.line, "driftlab: unread", one.reason)
            for one in verdict.unread[:ANNOTATIONS_MAX]
        ]
        first += [
            _place(result, name, one.file, one.line, "driftlab: undecided",
                   f"{one.process}:{one.index} {one.rule}: {one.reason}")
            for one in verdict.unknowns(1)
        ]  # fmt: skip
    return Annotations(first[:ANNOTATIONS_MAX], total)


def _at_path(result: Result) -> dict[str, str]:
    return {} if result.path == STANDARD_INPUT else {"file": _shown_path(result.path)}


def _place(
    result: Result, run: str, file: str | None, line: int | None, title: str, text: str
) -> Annotation:
    """Return an annotation at a line of a file, or at the path if the file is not there."""
    path = None if file is None else _file_at(result, run, file)
    if path is None or line is None:
        where = "" if file is None else f"{file}:{line} "
        return _at_path(result), title, f"{where}{text}"
    return {"file": _shown_path(path), "line": str(line)}, title, text


def _file_at(result: Result, run: str, file: str) -> str | None:
    """Return the path of a file that a verdict names; None if it is not beside the others."""
    if not os.path.isdir(result.path):
        return result.path if os.path.basename(result.path) == file else None
    folders = (os.path.join(result.path, run), result.path)
    paths = (os.path.join(folder, file) for folder in folders)
    return next((path for path in paths if os.path.isfile(path)), None)


def _shown_path(path: str) -> str:
    """Return a path as GitHub wants it: relative, where it is below the working folder."""
    absolute, here = os.path.abspath(path), os.getcwd()
    return os.path.relpath(absolute, here) if absolute.startswith(here + os.sep) else path


def _command(level: str, properties: Mapping[str, str], text: str) -> str:
    held = ",".join(f"{key}={_value(value)}" for key, value in properties.items())
    return f"::{level} {held}::{_message(text)}"


def _message(text: str) -> str:
    """Return a text as the message of a command."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return plain(escaped)


def _value(text: str) -> str:
    """Return a text as the value of a property of a command."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")


# JUnit.


def write_junit(reports: Sequence[Report], path: str) -> None:
    """Write a test case for each rule of each run of each path, as JUnit's XML."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="driftlab")
    root.extend(suite for report in reports for suite in report.suites)
    for key in ("tests", *_OUTCOMES.values()):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    with whole_file(path) as unfinished:
        ElementTree.ElementTree(root).write(unfinished, encoding="utf-8", xml_declaration=True)


def _suites(result: Result, wanted: Wanted) -> "list[Element]":
    """Return a test suite for each run of a path."""
    from xml.etree import ElementTree

    runs: Sequence[tuple[str, Verdict | None]]
    runs = [("", None)] if result.judged is None else result.judged.verdicts
    suites = []
    for run, verdict in runs:
        name = _xml(f"{result.name} {run}".rstrip())
        suite = ElementTree.Element("testsuite", name=name)
        for rule, outcome, message, text in _cases(result, verdict, wanted):
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=rule)
            if outcome:
                ElementTree.SubElement(case, outcome, message=_xml(message)).text = (
                    _xml(text) or None
                )
        suite.set("tests", str(len(suite)))
        for outcome, key in _OUTCOMES.items():
            suite.set(key, str(len(suite.findall(f"testcase/{outcome}"))))
        suites.append(suite)
    return suites


def _cases(
    result: Result, verdict: Verdict | None, wanted: Wanted
) -> Iterator[tuple[str, str, str, str]]:
    """Yield a rule, what became of it ("" if it holds), why in a line, and in full."""
    if verdict is None:
        yield "read", "error", result.reason, ""
        return
    shown, not_sure = wanted.shown, "failure" if wanted.strict else "skipped"
    if result.interrupted:
        yield "read", "error", "interrupted: judged what had arrived", ""
    else:
        lines = "\n".join(f"{one.file}:{one.line}  {one.reason}" for one in verdict.unread[:shown])
        unread = counted(verdict.unread_lines, "line")
        yield "read", not_sure if verdict.unread else "", f"{unread} unread", lines
    for rule in RULES:
        count, unknown = verdict.counts.get(rule, 0), verdict.unknown_counts.get(rule, 0)
        if count:
            text = "\n".join(_violation_text(each) for each in verdict.violations.of(rule, shown))
            times = "once" if count == 1 else f"{count} times"
            yield rule, "failure", f"violated {times}: {RULES[rule].says}", text
        elif unknown:
            message = f"{counted(unknown, 'question')} undecided"
            yield rule, not_sure, message, ""
        elif rule in verdict.counts:
            yield rule, "", "", ""
        else:
            yield rule, "skipped", "not applied", ""


def _violation_text(violation: Violation) -> str:
    place = f"{violation.process}:{violation.index}"
    where = f"{violation.file}:{violation.line}  {place}" if violation.file else place
    lines = [where, f"  expected  {violation.expected}", f"  found     {violation.found}"]
    return "\n".join([*lines, *(f"  because   {event}" for event in violation.witness)])


def _xml(text: str) -> str:
    """Return a text that XML can hold."""
    return _NOT_XML.sub(escape_found, text)
