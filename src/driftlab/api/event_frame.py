"""The frame of events: Polars', with a plain word where pandas is missing."""

from typing import Any

import polars as pl

from driftlab.errors import DriftlabError


class MissingLibraryError(DriftlabError, ImportError):
    """A library that is not needed otherwise is not installed; the message says which."""


class EventFrame(pl.DataFrame):
    """A Polars frame whose `to_pandas` says what to install."""

    def to_pandas(self, *args: Any, **options: Any) -> Any:
        """Return the frame as one of pandas. Raise MissingLibraryError if that is missing."""
        try:
            return super().to_pandas(*args, **options)
        except ModuleNotFoundError as error:
            raise MissingLibraryError(
                f"to_pandas needs pandas and pyarrow ({error.name} is missing): "
                "pip install pandas pyarrow"
            ) from None
