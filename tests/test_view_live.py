"""Runs that go on: followed event by event, from their first one, whatever happens to them."""

import asyncio
import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from time import sleep

import numpy as np
import pytest

import driftlab
from driftlab.api.read import read
from driftlab.arrays import AnyArray
from driftlab.diagram.columns import diagram_of
from driftlab.history.trace import Trace
from driftlab.scenario.scenario import Scenario
from driftlab.view import journal_tail, priority
from driftlab.view.frame_reader import FrameReader
from driftlab.view.journal_tail import Follower, is_running
from driftlab.view.served_history import ServedHistory
from tests.containers import Container, decoded
from tests.served import frames, served
from tests.started import linux_only, started
from tests.traces import simulated


class Collected:
    """What a page has of a run from the frames that it was sent."""

    def __init__(self, lanes: int) -> None:
        self.counts = [0] * lanes
        self.parts: list[list[dict[str, AnyArray]]] = [[] for _ in range(lanes)]
        self.arrivals: list[tuple[int, int, int, int]] = []
        self.ended: dict[str, str] | None = None
        self.sets: list[list[int]] = []

    def add(self, frame: Container) -> None:
        at = 0
        for lane, first, count in frame.header["lane_rows"]:
            assert first == self.counts[lane], "no event twice, none left out"
            self.counts[lane] += count
            self.parts[lane].append(
                {
                    name: column[at : at + count]
                    for name, column in frame.columns.items()
                    if not name.startswith("a_")
                }
            )
            at += count
        names = ("a_lane", "a_index", "a_sender", "a_stamp")
        if frame.columns:
            columns = (frame.columns[name].tolist() for name in names)
            self.arrivals += zip(*columns, strict=True)
        self.ended = frame.header.get("ended", self.ended)
        self.sets = frame.header.get("sets", self.sets)

    def column(self, name: str) -> AnyArray:
        return np.concatenate([part[name] for lane in self.parts for part in lane])


def members(target: AnyArray | None, sets: Sequence[Sequence[int]]) -> list[object]:
    """Return the targets of events, those of sets as their members: frames number sets anew."""
    assert target is not None
    return [each if each >= -2 else list(sets[-3 - each]) for each in target.tolist()]


def is_all_of(collected: Collected, trace: Trace) -> None:
    of, diagram = trace.columns, diagram_of(trace, driftlab.History(trace).messages)
    assert collected.counts == np.diff(trace.starts).tolist()
    assert members(collected.column("target"), collected.sets) == members(of.target, trace.sets)
    for name in ("kind", "clock", "queue", "tick", "sender"):
        assert collected.column(name).tolist() == getattr(of, name).tolist(), name
    for name in ("time", "own"):
        shown = diagram.columns.get(name, diagram.columns["time"])
        np.testing.assert_allclose(collected.column(name), shown, atol=1e-6)
    is_receive = of.sender >= 0  # type: ignore[operator]
    assert of.stamp is not None
    assert collected.column("stamp")[is_receive].tolist() == of.stamp[is_receive].tolist()
    arrivals = trace.arrivals
    assert arrivals is not None
    expected = [
        (trace.process_of(row), row - int(trace.starts[trace.process_of(row)]),
         int(arrivals.sender[at]), float(arrivals.stamp[at]))
        for row in range(len(trace))
        for at in range(int(arrivals.starts[row]), int(arrivals.starts[row + 1]))
    ]  # fmt: skip
    assert sorted(collected.arrivals) == sorted(expected)


def followed(follower: Follower, lanes: int, had: list[int] | None = None) -> Collected:
    collected = Collected(lanes)
    collected.counts = list(had or collected.counts)
    for _ in range(1000):
        frame, is_last = follower.next_frame()
        if frame:
            collected.add(decoded(frame))
        if is_last:
            return collected
    raise AssertionError("no last frame")


