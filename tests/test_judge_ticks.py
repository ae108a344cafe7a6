"""Ticks and the die: every kind of finding to the letter, and where there is none."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_logs import (
    ARRIVALS_MISSING,
    GOOD,
    SECOND,
    STEP_UNKNOWN,
    TICKS_MISSING,
    Case,
    Csv,
    edit,
)


def internal(*words: str) -> str:
    """Return internal events of one machine, with what stands before each."""
    return "\n".join(f"{word} internal - - - {number + 1} 0 -" for number, word in enumerate(words))


def begun(*late_ns: int) -> str:
    """Return internal events that begin so much after they are due."""
    return internal(*(f"late={late}" for late in late_ns))


REAL: dict[str, Any] = {"headers": {"": {"world": "real"}}}

REAL_4: dict[str, Any] = {"headers": {"": {"world": "real", "rate": 4}}}


def sent(*targets: str) -> str:
    """Return sends of one machine, to each of the targets in turn."""
    return "\n".join(f"send - - {target} {number + 1} 0 -" for number, target in enumerate(targets))


IDLE = "internal - - - 1 0 -"


def begun_after_phase(*late_ns: int) -> dict[str, Any]:
    """Return a real machine whose first tick is due after half a second, and its lateness."""
    words = (
        f"due={number * SECOND + SECOND // 2} late={late}" for number, late in enumerate(late_ns)
    )
    return {"A": internal(*words), "headers": {"": {"world": "real", "phase_ns": SECOND // 2}}}


CASES = {
    "a good run": Case(GOOD),
    "a tick that fits nowhere": Case(
        edit(GOOD, "A", ("send - - B,C", "tick=500 due=2000000000 send - - B,C")),
        violations=[
            ("process-order", "A:2", 5, "tick 2", "tick 500", "A:1 A:2"),
        ],
    ),
    "two lines in the wrong order": Case(
        {
            **GOOD,
            "A": """
        internal - - - 1 0 -
        tick=2 send - - B,C 3 0 -
        tick=1 send - - B 2 0 -
        receive C 2 - 4 0 C:2
    """,
        },
        violations=[
            ("process-order", "A:2", 4, "tick 2 below tick 1, which is in line 5",
             "above it, in line 4", "A:1 A:2"),
        ],
    ),
    "a tick that begins after the next one": Case(
        edit(GOOD, "B", ("internal - - - 2", "late=1000000001 internal - - - 2")),
        violations=[
            ("process-order", "B:1", 4, "begun before tick 2, which began at 2000000000 ns",
             "begun at 2000000001 ns", "B:1 B:2"),
        ],
    ),
    "a tick that begins with the next one": Case(
        edit(GOOD, "B", ("internal - - - 2", "late=1000000000 internal - - - 2")),
    ),
    "ticks that are missing": Case(
        {
            **GOOD,
            "B": """
        internal - - - 1 0 -
        tick=2 receive A 2 - 3 0 A:2
        tick=3 receive A 3 - 4 0 A:3
    """,
        },
        unknown=[
            ("process-order", "B:1", TICKS_MISSING),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("queue", "B:1", ARRIVALS_MISSING),
        ],
    ),
    "a log that breaks off": Case(
        {**GOOD, "ended": "AC"},
        unknown=[
            ("process-order", "B:3", TICKS_MISSING),
        ],
        remarks=["the log of B breaks off at B:3"],
    ),
    "ticks in a table, some not known": Case(
        Csv(
            "process tick clock",
            """
        A 5 7
        A - 8
        A 5 9
        A 4 10
        B 2 1
    """,
        ),
        violations=[
            ("process-order", "A:3", 5, "tick 6", "tick 4", "A:2 A:3"),
        ],
        in_flight=None,
    ),
    "ticks far apart in a table": Case(
        Csv(
            "process tick",
            """
        A 5
        A 7
        A 8
    """,
        ),
        unknown=[
            ("process-order", "A:0", TICKS_MISSING),
            ("process-order", "A:1", TICKS_MISSING),
        ],
        in_flight=None,
    ),
    "due a nanosecond late": Case(
        edit(GOOD, "C", ("send - - A", "due=1000000001 send - - A")),
        violations=[
            ("due", "C:1", 4, "tick 1 due at 1000000000 ns", "due at 1000000001 ns", "C:1"),
        ],
    ),
    "due a nanosecond early": Case(
        edit(GOOD, "C", ("send - - A", "due=999999999 send - - A")),
        violations=[
            ("due", "C:1", 4, "tick 1 due at 1000000000 ns", "due at 999999999 ns", "C:1"),
        ],
    ),
    "begun before it was due": Case(
        edit(GOOD, "C", ("internal - - - 3", "late=-5 internal - - - 3")),
        violations=[
            ("due", "C:2", 5, "begun no earlier than due", "begun 5 ns early", "C:2"),
        ],
    ),
    "due at a rate that does not divide a second": Case(
        {
            "A": internal("", "", "", "due=1000000001"),
            "B": internal("", "due=333333334"),
            "headers": {"": {"rate": 3}},
        },
        violations=[
            ("due", "A:3", 6, "tick 3 due at 1000000000 ns", "due at 1000000001 ns", "A:3"),
            ("due", "B:1", 4, "tick 1 due at 333333333 ns", "due at 333333334 ns", "B:1"),
        ],
    ),
    "due at a phase and a speed, for real": Case(
        {
            "A": internal("due=100", "due=500000100", "due=1000000101"),
            "headers": {"": {"world": "real", "speed": 2, "phase_ns": 201}},
        },
        violations=[
            ("due", "A:2", 5, "tick 2 due at 1000000100 ns", "due at 1000000101 ns", "A:2"),
        ],
    ),
    "a speed does not matter in simulated time": Case(
        {"A": internal("", "", "due=2000000001"), "headers": {"": {"speed": 2}}},
        violations=[
            ("due", "A:2", 5, "tick 2 due at 2000000000 ns", "due at 2000000001 ns", "A:2"),
        ],
    ),
    "due times that take more than 64 bits on the way": Case(
        {
            "A": internal("", "tick=47 due=46999999530"),
            "B": internal("", "tick=47 due=46999999531"),
            "headers": {"": {"rate": "1.00000001"}},
        },
        violations=[
            ("due", "B:1", 4, "tick 47 due at 46999999530 ns", "due at 46999999531 ns", "B:1"),
        ],
        unknown=[
            ("process-order", "A:1", TICKS_MISSING),
            ("process-order", "B:1", TICKS_MISSING),
            ("lamport-step", "A:1", STEP_UNKNOWN),
            ("lamport-step", "B:1", STEP_UNKNOWN),
            ("queue", "A:1", ARRIVALS_MISSING),
            ("queue", "B:1", ARRIVALS_MISSING),
        ],
    ),
    "due at a speed of many digits": Case(
        {
            "A": internal("", "due=1000000017", "due=2000000034", "due=3000000052"),
            "headers": {"": {"world": "real", "speed": "0.9999999827"}},
        },
        violations=[
            ("due", "A:3", 6, "tick 3 due at 3000000051 ns", "due at 3000000052 ns", "A:3"),
        ],
    ),
    "lateness that grows by one hundredth of the time": Case(
        {**REAL, "A": begun(*[0] * 6, 70_000_000, 70_000_000)},
    ),
    "lateness that grows by more": Case(
        {**REAL, "A": begun(*[0] * 6, 70_000_002, 70_000_000)},
        violations=[
            ("pacing", "A:7", 10, "1 ticks/s", "0.9901 ticks/s", "A:0 A:7"),
        ],
    ),
    "lateness that grows by 50 ms": Case(
        {**REAL_4, "A": begun(*[0] * 6, 50_000_000, 50_000_000)},
    ),
    "lateness that grows by more than 50 ms": Case(
        {**REAL_4, "A": begun(0, 0, 0, 0, 0, 0, 50_000_000, 50_000_002)},
        violations=[
            ("pacing", "A:7", 10, "4 ticks/s", "3.889 ticks/s", "A:0 A:7"),
        ],
    ),
    "lateness of the quarters' medians, not of single ticks": Case(
        {**REAL, "A": begun(0, 0, 900_000_000, *[0] * 6, 0, 900_000_000, 0)},
    ),
    "lateness that grows in the last quarter alone": Case(
        {**REAL, "A": begun(0, 900_000_000, 0, *[0] * 6, 0, 300_000_000, 300_000_000)},
        violations=[
            ("pacing", "A:11", 14, "1 ticks/s", "0.9735 ticks/s", "A:0 A:11"),
        ],
    ),
    "seven ticks are few": Case(
        {**REAL, "A": begun(*[0] * 6, 900_000_000)},
    ),
    "three ticks, each twice its time": Case(
        {**REAL, "A": begun(0, 1_000_000_000, 2_000_000_000)},
    ),
    "three ticks, each more than twice its time": Case(
        {**REAL, "B": begun(0, 0, 0), "A": begun(0, 1_000_000_001, 2_000_000_002)},
        violations=[
            ("pacing", "A:2", 5, "1 ticks/s", "0.5 ticks/s", "A:0 A:2"),
        ],
    ),
    "two ticks say nothing": Case(
        {**REAL, "A": begun(0, 9_000_000_000)},
    ),
    "three ticks, held up once": Case(
        {**REAL, "A": begun(0, 5_000_000_000, 5_000_000_000)},
    ),
    "simulated machines are never late": Case(
        {"A": begun(*[0] * 6, 170_000_000, 170_000_000)},
    ),
    "times of a table at the rate": Case(
        Csv(
            "process time",
            """
        A 0
        A 1000000000
        A 2000000000
        A 3000000000
        A 4000000000
        A 5000000000
        A 6000000000
        A 7070000000
        B 0
        B 1
    """,
            (1, 1),
        ),
        in_flight=None,
    ),
    "times of a table slower than the rate": Case(
        Csv(
            "process time",
            """
        A 0
        A 1000000000
        A 2000000000
        A 3000000000
        A 4000000000
        A 5000000000
        A 6000000000
        A 7070000001
        B 0
    """,
            (1, 1),
        ),
        violations=[
            ("pacing", "A:7", 9, "1 ticks/s", "0.9901 ticks/s", "A:0 A:7"),
        ],
        in_flight=None,
    ),
    "times of a table faster than the rate": Case(
        Csv(
            "process time",
            """
        B 7
        A 0
        A 1000000000
        A 2000000000
        A 3000000000
        A 4000000000
        A 5000000000
        A 6000000000
        A 6920000000
    """,
            (1, 1),
        ),
        violations=[
            ("pacing", "A:7", 10, "1 ticks/s", "1.012 ticks/s", "A:0 A:7"),
        ],
        in_flight=None,
    ),
    "times of a table, one not known": Case(
        Csv(
            "process time",
            """
        A 0
        A 1000000000
        A -
        A 3000000000
        A 4000000000
        A 5000000000
        A 6000000000
        A 9000000000
    """,
            (1,),
        ),
        in_flight=None,
    ),
    "times of a table with a gap": Case(
        Csv(
            "process time tick",
            """
        A 0 0
        A 1000000000 1
        A 2000000000 2
        A 3000000000 3
        A 4000000000 4
        A 5000000000 5
        A 6000000000 6
        A 9000000000 9
    """,
            (1,),
        ),
        unknown=[
            ("process-order", "A:7", TICKS_MISSING),
        ],
        in_flight=None,
    ),
    "few times of a table": Case(
        Csv(
            "process time",
            """
        A 0
        A 2000000001
        A 4000000002
        B 0
        B 2000000000
        B 4000000001
    """,
            (1, 1),
        ),
        violations=[
            ("pacing", "A:2", 4, "1 ticks/s", "0.5 ticks/s", "A:0 A:2"),
        ],
        in_flight=None,
    ),
    "few times of a table, one not known": Case(
        Csv(
            "process time",
            """
        A 0
        A 2000000001
        A 4000000002
        A -
    """,
            (1,),
        ),
        in_flight=None,
    ),
    "37 messages to one of two peers": Case(
        {"A": sent(*"B" * 37), "B": IDLE, "C": IDLE, "ended": "ABC"},
        violations=[
            ("peer-choice", "A:36", 39,
             "about 18 of 37 messages sent to one peer to each of 2 peers", "37 to B", "A:0 A:36"),
        ],
        in_flight=37,
    ),
    "36 messages to one of two peers": Case(
        {"A": sent(*"B" * 36), "B": IDLE, "C": IDLE},
        in_flight=36,
    ),
    "none to one of three peers": Case(
        {"D": IDLE, "A": sent(*"BC" * 50), "B": IDLE, "C": IDLE},
        violations=[
            ("peer-choice", "A:99", 102,
             "about 33 of 100 messages sent to one peer to each of 3 peers", "0 to D", "A:0 A:99"),
        ],
        in_flight=100,
    ),
    "most to one of three peers": Case(
        {"D": sent(*"A" * 30, *"BC" * 10), "A": IDLE, "B": IDLE, "C": IDLE},
        in_flight=50,
    ),
    "messages to several peers do not count": Case(
        {"A": sent(*["B,C"] * 40), "B": IDLE, "C": IDLE},
        in_flight=80,
    ),
    "a message to itself": Case(
        {"C": IDLE, "B": sent("A", "B", "A"), "A": IDLE},
        violations=[
            ("peer-choice", "B:1", 4, "a message to a peer", "a message to B, which is not a peer",
             "B:1"),
        ],
        in_flight=3,
    ),
    "two machines have no choice": Case(
        {"A": sent(*"B" * 60), "B": IDLE},
        in_flight=60,
    ),
    "a process of the user may choose": Case(
        {
            "A": "\n".join(f"send - - B {n + 1} 0 - {n + 1}.0.0" for n in range(60)),
            "B": IDLE + " 0.1.0",
            "C": IDLE + " 0.0.1",
            "headers": {"": {"clock": "vector", "process": "mine.py:Mine"}},
        },
        in_flight=60,
    ),
    "rates of a table without times": Case(
        Csv(
            "process clock",
            """
        A 1
        A 2
        A 3
        A 4
        A 5
        A 6
        A 7
        A 8
        B 1
        B 2
        B 3
    """,
            (1, 1),
        ),
        in_flight=None,
    ),
    "a first due time that takes more than 64 bits on the way": Case(
        {
            "A": internal("due=1", "tick=47 due=46999999530"),
            "headers": {"": {"rate": "1.00000001"}},
        },
        violations=[
            ("due", "A:0", 3, "tick 0 due at 0 ns", "due at 1 ns", "A:0"),
        ],
        unknown=[
            ("process-order", "A:1", TICKS_MISSING),
            ("lamport-step", "A:1", STEP_UNKNOWN),
            ("queue", "A:1", ARRIVALS_MISSING),
        ],
    ),
    "a table whose ticks begin below 0": Case(
        Csv(
            "process tick clock",
            """
        A -1 1
        A 0 2
        A 1 3
    """,
        ),
        in_flight=None,
    ),
    "all but one of 43 messages to one of two peers": Case(
        {"A": sent("C", *"B" * 42), "B": IDLE, "C": IDLE},
        in_flight=43,
    ),
    "all but one of 44 messages to one of two peers": Case(
        {"A": sent("C", *"B" * 43), "B": IDLE, "C": IDLE},
        violations=[
            ("peer-choice", "A:43", 46,
             "about 22 of 44 messages sent to one peer to each of 2 peers", "43 to B", "A:0 A:43"),
        ],
        in_flight=44,
    ),
    "all but one of 28 messages to one of three peers": Case(
        {"A": sent("C", *"B" * 27), "B": IDLE, "C": IDLE, "D": IDLE},
        in_flight=28,
    ),
    "all but one of 29 messages to one of three peers": Case(
        {"A": sent("C", *"B" * 28), "B": IDLE, "C": IDLE, "D": IDLE},
        violations=[
            ("peer-choice", "A:28", 31,
             "about 10 of 29 messages sent to one peer to each of 3 peers", "28 to B", "A:0 A:28"),
        ],
        in_flight=29,
    ),
    "times of a table at the rate, of the second process": Case(
        Csv(
            "process time",
            """
        B 0
        B 1000000000
        A 0
        A 1000000000
        A 2000000000
        A 3000000000
        A 4000000000
        A 5000000000
        A 6000000000
        A 7000000000
    """,
            (1, 1),
        ),
        in_flight=None,
    ),
    "few ticks are judged by when they were due, not by a wrong clock": Case(
        {**REAL, "A": internal("time=0", "time=5000000000", "time=10000000000")},
    ),
    "begun a nanosecond before it was due": Case(
        edit(GOOD, "C", ("internal - - - 3", "late=-1 internal - - - 3")),
        violations=[
            ("due", "C:2", 5, "begun no earlier than due", "begun 1 ns early", "C:2"),
        ],
    ),
    "a line that cannot be read between two ticks": Case(
        edit(
            GOOD,
            "C",
            ("internal - - - 3", "% damaged\n        tick=2 internal - - - 3"),
            ("receive A 3", "tick=3 receive A 3"),
        ),
    ),
    "a line that cannot be read instead of a tick": Case(
        edit(GOOD, "C", ("internal - - - 3 0 -", "% damaged")),
        unknown=[
            ("process-order", "C:2", TICKS_MISSING),
            ("lamport-step", "C:2", STEP_UNKNOWN),
            ("queue", "C:2", ARRIVALS_MISSING),
        ],
    ),
    "due late and begun early": Case(
        edit(GOOD, "C", ("internal - - - 3", "due=2000000009 late=-3 internal - - - 3")),
        violations=[
            ("due", "C:2", 5, "tick 2 due at 2000000000 ns", "due at 2000000009 ns", "C:2"),
        ],
    ),
    "a tick above the one before it in the log, and begun after the next": Case(
        {
            **GOOD,
            "A": """
        internal - - - 1 0 -
        tick=2 late=1500000000 send - - B,C 3 0 -
        tick=1 send - - B 2 0 -
        receive C 2 - 4 0 C:2
    """,
            **REAL,
        },
        violations=[
            ("process-order", "A:2", 4, "tick 2 below tick 1, which is in line 5",
             "above it, in line 4", "A:1 A:2"),
        ],
    ),
    "lateness after a phase that grows by one hundredth of the time": Case(
        begun_after_phase(*[0] * 6, 70_000_000, 70_000_000),
    ),
    "lateness after a phase that grows by more": Case(
        begun_after_phase(*[0] * 6, 75_000_000, 75_000_000),
        violations=[
            ("pacing", "A:7", 10, "1 ticks/s", "0.9894 ticks/s", "A:0 A:7"),
        ],
    ),
    "lateness of two of the last three ticks": Case(
        {**REAL, "A": begun(*[0] * 10, 200_000_000, 200_000_000)},
        violations=[
            ("pacing", "A:11", 14, "1 ticks/s", "0.9821 ticks/s", "A:0 A:11"),
        ],
    ),
    "lateness of one of the last three ticks": Case(
        {**REAL, "A": begun(*[0] * 11, 300_000_000)},
    ),
    "lateness that grows over a gap": Case(
        {
            **REAL,
            "A": internal(
                "", "", "", "", "", "", "tick=10 late=900000000", "tick=11 late=900000000"
            ),
        },
        violations=[
            ("pacing", "A:7", 10, "1 ticks/s", "0.9244 ticks/s", "A:0 A:7"),
        ],
        unknown=[
            ("process-order", "A:6", TICKS_MISSING),
            ("lamport-step", "A:6", STEP_UNKNOWN),
            ("queue", "A:6", ARRIVALS_MISSING),
        ],
    ),
    "a message of the first machine to itself": Case(
        {"A": sent("B", "A"), "B": IDLE, "C": IDLE},
        violations=[
            ("peer-choice", "A:1", 4, "a message to a peer", "a message to A, which is not a peer",
             "A:1"),
        ],
        in_flight=2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_judge_says_this_and_nothing_else(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path / "log")
