"""A claim's verdict follows from the events: other events, another verdict."""

import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from driftlab import Scenario, run, simulate
from driftlab.analysis.statistics import Estimate
from driftlab.arrays import AnyArray, BoolArray
from driftlab.cli import claims as claims_command
from driftlab.cli import progress as progress_module
from driftlab.cli.main import main
from driftlab.errors import DriftlabError
from driftlab.study.claims import judge_claims
from driftlab.study.claims.criteria import (
    Decision,
    comparison,
    equality,
    every,
    excess_of_pairs,
    law,
    possibility,
    rank_correlation,
    share,
    under,
)
from driftlab.study.claims.events import NONE, P2, P3, EventTable, RunEvents
from driftlab.study.claims.recording import (
    CONDITIONS,
    NoSuchRunsError,
    _record_compiled,
    _record_general,
    condition_of,
    read_conditions,
    simulate_conditions,
)
from driftlab.study.claims.registry import CLAIMS, ClaimVerdict, summary_of
from driftlab.study.claims.variations import paired_rows

HOLDS, HOLDS_IF, NOT, UNDECIDED = Decision
RUNS = 120


# The rules.


def counts(*each: int) -> AnyArray:
    return np.array(each)


def test_a_law_needs_no_exception_and_more_than_300_events() -> None:
    assert law(counts(0, 0), counts(200, 101)) is HOLDS
    assert law(counts(0, 0), counts(200, 100)) is UNDECIDED  # 3/300 is not below 1 %
    assert law(counts(0), counts(0)) is UNDECIDED
    assert law(counts(0, 1), counts(9_000, 9_000)) is NOT


def test_a_possibility_holds_once_seen_and_fails_only_if_looked_for_often() -> None:
    assert possibility(counts(1), counts(5)) is HOLDS
    assert possibility(counts(0), counts(301)) is NOT
    assert possibility(counts(0), counts(299)) is UNDECIDED


def test_a_comparison_holds_if_its_interval_excludes_equality() -> None:
    assert comparison(Estimate(2.0, 1.0, 3.0)) is HOLDS
    assert comparison(Estimate(2.0, 1.0, 3.0), below=True) is NOT
    assert comparison(Estimate(0.8, 0.7, 0.9), 1.0, below=True) is HOLDS
    assert comparison(Estimate(1.0, -1.0, 3.0), margin=0.5) is UNDECIDED
    assert comparison(Estimate(0.1, -0.1, 0.3), margin=0.5) is NOT
    assert comparison(Estimate(2.0, None, None)) is UNDECIDED


def test_an_equality_holds_if_its_interval_lies_within_the_margin() -> None:
    assert equality(Estimate(1.01, 0.98, 1.04), 1.0, 0.05) is HOLDS
    assert equality(Estimate(1.2, 1.1, 1.3), 1.0, 0.05) is NOT
    assert equality(Estimate(0.8, 0.7, 0.9), 1.0, 0.05) is NOT
    assert equality(Estimate(1.04, 1.01, 1.07), 1.0, 0.05) is UNDECIDED
    assert equality(Estimate(1.0, None, None), 1.0, 0.05) is UNDECIDED


def test_a_condition_is_named_only_for_what_fails_without_it() -> None:
    tried = [("a", UNDECIDED), ("b", HOLDS), ("c", HOLDS)]
    assert under(NOT, tried) == (HOLDS_IF, "b")
    assert under(NOT, [("c", HOLDS), *tried]) == (HOLDS_IF, "c")
    assert under(NOT, tried[:1]) == (UNDECIDED, "")  # it may hold under "a"
    assert under(NOT, [("a", NOT)]) == (NOT, "")
    assert under(HOLDS, tried) == (HOLDS, "")
    assert under(UNDECIDED, tried) == (UNDECIDED, "")
    assert every([HOLDS, UNDECIDED]) is UNDECIDED
    assert every([NOT, UNDECIDED]) is NOT
    assert every([HOLDS, HOLDS]) is HOLDS


def test_of_few_runs_the_interval_is_wider_and_of_two_there_is_none() -> None:
    part, whole = counts(5, 6, 4, 7, 5), counts(10, 10, 10, 10, 10)
    few = share(part, whole)
    many = share(np.tile(part, 20), np.tile(whole, 20))
    assert few.value == many.value == 0.54
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.4 < many.low
    assert share(part[:2], whole[:2]).low is None
    assert share(counts(0, 0), counts(100, 200)) == (0, 0, 0.01)
    assert share(counts(3), counts(3)).high == 1
    assert np.isnan(share(counts(0), counts(0)).value)


