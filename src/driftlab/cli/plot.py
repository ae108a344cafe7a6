"""`driftlab plot PATH [FIGURE…]`: figures of runs, logs, sweeps and studies, as files."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from driftlab.cli.flags import format_options
from driftlab.cli.output import page_width
from driftlab.errors import DriftlabError
from driftlab.figures.frame_figures import FRAME_FIGURES
from driftlab.figures.output import save, suffix_of, warm_up
from driftlab.figures.run_figures import RUN_FIGURES
from driftlab.study.figures_of import figures_of

ALIASES = {"clocks": "clock", "queues": "queue", "histogram": "jump-histogram"}


class FileExistsAlreadyError(DriftlabError):
    """A file that would be replaced."""


def main(options: argparse.Namespace) -> int:
    """Draw the figures, write them to a file and return the exit status."""
    paths, names = _paths_and_names(options.path, options.figures)
    path = Path(options.out or _default_name(paths, names))
    suffix = suffix_of(path)
    if path.exists() and not options.overwrite:
        raise FileExistsAlreadyError(
            f"{path} exists; give another name with --out, or --overwrite to replace it"
        )
    if not path.parent.is_dir():
        raise DriftlabError(f"{path}: there is no folder {path.parent}")
    warm_up(suffix)

    drawn = figures_of(paths, names or None, **format_options(options))
    save(drawn.figures, path)
    if options.json:
        document = {
            "files": [str(path)],
            "figures": [
                {
                    "name": figure.name, "title": figure.title, "caption": figure.caption,
                    "rows": len(figure.data),
                }
                for figure in drawn.figures
            ],
            "left_out": drawn.left_out,
        }  # fmt: skip
        print(json.dumps(document, indent=2))
        return 0
    for figure in drawn.figures:
        print(_wrapped(figure.name, figure.title))
    for line in drawn.left_out:
        print(_wrapped("left out", line))
    print(_wrapped("written", str(path)))
    return 0


HEAD_WIDTH = 16  # characters of the first column


def _wrapped(head: str, text: str) -> str:
    from textwrap import fill

    indent = " " * HEAD_WIDTH
    return fill(
        text, max(page_width(), 40), initial_indent=head.ljust(HEAD_WIDTH),
        subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _paths_and_names(first: str, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what to draw, and which figures: a word that names no figure is a path, if it is one.

    A word that is neither stays the name of a figure, and is refused as such.
    """
    paths: list[str] = [first]
    names: list[str] = []
    for word in words:
        name = ALIASES.get(word, word)
        is_path = name not in RUN_FIGURES and name not in FRAME_FIGURES and Path(word).exists()
        (paths if is_path else names).append(word if is_path else name)
    return paths, list(dict.fromkeys(names))  # one named twice is drawn once


def _default_name(paths: Sequence[str], names: list[str]) -> str:
    """Return the name of a file in the working folder: what is drawn, and which figures.

    One figure is a picture; several are a page. All of them are called `figures`, so that
    no name is that of what is drawn.
    """
    path = paths[0]
    stem = "log" if path == "-" else Path(path).resolve().name
    for suffix in (".gz", ".parquet", ".log", ".csv", ".json", ".jsonl", ".txt"):
        stem = stem.removesuffix(suffix)
    return "-".join([stem or "run", *(names or ["figures"])]) + (
        ".svg" if len(names) == 1 else ".html"
    )
