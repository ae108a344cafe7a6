"""The version of driftlab, which what it writes is marked with."""

from typing import Final

VERSION: Final = "0.1.0"
