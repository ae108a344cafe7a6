"""The engine of the diagram page (JavaScript) fed with a run that goes on, piece by piece."""

import random
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest

from driftlab.arrays import AnyArray
from driftlab.diagram.encoding import container
from driftlab.model.columns import EVERY_PEER, RECEIVE, SEND
from tests.engine_process import Engine, as_bytes


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as started:
        yield started


LIVE_TYPES: Final = {
    "kind": np.uint8, "time": np.float64, "clock": np.float64, "queue": np.int32,
    "target": np.int32, "sender": np.int32, "stamp": np.float64,
}  # fmt: skip
LiveEvent = dict[str, Any]


@pytest.mark.parametrize("seed", range(10))
def test_a_run_that_comes_in_pieces_is_the_run_that_comes_whole(engine: Engine, seed: int) -> None:
    draw = random.Random(seed)
    lanes = draw.choice([2, 3, 6])
    events, messages = run(draw, lanes, draw.choice([30, 400, 6000]))
    if seed % 2:  # times that fall or are missing
        for event in draw.sample([event for own in events for event in own], 25):
            event["time"] = draw.choice([np.nan, 0, event["time"] + 5000])
    engine.open(container({**header_of_run(lanes), "events": 0}, nothing()))
    given_rows = [0] * lanes
    told = []
    while any(given_rows[lane] < len(events[lane]) for lane in range(lanes)):
        frame = []
        for lane in draw.sample(range(lanes), draw.randint(1, lanes)):
            first = max(0, given_rows[lane] - draw.choice([0, 0, 2]))  # some come twice
            last = min(len(events[lane]), given_rows[lane] + draw.choice([0, 1, 50, 2000]))
            frame.append((lane, first, last))
            given_rows[lane] = max(given_rows[lane], last)
        told.append(engine.ask("append", as_bytes(frame_of(events, frame))))
        if len(told) < 40:
            views_of_run(engine, lanes)  # what is computed now is extended later
    assert told[-1]["unmatched"] == 0
    assert told[-1]["events"] == sum(map(len, events))
    assert sorted(map(tuple, engine.ask("messageRows"))) == sorted(messages)
    ends = engine.ask("extent", "index")
    assert ends == [0, max(map(len, events)) - 1]
    starts = told[-1]["starts"]
    clock = engine.ask("column", "clock")
    for lane in range(lanes):
        own = clock[starts[lane] : starts[lane] + len(events[lane])]
        assert own == [event["clock"] for event in events[lane]]
    check_same_as_whole(engine, events, messages, starts)


def test_a_lane_that_comes_late_holds_up_no_other_and_finds_its_messages(engine: Engine) -> None:
    draw = random.Random(5)
    events, messages = run(draw, 3, 900)
    engine.open(container({**header_of_run(3), "events": 0}, nothing()))
    for at in range(0, max(map(len, events)), 5):  # more frames than a receive waits
        frame = [(lane, min(at, len(own)), min(at + 5, len(own)))
                 for lane, own in enumerate(events) if lane]  # fmt: skip
        told = engine.ask("append", as_bytes(frame_of(events, frame)))
        if at % 50 == 0:
            views_of_run(engine, 3)
    among = [each for each in messages if each[0] and each[2]]
    assert told["messages"] >= len(among) // 2
    told = engine.ask("append", as_bytes(frame_of(events, [(0, 0, len(events[0]))])))
    assert told["unmatched"] == 0
    assert sorted(map(tuple, engine.ask("messageRows"))) == sorted(messages)
    check_same_as_whole(engine, events, messages, told["starts"])


def header_of_run(lanes: int) -> dict[str, Any]:
    return {"title": "", "messages": 0, "live": True, "lanes": [
        {"name": f"P{lane}", "colour": "#0072B2", "dash": [1, 0], "start": 0, "end": 0,
         "rate": None, "offset": None} for lane in range(lanes)]}  # fmt: skip


def nothing() -> dict[str, AnyArray]:
    return {name: np.zeros(0, kind) for name, kind in LIVE_TYPES.items()}


