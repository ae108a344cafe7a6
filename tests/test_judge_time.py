"""Physical time: it goes back neither in a process nor from one process to another."""

from pathlib import Path
from random import Random

import pytest

import driftlab
from driftlab.judge.checker import Verdict
from tests.small_logs import GOOD, journals, reported, table

MS = 10**6
SECOND = 10**9
MESSAGES = "process time_ns kind sent received"


def times(folder: Path, *process_times: int | str) -> Verdict:
    """Judge a log of one process with these times."""
    rows = "\n".join(f"A {each} {number + 1}" for number, each in enumerate(process_times))
    return table(folder, "process time lamport", rows).check()


def test_a_time_before_that_of_the_event_before_is_a_violation(tmp_path: Path) -> None:
    verdict = times(tmp_path, 5, 7, 6, 8, "-", 7)
    found = [each for each in reported(verdict) if each.rule == "time-back"]
    assert found == [
        ("time-back", "A:2", 4, "time no earlier than 7 ns, that of the event before",
         "time 6 ns, 1 ns earlier", "A:1 A:2"),
        ("time-back", "A:5", 7, "time no earlier than 8 ns, that of the event before",
         "time 7 ns, 1 ns earlier", "A:3 A:5"),
    ]  # fmt: skip
    assert times(tmp_path, 5, 7, 7, 8, "-", 9).holds


@pytest.mark.parametrize(
    ("clock_times", "count"),
    [
        (("10:00:00", "10:00:01", "10:00:00"), 1),
        (("23:59:59", "00:00:01", "00:00:02"), 0),  # midnight
        (("23:59:59", "00:00:01", "23:59:59"), 1),  # two seconds back, and no day forward
        (("12:59:59", "01:00:00"), 0),  # noon, on a clock of twelve hours
        (("2025-03-05 23:59:59", "2025-03-05 00:00:01"), 1),  # the same day
        (("2025-03-05T10:00:00+02:00", "2025-03-05T09:00:00+01:00"), 0),  # the same instant
    ],
)
def test_times_of_day_pass_midnight(
    clock_times: tuple[str, ...], count: int, tmp_path: Path
) -> None:
    rows = "".join(f"A,{time},{number}\n" for number, time in enumerate(clock_times, 1))
    (tmp_path / "log.csv").write_text("process,time,lamport\n" + rows)
    assert driftlab.read(tmp_path / "log.csv").check().counts["time-back"] == count


@pytest.mark.parametrize(
    ("clock_times", "undecided"),
    [
        (("20:00:00", "20:00:01", "10:00:00"), 1),  # 14 hours of silence, or 10 back
        (("20:00:00", "18:59:59", "19:00:00"), 1),
        (("20:00:00", "19:00:01", "19:00:02"), 0),  # less than an hour back
        (("23:59:59", "00:00:01", "08:00:00", "06:00:00"), 1),  # also after midnight
        (("2025-03-05 20:00:00", "2025-03-05 10:00:00"), 0),  # dates say the day
    ],
)
def test_a_time_of_day_that_falls_by_hours_may_be_of_the_next_day(
    clock_times: tuple[str, ...], undecided: int, tmp_path: Path
) -> None:
    rows = "".join(f"A,{time},{number}\n" for number, time in enumerate(clock_times, 1))
    (tmp_path / "log.csv").write_text("process,time,lamport\n" + rows)
    verdict = driftlab.read(tmp_path / "log.csv").check()
    assert verdict.unknown_counts["time-back"] == undecided
    assert verdict.counts.get("time-back", 0) == (0 if undecided else 1)
    for question in verdict.unknowns():
        assert (
            question.reason == "it went back, or is a time of the next day: the times have no date"
        )


