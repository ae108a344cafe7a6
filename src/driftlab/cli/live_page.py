"""The page of `run --view` and `simulate --view`: it shows machines while they run."""

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from driftlab.cli import EXIT_INTERRUPTED
from driftlab.cli.terminal import print_note
from driftlab.errors import DriftlabError
from driftlab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

    from driftlab.view.page_server import PageServer


def with_page(folder: "Path | str | None", scenario: Scenario, run: Callable[[], int]) -> int:
    """Run, and serve the page of the run meanwhile, and until Ctrl-C after that.

    folder: that the journals go into, None if there are none.
    scenario: what is run. run: runs it and returns the exit status, which is returned.
    Whatever happens to the page does not concern the run. Raise DriftlabError.
    """
    if folder is None:
        raise DriftlabError("--view: shows what the logs say, and none are written; use --out DIR")
    from pathlib import Path

    from driftlab.api.read import read
    from driftlab.view.bench import RunBench
    from driftlab.view.page_server import PageServer, open_browser
    from driftlab.view.served_history import ServedHistory
    from driftlab.view.server import Site

    place = Path(folder)
    shown = ServedHistory(place.resolve().name, partial(read, place), place)
    shown.is_expected = True
    bench = None if scenario.runs == 1 else RunBench(place)
    site = Site({"0": shown} if bench is None else {}, bench)
    server = PageServer(site.app)
    site.is_stopping = lambda: server.is_stopping
    try:
        print_note(f"view       {server.address}")
        open_browser(server)
        status = run()
        shown.is_expected = False
        sys.stdout.flush()
        if status != EXIT_INTERRUPTED:
            _wait(server)
    finally:
        shown.is_expected = False
        server.stop()
        if bench is not None:
            bench.close()
    return server.leave(status)


def _wait(server: "PageServer") -> None:
    """Keep the page until Ctrl-C."""
    from driftlab.interrupts import terminated_like_interrupted

    print_note("the page stays until Ctrl-C")
    try:
        with terminated_like_interrupted():
            server.wait()
    except KeyboardInterrupt:
        print(file=sys.stderr)
