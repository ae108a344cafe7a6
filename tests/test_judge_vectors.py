"""Vector and matrix clocks: every kind of finding to the letter, and where there is none."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_logs import (
    ARRIVALS_MISSING,
    NO_TIMESTAMP,
    SEND_UNKNOWN,
    STEP_UNKNOWN,
    TICKS_MISSING,
    Case,
    Csv,
    edit,
)

VECTORS = "process vector"

NAMED = "process vector kind sent received"


def vectors(*changed: tuple[str, str]) -> dict[str, Any]:
    """Return a run with a vector clock, with texts of A, B and C replaced."""
    log: dict[str, Any] = {
        "A": """
            internal - - - 1 0 - 1.0.0
            send - - B 2 0 - 2.0.0
            internal - - - 3 0 - 3.0.0
            receive C 4 - 5 0 C:4:2.2.3 4.2.3
            internal - - - 6 0 - 5.2.3
        """,
        "B": """
            internal - - - 1 0 - 0.1.0
            send - - C 2 0 - 0.2.0
            receive A 2 - 3 0 A:2:2.0.0 2.3.0
            internal - - - 4 0 - 2.4.0
            internal - - - 5 0 - 2.5.0
        """,
        "C": """
            internal - - - 1 0 - 0.0.1
            internal - - - 2 0 - 0.0.2
            receive B 2 - 3 0 B:2:0.2.0 0.2.3
            send - - A 4 0 - 0.2.4
            internal - - - 5 0 - 0.2.5
        """,
        "headers": {"": {"clock": "vector", "process": "die", "world": "real"}},
    }
    log["A"] = log["A"].replace("C:4:2.2.3 4.2.3", "C:4:0.2.4 4.2.4").replace("5.2.3", "5.2.4")
    for old, new in changed:
        (name,) = (each for each in "ABC" if old in log[each])
        log = edit(log, name, (old, new))
    return log


def matrices(*changed: tuple[str, str]) -> dict[str, Any]:
    """Return a run with a matrix clock, with texts of A and B replaced."""
    log: dict[str, Any] = {
        "A": """
            internal - - - 1 0 - 1.0/0.0
            send - - B 2 0 - 2.0/0.0
            internal - - - 3 0 - 3.0/0.0
            receive B 5 - 6 0 B:5:2.0/2.5 4.5/2.5
        """,
        "B": """
            internal - - - 1 0 - 0.0/0.1
            internal - - - 2 0 - 0.0/0.2
            receive A 2 - 3 0 A:2:2.0/0.0 2.0/2.3
            internal - - - 4 0 - 2.0/2.4
            send - - A 5 0 - 2.0/2.5
            internal - - - 6 0 - 2.0/2.6
        """,
        "headers": {"": {"clock": "matrix", "process": "die", "world": "real"}},
    }
    for old, new in changed:
        (name,) = (each for each in "AB" if old in log[each])
        log = edit(log, name, (old, new))
    return log


CASES = {
    "right vectors": Case(
        vectors(),
    ),
    "an entry that goes back for good": Case(
        vectors(("2.4.0", "1.4.0"), ("2.5.0", "1.5.0")),
        violations=[
            ("vector-back", "B:3", 6, "entry A at least 2, its value at the event before", "A: 1",
             "B:2 B:3"),
        ],
    ),
    "an entry that goes back for one event": Case(
        vectors(("2.4.0", "0.4.0")),
        violations=[
            ("vector-back", "B:3", 6, "entry A at least 2, its value at the event before", "A: 0",
             "B:2 B:3"),
        ],
    ),
    "two entries that go back": Case(
        vectors(("5.2.4", "5.1.3")),
        violations=[
            ("vector-back", "A:4", 7, "entry B at least 2, its value at the event before", "B: 1",
             "A:3 A:4"),
        ],
    ),
    "an own entry that goes back": Case(
        vectors(("3.0.0", "1.0.0")),
        violations=[
            ("vector-back", "A:2", 5, "entry A at least 2, its value at the event before", "A: 1",
             "A:1 A:2"),
        ],
    ),
    "an entry that is not merged": Case(
        vectors(("2.3.0", "0.3.0"), ("2.4.0", "0.4.0"), ("2.5.0", "0.5.0")),
        violations=[
            ("vector-merge", "B:2", 5, "entry A at least 2, which the message carried", "A: 0",
             "B:1 A:1 B:2"),
        ],
    ),
    "an entry merged a little": Case(
        vectors(("2.3.0", "1.3.0"), ("2.4.0", "1.4.0"), ("2.5.0", "1.5.0")),
        violations=[
            ("vector-merge", "B:2", 5, "entry A at least 2, which the message carried", "A: 1",
             "B:1 A:1 B:2"),
        ],
    ),
    "two entries not merged": Case(
        vectors(("4.2.4", "4.0.0"), ("5.2.4", "5.0.0")),
        violations=[
            ("vector-merge", "A:3", 6, "entry B at least 2, which the message carried", "B: 0",
             "A:2 C:3 A:3"),
        ],
    ),
    "an own entry that skips one": Case(
        vectors(("5 0 - 2.5.0", "5 0 - 2.6.0"), ("4 0 - 2.4.0", "4 0 - 2.5.0")),
        violations=[
            ("vector-own", "B:3", 6, "own entry 4", "B: 5", "B:2 B:3"),
        ],
    ),
    "an own entry that stands": Case(
        vectors(("4 0 - 2.4.0", "4 0 - 2.3.0"), ("5 0 - 2.5.0", "5 0 - 2.4.0")),
        violations=[
            ("vector-own", "B:3", 6, "own entry 4", "B: 3", "B:2 B:3"),
        ],
    ),
    "an own entry that skips one, for one event": Case(
        vectors(("2.4.0", "2.9.0")),
        violations=[
            ("vector-own", "B:3", 6, "own entry 4", "B: 9", "B:2 B:3"),
        ],
    ),
    "an own entry that stands, for one event": Case(
        vectors(("3.0.0", "2.0.0")),
        violations=[
            ("vector-own", "A:2", 5, "own entry 3", "A: 2", "A:1 A:2"),
        ],
    ),
    "a first own entry of two": Case(
        {
            **vectors(),
            "A": """
            internal - - - 1 0 - 2.0.0
            internal - - - 2 0 - 3.0.0
        """,
            "B": "internal - - - 1 0 - 0.1.0",
            "C": "internal - - - 1 0 - 0.0.1",
        },
        violations=[
            ("vector-own", "A:0", 3, "own entry 1", "A: 2", "A:0"),
        ],
    ),
    "an entry ahead": Case(
        vectors(
            ("2 0 - 0.0.2", "2 0 - 7.0.2"),
            ("3 0 B:2:0.2.0 0.2.3", "3 0 B:2:0.2.0 7.2.3"),
            ("4 0 - 0.2.4", "4 0 - 7.2.4"),
            ("0.2.5", "7.2.5"),
        ),
        violations=[
            ("vector-ahead", "C:1", 4, "entry A at most 0, the most that was known here", "A: 7",
             "C:0 C:1"),
        ],
    ),
    "an entry ahead for one event": Case(
        vectors(("2 0 - 0.0.2", "2 0 - 7.0.2")),
        violations=[
            ("vector-ahead", "C:1", 4, "entry A at most 0, the most that was known here", "A: 7",
             "C:0 C:1"),
        ],
    ),
    "an entry ahead in a first event": Case(
        vectors(("1 0 - 0.0.1", "1 0 - 3.0.1")),
        violations=[
            ("vector-ahead", "C:0", 3, "entry A at most 0, the most that was known here", "A: 3",
             "C:0"),
        ],
    ),
    "an entry ahead in a last event": Case(
        vectors(("0.2.5", "0.3.5")),
        violations=[
            ("vector-ahead", "C:4", 7, "entry B at most 2, the most that was known here", "B: 3",
             "C:3 C:4"),
        ],
    ),
    "an entry ahead of the message": Case(
        vectors(("2.3.0", "3.3.0"), ("2.4.0", "3.4.0"), ("2.5.0", "3.5.0")),
        violations=[
            ("vector-ahead", "B:2", 5, "entry A at most 2, the most that was known here", "A: 3",
             "B:1 A:1 B:2"),
        ],
    ),
    "an entry ahead in a send, and not in its message": Case(
        vectors(("2 0 - 2.0.0", "2 0 - 2.0.6")),
        violations=[
            ("vector-ahead", "A:1", 4, "entry C at most 0, the most that was known here", "C: 6",
             "A:0 A:1"),
        ],
    ),
    "an entry that a wrong event before had forgotten": Case(
        vectors(("4 0 - 0.2.4", "4 0 - 0.0.4")),
        violations=[
            ("vector-back", "C:3", 6, "entry B at least 2, its value at the event before", "B: 0",
             "C:2 C:3"),
        ],
    ),
    "a gap": Case(
        {
            **vectors(),
            "B": """
        internal - - - 1 0 - 0.1.0
        tick=3 internal - - - 4 0 - 2.4.0
        tick=4 internal - - - 5 0 - 2.5.0
    """,
        },
        unknown=[
            ("process-order", "B:1", TICKS_MISSING),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("vector-own", "B:1", NO_TIMESTAMP),
            ("from-nowhere", "C:2", SEND_UNKNOWN),
            ("queue", "B:1", ARRIVALS_MISSING),
        ],
        in_flight=1,
    ),
    "a message whose send is not there": Case(
        {
            **vectors(),
            "C": """
        internal - - - 1 0 - 0.0.1
        receive B 3 - 4 0 B:3:0.3.0 0.3.2
        internal - - - 5 0 - 0.3.3
    """,
            "B": """
        internal - - - 1 0 - 0.1.0
        send - - C 2 0 - 0.2.0
    """,
            "A": "internal - - - 1 0 - 1.0.0",
            "ended": "AC",
        },
        violations=[
            ("stamp", "C:1", 4, "stamp 2, the clock of the send", "stamp 3", "B:1 C:1"),
            ("vector-ahead", "C:1", 4, "entry B at most 2, the most that was known here", "B: 3",
             "C:0 B:1 C:1"),
        ],
        unknown=[
            ("process-order", "B:1", TICKS_MISSING),
        ],
        remarks=["the log of B breaks off at B:1"],
    ),
    "events without a timestamp": Case(
        Csv(
            VECTORS,
            """
        A {"A":1}
        A -
        A {"A":3}
        B {"B":1}
        B {"B":2,"C":4}
    """,
        ),
        unknown=[
            ("vector-own", "A:1", NO_TIMESTAMP),
            ("vector-own", "A:2", NO_TIMESTAMP),
            ("from-nowhere", "B:1", SEND_UNKNOWN),
        ],
        in_flight=None,
        remarks=["no log of C"],
    ),
    "messages from events without a timestamp": Case(
        Csv(
            NAMED,
            """
        A {"A":1} internal - -
        A - send m1 -
        B {"B":1} internal - -
        B {"A":2,"B":2} receive - m1
        B {"A":2,"B":3} internal - -
    """,
        ),
        unknown=[
            ("vector-own", "A:1", NO_TIMESTAMP),
        ],
        in_flight=None,
    ),
    "a log that may begin anywhere": Case(
        Csv(
            NAMED,
            """
        A {"A":7,"B":2} internal - -
        A {"A":9,"B":2} internal - -
        B {"B":1,"A":3} internal - -
        B {"A":3,"B":2} internal - -
    """,
        ),
        violations=[
            ("vector-own", "A:1", 3, "own entry 8", "A: 9", "A:0 A:1"),
            ("vector-ahead", "B:0", 4, "entry A at most 0, the most that was known here", "A: 3",
             "B:0"),
        ],
        unknown=[
            ("vector-own", "A:0", NO_TIMESTAMP),
        ],
        in_flight=None,
    ),
    "a message of two that an event received, not merged": Case(
        Csv(
            VECTORS,
            """
        A {"A":1}
        B {"B":1}
        C {"A":1,"B":1,"C":1}
        C {"A":1,"B":0,"C":2}
    """,
        ),
        violations=[
            ("vector-back", "C:1", 5, "entry B at least 1, its value at the event before", "B: 0",
             "C:0 C:1"),
        ],
        in_flight=None,
    ),
    "the greatest of what several messages carried": Case(
        {
            "A": """
            send - - C 1 0 - 1.0.0
            send - - C 2 0 - 2.0.0
            internal - - - 3 0 - 3.0.0
        """,
            "B": "internal - - - 1 0 - 0.1.0",
            "C": """
            internal - - - 1 0 - 0.0.1
            receive A 1 - 2 1 A:1:1.0.0,A:2:2.0.0 1.0.2
            receive A 2 - 3 0 - 1.0.3
        """,
            "headers": {"": {"clock": "vector", "process": "die", "world": "real"}},
        },
        violations=[
            ("vector-merge", "C:2", 5, "entry A at least 2, which the message carried", "A: 1",
             "C:1 A:1 C:2"),
        ],
    ),
    "right matrices": Case(
        matrices(),
    ),
    "a row of another that is not merged": Case(
        matrices(
            ("2.0/2.3", "0.0/2.3"),
            ("2.0/2.4", "0.0/2.4"),
            ("5 0 - 2.0/2.5", "5 0 - 0.0/2.5"),
            ("2.0/2.6", "0.0/2.6"),
        ),
        violations=[
            ("matrix-merge", "B:2", 5, "row A, entry A: 2", "row A, entry A: 0", "B:1 A:1 B:2"),
        ],
    ),
    "a row of another not merged at the last event": Case(
        matrices(("4.5/2.5", "4.5/0.4")),
        violations=[
            ("matrix-merge", "A:3", 6, "row B, entry A: 2", "row B, entry A: 0", "A:2 B:4 A:3"),
        ],
    ),
    "a row of another that says too much": Case(
        matrices(("3.0/0.0", "3.0/0.1")),
        violations=[
            ("matrix-merge", "A:2", 5, "row B, entry B: 0", "row B, entry B: 1", "A:1 A:2"),
        ],
    ),
    "a row of another wrong from the first event on": Case(
        matrices(("0.0/0.1", "1.0/0.1"), ("0.0/0.2", "1.0/0.2")),
        violations=[
            ("matrix-merge", "B:0", 3, "row A, entry A: 0", "row A, entry A: 1", "B:0"),
        ],
    ),
    "an own row of a matrix that is wrong": Case(
        matrices(("4.5/2.5", "4.4/2.5")),
        violations=[
            ("vector-merge", "A:3", 6, "entry B at least 5, which the message carried", "B: 4",
             "A:2 B:4 A:3"),
        ],
    ),
    "an own entry of a matrix that is wrong": Case(
        matrices(("2.0/2.6", "2.0/2.9")),
        violations=[
            ("vector-own", "B:5", 8, "own entry 6", "B: 9", "B:4 B:5"),
        ],
    ),
    "a matrix after a gap": Case(
        {
            **matrices(),
            "B": """
        internal - - - 1 0 - 0.0/0.1
        tick=3 internal - - - 4 0 - 2.0/2.4
        tick=4 send - - A 5 0 - 2.0/2.5
    """,
        },
        unknown=[
            ("process-order", "B:1", TICKS_MISSING),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("vector-own", "B:1", NO_TIMESTAMP),
            ("queue", "B:1", ARRIVALS_MISSING),
        ],
        in_flight=1,
    ),
    "a matrix with a message whose send is not there": Case(
        {**matrices(), "A": "internal - - - 1 0 - 1.0/0.0", "ended": "B"},
        unknown=[
            ("process-order", "A:0", TICKS_MISSING),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
        ],
        in_flight=1,
        remarks=["the log of A breaks off at A:0"],
    ),
    "two messages implied, of which one has no send": Case(
        Csv(
            VECTORS,
            """
        A {"A":1}
        B {"B":1}
        B {"B":3}
        C {"A":1,"B":2,"C":1}
        C {"A":1,"B":2,"C":2}
    """,
        ),
        violations=[
            ("vector-own", "B:1", 4, "own entry 2", "B: 3", "B:0 B:1"),
        ],
        unknown=[
            ("from-nowhere", "C:0", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "two messages implied, of which neither has a send": Case(
        Csv(
            VECTORS,
            """
        A {"A":2}
        B {"B":1}
        B {"B":3}
        C {"A":1,"B":2,"C":1}
        C {"A":1,"B":2,"C":2}
    """,
        ),
        violations=[
            ("vector-own", "B:1", 4, "own entry 2", "B: 3", "B:0 B:1"),
        ],
        unknown=[
            ("vector-own", "A:0", NO_TIMESTAMP),
            ("from-nowhere", "C:0", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "a message that knows of more own events than there are, since the own entry went back": Case(
        {
            "A": """
            internal - - - 1 0 - 1.0
            send - - B 2 0 - 2.0
            internal - - - 3 0 - 1.0
            receive B 4 - 5 0 B:4:2.4 3.4
        """,
            "B": """
            internal - - - 1 0 - 0.1
            internal - - - 2 0 - 0.2
            receive A 2 - 3 0 A:2:2.0 2.3
            send - - A 4 0 - 2.4
        """,
            "headers": {"": {"clock": "vector", "process": "die", "world": "real"}},
        },
        violations=[
            ("vector-back", "A:2", 5, "entry A at least 2, its value at the event before", "A: 1",
             "A:1 A:2"),
        ],
    ),
    "an entry that was heard of, and is forgotten in part": Case(
        {
            "A": """
            internal - - - 1 0 - 1.0
            internal - - - 2 0 - 2.0
            send - - B 3 0 - 3.0
        """,
            "B": """
            internal - - - 1 0 - 0.1
            internal - - - 2 0 - 0.2
            receive A 3 - 4 0 A:3:3.0 3.3
            internal - - - 5 0 - 2.4
        """,
            "headers": {"": {"clock": "vector", "process": "die", "world": "real"}},
        },
        violations=[
            ("vector-back", "B:3", 6, "entry A at least 3, its value at the event before", "A: 2",
             "B:2 B:3"),
        ],
    ),
    "a send wrong in one entry, and its receive in another": Case(
        vectors(
            ("2 0 - 2.0.0", "2 0 - 2.0.6"),
            ("2.3.0", "0.3.0"),
            ("2.4.0", "0.4.0"),
            ("2.5.0", "0.5.0"),
        ),
        violations=[
            ("vector-merge", "B:2", 5, "entry A at least 2, which the message carried", "A: 0",
             "B:1 A:1 B:2"),
            ("vector-ahead", "A:1", 4, "entry C at most 0, the most that was known here", "C: 6",
             "A:0 A:1"),
        ],
    ),
    "an own entry that goes back at the second event of a log that may begin anywhere": Case(
        Csv(
            VECTORS,
            """
        A {"A":5}
        A {"A":2}
        A {"A":3}
    """,
        ),
        violations=[
            ("vector-back", "A:1", 3, "entry A at least 5, its value at the event before", "A: 2",
             "A:0 A:1"),
        ],
        unknown=[
            ("vector-own", "A:0", NO_TIMESTAMP),
        ],
        in_flight=None,
    ),
    "a matrix wrong in its own row and in another": Case(
        matrices(("4.5/2.5", "4.4/0.4")),
        violations=[
            ("vector-merge", "A:3", 6, "entry B at least 5, which the message carried", "B: 4",
             "A:2 B:4 A:3"),
        ],
    ),
    "an event after one without a timestamp": Case(
        Csv(
            VECTORS,
            """
        A {"A":1}
        A -
        A {"A":5}
        A {"A":6}
    """,
        ),
        unknown=[
            ("vector-own", "A:1", NO_TIMESTAMP),
            ("vector-own", "A:2", NO_TIMESTAMP),
        ],
        in_flight=None,
    ),
    "matrices of three, wrong in the last entry of another's row": Case(
        {
            "A": """
            internal - - - 1 0 - 1.0.0/0.0.0/0.0.0
            internal - - - 2 0 - 2.0.0/0.0.0/0.0.0
        """,
            "B": """
            internal - - - 1 0 - 0.0.0/0.1.0/0.0.0
            internal - - - 2 0 - 0.0.0/0.2.0/0.0.0
            internal - - - 3 0 - 0.0.0/0.3.0/0.0.4
        """,
            "C": """
            internal - - - 1 0 - 0.0.0/0.0.0/0.0.1
            internal - - - 2 0 - 0.0.0/0.0.0/0.0.2
            internal - - - 3 0 - 0.5.0/0.0.0/0.0.3
        """,
            "headers": {"": {"clock": "matrix", "process": "die", "world": "real"}},
        },
        violations=[
            ("matrix-merge", "B:2", 5, "row C, entry C: 0", "row C, entry C: 4", "B:1 B:2"),
            ("matrix-merge", "C:2", 5, "row A, entry B: 0", "row A, entry B: 5", "C:1 C:2"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_judge_says_this_and_nothing_else(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path / "log")
