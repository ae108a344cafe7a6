"""Hybrid clocks: every kind of finding to the letter, and where there is none."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_logs import (
    ARRIVALS_MISSING,
    NO_HYBRID,
    SEND_UNKNOWN,
    STEP_UNKNOWN,
    TICKS_MISSING,
    Case,
    Csv,
    edit,
)


def hybrid(*changed: tuple[str, str]) -> dict[str, Any]:
    """Return a run with a hybrid clock, with texts of A and B replaced. B's clock is 5 s behind."""
    log: dict[str, Any] = {
        "A": """
            time=5000000000 internal - - - 1 0 - 5000000000.0
            time=6000000000 send - - B 2 0 - 6000000000.0
            time=7000000000 internal - - - 3 0 - 7000000000.0
            time=8000000000 receive B 6 - 7 0 B:6:6000000000.4 8000000000.0
            time=9000000000 internal - - - 8 0 - 9000000000.0
        """,
        "B": """
            internal - - - 1 0 - 0.0
            internal - - - 2 0 - 1000000000.0
            receive A 2 - 3 0 A:2:6000000000.0 6000000000.1
            internal - - - 4 0 - 6000000000.2
            internal - - - 5 0 - 6000000000.3
            send - - A 6 0 - 6000000000.4
            internal - - - 7 0 - 6000000000.5
            internal - - - 8 0 - 7000000000.0
        """,
        "headers": {"": {"clock": "hybrid", "process": "die", "world": "real"}},
    }
    for old, new in changed:
        (name,) = (each for each in "AB" if old in log[each])
        log = edit(log, name, (old, new))
    return log


