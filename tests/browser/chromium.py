"""Finds the browser that the tests of the page drive, and installs Debian's where it may.

In this order: the environment variable DRIFTLAB_CHROMIUM, `chromium` and `google-chrome` in
the PATH, Playwright's own. Where there is none and the tests are run by root on a Debian, its
package is installed; else WHAT_TO_INSTALL says in one line what is missing.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

VARIABLE: Final = "DRIFTLAB_CHROMIUM"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
INSTALL_S_MAX: Final = 600.0
WHAT_TO_INSTALL: Final = (
    f"no browser: install the package chromium, or set {VARIABLE} to a Chromium or Chrome"
)


class NoBrowserError(Exception):
    """There is no browser, and none could be installed."""


def launched(playwright: "Playwright") -> "Browser":
    """Start a browser. Raise NoBrowserError."""
    found = _named() or _own(playwright) or _installed()
    if found is None:
        raise NoBrowserError(WHAT_TO_INSTALL)
    return playwright.chromium.launch(executable_path=found, args=list(FLAGS))


def _named() -> str | None:
    named = os.environ.get(VARIABLE)
    if named is not None:
        if not Path(named).is_file():
            raise NoBrowserError(f"{VARIABLE}: there is no file {named}")
        return named
    return next((path for path in map(shutil.which, NAMES) if path), None)


def _own(playwright: "Playwright") -> str | None:
    path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _installed() -> str | None:
    """Install Debian's package, if this is root's right, and return where it is."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
    ):
        try:
            subprocess.run(
                command, env=environment, capture_output=True, timeout=INSTALL_S_MAX, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
    return shutil.which("chromium")


def main() -> None:
    """Install a browser where there is none, before the tests with their time limits begin."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            print(_named() or _own(playwright) or _installed() or WHAT_TO_INSTALL)
        except NoBrowserError as error:
            print(error)


if __name__ == "__main__":
    main()