def test_a_run_that_is_over_is_followed_whole(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run", topology="A-B,B-C,C-D")
    collected = followed(Follower(folder), 4)
    is_all_of(collected, read(folder).trace)
    assert collected.ended == dict.fromkeys("ABCD", "complete")


@linux_only
def test_journals_are_read_when_no_machine_wants_the_processor(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    shown = ServedHistory("run", lambda: read(folder), folder)
    shown.is_expected = True
    with served({"0": shown}) as client:
        with client.open("diagram/0/live") as answer:
            assert decoded(next(frames(answer))).header["lane_rows"]
            policies = policies_of_threads()
        assert os.SCHED_IDLE in policies.pop("reader of journals_0")
        # Of the other threads, which do other work too, none has lost anything.
        assert set().union(*policies.values()) == {os.sched_getscheduler(0)}
        assert client.ask("diagram/0/info").json["live"] is True
        shown.is_expected = False


def policies_of_threads() -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for thread in threading.enumerate():
        if thread.native_id:
            with suppress(ProcessLookupError):  # it has ended since
                policy = os.sched_getscheduler(thread.native_id)
                found.setdefault(thread.name, set()).add(policy)
    return found


@linux_only
def test_journals_are_read_at_a_low_priority_while_no_processor_is_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, read_by = simulated(tmp_path / "run"), list[tuple[int, int]]()
    collected, follower = Collected(4), Follower(folder)
    more, shares = journal_tail._Tail.more, [0.5, 0.0, 0.3]

    def noted(tail: journal_tail._Tail) -> bytes:
        thread = threading.get_native_id()
        read_by.append((os.sched_getscheduler(thread), os.getpriority(os.PRIO_PROCESS, thread)))
        return more(tail)

    async def read_frames() -> None:
        with FrameReader(follower) as reader:
            for _ in range(3):
                frame, _ = await reader.next_frame()
                collected.add(decoded(frame))

    monkeypatch.setattr(journal_tail._Tail, "more", noted)
    monkeypatch.setattr(priority.IdleTime, "share", lambda _: shares.pop(0))
    asyncio.run(read_frames())
    idle = (os.SCHED_IDLE, os.getpriority(os.PRIO_PROCESS, 0))
    low = (os.SCHED_OTHER, priority.LOW_NICE)
    assert read_by == [idle] * 4 + [low] * 4 + [idle] * 4
    is_all_of(collected, read(folder).trace)


@linux_only
def test_idle_time_is_a_share_of_the_time_since_the_last_look() -> None:
    idle_time = priority.IdleTime()
    for _ in range(3):
        sleep(0.05)
        assert 0 <= idle_time.share() <= 1


def test_journals_that_grow_byte_by_byte_are_followed_whole(tmp_path: Path) -> None:
    whole = simulated(tmp_path / "whole", seconds=6)
    growing = tmp_path / "growing"
    growing.mkdir()
    shutil.copy(whole / "scenario.toml", growing)
    texts = {path.name: path.read_bytes() for path in whole.glob("*.log")}
    written = dict.fromkeys(texts, 0)
    dice, collected = Random(3), Collected(4)
    follower = Follower(growing, goes_on=lambda: written != {n: len(t) for n, t in texts.items()})
    is_last = False
    while not is_last:
        name = dice.choice(list(texts))
        begin = written[name]
        end = written[name] = min(len(texts[name]), begin + dice.randint(1, 90))
        with (growing / name).open("ab") as file:
            file.write(texts[name][begin:end])
        frame, is_last = follower.next_frame()
        if frame:
            collected.add(decoded(frame))
    is_all_of(collected, read(whole).trace)


def test_a_page_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    trace = read(folder).trace
    whole = np.diff(trace.starts).tolist()
    for had in ([3, 0, 1, 7], whole, [whole[0], 0, 0, 0]):
        rest = followed(Follower(folder, had), 4, had)
        assert rest.counts == whole
        if had == [3, 0, 1, 7]:
            clocks = [
                int(clock)
                for lane in range(4)
                for clock in trace.columns.clock[trace.rows_of(lane)][had[lane] :]  # type: ignore[index]
            ]
            assert rest.column("clock").tolist() == clocks


def test_much_that_was_written_before_comes_in_several_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_tail, "READ_BYTES_MAX", 2000)
    monkeypatch.setattr(journal_tail, "FRAME_BYTES_MAX", 3000)
    folder = simulated(tmp_path / "run", seconds=30)
    is_all_of(followed(Follower(folder), 4), read(folder).trace)


def test_a_line_longer_than_what_is_read_at_once_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_tail, "READ_BYTES_MAX", 2000)
    folder = simulated(tmp_path / "run")
    log = folder / "A.log"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([*lines[:20], f"# {'x' * 9000}\n", *lines[20:]]))
    collected = followed(Follower(folder), 4)
    assert collected.counts == np.diff(read(folder).trace.starts).tolist()


@pytest.mark.parametrize("damage", ["delete", "cut"])
def test_a_run_whose_journals_vanish_ends(tmp_path: Path, damage: str) -> None:
    folder = simulated(tmp_path / "run")
    follower = Follower(folder, goes_on=(folder / "A.log").exists)
    follower.next_frame()
    if damage == "delete":
        shutil.rmtree(folder)
    else:
        os.truncate(folder / "B.log", 200)
        (folder / "A.log").unlink()
    assert followed(follower, 4).ended is not None


