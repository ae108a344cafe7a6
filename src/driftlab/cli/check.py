"""`driftlab check PATH`: judge a log by every rule that applies to it."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from textwrap import fill

from driftlab.api.check import LogVerdict, judge_path
from driftlab.cli import EXIT_VIOLATED
from driftlab.cli.flags import format_options
from driftlab.cli.text_table import table
from driftlab.errors import DriftlabError, counted
from driftlab.judge.checker import RULES, Verdict, Violation, chosen_rules

SHOWN = 3  # violations of each rule, and unread lines, where no limit is given


def main(options: argparse.Namespace) -> int:
    """Judge a log and return the exit status."""
    if options.rules:
        print(
            table(
                ("rule", "what it requires"), [(name, RULES[name].says) for name in RULES], left=2
            )
        )
        return 0
    if options.path is None:
        raise DriftlabError("check: name a run folder, a journal or a log (or --rules)")
    if options.preview:
        from driftlab.cli import preview

        return preview.main(options)
    limit = _limit(options.limit)
    only, without = (_names(given) for given in (options.only, options.without))
    chosen_rules(only, without)
    try:
        judged = judge_path(
            options.path, only=only, without=without, rates=_rates(options.rates),
            **format_options(options),
        )  # fmt: skip
    except DriftlabError as error:
        if options.json:
            print(json.dumps(_unreadable(str(error)), indent=2))
        raise
    if options.json:
        print(json.dumps(judged.to_dict(limit), indent=2))
    else:
        _show(judged, SHOWN if limit is None else limit)
    sys.stdout.flush()
    return 0 if judged.holds else EXIT_VIOLATED


def _names(given: Sequence[str]) -> list[str]:
    return [name for each in given for name in each.split(",") if name]


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise DriftlabError(f"--limit: {text!r} is not a whole number of at least 0")
    return int(text)


def _rates(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(rate) for rate in text.split(",")]
    except ValueError:
        raise DriftlabError(f"--rates: {text!r}; expected numbers, as in 6,3,1") from None


def _unreadable(reason: str) -> dict[str, object]:
    nothing: dict[str, object] = {"events": 0, "unknown": 0, "unread": 0}
    return {"verdict": "unreadable", **nothing, "violations": [], "counts": {}, "reason": reason}


def _show(judged: LogVerdict, limit: int) -> None:
    """Print a table of the rules, the first `limit` violations of each, and what is undecided."""
    print(_title(judged))
    print()
    rows = [
        (name, str(count) if count else "-", str(judged.unknown_of(name) or "-"))
        for name, count in judged.counts.items()
        if count or judged.unknown_of(name)
    ]
    if rows:
        print(table(("rule", "violations", "undecided"), rows))
        print()
    named = {name for name, *_ in rows}
    print(_wrapped("hold: ", [name for name in judged.counts if name not in named]))
    if judged.is_foreign and judged.not_applied:
        print(_wrapped("not applied: ", judged.not_applied))
    for name, verdict in judged.verdicts:
        for line in _lines(name, verdict, limit):
            print(line)


def _wrapped(title: str, names: Sequence[str]) -> str:
    indent = " " * len(title)
    return fill(", ".join(names) or "none", 88, initial_indent=title, subsequent_indent=indent,
                break_on_hyphens=False)  # fmt: skip


def _title(judged: LogVerdict) -> str:
    runs = f"{len(judged.verdicts)} runs, " if len(judged.verdicts) > 1 else ""
    events = counted(judged.events, "event")
    processes = counted(judged.processes, "process")
    flight = judged.in_flight
    return ", ".join(
        [
            f"{judged.verdict}: {runs}{events} of {processes}",
            f"{counted(judged.messages, 'message')} received",
            *([f"{flight} in flight"] if flight is not None else []),
            f"{counted(judged.unread, 'line')} unread",
        ]
    )


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
    """Yield what could not be read, what could not be decided, and the remarks."""
    if verdict.unread:
        yield ""
        yield f"could not be read{heading}: {counted(len(verdict.unread), 'place')}"
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
    if verdict.remarks:
        yield ""
        yield from verdict.remarks


def _more(many: int, limit: int) -> Iterator[str]:
    if many > limit:
        yield f"  … and {many - limit} more"
