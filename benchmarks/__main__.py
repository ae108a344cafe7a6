"""Run benchmarks: `python -m benchmarks [NAME ...] [--quick]` (default: all of them).

Prints Markdown tables and writes them, and every figure as JSON, to
`benchmarks/results/`, one file for each suite. Progress goes to standard error.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import gmtime, strftime

from benchmarks import (
    capacity,
    general,
    help,
    history,
    messages,
    minute,
    pacing,
    plots,
    reading,
    sealing,
    shiviz,
    simulator,
    start,
    statistics,
    sweep,
    theory,
    view,
    view_frames,
    view_pages,
)
from benchmarks.machines import compile_ahead
from benchmarks.tables import Table

RESULTS = Path(__file__).parent / "results"
SUITES: dict[str, dict[str, Callable[[bool], list[Table]]]] = {
    "tcp-host": {
        "pacing": pacing.measure,
        "start": start.measure,
        "messages": messages.measure,
        "capacity": capacity.measure,
        "help": help.measure,
        "sealing": sealing.measure,
    },
    "general-engine": {"general": general.measure},
    "history": {"history": history.measure},
    "reading": {"reading": reading.measure},
    "statistics": {"statistics": statistics.measure},
    "plots": {"plots": plots.measure},
    "others-logs": {"shiviz": shiviz.measure},
    "theory": {"theory": theory.measure},
    "simulator": {"simulator": simulator.measure, "minute": minute.measure},
    "study": {"sweep": sweep.measure},
    "view": {
        "view": view.measure,
        "view-pages": view_pages.measure,
        "view-frames": view_frames.measure,
    },
}


def main() -> None:
    """Run the chosen benchmarks one after the other and write the results."""
    known = [name for suite in SUITES.values() for name in suite]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(known)} (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="short runs, to try it out")
    options = parser.parse_args()
    for name in options.names:
        if name not in known:
            parser.error(f"{name}: no such benchmark; choose from {', '.join(known)}")
    compile_ahead()
    for suite, benchmarks in SUITES.items():
        names = [name for name in options.names or known if name in benchmarks]
        if names:
            about = _about(names, options.quick)
            tables = [table for name in names for table in benchmarks[name](options.quick)]
            _write(_stem(suite, names, options.quick), about, tables)


def _stem(suite: str, names: Sequence[str], quick: bool) -> str:
    """Return the stem of the result files: the suite, unless only a part of it was run."""
    chosen = names if len(names) < len(SUITES[suite]) else []
    return "-".join([suite, *chosen, *(["quick"] if quick else [])])


def _about(names: Sequence[str], quick: bool) -> dict[str, object]:
    words = ["python", "-m", "benchmarks", *names, *(["--quick"] if quick else [])]
    return {
        "command": " ".join(words),
        "length": "quick" if quick else "full",
        "date": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
    }


def _write(stem: str, about: dict[str, object], tables: Sequence[Table]) -> None:
    head = ", ".join(f"{key} {value}" for key, value in about.items())
    markdown = "\n".join([f"{head}\n", *(table.to_markdown() for table in tables)])
    document = about | {"tables": [table.to_json() for table in tables]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{stem}.md").write_text(markdown, encoding="utf-8")
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (RESULTS / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(markdown)


if __name__ == "__main__":
    main()
