"""The general engine: the rules, determinism, and the values that theory predicts."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.analysis.real_vs_simulated import compare_with_simulation, first_divergence
from driftlab.api.replay_and_twin import inputs_of, twin_runs
from driftlab.api.simulate import simulate_each
from driftlab.api.simulate_one import simulate_into, simulated_trace
from driftlab.history import simulated as event_columns
from driftlab.history.run_reader import run_journals
from driftlab.journal.journal_columns import arrivals_of
from driftlab.journal.parser import Entry
from driftlab.machine.replay import replay
from driftlab.model.columns import KINDS, MISSING, NOBODY
from driftlab.model.event import Event, Message, payload_text
from driftlab.scenario.plan import plan_run
from driftlab.simulator import engine
from driftlab.simulator.engine import Mailbox, each_event
from tests.journals import entries_of, read_journals
from tests.started import driftlab as command
from tests.started import is_part
from tests.test_cli import document
from tests.test_run import judged


def simulated(scenario: driftlab.Scenario, run: int = 1) -> list[list[Entry]]:
    return entries_of(scenario, run)


def one(scenario: driftlab.Scenario, **keys: Any) -> driftlab.Run:
    run = driftlab.simulate(scenario, **keys)
    assert isinstance(run, driftlab.Run)
    return run


@given(
    st.lists(st.floats(0.2, 30), min_size=2, max_size=5), st.integers(3, 12), st.integers(0, 999),
    st.sampled_from(["peers", "arrival"]), st.sampled_from(["random", "aligned"]),
    st.sampled_from(["none", "fixed:0.3", "uniform:0..0.9", "exponential:0.2", "lognormal:0.1,1"]),
)  # fmt: skip
@settings(max_examples=40)
def test_a_simulated_run_keeps_every_rule_and_its_replay_gives_the_same_events(
    tmp_path_factory: pytest.TempPathFactory,
    rates: list[float], faces: int, seed: int, order: str, phase: str,
    latency: str,
) -> None:  # fmt: skip
    keys = {"rates": rates, "faces": faces, "seed": seed, "order": order, "phase": phase}
    scenario = driftlab.Scenario.from_dict({**keys, "seconds": 5, "latency": latency})
    folder = tmp_path_factory.mktemp("run") / "run"
    run = one(scenario, record="all", out=folder)
    judged(read_journals(folder))
    record = run_journals(folder, scenario).read(keep_entries=True)
    for plan in plan_run(scenario, 1):
        inputs = inputs_of(record, plan.position)
        assert len(inputs) == plan.ticks
        assert replay(plan, inputs) is None
    assert driftlab.read_runs(folder)[1][0].machines == run.machines


RUNS = [(seed, run) for seed in (0, 1, 2**63 + 5, 2**64 - 1) for run in (1, 2, 1000)]
PRINTED = """
import sys
from driftlab import Scenario
from tests.journals import entries_of
for words in sys.argv[1:]:
    seed, run = map(int, words.split(":"))
    scenario = Scenario(rates=[6, 5, 4, 3], seconds=5, seed=seed)
    lines = [line for machine in entries_of(scenario, run) for line in machine]
    print([(line.event, line.instant.due_ns) for line in lines])