def test_a_run_goes_on_while_its_machines_live_and_have_not_ended(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    assert not is_running(folder)
    log = folder / "A.log"
    text = log.read_text()
    cut = text[: text.rindex("# end")]
    real = cut.replace("world=simulated", f"pid={os.getpid()} world=real")
    log.write_text(real)
    assert is_running(folder)
    log.write_text(real.replace(f"pid={os.getpid()}", "pid=999999999"))
    assert not is_running(folder)
    log.write_text(cut)  # nobody knows who writes a simulated one: as long as it is fresh
    assert is_running(folder)
    os.utime(log, (1, 1))
    assert not is_running(folder)
    assert not is_running(tmp_path / "none")


def test_journals_without_a_scenario_are_shown_as_they_are(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    (folder / "scenario.toml").unlink()
    log = folder / "A.log"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))  # as if it went on
    with served({"0": ServedHistory("run", lambda: read(folder), folder)}) as client:
        assert client.ask("diagram/0/info").json["live"] is False
        assert decoded(client.ask("diagram/0/data").body).header["events"] == len(read(folder))


def test_real_machines_are_shown_while_they_run_and_judged_after(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    scenario = Scenario(rates=[30, 20, 10], seconds=12, speed=4, seed=2)
    runner = threading.Thread(target=lambda: driftlab.run(scenario, out=folder))
    shown = ServedHistory("run", lambda: read(folder), folder)
    shown.is_expected = True
    with served({"0": shown}) as client:
        runner.start()
        empty = decoded(client.ask("diagram/0/data").body)
        assert empty.header["live"] is True
        assert empty.header["events"] == 0
        assert [lane["name"] for lane in empty.header["lanes"]] == ["A", "B", "C"]
        assert client.ask("diagram/0/info").json["live"] is True
        assert client.ask("diagram/0/verdict").status == 202
        collected, ages = Collected(3), []
        with client.open("diagram/0/live") as answer:
            for frame in frames(answer):
                found = decoded(frame)
                collected.add(found)
                if found.header["lane_rows"]:
                    shown.is_expected = False  # its journals say themselves that it goes on
                ages.append(len(found.header["lane_rows"]))
        runner.join()
        assert len(ages) > 5  # and not all at once
        assert collected.ended == dict.fromkeys("ABC", "complete")
        is_all_of(collected, read(folder).trace)
        assert client.ask("diagram/0/info").json["live"] is False
        assert decoded(client.ask("diagram/0/data").body).header["events"] == 12 * 60


def test_a_server_that_stops_ends_what_it_sends(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    shown = ServedHistory("run", lambda: read(folder), folder)
    shown.is_expected = True
    with served({"0": shown}) as client, client.open("diagram/0/live") as answer:
        first = next(frames(answer))
        assert decoded(first).header["lane_rows"]
        stopper = threading.Timer(0.2, lambda: setattr(shown, "is_expected", False))
        stopper.start()
        assert decoded(list(frames(answer))[-1]).header["ended"]
        stopper.join()


@pytest.mark.parametrize("wanted", ["x", "1,2,y", "1;2"])
def test_a_wrong_place_to_go_on_from_is_told(tmp_path: Path, wanted: str) -> None:
    folder = simulated(tmp_path / "run")
    with served({"0": ServedHistory("run", lambda: read(folder), folder)}) as client:
        assert client.ask(f"diagram/0/live?from={wanted}").status == 400


def test_what_is_no_run_is_not_followed(tmp_path: Path) -> None:
    log = tmp_path / "a.csv"
    log.write_text("process,kind,lamport\na,internal,1\n")
    with served({"0": ServedHistory("log", lambda: read(log))}) as client:
        answer = client.ask("diagram/0/live")
        assert answer.status == 422
        assert "no run" in answer.json["error"]


def test_machines_are_shown_though_they_are_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with started("run", "--rates", "20,10", "--seconds", "60", "--out", folder, "--quiet") as run:
        shown = ServedHistory("run", lambda: read(folder), folder)
        shown.is_expected = True
        with served({"0": shown}) as client, client.open("diagram/0/live") as answer:
            frame = decoded(next(frames(answer)))
            shown.is_expected = False
            assert frame.header["lane_rows"]
            run.kill()  # the workers end when their pipe does
            *_, last = frames(answer)
            assert set(decoded(last).header["ended"]) == {"A", "B"}
            # What it wrote is shown whole after that.
            events = decoded(client.ask("diagram/0/data").body).header["events"]
            assert events == len(read(folder))
