"""The machine against a plain transcription of the rules in the theory of the model."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from driftlab.machine.die_process import EVERY_PEER, INTERNAL, roll
from driftlab.machine.machine import Machine
from driftlab.model.event import Message
from driftlab.model.random_streams import Purpose, draw, stream, uniform_below
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario


@dataclass
class Transcript:
    """A machine of three, written down as the rules are told, with a die of `faces` faces."""

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
def test_for_three_machines_the_die_has_the_notes_faces(word: int, faces: int) -> None:
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