"""


def test_seed_and_run_alone_decide_the_history() -> None:
    """Not the process, the hash seed, or the runs before: another process has other ones."""
    here = []
    for seed, run in RUNS:
        scenario = driftlab.Scenario(rates=[6, 5, 4, 3], seconds=5, seed=seed)
        lines = [line for machine in simulated(scenario, run) for line in machine]
        here.append(str([(line.event, line.instant.due_ns) for line in lines]))
    assert len(set(here)) == len(RUNS)
    words = [f"{seed}:{run}" for seed, run in reversed(RUNS)]
    done = subprocess.run(
        [sys.executable, "-c", PRINTED, *words], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "77"}, timeout=60, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.stdout.splitlines() == list(reversed(here))


def test_runs_are_the_same_however_many_workers_share_them() -> None:
    scenario = driftlab.Scenario(rates="1..9", seconds=400, runs=60, seed=4)
    alone = list(simulate_each(scenario, None, workers=1))
    shared = list(simulate_each(scenario, None, workers=3))
    assert shared == alone
    assert [run.scenario.first_run for run in shared] == list(range(1, 61))


def test_speed_changes_nothing_in_simulated_time() -> None:
    slow, fast = driftlab.Scenario(seconds=20), driftlab.Scenario(seconds=20, speed=50)
    assert simulated(slow) == simulated(fast)


def test_each_channel_delivers_every_message_in_the_order_sent() -> None:
    entries = simulated(driftlab.Scenario(rates=[9, 5, 5, 2], seconds=60))
    names = "ABCD"
    for receiver, lines in zip(names, entries, strict=True):
        last_due = lines[-1].instant.due_ns
        for sender, sent in zip(names, entries, strict=True):
            found = [m.stamp for line in lines for m in line.found if m.sender == sender]
            assert found == [
                line.event.clock
                for line in sent
                if receiver in line.event.targets and line.instant.due_ns < last_due
            ]


def test_a_message_is_there_for_ticks_strictly_later() -> None:
    box = Mailbox(by_arrival=False)
    box.post(10, 1, Message("B", 5))
    assert box.collect(10) == []
    assert box.collect(11) == [Message("B", 5)]
    assert box.collect(12) == []


@pytest.mark.parametrize(("order", "found"), [("peers", "AAB"), ("arrival", "ABA")])
def test_a_mailbox_delivers_in_the_order_of_the_scenario(order: str, found: str) -> None:
    box = Mailbox(by_arrival=order == "arrival")
    for arrival, sender, stamp in ((1, 0, 7), (2, 1, 3), (3, 0, 8)):
        box.post(arrival, sender, Message("AB"[sender], stamp))
    assert "".join(message.sender for message in box.collect(9)) == found


def test_a_message_is_on_its_way_as_long_as_the_latency_says() -> None:
    """Every find is due later than its send by the latency, and by less than a tick more."""
    scenario = driftlab.Scenario(rates=[50, 40], seconds=20, latency="fixed:0.5", send_one=0.3)
    a, b = simulated(scenario)
    sent = {line.event.clock: line.instant.due_ns for line in a if line.event.targets}
    waits = [line.instant.due_ns - sent[m.stamp] for line in b for m in line.found]
    assert len(waits) > 100
    assert 500_000_000 < min(waits) <= max(waits) <= 525_000_000


def test_a_channel_may_have_a_latency_of_its_own() -> None:
    """B hears from A at once, C from A much later, and all the others as the scenario says."""
    keys = {"latency": "fixed:0.5", "latencies": {"A>B": "none", "A>C": "uniform:2..3"}}
    scenario = driftlab.Scenario(rates=[50, 40, 60], seconds=20, send_all=0.2, **keys)  # type: ignore[arg-type]
    runs = simulated(scenario)
    names = "ABC"
    sent = {
        (name, line.event.clock): line.instant.due_ns
        for name, lines in zip(names, runs, strict=True)
        for line in lines
    }
    for receiver, lines in zip(names, runs, strict=True):
        for sender in names:
            found = [(line, m) for line in lines for m in line.found if m.sender == sender]
            waits = [line.instant.due_ns - sent[sender, m.stamp] for line, m in found]
            low, high = {"AB": (0, 0), "AC": (2, 3)}.get(sender + receiver, (0.5, 0.5))
            assert receiver == sender or len(waits) > 20
            assert all(low * 1e9 < wait <= high * 1e9 + 25e6 for wait in waits)


@pytest.mark.parametrize("text", ["uniform:0..1", "exponential:0.5", "lognormal:0.4,0.9"])
def test_no_message_overtakes_another_of_its_channel(text: str) -> None:
    for lines in simulated(driftlab.Scenario(rates=[20, 15, 10], seconds=30, latency=text)):
        for sender in "ABC":
            found = [m.stamp for line in lines for m in line.found if m.sender == sender]
            assert found == sorted(found)
            assert len(set(found)) == len(found)


def test_with_aligned_phases_the_order_of_visits_does_not_show() -> None:
    """All tick at the same instants, so at tick k each finds just what was sent before it."""
    for lines in simulated(driftlab.Scenario(rates=[4, 4, 4], seconds=30, phase="aligned")):
        for line in lines:
            assert all(message.stamp <= line.event.clock - 1 for message in line.found)


# 60 s, a die of 10: mean final clocks and the last queue of the slowest, from the theory.
REFERENCE = {
    (6, 6, 6): ((405, 405, 405), 4, 0.1),
    (6, 5, 4): ((371, 371, 370), 3, 0.3),
    (6, 5, 2): ((371, 370, 359), 11, 3.7),
    (6, 3, 2): ((360, 357, 355), 4, 1.1),
    (6, 3, 1): ((360, 357, 237), 24, 31),
    (5, 5, 1): ((322, 322, 192), 21, 41),
}


@pytest.mark.parametrize("rates", REFERENCE)
def test_four_hundred_runs_agree_with_theory(rates: tuple[int, int, int]) -> None:
    """Within four standard errors, those of the table counted too, and its rounding."""
    runs = driftlab.simulate(driftlab.Scenario(rates=rates, seconds=60, runs=400, seed=5))
    assert isinstance(runs, driftlab.Runs)
    clocks, deviation, queue = REFERENCE[rates]
    error = 4 * deviation * (2 / 400) ** 0.5 + 0.5
    for position, mean in enumerate(clocks):
        found = [run.machines[position].clock for run in runs]
        assert abs(sum(found) / 400 - mean) < error
    last = sum(run.machines[2].queue.last for run in runs) / 400
    assert abs(last - queue) < 0.05 * queue + 1


def test_a_simulated_folder_is_like_a_real_one_but_nothing_was_late(tmp_path: Path) -> None:
    flags = ("--rates", "6,3,1", "--seed", "7", "--speed", "60")
    done = command("simulate", *flags, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0
    (run,) = document(done.stdout)["runs"]
    assert run["folder"] == str(tmp_path / "run")
    for machine, rate in zip(run["machines"], (6, 3, 1), strict=True):
        assert "lateness_us" not in machine
        assert abs(machine["achieved_rate"] - rate) < 1e-6
        assert sum(machine["events"].values()) == 60 * rate
    assert len(run.pop("digest")) == 16  # which no journal tells
    assert is_part([run], document(command("stats", tmp_path / "run", "--json").stdout)["runs"])
    assert command("replay", tmp_path / "run").returncode == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "A.log", "B.log", "C.log", "scenario.toml",
    }  # fmt: skip


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    for folder in "ab":
        command("simulate", "--seed", "7", "--runs", "2", "--out", tmp_path / folder, "--quiet")
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 9
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_real_run_diverges_from_its_twin_only_where_a_message_fell_otherwise(
    tmp_path: Path,
) -> None:
    driftlab.run(driftlab.Scenario(rates=[60, 30, 10], seconds=2, seed=3), tmp_path / "run")
    ((folder, twins),) = twin_runs(tmp_path / "run")
    assert folder == tmp_path / "run"
    assert [each.machine for each in twins] == ["A", "B", "C"]
    assert [each.events for each in twins] == [120, 60, 20]
    cause = first_divergence(twins)
    for each in twins:
        assert (each.divergence is None) == (each.same == each.events)
    if cause is not None:  # the world decides whether there is one
        assert cause.message is not None
        assert cause.real_tick != cause.simulated_tick


def test_a_message_moved_to_the_other_side_of_a_tick_is_named(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(rates=[4, 3, 2], seconds=30, seed=3)
    trace, found = simulated_trace(scenario, 1)
    rows = trace.rows_of(2)
    lines = found[rows]
    tick = next(k for k, there in enumerate(lines) if len(there) == 1 and k > 5)
    (late,) = lines[tick]
    moved = [*lines[:tick], (), (late, *lines[tick + 1]), *lines[tick + 2 :]]
    places = {name: place for place, name in enumerate(trace.names)}
    real = trace.replace(arrivals=arrivals_of([*found[: rows.start], *moved], places))
    *others, parted = compare_with_simulation(real, trace, [0, 1, 2])
    assert [each.divergence for each in others] == [None, None]
    assert (parted.machine, parted.same, parted.events) == ("C", tick, len(lines))
    assert parted.divergence is not None
    assert parted.divergence.message == (late.sender, late.stamp)
    assert (parted.divergence.real_tick, parted.divergence.simulated_tick) == (tick + 1, tick)
    assert not parted.divergence.found_alike
    assert parted.divergence.real == parted.divergence.simulated
    assert [each.divergence for each in compare_with_simulation(trace, trace, [2])] == [None]


@pytest.mark.parametrize("line", [8, 50, 180])
def test_a_line_that_cannot_be_read_ends_the_comparison_and_is_no_divergence(
    tmp_path: Path, line: int
) -> None:
    scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=60, seed=1)
    driftlab.simulate(scenario, record="all", out=tmp_path / "run")
    path = tmp_path / "run" / "B.log"
    lines = path.read_text().splitlines(keepends=True)
    missing = int(lines[line - 1].split("\t")[3])
    path.write_text("".join([*lines[: line - 1], "xx\n", *lines[line:]]))
    done = command("twin", tmp_path / "run")
    assert done.stdout.splitlines()[1:] == [
        "  A  all 360 events the same",
        f"  B  the first {missing} of 179 events the same; tick {missing} is missing in its "
        "journal, so no later one is compared",
        "  C  all 60 events the same",
    ]
    assert done.returncode == 0
    said = document(command("twin", tmp_path / "run", "--json").stdout)
    assert [each["compared"] for each in said["runs"][0]["machines"]] == [360, missing, 60]


def test_twin_prints_for_people_and_scripts(tmp_path: Path) -> None:
    command("simulate", "--seed", "7", "--runs", "2", "--out", tmp_path / "run", "--quiet")
    done = command("twin", tmp_path / "run")
    assert done.returncode == 0
    assert done.stdout.count("events the same") == 6
    said = document(command("twin", tmp_path / "run", "--json").stdout)
    assert [run["parting"] for run in said["runs"]] == [None, None]
    assert command("twin", tmp_path / "nothing").returncode == 2


def test_of_many_runs_the_table_shows_means(tmp_path: Path) -> None:
    flags = ("--rates", "6,3,1", "--runs", "50", "--seed", "1")
    done = command("simulate", *flags, cwd=tmp_path)
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("last clock")]
    runs = driftlab.simulate_runs(driftlab.Scenario(rates=[6, 3, 1], runs=50, seed=1))
    clocks = [run.machines[2].clock for run in runs]
    half = 2.0096 * stdev(clocks) / 50**0.5
    assert rows[2] == [
        "last", "clock", "C", f"{fmean(clocks):.2f}", f"{half:.2f}", f"{stdev(clocks):.1f}",
        str(min(clocks)), str(max(clocks)),
    ]  # fmt: skip
    assert done.stdout.splitlines()[-2] == "seed       1"


def test_a_summary_writes_nothing(tmp_path: Path) -> None:
    done = command("simulate", "--runs", "3", "--record", "summary", "--json", cwd=tmp_path)
    assert [run["folder"] for run in document(done.stdout)["runs"]] == [None] * 3
    assert list(tmp_path.iterdir()) == []
    refused = command("simulate", "--record", "summary", "--out", "x", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1


def test_a_replay_reports_gaps_in_a_journal(tmp_path: Path) -> None:
    command("simulate", "--rates", "6,3,1", "--seed", "1", "--out", tmp_path / "run", "--quiet")
    path = tmp_path / "run" / "A.log"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:100], "nonsense\n", *lines[101:]]))
    done = command("replay", tmp_path / "run")
    assert done.returncode == 1
    assert "1 line could not be read, the first is line 101: not an event" in done.stdout
    assert "after the first missing tick 262 events could not be replayed" in done.stdout
    assert "0 differ" in done.stdout
    (first, *_) = document(command("replay", tmp_path / "run", "--json").stdout)["replays"]
    assert (first["events"], first["unread"], first["left_out"]) == (97, 1, 262)


@pytest.mark.parametrize("count", ["undelivered=x", "undelivered=", "incidents=-", "incidents=1e9"])
def test_a_changed_last_line_does_not_keep_a_run_from_being_read(
    tmp_path: Path, count: str
) -> None:
    command("simulate", "--rates", "6,3,1", "--seed", "1", "--out", tmp_path / "run", "--quiet")
    path = tmp_path / "run" / "A.log"
    key = count.partition("=")[0]
    path.write_text(path.read_text().replace(f"{key}=0", count))
    _, (run,) = driftlab.read_runs(tmp_path / "run")
    assert run.machines[0].ticks == 360


class Talker(driftlab.Process):
    """Sends to one, to some and to all peers, records, and answers what it receives."""

    def idle(self) -> list[driftlab.Send | driftlab.Record] | None:
        peers, tick = self.machine.peers, self.machine.tick
        to = [(), peers[:1], peers[:2], peers][tick % 4]
        return [driftlab.Send(to, {"tick": tick}), driftlab.Record(tick)] if tick % 5 else None

    def receive(self, message: driftlab.Message) -> driftlab.Send | None:
        return driftlab.Send(message.sender) if self.machine.tick % 3 == 0 else None


@pytest.mark.parametrize("clock", ["lamport", "vector", "hybrid"])
@pytest.mark.parametrize("held", [1, 7, 10_000])
@pytest.mark.parametrize("by_row", [False, True])
def test_columns_hold_every_event_however_many_come_together(
    clock: str, held: int, by_row: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BATCH_TICKS", held)
    monkeypatch.setattr(engine, "BATCH_TICKS_EACH", 1)
    monkeypatch.setattr(event_columns, "IS_ACCELERATED", by_row)
    process = f"{__file__}:Talker"
    scenario = driftlab.Scenario(rates=[6, 5, 3, 1], seconds=20, clock=clock, process=process)
    rows: list[tuple[int, int, Event]] = []
    note = each_event(lambda place, event, due, _: rows.append((place, due, event)))
    simulate_into(scenario, 1, note)
    rows.sort(key=lambda row: row[0])
    run = driftlab.simulate_run(scenario, record="all")
    trace = run.history.trace
    names, columns = trace.names, trace.columns
    recorded = trace.texts["recorded"]
    stamps = trace.timestamp_texts()
    assert columns.due_ns is not None
    assert columns.sender is not None
    assert len(rows) == len(trace) > 200
    for row, (place, due_ns, event) in enumerate(rows):
        assert trace.process_of(row) == place
        assert int(columns.due_ns[row]) == due_ns
        assert KINDS[int(columns.kind[row])] == event.kind
        for name in ("tick", "clock", "queue"):
            assert int(getattr(columns, name)[row]) == getattr(event, name)
        sender = int(columns.sender[row])
        assert (None if sender == NOBODY else names[sender]) == event.sender
        assert columns.stamp is not None
        assert int(columns.stamp[row]) == (MISSING if event.stamp is None else event.stamp)
        assert tuple(names[to] for to in trace.targets_of(row)) == event.targets
        assert recorded[row] == (payload_text(list(event.recorded)) if event.recorded else None)
        encoded = None if event.timestamp is None else event.timestamp.encode()
        assert stamps[row] == encoded
    assert run.machines == driftlab.simulate_run(scenario).machines