def test_pairs_and_ranks_tell_order_from_reversal() -> None:
    values = np.random.default_rng(1).random(40)
    alike = excess_of_pairs(values, values**3, np.ones((40, 40)))
    assert alike == pytest.approx((1, 1, 1))  # an interval, though no resample differs
    assert excess_of_pairs(values, -values, np.ones((40, 40))).value == pytest.approx(-1)
    assert rank_correlation(values[:, None], np.exp(values)[:, None]).value == pytest.approx(1)
    other = np.random.default_rng(2).random(40)
    assert not rank_correlation(values[:, None], other[:, None]).excludes(0)
    assert not excess_of_pairs(values, other, np.ones((40, 40))).excludes(0)


# The table of events.


def test_ranks_are_by_rate_and_a_message_knows_its_send() -> None:
    """A (rate 1) and C (rate 3) tick; B (rate 3) is before C in name order."""
    events = RunEvents(
        seed=1, number=7, rates=(1, 3, 3), loads=(1.5, 0, 0.1),
        process=np.array([0, 1, 1, 2, 0]), kind=np.array([0, 1, 0, 2, 2]),
        clock=np.array([1, 1, 2, 2, 3]), sender=np.array([-1, -1, -1, 1, 1]),
        stamp=np.array([0, 0, 0, 1, 1]), queue=np.array([0, 0, 0, 0, 4]),
        time_ns=np.array([1, 2, 3, 4, 9]) * 10**8,
    )  # fmt: skip
    table = EventTable([events, events._replace(number=8)])
    assert table.rates.tolist() == [[3, 3, 1]] * 2
    assert table.loads[0].tolist() == [0, 0.1, 1.5]
    assert table.position[0].tolist() == [1, 2, 0]
    assert table.rank[:5].tolist() == [0, 0, 1, 2, 2]
    assert table.sent[:5].tolist() == [NONE, NONE, 0, NONE, 0]
    assert table.sent[5:].tolist() == [NONE, NONE, 5, NONE, 5]
    assert changed(table, stamp=table.stamp + 50).sent.tolist() == [NONE] * 10  # of no send
    assert table.age_s[[2, 4]].tolist() == [0.2, pytest.approx(0.7)]
    assert table.jump.tolist() == [1, 1, 1, 1, 2] * 2
    assert table.is_first.tolist() == [True, False, True, True, False] * 2
    assert table.row_before(table.kind >= 0).tolist()[5:] == [NONE, 5, NONE, NONE, 8]
    assert table.last(table.queue).tolist() == [[0, 0, 4]] * 2


# Each claim, by simulated events and by changed ones.


@cache
def simulated(name: str = "standard", runs: int = RUNS, **keys: object) -> EventTable:
    scenarios = list(CONDITIONS[name].scenarios(runs))
    if keys:
        scenarios = [each.replace(**keys) for each in scenarios]
    return simulate_conditions({name: scenarios}, lambda: None)[name]


def rated(*rates: float, runs: int = 20, seconds: float = 60) -> EventTable:
    scenario = Scenario(rates=rates, runs=runs, seconds=seconds)
    return simulate_conditions({"standard": [scenario]}, lambda: None)["standard"]


def few() -> EventTable:
    """Two runs of three events or so a machine: no law is decided by them."""
    return rated(6, 5, 4, runs=2, seconds=4)


def changed(table: EventTable, **columns: AnyArray) -> EventTable:
    """Return a copy with other columns; what was derived from them is derived anew."""
    other = copy(table)
    kept = {name: value for name, value in vars(table).items() if not hasattr(EventTable, name)}
    vars(other).clear()
    vars(other).update(kept | columns)
    return other


def reclocked(table: EventTable, clock: AnyArray) -> EventTable:
    """Return a copy with other clocks, and messages stamped with them."""
    return changed(table, clock=clock, stamp=np.where(table.sent < 0, 0, clock[table.sent]))


def jumping(table: EventTable, where: AnyArray, by: AnyArray | int = 6) -> EventTable:
    """Return a copy in which the clock rises by `by` at some events, and by 1 at the others."""
    rises = np.cumsum(np.where(where, by, 1))
    base = rises[table.starts[:-1]][table.run * 3 + table.rank]
    return reclocked(table, rises - base + 1)


