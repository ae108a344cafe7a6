"""The machine against a plain transcription of the rules of the assignment; effects; failures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.machine.effects import Effects, Outgoing, Record, Send, Step
from driftlab.machine.machine import Machine, ProcessError, is_process_failure
from driftlab.machine.process import (
    EVERY_PEER,
    INTERNAL,
    Die,
    Process,
    ProcessContext,
    RandomStream,
    roll,
)
from driftlab.machine.replay import Input, replay
from driftlab.model.event import PAYLOAD_BYTES_MAX, Kind, Message
from driftlab.model.random_streams import Purpose, draw, stream, uniform_below
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario


@dataclass
class Transcript:
    """A machine of three, as the rules say, with a die of `faces` faces."""

    name: str
    peers: list[str]
    faces: int
    seed: int
    clock: int = 0
    queue: list[tuple[str, int]] = field(default_factory=list)

    def tick(self, k: int, found: list[tuple[str, int]]) -> tuple[str, list[str], int, int, int]:
        self.queue = self.queue + found
        if self.queue:
            sender, stamp = self.queue.pop(0)
            self.clock = max(self.clock, stamp) + 1
            return "receive", [sender], stamp, self.clock, len(self.queue)
        position = "ABC".index(self.name)
        face = 1 + uniform_below(draw(stream(self.seed, 1, position, Purpose.DIE), k), self.faces)
        self.clock = self.clock + 1
        targets = {1: self.peers[:1], 2: self.peers[1:], 3: self.peers}.get(face, [])
        return "send" if targets else "internal", targets, -1, self.clock, 0


def machine_of(name: str, scenario: Scenario) -> Machine:
    return Machine(next(plan for plan in plan_run(scenario, 1) if plan.name == name))


def messages(peers: str) -> st.SearchStrategy[list[Message]]:
    one = st.builds(Message, st.sampled_from(peers), st.integers(0, 50), st.none(), st.none())
    return st.one_of(st.just([]), st.just([]), st.lists(one, max_size=4))


@given(
    st.sampled_from("ABC"), st.integers(3, 12), st.integers(0, 2**64 - 1),
    st.lists(messages("ABC"), min_size=1, max_size=40),
)  # fmt: skip
def test_a_machine_does_what_the_rules_say_tick_by_tick(
    name: str, faces: int, seed: int, finds: list[list[Message]]
) -> None:
    others = [peer for peer in "ABC" if peer != name]
    transcript = Transcript(name, others, faces, seed)
    machine = machine_of(name, Scenario(rates=(3, 2, 1), faces=faces, seed=seed))
    for tick, found in enumerate(finds):
        event, _ = machine.tick(tick, found, 0)
        stamp = -1 if event.stamp is None else event.stamp
        peers = [event.sender] if event.sender else list(event.targets)
        done = (event.kind.value, peers, stamp, event.clock, event.queue)
        assert done == transcript.tick(tick, [(m.sender, m.stamp) for m in found])
        assert (event.process, event.tick) == (name, tick)


@given(st.integers(0, 2**64 - 1), st.integers(2, 9))
def test_a_send_carries_the_clock_of_its_event_to_the_targets_on_record(
    seed: int, machines: int
) -> None:
    machine = machine_of("A", Scenario(machines=machines, send_one=0.5, send_all=0.5, seed=seed))
    for tick in range(20):
        event, (post,) = machine.tick(tick, [], 0)
        assert post.targets == event.targets
        assert post.stamp == event.clock == tick + 1
        assert "A" not in post.targets
        assert len(post.targets) in (1, machines - 1)


@given(st.lists(messages("BC"), max_size=20))
def test_a_machine_receives_every_message_once_in_the_order_found(
    finds: list[list[Message]],
) -> None:
    machine = machine_of("A", Scenario(rates=(3, 2, 1)))
    arrived = [message for found in finds for message in found]
    taken = []
    for tick in range(len(finds) + len(arrived)):
        event, _ = machine.tick(tick, finds[tick] if tick < len(finds) else [], 0)
        if event.sender is not None and event.stamp is not None:
            taken.append(Message(event.sender, event.stamp))
    assert taken == arrived


@given(st.lists(messages("BC"), max_size=20), st.integers(0, 99))
def test_the_same_inputs_give_the_same_effects(finds: list[list[Message]], seed: int) -> None:
    scenario = Scenario(rates=(3, 2, 1), seed=seed)
    one, other = machine_of("A", scenario), machine_of("A", scenario)
    for tick, found in enumerate(finds):
        assert one.tick(tick, found, 0) == other.tick(tick, found, 0)


@given(st.integers(0, 2**64 - 1), st.integers(3, 1000))
def test_for_three_machines_the_die_has_the_faces_of_the_assignment(word: int, faces: int) -> None:
    """Face 1 is the first peer, 2 the second, 3 both; a word on an edge may fall either way."""
    face = 1 + uniform_below(word, faces)
    edge = any(abs(word - side * 2**64 // faces) < 2**25 for side in range(4))
    choice = roll(word, *Scenario(faces=faces).die, 2)
    assert edge or choice == {1: 0, 2: 1, 3: EVERY_PEER}.get(face, INTERNAL)


def test_one_peer_is_drawn_uniformly_and_every_peer_as_often_as_asked() -> None:
    die, key = Scenario(machines=6, send_one=0.5, send_all=0.25).die, stream(5, 1, 0, Purpose.DIE)
    choices = [roll(draw(key, tick), *die, 5) for tick in range(40_000)]
    for peer in range(5):
        assert abs(choices.count(peer) - 4000) < 5 * 60
    assert abs(choices.count(EVERY_PEER) - 10_000) < 5 * 87
    assert abs(choices.count(INTERNAL) - 10_000) < 5 * 87


def test_a_machine_that_never_sends_only_counts() -> None:
    machine = machine_of("B", Scenario(machines=2, send_one=0, send_all=0))
    assert [machine.tick(tick, [], 0)[0].clock for tick in range(5)] == [1, 2, 3, 4, 5]


def plain_plan(**keys: Any) -> MachinePlan:
    return plan_run(Scenario(rates=(3, 2, 1), seed=1, **keys), 1)[0]


@pytest.mark.parametrize("shift", [0, 2**24 - 1])
def test_the_bounds_of_the_die_are_exclusive(shift: int) -> None:
    """The lower 24 bits of a word play no part."""
    one_below, all_below = Scenario(faces=10).die
    expected = [
        (0, 0),
        (one_below // 2, 0),  # the bound of 2/10 is odd: its half is rounded down
        (one_below // 2 + 1, 1),
        (one_below - 1, 1),
        (one_below, EVERY_PEER),
        (all_below - 1, EVERY_PEER),
        (all_below, INTERNAL),
        (2**40 - 1, INTERNAL),
    ]
    assert [roll((bits << 24) + shift, one_below, all_below, 2) for bits, _ in expected] == [
        choice for _, choice in expected
    ]


def test_without_chances_the_die_is_always_internal_and_with_all_it_never_is() -> None:
    assert roll(0, *Scenario(send_one=0, send_all=0).die, 2) == INTERNAL
    assert roll(0, *Scenario(send_one=0, send_all=1).die, 2) == EVERY_PEER
    assert roll(2**64 - 1, *Scenario(send_one=0, send_all=1).die, 2) == EVERY_PEER
    assert roll(2**64 - 1, *Scenario(send_one=1, send_all=0).die, 2) == 1


class FixedStream(RandomStream):
    """A random stream whose next word a test chooses."""

    next_word = 0

    def word(self) -> int:
        return self.next_word


@pytest.mark.parametrize("shift", [0, 2**24 - 1])
def test_the_die_rolls_as_its_rule_says_at_every_bound(shift: int) -> None:
    plan = plain_plan()
    one_below, all_below = plan.die
    context = ProcessContext("A", 0, plan.names, plan.peers, 0)
    context.random = stream = FixedStream(0, context)
    die = Die(context, plan.die)
    for bits, send in [
        (0, Send("B")), (one_below - 1, Send("C")), (one_below, Send(plan.peers)),
        (all_below - 1, Send(plan.peers)), (all_below, None), (2**40 - 1, None),
    ]:  # fmt: skip
        stream.next_word = (bits << 24) + shift
        assert die.idle() == send


class DrawsAtOnce(Process):
    """Draws and looks at its machine before its first tick."""

    def __init__(self, machine: ProcessContext) -> None:
        super().__init__(machine)
        self.seen = [machine.tick, machine.clock, machine.queue, machine.now_ns]
        self.words = [machine.random.word(), machine.random.word()]

    def idle(self) -> list[Send | Record]:
        return [Record([self.seen, self.words, self.machine.random.word()])]


def test_a_process_may_draw_before_its_first_tick() -> None:
    plan = plain_plan()
    event, _ = Machine(plan, DrawsAtOnce).tick(0, [], 5)
    first = draw(plan.die_stream, 0)
    words = [first, draw(first, 1)]
    assert event.recorded == ([[0, 0, 0, 0], words, draw(first, 2)],)


class Watches(Process):
    """Records what it sees, at every tick and every receive."""

    def idle(self) -> Record:
        machine = self.machine
        return Record(["idle", machine.tick, machine.clock, machine.queue, machine.now_ns])

    def receive(self, message: Message) -> Record:
        machine = self.machine
        return Record([message.stamp, machine.tick, machine.clock, machine.queue, machine.now_ns])


def test_a_process_sees_the_clock_and_the_queue_of_its_event() -> None:
    machine = Machine(plain_plan(), Watches)
    steps = [
        machine.tick(0, [], 10),
        machine.tick(1, [Message("B", 7), Message("C", 2)], 20),
        machine.tick(2, [Message("B", 9)], 30),
        machine.tick(3, [], 40),
        machine.tick(4, [], 50),
    ]
    assert [event.recorded for event, _ in steps] == [
        (["idle", 0, 1, 0, 10],),
        ([7, 1, 8, 1, 20],),
        ([2, 2, 9, 1, 30],),
        ([9, 3, 10, 0, 40],),
        (["idle", 4, 11, 0, 50],),
    ]
    assert [(event.clock, event.queue) for event, _ in steps] == [
        (1, 0), (8, 1), (9, 1), (10, 0), (11, 0),
    ]  # fmt: skip
    assert (machine.clock, machine.queue) == (11, 0)


class Asks(Process):
    """Returns what a test has put into `answer`."""

    answer: Any = None

    def idle(self) -> Effects:
        answer: Effects = self.answer
        return answer

    def receive(self, message: Message) -> Effects:
        return self.idle()


def asked(answer: Any, found: Sequence[Message] = ()) -> Step:
    return Machine(plain_plan(), type("Asks", (Asks,), {"answer": answer})).tick(0, found, 0)


def test_an_event_is_a_send_only_if_it_has_a_target() -> None:
    for empty in ([], (), Send([]), [Send([], 1)]):
        event, outgoing = asked(empty)
        assert (event.kind, event.targets, list(outgoing)) == (Kind.INTERNAL, (), [])
    event, outgoing = asked([Send("C", 1), Send("B", 2)])
    assert (event.kind, event.targets) == (Kind.SEND, ("B", "C"))
    assert list(outgoing) == [Outgoing(("C",), 1, None, "1"), Outgoing(("B",), 1, None, "2")]
    event, outgoing = asked(Send({"C", "B"}), [Message("B", 4)])  # type: ignore[arg-type]
    assert (event.kind, event.targets, event.sender) == (Kind.RECEIVE, ("B", "C"), "B")
    assert list(outgoing) == [Outgoing(("B", "C"), 5)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Send("A"), "Send to 'A'; its peers are B, C"),
        (Send(["B", "A"]), "Send to 'A'; its peers are B, C"),
        (Send("BC"), "Send to 'BC'; its peers are B, C"),
        (Send(["B", "B"]), "Send to B, B: a name occurs twice"),
        (Send(7), "Send to 7; allowed: the name of a peer, or several"),  # type: ignore[arg-type]
        (5, "5; allowed: None, Send, Record or a list of them"),
        ([Send("B"), 5], "a list with 5; allowed: Send and Record"),
        (
            [Send("B"), Send(["C", "B"])],
            "two Sends to one peer; a message is named by its sender and its clock, so one tick "
            "sends at most one message to each peer",
        ),
        (
            Send("B", "x" * (PAYLOAD_BYTES_MAX - 1)),
            "Send with an invalid payload: 16385 bytes of JSON; the limit is 16384",
        ),
        (
            Record("x" * (PAYLOAD_BYTES_MAX - 1)),
            "Record of an invalid value: 16385 bytes of JSON; the limit is 16384",
        ),
        (
            [Record("x" * (PAYLOAD_BYTES_MAX - 9)), Record("123")],
            "Record of an invalid value: 16385 bytes of JSON; the limit is 16384",
        ),
    ],
)
def test_an_invalid_effect_is_reported_with_place_tick_and_reason(answer: Any, reason: str) -> None:
    with pytest.raises(ProcessError) as caught:
        asked(answer)
    text = str(caught.value)
    assert is_process_failure(text)
    assert text.startswith(f"process failed: {__file__}, line ")
    assert text.endswith(f", at tick 0: Asks.idle returned {reason}")


def test_a_machine_that_is_no_peer_is_refused_by_one_name_as_in_a_list() -> None:
    scenario = Scenario(rates=(1, 1, 1, 1), topology="ring", seed=1)
    plan = plan_run(scenario, 1)[0]
    assert plan.peers == ("B", "D")

    def sent_to(to: Any) -> tuple[str, ...]:
        process = type("Asks", (Asks,), {"answer": Send(to)})
        return Machine(plan, process).tick(0, [], 0)[0].targets

    for to in ("C", ["C"], ["B", "C"], "A", ["A"], "E"):
        with pytest.raises(ProcessError, match=f"Send to '{to[-1]}'; its peers are B, D$"):
            sent_to(to)
    assert sent_to("D") == ("D",)
    assert sent_to(["D", "B"]) == ("B", "D")


def test_a_machine_counts_the_messages_that_wait_by_sender() -> None:
    machine = machine_of("A", Scenario(rates=(1, 1, 1), seed=1))
    assert machine.count_waiting("B") == 0
    machine.tick(0, [Message("B", 1), Message("C", 1), Message("B", 2), Message("B", 3)], 0)
    assert (machine.count_waiting("B"), machine.count_waiting("C")) == (2, 1)
    machine.tick(1, [Message("C", 2)], 0)
    assert (machine.count_waiting("B"), machine.count_waiting("C")) == (2, 1)


def test_the_largest_payload_and_the_largest_records_are_accepted() -> None:
    largest = "x" * (PAYLOAD_BYTES_MAX - 2)
    _, (message,) = asked(Send("B", largest))
    assert message.payload == f'"{largest}"'
    assert asked(Record(largest))[0].recorded == (largest,)
    two = ["x" * (PAYLOAD_BYTES_MAX - 9), "12"]
    assert asked([Record(value) for value in two])[0].recorded == tuple(two)


@pytest.mark.parametrize(
    ("machines", "listed"),
    [
        (13, "B, C, D, E, F, G, H, I, J, K, L, M"),
        (14, "B, C, D, E, F, G, H, I, J, K, L, … (13 in all)"),
    ],
)
def test_a_long_list_of_names_is_shortened(machines: int, listed: str) -> None:
    plan = plan_run(Scenario(machines=machines), 1)[0]
    with pytest.raises(ProcessError) as caught:
        Machine(plan, type("Asks", (Asks,), {"answer": Send("Z")})).tick(0, [], 0)
    assert str(caught.value).endswith(f"Send to 'Z'; its peers are {listed}")


class UnshowableError(Exception):
    def __str__(self) -> str:
        raise ValueError


class Fails(Process):
    def idle(self) -> Effects:
        raise UnshowableError

    def receive(self, message: Message) -> Effects:
        raise SystemExit("later\nand more")


def test_a_process_that_raises_is_reported_with_place_tick_and_text() -> None:
    with pytest.raises(ProcessError) as caught:
        Machine(plain_plan(), Fails).tick(3, [], 0)
    assert str(caught.value).endswith("at tick 3: UnshowableError: (its text cannot be shown)")
    with pytest.raises(ProcessError) as caught:
        Machine(plain_plan(), Fails).tick(4, [Message("B", 1)], 0)
    assert str(caught.value).endswith(", at tick 4: SystemExit: later and more")


class FailsInTheLibrary(Process):
    def idle(self) -> Effects:
        return self.parse()

    def parse(self) -> Effects:
        json.loads("{")  # the innermost line of this file
        return None


def test_the_place_of_a_failure_is_the_innermost_line_of_the_process_s_own_file() -> None:
    lines = Path(__file__).read_text().splitlines()
    mark = "# the innermost line of this file"
    line = next(number for number, text in enumerate(lines, 1) if text.endswith(mark))
    with pytest.raises(ProcessError) as caught:
        Machine(plain_plan(), FailsInTheLibrary).tick(0, [], 0)
    text = str(caught.value)
    assert text.startswith(f"process failed: {__file__}, line {line}, at tick 0: JSONDecodeError: ")
    with pytest.raises(ProcessError, match="before its first tick: TypeError: "):
        Machine(plain_plan(), lambda machine: int(machine))  # type: ignore[call-overload]


def test_ctrl_c_is_not_a_failure_of_the_process() -> None:
    class Interrupted(Process):
        def idle(self) -> Effects:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Machine(plain_plan(), Interrupted).tick(0, [], 0)


def test_a_replay_shows_the_first_difference_or_none() -> None:
    plan = plain_plan()
    machine = Machine(plan)
    inputs = [Input(machine.tick(tick, [], 0)[0], [], 0) for tick in range(5)]
    assert replay(plan, inputs) is None
    changed = inputs[3].event._replace(clock=9)
    inputs[3] = inputs[3]._replace(event=changed)
    assert replay(plan, inputs) == (changed, changed._replace(clock=4))
    difference = replay(plan, inputs, Fails)
    assert difference is not None
    assert difference.recorded == inputs[0].event
    assert str(difference.replayed).startswith("process failed: ")