CASES = {
    "right hybrid clocks": Case(
        hybrid(),
    ),
    "not above the message": Case(
        hybrid(
            ("6000000000.1", "6000000000.0"),
            ("4 0 - 6000000000.2", "4 0 - 6000000000.1"),
            ("5 0 - 6000000000.3", "5 0 - 6000000000.2"),
            ("6 0 - 6000000000.4", "6 0 - 6000000000.3"),
            ("6000000000.5", "6000000000.4"),
        ),
        violations=[
            ("hybrid-condition", "B:2", 5, "above (6000000000, 0)", "(6000000000, 0)", "A:1 B:2"),
        ],
    ),
    "message not merged": Case(
        hybrid(
            ("6000000000.1", "2000000000.0"),
            ("4 0 - 6000000000.2", "4 0 - 3000000000.0"),
            ("5 0 - 6000000000.3", "5 0 - 4000000000.0"),
            ("6 0 - 6000000000.4", "6 0 - 5000000000.0"),
            ("6000000000.5", "6000000000.0"),
        ),
        violations=[
            ("hybrid-condition", "B:2", 5, "above (6000000000, 0)", "(2000000000, 0)", "A:1 B:2"),
        ],
    ),
    "not above the event before": Case(
        hybrid(("6000000000.5", "6000000000.4"), ("8 0 - 7000000000.0", "8 0 - 7000000000.0")),
        violations=[
            ("hybrid-condition", "B:6", 9, "above (6000000000, 4)", "(6000000000, 4)", "B:5 B:6"),
        ],
    ),
    "below the event before": Case(
        hybrid(("3 0 - 7000000000.0", "3 0 - 5500000000.0")),
        violations=[
            ("hybrid-condition", "A:2", 5, "above (6000000000, 0)", "(5500000000, 0)", "A:1 A:2"),
        ],
    ),
    "a gap, and a message after it": Case(
        {
            **hybrid(),
            "A": """
        time=5000000000 internal - - - 1 0 - 5000000000.0
        time=6000000000 send - - B 2 0 - 6000000000.0
        tick=3 time=8000000000 receive B 6 - 7 0 B:6:6000000000.4 8000000000.7
        tick=4 time=9000000000 internal - - - 8 0 - 9000000000.0
    """,
        },
        unknown=[
            ("process-order", "A:2", TICKS_MISSING),
            ("lamport-step", "A:2", STEP_UNKNOWN),
            ("hybrid-step", "A:2", NO_HYBRID),
            ("queue", "A:2", ARRIVALS_MISSING),
        ],
    ),
    "l ahead of all physical times": Case(
        hybrid(("9000000000.0", "9000000001.0")),
        violations=[
            ("hybrid-bound", "A:4", 7, "(9000000000, 0), from its physical time", "(9000000001, 0)",
             "A:3 A:4"),
        ],
    ),
    "l ahead for one event": Case(
        hybrid(("3 0 - 7000000000.0", "3 0 - 9500000000.0")),
        violations=[
            ("hybrid-bound", "A:2", 5, "(7000000000, 0), from its physical time", "(9500000000, 0)",
             "A:1 A:2"),
        ],
    ),
    "l ahead at a first event": Case(
        hybrid(("1 0 - 0.0", "1 0 - 7.0")),
        violations=[
            ("hybrid-bound", "B:0", 3, "(0, 0), from its physical time", "(7, 0)", "B:0"),
        ],
    ),
    "l behind the own physical time": Case(
        hybrid(("8 0 - 7000000000.0", "8 0 - 6500000000.0")),
        violations=[
            ("hybrid-bound", "B:7", 10, "(7000000000, 0), from its physical time",
             "(6500000000, 0)", "B:6 B:7"),
        ],
    ),
    "a counter that does not return to 0": Case(
        hybrid(("8 0 - 7000000000.0", "8 0 - 7000000000.6")),
        violations=[
            ("hybrid-step", "B:7", 10, "(7000000000, 0), from its physical time", "(7000000000, 6)",
             "B:6 B:7"),
        ],
    ),
    "a counter that skips one": Case(
        hybrid(("6000000000.5", "6000000000.7")),
        violations=[
            ("hybrid-step", "B:6", 9, "(6000000000, 5), from the timestamp of B:5",
             "(6000000000, 7)", "B:5 B:6"),
        ],
    ),
    "a counter that skips one, for one event": Case(
        hybrid(("4 0 - 6000000000.2", "4 0 - 6000000000.8")),
        violations=[
            ("hybrid-step", "B:3", 6, "(6000000000, 2), from the timestamp of B:2",
             "(6000000000, 8)", "B:2 B:3"),
        ],
    ),
    "a counter that stands, for one event": Case(
        hybrid(("4 0 - 6000000000.2", "4 0 - 6000000000.1")),
        violations=[
            ("hybrid-condition", "B:3", 6, "above (6000000000, 1)", "(6000000000, 1)", "B:2 B:3"),
        ],
    ),
    "a counter too small by one in an event of a physical time that stands": Case(
        {
            "A": """
            time=9000000000 internal - - - 1 0 - 9000000000.0
            time=9000000000 internal - - - 2 0 - 9000000000.1
            time=9000000000 internal - - - 3 0 - 9000000000.1
            time=9000000000 internal - - - 4 0 - 9000000000.3
        """,
            "B": "internal - - - 1 0 - 0.0",
            "headers": {"": {"clock": "hybrid", "process": "die"}},
        },
        violations=[
            ("hybrid-condition", "A:2", 5, "above (9000000000, 1)", "(9000000000, 1)", "A:1 A:2"),
        ],
    ),
    "a message from an event that alone is wrong": Case(
        hybrid(("6 0 - 6000000000.4", "6 0 - 9900000000.4")),
        violations=[
            ("hybrid-bound", "B:5", 8, "(6000000000, 4), from the timestamp of B:4",
             "(9900000000, 4)", "B:4 B:5"),
        ],
    ),
    "a message whose send is not there": Case(
        {**hybrid(), "A": "time=5000000000 internal - - - 1 0 - 5000000000.0", "ended": "B"},
        unknown=[
            ("process-order", "A:0", TICKS_MISSING),
            ("hybrid-step", "B:2", NO_HYBRID),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
        ],
        in_flight=1,
        remarks=["the log of A breaks off at A:0"],
    ),
    "a clock without physical times": Case(
        Csv(
            "process hybrid",
            """
        A 5.0
        A 5.0
        A 4.9
        A 6.0
        B 1.0
    """,
        ),
        violations=[
            ("hybrid-condition", "A:1", 3, "above (5, 0)", "(5, 0)", "A:0 A:1"),
            ("hybrid-condition", "A:2", 4, "above (5, 0)", "(4, 9)", "A:1 A:2"),
        ],
        in_flight=None,
    ),
    "physical times and a table that may begin anywhere": Case(
        Csv(
            "process hybrid time",
            """
        A 900.4 100
        A 900.5 100
        A 900.5 101
        A 950.6 950
        B 7.0 7
        B 9.3 9
        B - 10
        B 11.4 11
        C 5.0 -
        C 6.1 -
    """,
        ),
        violations=[
            ("hybrid-condition", "A:2", 4, "above (900, 5)", "(900, 5)", "A:1 A:2"),
            ("hybrid-step", "A:3", 5, "(950, 0), from its physical time", "(950, 6)", "A:2 A:3"),
            ("hybrid-step", "B:1", 7, "(9, 0), from its physical time", "(9, 3)", "B:0 B:1"),
        ],
        unknown=[
            ("hybrid-step", "B:2", NO_HYBRID),
            ("hybrid-step", "B:3", NO_HYBRID),
            ("hybrid-step", "C:1", NO_HYBRID),
        ],
        in_flight=None,
    ),
    "the greatest of two messages": Case(
        Csv(
            "process hybrid time kind sender stamp lamport targets",
            """
        A 9.0 9 send - - 1 C
        A 10.0 10 send - - 2 C
        B 9.7 1 internal - - 1 -
        C 1.0 1 internal - - 1 -
        C 9.1 2 receive A 1 2 -
        C 10.1 3 receive A 2 3 -
        C 10.2 4 internal - - 4 -
        C 10.2 5 internal - - 5 -
    """,
        ),
        violations=[
            ("hybrid-condition", "C:4", 9, "above (10, 2)", "(10, 2)", "C:3 C:4"),
        ],
    ),
    "a message of an event without a timestamp": Case(
        Csv(
            "process hybrid time kind sender stamp lamport targets",
            """
        A - 9 send - - 1 C
        A 10.0 10 send - - 2 C
        C 1.0 1 internal - - 1 -
        C 9.1 2 receive A 1 2 -
        C 10.1 3 receive A 2 3 -
    """,
        ),
        unknown=[
            ("hybrid-step", "A:0", NO_HYBRID),
            ("hybrid-step", "A:1", NO_HYBRID),
            ("hybrid-step", "C:1", NO_HYBRID),
        ],
    ),
    "a message not merged, from an event that is wrong too": Case(
        hybrid(
            ("2 0 - 6000000000.0", "2 0 - 6000000000.3"),
            ("3 0 - 7000000000.0", "3 0 - 7000000000.5"),
            ("6000000000.1", "2000000000.0"),
            ("4 0 - 6000000000.2", "4 0 - 3000000000.0"),
            ("5 0 - 6000000000.3", "5 0 - 4000000000.0"),
            ("6 0 - 6000000000.4", "6 0 - 5000000000.0"),
            ("6000000000.5", "6000000000.0"),
        ),
        violations=[
            ("hybrid-condition", "B:2", 5, "above (6000000000, 3)", "(2000000000, 0)", "A:1 B:2"),
            ("hybrid-step", "A:1", 4, "(6000000000, 0), from its physical time", "(6000000000, 3)",
             "A:0 A:1"),
            ("hybrid-step", "A:2", 5, "(7000000000, 0), from its physical time", "(7000000000, 5)",
             "A:1 A:2"),
        ],
    ),
    "an event without a timestamp among others": Case(
        Csv(
            "process hybrid time",
            """
        A 7.0 7
        A - 8
        A 9.0 9
        A 10.0 10
    """,
        ),
        unknown=[
            ("hybrid-step", "A:1", NO_HYBRID),
            ("hybrid-step", "A:2", NO_HYBRID),
        ],
        in_flight=None,
    ),
    "times below 0, and an event without a timestamp among them": Case(
        Csv(
            "process hybrid time",
            """
        A -9.0 -9
        A - -8
        A -7.0 -7
        A -6.0 -6
    """,
        ),
        unknown=[
            ("hybrid-step", "A:1", NO_HYBRID),
            ("hybrid-step", "A:2", NO_HYBRID),
        ],
        in_flight=None,
    ),
    "a first event after a last one without a timestamp": Case(
        Csv(
            "process hybrid time",
            """
        A 7.0 7
        A - 8
        B 9.0 9
        B 10.0 10
    """,
        ),
        unknown=[
            ("hybrid-step", "A:1", NO_HYBRID),
        ],
        in_flight=None,
    ),
    "a last event that is wrong, before a first one that is, and its message": Case(
        {
            "A": """
            time=5000000000 internal - - - 1 0 - 5000000000.0
            time=6000000000 send - - B 2 0 - 9000000000.0
        """,
            "B": """
            internal - - - 1 0 - 7.0
            internal - - - 2 0 - 1000000000.0
            receive A 2 - 3 0 A:2:6000000000.0 6000000000.1
            internal - - - 4 0 - 6000000000.2
        """,
            "headers": {"": {"clock": "hybrid", "process": "die", "world": "real"}},
        },
        violations=[
            ("hybrid-bound", "A:1", 4, "(6000000000, 0), from its physical time", "(9000000000, 0)",
             "A:0 A:1"),
            ("hybrid-bound", "B:0", 3, "(0, 0), from its physical time", "(7, 0)", "B:0"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_judge_says_this_and_nothing_else(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path / "log")
