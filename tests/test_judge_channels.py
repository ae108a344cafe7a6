"""Channels: every kind of finding to the letter, and where there is none."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_logs import (
    ARRIVALS_MISSING,
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

SENDS = "process clock kind sender stamp targets"

NAMED = "process kind sent received targets"

REAL: dict[str, Any] = {"headers": {"": {"world": "real"}}}

GAP: dict[str, Any] = {
    "A": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        internal - - - 3 0 -
        tick=8 internal - - - 9 0 -
        tick=9 internal - - - 10 0 -
    """,
    "B": """
        tick=0 internal - - - 1 0 -
        tick=1 internal - - - 2 0 -
        tick=2 receive A {0} - {1} 0 A:{0}
    """,
    **REAL,
}


def received_in_gap(stamp: int) -> dict[str, Any]:
    """Return a log of a sender with a gap, and a receive of a message with this stamp."""
    return {**GAP, "B": GAP["B"].format(stamp, max(2, stamp) + 1)}


LOST = """
        A 1 send - - B
        A 2 send - - {}
        A 3 send - - B,C
        A 4 internal - - -
        B 1 internal - - -
        B 2 receive A 1 -
        B 4 receive A 3 -
        C 1 internal - - -
        C 4 receive A 3 -
    """

BROKEN: dict[str, Any] = {
    **REAL,
    "A": """
            send - - B 1 0 -
            send - - B 2 0 -
            send - - B,C 3 0 -
            send - - B,C 4 0 -
        """,
    "B": """
            internal - - - 1 0 -
            receive A 1 - 2 0 A:1
            internal - - - 3 0 -
            receive A 3 - 4 0 A:3
            receive A 4 - 5 0 A:4
        """,
    "C": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            internal - - - 3 0 -
            internal - - - 4 0 -
            receive A 4 - 5 0 A:4
        """,
}

CASES = {
    "received, and not sent": Case(
        edit(GOOD, "A", ("send - - B 2", "internal - - - 2")),
        violations=[
            ("from-nowhere", "B:2", 5, "a send by A to B with clock 2", "no such send", "B:2"),
        ],
    ),
    "sent by an event that is not there, in a log that is whole": Case(
        edit(GOOD, "C", ("receive A 3 - 4 0 A:3", "receive A 9 - 10 0 A:9")),
        violations=[
            ("from-nowhere", "C:3", 6, "a send by A to C with clock 9", "no such send", "C:3"),
        ],
        in_flight=1,
    ),
    "sent after the end of a log that breaks off": Case(
        {
            **edit(GOOD, "C", ("receive A 3 - 4 0 A:3", "receive A 900 - 901 0 A:900")),
            "ended": "BC",
        },
        unknown=[
            ("process-order", "A:3", TICKS_MISSING),
            ("from-nowhere", "C:3", SEND_UNKNOWN),
        ],
        in_flight=1,
        remarks=["the log of A breaks off at A:3"],
    ),
    "named as the last event of a log that breaks off": Case(
        {**edit(GOOD, "C", ("receive A 3 - 4 0 A:3", "receive A 4 - 5 0 A:4")), "ended": "BC"},
        violations=[
            ("from-nowhere", "C:3", 6, "a send by A to C with clock 4", "no such send", "C:3"),
        ],
        unknown=[
            ("process-order", "A:3", TICKS_MISSING),
        ],
        in_flight=1,
        remarks=["the log of A breaks off at A:3"],
    ),
    "named as the event before a gap": Case(
        received_in_gap(3),
        violations=[
            ("from-nowhere", "B:2", 5, "a send by A to B with clock 3", "no such send", "B:2"),
        ],
        unknown=[
            ("process-order", "A:3", TICKS_MISSING),
            ("lamport-step", "A:3", STEP_UNKNOWN),
            ("queue", "A:3", ARRIVALS_MISSING),
        ],
    ),
    "named as the first that is missing": Case(
        received_in_gap(4),
        unknown=[
            ("process-order", "A:3", TICKS_MISSING),
            ("lamport-step", "A:3", STEP_UNKNOWN),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
            ("queue", "A:3", ARRIVALS_MISSING),
        ],
    ),
    "named as the last that is missing": Case(
        received_in_gap(8),
        unknown=[
            ("process-order", "A:3", TICKS_MISSING),
            ("lamport-step", "A:3", STEP_UNKNOWN),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
            ("queue", "A:3", ARRIVALS_MISSING),
        ],
    ),
    "named as the event after a gap": Case(
        received_in_gap(9),
        violations=[
            ("from-nowhere", "B:2", 5, "a send by A to B with clock 9", "no such send", "B:2"),
        ],
        unknown=[
            ("process-order", "A:3", TICKS_MISSING),
            ("lamport-step", "A:3", STEP_UNKNOWN),
            ("queue", "A:3", ARRIVALS_MISSING),
        ],
    ),
    "named as before the first of a table": Case(
        Csv(
            SENDS,
            """
        A 7 internal - - -
        A 8 internal - - -
        B 1 internal - - -
        B 9 receive A 6 -
        B 10 receive A 7 -
    """,
        ),
        violations=[
            ("lamport-step", "B:1", 5, "clock max(1, 6) + 1 = 7", "clock 9", "B:0 B:1"),
            ("from-nowhere", "B:2", 6, "a send by A to B with clock 7", "no such send", "B:2"),
        ],
        unknown=[
            ("from-nowhere", "B:1", SEND_UNKNOWN),
        ],
    ),
    "named as before the first clock of all": Case(
        Csv(
            SENDS,
            """
        A 1 internal - - -
        A 2 internal - - -
        B 1 internal - - -
        B 2 receive A 0 -
    """,
        ),
        unknown=[
            ("from-nowhere", "B:1", SEND_UNKNOWN),
        ],
    ),
    "from a process without a log": Case(
        Csv(
            SENDS,
            """
        B 1 internal - - -
        B 9 receive D 8 -
    """,
        ),
        unknown=[
            ("from-nowhere", "B:1", SEND_UNKNOWN),
        ],
        remarks=["no log of D"],
    ),
    "from a process whose journal is not there": Case(
        {
            "B": """
            internal - - - 1 0 -
            receive C 8 - 9 0 C:8
        """,
            "A": "internal - - - 1 0 -",
            "headers": {"": {"peers": "A,B,C"}},
        },
        unknown=[
            ("from-nowhere", "B:1", SEND_UNKNOWN),
        ],
        remarks=["no log of C"],
    ),
    "found, and not sent": Case(
        edit(
            GOOD,
            "B",
            ("internal - - - 2 0 -", "internal - - - 2 1 C:99"),
            ("receive A 2 - 3 0", "receive A 2 - 3 1"),
            ("receive A 3 - 4 0", "receive A 3 - 4 1"),
        ),
        violations=[
            ("from-nowhere", "B:1", 4, "a send by C to B with clock 99", "no such send", "B:1"),
            ("one-operation", "B:1", 4, "a receive, because a message was waiting",
             "an internal event, no message taken", "B:0 B:1"),
        ],
    ),
    "found and not in the inbox, and not sent": Case(
        edit(GOOD, "B", ("internal - - - 2 0 -", "internal - - - 2 0 C:99")),
        violations=[
            ("from-nowhere", "B:1", 4, "a send by C to B with clock 99", "no such send", "B:1"),
        ],
    ),
    "found, and sent after the end of a log that breaks off": Case(
        {**edit(GOOD, "B", ("internal - - - 2 0 -", "internal - - - 2 0 C:99")), "ended": "AB"},
        unknown=[
            ("process-order", "C:3", TICKS_MISSING),
        ],
        remarks=["the log of C breaks off at C:3"],
    ),
    "found, from a process whose journal is not there": Case(
        {"B": "internal - - - 1 1 C:8", "A": "internal - - - 1 0 -"},
    ),
    "sent to another process": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        B 1 internal - - -
        C 1 internal - - -
        C 2 receive A 1 -
    """,
        ),
        violations=[
            ("from-nowhere", "C:1", 5, "a send by A to C with clock 1", "A:0 sent it to B",
             "A:0 C:1"),
        ],
        in_flight=1,
    ),
    "sent to two others": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B,D
        B 1 internal - - -
        C 1 internal - - -
        C 2 receive A 1 -
        D 1 internal - - -
    """,
        ),
        violations=[
            ("from-nowhere", "C:1", 5, "a send by A to C with clock 1", "A:0 sent it to B and D",
             "A:0 C:1"),
        ],
        in_flight=2,
    ),
    "named by an identifier that no send has": Case(
        Csv(
            NAMED,
            """
        A send m1 - B
        B receive - m1 -
        B receive - m2 -
        B receive - - -
    """,
        ),
        unknown=[
            ("from-nowhere", "B:1", SEND_UNKNOWN),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "named by an identifier, to another process": Case(
        Csv(
            NAMED,
            """
        A send m1 - C
        B receive - m1 -
        C internal - - -
    """,
        ),
        violations=[
            ("from-nowhere", "B:0", 3, "a send by A to B of message m1", "A:0 sent it to C",
             "A:0 B:0"),
        ],
        in_flight=1,
    ),
    "from a sender, by an identifier that no send has": Case(
        Csv(
            "process kind sender sent received targets",
            """
        A send - m1 - B
        B receive A - m2 -
        B receive A - m1 -
    """,
        ),
        unknown=[
            ("from-nowhere", "B:0", SEND_UNKNOWN),
        ],
    ),
    "received from oneself": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 receive A 1 -
        B 2 receive A 1 -
    """,
        ),
        violations=[
            ("from-nowhere", "A:1", 3, "a send by A to A with clock 1", "no such send", "A:1"),
        ],
    ),
    "received in the tick that sent it, in simulated time": Case(
        {"A": "send - - B 1 0 -", "B": "receive A 1 - 2 0 A:1"},
        violations=[
            ("before-sent", "B:0", 3, "a tick after 0 ns, when the message was sent",
             "a tick at 0 ns", "A:0 B:0"),
        ],
    ),
    "received a nanosecond after it was sent, in simulated time": Case(
        {
            "A": "send - - B 1 0 -",
            "B": "due=1 receive A 1 - 2 0 A:1",
            "headers": {"B": {"phase_ns": 1}},
        },
    ),
    "received before it was sent, by late ticks, in simulated time": Case(
        {"A": "late=2 send - - B 1 0 -", "B": "late=1 receive A 1 - 2 0 A:1"},
        violations=[
            ("before-sent", "B:0", 3, "a tick after 2 ns, when the message was sent",
             "a tick at 1 ns", "A:0 B:0"),
        ],
    ),
    "received a second before it was sent, for real": Case(
        {
            **REAL,
            "A": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            send - - B 3 0 -
        """,
            "B": """
            receive A 3 - 4 0 A:3
            internal - - - 5 0 -
        """,
        },
    ),
    "received more than a second before it was sent, for real": Case(
        {
            **REAL,
            "A": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            late=1 send - - B 3 0 -
        """,
            "B": """
            receive A 3 - 4 0 A:3
            internal - - - 5 0 -
        """,
        },
        violations=[
            ("before-sent", "B:0", 3, "a tick after 2000000001 ns, when the message was sent",
             "a tick at 0 ns", "A:2 B:0"),
        ],
    ),
    "received in a last tick, for real": Case(
        {
            **REAL,
            "A": "\n".join(f"internal - - - {number} 0 -" for number in range(1, 9))
            + "\nsend - - B 9 0 -",
            "B": "receive A 9 - 10 0 A:9",
            "C": "internal - - - 1 0 -",
        },
    ),
    "sent in a tick that begins after the next, for real": Case(
        {
            **REAL,
            "A": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            late=1000000001 send - - B 3 0 -
            internal - - - 4 0 -
        """,
            "B": """
            receive A 3 - 4 0 A:3
            internal - - - 5 0 -
        """,
        },
        violations=[
            ("process-order", "A:2", 5, "begun before tick 3, which began at 3000000000 ns",
             "begun at 3000000001 ns", "A:2 A:3"),
        ],
    ),
    "two processes that each know of the other's future": Case(
        Csv(
            NAMED,
            """
        A receive - m2 -
        A send m1 - B
        B receive - m1 -
        B send m2 - A
    """,
        ),
        violations=[
            ("before-sent", "B:0", 4, "no event in its own past", "B:0 happened before itself",
             "B:0 B:1 A:0 A:1 B:0"),
        ],
    ),
    "a longer circle, and a message beside it": Case(
        Csv(
            NAMED,
            """
        A receive - m3 -
        A send m1 - B
        A send m0 - C
        B internal - - -
        B receive - m1 -
        B send m2 - C
        C receive - m2 -
        C receive - m0 -
        C send m3 - A
    """,
        ),
        violations=[
            ("before-sent", "A:0", 2, "no event in its own past", "A:0 happened before itself",
             "A:0 A:2 C:1 C:2 A:0"),
        ],
    ),
    "received twice": Case(
        {
            **REAL,
            **edit(
                GOOD,
                "B",
                (
                    "receive A 3 - 4 0 A:3",
                    """
            receive A 3 - 4 0 A:3
            receive A 3 - 5 0 -
        """,
                ),
            ),
        },
        violations=[
            ("delivered-twice", "B:4", 7, "each message delivered once",
             "the message from A to B with clock 3, delivered again", "A:2 B:3 B:4"),
        ],
    ),
    "received three times": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 internal - - -
        B 2 receive A 1 -
        B 3 receive A 1 -
        B 4 internal - - -
        B 5 receive A 1 -
    """,
        ),
        violations=[
            ("delivered-twice", "B:1", 5, "each message delivered once",
             "the message from A to B with clock 1, delivered again", "A:0 B:0 B:1"),
            ("delivered-twice", "B:3", 7, "each message delivered once",
             "the message from A to B with clock 1, delivered again", "A:0 B:0 B:3"),
        ],
    ),
    "received twice by two processes": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B,C
        B 2 receive A 1 -
        C 2 receive A 1 -
    """,
        ),
    ),
    "received twice by name, and never sent": Case(
        edit(
            GOOD,
            "C",
            (
                "receive A 3 - 4 0 A:3",
                """
            receive B 8 - 9 0 B:8
            receive B 8 - 10 0 B:8
        """,
            ),
        ),
        violations=[
            ("from-nowhere", "C:3", 6, "a send by B to C with clock 8", "no such send", "C:3"),
            ("from-nowhere", "C:4", 7, "a send by B to C with clock 8", "no such send", "C:4"),
            ("delivered-twice", "C:4", 7, "each message delivered once",
             "the message from B to C with clock 8, delivered again", "C:3 C:4"),
        ],
        in_flight=1,
    ),
    "found twice in a tick, and received once": Case(
        edit(GOOD, "B", ("receive A 2 - 3 0 A:2", "receive A 2 - 3 0 A:2,A:2")),
        violations=[
            ("delivered-twice", "B:2", 5, "each message delivered once",
             "the message from A to B with clock 2, delivered again", "A:1 B:2 B:2"),
        ],
    ),
    "found twice in a tick, and waiting": Case(
        edit(
            GOOD,
            "B",
            ("receive A 2 - 3 0 A:2", "receive A 2 - 3 1 A:2,A:2"),
            ("receive A 3 - 4 0 A:3", "receive A 3 - 4 1 A:3"),
        ),
        violations=[
            ("delivered-twice", "B:2", 5, "each message delivered once",
             "the message from A to B with clock 2, delivered again", "A:1 B:2 B:2"),
        ],
    ),
    "found again later": Case(
        edit(GOOD, "B", ("receive A 3 - 4 0 A:3", "receive A 3 - 4 0 A:3,A:2")),
        violations=[
            ("delivered-twice", "B:3", 6, "each message delivered once",
             "the message from A to B with clock 2, delivered again", "A:1 B:2 B:3"),
        ],
    ),
    "found and received again": Case(
        edit(
            GOOD,
            "B",
            (
                "receive A 3 - 4 0 A:3",
                """
            receive A 3 - 4 0 A:3
            receive A 2 - 5 0 A:2
        """,
            ),
        ),
        violations=[
            ("delivered-twice", "B:4", 7, "each message delivered once",
             "the message from A to B with clock 2, delivered again", "A:1 B:2 B:4"),
        ],
    ),
    "identifiers received twice": Case(
        Csv(
            NAMED,
            """
        A send m1 - B
        B receive - m1 -
        B receive - m1 -
    """,
        ),
        violations=[
            ("delivered-twice", "B:1", 4, "each message delivered once",
             "the message from A to B of message m1, delivered again", "A:0 B:0 B:1"),
        ],
    ),
    "unknown identifiers received twice, and by two": Case(
        Csv(
            NAMED,
            """
        A receive - m7 -
        B receive - m7 -
        B receive - m8 -
        B receive - m8 -
    """,
        ),
        violations=[
            ("delivered-twice", "B:2", 5, "each message delivered once",
             "the message from some process to B of message m8, delivered again", "B:1 B:2"),
        ],
        unknown=[
            ("from-nowhere", "A:0", SEND_UNKNOWN),
            ("from-nowhere", "B:0", SEND_UNKNOWN),
            ("from-nowhere", "B:1", SEND_UNKNOWN),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
        ],
    ),
    "overtaken": Case(
        Csv(
            SENDS,
            """
        C 1 send - - B
        A 1 send - - B
        A 2 send - - B
        A 3 send - - B
        B 1 internal - - -
        B 4 receive A 3 -
        B 5 receive A 1 -
        B 6 receive C 1 -
        B 7 receive A 2 -
    """,
        ),
        violations=[
            ("fifo", "B:1", 7, "the message of A:0 before that of A:2, which was sent later",
             "the message of A:0 after that of A:2", "A:0 A:2 B:1"),
        ],
    ),
    "found out of order, taken as found": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 2 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 2 - 3 1 A:2,A:1
            receive A 1 - 4 0 -
        """,
        },
        violations=[
            ("fifo", "B:1", 4, "the message of A:0 before that of A:1, which was sent later",
             "the message of A:0 after that of A:1", "A:0 A:1 B:1"),
        ],
    ),
    "found out of order, taken in order": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 2 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 1 - 2 1 A:2,A:1
            receive A 2 - 3 0 -
        """,
        },
        violations=[
            ("inbox-order", "B:2", 5,
             "taken before the message from A with clock 1, which was found later",
             "taken after it", "A:1 B:2"),
        ],
    ),
    "received in turn, found out of turn, and received again after what overtook it": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 2 0 -
            send - - B 3 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 1 - 2 1 A:2,A:1
            receive A 2 - 3 0 -
            receive A 1 - 4 0 -
        """,
        },
        violations=[
            ("delivered-twice", "B:3", 6, "each message delivered once",
             "the message from A to B with clock 1, delivered again", "A:0 B:1 B:3"),
            ("inbox-order", "B:2", 5,
             "taken before the message from A with clock 1, which was found later",
             "taken after it", "A:1 B:2"),
        ],
        in_flight=1,
    ),
    "found out of order, and only the late one received": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 2 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 1 - 2 1 A:2,A:1
        """,
        },
        violations=[
            ("fifo", "B:1", 4, "the message of A:0 before that of A:1, which was sent later",
             "the message of A:0 after that of A:1", "A:0 A:1 B:1"),
            ("inbox-order", "B:1", 4, "the message at the front of the inbox",
             "a message behind one that still waits", "A:0 B:1"),
        ],
        in_flight=1,
    ),
    "messages of two channels may pass each other": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - C
        B 9 receive C 8 -
        B 10 receive A 1 -
        C 7 receive A 2 -
        C 8 send - - B
    """,
        ),
    ),
    "lost": Case(
        Csv(SENDS, LOST.format("B")),
        violations=[
            ("lost-message", "A:1", 3, "B gets this message before that of A:2",
             "B got only the later one", "A:1 A:2"),
        ],
    ),
    "sent to all, and not to one of them": Case(
        Csv(SENDS, LOST.format("B,C")),
        violations=[
            ("send-to-all", "A:1", 3, "reaches B and C",
             "never reached B, though a later message did", "A:1 A:2"),
            ("send-to-all", "A:1", 3, "reaches B and C",
             "never reached C, though a later message did", "A:1 A:2"),
        ],
    ),
    "lost at the end: in flight": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - B
        A 3 send - - C
        B 1 internal - - -
        B 2 receive A 1 -
        C 1 internal - - -
        C 4 receive A 3 -
    """,
        ),
        in_flight=1,
    ),
    "lost before the first of a log that may start late": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - B
        A 3 send - - B
        B 7 internal - - -
        B 8 receive A 2 -
    """,
        ),
        unknown=[
            ("lost-message", "A:0", MAY_HAVE_COME),
        ],
        in_flight=1,
    ),
    "lost after the first of a log that may start late": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - B
        A 3 send - - B
        B 7 internal - - -
        B 8 receive A 1 -
        B 9 receive A 3 -
    """,
        ),
        violations=[
            ("lost-message", "A:1", 3, "B gets this message before that of A:2",
             "B got only the later one", "A:1 A:2"),
        ],
    ),
    "lost, or received without a name": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - B
        A 3 send - - B
        B 1 internal - - -
        B 2 receive A 1 -
        B 3 receive - - -
        B 4 receive A 3 -
        C 1 send - - B
    """,
        ),
        unknown=[
            ("clock-condition", "B:2", MESSAGE_UNKNOWN),
            ("lamport-step", "B:2", STEP_UNKNOWN),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
            ("lost-message", "A:1", MAY_HAVE_COME),
        ],
        in_flight=None,
    ),
    "received without a name between two that have one": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - B
        A 3 send - - B
        B 1 internal - - -
        B 2 receive A 1 -
        B 3 receive - - -
        B 4 receive A 3 -
    """,
        ),
    ),
    "lost to a log with a gap": Case(
        Csv(
            SENDS + " tick",
            """
        A 1 send - - B 0
        A 2 send - - B 1
        A 3 send - - B 2
        B 1 internal - - - 0
        B 2 receive A 1 - 1
        B 4 receive A 3 - 3
    """,
        ),
        unknown=[
            ("process-order", "B:2", TICKS_MISSING),
            ("lamport-step", "B:2", STEP_UNKNOWN),
            ("lost-message", "A:1", MAY_HAVE_COME),
        ],
    ),
    "some of several lost to a log with a gap": Case(
        Csv(
            SENDS + " tick",
            """
        A 1 send - - B,C 0
        A 2 send - - B,C 1
        A 3 send - - B,C 2
        B 1 internal - - - 0
        B 2 receive A 1 - 1
        B 4 receive A 3 - 3
        C 1 internal - - - 0
        C 2 receive A 1 - 1
        C 3 receive A 2 - 2
        C 4 receive A 3 - 3
    """,
        ),
        unknown=[
            ("process-order", "B:2", TICKS_MISSING),
            ("lamport-step", "B:2", STEP_UNKNOWN),
            ("send-to-all", "A:1", MAY_HAVE_COME),
        ],
    ),
    "lost, and one that all should have got": Case(
        BROKEN,
        violations=[
            ("lost-message", "A:1", 4, "B gets this message before that of A:2",
             "B got only the later one", "A:1 A:2"),
            ("lost-message", "A:2", 5, "C gets this message before that of A:3",
             "C got only the later one", "A:2 A:3"),
        ],
    ),
    "lost on a channel whose sender says that it broke": Case(
        {**BROKEN, "lost": ("A", "B")},
        violations=[
            ("lost-message", "A:2", 6, "C gets this message before that of A:3",
             "C got only the later one", "A:2 A:3"),
        ],
        unknown=[
            ("lost-message", "A:1", MAY_HAVE_COME),
        ],
    ),
    "lost on a channel whose receiver says that it broke": Case(
        {**BROKEN, "lost": ("B", "A")},
        violations=[
            ("lost-message", "A:2", 5, "C gets this message before that of A:3",
             "C got only the later one", "A:2 A:3"),
        ],
        unknown=[
            ("lost-message", "A:1", MAY_HAVE_COME),
        ],
    ),
    "lost beside a channel that broke": Case(
        {**BROKEN, "lost": ("B", "C")},
        violations=[
            ("lost-message", "A:1", 4, "B gets this message before that of A:2",
             "B got only the later one", "A:1 A:2"),
            ("lost-message", "A:2", 5, "C gets this message before that of A:3",
             "C got only the later one", "A:2 A:3"),
        ],
    ),
    "not lost, but sent by an event that is called internal": Case(
        edit(BROKEN, "A", ("send - - B 2", "internal - - B 2")),
        violations=[
            ("send-to-all", "A:2", 5, "reaches B and C",
             "never reached C, though a later message did", "A:2 A:3"),
            ("one-operation", "A:1", 4, "one operation, under the name of its kind",
             "an internal event, sent to B", "A:1"),
        ],
        in_flight=1,
    ),
    "not lost, but received by another process": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - B
        A 3 send - - B
        B 1 internal - - -
        B 2 receive A 1 -
        B 4 receive A 3 -
        C 1 internal - - -
        C 3 receive A 2 -
    """,
        ),
        violations=[
            ("from-nowhere", "C:1", 9, "a send by A to C with clock 2", "A:1 sent it to B",
             "A:1 C:1"),
        ],
        in_flight=1,
    ),
    "found, and not received yet": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 2 0 -
            send - - B 3 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 1 - 2 2 A:1,A:2,A:3
        """,
        },
        in_flight=2,
    ),
    "identifiers lost": Case(
        Csv(
            NAMED,
            """
        A send m1 - B
        A send m2 - B
        B internal - - -
        B receive - m2 -
        B receive - m3 -
    """,
        ),
        unknown=[
            ("from-nowhere", "B:2", SEND_UNKNOWN),
            ("lost-message", "A:0", MAY_HAVE_COME),
        ],
    ),
    "lost from the last process to the first": Case(
        Csv(
            SENDS,
            """
        A 1 internal - - -
        A 2 receive C 1 -
        A 3 receive B 1 -
        A 4 receive C 3 -
        A 5 receive C 4 -
        B 1 send - - A
        B 2 send - - A,C
        C 1 send - - A
        C 2 send - - A
        C 3 send - - A
        C 4 send - - A,B
    """,
        ),
        violations=[
            ("lost-message", "C:1", 10, "A gets this message before that of C:2",
             "A got only the later one", "C:1 C:2"),
        ],
        in_flight=3,
    ),
    "not sent to all, by the last process": Case(
        Csv(
            SENDS,
            """
        A 1 internal - - -
        A 2 receive C 1 -
        A 4 receive C 3 -
        B 1 internal - - -
        B 2 receive C 1 -
        B 3 receive C 2 -
        B 4 receive C 3 -
        C 1 send - - A,B
        C 2 send - - A,B
        C 3 send - - A,B
        C 4 send - - A,B
    """,
        ),
        violations=[
            ("send-to-all", "C:1", 10, "reaches A and B",
             "never reached A, though a later message did", "C:1 C:2"),
        ],
        in_flight=2,
    ),
    "lost on two channels to one process": Case(
        Csv(
            SENDS,
            """
        A 1 send - - C
        A 2 send - - C
        A 3 send - - C
        B 1 send - - C
        B 2 send - - C
        B 3 send - - C
        C 1 internal - - -
        C 2 receive B 1 -
        C 3 receive A 1 -
        C 4 receive A 3 -
        C 5 receive B 3 -
    """,
        ),
        violations=[
            ("lost-message", "A:1", 3, "C gets this message before that of A:2",
             "C got only the later one", "A:1 A:2"),
            ("lost-message", "B:1", 6, "C gets this message before that of B:2",
             "C got only the later one", "B:1 B:2"),
        ],
    ),
    "overtaken on two channels to one process": Case(
        Csv(
            SENDS,
            """
        A 1 send - - C
        A 2 send - - C
        B 1 send - - C
        B 2 send - - C
        C 1 internal - - -
        C 3 receive B 2 -
        C 4 receive A 2 -
        C 5 receive B 1 -
        C 6 receive A 1 -
    """,
        ),
        violations=[
            ("fifo", "C:3", 9, "the message of B:0 before that of B:1, which was sent later",
             "the message of B:0 after that of B:1", "B:0 B:1 C:3"),
            ("fifo", "C:4", 10, "the message of A:0 before that of A:1, which was sent later",
             "the message of A:0 after that of A:1", "A:0 A:1 C:4"),
        ],
    ),
    "stamps without senders": Case(
        Csv(
            "process clock kind stamp",
            """
        A 1 send -
        B 1 internal -
        B 2 receive 1
        B 3 receive 1
    """,
        ),
        unknown=[
            ("from-nowhere", "B:1", SEND_UNKNOWN),
            ("from-nowhere", "B:2", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "received from oneself, under a clock before all others": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 receive A 0 -
        B 2 receive A 1 -
    """,
        ),
        unknown=[
            ("from-nowhere", "A:1", SEND_UNKNOWN),
        ],
    ),
    "lost, beside a message that another process received": Case(
        Csv(
            SENDS,
            """
        A 1 send - - B
        A 2 send - - B
        A 3 send - - B
        A 4 send - - B
        B 1 internal - - -
        B 2 receive A 1 -
        B 5 receive A 4 -
        C 1 internal - - -
        C 3 receive A 2 -
    """,
        ),
        violations=[
            ("from-nowhere", "C:1", 10, "a send by A to C with clock 2", "A:1 sent it to B",
             "A:1 C:1"),
            ("lost-message", "A:2", 4, "B gets this message before that of A:3",
             "B got only the later one", "A:2 A:3"),
        ],
        in_flight=1,
    ),
    "named as in a gap of another process": Case(
        Csv(
            SENDS + " tick",
            """
        A 1 internal - - - 0
        A 9 internal - - - 5
        B 1 internal - - - 0
        B 2 internal - - - 1
        B 9 internal - - - 2
        C 1 internal - - - 0
        C 6 receive B 5 - 1
    """,
        ),
        violations=[
            ("lamport-step", "B:2", 6, "clock 2 + 1 = 3", "clock 9", "B:1 B:2"),
            ("from-nowhere", "C:1", 8, "a send by B to C with clock 5", "no such send", "C:1"),
        ],
        unknown=[
            ("process-order", "A:1", TICKS_MISSING),
            ("lamport-step", "A:1", STEP_UNKNOWN),
        ],
    ),
    "named as in a gap of a later process": Case(
        Csv(
            SENDS + " tick",
            """
        B 1 internal - - - 0
        B 2 internal - - - 1
        B 9 internal - - - 2
        C 1 internal - - - 0
        C 6 receive B 5 - 1
        A 1 internal - - - 0
        A 9 internal - - - 5
    """,
        ),
        violations=[
            ("lamport-step", "B:2", 4, "clock 2 + 1 = 3", "clock 9", "B:1 B:2"),
            ("from-nowhere", "C:1", 6, "a send by B to C with clock 5", "no such send", "C:1"),
        ],
        unknown=[
            ("process-order", "A:1", TICKS_MISSING),
            ("lamport-step", "A:1", STEP_UNKNOWN),
        ],
    ),
    "from a sender with clocks, by an identifier that no send has": Case(
        Csv(
            "process clock kind sender sent received targets",
            """
        A 1 send - m1 - B
        B 1 receive A - m2 -
        B 2 receive A - m1 -
    """,
        ),
        unknown=[
            ("clock-condition", "B:0", MESSAGE_UNKNOWN),
            ("lamport-step", "B:0", STEP_UNKNOWN),
            ("from-nowhere", "B:0", SEND_UNKNOWN),
        ],
    ),
    "sent before the first tick of a log": Case(
        {
            **REAL,
            "A": """
            tick=5 internal - - - 6 0 -
            tick=6 internal - - - 7 0 -
        """,
            "B": """
            internal - - - 1 0 -
            receive A 3 - 4 0 A:3
        """,
        },
        unknown=[
            ("process-order", "A:0", TICKS_MISSING),
            ("lamport-step", "A:0", STEP_UNKNOWN),
            ("from-nowhere", "B:1", SEND_UNKNOWN),
            ("queue", "A:0", ARRIVALS_MISSING),
        ],
    ),
    "found out of order by the first event, taken in order": Case(
        {
            **REAL,
            "A": """
            send - - B 1 0 -
            send - - B 2 0 -
        """,
            "B": """
            receive A 1 - 2 1 A:2,A:1
            receive A 2 - 3 0 -
        """,
        },
        violations=[
            ("inbox-order", "B:1", 4,
             "taken before the message from A with clock 1, which was found later",
             "taken after it", "A:1 B:1"),
        ],
    ),
    "sent in a tick that begins with the next, for real": Case(
        {
            **REAL,
            "A": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            late=1000000000 send - - B 3 0 -
            internal - - - 4 0 -
        """,
            "B": """
            receive A 3 - 4 0 A:3
            internal - - - 5 0 -
        """,
        },
        violations=[
            ("before-sent", "B:0", 3, "a tick after 3000000000 ns, when the message was sent",
             "a tick at 0 ns", "A:2 B:0"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_judge_says_this_and_nothing_else(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path / "log")