def test_messages_after_hours_of_silence_have_no_offset_to_contradict(tmp_path: Path) -> None:
    """B sleeps from 20:00 to 10:00 of the next day, and its times have no date."""
    (tmp_path / "log.csv").write_text(
        "process,time,kind,message\n"
        "A,20:00:00,send,1\nA,20:00:02,receive,2\nA,23:00:00,internal,\n"
        "A,10:00:00,send,3\nA,10:00:02,receive,4\n"
        "B,20:00:01,receive,1\nB,20:00:01,send,2\nB,10:00:01,receive,3\nB,10:00:01,send,4\n"
    )
    verdict = driftlab.read(tmp_path / "log.csv").check()
    assert verdict.holds
    assert verdict.unknown_counts["time-back"] == 1


@pytest.mark.parametrize("order", ["newest first", "by another key"])
def test_a_log_in_another_order_is_one_question_and_not_thousands_of_violations(
    order: str, tmp_path: Path
) -> None:
    instants = [number * MS for number in range(300)]
    instants = instants[::-1] if order == "newest first" else Random(1).sample(instants, 300)
    verdict = times(tmp_path, *instants)
    assert (verdict.counts.get("time-back"), verdict.unknown_counts["time-back"]) == (None, 1)
    (question,) = [each for each in verdict.unknowns() if each.rule == "time-back"]
    assert "stand in another order" in question.reason


