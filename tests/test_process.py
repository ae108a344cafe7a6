"""The contract of processes and clocks, the same in real runs and simulations."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.analysis.real_vs_simulated import compare_with_simulation
from driftlab.api.replay_and_twin import replay_runs, twin_runs
from driftlab.clocks.catalogue import CLOCKS
from driftlab.history.run_reader import run_journals
from driftlab.machine.effects import InvalidEffectError, validate_effects
from driftlab.machine.process import ProcessContext
from driftlab.model.event import Kind
from driftlab.model.random_streams import draw
from driftlab.simulator.engine import Mailbox
from tests.journals import Journal, read_journals
from tests.processes import ODDITIES
from tests.started import driftlab as command
from tests.test_cli import document

PROCESSES = Path(__file__).parent / "processes.py"

World = Callable[..., dict[str, Journal]]


def keys_of(process: str, **more: Any) -> dict[str, Any]:
    keys = {"rates": [40, 30, 20], "seconds": 1, "seed": 5, "process": f"{PROCESSES}:{process}"}
    return keys | more


@pytest.fixture(params=["simulate", "run"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Return a function that runs a process, really or simulated, and returns its journals."""

    def act(process: str, **more: Any) -> dict[str, Journal]:
        scenario = driftlab.Scenario.from_dict(keys_of(process, **more))
        out = tmp_path / "run"
        try:
            if request.param == "run":
                driftlab.run(scenario, out)
            else:
                driftlab.simulate(scenario, record="all", out=out)
        finally:
            for replayed in replay_runs(out) if out.exists() else ():
                assert replayed.difference is None or process == "Cheats"
        return {journal.machine: journal for journal in read_journals(out)}

    return act


def recorded(journal: Journal) -> list[Any]:
    return [value for entry in journal.entries for value in entry.event.recorded]


def test_any_payload_arrives_as_it_was_sent(world: World) -> None:
    journals = world("Echo")
    for name in "BC":
        values = [value for _, _, value in recorded(journals[name])]
        assert values == [{"number": k, "value": value} for k, value in enumerate(ODDITIES)]
    sent = [e.event.clock for e in journals["A"].entries if e.event.kind is Kind.SEND]
    assert [stamp for _, stamp, _ in recorded(journals["C"])] == sent


def test_a_receiver_gets_its_own_copy(world: World) -> None:
    journals = world("Spoiler", machines=4, rates=[20, 20, 20, 20])
    for name in "BCD":
        assert recorded(journals[name])
        assert all(seen == [1, 2, 3] for seen in recorded(journals[name]))


