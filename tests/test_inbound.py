"""Inbound connections over real sockets: who is accepted, what is read, and every limit."""

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import monotonic_ns, time_ns

import pytest

from driftlab.clocks.catalogue import CLOCKS
from driftlab.model.event import Message
from driftlab.network import wire
from driftlab.network.handshake import INTRODUCTION_NS_MAX, Handshakes
from driftlab.network.timestamp_bounds import (
    CLOCK_LEAD_MAX,
    CLOCK_RATE_MAX,
    TIME_LEAD_NS_MAX,
    ClockLeadError,
    Own,
)
from driftlab.real import inbound as inbound_module
from driftlab.real.addresses import LOST_PEER_S, Address, listen
from driftlab.real.inbound import (
    INBOUND_BYTES_MAX,
    MESSAGE_BYTES,
    UNIDENTIFIED_MAX,
    Inbound,
    PeerConnection,
    WaitingBytes,
    message_decoder,
)
from driftlab.real.incidents import Incidents
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario
from tests.raw_machine import RawMachine, framed
from tests.recorders import CountingLoop, NoteRecorder

PATIENCE_NS = 20_000_000_000
MS = 1_000_000


def plan_of_a(clock: str = "lamport") -> MachinePlan:
    return plan_run(Scenario(rates=[1, 1, 1], clock=clock), 1)[0]


class Receiver:
    """Machine A's inbound side, with peers B and C, of run `run`."""

    def __init__(self, order: str, handshakes: Handshakes | None = None) -> None:
        self.in_inbox = 0  # how many messages of each peer the machine's inbox holds
        self.recorder = NoteRecorder()
        self.loop = CountingLoop()
        listener = listen(Address("127.0.0.1", 0), 200)
        self.port: int = listener.getsockname()[1]
        self.inbound = Inbound(
            plan_of_a(),
            handshakes or Handshakes("A", "run"),
            order,
            listener,
            self.loop,
            Incidents(self.recorder.note),
            lambda: Own(0, 0, time_ns()),
            lambda peer: self.in_inbox,
        )

    def refuses_b(self) -> bool:
        return "B" in self.inbound.refused

    def serve_until(self, condition: Callable[[], bool]) -> None:
        deadline_ns = monotonic_ns() + PATIENCE_NS
        while not condition():
            assert monotonic_ns() < deadline_ns
            self.loop.run_until(monotonic_ns() + MS)

    def collect_until(self, count: int) -> list[Message]:
        found: list[Message] = []

        def is_there() -> bool:
            found.extend(self.inbound.collect())
            return len(found) >= count

        self.serve_until(is_there)
        return found


