"""The compiled rules give what the Python functions give, and the digest notices every change."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab.clocks import lamport
from driftlab.machine import process
from driftlab.model import digest, random_streams, schedule
from driftlab.network import latency
from driftlab.simulator.compiled import jit_rules

WORDS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 64).map(lambda bits: (1 << bits) - 1),
    st.integers(0, 63).map(lambda bits: 1 << bits),
)
TABLE = np.array(latency.logarithms(), np.uint64)
TABLES = [np.array(table, np.uint64) for table in latency.exponentials(1_700_000)]
SECOND = 1_000_000_000

RULES: dict[str, tuple[Callable[..., int], int]] = {
    "mix": (random_streams.mix, 1), "draw": (random_streams.draw, 2),
    "stream": (random_streams.stream, 4),
    "uniform_below": (random_streams.uniform_below, 2), "mix_in": (digest.mix_in, 2),
    "finish": (digest.finish, 2), "hash_event": (digest.hash_event, 6),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
@given(st.data())
@settings(max_examples=50)
def test_a_compiled_rule_gives_what_python_gives(name: str, data: st.DataObject) -> None:
    rule, count = RULES[name]
    words = [data.draw(WORDS) for _ in range(count)]
    assert getattr(jit_rules, name)(*map(np.uint64, words)) == rule(*words)


@given(WORDS, st.integers(0, 10**15), st.integers(1, 10**15))
def test_compiled_latencies_and_phases_are_pythons(word: int, first: int, count: int) -> None:
    one, ns, span = map(np.uint64, (word, first, count))
    assert jit_rules.uniform_ns(ns, span, one) == latency.uniform_ns(first, count, word)
    assert jit_rules.exponential_ns(ns, TABLE, one) == latency.exponential_ns(
        first, latency.logarithms(), word
    )
    assert jit_rules.lognormal_ns(ns, *TABLES, one) == latency.lognormal_ns(
        first, *latency.exponentials(1_700_000), word
    )
    den = count % (2**63 // SECOND) + 1
    assert jit_rules.phase_ns(one, span, np.uint64(den)) == schedule.phase_ns(word, count, den)


@given(WORDS, st.integers(0, 2**40), st.integers(0, 2**40), st.integers(1, 999_999))
def test_a_compiled_roll_of_the_die_is_pythons(word: int, one: int, more: int, peers: int) -> None:
    bounds = (one, min(one + more, 2**40))
    compiled = jit_rules.roll(*map(np.uint64, (word, *bounds, peers)))
    assert int(np.uint64(compiled).astype(np.int64)) == process.roll(word, *bounds, peers)


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_the_compiled_clock_is_pythons(clock: int, stamp: int) -> None:
    assert jit_rules.step(clock) == lamport.step(clock)
    assert jit_rules.merge(clock, stamp) == lamport.merge(clock, stamp)


def test_no_rule_computes_with_floating_point() -> None:
    """Numba turns a word and a signed number into floats."""
    for name in (*RULES, "uniform_ns", "exponential_ns", "lognormal_ns", "phase_ns", "roll"):
        for code in getattr(jit_rules, name).inspect_llvm().values():
            assert " double" not in code, name


FIELDS = st.tuples(
    st.integers(0, 2**40), st.integers(0, 2), st.integers(0, 2**32 - 1), st.integers(0, 2**62),
    st.integers(0, 2**62), st.integers(0, 2**31),
)  # fmt: skip


def hash_of(events: list[Any]) -> int:
    word = 0
    for event in events:
        word = digest.mix_in(word, digest.hash_event(*event))
    return word


@given(st.lists(FIELDS, min_size=1, max_size=20), st.data())
def test_one_changed_field_of_one_event_changes_the_digest(
    events: list[Any], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(events) - 1))
    field = data.draw(st.integers(0, 5))
    other = data.draw(FIELDS)[field]
    changed = [list(event) for event in events]
    changed[place][field] = other
    assert (hash_of(changed) == hash_of(events)) == (list(events[place]) == changed[place])


@given(st.lists(FIELDS, min_size=2, max_size=20, unique=True), st.data())
def test_two_events_that_change_places_change_the_digest(
    events: list[Any], data: st.DataObject
) -> None:
    i, j = data.draw(st.permutations(range(len(events))))[:2]
    turned = [*events]
    turned[i], turned[j] = events[j], events[i]
    assert hash_of(turned) != hash_of(events)
    assert hash_of(events[:-1]) != hash_of(events)