def test_a_process_sees_and_draws_the_same_in_real_runs_and_simulations(
    world: World, tmp_path: Path
) -> None:
    journals = world("Surroundings")
    scenario = driftlab.Scenario.from_dict(keys_of("Surroundings"))
    driftlab.simulate(scenario, record="all", out=tmp_path / "again")
    for again in read_journals(tmp_path / "again"):
        seen = recorded(journals[again.machine])
        assert seen == recorded(again)
        place = "ABC".index(again.machine)
        peers = [name for name in "ABC" if name != again.machine]
        expected = [[again.machine, place, 3, peers, k, k + 1, 0] for k in range(len(seen) // 2)]
        assert seen[::2] == expected
        words = [value[0] for value in seen[1::2]] + [value[-1] for value in seen[1::2]]
        assert len(set(words)) == len(words)


def test_one_event_may_send_different_payloads_and_a_receive_may_answer(world: World) -> None:
    journals = world("Payloads")
    first = journals["A"].entries[0].event
    assert (first.kind, first.targets) == (Kind.SEND, ("B", "C"))
    for name in "BC":
        payloads = recorded(journals[name])
        assert payloads
        assert set(payloads) == {f"for {name}"}
        answers = [e.event for e in journals[name].entries if e.event.kind is Kind.RECEIVE]
        assert all(event.targets == ("A",) for event in answers)
    received = [e.event for e in journals["A"].entries if e.event.kind is Kind.RECEIVE]
    assert received
    for event in received:
        assert event.recorded == ([event.stamp],)  # the clock a process sees is its event's


@pytest.mark.parametrize("clock", CLOCKS)
def test_every_clock_travels_and_keeps_the_clock_condition(world: World, clock: str) -> None:
    journals = world("Chatter", clock=clock, seconds=2, offset_ms=[0, 30, -30])
    events = {
        (name, entry.event.clock): entry.event
        for name, journal in journals.items()
        for entry in journal.entries
    }
    for name, journal in journals.items():
        before = None
        for entry in journal.entries:
            event = entry.event
            cause = events[event.sender, event.stamp] if event.sender and event.stamp else None
            if clock == "lamport":
                assert event.timestamp is None
                continue
            now: Any = event.timestamp
            assert now is not None
            assert before is None or before < now
            assert cause is None or cause.timestamp < now
            before = now
        if clock == "vector":
            (last,) = [journal.entries[-1].event.timestamp]
            assert last is not None
            assert last.encode().split(".")["ABC".index(name)] == str(len(journal.entries))
    if clock == "vector":
        assert_strong(events)


def assert_strong(events: dict[tuple[str, int], Any]) -> None:
    """Judge vector timestamps by the pasts that program order and messages alone give."""
    pasts: dict[tuple[str, int], frozenset[tuple[str, int]]] = {}
    last: dict[str, tuple[str, int]] = {}
    for key in sorted(events, key=lambda key: key[1]):  # a Lamport clock is a linear extension
        event, name = events[key], key[0]
        causes = [last[name]] if name in last else []
        causes += [(event.sender, event.stamp)] if event.sender else []
        pasts[key] = frozenset(causes).union(*(pasts[cause] for cause in causes))
        last[name] = key
    for one in events:
        for other in events:
            assert (one in pasts[other]) == (events[one].timestamp < events[other].timestamp)


def test_a_wrong_physical_clock_shows_in_the_journal_and_not_in_the_ticks(world: World) -> None:
    journals = world(
        "Chatter", offset_ms=[0, 5000, -5000], skew_ppm=[0, 0, 100_000], clock="hybrid"
    )
    for name, offset_ns, gain in (("A", 0, 0), ("B", 5 * 10**9, 0), ("C", -5 * 10**9, 0.1)):
        start = "1970" if "simulated" in journals[name].header["world"] else None
        ((fields),) = [note.fields["time"] for note in journals[name].notes_on("start")]
        assert start is None or fields.startswith(start)
        first, *_, last = journals[name].entries
        true_ns = (last.instant.due_ns + last.instant.late_ns) - (
            first.instant.due_ns + first.instant.late_ns
        )
        shown_ns = last.instant.time_ns - first.instant.time_ns
        assert abs(shown_ns - true_ns * (1 + gain)) < 5e6
        others = journals["A"].entries[0].instant
        apart = first.instant.time_ns - others.time_ns - (first.instant.due_ns - others.due_ns)
        assert abs(apart - offset_ns) < 2e8


@pytest.mark.parametrize(
    ("process", "mark", "reason"),
    [("Raises", "the innermost line", "LookupError: two lines"), ("Leaves", "SystemExit(4)", "4")],
)
def test_a_process_that_raises_ends_its_machine_and_not_the_run(
    world: World, tmp_path: Path, process: str, mark: str, reason: str
) -> None:
    lines = PROCESSES.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if mark in text)
    with pytest.raises(driftlab.DriftlabError) as error:
        world(process)
    for part in ("B: ", f"processes.py, line {line}", "at tick 2", reason):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    _, (run,) = driftlab.read_runs(tmp_path / "run")
    assert [machine.ticks for machine in run.machines] == [40, 2, 20]
    assert run.ends["A"] == run.ends["C"] == "complete"
    assert f"line {line}" in run.ends["B"]


INVALID = {
    "Number": "returned 5",
    "Text": "returned 'B'",
    "Yields": "generator",
    "UnknownPeer": "Send to 'Z'; its peers are B, C",
    "Twice": "Send to B, B: a name occurs twice",
    "TwoSends": "two Sends to one peer",
    "Unsendable": "not a value of JSON",
    "NotANumber": "not a value of JSON",
    "Huge": "the limit is 16384",
    "WrongTarget": "Send to 7",
    "Mixed": "a list with 3",
    "Deep": "Send with an invalid payload: a list is not a value of JSON",
    "Endless": "Send with an invalid payload",
    "Records": "the limit is 16384",
}


@pytest.mark.parametrize("process", INVALID)
def test_an_invalid_effect_is_reported_with_its_place(tmp_path: Path, process: str) -> None:
    keys = ("--names", "A,B,C", "--rates", "40,30,20", "--seconds", "1")
    out = tmp_path / "run"
    done = command("simulate", f"{PROCESSES}:{process}", *keys, "--out", out)
    assert done.returncode == 3
    text = " ".join(done.stdout.split())
    tick = 0 if process == "Yields" else 2
    assert INVALID[process] in text
    assert f"at tick {tick}: " in text
    assert "processes.py, line " in text
    for journal in read_journals(out):
        assert not journal.unread


def test_an_invalid_effect_in_a_real_run_is_reported_in_the_same_way(tmp_path: Path) -> None:
    done = command("run", f"{PROCESSES}:Number", "--seconds", "1", "--rates", "30,20", "--out", "x",
                   cwd=tmp_path)  # fmt: skip
    assert done.returncode == 3
    assert "at tick 2: Answers.idle returned 5; allowed" in " ".join(done.stdout.split())


def test_a_process_that_cannot_be_created_starts_no_run(world: World, tmp_path: Path) -> None:
    with pytest.raises(driftlab.DriftlabError, match=r"before its first tick: RuntimeError: not t"):
        world("Broken")
    assert not list(tmp_path.glob("run/*.log"))


def test_what_a_process_prints_goes_to_standard_error(tmp_path: Path) -> None:
    loud = tmp_path / "loud.py"
    loud.write_text(PROCESSES.read_text() + "\n\nprint('loaded')\n")
    for verb in ("simulate", "run"):
        flags = ("--seconds", "1", "--rates", "9,8", "--json", "--out", tmp_path / verb)
        done = command(verb, f"{loud}:Prints", *flags)
        assert "loaded\n" in done.stderr
        assert document(done.stdout)["runs"][0]["ends"] == {"A": "complete", "B": "complete"}
        assert done.stderr.count('ready {"stopped"}') == 17


def test_replay_detects_a_process_with_its_own_random_numbers(tmp_path: Path) -> None:
    command("simulate", f"{PROCESSES}:Cheats", "--seconds", "2", "--out", tmp_path / "run")
    done = command("replay", tmp_path / "run", "--json")
    assert done.returncode == 1
    (first, *_) = document(done.stdout)["replays"]
    assert (
        first["difference"]["recorded"]["recorded"] != first["difference"]["replayed"]["recorded"]
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.py:Ring", "no such file"),
        ("{}:Nobody", "no such class; processes in the file:"),
        ("{}:NOT_A_PROCESS", "does not derive from Process"),
        ("bad.py:Ring", "bad.py, line 2"),
        ("raises.py:Ring", "raises.py, line 3: ZeroDivisionError"),
        ("{}:", "is not a process"),
    ],
)
@pytest.mark.parametrize("verb", ["simulate", "run"])
def test_a_file_without_the_process_is_one_line_and_leaves_nothing(
    tmp_path: Path, name: str, reason: str, verb: str
) -> None:
    (tmp_path / "bad.py").write_text("import driftlab\nclass Ring(:\n")
    (tmp_path / "raises.py").write_text("import driftlab\n\n1 / 0\n")
    before = sorted(tmp_path.iterdir())
    done = command(verb, name.format(PROCESSES), cwd=tmp_path)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    left = [path for path in sorted(tmp_path.iterdir()) if path.name != "__pycache__"]
    assert left == before


