"""The base class of every error that a user can cause, and counts for its message.

The message of a `DriftlabError` is one line that says what was wrong and what
is allowed. The command line prints it and exits with status 2. Any other
exception that escapes is a bug in driftlab and keeps its traceback.
"""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun in the singular or plural: 1 event, 2 events, 0 processes."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{count} {noun if count == 1 else plural}"


class DriftlabError(Exception):
    """What the user asked for cannot be done; the message says what to do instead."""
