"""The digest of a run: every field of every event counts, and so does their order."""

from typing import Any

import pytest

from driftlab.model.digest import (
    ALL_PEERS,
    INTERNAL,
    NO_PARTNER,
    RECEIVE,
    SEND,
    digest_of,
    digest_of_run,
    finish,
    hash_event,
    mix_in,
)
from driftlab.model.event import Event, Kind

NAMES = ("A", "B", "C")
PEERS = ("A", "C")  # of B
EVENTS = [
    Event("B", 0, Kind.INTERNAL, None, None, (), 1, 0),
    Event("B", 1, Kind.SEND, None, None, ("C",), 2, 0),
    Event("B", 2, Kind.RECEIVE, "A", 7, (), 8, 3),
    Event("B", 3, Kind.SEND, None, None, ("A", "C"), 9, 0),
]


def test_the_digest_is_the_same_for_ever() -> None:
    """Golden: another value here means that no published digest can be compared."""
    word = digest_of(EVENTS, NAMES, PEERS)
    assert word == 13107475179652594691
    assert digest_of_run([word, 5]) == 16950144365018614741


def test_each_field_has_its_part_in_the_hash() -> None:
    """The odd factors, as the program in C has them."""
    fields = [(1, 0, 0, 0, 0, 0), (0, 1, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0),
              (0, 0, 0, 1, 0, 0), (0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 1)]  # fmt: skip
    assert [hash_event(*values) for values in fields] == [
        0xD6E8FEB86659FD93, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB,
    ]  # fmt: skip
    assert hash_event(2**63, 2, 3, 4, 5, 6) < 2**64


def test_an_event_is_hashed_by_kind_partner_stamp_clock_and_queue() -> None:
    word = 0
    for values in (
        (0, INTERNAL, NO_PARTNER, 0, 1, 0),
        (1, SEND, 2, 0, 2, 0),  # C is B's second peer
        (2, RECEIVE, 1, 7, 8, 3),  # A is the first process
        (3, SEND, ALL_PEERS, 0, 9, 0),
    ):
        word = mix_in(word, hash_event(*values))
    assert digest_of(EVENTS, NAMES, PEERS) == word
    assert digest_of_run([word]) == finish(0, word)


@pytest.mark.parametrize(
    "change",
    [{"tick": 9}, {"clock": 3}, {"queue": 1}, {"targets": ("A",)}, {"targets": ("A", "C")},
     {"kind": Kind.INTERNAL}, {"sender": "A"}, {"stamp": 1}],
)  # fmt: skip
def test_a_change_of_one_field_changes_the_digest(change: dict[str, Any]) -> None:
    changed = [EVENTS[0], EVENTS[1]._replace(**change), *EVENTS[2:]]
    assert digest_of(changed, NAMES, PEERS) != digest_of(EVENTS, NAMES, PEERS)


def test_the_order_of_events_and_of_machines_counts() -> None:
    swapped = [EVENTS[1], EVENTS[0], *EVENTS[2:]]
    assert digest_of(swapped, NAMES, PEERS) != digest_of(EVENTS, NAMES, PEERS)
    assert digest_of_run([1, 2]) != digest_of_run([2, 1])
    assert digest_of([], NAMES, PEERS) == digest_of_run([]) == 0