def flat(table: EventTable) -> EventTable:
    return jumping(table, np.zeros(len(table), np.bool_))


def steep(table: EventTable) -> EventTable:
    return jumping(table, np.ones(len(table), np.bool_))


def twice(*tables: EventTable) -> list[EventTable]:
    return [*tables, *tables]


def slower_is_higher(table: EventTable) -> EventTable:
    return reclocked(table, ((table.tick + 1) * 100 / table.rate**2).astype(np.int64) + table.tick)


def by_own_rate(table: EventTable) -> EventTable:
    return jumping(table, np.ones(len(table), np.bool_), table.rate.astype(np.int64) * 5)


def old_p1(table: EventTable) -> EventTable:
    """P2's message moves P3 exactly if P1's last one is more than a second old."""
    last = table.row_before(table.receives & (table.sender == 0))
    old = (last < 0) | (table.time_ns - table.time_ns[last] > 10**9)
    return jumping(table, table.receives & (table.rank == P3) & (table.sender == P2) & old)


def queue_of(table: EventTable, figure: AnyArray) -> EventTable:
    return changed(table, queue=(10 * figure).astype(np.int64)[table.run])


def difference(table: EventTable) -> AnyArray:
    return np.asarray(table.rates[:, 0] - table.rates[:, 2])


def ratio(table: EventTable) -> AnyArray:
    return np.asarray((table.rates[:, 0] + table.rates[:, 1]) / table.rates[:, 2])


def some(table: EventTable, every_nth: int) -> BoolArray:
    return np.asarray(np.arange(len(table)) % every_nth == 0)


def longer(table: EventTable, by: AnyArray | int) -> EventTable:
    added = np.full(table.runs, by) if isinstance(by, int) else by
    return changed(table, queue=table.queue + added[table.run])


def swapped(table: EventTable) -> EventTable:
    """The stamps of one sender's two messages in a row change places."""
    rows = np.flatnonzero(table.receives & (table.sender == 0))
    pair = next(
        (a, b) for a, b in pairwise(rows)
        if table.rank[a] == table.rank[b] and table.run[a] == table.run[b]
    )  # fmt: skip
    stamp = table.stamp.copy()
    stamp[list(pair)] = stamp[list(reversed(pair))]
    return changed(table, stamp=stamp)


def level(table: EventTable) -> EventTable:
    """One receive has the clock of the send that it received."""
    row = int(np.flatnonzero(table.jumps)[50])  # its clock stays above that of the event before
    clock = table.clock.copy()
    clock[row] = table.stamp[row]
    return changed(table, clock=clock)


def peak(table: EventTable, largest: int, last: int) -> EventTable:
    is_last = np.r_[table.is_first[1:], True]
    return changed(table, queue=np.where(is_last, last, np.where(table.tick == 5, largest, 0)))


