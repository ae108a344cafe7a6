"""A run read back: `stats`, `replay` and `check` see the same lines, however damaged."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import driftlab
from driftlab.api.replay_and_twin import replay_runs, twin_runs
from driftlab.journal.files import UnreadableError
from tests.traces import simulated


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("original") / "run")


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "run")
    return tmp_path / "run"


def stats(run: Path) -> driftlab.Run:
    _, (one,) = driftlab.read_runs(run)
    return one


def lines_of(run: Path) -> list[str]:
    return (run / "A.log").read_text().splitlines(keepends=True)


def edit(run: Path, change: Callable[[list[str]], object]) -> None:
    lines = lines_of(run)
    change(lines)
    (run / "A.log").write_text("".join(lines))


def replayed(run: Path) -> list[tuple[int, int, int, bool]]:
    """Return how many events were replayed, unread and left out, and whether all came again."""
    return [
        (one.events, len(one.unread), one.left_out, one.difference is None)
        for one in replay_runs(run)
    ]


WHOLE = [(60, 0, 0, True), (30, 0, 0, True), (10, 0, 0, True), (20, 0, 0, True)]


def test_a_whole_run_has_the_metrics_of_its_simulation_and_replays(run: Path) -> None:
    keys = {"rates": [6, 3, 1, 2], "seconds": 10, "seed": 3, "faces": 4}
    again = driftlab.simulate(driftlab.Scenario.from_dict(keys))
    assert isinstance(again, driftlab.Run)
    assert list(stats(run).machines) == list(again.machines)
    assert stats(run).is_whole
    assert replayed(run) == WHOLE
    ((folder, twins),) = twin_runs(run)
    assert folder == run
    assert [(each.machine, each.events, each.same) for each in twins] == [
        ("A", 60, 60), ("B", 30, 30), ("C", 10, 10), ("D", 20, 20)
    ]  # fmt: skip


def test_a_line_that_stands_twice_is_one_event_and_one_unread_line(run: Path) -> None:
    before = stats(run)
    edit(run, lambda lines: lines.insert(10, lines[9]))
    after = stats(run)
    assert after.machines == before.machines
    assert after.unread == {"A": 1, "B": 0, "C": 0, "D": 0}
    assert len(driftlab.read(run).trace.unread) == 1
    assert replayed(run) == [(60, 1, 0, True), *WHOLE[1:]]
    (copy,) = replay_runs(run)[0].unread
    assert (copy.line, copy.reason) == (11, "the same event as in line 10")


def test_lines_that_changed_places_are_put_in_the_order_of_their_ticks(run: Path) -> None:
    before = stats(run)

    def swap(lines: list[str]) -> None:
        lines[9], lines[30] = lines[30], lines[9]

    edit(run, swap)
    assert stats(run).machines == before.machines
    assert stats(run).unread["A"] == 0
    assert replayed(run) == WHOLE


def test_after_a_missing_tick_nothing_is_replayed(run: Path) -> None:
    edit(run, lambda lines: lines.pop(13))  # three lines about the machine, then tick 0
    assert stats(run).machines[0].ticks == 59
    assert replayed(run) == [(10, 0, 49, True), *WHOLE[1:]]


def test_a_journal_that_lost_its_first_tick_is_not_replayed_at_all(run: Path) -> None:
    edit(run, lambda lines: lines.pop(3))
    assert replayed(run) == [(0, 0, 59, True), *WHOLE[1:]]


def test_a_last_line_that_breaks_off_counts_as_unread_and_hides_nothing_from_a_replay(
    run: Path,
) -> None:
    edit(run, lambda lines: lines.append(lines.pop()[:-9]))
    assert stats(run).ends == {
        "A": "cut off", "B": "complete", "C": "complete", "D": "complete"
    }  # fmt: skip
    assert stats(run).unread["A"] == 1
    assert replayed(run) == WHOLE


def test_an_event_that_was_changed_is_where_replay_and_twin_differ(run: Path) -> None:
    def change(lines: list[str]) -> None:
        cells = lines[23].split("\t")
        cells[8] = str(int(cells[8]) + 1)
        lines[23] = "\t".join(cells)

    edit(run, change)
    first, *others = replay_runs(run)
    assert first.difference is not None
    recorded, again = first.difference
    assert not isinstance(again, str)
    assert (recorded.tick, recorded.clock) == (20, again.clock + 1)
    assert [other.difference for other in others] == [None] * 3
    ((_, (twin, *_)),) = twin_runs(run)
    assert (twin.same, twin.events) == (20, 60)
    assert twin.divergence is not None
    assert (twin.divergence.real, twin.divergence.simulated) == (recorded, again)
    assert (twin.divergence.message, twin.divergence.found_alike) == (None, True)
    assert twin.divergence.due_ns == int(lines_of(run)[23].split("\t")[1])


@pytest.mark.parametrize("clock", ["vector", "matrix", "hybrid"])
def test_a_divergence_has_the_timestamps_of_both_events(tmp_path: Path, clock: str) -> None:
    run = simulated(tmp_path / "run", clock=clock)

    def change(lines: list[str]) -> None:
        cells = lines[23].split("\t")
        cells[9] = str(int(cells[9]) + 1)
        lines[23] = "\t".join(cells)

    edit(run, change)
    ((_, (twin, *_)),) = twin_runs(run)
    assert twin.divergence is not None
    real, simulation = twin.divergence.real, twin.divergence.simulated
    assert real.to_dict()["timestamp"] == lines_of(run)[23].split("\t")[11]
    assert real == simulation._replace(queue=simulation.queue + 1)


def test_a_machine_without_a_journal_is_named_and_has_no_metrics(run: Path) -> None:
    (run / "B.log").unlink()
    (run / "C.log").write_bytes(b"")
    one = stats(run)
    assert [machine.name for machine in one.machines] == ["A", "D"]
    assert one.ends == {
        "A": "complete", "D": "complete", "B": "no journal", "C": "no journal"
    }  # fmt: skip
    assert one.unread == {"A": 0, "D": 0, "C": 1}
    assert [one.machine for one in replay_runs(run)] == ["A", "D"]


def test_a_gzipped_journal_counts_like_any_other(run: Path) -> None:
    before = stats(run)
    (run / "A.log.gz").write_bytes(gzip.compress((run / "A.log").read_bytes()))
    (run / "A.log").unlink()
    assert stats(run) == before
    assert replayed(run) == WHOLE


@pytest.mark.parametrize("command", [driftlab.read_runs, replay_runs, twin_runs])
def test_journals_of_another_run_are_refused_by_every_command(
    run: Path, tmp_path: Path, command: Callable[[Path], object]
) -> None:
    other = simulated(tmp_path / "other", seed=4)
    shutil.copy(other / "B.log", run / "B.log")
    with pytest.raises(UnreadableError, match="journals of different runs"):
        command(run)
    with pytest.raises(UnreadableError, match="a run's folder is needed here"):
        command(run / "A.log")


def test_incidents_and_messages_not_delivered_are_those_of_the_last_line(run: Path) -> None:
    path = run / "A.log"
    text = path.read_text()
    incident = "# incident what=x peer=B reason=y\n"
    path.write_text(text.replace("# end", 2 * incident + "# end").replace(
        "undelivered=0 incidents=0", "undelivered=3 incidents=9"))  # fmt: skip
    assert (stats(run).incidents["A"], stats(run).undelivered["A"]) == (9, 3)
    path.write_text(text.replace("# end", 2 * incident + "# end").replace(
        "undelivered=0 incidents=0", "undelivered= incidents=x"))  # fmt: skip
    assert (stats(run).incidents["A"], stats(run).undelivered["A"]) == (2, 0)


def test_messages_that_a_peer_refused_are_undelivered(run: Path) -> None:
    """Those that A sent to B and to C, which refused A's connections and found only some."""
    cells = [line.rstrip("\n").split("\t") for line in lines_of(run)]
    missing = 0
    for receiver, refused in (("B", "A:2,D:1"), ("C", "A:1")):
        sent = sum(receiver in row[7].split(",") for row in cells if len(row) > 1)
        path = run / f"{receiver}.log"
        *lines, last = path.read_text().splitlines(keepends=True)
        rows = [line.rstrip("\n").split("\t") for line in lines]
        found = [row for row in rows if len(row) > 1 and "A:" in row[10]]
        found[-1][10] = "-"
        stamps = sum(part.startswith("A:") for row in found for part in row[10].split(","))
        assert 0 < stamps < sent
        missing += sent - stamps
        end = last.replace(" reason=", f" refused={refused} reason=")
        path.write_text("".join("\t".join(row) + "\n" for row in rows) + end)
    one = stats(run)
    assert one.refused == {"A": 0, "B": 3, "C": 1, "D": 0}
    assert one.has_refusals
    assert one.undelivered["A"] == missing
