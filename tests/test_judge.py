"""The judge names each planted fault by its rule, and no other; what is right it lets be."""

from pathlib import Path

import pytest

import driftlab
from driftlab.analysis.rules.catalogue import RULES
from tests.wrong_machines import write_run

# What a wrong machine does, the clock it keeps, and the one rule that names it.
FAULTS = {
    "stamps-before": ("lamport", "clock-condition"),
    "max-of-next": ("lamport", "clock-condition"),
    "max-only": ("lamport", "clock-condition"),
    "adds-two": ("lamport", "lamport-step"),
    "steps-by-two": ("lamport", "lamport-step"),
    "counts-twice": ("lamport", "send-to-all"),
    "reaches-one": ("lamport", "send-to-all"),
    "takes-two": ("lamport", "one-operation"),
    "takes-none": ("lamport", "one-operation"),
    "sorts-as-text": ("lamport", "inbox-order"),
    "loses-rest": ("lamport", "lost-message"),
    "delivered-twice": ("lamport", "delivered-twice"),
    "overtakes": ("lamport", "fifo"),
    "from-nowhere": ("lamport", "from-nowhere"),
    "one-peer-twice": ("lamport", "peer-choice"),
    "sleeps-after-work": ("lamport", "pacing"),
    "sleeps-60": ("lamport", "pacing"),
    "due-by-adding": ("lamport", "due"),
    "not-merged": ("vector", "vector-merge"),
    "merges-all-but-one": ("vector", "vector-merge"),
    "takes-over": ("vector", "vector-back"),
    "goes-back": ("vector", "vector-back"),
    "gap": ("vector", "vector-own"),
    "duplicate": ("vector", "vector-own"),
    "ahead": ("vector", "vector-ahead"),
    "matrix-not-merged": ("matrix", "matrix-merge"),
    "hybrid-not-merged": ("hybrid", "hybrid-condition"),
    "hybrid-ahead": ("hybrid", "hybrid-bound"),
    "hybrid-never-0": ("hybrid", "hybrid-step"),
}


def broken(history: driftlab.History) -> set[str]:
    return {name for name, count in history.check().counts.items() if count}


@pytest.mark.parametrize("clock", ["lamport", "vector", "matrix", "hybrid"])
def test_right_machines_violate_nothing(clock: str, tmp_path: Path) -> None:
    for seed in range(5):
        verdict = driftlab.read(write_run(tmp_path, clock=clock, seed=seed)).check()
        assert verdict.holds, list(verdict.violations)
        assert verdict.unknown == len(verdict.unread) == 0
        assert verdict.messages > 50


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_by_its_rule_and_by_no_other(fault: str, tmp_path: Path) -> None:
    clock, rule = FAULTS[fault]
    for seed in range(3):
        history = driftlab.read(write_run(tmp_path, fault, clock=clock, seed=seed))
        assert broken(history) == {rule}, list(history.check().violations)[:5]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_machine_is_named_at_that_machine(fault: str, tmp_path: Path) -> None:
    clock, rule = FAULTS[fault]
    wrong = "A" if fault == "one-peer-twice" else "C"  # which sends too little for that
    folder = write_run(tmp_path, fault, clock=clock, wrong=wrong, seconds=120)
    verdict = driftlab.read(folder).check()
    if fault == "stamps-before":  # the slowest machine's stamps do no harm: all are below
        rule = "stamp"
    assert {name for name, count in verdict.counts.items() if count} == {rule}
    assert any(wrong in " ".join(each.witness) for each in verdict.violations)


def test_every_rule_is_violated_by_some_fault() -> None:
    elsewhere = {"process-order", "queue", "before-sent", "stamp"}  # tested apart
    assert {rule for _, rule in FAULTS.values()} | elsewhere == set(RULES)
