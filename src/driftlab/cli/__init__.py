"""The command line: one module a command, which parses, calls the api and prints."""

import sys
from types import ModuleType
from typing import Any

EXIT_VIOLATED = 1  # a judge found violations
EXIT_DIFFERENT = 1  # a replay or a simulation differs from its run
EXIT_UNUSABLE = 2
EXIT_NOT_WHOLE = 3  # a machine was lost
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a shell reports SIGPIPE


def _import_argparse() -> None:
    """Import argparse without gettext.

    It would look up each of its words in translations that it does not have, and the
    import of gettext takes longer than that of argparse itself.
    """
    untranslated: Any = ModuleType("gettext")
    untranslated.gettext = lambda text: text
    untranslated.ngettext = lambda one, several, number: one if number == 1 else several
    before = sys.modules.get("gettext")
    sys.modules["gettext"] = untranslated
    try:
        import argparse  # noqa: F401 - imported for its effect: later imports find it
    finally:
        if before is None:
            del sys.modules["gettext"]
        else:
            sys.modules["gettext"] = before


_import_argparse()
