"""`driftlab report PATH…`: a lab report about runs, a study or a sweep, as a folder."""

import argparse
import json
from pathlib import Path

from driftlab.cli.flags import format_options
from driftlab.cli.output import wrapped
from driftlab.errors import counted
from driftlab.plain_text import plain
from driftlab.report.files import require_free, write_report
from driftlab.report.reports import report_on


def main(options: argparse.Namespace) -> int:
    """Write the report and return the exit status."""
    first = Path(options.path[0])
    out = Path(options.out if options.out is not None else f"{first.stem or 'runs'}-report")
    require_free(out, overwrite=options.overwrite)
    document = report_on(*options.path, **format_options(options))
    written = write_report(document, out, overwrite=options.overwrite)
    if options.json:
        found = [
            {"kind": one.kind, "text": one.text, "warning": one.is_warning}
            for one in document.findings
        ]
        shown = {
            "out": str(out),
            "files": [str(file) for file in written],
            "findings": found,
            "figures_absent": list(document.figures_absent),
        }
        print(json.dumps(shown, indent=2))
        return 0
    for finding in document.warnings:
        print(wrapped(plain(finding.text)))
    counts = joined_counts(len(document.figures), len(document.tables))
    print(f"{out / 'report.html'}  to read and print\n{out / 'report.md'}  to edit\n{counts}")
    return 0


def joined_counts(figures: int, tables: int) -> str:
    """Return how many figures and tables there are beside the report."""
    return f"{counted(figures, 'figure')} and {counted(tables, 'table')} beside them"