def by_time(table: EventTable) -> EventTable:
    """Clocks that rise with real time: no pair is turned, no causal link contradicted."""
    return reclocked(table, table.time_ns // 1000 + 1)


def one_jump_more(table: EventTable) -> EventTable:
    clock = table.clock.copy()
    row = int(np.flatnonzero((table.kind == 0) & ~table.is_first)[5])
    clock[row : int(table.starts[table.starts > row][0])] += 3
    return changed(table, clock=clock)


def falling(table: EventTable) -> EventTable:
    sent = table.sent  # of the true clocks
    clock = table.clock.copy()
    clock[table.tick == 40] = 1
    other = changed(table, clock=clock)
    vars(other)["sent"] = sent
    return other


Tables = Callable[[], Sequence[EventTable | None]]
OUTCOMES: dict[str, dict[Decision, Tables]] = {
    "jump-needs-higher-stamp": {
        HOLDS: lambda: [simulated()],
        NOT: lambda: [one_jump_more(simulated())],
        UNDECIDED: lambda: [few()],
    },
    "higher-because-faster": {
        HOLDS: lambda: [jumping(t := rated(6, 3, 1), t.receives & (t.sender_rate > t.rate))],
        NOT: lambda: [simulated()],
        UNDECIDED: lambda: [jumping(t := few(), t.receives & (t.sender_rate > t.rate))],
    },
    "faster-rate-higher-clock": {
        HOLDS: lambda: [simulated()],
        HOLDS_IF: lambda: [
            reclocked(
                t := simulated(),
                np.where(t.loads[t.run].max(1) > 1, t.clock, slower_is_higher(t).clock),
            )
        ],
        NOT: lambda: [slower_is_higher(simulated())],
        UNDECIDED: lambda: [few()],
    },
    "rate-difference-drives-jumps": {
        HOLDS: lambda: [simulated()],
        NOT: lambda: [by_own_rate(simulated())],
        UNDECIDED: lambda: [few()],
    },
    "message-from-faster-jumps": {
        HOLDS: lambda: [steep(simulated())],
        HOLDS_IF: lambda: [simulated()],
        NOT: lambda: [flat(simulated())],
        UNDECIDED: lambda: [steep(few())],
    },
    "p3-jumps-after-internal": {
        HOLDS: lambda: [steep(simulated())],
        HOLDS_IF: lambda: [simulated("standard", 1000)],
        NOT: lambda: [flat(simulated())],
        UNDECIDED: lambda: [simulated()],  # too few events for its condition
    },
    "p3-jumps-p1-after-p2": {
        HOLDS: lambda: [steep(simulated())],
        NOT: lambda: [flat(simulated())],
        UNDECIDED: lambda: [simulated()],
    },
    "p2-shielded-by-recent-p1": {
        HOLDS: lambda: [old_p1(simulated(runs=500))],
        HOLDS_IF: lambda: [simulated()],
        NOT: lambda: [flat(simulated())],
        UNDECIDED: lambda: [few()],
    },
    "p2-jumps-at-p1": {
        HOLDS: lambda: [steep(simulated())],
        HOLDS_IF: lambda: [simulated()],
        NOT: lambda: [flat(simulated())],
        UNDECIDED: lambda: [steep(few())],
    },
    "fastest-never-jumps": {
        HOLDS: lambda: [rated(6, 3, 2, runs=40)],
        HOLDS_IF: lambda: [simulated()],
        NOT: lambda: [jumping(t := rated(6, 3, 2), t.receives)],
        UNDECIDED: lambda: [rated(6, 5, 4)],  # no run of its condition
    },
    "p3-never-jumps": {
        HOLDS: lambda: [flat(simulated())],
        NOT: lambda: [simulated()],
        UNDECIDED: lambda: [flat(few())],
    },
    "equal-rates-no-jumps": {
        HOLDS: lambda: [flat(simulated("equal-rates")), flat(simulated("equal-aligned"))],
        HOLDS_IF: lambda: [
            simulated(name)
            for name in ("equal-rates", "equal-aligned", "equal-latency", "equal-aligned-latency")
        ],
        NOT: lambda: [simulated("equal-rates"), None, simulated("equal-latency"), None],
        UNDECIDED: lambda: [flat(rated(5, 5, 5, runs=2, seconds=4))],
    },
    "bigger-difference-bigger-queue": {
        HOLDS: lambda: [queue_of(t := simulated(), difference(t))],
        HOLDS_IF: lambda: [simulated()],
        NOT: lambda: [queue_of(t := simulated(), 10 - difference(t))],
        UNDECIDED: lambda: [few()],
    },
    "narrow-rates-same-frequency": {
        HOLDS: lambda: twice(simulated()),
        NOT: lambda: [simulated(), simulated("narrow-rates")],
        UNDECIDED: lambda: [few(), few()],
    },
    "less-internal-more-jumps": {
        HOLDS: lambda: [simulated(), simulated("few-internal")],
        NOT: lambda: twice(simulated()),
        UNDECIDED: lambda: [few(), few()],
    },
    "narrow-rates-smaller-jumps": {
        HOLDS: lambda: [simulated(), simulated("narrow-rates")],
        HOLDS_IF: lambda: [
            jumping(t := simulated(), some(t, 5), 9),
            jumping(t, some(t, 5), np.where(some(t, 10), 9, 3)),
        ],
        NOT: lambda: twice(simulated()),
        UNDECIDED: lambda: [few(), few()],
    },
    "less-internal-smaller-jumps": {
        HOLDS: lambda: [simulated(), simulated("few-internal")],
        NOT: lambda: [simulated("few-internal"), simulated()],
        UNDECIDED: lambda: [few(), few()],
    },
    "narrow-rates-shorter-queue": {
        HOLDS: lambda: [simulated(), simulated("narrow-rates")],
        HOLDS_IF: lambda: [peak(simulated(), 20, 0), peak(simulated(), 10, 3)],
        NOT: lambda: twice(simulated()),
        UNDECIDED: lambda: [few(), longer(few(), np.array([-9, 9]))],
    },
    "less-internal-longer-queue": {
        HOLDS: lambda: [simulated(), simulated("few-internal")],
        NOT: lambda: [simulated(), longer(simulated(), -1)],
        UNDECIDED: lambda: [few(), longer(few(), np.array([-9, 9]))],
    },
    "both-variations-either-way": {
        HOLDS: lambda: [simulated(), simulated("both")],
        NOT: lambda: [simulated(), longer(simulated(), 2)],
        UNDECIDED: lambda: [few(), longer(few(), np.array([-9, 9]))],
    },
    "draining-reorders": {
        HOLDS: lambda: [simulated(), simulated("arrival-order")],
        NOT: lambda: twice(simulated("arrival-order")),
        UNDECIDED: lambda: [changed(t := few(), time_ns=t.clock)],
    },
    "tcp-reorders-one-sender": {
        HOLDS: lambda: [swapped(simulated())],
        NOT: lambda: [simulated()],
        UNDECIDED: lambda: [few()],
    },
    "physical-clocks-needed": {
        HOLDS: lambda: [falling(simulated())],
        HOLDS_IF: lambda: [simulated()],
        NOT: lambda: [by_time(simulated())],
        UNDECIDED: lambda: [few()],
    },
    "drain-order-is-as-good": {
        HOLDS: lambda: [simulated(), simulated("arrival-order")],
        NOT: lambda: [simulated(), longer(simulated("arrival-order"), 3)],
        UNDECIDED: lambda: [few(), longer(few(), np.array([0, 1]))],
    },
    "stamps-order-one-sender": {
        HOLDS: lambda: [reclocked(t := simulated(), t.clock + 1000)],  # all of four digits
        HOLDS_IF: lambda: [simulated()],
        NOT: lambda: [falling(simulated())],
        UNDECIDED: lambda: [few()],
    },
}
BY_ID = {claim.id: claim for claim in CLAIMS}


@pytest.mark.parametrize(
    ("name", "verdict"), [(name, verdict) for name in OUTCOMES for verdict in OUTCOMES[name]]
)
def test_a_claim_comes_out_as_its_events_say(name: str, verdict: Decision) -> None:
    found = BY_ID[name].judge(*OUTCOMES[name][verdict]())
    assert found.verdict is verdict, found.text
    assert bool(found.condition) == (verdict is HOLDS_IF)
    assert len(found.figure) <= 33  # the table fits 80 columns


def test_messages_of_one_name_are_not_out_of_order_but_level_clocks_are_against_causality() -> None:
    table = simulated()
    doubled = changed(table, stamp=np.where(table.stamp > 0, table.stamp // 2 + 1, 0))
    assert BY_ID["tcp-reorders-one-sender"].judge(doubled).verdict is NOT
    assert BY_ID["physical-clocks-needed"].judge(level(table)).verdict is HOLDS


def test_every_claim_is_shown_to_come_out_in_three_ways_or_more() -> None:
    assert list(OUTCOMES) == list(BY_ID)
    assert all({HOLDS, NOT, UNDECIDED} <= set(cases) for cases in OUTCOMES.values())


# What the simulated system really does.

PAGE = Path(__file__).parent.parent / "docs" / "claims.md"


def test_the_page_shows_the_verdicts_on_the_simulated_system() -> None:
    """Down to the figures; and the progress that is reported ends with all work done."""
    steps: list[tuple[int, int]] = []
    judged = judge_claims(on_progress=lambda done, total: steps.append((done, total)))
    shown = PAGE.read_text().split("```")[3].splitlines()
    table, conditions = shown[3:28], " ".join(" ".join(shown[29:]).split())
    assert [line.split(maxsplit=2) for line in table] == [
        [each.id, each.verdict, each.figure] for each in judged
    ]
    for each in judged:
        assert (each.verdict == "holds-if") == (each.condition is not None)
        assert each.condition is None or f"{each.id} holds if {each.condition}" in conditions
    assert steps[-1][0] == steps[-1][1] == max(steps)[0]
    assert {each.runs for each in judged} == {1000, 667, 4000}


def test_both_engines_record_the_same_events() -> None:
    scenario = Scenario(rates=[5, 3, 1], seconds=20, runs=2)
    kept = [list(record(scenario)) for record in (_record_compiled, _record_general)]
    one, other = map(EventTable, kept)
    for name in ("rates", "loads", "rank", "clock", "sender", "stamp", "queue", "time_ns", "sent"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_a_variation_has_the_draws_of_the_standard_condition() -> None:
    standard, narrow = simulated(runs=60), simulated("narrow-rates", 60)
    drawn = {tuple(pair) for pair in np.c_[standard.rates[:40].ravel(), narrow.rates.ravel()]}
    assert all((rate > 3) == (other > 3) for rate, other in drawn)
    assert narrow.names == [(1, number) for number in range(1, 41)]


# Real runs, and the command.


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"rates": "1..6"}, "standard"),
        ({"rates": [6, 3, 1]}, "standard"),
        ({"rates": "3..4"}, "narrow-rates"),
        ({"rates": [4, 3, 3]}, "narrow-rates"),
        ({"rates": [4, 3, 3], "faces": 5}, "both"),
        ({"rates": [6, 3, 1], "faces": 5}, "few-internal"),
        ({"rates": [2, 2, 2]}, "equal-rates"),
        ({"rates": [2, 2, 2], "phase": "aligned"}, "equal-aligned"),
        ({"order": "arrival"}, "arrival-order"),
        ({"rates": [6, 6, 1], "order": "arrival"}, "arrival-order"),
    ],
)
def test_a_real_run_is_told_by_its_scenario(keys: dict[str, object], name: str) -> None:
    assert condition_of(Scenario.from_dict(keys)) == name


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"rates": [3, 2]}, "2 machines"),
        ({"topology": "ring"}, "topology ring"),
        ({"faces": 4}, "faces"),
        ({"phase": "aligned"}, "aligned"),
        ({"rates": "4..6"}, r"rates 4\.\.6, 10 faces.* rates drawn from 1\.\.6"),
        ({"rates": [9, 3, 1]}, "rates 9,3,1"),
        ({"rates": [2.5, 2, 1]}, "rates 2.5,2,1"),
        ({"send_one": 0.3, "send_all": 0.1}, "send_one 0.3 and send_all 0.1"),
        ({"rates": "3..4", "order": "arrival"}, "order arrival"),
    ],
)
def test_a_run_that_no_claim_is_about_is_refused(keys: dict[str, object], word: str) -> None:
    with pytest.raises(NoSuchRunsError, match=word):
        condition_of(Scenario.from_dict(keys))


