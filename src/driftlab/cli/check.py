"""`driftlab check PATH …`: judge logs by every rule that applies to them."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from textwrap import fill
from typing import Final, TypeAlias

from driftlab.api.check import LogVerdict, judge_path
from driftlab.cli import EXIT_INTERRUPTED, EXIT_UNUSABLE, EXIT_VIOLATED
from driftlab.cli.check_reports import (
    Report,
    Wanted,
    annotations,
    fault_line,
    report_on,
    result_table,
    summary,
    write_csv,
    write_junit,
)
from driftlab.cli.check_results import (
    UNREADABLE,
    Result,
    progress,
    submissions,
    unread_result,
    worst_status,
)
from driftlab.cli.flags import format_options, parse_rates
from driftlab.cli.output import table, terminal_width
from driftlab.cli.standard_input import (
    STANDARD_INPUT,
    StandardInputError,
    run_on_input,
    spooled_input,
)
from driftlab.cli.terminal import print_error, print_verdict, table_stream
from driftlab.errors import DriftlabError, counted, lines_of_runs
from driftlab.journal.whole_file import open_whole
from driftlab.judge.checker import HOLDS, RULES, UNDECIDED, Verdict, Violation, chosen_rules
from driftlab.plain_text import plain

Judge: TypeAlias = Callable[..., LogVerdict]

INTERRUPTED: Final = "interrupted: judged what had arrived"
SHOWN = 3  # violations of each rule, and unread lines, where no limit is given
WIDTH_MAX = 88  # characters of a line that is a list


def main(options: argparse.Namespace) -> int:
    """Judge logs and return the exit status, that of the worst."""
    if options.rules:
        print(
            table(
                ("rule", "what it requires"), [(name, RULES[name].says) for name in RULES], left=2
            )
        )
        return 0
    if not options.paths:
        raise DriftlabError("check: name a run folder, a journal or a log (or --rules)")
    if options.preview:
        return _preview(options)
    judge, wanted = _judge(options), _wanted(options)
    _require_reports_that_fit(options)
    if len(options.paths) > 1 or options.submissions:
        paths = submissions(options.paths) if options.submissions else options.paths
        return _check_several(options, paths, judge, wanted)
    return _check_one(options, judge, wanted)


def _preview(options: argparse.Namespace) -> int:
    """Show how one path, or standard input, is read."""
    from driftlab.cli import preview

    if len(options.paths) > 1 or options.submissions:
        raise DriftlabError("check --preview: shows how one log is read; name one path")
    (options.path,) = options.paths
    if options.path == STANDARD_INPUT:
        return run_on_input(preview.main, options)
    return preview.main(options)


def _judge(options: argparse.Namespace) -> Judge:
    """Return the function that judges a path as the flags say. Raise DriftlabError."""
    only, without = (_names(given) for given in (options.only, options.without))
    chosen_rules(only, without)
    return partial(
        judge_path, only=only, without=without, rates=parse_rates(options.rates),
        complete=options.complete, **format_options(options),
    )  # fmt: skip


def _wanted(options: argparse.Namespace) -> Wanted:
    """Return what the flags say of the reports. Raise DriftlabError."""
    limit = _limit(options.limit)
    return Wanted(
        limit, SHOWN if limit is None else limit, options.strict, options.json, options.github,
        options.junit is not None,
    )  # fmt: skip


def _require_reports_that_fit(options: argparse.Namespace) -> None:
    """Raise DriftlabError if two flags want all of standard output, or a report replaces a log."""
    given = {"--quiet": options.quiet, "--json": options.json, "--github": options.github,
             "--csv -": options.csv == STANDARD_INPUT}  # fmt: skip
    asked = [flag for flag, is_given in given.items() if is_given]
    if len(asked) > 1:
        raise DriftlabError(f"check: {' and '.join(asked[:2])} do not go together; leave one out")
    for flag, file in (("--csv", options.csv), ("--junit", options.junit)):
        if file is not None and any(_is_same_file(file, path) for path in options.paths):
            raise DriftlabError(f"{flag} {file}: is the log to judge; name another file")


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.isfile(one) and os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _check_one(options: argparse.Namespace, judge: Judge, wanted: Wanted) -> int:
    """Judge one path and say all about it."""
    result = _result(options.paths[0], judge, strict=options.strict)
    report = report_on(result, wanted)
    if options.json:
        print(json.dumps(report.document, indent=2))
    elif result.judged is not None and not options.quiet and options.csv != STANDARD_INPUT:
        if result.interrupted:
            print(f"{INTERRUPTED}\n")
        _show(result.judged, wanted.shown)
        if options.strict and _open_questions(result.judged) and result.judged.holds:
            print(f"\nstrict: {_open_questions(result.judged)}")
    _write_reports(options, [report])
    if result.judged is None:
        options.save_reading = None  # it read nothing
        is_said = options.reading is None or options.reading in result.reason
        how = "" if is_said else f" (read as {options.reading} says)"
        print_error(f"{result.reason}{how}")
    elif result.verdict == UNDECIDED:
        reason = result.short_reason
        print_error(f"{result.name}: nothing could be judged: {reason}")
    if result.interrupted:
        print(f"driftlab: {INTERRUPTED}", file=sys.stderr)
    return result.status


def _check_several(
    options: argparse.Namespace, paths: Sequence[str], judge: Judge, wanted: Wanted
) -> int:
    """Judge several paths, each by itself, and say what was found in a row each."""
    reports: list[Report] = []
    interrupted = False
    try:
        with progress(len(paths)) as advance:
            for path in paths:
                reports.append(_report_on_one_of_several(path, reports, judge, wanted))
                advance()
    except KeyboardInterrupt:
        interrupted = True
    if options.json:
        rows = [{"path": report.path, **(report.document or {})} for report in reports]
        print(json.dumps({"paths": rows, **({"interrupted": True} if interrupted else {})},
                         indent=2))  # fmt: skip
    elif not options.quiet and options.csv != STANDARD_INPUT and reports:
        print(f"{result_table(reports)}\n\n{summary(reports)}")
    _write_reports(options, reports)
    _print_not_judged(reports)
    if interrupted:
        done = f"{len(reports)} of {counted(len(paths), 'path')} were judged"
        print(f"driftlab: interrupted: {done}", file=sys.stderr)
        return EXIT_INTERRUPTED
    return worst_status([report.status for report in reports])


def _report_on_one_of_several(
    path: str, reports: Sequence[Report], judge: Judge, wanted: Wanted
) -> Report:
    """Return the report on a path; one that was given before is not judged again."""
    known = next((report for report in reports if report.path == path), None)
    return known or report_on(_result(path, judge, strict=wanted.strict), wanted)


def _print_not_judged(reports: Sequence[Report]) -> None:
    """Print one line on standard error if paths could not be judged, and why the first not."""
    lacking = [each for each in reports if each.verdict in (UNREADABLE, UNDECIDED)]
    if lacking:
        first = lacking[0]
        reason = first.reason.removeprefix(f"{first.name}: ")
        many = f"{len(lacking)} of {counted(len(reports), 'path')} could not be judged; the first: "
        print_error(f"{many if len(lacking) > 1 else ''}{first.name}: {reason}")


def _result(path: str, judge: Judge, *, strict: bool) -> Result:
    """Judge one path, whatever it is."""
    if path != STANDARD_INPUT:
        try:
            judged = judge(path)
        except DriftlabError as error:
            return unread_result(path, str(error))
        except OSError as error:
            if error.filename is None:
                raise
            return unread_result(path, f"{path}: {error.strerror}")
        return Result(path, judged, exit_status(judged, strict=strict))
    try:
        with spooled_input() as spooled:
            try:
                judged = judge(spooled.path)
            except DriftlabError as error:
                return unread_result(path, str(error), spooled)
            status = exit_status(judged, strict=strict)
            if spooled.interrupted:
                status = EXIT_INTERRUPTED
            return Result(path, judged, status, interrupted=spooled.interrupted)
    except StandardInputError as error:
        return unread_result(path, str(error))


def _write_reports(options: argparse.Namespace, reports: Sequence[Report]) -> None:
    """Write the files that were asked for, and print what is for programs."""
    if options.github:
        for line in annotations(reports):
            print(line)
    if options.csv == STANDARD_INPUT:
        write_csv(reports, table_stream())
    elif options.csv is not None:
        with open_whole(options.csv, newline="") as file:
            write_csv(reports, file)
    if options.junit is not None:
        write_junit(reports, options.junit)
    sys.stdout.flush()


def exit_status(judged: LogVerdict, *, strict: bool) -> int:
    """Return the exit status of a verdict; `strict`: a line unread or a question open is 1."""
    if judged.verdict == UNDECIDED:
        return EXIT_UNUSABLE
    return EXIT_VIOLATED if not judged.holds or (strict and _open_questions(judged)) else 0


def _open_questions(judged: LogVerdict) -> str:
    """Return what the verdict leaves open, in words; empty if nothing."""
    unread = f"{counted(judged.unread, 'line')} unread" if judged.unread else ""
    unknown = f"{counted(judged.unknown, 'question')} undecided" if judged.unknown else ""
    return ", ".join(filter(None, (unread, unknown)))


def _names(given: Sequence[str]) -> list[str]:
    return [name for each in given for name in each.split(",") if name]


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise DriftlabError(f"--limit: {text!r} is not a whole number of at least 0")
    return int(text)


def _show(judged: LogVerdict, limit: int) -> None:
    """Print a table of the rules, the first `limit` violations of each, and what is undecided."""
    colours = {HOLDS: "good", UNDECIDED: "open"}
    print_verdict(_title(judged), colours.get(judged.verdict, "bad"))
    line = fault_line(judged.faults)
    if line:
        print(_filled(line))
    print()
    rows = [
        (name, str(judged.counts.get(name) or "-"), str(judged.unknown_of(name) or "-"))
        for name in RULES
        if judged.counts.get(name) or judged.unknown_of(name)
    ]
    if rows:
        print(table(("rule", "violations", "undecided"), rows))
        print()
    named = {name for name, *_ in rows}
    held = [name for name in judged.counts if name not in named]
    if held or judged.verdict != HOLDS or not named:
        print(_wrapped("hold: ", held))
    else:  # it holds, and yet no rule has decided every question
        print(_wrapped("hold, but for what is undecided: ", list(judged.counts)))
    if judged.is_foreign and judged.not_applied:
        print(_wrapped("not applied: ", judged.not_applied))
    for name, verdict in judged.verdicts:
        for line in _lines(name, verdict, limit):
            print(_fitted(line))
    for line in _remarks(judged):
        print(_fitted(line))
    if judged.verdict == HOLDS:
        for name in judged.undecided_runs:
            print(f"\nundecided in {name}: nothing could be judged")


def _wrapped(title: str, names: Sequence[str]) -> str:
    indent = " " * len(title)
    width = int(min(WIDTH_MAX, terminal_width()))
    return fill(", ".join(names) or "none", width, initial_indent=title, subsequent_indent=indent,
                break_on_hyphens=False)  # fmt: skip


def _filled(line: str) -> str:
    """Return a line that is a sentence, wrapped."""
    width = int(min(WIDTH_MAX, terminal_width()))
    return fill(line, width, subsequent_indent="  ", break_on_hyphens=False)


def _title(judged: LogVerdict) -> str:
    """Return the headline: the verdict, and what it rests on."""
    runs = counted(len(judged.verdicts), "run") if len(judged.verdicts) > 1 else ""
    events, processes = counted(judged.events, "event"), counted(judged.processes, "process")
    unread = f"{counted(judged.unread, 'line')} unread"
    flight = [] if judged.in_flight is None else [f"{judged.in_flight} in flight"]
    counts = [_received(judged), *flight]
    if judged.verdict == HOLDS and judged.unread:
        counts = [each for each in (runs, processes) if each] + counts
        line = f"holds for the {events} read; {unread} ({', '.join(counts)})"
    else:
        counts = [each for each in (runs, f"{events} of {processes}") if each] + counts
        what = ", ".join([*counts, unread])
        line = f"{judged.verdict}: {what}"
        if judged.verdict == UNDECIDED:
            line = f"undecided: nothing could be judged ({what})"
    return _fitted(line)


def _fitted(line: str) -> str:
    """Return a line broken between words if a terminal is too narrow for it."""
    line = plain(line)
    width, indent = terminal_width(), len(line) - len(line.lstrip())
    if len(line) <= width:
        return line
    return fill(
        line, int(width), subsequent_indent=" " * (indent + 4 if indent else 2),
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def _received(judged: LogVerdict) -> str:
    """Return how many messages were received, and of how many the log does not say which."""
    received = f"{counted(judged.messages, 'message')} received"
    unnamed = judged.unnamed_messages
    if not unnamed:
        return received
    verb = "names" if unnamed == 1 else "name"
    return f"{received} (of which {unnamed} {verb} no message)"


def _lines(name: str, verdict: Verdict, limit: int) -> Iterator[str]:
    heading = f" in {name}" if name else ""
    for rule, count in verdict.counts.items():
        if count:
            yield ""
            times = "once" if count == 1 else f"{count} times"
            shown = f"the first {limit} shown" if limit else "none shown"
            more = f", {shown}" if count > limit else ""
            yield f"{rule}: {RULES[rule].says}; violated {times}{heading}{more}"
            for violation in verdict.violations.of(rule, limit):
                yield from _violation_lines(violation)
    yield from _undecided(verdict, limit, heading)


def _violation_lines(violation: Violation) -> Iterator[str]:
    place = f"{violation.process}:{violation.index}"
    where = f"{violation.file}:{violation.line}  {place}" if violation.file else place
    yield f"  {where}"
    yield f"    expected  {violation.expected}"
    yield f"    found     {violation.found}"
    for number, event in enumerate(violation.witness):
        yield f"    {'because ' if number == 0 else '        '}  {event}"


def _undecided(verdict: Verdict, limit: int, heading: str) -> Iterator[str]:
    """Yield what could not be read, and what could not be decided."""
    if verdict.unread:
        yield ""
        places = counted(len(verdict.unread), "place")
        yield f"could not be read{heading}: {counted(verdict.unread_lines, 'line')} in {places}"
        for each in verdict.unread[:limit]:
            yield f"  {each.file}:{each.line}  {each.reason}"
        yield from _more(len(verdict.unread), limit)
    if verdict.unknown:
        yield ""
        yield f"undecided{heading}: {counted(verdict.unknown, 'question')}"
        for one in verdict.unknowns(limit):
            where = f"{one.file}:{one.line}  " if one.file else ""
            yield f"  {where}{one.process}:{one.index}  {one.rule}: {one.reason}"
        if max(verdict.unknown_counts.values()) > limit:
            yield f"  (the first {limit} of each rule; --limit shows more)"


def _remarks(judged: LogVerdict) -> Iterator[str]:
    """Yield what was assumed and what should be known, what is said of several runs once."""
    runs = judged.verdicts
    assumed = lines_of_runs([(name, verdict.assumed) for name, verdict in runs])
    lines = [f"assumed: {line}" for line in assumed]
    lines += lines_of_runs([(name, verdict.remarks) for name, verdict in runs])
    if lines:
        yield ""
        yield from lines


def _more(many: int, limit: int) -> Iterator[str]:
    if many > limit:
        yield f"  … and {many - limit} more"
