"""A report as a folder: `report.html`, `report.md`, `figures/` and `tables/`.

The folder appears whole or not at all. Over an earlier report only these four are
replaced, and the Markdown that stood there, which somebody may have edited, is kept as
`report.old.md`.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.journal.whole_file import errors_named
from driftlab.lazy import pl
from driftlab.report.document import Document
from driftlab.report.pictures import all_page_svgs, figure_files
from driftlab.report.render import html_of, markdown_of

HTML_FILE: Final = "report.html"
MARKDOWN_FILE: Final = "report.md"
KEPT_MARKDOWN: Final = "report.old.md"
FIGURES_FOLDER: Final = "figures"
TABLES_FOLDER: Final = "tables"
PARTS: Final = (HTML_FILE, MARKDOWN_FILE, FIGURES_FOLDER, TABLES_FOLDER)


class PathTakenError(DriftlabError):
    """A path that exists where a report is to be written."""


def require_free(out: str | Path, *, overwrite: bool) -> None:
    """Raise PathTakenError if a report may not be written there."""
    path = Path(out)
    if path.is_dir() and overwrite:
        return
    if path.is_dir() or os.path.lexists(path):
        what = "exists" if path.is_dir() else "exists and is not a folder"
        hint = "" if overwrite else ", or replace it with --overwrite"
        raise PathTakenError(f"{path} {what}; name another folder with --out{hint}")


def write_report(document: Document, out: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write a report into a folder and return the files that were written.

    document: the report. out: the folder. overwrite: whether to replace an earlier report
    there. Raises PathTakenError.
    """
    require_free(out, overwrite=overwrite)
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        errors_named(path, path.parent),
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as made,
    ):
        built = Path(made) / "report"
        built.mkdir()
        _write(document, built)
        if path.exists():
            _replace(built, path)
        else:
            built.rename(path)
    return sorted(file for part in PARTS for file in _files(path / part))


def _write(document: Document, folder: Path) -> None:
    figures = document.figures
    wide, narrow = all_page_svgs(figures)
    for name, text in (
        (HTML_FILE, html_of(document, wide, narrow)),
        (MARKDOWN_FILE, markdown_of(document)),
    ):  # a run may have the name of a folder that is no text
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    (folder / FIGURES_FOLDER).mkdir()
    (folder / TABLES_FOLDER).mkdir()
    for figure in figures:
        for suffix, content in figure_files(figure).items():
            (folder / FIGURES_FOLDER / f"{figure.name}{suffix}").write_bytes(content)
        _write_csv(figure.data, folder / TABLES_FOLDER / f"figure-{figure.name}.csv")
    for table in document.tables:
        _write_csv(table.frame, folder / TABLES_FOLDER / f"{table.name}.csv")


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    with path.open("wb") as file:  # Polars takes no path that is no text
        frame.write_csv(file)


def _replace(built: Path, path: Path) -> None:
    """Put the parts of a report in the place of those of an earlier one."""
    earlier = path / MARKDOWN_FILE
    if earlier.is_file() and earlier.read_bytes() != (built / MARKDOWN_FILE).read_bytes():
        earlier.replace(path / KEPT_MARKDOWN)
    for part in PARTS:
        target = path / part
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        (built / part).rename(target)


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]
