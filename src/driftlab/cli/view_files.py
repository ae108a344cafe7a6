"""`driftlab view PATH --out FILE.html --svg FILE --png FILE`: the diagram in files."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from driftlab.api.diagram import SpaceTimeDiagram
from driftlab.cli.terminal import print_line
from driftlab.diagram.offline import offline_page
from driftlab.errors import DriftlabError
from driftlab.journal.whole_file import whole_file
from driftlab.view.divergence import first_divergence
from driftlab.view.served_history import ServedHistory


def write_files(options: argparse.Namespace, shown: Sequence[ServedHistory]) -> int:
    """Write the files that the flags name, each whole or not at all; return the exit status."""
    span, events_max = _span(options.span), _count(options.events)
    makers = _makers(options, shown, span, events_max)
    for file in makers:
        if Path(file).exists() and not options.overwrite:
            raise DriftlabError(f"{file} exists; name another file, or replace it with --overwrite")
        if not Path(file).absolute().parent.is_dir():
            raise DriftlabError(f"{file}: there is no folder {Path(file).parent}")
    for file, make in makers.items():
        content = make()
        with whole_file(file, replace=options.overwrite) as unfinished:
            unfinished.write_bytes(content)
        print_line(file)
    return 0


def _makers(
    options: argparse.Namespace,
    shown: Sequence[ServedHistory],
    span: tuple[float, float] | None,
    events_max: int,
) -> Mapping[str, Callable[[], bytes]]:
    """Return what makes the content of each file, by its name. Raise DriftlabError."""
    diagrams = [SpaceTimeDiagram(each.history, each.name, span) for each in shown]
    if len(diagrams) > 1 and (options.svg or options.png):
        raise DriftlabError("view: --svg and --png draw one history; name one path")

    def page() -> bytes:
        pages = [diagram.page(events_max) for diagram in diagrams]
        if len(shown) < 2:
            return offline_page(pages)
        found = first_divergence(shown[0].history.trace, shown[1].history.trace)
        compared = {"first_divergence": None if found is None else asdict(found)}
        return offline_page(pages, compared=compared)

    given = {
        options.out: page,
        options.svg: lambda: diagrams[0].svg().encode(),
        options.png: lambda: diagrams[0].png(),
    }
    return {file: make for file, make in given.items() if file is not None}


def _span(text: str | None) -> tuple[float, float] | None:
    """Return the span of `BEGIN..END`. Raise DriftlabError."""
    if text is None:
        return None
    try:
        begin, end = map(float, text.split("..", 1))
    except ValueError:
        begin, end = 0.0, 0.0
    if not -1e12 < begin < end < 1e12:
        raise DriftlabError(f"--span {text}: expected seconds, the first before the second: 12..14")
    return begin, end


def _count(text: str) -> int:
    digits = text.replace("_", "").replace(",", "")
    if not (digits.isascii() and digits.isdigit() and 0 < len(digits) < 12 and int(digits)):
        raise DriftlabError(f"--events {text}: expected a whole number of at least 1")
    return int(digits)
