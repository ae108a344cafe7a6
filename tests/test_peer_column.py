"""One column that names the other process: of a send the target, of a receive the sender."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.foreign.fields import ALIASES
from driftlab.model.columns import KINDS, NOBODY
from tests.started import driftlab as command

# Process, kind, peer, Lamport clock and stamp of each event.
GOOD = (
    ("a", "send", "b", 1, None),
    ("a", "send", "b", 2, None),
    ("b", "receive", "a", 2, 1),
    ("b", "receive", "a", 3, 2),
    ("b", "send", "a", 4, None),
    ("a", "receive", "b", 5, 4),
    ("a", "internal", None, 6, None),
    ("a", "send", "b", 7, None),
)
BOTH = {"sender": "peer", "targets": "peer"}
WRONG = {  # each with the rule that it violates: an event of GOOD, and what stands in its place
    "clock-condition": (2, ("b", "receive", "a", 1, 1)),
    "from-nowhere": (1, ("a", "internal", None, 2, None)),
    "delivered-twice": (3, ("b", "receive", "a", 3, 1)),
    "lost-message": (2, ("b", "internal", None, 1, None)),
}
Events = tuple[tuple[str, str, str | None, int, int | None], ...]
KEYS = ("process", "kind", "peer", "lamport", "stamp")


def csv_of(folder: Path, events: Events, peer: str = "peer", kind: str = "kind") -> Path:
    heads = ["process", kind, peer, "lamport", "stamp"]
    rows = [["" if cell is None else str(cell) for cell in event] for event in events]
    path = folder / "log.csv"
    path.write_text("".join(",".join(row) + "\n" for row in [heads, *rows]))
    return path


def json_of(folder: Path, events: Events) -> Path:
    """Write the log as JSON, with the peer inside another object."""
    path = folder / "log.jsonl"
    with path.open("w") as file:
        for event in events:
            record: dict[str, Any] = dict(zip(KEYS, event, strict=True))
            record["net"] = {"who": record.pop("peer")}
            file.write(json.dumps(record) + "\n")
    return path


def two_columns_of(folder: Path, events: Events) -> Path:
    """Write the same log with a column for the sender, and one for the targets."""
    path = folder / "two.csv"
    lines = ["process,kind,sender,targets,lamport,stamp"]
    for process, kind, peer, clock, stamp in events:
        sender = peer if kind == "receive" else None
        target = peer if kind == "send" else None
        cells = (process, kind, sender, target, clock, stamp)
        lines.append(",".join("" if cell is None else str(cell) for cell in cells))
    path.write_text("\n".join(lines) + "\n")
    return path


def said(path: Path, **options: Any) -> dict[str, Any]:
    """Return the verdict as values, without the name of the file."""
    verdict = driftlab.read(path, **options).check().to_dict()
    values: dict[str, Any] = json.loads(json.dumps(verdict).replace(path.name, "LOG"))
    return values


def with_event(at: int, event: tuple[str, str, str | None, int, int | None]) -> Events:
    return (*GOOD[:at], event, *GOOD[at + 1 :])


@pytest.mark.parametrize("events", [GOOD, *(with_event(*each) for each in WRONG.values())])
def test_one_column_of_peers_says_what_two_columns_say(tmp_path: Path, events: Events) -> None:
    expected = said(two_columns_of(tmp_path, events))
    assert said(csv_of(tmp_path, events)) == expected
    assert said(csv_of(tmp_path, events), fields=BOTH) == expected
    assert said(csv_of(tmp_path, events, "whom"), fields={"peer": "whom"}) == expected
    inside = {"sender": "net.who", "targets": "net.who"}
    for fields in (inside, {"peer": "net.who"}):
        found = said(json_of(tmp_path, events), fields=fields)
        assert [found[key] for key in ("verdict", "counts", "in_flight", "judged")] == [
            expected[key] for key in ("verdict", "counts", "in_flight", "judged")
        ]


def test_a_right_log_holds_and_its_sends_are_no_receives(tmp_path: Path) -> None:
    verdict = driftlab.read(csv_of(tmp_path, GOOD), fields=BOTH).check()
    assert (verdict.verdict, verdict.messages, verdict.in_flight) == ("holds", 3, 1)


@pytest.mark.parametrize("rule", WRONG)
def test_a_wrong_log_stays_named(tmp_path: Path, rule: str) -> None:
    verdict = driftlab.read(csv_of(tmp_path, with_event(*WRONG[rule])), fields=BOTH).check()
    assert verdict.counts[rule] == 1


@pytest.mark.parametrize("name", ["peer", *ALIASES["peer"], "Partner", "Peer (name)"])
@pytest.mark.parametrize("kind", ["kind", "event"])
def test_a_column_of_peers_is_known_by_its_name(tmp_path: Path, name: str, kind: str) -> None:
    path = csv_of(tmp_path, GOOD, name, kind)
    preview = driftlab.preview(path).runs[0]
    (column,) = [each for each in preview.columns if each.name == name]
    assert column.field == "sender, targets"
    assert column.meaning == "who sent it, or who is sent to"
    assert (preview.receives, preview.matched) == (3, 3)
    assert [list(event.peers) for event in preview.first] == [
        [] if peer is None else [peer] for _, _, peer, *_ in GOOD
    ]
    assert driftlab.read(path).check().messages == preview.receives


def test_the_peer_of_an_internal_event_means_nothing_and_stays_text(tmp_path: Path) -> None:
    events = with_event(6, ("a", "internal", "disk", 6, None))
    history = driftlab.read(csv_of(tmp_path, events))
    assert history.check().verdict == "holds"
    assert history.trace.names == ["a", "b"]
    texts = history.trace.texts["peer"]
    assert [texts[row] for row in range(len(events)) if texts[row]] == ["disk"]


@pytest.mark.parametrize("fields", [{}, BOTH, {"peer": "peer"}])
def test_without_kinds_a_column_of_peers_stays_text(tmp_path: Path, fields: dict[str, str]) -> None:
    path = tmp_path / "log.csv"
    path.write_text("process,kind,lamport,peer\na,out,1,b\nb,in,2,a\n")
    preview = driftlab.preview(path, fields=fields).runs[0]
    assert [each.meaning for each in preview.columns if each.name == "peer"] == ["kept as text"]
    trace = driftlab.read(path, fields=fields).trace
    assert list(trace.texts["peer"]) == ["b", "a"]
    assert (trace.columns.sender, trace.columns.target) == (None, None)
    assert preview.kinds == {"unsaid": 2}


@pytest.mark.parametrize("own", ["from", "to"])
def test_a_column_of_peers_gives_way_to_a_sender_and_targets(tmp_path: Path, own: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"process,kind,lamport,peer,{own}\na,send,1,x,\nb,receive,2,y,\n")
    trace = driftlab.read(path).trace
    assert trace.names == ["a", "b"]
    assert list(trace.texts["peer"]) == ["x", "y"]


def test_a_stamp_makes_a_record_of_unknown_kind_a_receive(tmp_path: Path) -> None:
    events = with_event(2, ("b", "incoming", "a", 2, 1))
    history = driftlab.read(csv_of(tmp_path, events))
    kinds = [KINDS[kind] for kind in history.trace.columns.kind.tolist()]
    assert kinds.count("receive") == 3
    assert history.check().verdict == "holds"


def test_a_send_that_names_a_sender_alone_received_nothing(tmp_path: Path) -> None:
    """With a stamp, it says what it received."""
    path = tmp_path / "log.csv"
    head = "process,kind,lamport,sender,stamp,targets\na,send,1,,,b\n"
    path.write_text(f"{head}b,send,1,a,,a\n")
    history = driftlab.read(path)
    sender = history.trace.columns.sender
    assert sender is not None
    assert set(sender.tolist()) == {NOBODY}
    assert history.check().messages == 0
    assert list(history.trace.texts["sender_text"])[1] == "a"
    path.write_text(f"{head}b,send,2,a,1,a\n")
    assert driftlab.read(path).check().messages == 1


def test_check_prints_what_the_preview_shows(tmp_path: Path) -> None:
    path = csv_of(tmp_path, GOOD)
    options = ("--field", "sender=peer", "--field", "targets=peer")
    assert command("check", path, *options).stdout.startswith(
        "holds: 8 events of 2 processes, 3 messages received, 1 in flight, 0 lines unread"
    )
    shown = command("check", path, *options, "--preview").stdout
    (line,) = [each for each in shown.splitlines() if each.startswith("peer ")]
    assert re.split("  +", line)[1:3] == [
        "sender, targets",
        "who sent it, or who is sent to",
    ]


def test_a_lost_message_is_not_in_flight(tmp_path: Path) -> None:
    """Whichever rules are applied: a later message of its channel came."""
    history = driftlab.read(two_columns_of(tmp_path, with_event(*WRONG["lost-message"])))
    assert history.check().counts["lost-message"] == 1
    assert history.check().in_flight == 1
    assert history.check(without="lost-message").in_flight == 1