@pytest.mark.parametrize(("events", "back", "found"), [(5, 3, 3), (100, 9, 9), (100, 12, None)])
def test_how_many_times_may_go_back(
    events: int, back: int, found: int | None, tmp_path: Path
) -> None:
    instants = [number * SECOND for number in range(events)]
    for number in range(back):
        place = events - 1 - number * (events // 100 * 8 or 1)
        instants[place] = instants[max(place - 1, 0)] - 1 if events > 5 else -place * SECOND
    assert times(tmp_path, *instants).counts.get("time-back") == found


def test_of_our_journals_too(tmp_path: Path) -> None:
    history = journals(tmp_path, **GOOD)
    assert history.check().counts["time-back"] == 0
    time = history.trace.columns.time_ns
    assert time is not None
    earlier = time.copy()
    earlier[2] -= 10 * SECOND
    trace = history.trace.replace(columns=history.trace.columns._replace(time_ns=earlier))
    verdict = driftlab.History(trace).check()
    assert {name for name, count in verdict.counts.items() if count} == {"time-back"}
    assert "time-skew" in verdict.not_applied


def exchange(*pairs: tuple[int, int, int, int]) -> str:
    """Return a log of requests and answers.

    Of each: A's time of its send, B's time of the receive and of its answer, and A's
    time of the receive of that, in ns.
    """
    of_a, of_b = [], []
    for number, (asked, heard, answered, got) in enumerate(pairs):
        of_a += [f"A {asked} send q{number} -", f"A {got} receive - a{number}"]
        of_b += [f"B {heard} receive - q{number}", f"B {answered} send a{number} -"]
    return "\n".join(of_a + of_b)


def skew(folder: Path, log: str) -> tuple[int | None, int]:
    """Return how often `time-skew` is violated, None if it decided nothing, and undecided."""
    verdict = table(folder, MESSAGES, log).check(only="time-skew")
    assert verdict.counts.get("time-skew") is not None or not verdict.holds
    return verdict.counts.get("time-skew"), verdict.unknown_counts["time-skew"]


@pytest.mark.parametrize("offset", [0, 5 * SECOND, -5 * SECOND, 17 * 10**17, -3600 * SECOND])
def test_any_constant_offset_is_no_violation(offset: int, tmp_path: Path) -> None:
    rounds = [
        (t, t + 3 * MS + offset, t + 4 * MS + offset, t + 9 * MS)
        for t in range(0, 100 * SECOND, SECOND)
    ]
    assert skew(tmp_path, exchange(*rounds)) == (0, 0)


@pytest.mark.parametrize("ppm", [100, -100, 1000, -1000])
def test_clocks_that_drift_as_clocks_do_are_no_violation(ppm: int, tmp_path: Path) -> None:
    def at_b(time: int) -> int:
        return time + time * ppm // 10**6

    hour = 3600 * SECOND
    rounds = [
        (t, at_b(t + 3 * MS), at_b(t + 4 * MS), t + 9 * MS) for t in range(0, 2 * hour, hour // 30)
    ]
    assert skew(tmp_path, exchange(*rounds)) == (0, 0)


def test_a_message_that_no_offset_explains_is_named_with_the_other(tmp_path: Path) -> None:
    rounds = [(t, t + 3 * MS, t + 4 * MS, t + 9 * MS) for t in range(0, 100 * SECOND, SECOND)]
    right = table(tmp_path, MESSAGES, exchange(*rounds)).check()
    assert right.counts["time-skew"] == 0
    asked, heard, answered, got = rounds[50]
    rounds[50] = (asked, heard - 900 * MS, answered, got)
    verdict = table(tmp_path, MESSAGES, exchange(*rounds)).check()
    (found,) = reported(verdict)
    assert found.rule == "time-skew"
    assert set(found.witness.split()) >= {"A:100", "B:100"}  # the request that came too early
    assert verdict.violations[0].rows[-1] == verdict.violations[0].row


@pytest.mark.parametrize(("early", "result"), [(50, (0, 1)), (300, (1, 0))])
def test_what_a_late_line_may_explain_is_undecided(
    early: int, result: tuple[int, int], tmp_path: Path
) -> None:
    # The request took -1 s, so the answer has to take 1 s at least; it took `early` ms less.
    log = exchange((10 * SECOND, 9 * SECOND, 9 * SECOND + 3, 10 * SECOND + 3 - early * MS))
    violated, undecided = skew(tmp_path, log)
    assert (violated, undecided) == result


def test_whole_seconds_leave_room_for_rounding(tmp_path: Path) -> None:
    log = "A {} send m -\nA {} receive - n\nB {} receive - m\nB {} send n -"
    for delta, result in ((1, (0, 1)), (2, (0, 1)), (4, (1, 0))):
        cells = [each * SECOND for each in (10, 20 - delta, 5, 15)]
        # A to B took -5 s, so from B to A at least 5 s: it took 5 - delta.
        assert skew(tmp_path, log.format(*cells)) == result


def test_messages_around_midnight(tmp_path: Path) -> None:
    log = (
        "A,23:59:59.9,send,m,\nA,00:00:00.4,receive,,n\nA,00:00:09,send,o,\n"
        "B,00:00:00.1,receive,,m\nB,00:00:00.2,send,n,\nB,00:00:09.1,receive,,o\n"
    )
    (tmp_path / "log.csv").write_text("process,time,kind,sent,received\n" + log)
    verdict = driftlab.read(tmp_path / "log.csv").check()
    assert (verdict.counts["time-skew"], verdict.unknown, verdict.holds) == (0, 0, True)


def test_messages_in_one_direction_can_be_explained_by_some_offset(tmp_path: Path) -> None:
    log = "A 10 send m -\nB 3 receive - m\nC 9 send n -\nB 4 receive - n"
    assert "time-skew" in table(tmp_path, MESSAGES, log).check().not_applied


def test_the_worst_pair_of_messages_is_that_of_all_pairs(tmp_path: Path) -> None:
    """Along the time the search finds what a look at all pairs finds."""
    draw = Random(3)
    for _ in range(20):
        rounds = []
        for number in range(12):
            asked, heard = number * 10 * SECOND, draw.randrange(10**10, 2 * 10**10)
            answered, got = heard + 10 + number, asked + draw.randrange(10**9, 6 * 10**9)
            rounds.append((asked, heard + asked, answered + asked, got))
        excess = max(
            max(
                -((h1 - a1) + (g2 - t2)) - abs(a1 - g2) / 500
                for a1, h1, _, _ in rounds
                for _, _, t2, g2 in rounds
            ),
            0,
        )
        verdict = table(tmp_path, MESSAGES, exchange(*rounds)).check(only="time-skew")
        assert (verdict.counts["time-skew"] == 1) == (excess > 100 * MS + 2)
        if verdict.counts["time-skew"]:
            shown = verdict.violations[0].found.split(": ")[1].split(" less")[0]
            assert shown.startswith(f"{excess / SECOND:.6g}"[:4])
