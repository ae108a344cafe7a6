"""The base of every error that is meant for the person at the keyboard.

An error that derives from `DriftlabError` carries one line: what was wrong and
what is allowed. The command line prints that line and exits with status 2.
Anything else that escapes is a bug of ours and keeps its traceback.
"""


class DriftlabError(Exception):
    """Something the user asked for cannot be done; the message says what to do instead."""
