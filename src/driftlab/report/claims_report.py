"""The report about claims: each verdict with the figures that it rests on.

A claim that the data leave open is reported as undecided, with what was found all the same.
"""

from collections.abc import Sequence
from typing import Final

from driftlab import __version__
from driftlab.errors import counted
from driftlab.lazy import pl
from driftlab.report.document import Document, Section, Table
from driftlab.report.findings import Finding
from driftlab.study.claims.registry import ClaimVerdict, summary_of

HEADINGS: Final = {
    "holds": "Claims that hold",
    "holds-if": "Claims that hold under a condition",
    "does-not-hold": "Claims that do not hold",
    "undecided": "Claims that these runs leave open",
}
QUESTIONS: Final = {
    "holds-if": "Why does each of these claims need its condition? Find a run that breaks it "
    "without.",
    "does-not-hold": "What did those who made these claims see that made them look true?",
    "undecided": "How many runs, or runs of which rates, would decide these claims?",
}


def report_on_claims(judged: Sequence[ClaimVerdict], runs: str) -> Document:
    """Return the report about claims that were judged. runs: what they were judged by, in words."""
    sections = [Section("The verdicts", tables=[_table(judged)])]
    for verdict, heading in HEADINGS.items():
        some = [each for each in judged if each.verdict == verdict]
        if some:
            question = QUESTIONS.get(verdict)
            sections.append(
                Section(
                    heading,
                    [Finding(f"claim-{verdict}", _told(each)) for each in some],
                    questions=[] if question is None else [question],
                )
            )
    return Document(
        title="Lab report: claims about clocks and queues",
        introduction=(
            f"{counted(len(judged), 'claim')}, judged by {runs}: {summary_of(judged)}. "
            "P1, P2 and P3 are the fastest, the middle and the slowest machine of a run, r1, r2 "
            "and r3 their rates. Intervals cover 95 %, over runs."
        ),
        warnings=_late(judged),
        sections=sections,
        origin=[("Judged by", runs), ("Made by", f"driftlab {__version__}")],
    )


def _told(claim: ClaimVerdict) -> str:
    condition = f" Holds if {claim.condition}." if claim.condition else ""
    return f"{claim.id}: {claim.statement}.{condition} {claim.text}"


def _late(judged: Sequence[ClaimVerdict]) -> list[Finding]:
    late = max((each.late_ticks for each in judged), default=0)
    if not late:
        return []
    text = f"late: {counted(late, 'tick')} began more than a period late; lower --speed."
    return [Finding("late", text, is_warning=True)]


def _table(judged: Sequence[ClaimVerdict]) -> Table:
    rows = tuple(
        (each.id, each.verdict.replace("-", " "), each.figure, str(each.runs)) for each in judged
    )
    frame = pl.DataFrame(
        [
            {
                **{key: value for key, value in each.to_dict().items() if key != "ci95"},
                "ci95_low": None if each.ci95 is None else each.ci95[0],
                "ci95_high": None if each.ci95 is None else each.ci95[1],
            }
            for each in judged
        ],
        infer_schema_length=None,
    )
    heads = ("claim", "verdict", "figure (95 % interval)", "runs")
    return Table("claims", "The verdicts", heads, rows, frame)
