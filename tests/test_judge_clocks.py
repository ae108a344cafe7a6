"""Lamport clocks and stamps: every kind of finding to the letter, and where there is none."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_logs import (
    GOOD,
    MAY_HAVE_COME,
    MESSAGE_UNKNOWN,
    SEND_UNKNOWN,
    STEP_UNKNOWN,
    TICKS_MISSING,
    Case,
    Csv,
    edit,
)

REAL: dict[str, Any] = {"headers": {"": {"world": "real"}}}

SENDS = "process clock kind sender stamp targets"

EARLY = {
    "A": """
            internal - - - 1 0 -
            send - - B 2 0 -
            send - - B 3 0 -
            send - - B 4 0 -
            internal - - - 5 0 -
        """,
    "B": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            receive A 1 - 3 0 A:1
            receive A 2 - 4 0 A:2
            receive A 3 - 5 0 A:3
        """,
}

LATE_SEND = """
        internal - - - 1 0 -
        internal - - - 2 0 -
        internal - - - 3 0 -
        internal - - - 4 0 -
        send - - B 5 0 -
        send - - B 6 0 -
    """

CASES = {
    "a clock not above the event before": Case(
        edit(GOOD, "B", ("internal - - - 2 0", "internal - - - 1 0")),
        violations=[
            ("clock-condition", "B:1", 4, "clock above 1, the clock of the event before", "clock 1",
             "B:0 B:1"),
        ],
    ),
    "a clock not below the event after": Case(
        edit(GOOD, "B", ("internal - - - 2 0", "internal - - - 3 0")),
        violations=[
            ("clock-condition", "B:1", 4, "clock below 3, the clock of the event after", "clock 3",
             "B:1 B:2"),
        ],
    ),
    "a clock far too great, and all later ones right": Case(
        edit(GOOD, "C", ("internal - - - 3 0", "internal - - - 900 0")),
        violations=[
            ("clock-condition", "C:2", 5, "clock below 4, the clock of the event after",
             "clock 900", "C:2 C:3"),
        ],
    ),
    "a receive not above its send": Case(
        edit(GOOD, "B", ("receive A 2 - 3", "receive A 2 - 2")),
        violations=[
            ("clock-condition", "B:2", 5, "clock above 2, the clock of the send", "clock 2",
             "A:1 B:2"),
        ],
    ),
    "a last receive not above its send": Case(
        edit(GOOD, "C", ("receive A 3 - 4", "receive A 3 - 3")),
        violations=[
            ("clock-condition", "C:3", 6, "clock above 3, the clock of the send", "clock 3",
             "A:2 C:3"),
        ],
    ),
    "a clock that stands beside events without one": Case(
        Csv(
            "process clock",
            """
        A 5
        A -
        A -
        A -
        A 5
        A 6
        B -
        B 6
        B 6
    """,
        ),
        violations=[
            ("clock-condition", "A:4", 6, "clock above 5, the clock of the event before", "clock 5",
             "A:0 A:4"),
            ("clock-condition", "B:2", 10, "clock above 6, the clock of the event before",
             "clock 6", "B:1 B:2"),
        ],
        in_flight=None,
    ),
    "a clock after many without one": Case(
        Csv("process clock", "\n".join(["B 3", "A 9", *["A -"] * 20, "A 8"])),
        violations=[
            ("clock-condition", "A:21", 24, "clock above 9, the clock of the event before",
             "clock 8", "A:0 A:21"),
        ],
        in_flight=None,
    ),
    "receives of messages that imply vectors, not above one of them": Case(
        Csv(
            "process lamport vector",
            """
        A 1 {"A":1}
        B 7 {"B":1}
        C 3 {"A":1,"B":1,"C":1}
        C 8 {"A":1,"B":1,"C":2}
    """,
        ),
        violations=[
            ("clock-condition", "C:0", 4, "clock above 7, the clock of the send", "clock 3",
             "B:0 C:0"),
            ("lamport-step", "C:1", 5, "clock 3 + 1 = 4", "clock 8", "C:0 C:1"),
        ],
        in_flight=None,
    ),
    "receives not above the first of two": Case(
        Csv(
            "process lamport vector",
            """
        A 7 {"A":1}
        B 1 {"B":1}
        C 5 {"A":1,"B":1,"C":1}
        D 9 {"A":1,"D":1}
    """,
        ),
        violations=[
            ("clock-condition", "C:0", 4, "clock above 7, the clock of the send", "clock 5",
             "A:0 C:0"),
        ],
        in_flight=None,
    ),
    "receives without a clock, sends without a clock": Case(
        Csv(
            SENDS,
            """
        A - send - - B
        A 3 send - - B
        B - receive A 3 -
        B 4 internal - - -
    """,
        ),
        unknown=[
            ("lost-message", "A:0", MAY_HAVE_COME),
        ],
        in_flight=0,
    ),
    "a step of two": Case(
        edit(
            GOOD,
            "A",
            ("internal - - - 1", "internal - - - 1"),
            ("receive C 2 - 4", "receive C 2 - 5"),
        ),
        violations=[
            ("lamport-step", "A:3", 6, "clock max(3, 2) + 1 = 4", "clock 5", "A:2 C:1 A:3"),
        ],
    ),
    "a step of two at an internal event, and a later log that goes on from it": Case(
        {
            **GOOD,
            "C": """
        internal - - - 1 0 -
        send - - A 2 0 -
        internal - - - 4 0 -
        receive A 3 - 5 0 A:3
    """,
        },
        violations=[
            ("lamport-step", "C:2", 5, "clock 2 + 1 = 3", "clock 4", "C:1 C:2"),
        ],
    ),
    "a first clock of two": Case(
        {
            "A": """
            internal - - - 2 0 -
            internal - - - 3 0 -
        """
        },
        violations=[
            ("lamport-step", "A:0", 3, "clock 0 + 1 = 1", "clock 2", "A:0"),
        ],
    ),
    "a first clock of two, and the next goes on from one": Case(
        {
            "A": """
            internal - - - 2 0 -
            internal - - - 2 0 -
            internal - - - 3 0 -
        """
        },
        violations=[
            ("clock-condition", "A:0", 3, "clock below 2, the clock of the event after", "clock 2",
             "A:0 A:1"),
        ],
    ),
    "a receive that adds two to the stamp": Case(
        {
            **GOOD,
            **REAL,
            "C": """
        internal - - - 1 0 -
        receive A 3 - 5 0 A:3
    """,
            "A": """
        internal - - - 1 0 -
        send - - B 2 0 -
        send - - B,C 3 0 -
    """,
        },
        violations=[
            ("lamport-step", "C:1", 4, "clock max(1, 3) + 1 = 4", "clock 5", "C:0 A:2 C:1"),
        ],
    ),
    "a table may begin with any clock": Case(
        Csv(
            "process clock kind",
            """
        A 64 internal
        A 65 internal
        B 1 internal
        B 3 internal
    """,
        ),
        violations=[
            ("lamport-step", "B:1", 5, "clock 1 + 1 = 2", "clock 3", "B:0 B:1"),
        ],
        in_flight=None,
    ),
    "a table whose first clock does not fit the next": Case(
        Csv(
            "process clock kind",
            """
        A 9 internal
        A 5 internal
        A 6 internal
    """,
        ),
        violations=[
            ("clock-condition", "A:1", 3, "clock above 9, the clock of the event before", "clock 5",
             "A:0 A:1"),
        ],
        in_flight=None,
    ),
    "receives that name no message": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        B 1 internal - - -
        B 5 receive - - -
        B 6 internal - - -
        B 8 internal - - -
        C 1 send - - B
    """,
        ),
        violations=[
            ("lamport-step", "B:3", 6, "clock 6 + 1 = 7", "clock 8", "B:2 B:3"),
        ],
        unknown=[
            ("clock-condition", "B:1", MESSAGE_UNKNOWN),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("from-nowhere", "B:1", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "a receive that can have taken one message alone": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        B 1 internal - - -
        B 5 receive - - -
        B 6 internal - - -
    """,
        ),
        violations=[
            ("lamport-step", "B:1", 4, "clock max(1, 1) + 1 = 2", "clock 5", "B:0 A:0 B:1"),
        ],
    ),
    "a receive of a stamp whose send is not there": Case(
        Csv(
            SENDS,
            """
        B 1 internal - - -
        B 9 receive A 8 -
        B 11 receive A 9 -
        A 1 internal - - -
    """,
        ),
        violations=[
            ("lamport-step", "B:2", 4, "clock max(9, 9) + 1 = 10", "clock 11", "B:1 B:2"),
        ],
        unknown=[
            ("from-nowhere", "B:1", SEND_UNKNOWN),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
        ],
    ),
    "a step after a gap": Case(
        Csv(
            "process clock tick",
            """
        A 1 0
        A 2 1
        A 9 5
        A 10 6
    """,
        ),
        unknown=[
            ("process-order", "A:2", TICKS_MISSING),
            ("lamport-step", "A:2", STEP_UNKNOWN),
        ],
        in_flight=None,
    ),
    "an isolated error in the middle": Case(
        edit(GOOD, "C", ("send - - A 2", "send - - A 2"), ("internal - - - 3", "internal - - - 2")),
        violations=[
            ("clock-condition", "C:2", 5, "clock above 2, the clock of the event before", "clock 2",
             "C:1 C:2"),
        ],
    ),
    "an isolated error in the clock of a send": Case(
        {
            "A": """
            internal - - - 1 0 -
            send - - B 40 0 -
            internal - - - 3 0 -
            internal - - - 4 0 -
        """,
            "B": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            receive A 2 - 3 0 A:2
            internal - - - 4 0 -
        """,
        },
        violations=[
            ("clock-condition", "A:1", 4, "clock below 3, the clock of the event after", "clock 40",
             "A:1 A:2"),
        ],
    ),
    "an isolated error of one too many": Case(
        {
            "A": """
            internal - - - 1 0 -
            internal - - - 3 0 -
            send - - B 3 0 -
            internal - - - 4 0 -
        """,
            "B": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            internal - - - 3 0 -
            receive A 3 - 4 0 A:3
        """,
        },
        violations=[
            ("clock-condition", "A:1", 4, "clock below 3, the clock of the event after", "clock 3",
             "A:1 A:2"),
        ],
    ),
    "one step for each target": Case(
        {
            "A": """
            internal - - - 1 0 -
            send - - B,C 3 0 -
            internal - - - 4 0 -
        """,
            "B": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            receive A 2 - 3 0 A:2
        """,
            "C": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            receive A 3 - 4 0 A:3
        """,
        },
        violations=[
            ("send-to-all", "A:1", 4, "one step, from 1 to 2, and one stamp, 2, to B and C",
             "clock 3, stamps 2 at B:2, 3 at C:2", "A:0 A:1 B:2 C:2"),
        ],
    ),
    "one step for each target of the first event": Case(
        {
            "A": """
            send - - B,C 2 0 -
            internal - - - 3 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 1 - 2 0 A:1
        """,
            "C": """
            internal - - - 1 0 -
            receive A 2 - 3 0 A:2
        """,
        },
        violations=[
            ("send-to-all", "A:0", 3, "one step, from 0 to 1, and one stamp, 1, to B and C",
             "clock 2, stamps 1 at B:1, 2 at C:1", "A:0 B:1 C:1"),
        ],
    ),
    "one step for each target, with identifiers of messages": Case(
        Csv(
            "process clock kind sent received targets",
            """
        A 1 internal - - -
        A 3 send m1 - B,C
        B 1 internal - - -
        B 4 receive - m1 -
        C 1 internal - - -
        C 4 receive - m1 -
    """,
        ),
        violations=[
            ("send-to-all", "A:1", 3, "one step, from 1 to 2, and one stamp, 2, to B and C",
             "clock 3", "A:0 A:1 B:1 C:1"),
        ],
    ),
    "three steps to three targets, nobody received": Case(
        Csv(
            SENDS,
            """
        A 1 internal - - -
        A 4 send - - B,C,D
        A 6 send - - B,C,D
        A 8 send - - B,C
        B 1 internal - - -
        C 1 internal - - -
        D 1 internal - - -
    """,
        ),
        violations=[
            ("lamport-step", "A:2", 4, "clock 4 + 1 = 5", "clock 6", "A:1 A:2"),
            ("lamport-step", "A:3", 5, "clock 6 + 1 = 7", "clock 8", "A:2 A:3"),
            ("send-to-all", "A:1", 3, "one step, from 1 to 2, and one stamp, 2, to B and C and D",
             "clock 4", "A:0 A:1"),
        ],
        in_flight=8,
    ),
    "two steps to two targets right after a wrong clock": Case(
        Csv(
            SENDS,
            """
        A 1 internal - - -
        A 7 internal - - -
        A 9 send - - B,C
        A 10 internal - - -
        B 1 internal - - -
        C 1 internal - - -
    """,
        ),
        violations=[
            ("lamport-step", "A:1", 3, "clock 1 + 1 = 2", "clock 7", "A:0 A:1"),
            ("lamport-step", "A:2", 4, "clock 7 + 1 = 8", "clock 9", "A:1 A:2"),
        ],
        in_flight=2,
    ),
    "a clock of a send to two that is wrong, and its messages right": Case(
        {
            "A": """
            internal - - - 1 0 -
            send - - B 2 0 -
            send - - B,C 4 0 -
            internal - - - 5 0 -
        """,
            "B": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            receive A 2 - 3 0 A:2
            receive A 3 - 4 0 A:3
        """,
            "C": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            internal - - - 3 0 -
            receive A 3 - 4 0 A:3
        """,
        },
        violations=[
            ("lamport-step", "A:2", 5, "clock 2 + 1 = 3", "clock 4", "A:1 A:2"),
        ],
    ),
    "stamps from before the count, that did no harm": Case(
        EARLY,
        violations=[
            ("stamp", "B:2", 5, "stamp 2, the clock of the send",
             "stamp 1, the clock before the send", "A:1 B:2"),
            ("stamp", "B:3", 6, "stamp 3, the clock of the send",
             "stamp 2, the clock before the send", "A:2 B:3"),
            ("stamp", "B:4", 7, "stamp 4, the clock of the send",
             "stamp 3, the clock before the send", "A:3 B:4"),
        ],
        remarks=["the messages of A carry its clock from before the send was counted"],
    ),
    "stamps from before the count, and a receive that is not above": Case(
        {
            **EARLY,
            "B": """
            receive A 1 - 2 0 A:1
            internal - - - 3 0 -
            internal - - - 4 0 -
            receive A 2 - 5 0 A:2
            receive A 3 - 6 0 A:3
        """,
            **REAL,
        },
        violations=[
            ("clock-condition", "B:0", 3, "clock above 2, the clock of the send",
             "clock 2; the message carried 1, the clock before the send", "A:1 B:0"),
        ],
        remarks=["the messages of A carry its clock from before the send was counted"],
    ),
    "a message received under another name than it was found under": Case(
        edit(GOOD, "B", ("receive A 3 - 4 0 A:3", "receive A 7777 - 4 0 A:3")),
        violations=[
            ("stamp", "B:3", 6, "stamp 3 from A, as it was found", "stamp 7777 from A", "A:2 B:3"),
        ],
    ),
    "a message found under another name than it was received under": Case(
        edit(GOOD, "B", ("receive A 3 - 4 0 A:3", "receive A 3 - 4 0 A:7777")),
        violations=[
            ("stamp", "B:3", 6, "found A:3, as it was sent", "found A:7777", "B:3"),
        ],
    ),
    "a message found and received under a wrong name": Case(
        edit(GOOD, "B", ("receive A 2 - 3 0 A:2", "receive A 1 - 3 0 A:1")),
        violations=[
            ("stamp", "B:2", 5, "stamp 2, the clock of the send", "stamp 1", "A:1 B:2"),
        ],
    ),
    "a message found under a wrong name, and not received": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 2 0 -
            send - - B 3 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 1 - 2 2 A:1,A:77,A:3
        """,
        },
        violations=[
            ("stamp", "B:1", 4, "found A:2, as it was sent", "found A:77", "A:1 B:1"),
        ],
        in_flight=2,
    ),
    "a message found under the wrong name of its send": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 20 0 -
            send - - B 3 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 1 - 2 2 A:1,A:2,A:3
        """,
        },
        violations=[
            ("clock-condition", "A:1", 4, "clock below 3, the clock of the event after", "clock 20",
             "A:1 A:2"),
        ],
        in_flight=2,
    ),
    "a message received as from another": Case(
        edit(GOOD, "B", ("receive A 3 - 4 0 A:3", "receive C 3 - 4 0 A:3")),
        violations=[
            ("stamp", "B:3", 6, "stamp 3 from A, as it was found", "stamp 3 from C", "A:2 B:3"),
        ],
    ),
    "two wrong clocks, one after the other, of two processes": Case(
        {
            "A": """
            internal - - - 1 0 -
            internal - - - 3 0 -
        """,
            "B": """
            internal - - - 3 0 -
            internal - - - 4 0 -
        """,
        },
        violations=[
            ("lamport-step", "A:1", 4, "clock 1 + 1 = 2", "clock 3", "A:0 A:1"),
            ("lamport-step", "B:0", 3, "clock 0 + 1 = 1", "clock 3", "B:0"),
        ],
    ),
    "two steps to two targets at the begin of a table": Case(
        Csv(
            SENDS,
            """
        A 2 send - - B,C
        B 1 internal - - -
        C 1 internal - - -
    """,
        ),
        in_flight=2,
    ),
    "two steps to two targets after a gap": Case(
        Csv(
            SENDS + " tick",
            """
        A 1 internal - - - 0
        A 2 internal - - - 1
        A 4 send - - B,C 3
        B 1 internal - - - 0
        C 1 internal - - - 0
    """,
        ),
        unknown=[
            ("process-order", "A:2", TICKS_MISSING),
            ("lamport-step", "A:2", STEP_UNKNOWN),
        ],
        in_flight=2,
    ),
    "two steps to two targets at a receive": Case(
        {
            "A": """
            internal - - - 1 0 - 1.0.0
            internal - - - 2 0 - 2.0.0
            send - - B 3 0 - 3.0.0
        """,
            "B": """
            internal - - - 1 0 - 0.1.0
            internal - - - 2 0 - 0.2.0
            receive A 3 A,C 4 0 A:3:3.0.0 3.3.0
        """,
            "C": "internal - - - 1 0 - 0.0.1",
            "headers": {"": {"clock": "vector", "process": "mine.py:Mine", "world": "real"}},
        },
        in_flight=2,
    ),
    "one step for each target of a first event, after a wrong last clock of another process": Case(
        {
            "A": """
            internal - - - 1 0 -
            internal - - - 3 0 -
        """,
            "B": """
            send - - A,C 2 0 -
            internal - - - 3 0 -
        """,
            "C": "internal - - - 1 0 -",
        },
        violations=[
            ("lamport-step", "A:1", 4, "clock 1 + 1 = 2", "clock 3", "A:0 A:1"),
            ("send-to-all", "B:0", 3, "one step, from 0 to 1, and one stamp, 1, to A and C",
             "clock 2", "B:0"),
        ],
        in_flight=2,
    ),
    "a clock not above that after a gap": Case(
        Csv(
            "process clock tick",
            """
        A 1 0
        A 2 1
        A 9 5
        A 4 6
    """,
        ),
        violations=[
            ("clock-condition", "A:3", 5, "clock above 9, the clock of the event before", "clock 4",
             "A:2 A:3"),
        ],
        unknown=[
            ("process-order", "A:2", TICKS_MISSING),
            ("lamport-step", "A:2", STEP_UNKNOWN),
        ],
        in_flight=None,
    ),
    "a clock not above a wrong one, after a receive that names no message": Case(
        Csv(
            "process clock kind",
            """
        A 1 internal
        A 3 internal
        A 3 receive
    """,
        ),
        violations=[
            ("clock-condition", "A:2", 4, "clock above 3, the clock of the event before", "clock 3",
             "A:1 A:2"),
            ("lamport-step", "A:1", 3, "clock 1 + 1 = 2", "clock 3", "A:0 A:1"),
        ],
        unknown=[
            ("lamport-step", "A:2", STEP_UNKNOWN),
            ("from-nowhere", "A:2", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "a clock that stands, and the next goes on as if it had not": Case(
        Csv(
            "process clock",
            """
        A 1
        A 2
        A 2
        A 4
        A 5
    """,
        ),
        violations=[
            ("clock-condition", "A:2", 4, "clock above 2, the clock of the event before", "clock 2",
             "A:1 A:2"),
        ],
        in_flight=None,
    ),
    "a clock one too great, and the next goes on as if it were not": Case(
        Csv(
            "process clock",
            """
        A 1
        A 2
        A 4
        A 4
        A 5
    """,
        ),
        violations=[
            ("clock-condition", "A:2", 4, "clock below 4, the clock of the event after", "clock 4",
             "A:2 A:3"),
        ],
        in_flight=None,
    ),
    "a first clock of a table one too great": Case(
        Csv(
            "process clock",
            """
        A 2
        A 2
        A 3
    """,
        ),
        violations=[
            ("clock-condition", "A:0", 2, "clock below 2, the clock of the event after", "clock 2",
             "A:0 A:1"),
        ],
        in_flight=None,
    ),
    "a first clock of a table far too great": Case(
        Csv(
            "process clock",
            """
        A 9
        A 2
        A 3
    """,
        ),
        violations=[
            ("clock-condition", "A:0", 2, "clock below 2, the clock of the event after", "clock 9",
             "A:0 A:1"),
        ],
        in_flight=None,
    ),
    "a first clock not above the message, and a next one that shows what it should be": Case(
        Csv(
            SENDS,
            """
        A 5 send - - B
        B 5 receive A 5 -
        B 7 internal - - -
    """,
        ),
        violations=[
            ("clock-condition", "B:0", 3, "clock above 5, the clock of the send", "clock 5",
             "A:0 B:0"),
        ],
    ),
    "a receive that names no message, and a clock after it that goes on from before": Case(
        Csv(
            "process clock kind",
            """
        A 1 internal
        A 9 receive
        A 3 internal
    """,
        ),
        violations=[
            ("clock-condition", "A:2", 4, "clock above 9, the clock of the event before", "clock 3",
             "A:1 A:2"),
        ],
        unknown=[
            ("clock-condition", "A:1", MESSAGE_UNKNOWN),
            ("lamport-step", "A:1", STEP_UNKNOWN),
            ("from-nowhere", "A:1", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "two steps to two targets, and the next goes on from one": Case(
        Csv(
            SENDS,
            """
        A 1 internal - - -
        A 3 send - - B,C
        A 3 internal - - -
        A 4 internal - - -
        B 1 internal - - -
        C 1 internal - - -
    """,
        ),
        violations=[
            ("clock-condition", "A:1", 3, "clock below 3, the clock of the event after", "clock 3",
             "A:1 A:2"),
        ],
        in_flight=2,
    ),
    "a gap before an event without a clock": Case(
        Csv(
            "process clock tick",
            """
        A 1 0
        A - 4
        A 5 5
    """,
        ),
        unknown=[
            ("process-order", "A:1", TICKS_MISSING),
        ],
        in_flight=None,
    ),
    "a clock after one without, beside two that have one": Case(
        Csv(
            "process clock kind",
            """
        A 4 internal
        A 9 internal
        A - internal
        A 8 internal
    """,
        ),
        violations=[
            ("clock-condition", "A:3", 5, "clock above 9, the clock of the event before", "clock 8",
             "A:1 A:3"),
            ("lamport-step", "A:1", 3, "clock 4 + 1 = 5", "clock 9", "A:0 A:1"),
        ],
        in_flight=None,
    ),
    "a message under a wrong name, and a receiver that took over the right clock": Case(
        {
            **REAL,
            "A": LATE_SEND,
            "B": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        internal - - - 3 0 -
        internal - - - 4 0 -
        receive A 1 - 6 0 A:1
        receive A 6 - 7 0 A:6
    """,
        },
        violations=[
            ("stamp", "B:4", 7, "stamp 5, the clock of the send", "stamp 1", "A:4 B:4"),
        ],
    ),
    "a message under a wrong name, and a receiver that took over the wrong clock": Case(
        {
            **REAL,
            "A": LATE_SEND,
            "B": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        internal - - - 3 0 -
        internal - - - 4 0 -
        receive A 8 - 9 0 A:8
        receive A 6 - 10 0 A:6
    """,
        },
        violations=[
            ("stamp", "B:4", 7, "stamp 5, the clock of the send", "stamp 8", "A:4 B:4"),
        ],
    ),
    "the first message of all, received under another name than it was found under": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            internal - - - 2 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 7777 - 2 0 A:1
        """,
        },
        violations=[
            ("stamp", "B:1", 4, "stamp 1 from A, as it was found", "stamp 7777 from A", "A:0 B:1"),
        ],
    ),
    "a wrong clock before a gap": Case(
        Csv(
            "process clock tick kind",
            """
        A 1 0 internal
        A 9 1 internal
        A 3 5 internal
        A 4 6 internal
    """,
        ),
        violations=[
            ("clock-condition", "A:2", 4, "clock above 9, the clock of the event before", "clock 3",
             "A:1 A:2"),
            ("lamport-step", "A:1", 3, "clock 1 + 1 = 2", "clock 9", "A:0 A:1"),
        ],
        unknown=[
            ("process-order", "A:2", TICKS_MISSING),
            ("lamport-step", "A:2", STEP_UNKNOWN),
        ],
        in_flight=None,
    ),
    "a receive without a clock of messages that imply vectors": Case(
        Csv(
            "process lamport vector",
            """
        A 1 {"A":1}
        B 7 {"B":1}
        C - {"A":1,"B":1,"C":1}
        C 9 {"A":1,"B":1,"C":2}
    """,
        ),
        in_flight=None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_judge_says_this_and_nothing_else(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path / "log")