def check_same_as_whole(
    engine: Engine,
    events: list[list[LiveEvent]],
    messages: list[tuple[int, ...]],
    starts: list[int],
) -> None:
    """Ask the run that came in pieces, and the same as a whole, the same questions."""
    lanes = len(events)
    grown = views_of_run(engine, lanes)
    flying = in_flight_half_way(engine, events, starts)
    pasts = [
        engine.ask("past", start + len(own) // 2)
        for start, own in zip(starts, events, strict=False)
    ]
    futures = [
        engine.ask("future", start + len(own) // 2)
        for start, own in zip(starts, events, strict=False)
    ]
    whole = whole_run(events, messages)
    engine.open(whole)
    assert views_of_run(engine, lanes) == grown
    whole_starts = np.cumsum([0, *map(len, events)]).tolist()
    assert in_flight_half_way(engine, events, whole_starts) == flying
    firsts = np.concatenate([[0], np.cumsum([len(own) for own in events])]).tolist()
    middles = [first + len(own) // 2 for first, own in zip(firsts, events, strict=False)]
    assert [engine.ask("past", row) for row in middles] == pasts
    assert [engine.ask("future", row) for row in middles] == futures


def in_flight_half_way(
    engine: Engine, events: list[list[LiveEvent]], starts: list[int]
) -> list[tuple[int, ...]]:
    """Return the messages across the cut in the middle of each lane, as indices."""
    answer = engine.ask("cut", [len(own) // 2 for own in events])
    rows = engine.ask("messages", answer["inFlight"])
    lanes = [np.searchsorted(starts, rows[end], side="right") - 1 for end in ("send", "receive")]
    first = np.array(starts)
    found = zip(
        *(np.array(rows[end], int) - first[lane] for end, lane in
          zip(("send", "receive"), lanes, strict=True)),
        *lanes, strict=True,
    )  # fmt: skip
    return sorted(tuple(map(int, each)) for each in found)


def views_of_run(engine: Engine, lanes: int) -> list[Any]:
    """Return much of what a page may ask of a run, without the numbers of rows."""
    answers: list[Any] = []
    for axis in ("time", "clock"):
        low, high = engine.ask("extent", axis)
        view = {
            "axis": axis, "begin": low + (high - low) / 3, "end": high + 1, "width": 30,
            "columns": 30, "height": 20 * lanes, "laneOrder": list(range(lanes)),
            "lanes": list(range(lanes)), "laneTops": [20 * lane for lane in range(lanes)],
            "laneHeights": [20] * lanes, "arrowTo": "found", "reach": 5, "theme": "light",
        }  # fmt: skip
        answers += [low, high, *(engine.ask("tile", {**view, "level": level, "colourBy": colour})
                     for level, colour in (("lines", "queue"), ("counts", "jump")))]  # fmt: skip
        answers += [engine.ask(call, view) for call in ("counts", "crossings", "spanning")]
        answers += [engine.ask("extremes", {**view, "field": each}) for each in ("queue", "drift")]
        vectors = engine.ask("tile", {**view, "level": "exact"})["vectors"]
        answers += [vectors[name] for name in ("x", "place", "kind", "queue", "clock", "fell")]
        answers.append(sorted(zip(*(vectors["messages"][name] for name in ARROW), strict=True)))
        flying = [[-1e9 if x is None else x for x in vectors["flying"][name]] for name in FLYING]
        answers.append(sorted(zip(*flying, strict=True)))
    return answers


ARROW: Final = ("x0", "x1", "x2", "from", "to")
FLYING: Final = ("x0", "x1", "from", "to", "target")


def whole_run(events: list[list[LiveEvent]], messages: list[tuple[int, ...]]) -> bytes:
    """Return the container of a run that has ended."""
    starts = np.concatenate([[0], np.cumsum([len(own) for own in events])])
    rows = [event for own in events for event in own]
    columns: dict[str, AnyArray] = {
        name: np.array([row[name] for row in rows], kind)
        for name, kind in LIVE_TYPES.items()
        if name not in ("sender", "stamp")
    }
    pairs = sorted(
        (starts[lane] + index, starts[sender] + sent, starts[lane] + found)
        for sender, sent, lane, index, found in messages
    )
    for place, name in enumerate(("m_receive", "m_send", "m_found")):
        columns[name] = np.array([pair[place] for pair in pairs], np.int32)
    taken = {(sender, sent, lane) for sender, sent, lane, *_ in messages}
    clocks = [{event["clock"]: at for at, event in enumerate(own)} for own in events]
    waiting = [
        (starts[sender] + clocks[sender][stamp], starts[lane] + index)
        for lane, own in enumerate(events)
        for index, event in enumerate(own)
        for sender, stamp in event["arrived"]
        if (sender, clocks[sender][stamp], lane) not in taken
    ]
    columns["w_send"] = np.array([pair[0] for pair in waiting], np.int32)
    columns["w_found"] = np.array([pair[1] for pair in waiting], np.int32)
    lanes = [{"name": f"P{lane}", "colour": "#0072B2", "dash": [1, 0], "rate": None, "offset": None,
              "start": int(starts[lane]), "end": int(starts[lane + 1])}
             for lane in range(len(events))]  # fmt: skip
    header = {"title": "", "events": len(rows), "messages": len(pairs), "lanes": lanes}
    return container(header, columns)


def run(
    draw: random.Random, lanes: int, count: int
) -> tuple[list[list[LiveEvent]], list[tuple[int, ...]]]:
    """Return the events of a run by lane, and its messages as lanes and indices."""
    events: list[list[LiveEvent]] = [[] for _ in range(lanes)]
    inboxes: list[list[tuple[int, int]]] = [[] for _ in range(lanes)]
    messages: list[tuple[int, ...]] = []
    arrivals: dict[tuple[int, int, int], int] = {}
    for at in range(count):
        lane = draw.randrange(lanes)
        own = events[lane]
        clock = int(own[-1]["clock"]) if own else 0
        event: LiveEvent = {"kind": 0, "time": at * 1000, "queue": 0, "target": -2,
                            "sender": -1, "stamp": np.nan, "arrived": []}  # fmt: skip
        for sender, index in inboxes[lane]:
            key = (sender, index, lane)
            if key not in arrivals and draw.random() < 0.8:
                arrivals[key] = len(own)
                event["arrived"].append((sender, events[sender][index]["clock"]))
        if inboxes[lane] and (inboxes[lane][0][0], inboxes[lane][0][1], lane) in arrivals:
            sender, index = inboxes[lane].pop(0)
            stamp = int(events[sender][index]["clock"])
            event |= {"kind": RECEIVE, "sender": sender, "stamp": stamp}
            messages.append((sender, index, lane, len(own), arrivals[sender, index, lane]))
            clock = max(clock, stamp)
        elif draw.random() < 0.5:
            others = [other for other in range(lanes) if other != lane]
            target = draw.choice([*others, *others, *others, EVERY_PEER])
            event |= {"kind": SEND, "target": target}
            for other in others if target == EVERY_PEER else [target]:
                inboxes[other].append((lane, len(own)))
        event["clock"] = clock + 1
        own.append(event)
    return events, messages


def frame_of(events: list[list[LiveEvent]], frame: list[tuple[int, int, int]]) -> bytes:
    """Return the frame with events `first` to `last` of some lanes."""
    rows = [event for lane, first, last in frame for event in events[lane][first:last]]
    columns: dict[str, AnyArray] = {
        name: np.array([row[name] for row in rows], kind) for name, kind in LIVE_TYPES.items()
    }
    arrived = [
        (lane, index, *name)
        for lane, first, last in frame
        for index in range(first, last)
        for name in events[lane][index]["arrived"]
    ]
    for place, name in enumerate(("a_lane", "a_index", "a_sender", "a_stamp")):
        kind = np.float64 if name == "a_stamp" else np.int32
        columns[name] = np.array([each[place] for each in arrived], kind)
    lane_rows = [[lane, first, last - first] for lane, first, last in frame]
    return container({"live": True, "lane_rows": lane_rows}, columns)


def test_a_frame_that_leaves_events_out_is_refused(engine: Engine) -> None:
    events, _ = run(random.Random(1), 2, 50)
    engine.open(container({**header_of_run(2), "events": 0}, nothing()))
    with pytest.raises(Exception, match="events 0 to 5 of lane 0 are missing"):
        engine.ask("append", as_bytes(frame_of(events, [(0, 5, 9)])))
