"""Draws the pictures of docs/view.md in the browser: `python -m tests.browser.pictures FOLDER`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

import driftlab
from driftlab.api.read import read
from driftlab.view.served_history import ServedHistory
from tests.browser.chromium import launched
from tests.browser.shown_page import ShownPage
from tests.served import served

VIEWS = {
    "page": "span=10.2e9_17.6e9&event=0.76&plots=clock.queue",
    "cut": "span=10.2e9_17.6e9&cut=0.78.50.13&panel=cut&plots=none",
}


def draw(folder: Path) -> None:
    """Draw each picture into a folder. The run is that of the page's first example."""
    with TemporaryDirectory() as place, sync_playwright() as playwright:
        run = Path(place) / "minute"
        driftlab.simulate(driftlab.Scenario(rates=[6, 3, 1], seconds=60, seed=7), out=run)
        browser = launched(playwright)
        context = browser.new_context(viewport={"width": 1180, "height": 600})
        with served({"0": ServedHistory("minute", lambda: read(run), run)}) as client:
            page = ShownPage(context)
            for name, view in VIEWS.items():
                page.open(f"http://{client.host}:{client.port}{client.base}diagram/0/#{view}")
                page.until("driftlabPage.runs[0].verdict")
                page.settle().page.screenshot(path=folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