@pytest.fixture(params=["peers", "arrival"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    one = Receiver(request.param)
    yield one
    one.inbound.close()
    one.loop.close()


def join(receiver: Receiver, raw: RawMachine) -> None:
    before = receiver.inbound.connected_peers
    raw.connect(receiver.port)
    raw.say(f"Iam {raw.name} run")
    receiver.serve_until(lambda: receiver.inbound.connected_peers == before + 1)


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True


NOW_NS = 1_790_000_000 * 10**9
OWN = Own(7, 500_000_000, NOW_NS)  # half a second after the start
LARGEST_LEAD = CLOCK_LEAD_MAX + CLOCK_RATE_MAX // 2


@pytest.mark.parametrize(
    ("clock", "text"),
    [
        ("lamport", f"Hello A {LARGEST_LEAD}"),
        ("vector", f"Hello A 9 1.{LARGEST_LEAD}.0"),
        ("matrix", f"Hello A 9 0.0.0/0.{LARGEST_LEAD}.0/0.0.0"),
        ("hybrid", f"Hello A 9 {NOW_NS + TIME_LEAD_NS_MAX}.0"),
        ("hybrid", f"Hello A 9 {NOW_NS}.{LARGEST_LEAD}"),
    ],
)
def test_a_clock_may_lead_by_the_bound_and_not_by_one_more(clock: str, text: str) -> None:
    decode = message_decoder(plan_of_a(clock), lambda: OWN)
    assert decode("B", wire.parse_hello(text)).sender == "B"
    numbers = (str(LARGEST_LEAD), str(NOW_NS + TIME_LEAD_NS_MAX))
    bound = next(number for number in numbers if number in text)
    beyond = text.replace(bound, str(int(bound) + 1))
    with pytest.raises(ClockLeadError, match="leads this machine's"):
        decode("B", wire.parse_hello(beyond))


@pytest.mark.parametrize("clock", ["vector", "matrix", "hybrid"])
def test_the_bound_holds_for_random_timestamps(clock: str) -> None:
    draw = random.Random(1)
    decode = message_decoder(plan_of_a(clock), lambda: OWN)
    width = CLOCKS[clock].width(3)
    for _ in range(2_000):
        numbers = [draw.randrange(2 ** draw.randrange(1, 62)) for _ in range(width)]
        by_time = CLOCKS[clock].reads_time
        fits = max(numbers[by_time:]) <= LARGEST_LEAD and (
            not by_time or numbers[0] <= NOW_NS + TIME_LEAD_NS_MAX
        )
        rows = [".".join(map(str, numbers[at : at + 3])) for at in range(0, width, 3)]
        frame = wire.parse_hello(f"Hello A 9 {'/'.join(rows)}")
        if fits:
            decode("B", frame)
        else:
            with pytest.raises(ClockLeadError):
                decode("B", frame)


def test_a_flood_is_refused_at_the_bound_and_taken_again_once_it_is_received(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_module, "INBOX_BYTES_MAX", 10 * (MESSAGE_BYTES + 9))
    with RawMachine("B") as raw, RawMachine("B") as again:
        join(receiver, raw)
        for _ in range(10):
            raw.say("Hello A 1")
        found = receiver.collect_until(10)
        raw.say("Hello A 1")
        receiver.in_inbox = 10
        receiver.serve_until(lambda: not receiver.inbound.collect() and receiver.refuses_b())
        limit = f"its waiting messages would take more than {10 * (MESSAGE_BYTES + 9)} bytes"
        assert receiver.recorder.incidents == [("peer-closed", "B", limit)]
        assert receiver.inbound.refused == {"B": 1}
        assert len(found) == 10
        receiver.in_inbox = 0
        join(receiver, again)
        for _ in range(10):
            again.say("Hello A 2")
        assert len(receiver.collect_until(10)) == 10
        assert receiver.inbound.connected_peers == 1


def test_a_machine_notices_a_peer_that_vanished(receiver: Receiver) -> None:
    with RawMachine("B") as raw:
        join(receiver, raw)
        (connection,) = receiver.inbound._connections.values()
        accepted = connection.connection
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            asked = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert asked == LOST_PEER_S * 1000


def test_of_too_many_unidentified_connections_the_oldest_is_closed(receiver: Receiver) -> None:
    """Allowed are 64 and one for each of the two peers; idle ones must not keep peers out."""
    with ExitStack() as stack:
        address = ("127.0.0.1", receiver.port)
        dialled = [
            stack.enter_context(socket.create_connection(address))
            for _ in range(UNIDENTIFIED_MAX + 3)
        ]
        receiver.serve_until(lambda: bool(receiver.recorder.notes))
        assert receiver.recorder.incidents == [
            ("stranger-closed", "?", "more than 64 unidentified connections at once")
        ]
        receiver.serve_until(lambda: not is_open(dialled[0]))
        assert all(map(is_open, dialled[1:]))
        peer = stack.enter_context(RawMachine("B"))
        join(receiver, peer)


def test_a_connection_without_an_introduction_is_closed_when_its_time_is_over(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_module, "INTRODUCTION_NS_MAX", 500 * MS)
    with RawMachine("B") as b, RawMachine("X") as silent:
        silent.connect(receiver.port)
        join(receiver, b)
        assert receiver.recorder.notes == []
        receiver.serve_until(lambda: bool(receiver.recorder.notes))
        assert silent.was_closed()
        receiver.loop.run_until(monotonic_ns() + 600 * MS)
        b.say("Hello A 7")
        assert receiver.collect_until(1) == [Message("B", 7)]
    assert receiver.recorder.incidents == [("stranger-closed", "?", "no introduction in 0.5 s")]


def test_a_second_introduction_waits_for_the_end_of_the_first_and_a_third_does_not(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_module, "REPLACEMENT_NS_MAX", 1000 * MS)
    with RawMachine("B") as first, RawMachine("B") as second, RawMachine("B") as third:
        join(receiver, first)
        second.connect(receiver.port)
        second.say("Iam B run")
        receiver.loop.run_until(monotonic_ns() + 50 * MS)
        third.connect(receiver.port)
        third.say("Iam B run")
        receiver.serve_until(lambda: bool(receiver.recorder.notes))
        assert third.was_closed()
        receiver.serve_until(lambda: len(receiver.recorder.notes) == 2)
        assert second.was_closed()
        first.say("Hello A 7")
        assert receiver.collect_until(1) == [Message("B", 7)]
    assert receiver.recorder.incidents == [
        ("stranger-closed", "?", "a third introduction as B"),
        ("stranger-closed", "?", "a second introduction as B, which is already connected"),
    ]


def test_a_second_introduction_takes_the_place_of_a_connection_that_ends(
    receiver: Receiver,
) -> None:
    with RawMachine("B") as first, RawMachine("B") as second:
        join(receiver, first)
        second.connect(receiver.port)
        second.say("Iam B run")
        second.say("Hello A 9")
        receiver.loop.run_until(monotonic_ns() + 50 * MS)
        first.say("Hello A 7")
        first.hang_up()
        assert receiver.collect_until(2) == [Message("B", 7), Message("B", 9)]
        second.say("Hello A 11")
        assert receiver.collect_until(1) == [Message("B", 11)]
        assert receiver.inbound.connected_peers == 1
    assert receiver.recorder.incidents[0] == ("peer-closed", "B", "closed by the peer")


def test_messages_beside_the_introduction_count_and_a_bad_one_ends_the_connection(
    receiver: Receiver,
) -> None:
    with RawMachine("C") as raw:
        raw.connect(receiver.port)
        raw.write(framed("Iam C run") + framed("Hello A,B 3") + framed("Hello B 4"))
        receiver.serve_until(lambda: bool(receiver.recorder.notes))
        assert raw.was_closed()
        assert receiver.inbound.collect() == [Message("C", 3)]
        assert receiver.inbound.connected_peers == 0
    assert receiver.recorder.incidents == [("peer-closed", "C", "a message to B, not to A")]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


def connection_over(near: socket.socket, inbox: list[Message]) -> PeerConnection:
    plan = plan_of_a()
    return PeerConnection(
        "B", near, wire.FrameDecoder(), "A", inbox, WaitingBytes(),
        lambda: None, message_decoder(plan, lambda: OWN),
    )  # fmt: skip


@pytest.mark.parametrize("missing", [0, 1])
def test_a_read_of_exactly_the_limit_has_reached_it(
    pair: tuple[socket.socket, socket.socket], missing: int
) -> None:
    near, far = pair
    inbox: list[Message] = []
    connection = connection_over(near, inbox)
    message = framed("Hello A 3")
    full, rest = divmod(INBOUND_BYTES_MAX - missing, len(message))
    far.sendall(message * full + message[:rest])
    assert connection.read() is None
    assert connection.reached_limit is (missing == 0)
    assert inbox == [Message("B", 3)] * full
    assert connection.read() is None  # nothing more is there


def test_a_read_takes_no_more_than_the_limit(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    inbox: list[Message] = []
    connection = connection_over(near, inbox)
    message = framed("Hello A 3")
    count = INBOUND_BYTES_MAX // len(message) + 9
    far.sendall(message * count)
    connection.read()
    assert len(inbox) == INBOUND_BYTES_MAX // len(message)
    connection.read()
    assert len(inbox) == count


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (0, "closed by the peer"),
        (1, "closed by the peer after 1 byte of a frame"),
        (5, "closed by the peer after 5 bytes of a frame"),
    ],
)
def test_the_end_of_a_connection_says_how_much_of_a_frame_had_come(
    pair: tuple[socket.socket, socket.socket], size: int, reason: str
) -> None:
    near, far = pair
    connection = connection_over(near, [])
    far.sendall(framed("Hello A 3") + framed("Hello A 4")[:size])
    far.close()
    assert connection.read() is None
    assert connection.read() == reason


def test_a_message_must_carry_a_timestamp_if_and_only_if_the_run_keeps_an_additional_clock() -> (
    None
):
    lamport, vector = (
        message_decoder(plan_of_a(), lambda: OWN),
        message_decoder(plan_of_a("vector"), lambda: OWN),
    )
    with pytest.raises(
        wire.WireError, match=r"^a message with a timestamp; the clock of this run is lamport$"
    ):
        lamport("B", wire.Hello(("A",), 3, "0.1.0"))
    with pytest.raises(
        wire.WireError, match=r"^a message without its timestamp; the clock of this run is vector$"
    ):
        vector("B", wire.Hello(("A",), 3))
    assert lamport("B", wire.Hello(("A",), 3, None, '{ "a": 1 }')).payload == '{"a":1}'
    timestamp = vector("C", wire.Hello(("A",), 3, "0.1.2")).timestamp
    assert timestamp is not None
    assert timestamp.encode() == "0.1.2"


def test_sockets_are_read_between_ticks_and_reaching_the_limit_is_recorded_once(
    receiver: Receiver,
) -> None:
    """One read takes 32,768 bytes: without reads between ticks, no collect could take all."""
    message = framed("Hello A 3")
    count = 3 * INBOUND_BYTES_MAX // len(message)
    with RawMachine("B") as raw:
        join(receiver, raw)
        raw.write(message * count)
        receiver.loop.run_until(monotonic_ns() + 1000 * MS)
        assert len(receiver.inbound.collect()) == count
        raw.write(message * count)
        receiver.collect_until(count)
    assert receiver.recorder.incidents == [
        ("intake-bound", "B", "over 32768 bytes at once; the rest waits for the next read")
    ]


def test_a_waiting_machine_reads_its_sockets_ten_times_a_second(receiver: Receiver) -> None:
    """Or not at all, if they are read whenever a message arrives."""
    with RawMachine("B") as raw:
        join(receiver, raw)
        before = receiver.loop.timers
        receiver.loop.run_until(monotonic_ns() + 1000 * MS)
        assert receiver.loop.timers - before <= 12


def test_the_limits_are_those_that_the_pages_state() -> None:
    assert INTRODUCTION_NS_MAX == 5_000_000_000
    assert inbound_module.REPLACEMENT_NS_MAX == 1_000_000_000
    assert INBOUND_BYTES_MAX == 32_768
    assert UNIDENTIFIED_MAX == 64


@pytest.mark.parametrize(
    ("first_bytes", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "a frame of 1195725856 bytes; the limit is 65536"),
        (b"", "closed before it introduced itself"),
        (framed("Iam B run")[:-1], "closed before it introduced itself"),
        (framed("Iam D run"), "D is not a peer of A"),
        (framed("Iam A run"), "A is not a peer of A"),
        (framed("Iam B other"), "B is of run other, this is run run"),
        (framed("Hello A 3"), "'Hello A 3' is not an introduction; expected 'Iam <name> <run id>'"),
    ],
)
def test_an_unidentified_connection_is_closed_with_a_reason(
    receiver: Receiver, first_bytes: bytes, reason: str
) -> None:
    with RawMachine("X") as raw:
        raw.connect(receiver.port)
        raw.write(first_bytes)
        raw.hang_up()
        receiver.serve_until(lambda: bool(receiver.recorder.notes))
        assert raw.was_closed()
    assert receiver.recorder.incidents == [("stranger-closed", "?", reason)]
    assert receiver.inbound.connected_peers == 0