def test_a_class_can_stand_for_its_file(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "import driftlab\n\n\n"
        "class Ring(driftlab.Process):\n"
        "    def idle(self):\n"
        "        return driftlab.Record(self.machine.tick)\n\n\n"
        'if __name__ == "__main__":\n'
        "    import sys\n\n"
        "    scenario = driftlab.Scenario(process=Ring, rates=[5, 4], seconds=2, seed=1)\n"
        '    real = driftlab.run(scenario, "real")\n'
        '    simulated = driftlab.simulate(scenario, record="all", out="simulated")\n'
        "    print([machine.ticks for machine in real.machines + simulated.machines])\n"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[10, 8, 10, 8]\n", done.stderr
    assert driftlab.read_runs(tmp_path / "real")[0].process == f"{script}:Ring"


def test_a_simulation_is_the_same_when_read_with_and_without_its_clock(tmp_path: Path) -> None:
    scenario = driftlab.Scenario.from_dict(keys_of("Chatter", clock="hybrid"))
    driftlab.simulate(scenario, record="all", out=tmp_path / "run")
    trace = run_journals(tmp_path / "run", scenario).trace()
    assert trace.timestamps is not None
    bare = trace.replace(timestamps=None)
    twins = compare_with_simulation(trace, bare, [0, 1, 2])
    assert [(each.same, each.divergence) for each in twins] == [(40, None), (30, None), (20, None)]
    ((_, twins),) = twin_runs(tmp_path / "run")
    assert [(each.same, each.divergence) for each in twins] == [(40, None), (30, None), (20, None)]


def test_a_payload_that_differs_is_where_two_runs_diverge(tmp_path: Path) -> None:
    """The columns of both are the same: only the payload tells."""
    driftlab.simulate(
        driftlab.Scenario.from_dict(keys_of("Chatter")), record="all", out=tmp_path / "run"
    )
    path = tmp_path / "run" / "B.log"
    lines = path.read_text().splitlines(keepends=True)
    at = next(k for k, line in enumerate(lines) if re.search(r"\t[AC]:\d+\t", line))
    lines[at] = re.sub(r"(\t[AC]:\d+)\t", r"\1::7777\t", lines[at])
    path.write_text("".join(lines))
    ((_, twins),) = twin_runs(tmp_path / "run")
    assert [each.divergence is None for each in twins] == [True, False, True]
    divergence = twins[1].divergence
    assert divergence is not None
    assert divergence.tick == twins[1].same == int(lines[at].split("\t")[3])
    assert (divergence.message, divergence.found_alike) == (None, True)
    assert divergence.real == divergence.simulated


PEERS = ("A", "B", "C")


@given(st.lists(st.lists(st.sampled_from(PEERS), max_size=3, unique=True), max_size=4))
def test_targets_are_in_name_order_and_none_gets_two_messages(targets: list[list[str]]) -> None:
    sends = [driftlab.Send(to, number) for number, to in enumerate(targets)]
    every = [name for to in targets for name in to]
    if len(set(every)) < len(every):
        with pytest.raises(InvalidEffectError):
            validate_effects(sends, PEERS)
        return
    together, outgoing, _ = validate_effects(sends, PEERS)
    assert together == tuple(name for name in PEERS if name in every)
    got = {name: json.loads(text or "") for to, text in outgoing for name in to}
    assert got == {name: number for number, to in enumerate(targets) for name in to}


@given(st.sampled_from(["A", "B", "C", "D", ""]), st.sampled_from([str, lambda to: [to]]))
def test_a_process_sends_to_its_peers_and_not_to_itself(
    to: str, form: Callable[[str], Any]
) -> None:
    known = frozenset((*PEERS, "D"))
    if to in PEERS:
        assert validate_effects(driftlab.Send(form(to)), PEERS, known, "D")[0] == (to,)
        return
    with pytest.raises(InvalidEffectError):
        validate_effects(driftlab.Send(form(to)), PEERS, known, "D")


def test_a_process_draws_evenly_and_never_the_same_word_twice() -> None:
    view = ProcessContext("A", 0, ("A",), (), 77)
    words, dice, shares = set[int](), [0] * 6, []
    for view.tick in range(20_000):
        words |= {view.random.word(), view.random.word(), view.random.word()}
        dice[view.random.below(6)] += 1
        shares.append(view.random.uniform())
    assert len(words) == 60_000
    assert sum((count - 20_000 / 6) ** 2 / (20_000 / 6) for count in dice) < 25  # 5 degrees
    assert abs(sum(shares) / 20_000 - 0.5) < 5 * 0.2887 / 20_000**0.5
    assert all(0 <= share < 1 for share in shares)
    with pytest.raises(ValueError, match="no number"):
        view.random.below(0)


@given(st.integers(0, 2**64 - 1), st.lists(st.integers(1, 3) | st.integers(1, 99), max_size=90))
def test_a_process_draws_the_same_however_often_it_draws(stream: int, waits: list[int]) -> None:
    view = ProcessContext("A", 0, ("A",), (), stream)
    for wait in waits:
        view.tick += wait
        first = draw(stream, view.tick)
        assert [view.random.word() for _ in range(3)] == [first, draw(first, 1), draw(first, 2)]


def test_a_mailbox_keeps_messages_in_transit_in_order() -> None:
    box = Mailbox(by_arrival=True)
    for number, arrival in enumerate((5, 9, 7)):
        box.post(arrival, number, driftlab.Message("ABC"[number], number))
    assert [message.sender for message in box.collect(8)] == ["A", "C"]
    assert [message.sender for message in box.collect(10)] == ["B"]


def test_a_process_that_changes_its_context_does_not_change_its_machine(world: World) -> None:
    journals = world("Meddler")
    for journal in journals.values():
        clocks = [entry.event.clock for entry in journal.entries]
        assert clocks == list(range(1, len(clocks) + 1))


def test_a_run_folder_is_replayed_from_any_folder(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (below / "mine.py").write_text(
        "from driftlab import Process\n\nclass Mine(Process):\n    pass\n"
    )
    (tmp_path / "mine.toml").write_text('process = "below/mine.py:Mine"\nseconds = 2\nseed = 1\n')
    for number, scenario in enumerate((f"{tmp_path}/mine.toml", "mine.py:Mine")):
        out = tmp_path / f"run{number}"
        assert command("simulate", scenario, "--trust", "--out", out, cwd=below).returncode == 0
        assert command("replay", out, cwd=Path("/")).returncode == 0
    (tmp_path / "aside").mkdir()
    (below / "mine.py").rename(tmp_path / "aside" / "mine.py")
    lost = command("replay", tmp_path / "run0")
    assert (lost.returncode, lost.stdout) == (2, "")
    assert f"{below / 'mine.py'}: no such file" in lost.stderr
    (tmp_path / "mine.py").write_text((tmp_path / "aside" / "mine.py").read_text())
    assert command("replay", tmp_path / "run0").returncode == 0  # in a folder above the run's
    (tmp_path / "mine.py").write_text("raise SystemExit('executed')\n")
    other = command("replay", tmp_path / "run0")  # of the same name, with another content
    assert other.returncode == 2
    assert "--trust" in other.stderr
    (below / "mine.py").write_text(
        "from driftlab import Process, Record\n\n"
        "class Mine(Process):\n    def idle(self):\n        return Record(1)\n"
    )
    assert command("replay", tmp_path / "run1").returncode == 2  # nobody ran this content yet
    done = command("replay", tmp_path / "run1", "--trust")
    assert done.returncode == 1
    assert "was changed since the run" in done.stdout
    assert "was the process or its seed changed" in command("twin", tmp_path / "run1").stdout


def test_failures_in_many_runs_are_shown_in_a_few_lines(tmp_path: Path) -> None:
    done = command("simulate", f"{PROCESSES}:Raises", "--runs", "300", "--seconds", "5",
                   "--rates", "3,2", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 3
    assert done.stdout.count("LookupError") == 40
    assert "run 1, B: process failed" in done.stdout
    assert "… and 260 more lines like these" in done.stdout
    quiet = command("simulate", f"{PROCESSES}:Raises", "--quiet", "--rates", "3,2", cwd=tmp_path)
    assert quiet.returncode == 3
    assert quiet.stderr.count("\n") == 1
    assert "B: process failed" in quiet.stderr
