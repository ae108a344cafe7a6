"""`driftlab view PATH [PATH2]`: the space-time diagram of a history, in a browser or a file."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from driftlab.cli.flags import format_options
from driftlab.cli.terminal import print_line, print_note
from driftlab.errors import DriftlabError
from driftlab.interrupts import terminated_like_interrupted
from driftlab.journal.run_folder import RUNS_FOLDER
from driftlab.view.bench import RunBench
from driftlab.view.open_path import open_path
from driftlab.view.page_server import PageServer, open_browser
from driftlab.view.served_history import ServedHistory
from driftlab.view.server import Site

PATHS_MAX: Final = 2
STANDARD_INPUT: Final = "-"
_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


def main(options: argparse.Namespace) -> int:
    """Show what the paths hold, or write it to files; return the exit status."""
    paths = options.paths or [RUNS_FOLDER]
    if len(paths) > PATHS_MAX:
        raise DriftlabError(f"view: {len(paths)} paths; at most two are shown, one below the other")
    if STANDARD_INPUT not in paths:
        return _view(options, paths)
    from driftlab.cli.standard_input import NAME, spooled_input

    with spooled_input() as spooled:
        given = [str(spooled.path) if path == STANDARD_INPUT else path for path in paths]
        return _view(options, given, {str(spooled.path): NAME})


def _view(
    options: argparse.Namespace, paths: list[str], names: Mapping[str, str] = _NO_NAMES
) -> int:
    """Show what the paths hold, or write it to files; names: what paths are called instead."""
    reading = format_options(options)
    if options.out or options.svg or options.png:
        from driftlab.cli.view_files import write_files

        return write_files(options, [_one(path, reading, names) for path in paths])
    shown, bench = _contents(paths, reading, names)
    return _serve(options, Site(shown, bench), shown, bench)


def _contents(
    paths: list[str], reading: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[dict[str, ServedHistory], RunBench | None]:
    """Return the diagrams by their ids, and the bench, if one path is a folder of runs."""
    if len(paths) == PATHS_MAX:
        one_each = (_one(path, reading, names) for path in paths)
        return {str(number): one for number, one in enumerate(one_each)}, None
    (path,) = paths
    if path == RUNS_FOLDER and not Path(path).exists():
        return {}, RunBench(Path(path))
    found = open_path(path, reading)
    if isinstance(found, RunBench):
        return {}, found
    found.name = names.get(path, found.name)
    return {"0": found}, None


def _one(path: str, reading: Mapping[str, Any], names: Mapping[str, str]) -> ServedHistory:
    """Return the one diagram of a path. Raise DriftlabError if it has several."""
    found = open_path(path, reading)
    if isinstance(found, RunBench):
        raise DriftlabError(f"{path} holds several runs; name one of them, or use --execution N")
    found.name = names.get(path, found.name)
    return found


def _serve(
    options: argparse.Namespace,
    site: Site,
    shown: Mapping[str, ServedHistory],
    bench: RunBench | None,
) -> int:
    """Serve pages until Ctrl-C."""
    with terminated_like_interrupted():
        server = PageServer(site.app, options.host, port_of(options.port))
        site.is_stopping = lambda: server.is_stopping
        try:
            print_line(server.address)
            sys.stdout.flush()
            if options.browser and not open_browser(server):
                print_note("no browser could be opened; open this address in one; Ctrl-C ends")
            for each in shown.values():
                if not each.is_live:
                    each.read_now()  # while the browser starts; what cannot be read ends us
            server.wait()
        except KeyboardInterrupt:
            print(file=sys.stderr)
        finally:
            server.stop()
            if bench is not None:
                bench.close()
        return server.leave(0)


def port_of(text: str) -> int:
    """Return a port. Raise DriftlabError if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 1 << 16):
        raise DriftlabError(
            f"--port {text}: a port is a whole number from 0 to 65535; 0: a free one"
        )
    return int(text)