def test_claims_are_judged_by_real_runs_now_and_later(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ids = ["jump-needs-higher-stamp", "tcp-reorders-one-sender", "narrow-rates-shorter-queue"]
    out = tmp_path / "out"
    flags = ["--runs", "2", "--speed", "120", "--out", str(out), "--json"]
    assert main(["claims", *ids[:2], "--real", *flags]) == 0
    now = json.loads(capfd.readouterr().out)["claims"]
    assert [(each["verdict"], each["statistic"]) for each in now] == [("holds", 0), (NOT, 0)]
    assert sorted(each.name for each in out.iterdir()) == ["standard"]
    assert main(["claims", "--real", str(out / "standard"), *ids, "--json"]) == 0
    later = json.loads(capfd.readouterr().out)["claims"]
    assert later[:2] == now
    assert later[2]["verdict"] == "undecided"  # no runs with narrow rates were given
    assert later[2]["statistic"] is later[2]["ci95"] is None
    assert main(["claims", *ids[:2], "--real", *flags]) == 2  # the folder is taken
    assert main(["claims", "--real", str(out / "standard"), str(out / "standard")]) == 2
    assert "given before" in capfd.readouterr().err


def test_one_run_of_several_is_told_by_the_scenario_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own rates could have been drawn from 1..6, too."""
    run(Scenario(rates="4..6", seconds=5, speed=100, runs=2), out=tmp_path / "close")
    assert main(["claims", "--real", str(tmp_path / "close" / "run-1")]) == 2
    assert "rates 4..6" in capsys.readouterr().err


def test_claims_are_reported_in_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    command = ["claims", "--runs", "60", "fastest-never-jumps", "p3-never-jumps"]
    assert main([*command, "--report", str(out), "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)["claims"]
    text = (out / "report.md").read_text()
    assert "judged by 60 simulated runs of a condition" in text
    assert all(" ".join(each["text"].split()[-6:]) in text for each in judged)
    assert (out / "report.html").stat().st_size > 3000
    rows = (out / "tables" / "claims.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["id", *(each["id"] for each in judged)]
    assert main([*command, "--report", str(out)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*command, "--report", str(out), "--overwrite"]) == 0
    assert main([*command, "--overwrite"]) == 2


def test_runs_are_paired_by_seed_and_number_else_in_order() -> None:
    runs = simulated(runs=6)
    other, third = copy(runs), copy(runs)
    other.names = [(1, 4), (1, 9), (1, 2), (1, 8), (1, 7), (1, 1)]
    assert [each.tolist() for each in paired_rows(runs, other)] == [[0, 1, 3], [5, 2, 0]]
    third.names = [(2, number) for number in range(1, 7)]
    assert [each.tolist() for each in paired_rows(runs, third)] == [[*range(6)]] * 2


def test_real_runs_of_different_lengths_are_judged_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for seconds in (5, 6):
        folders.append(str(tmp_path / f"run-{seconds}"))
        run(Scenario(rates=[3, 2, 1], seconds=seconds, speed=60), out=folders[-1])
    events = read_conditions(folders[:1])["standard"]
    assert 4.5e9 < events.time_ns.max() < 8e9  # scenario time, whatever the speed
    assert main(["claims", "--real", *folders]) == 2
    assert "5 s and 6 s" in capsys.readouterr().err
    journal = tmp_path / "run-5" / "B.log"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-3]))  # as of a machine that was killed
    assert main(["claims", "--real", folders[0]]) == 2
    assert "machine B did not reach the end" in capsys.readouterr().err


def test_a_simulated_run_is_no_real_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(Scenario(rates=[3, 2, 1], seconds=5), out=tmp_path / "run")
    assert main(["claims", "--real", str(tmp_path / "run")]) == 2
    assert "simulated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["p4-jumps"], "fastest-never-jumps"),
        (["--runs", "0"], "--runs 0"),
        (["--runs", "2.5"], "--runs 2.5"),
        (["--speed", "9"], "--real"),
        (["--real", "--speed", "0"], "speed"),
        (["--real", "nowhere"], "nowhere"),
        (["--real", "nowhere", "--runs", "3"], "--runs"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(
    arguments: list[str],
    word: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["claims", *arguments]) == 2
    printed = capsys.readouterr()
    assert word in printed.err.splitlines()[-1]
    assert not printed.out
    assert not list(tmp_path.glob("runs/*"))


def test_the_table_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "--runs", "30", "--verbose"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith(tuple(BY_ID)) for line in lines) == 2 * len(BY_ID)
    assert main(["claims", "--runs", "30"]) == 0
    assert "judged by 30 simulated runs of a condition" in capsys.readouterr().out
    assert main(["claims", "--runs", "30", "p3-never-jumps"]) == 0
    assert capsys.readouterr().out.startswith("p3-never-jumps: does not hold\n  Claim: P3")


# What the command says while it works, and at the end.


@pytest.mark.parametrize("fails", [False, True])
def test_a_bar_is_shown_also_while_nothing_is_done_yet(
    fails: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "PLAIN_EVERY_S", 0.05)
    monkeypatch.setattr(claims_command, "SHOWN_EVERY_S", 0.02)
    before = threading.active_count()

    def judged() -> None:
        with claims_command._bar("compiling the engine") as on_progress:
            time.sleep(0.4)
            on_progress(30, 120)
            time.sleep(0.4)
            if fails:
                raise DriftlabError("no")

    if fails:
        with pytest.raises(DriftlabError):
            judged()
    else:
        judged()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "claims: compiling the engine, time left unknown"
    assert re.fullmatch(r"claims: 25 % of the runs and claims, \d+ s left", lines[-1])
    assert threading.active_count() == before


def test_verdicts_are_counted_in_words() -> None:
    def verdict(of: str) -> ClaimVerdict:
        return SimpleNamespace(verdict=of)  # type: ignore[return-value]

    one = [verdict(each) for each in Decision]
    assert summary_of(one) == (
        "1 holds, 1 holds under a condition, 1 does not hold, 1 is undecided"
    )
    assert summary_of(2 * one) == (
        "2 hold, 2 hold under a condition, 2 do not hold, 2 are undecided"
    )
    assert summary_of([]) == ""
