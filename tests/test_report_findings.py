"""Sentences of a report appear with their data, change with them, and vanish without them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from driftlab.report import findings
from driftlab.report.findings import Finder, Finding
from driftlab.report.measures import Measure, Subject, label_of, rank_names
from driftlab.report.wording import measure_text, number

UNSURE, SURE = Measure(0.1, -0.2, 0.4), Measure(0.52, 0.41, 0.63)
SATURATED = {"utilisation": Measure(0.967), "events_send": Measure(1), "ticks": Measure(60)}


def subject(measures: Mapping[str, Measure | float], **about: object) -> Subject:
    """Return machine C with some measures."""
    made = {k: v if isinstance(v, Measure) else Measure(v) for k, v in measures.items()}
    return replace(Subject("C", rate=1.0, measures=made, reference="A"), **about)  # type: ignore[arg-type]


def said(finder: Finder, *of: object, **about: object) -> str:
    found = finder(subject(*of, **about))  # type: ignore[arg-type]
    assert isinstance(found, Finding)
    return found.text


FINDERS = [
    *findings.PACING, *findings.DRIFT, *findings.JUMPS, *findings.QUEUES,
    *findings.EVENTS_OF_DIE, *findings.WARNINGS,
]  # fmt: skip


@pytest.mark.parametrize("finder", FINDERS)
def test_without_data_nothing_is_said(finder: Finder) -> None:
    assert finder(subject({})) is None
    assert finder(subject({}, runs=5)) is None


def test_a_queue_is_said_to_grow_only_if_its_interval_excludes_0() -> None:
    assert said(findings.queue_growth, {"queue_per_second": SURE}) == (
        "C's queue grew by 0.52 messages a second (95 % interval 0.41 to 0.63, from 10 parts of "
        "this run)."
    )
    assert said(findings.queue_growth, {"queue_per_second": UNSURE}).startswith(
        "C's queue is not shown to grow: 0.10 messages a second "
        "(95 % interval \N{MINUS SIGN}0.20 to 0.40"
    )
    shrinking = Measure(-0.5, -0.6, -0.4)
    assert "not shown to grow" in said(findings.queue_growth, {"queue_per_second": shrinking})
    assert "too few events" in said(findings.queue_growth, {"queue_per_second": 0.5})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("diverges", "Theory: it diverges, by 0.50 a second in the long run."),
        ("critical", "within 10 % of the boundary"),
        ("stable", "Theory: it is stable."),
    ],
)
def test_theory_stands_beside_a_queue(kind: str, expected: str) -> None:
    predicted = {"queue": kind, "queue_per_second": 0.5}
    assert expected in said(findings.queue_growth, {"queue_per_second": SURE}, predicted=predicted)


def test_what_theory_does_not_expect_is_said() -> None:
    def surprise(growth: Measure, kind: str, rate: float = 0.5) -> Finding | None:
        return findings.queue_surprise(
            subject(
                {"queue_per_second": growth}, predicted={"queue": kind, "queue_per_second": rate}
            )
        )

    assert surprise(SURE, "diverges") is None
    assert surprise(UNSURE, "stable") is None
    assert "although theory calls it stable" in str(surprise(SURE, "stable", 0.0))
    assert "does not hold the 2.00 a second" in str(surprise(SURE, "diverges", 2.0))


def test_an_interval_names_what_it_is_of_and_one_run_has_none_over_runs() -> None:
    measures = {"queue_last": Measure(31.0, 24.0, 38.0, 20, 41), "queue_max": Measure(33, 25, 41)}
    many = said(findings.last_queue, measures, runs=5)
    assert "31.0 messages waited on average at C (95 % interval 24.0 to 38.0, over 5 runs)" in many
    one = said(findings.last_queue, {"queue_last": 31, "queue_max": 33})
    assert "interval" not in one
    measures["queue_last"] = Measure(31.0, 24.0, 38.0)
    assert "interval" not in said(findings.last_queue, measures, runs=1)
    assert "on average" not in one
    assert "at most 33 waited" in one


def test_a_figure_that_never_changes_is_said_to_be_the_same_in_each_run() -> None:
    same = Measure(2, 2, 2, 2, 2)
    assert "(in each of 5 runs)" in said(findings.queue_growth, {"queue_per_second": same}, runs=5)


def test_drift_says_its_direction() -> None:
    behind = said(findings.drift, {"drift_per_second": Measure(-2.0, -2.2, -1.8)})
    assert behind.startswith("C's clock fell behind that of A by 2.00 a second (95 % interval 1.80")
    ahead = said(findings.drift, {"drift_per_second": Measure(2.0, 1.8, 2.2)})
    assert ahead.startswith("C's clock gained on that of A by 2.00 a second")
    unsure = said(findings.drift, {"drift_per_second": UNSURE})
    assert unsure.startswith("C's clock is not shown to drift from that of A")
    expected = {"drift_per_second": -2.07}
    assert "Theory expects it to get 2.07 a second behind." in said(
        findings.drift, {"drift_per_second": UNSURE}, predicted=expected
    )


def test_the_fastest_machine_has_no_drift_against_itself() -> None:
    measures = {"drift_per_second": Measure(0, 0, 0), "drift": Measure(0)}
    assert findings.drift(subject(measures, name="A")) is None
    assert findings.last_drift(subject(measures, name="A")) is None


def test_late_ticks_are_a_warning_and_many_make_another_experiment() -> None:
    few = findings.late([subject({"late_ticks": 1, "ticks": 360})])
    many = findings.late([subject({"late_ticks": 49, "ticks": 360})])
    assert few is not None
    assert many is not None
    assert few.is_warning
    assert few.text == (
        "late: 1 tick of C (0.28 % of them) began more than a period late; lower --speed or the "
        "number of machines."
    )
    assert many.text.startswith(
        "late: 49 ticks of C (13.6 % of them) began more than a period late"
    )
    assert many.text.endswith(
        "These are figures of another experiment than the one that was asked for."
    )
    assert findings.late([subject({"late_ticks": 0, "ticks": 360})]) is None
    assert findings.late([subject({}), subject({"ticks": 360})]) is None


def test_late_ticks_of_several_machines_are_one_warning() -> None:
    late = [
        subject({"late_ticks": ticks, "ticks": 100}, name=name, runs=3)
        for name, ticks in (("A", 2), ("B", 0), ("C", 1))
    ]
    found = findings.late(late)
    assert found is not None
    assert found.text == (
        "late: 3 ticks in 3 runs (A 2 and C 1; 0.33 % of all) began more than a period late; lower "
        "--speed or the number of machines."
    )


def test_a_rate_that_was_not_kept_is_a_warning_and_one_that_was_is_not() -> None:
    missed = {"achieved_rate": 0.9, "achieved_share": 0.9, "rate_missed": 1}
    slow = findings.rate_missed(subject(missed))
    assert slow is not None
    assert slow.is_warning
    assert slow.text.startswith("C ran 10.0 % slower than asked: 0.900 ticks a second instead of 1")
    assert "2.0 % faster" in said(findings.rate_missed, {"achieved_share": 1.02, "rate_missed": 1})
    kept = subject({"achieved_rate": 1.001, "achieved_share": 1.001, "rate_missed": 0})
    assert findings.rate_missed(kept) is None
    together = findings.rates_kept([kept, subject(missed, name="B")])
    assert together is not None
    assert together.text == "C kept its rate: at most 0.10 % off."
    assert findings.rates_kept([subject(missed)]) is None
    exact = subject({"achieved_rate": 1, "achieved_share": 1, "rate_missed": 0}, runs=2)
    every = findings.rates_kept([exact, replace(exact, name="B")])
    assert every is not None
    assert every.text == "Every machine kept its rate: no tick was missing."


def test_a_rate_missed_in_one_run_is_not_hidden_by_the_mean_of_several() -> None:
    measures = {"achieved_share": Measure(0.999, 0.98, 1.01, 0.93, 1.02), "rate_missed": Measure(1)}
    text = said(findings.rate_missed, measures, runs=5)
    assert text.startswith("In 1 of 5 runs C missed its rate, at most by running 7.0 % slower")
    assert findings.rates_kept([subject(measures, runs=5)]) is None


def test_the_mean_jump_is_called_an_identity_and_the_largest_is_told() -> None:
    one = subject({"jump_mean": 3.85, "jump_max": 17, "jump_sd": 3.6, "jump_p95": 11})
    identity = findings.mean_jumps([one])
    assert identity is not None
    assert identity.text.startswith("The mean jump (C 3.85) is an identity")
    assert findings.mean_jumps([subject({})]) is None
    assert said(findings.jumps, one.measures) == (
        "The largest jump of C was 17, 95 % of its jumps were at most 11; the standard deviation "
        "of its jumps 3.60."
    )
    assert "never rose by more than 1" in said(findings.jumps, {"jump_max": 1})
    several = {"jump_max": Measure(14.0, 12.8, 15.2, 12, 19)}
    text = said(findings.jumps, several, runs=5)
    assert "on average 14.0 (95 % interval 12.8 to 15.2, over 5 runs)" in text
    assert "the largest of all runs was 19" in text


def test_ranks_are_told_by_rank_where_rates_are_drawn() -> None:
    measures = {"queue_per_second": SURE, "queue_grew": Measure(3.0)}
    rank = {"name": "slowest", "is_rank": True, "reference": "fastest", "runs": 5}
    assert said(findings.queue_growth, measures, **rank).startswith("The slowest machine's queue")
    slowest = subject(measures, predicted={"queue_diverges_in": 2.0}, **rank)
    none = replace(slowest, name="fastest", predicted={}, measures={"queue_grew": Measure(0.0)})
    found = findings.queues_diverged([none, slowest])
    assert found is not None
    assert found.text == (
        "Of 5 runs the queue grew (the interval of its growth within the run excludes 0), that of "
        "the slowest machine in 3. By their rates theory has it diverge in 2."
    )
    assert findings.queues_diverged([none]) is None


def test_a_queue_that_was_always_empty_is_told_once() -> None:
    zero = Measure(0.0, 0.0, 0.0)
    empty = subject({"queue_per_second": zero, "queue_last": 0.0, "queue_max": 0.0}, name="A")
    reported = [found for finder in findings.QUEUES if (found := finder(empty)) is not None]
    assert reported == []
    busy = subject({"queue_per_second": SURE, "queue_last": 31, "queue_max": 33})
    some = findings.empty_queues([empty, busy])
    assert some is not None
    assert some.text == "The queue of A was empty after every event."
    every = findings.empty_queues([empty, replace(empty, name="B")])
    assert every is not None
    assert every.text == "Every queue was empty after every event."
    assert findings.empty_queues([busy]) is None
    short = subject({"queue_per_second": zero, "queue_last": zero, "queue_max": 1.0}, name="A")
    reported = [found for finder in findings.QUEUES if (found := finder(short)) is not None]
    assert [one.text for one in reported] == [
        "The queue of A was empty at the end, and at most 1 message waited."
    ]
    assert rank_names(2) == ["fastest", "slowest"]
    assert label_of(rank_names(4)[1], is_rank=True) == "the machine of rank 2"


def test_utilisation_is_in_percent_and_a_saturated_machine_is_told() -> None:
    assert (
        said(findings.utilisation, {"utilisation": 0.967}) == "C received in 96.7 % of its events."
    )
    assert "1 was a send" in said(findings.saturated, SATURATED)
    assert findings.saturated(subject({"utilisation": 0.5, "events_send": 1})) is None


def test_a_machine_without_events_or_with_one_is_told() -> None:
    assert "C has one event" in said(findings.nothing_recorded, {"ticks": 1})
    assert "C has no event" in said(findings.nothing_recorded, {"ticks": 0})
    assert findings.nothing_recorded(subject({"ticks": 2})) is None


def test_the_judge_is_quoted() -> None:
    judged = {"clock-condition": 600, "fifo": 40, "hybrid-step": 0}
    holds = findings.verdict(judged, [])
    broken = findings.verdict(judged, ["clock-condition"])
    assert holds is not None
    assert broken is not None
    assert (holds.kind, broken.kind) == ("clocks-hold", "clocks-violated")
    assert holds.text == "The clocks hold: no violation (2 rules, 640 decided questions)."
    assert broken.is_warning
    assert "clock-condition" in broken.text
    assert findings.verdict({"clock-condition": 0}, []) is None


def test_of_a_log_without_clocks_no_clock_is_said_to_hold() -> None:
    found = findings.verdict({"fifo": 40, "from-nowhere": 2, "clock-condition": 0}, [])
    assert found is not None
    assert found.kind == "no-clocks-judged"
    assert found.text == (
        "No logical clock could be judged. Of the rest of the log (fifo, from-nowhere) no "
        "violation was found (2 rules, 42 decided questions)."
    )


def test_of_many_machines_the_first_are_reported_and_that_is_said() -> None:
    many = [subject({"utilisation": 0.5}, name=f"M{place}") for place in range(50)]
    found = findings.find((findings.utilisation,), many)
    assert len(found) == findings.SUBJECTS_REPORTED_MAX + 1
    assert found[-1].text.startswith("Reported: the first 12 of 50 machines")


def test_numbers_show_what_their_interval_supports() -> None:
    assert number(0.99961) == "1.00"
    assert number(-0.0001, 2) == "0.00"
    assert number(-2.5, 1) == "\N{MINUS SIGN}2.5"
    assert measure_text(Measure(31.234, 24.1, 38.3)) == "31.2 (24.1 to 38.3)"
    assert measure_text(Measure(0.5234, 0.412, 0.634)) == "0.52 (0.41 to 0.63)"
    assert measure_text(Measure(3.0, 3.0, 3.0)) == "3"
