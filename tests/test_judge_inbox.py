"""Inboxes: every kind of finding to the letter, and where there is none."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_logs import (
    ARRIVALS_MISSING,
    FOUND_IN_GAP,
    MAY_HAVE_COME,
    MAY_HAVE_WAITED,
    MESSAGE_UNKNOWN,
    SEND_UNKNOWN,
    STEP_UNKNOWN,
    TAKEN_IN_GAP,
    TICKS_MISSING,
    Case,
    Csv,
    edit,
)

REAL: dict[str, Any] = {"headers": {"": {"world": "real"}}}

WAITING: dict[str, Any] = {
    "A": """
        send - - B 1 0 -
        send - - B 2 0 -
        send - - B 3 0 -
        internal - - - 4 0 -
        send - - B 5 0 -
        internal - - - 6 0 -
        internal - - - 7 0 -
    """,
    "B": """
        internal - - - 1 0 -
        receive A 1 - 2 2 A:1,A:2,A:3
        receive A 2 - 3 1 -
        receive A 3 - 4 0 -
        internal - - - 5 0 -
        receive A 5 - 6 0 A:5
    """,
    "C": "internal - - - 1 0 -",
    **REAL,
}

CASES = {
    "an inbox that works": Case(WAITING),
    "the second message taken before the first": Case(
        edit(
            WAITING,
            "B",
            ("receive A 1 - 2", "receive A 2 - 3"),
            ("receive A 2 - 3 1", "receive A 1 - 4 1"),
            ("receive A 3 - 4", "receive A 3 - 5"),
            ("internal - - - 5", "internal - - - 6"),
            ("receive A 5 - 6", "receive A 5 - 7"),
        ),
        violations=[
            ("inbox-order", "B:2", 5,
             "taken before the message from A with clock 2, which was found later",
             "taken after it", "A:0 B:2"),
        ],
    ),
    "the first message taken last": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 2 - 3 2 A:1,A:2,A:3
        receive A 3 - 4 1 -
        receive A 1 - 5 0 -
    """,
        },
        violations=[
            ("inbox-order", "B:3", 6,
             "taken before the message from A with clock 3, which was found later",
             "taken after it", "A:0 B:3"),
        ],
        in_flight=1,
    ),
    "a message taken that had not been found by then": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 0 A:1
        receive A 3 - 4 0 A:2
        receive A 2 - 5 0 A:3
        internal - - - 6 0 -
    """,
        },
        violations=[
            ("inbox-order", "B:2", 5, "a message that was found at this tick or before",
             "its message was not found by then", "A:2 B:2"),
            ("queue", "B:2", 5, "queue 1", "queue 0", "B:1 B:2"),
        ],
        in_flight=1,
    ),
    "a message taken before it was found": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 0 -
        internal - - - 3 0 A:1
    """,
        },
        violations=[
            ("inbox-order", "B:1", 4, "a message that was found at this tick or before",
             "its message was not found by then", "A:0 B:1"),
            ("queue", "B:2", 5, "queue 1", "queue 0", "B:1 B:2"),
            ("one-operation", "B:2", 5, "a receive, because a message was waiting",
             "an internal event, no message taken", "B:1 B:2"),
        ],
        in_flight=3,
    ),
    "a message taken that was never found": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 0 A:1
        receive A 2 - 3 0 -
        internal - - - 4 0 -
    """,
        },
        violations=[
            ("inbox-order", "B:2", 5, "a message that was found at this tick or before",
             "its message was not found by then", "A:1 B:2"),
        ],
        in_flight=2,
    ),
    "a message taken that may have been found in a gap": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 0 A:1
        tick=4 receive A 2 - 5 0 -
        tick=5 internal - - - 6 0 -
    """,
        },
        unknown=[
            ("process-order", "B:2", TICKS_MISSING),
            ("lamport-step", "B:2", STEP_UNKNOWN),
            ("inbox-order", "B:2", FOUND_IN_GAP),
            ("queue", "B:2", ARRIVALS_MISSING),
        ],
        in_flight=2,
    ),
    "a message passed over that still waits": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 2 A:1,A:2,A:3
        receive A 3 - 4 1 -
    """,
        },
        violations=[
            ("inbox-order", "B:2", 5, "the message at the front of the inbox",
             "a message behind one that still waits", "A:2 B:2"),
        ],
        in_flight=2,
    ),
    "messages passed over, in a log with a gap": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        tick=2 receive A 3 - 4 0 A:1,A:2,A:3
        tick=3 internal - - - 5 0 -
    """,
        },
        unknown=[
            ("process-order", "B:1", TICKS_MISSING),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("queue", "B:1", ARRIVALS_MISSING),
            ("one-operation", "B:1", TAKEN_IN_GAP),
            ("one-operation", "B:1", TAKEN_IN_GAP),
        ],
        in_flight=3,
    ),
    "messages found in a gap": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        tick=4 receive A 3 - 5 0 -
        tick=5 receive A 5 - 6 0 A:5
    """,
        },
        unknown=[
            ("process-order", "B:1", TICKS_MISSING),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("lost-message", "A:0", MAY_HAVE_COME),
            ("lost-message", "A:1", MAY_HAVE_COME),
            ("inbox-order", "B:1", FOUND_IN_GAP),
            ("queue", "B:1", ARRIVALS_MISSING),
        ],
        in_flight=0,
    ),
    "an operation though a message waits": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 2 A:1,A:2,A:3
        send - - C 3 2 -
        receive A 2 - 4 1 -
        receive A 3 - 5 0 -
    """,
        },
        violations=[
            ("one-operation", "B:2", 5, "a receive, because a message was waiting",
             "a send, no message taken", "B:1 B:2"),
        ],
        in_flight=2,
    ),
    "an operation though a message was found in the first tick": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 1 A:1
        receive A 1 - 2 0 -
    """,
            "A": """
            send - - B 1 0 -
            internal - - - 2 0 -
        """,
        },
        violations=[
            ("one-operation", "B:0", 3, "a receive, because a message was waiting",
             "an internal event, no message taken", "B:0"),
        ],
    ),
    "two messages taken at once": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 2 - 3 1 A:1,A:2,A:3
        receive A 3 - 4 0 -
        internal - - - 5 0 -
    """,
        },
        violations=[
            ("one-operation", "B:1", 4, "one message taken, the one at the front",
             "1 message in front of it taken too, or passed over", "B:1"),
        ],
        in_flight=2,
    ),
    "three messages taken at once": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 3 - 4 0 A:1,A:2,A:3
        internal - - - 5 0 -
    """,
        },
        violations=[
            ("one-operation", "B:1", 4, "one message taken, the one at the front",
             "2 messages in front of it taken too, or passed over", "B:1"),
        ],
        in_flight=3,
    ),
    "two messages taken at once, as the event before has recorded": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 1 A:1,A:2,A:3
        receive A 3 - 4 0 -
        internal - - - 5 0 -
    """,
        },
        violations=[
            ("one-operation", "B:2", 5, "one message taken, the one at the front",
             "1 message in front of it taken too, or passed over", "B:2"),
        ],
        in_flight=2,
    ),
    "two messages taken at once after all of another process": Case(
        {
            **WAITING,
            "C": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        receive A 7 - 8 0 A:6,A:7
    """,
            "A": """
            internal - - - 1 0 -
            internal - - - 2 0 -
            internal - - - 3 0 -
            internal - - - 4 0 -
            internal - - - 5 0 -
            send - - C 6 0 -
            send - - C 7 0 -
        """,
            "B": "internal - - - 1 0 -",
        },
        violations=[
            ("one-operation", "C:2", 5, "one message taken, the one at the front",
             "1 message in front of it taken too, or passed over", "C:2"),
        ],
        in_flight=1,
    ),
    "two events in one tick": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 2 A:1,A:2,A:3
        receive A 2 - 3 1 -
        tick=2 send - - C 4 1 -
        tick=3 receive A 3 - 5 0 -
    """,
        },
        violations=[
            ("one-operation", "B:3", 6, "one event a tick", "a second event in tick 2", "B:2 B:3"),
        ],
        in_flight=2,
    ),
    "two events in one tick of a table": Case(
        Csv(
            "process tick clock queue",
            """
        A 0 1 0
        A 0 2 0
        A 1 3 0
        A - 4 0
        A - 5 0
        B 1 1 0
    """,
        ),
        violations=[
            ("one-operation", "A:1", 3, "one event a tick", "a second event in tick 0", "A:0 A:1"),
        ],
        in_flight=None,
    ),
    "a receive that is called internal": Case(
        edit(WAITING, "B", ("receive A 1", "internal A 1")),
        violations=[
            ("one-operation", "B:1", 4, "one operation, under the name of its kind",
             "an internal event, received from A", "B:1"),
        ],
    ),
    "an internal event that is called a receive": Case(
        edit(WAITING, "B", ("internal - - - 5", "receive - - - 5")),
        violations=[
            ("one-operation", "B:4", 7, "one operation, under the name of its kind", "a receive",
             "B:4"),
        ],
        unknown=[
            ("clock-condition", "B:4", MESSAGE_UNKNOWN),
            ("lamport-step", "B:4", STEP_UNKNOWN),
            ("from-nowhere", "B:4", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "a send that is called internal": Case(
        edit(WAITING, "A", ("send - - B 1", "internal - - B 1")),
        violations=[
            ("one-operation", "A:0", 3, "one operation, under the name of its kind",
             "an internal event, sent to B", "A:0"),
        ],
    ),
    "an internal event that is called a send": Case(
        edit(WAITING, "A", ("internal - - - 4", "send - - - 4")),
        violations=[
            ("one-operation", "A:3", 6, "one operation, under the name of its kind", "a send",
             "A:3"),
        ],
    ),
    "a tick of the die that received and sent": Case(
        edit(WAITING, "B", ("receive A 2 - 3", "receive A 2 A,C 3")),
        violations=[
            ("one-operation", "B:2", 5, "one operation, under the name of its kind",
             "a receive, received from A, sent to A and C", "B:2"),
        ],
        in_flight=2,
    ),
    "a process of the user may receive and send": Case(
        {
            "A": """
            send - - B 1 0 - 1.0
            internal - - - 2 0 - 2.0
        """,
            "B": """
            internal - - - 1 0 - 0.1
            receive A 1 A 2 0 A:1:1.0 1.2
        """,
            "headers": {"": {"clock": "vector", "process": "mine.py:Mine", "world": "real"}},
        },
        in_flight=1,
    ),
    "a message waits, in a table": Case(
        Csv(
            "process clock kind queue",
            """
        A 1 internal 0
        A 2 send 1
        A 3 receive 0
        A 4 internal -
        A 5 internal 0
        B 1 internal 2
        C 1 receive 0
        C 2 receive 1
        C 3 internal 1
        C 4 internal 0
        C 5 receive 2
        C 6 send -
        C 7 internal 3
    """,
        ),
        violations=[
            ("queue", "C:3", 11, "queue at least 1", "queue 0", "C:2 C:3"),
            ("one-operation", "C:2", 10, "a receive, because a message was waiting",
             "an internal event, no message taken", "C:1 C:2"),
            ("one-operation", "C:5", 13, "a receive, because a message was waiting",
             "a send, no message taken", "C:4 C:5"),
        ],
        unknown=[
            ("clock-condition", "A:2", MESSAGE_UNKNOWN),
            ("clock-condition", "C:0", MESSAGE_UNKNOWN),
            ("clock-condition", "C:1", MESSAGE_UNKNOWN),
            ("clock-condition", "C:4", MESSAGE_UNKNOWN),
            ("lamport-step", "A:2", STEP_UNKNOWN),
            ("lamport-step", "C:0", STEP_UNKNOWN),
            ("lamport-step", "C:1", STEP_UNKNOWN),
            ("lamport-step", "C:4", STEP_UNKNOWN),
            ("from-nowhere", "A:2", SEND_UNKNOWN),
            ("from-nowhere", "C:0", SEND_UNKNOWN),
            ("from-nowhere", "C:1", SEND_UNKNOWN),
            ("from-nowhere", "C:4", SEND_UNKNOWN),
            ("one-operation", "A:1", MAY_HAVE_WAITED),
            ("one-operation", "B:0", MAY_HAVE_WAITED),
            ("one-operation", "C:6", MAY_HAVE_WAITED),
        ],
        in_flight=None,
    ),
    "an event of which a table says little may have received": Case(
        Csv(
            "process clock queue",
            """
        A 1 2
        A 2 1
        A 3 0
        A 4 0
    """,
        ),
        in_flight=None,
    ),
    "a queue one too long": Case(
        edit(WAITING, "B", ("receive A 2 - 3 1", "receive A 2 - 3 2")),
        violations=[
            ("queue", "B:2", 5, "queue 1", "queue 2", "B:1 B:2"),
        ],
    ),
    "a queue one too short": Case(
        edit(WAITING, "B", ("receive A 2 - 3 1", "receive A 2 - 3 0")),
        violations=[
            ("queue", "B:2", 5, "queue 1", "queue 0", "B:1 B:2"),
        ],
    ),
    "a queue that is not 0 at the first event": Case(
        edit(WAITING, "A", ("send - - B 1 0", "send - - B 1 4")),
        violations=[
            ("queue", "A:0", 3, "queue 0", "queue 4", "A:0"),
        ],
    ),
    "a queue that is too long from some event on": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 2 A:1,A:2,A:3
        receive A 2 - 3 4 -
        receive A 3 - 4 3 -
        internal - - - 5 3 -
    """,
        },
        violations=[
            ("queue", "B:2", 5, "queue 1", "queue 4", "B:1 B:2"),
        ],
        in_flight=1,
    ),
    "a queue after a gap goes on from what it is": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        tick=4 receive A 1 - 5 4 -
        tick=5 receive A 2 - 6 3 -
        tick=6 receive A 3 - 7 1 -
    """,
        },
        violations=[
            ("queue", "B:3", 6, "queue 2", "queue 1", "B:2 B:3"),
        ],
        unknown=[
            ("process-order", "B:1", TICKS_MISSING),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("inbox-order", "B:1", FOUND_IN_GAP),
            ("inbox-order", "B:2", FOUND_IN_GAP),
            ("inbox-order", "B:3", FOUND_IN_GAP),
            ("queue", "B:1", ARRIVALS_MISSING),
        ],
        in_flight=1,
    ),
    "a queue of a table falls too fast": Case(
        Csv(
            "process clock kind queue",
            """
        A 1 receive 5
        A 2 receive 4
        A 3 receive 2
        A 4 internal 1
        A 5 receive -
        A 6 receive 0
        B 9 receive 0
        B 10 receive 0
        B 11 internal 0
    """,
        ),
        violations=[
            ("queue", "A:2", 4, "queue at least 3", "queue 2", "A:1 A:2"),
            ("queue", "A:3", 5, "queue at least 2", "queue 1", "A:2 A:3"),
            ("one-operation", "A:3", 5, "a receive, because a message was waiting",
             "an internal event, no message taken", "A:2 A:3"),
        ],
        unknown=[
            ("clock-condition", "A:0", MESSAGE_UNKNOWN),
            ("clock-condition", "A:1", MESSAGE_UNKNOWN),
            ("clock-condition", "A:2", MESSAGE_UNKNOWN),
            ("clock-condition", "A:4", MESSAGE_UNKNOWN),
            ("clock-condition", "A:5", MESSAGE_UNKNOWN),
            ("clock-condition", "B:0", MESSAGE_UNKNOWN),
            ("clock-condition", "B:1", MESSAGE_UNKNOWN),
            ("lamport-step", "A:0", STEP_UNKNOWN),
            ("lamport-step", "A:1", STEP_UNKNOWN),
            ("lamport-step", "A:2", STEP_UNKNOWN),
            ("lamport-step", "A:4", STEP_UNKNOWN),
            ("lamport-step", "A:5", STEP_UNKNOWN),
            ("lamport-step", "B:0", STEP_UNKNOWN),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("from-nowhere", "A:0", SEND_UNKNOWN),
            ("from-nowhere", "A:1", SEND_UNKNOWN),
            ("from-nowhere", "A:2", SEND_UNKNOWN),
            ("from-nowhere", "A:4", SEND_UNKNOWN),
            ("from-nowhere", "A:5", SEND_UNKNOWN),
            ("from-nowhere", "B:0", SEND_UNKNOWN),
            ("from-nowhere", "B:1", SEND_UNKNOWN),
        ],
        in_flight=None,
    ),
    "a queue of a table after a gap": Case(
        Csv(
            "process clock tick kind queue",
            """
        A 1 0 receive 5
        A 9 8 receive 2
        A 10 9 receive 1
    """,
        ),
        unknown=[
            ("process-order", "A:1", TICKS_MISSING),
            ("clock-condition", "A:0", MESSAGE_UNKNOWN),
            ("clock-condition", "A:1", MESSAGE_UNKNOWN),
            ("clock-condition", "A:2", MESSAGE_UNKNOWN),
            ("lamport-step", "A:0", STEP_UNKNOWN),
            ("lamport-step", "A:1", STEP_UNKNOWN),
            ("lamport-step", "A:2", STEP_UNKNOWN),
            ("from-nowhere", "A:0", SEND_UNKNOWN),
            ("from-nowhere", "A:1", SEND_UNKNOWN),
            ("from-nowhere", "A:2", SEND_UNKNOWN),
            ("queue", "A:1", ARRIVALS_MISSING),
        ],
        in_flight=None,
    ),
    "a message waits at an event under a wrong name": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 2 A:1,A:2,A:3
        send - - - 3 2 -
        receive A 2 - 4 1 -
        receive A 3 - 5 0 -
    """,
        },
        violations=[
            ("one-operation", "B:2", 5, "one operation, under the name of its kind", "a send",
             "B:2"),
        ],
        in_flight=1,
    ),
    "inboxes of two processes, wrong in the second": Case(
        {
            **WAITING,
            "C": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        internal - - - 3 0 -
        internal - - - 4 0 -
        receive D 2 - 5 1 D:1,D:2
        receive D 1 - 6 0 -
        internal - - - 7 5 -
    """,
            "D": """
        send - - C 1 0 -
        send - - C 2 0 -
        internal - - - 3 0 -
    """,
        },
        violations=[
            ("inbox-order", "C:5", 8,
             "taken before the message from D with clock 2, which was found later",
             "taken after it", "D:0 C:5"),
            ("queue", "C:6", 9, "queue 0", "queue 5", "C:5 C:6"),
        ],
    ),
    "three taken at once in the second of two inboxes": Case(
        {
            **WAITING,
            "C": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        internal - - - 3 0 -
        receive D 3 - 4 0 D:1,D:2,D:3
        internal - - - 5 0 -
    """,
            "D": """
        send - - C 1 0 -
        send - - C 2 0 -
        send - - C 3 0 -
    """,
        },
        violations=[
            ("one-operation", "C:3", 6, "one message taken, the one at the front",
             "2 messages in front of it taken too, or passed over", "C:3"),
        ],
        in_flight=2,
    ),
    "two passed over that still wait, in the second of two inboxes": Case(
        {
            **WAITING,
            "C": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        internal - - - 3 0 -
        receive D 3 - 4 2 D:1,D:2,D:3
    """,
            "D": """
        send - - C 1 0 -
        send - - C 2 0 -
        send - - C 3 0 -
    """,
        },
        violations=[
            ("inbox-order", "C:3", 6, "the message at the front of the inbox",
             "a message behind one that still waits", "D:2 C:3"),
        ],
        in_flight=2,
    ),
    "a receive before its arrival as the first of the second inbox": Case(
        {
            **WAITING,
            "C": """
        internal - - - 1 0 -
        internal - - - 2 0 -
        receive D 1 - 3 0 -
        receive D 2 - 4 1 D:1,D:2
    """,
            "D": """
        send - - C 1 0 -
        send - - C 2 0 -
    """,
        },
        violations=[
            ("inbox-order", "C:2", 5, "a message that was found at this tick or before",
             "its message was not found by then", "D:0 C:2"),
            ("inbox-order", "C:3", 6, "the message at the front of the inbox",
             "a message behind one that still waits", "D:1 C:3"),
        ],
    ),
    "a message found once more, and not put into an inbox in which another waits": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 1 A:1,A:2,A:1
        receive A 2 - 3 0 -
        internal - - - 4 0 -
    """,
        },
        violations=[
            ("delivered-twice", "B:1", 4, "each message delivered once",
             "the message from A to B with clock 1, delivered again", "A:0 B:1 B:1"),
        ],
        in_flight=2,
    ),
    "a message found once more, and put into an inbox in which another waits": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 1 - 2 2 A:1,A:2,A:1
        receive A 2 - 3 1 -
    """,
        },
        violations=[
            ("delivered-twice", "B:1", 4, "each message delivered once",
             "the message from A to B with clock 1, delivered again", "A:0 B:1 B:1"),
        ],
        in_flight=2,
    ),
    "a message taken that was never found, and never sent": Case(
        {
            **WAITING,
            "B": """
        internal - - - 1 0 -
        receive A 99 - 100 0 -
        internal - - - 101 0 -
    """,
            "A": "internal - - - 1 0 -",
        },
        violations=[
            ("from-nowhere", "B:1", 4, "a send by A to B with clock 99", "no such send", "B:1"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_judge_says_this_and_nothing_else(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path / "log")
