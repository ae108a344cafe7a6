"""`python -m benchmarks [pacing start messages capacity help simulator] [--quick]`.

Prints Markdown tables and writes them, with every figure as JSON, to
`benchmarks/results/`, those of the TCP host and of the simulator apart; only a full run of all
of one gets the name without more words. Progress goes to standard error.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import gmtime, strftime

from benchmarks import capacity, help, messages, pacing, simulator, start
from benchmarks.machines import compile_ahead
from benchmarks.tables import Table

RESULTS = Path(__file__).parent / "results"
BENCHMARKS: dict[str, Callable[[bool], list[Table]]] = {
    "pacing": pacing.measure,
    "start": start.measure,
    "messages": messages.measure,
    "capacity": capacity.measure,
    "help": help.measure,
    "simulator": simulator.measure,
}
STEMS: dict[str, tuple[str, ...]] = {
    "tcp-host": ("pacing", "start", "messages", "capacity", "help"),
    "simulator": ("simulator",),
}


def main() -> None:
    """Run what was asked for, one after the other, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="short runs, to try it out")
    options = parser.parse_args()
    names = options.names or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"{name}: no such benchmark; there are {', '.join(BENCHMARKS)}")
    compile_ahead()
    for stem, members in STEMS.items():
        chosen = [name for name in names if name in members]
        if chosen:
            tables = [table for name in chosen for table in BENCHMARKS[name](options.quick)]
            words = chosen if len(chosen) < len(members) else []
            name = "-".join([stem, *words, *(["quick"] if options.quick else [])])
            _write(name, _about(names, options.quick), tables)


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
