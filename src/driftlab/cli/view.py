"""`driftlab view PATH [PATH2]`: the space-time diagram of a history, in a browser."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from driftlab.api.read import RunSource, find_sources
from driftlab.cli.flags import format_options
from driftlab.cli.terminal import print_line
from driftlab.errors import DriftlabError
from driftlab.view.server import Site
from driftlab.view.serving import PageServer, open_browser
from driftlab.view.shown import Shown


def main(options: argparse.Namespace) -> int:
    """Show what the paths hold until the user has seen enough; return the exit status."""
    shown = {}
    for number, path in enumerate(options.paths):
        sources = find_sources(path, **format_options(options))
        shown[str(number)] = _shown_of(path, sources)
    site = Site(shown)
    with _terminated_like_interrupted():
        server = PageServer(site.app, options.host, int(options.port))
        site.is_stopping = lambda: server.is_stopping
        try:
            print_line(server.address)
            sys.stdout.flush()
            if options.browser:
                open_browser(server.address)
            for each in shown.values():
                if not each.is_live:
                    each.diagram  # noqa: B018 - read while the browser starts
            server.wait()
        except KeyboardInterrupt:
            print(file=sys.stderr)
        finally:
            server.stop()
    return 0


def _shown_of(path: str, sources: list[RunSource]) -> Shown:
    if len(sources) != 1:
        raise DriftlabError(f"{path} holds {len(sources)} runs; choose one with --execution N")
    (source,) = sources
    folder = source.path if source.form is None and source.path.is_dir() else None
    return Shown(source.name, source.read, folder)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C, so that runs that were started are ended."""
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
