"""Peers and strangers that want to keep a machine from its work: each costs at most itself."""

import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic_ns

import pytest

import driftlab
from driftlab.model.event import Message
from driftlab.network import wire
from driftlab.network.handshake import Handshakes
from driftlab.network.sealing import KeyedHandshakes
from driftlab.network.timestamp_bounds import CLOCK_LEAD_MAX, Own, require_stamp
from driftlab.real import inbound as inbound_module
from driftlab.real import outbound
from driftlab.real.addresses import Address
from driftlab.real.inbound import MESSAGE_BYTES, UNIDENTIFIED_MAX, WaitingBytes
from driftlab.real.incidents import INCIDENTS_RECORDED_MAX, REASON_CHARACTERS_MAX, Incidents
from driftlab.real.key_file import load_key, make_key
from driftlab.real.outbound import OutboundChannel
from tests.journals import read_journal
from tests.raw_machine import RawMachine, framed
from tests.recorders import CountingLoop, NoteRecorder
from tests.started import LINUX, eventually, peak_memory, started
from tests.started import driftlab as command
from tests.test_inbound import MS, Receiver, connection_over, is_open, join

KEY = bytes(range(32))


def keyed(name: str, incarnation: int = 1, key: bytes = KEY) -> KeyedHandshakes:
    return KeyedHandshakes(name, "run", key, incarnation, lambda: os.urandom(16).hex())


@contextmanager
def receiving(handshakes: Handshakes, order: str = "peers") -> Iterator[Receiver]:
    one = Receiver(order, handshakes)
    try:
        yield one
    finally:
        one.inbound.close()
        one.loop.close()


class Caller:
    """A peer with the key, which dials a Receiver and takes each step when it is told to."""

    def __init__(self, receiver: Receiver, incarnation: int = 1, name: str = "B") -> None:
        self._receiver = receiver
        self.connection = socket.create_connection(("127.0.0.1", receiver.port))
        self.connection.setblocking(False)
        self.dialler = keyed(name, incarnation).dial("A")
        self._decoder = wire.FrameDecoder()
        self.challenge = self.hear()
        self.introduction = self.dialler.hear(self.challenge)

    def hear(self) -> str:
        """Return the next frame; raise ConnectionError at the end."""
        frames: list[str] = []

        def has_heard() -> bool:
            try:
                chunk = self.connection.recv(4096)
            except BlockingIOError:
                return False
            if not chunk:
                raise ConnectionError
            frames.extend(self._decoder.feed(chunk))
            return bool(frames)

        self._receiver.serve_until(has_heard)
        return frames[0]

    def introduce(self) -> None:
        self.connection.sendall(self.introduction)

    def open(self) -> None:
        self.dialler.hear(self.hear())

    def say(self, text: str) -> None:
        self.connection.sendall(self.dialler.seal(framed(text)))

    def close(self) -> None:
        self.connection.close()


# The handshake.


@pytest.mark.parametrize("handshakes", [Handshakes("A", "run"), keyed("A")])
def test_an_introduction_at_the_last_moment_is_no_introduction_that_never_came(
    handshakes: Handshakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the end of the first connection, beyond the time of its introduction."""
    monkeypatch.setattr(inbound_module, "INTRODUCTION_NS_MAX", 300 * MS)
    monkeypatch.setattr(inbound_module, "REPLACEMENT_NS_MAX", 600 * MS)
    with receiving(handshakes) as receiver, ExitStack() as stack:
        if handshakes.is_proven:
            first = Caller(receiver)
            first.introduce()
            first.open()
            second = Caller(receiver)
            receiver.loop.run_until(monotonic_ns() + 200 * MS)
            second.introduce()
            second.open()
            second.say("Hello A 9")
            stack.callback(second.close)
            first.close()
        else:
            raw, again = (stack.enter_context(RawMachine("B")) for _ in range(2))
            join(receiver, raw)
            again.connect(receiver.port)
            receiver.loop.run_until(monotonic_ns() + 200 * MS)
            again.say("Iam B run")
            receiver.loop.run_until(monotonic_ns() + 200 * MS)
            again.say("Hello A 9")
            raw.hang_up()
        assert receiver.collect_until(1) == [Message("B", 9)]
        receiver.loop.run_until(monotonic_ns() + 700 * MS)
        assert receiver.inbound.connected_peers == 1
        assert not any("no introduction" in str(each) for each in receiver.recorder.incidents)


def test_a_proof_byte_by_byte_is_taken_in_time_and_not_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbound_module, "INTRODUCTION_NS_MAX", 2_000 * MS)
    with receiving(keyed("A")) as receiver:
        slow, too_slow = Caller(receiver), Caller(receiver, name="C")
        for byte in slow.introduction:
            slow.connection.sendall(bytes([byte]))
            receiver.loop.run_until(monotonic_ns() + 2 * MS)
        slow.open()
        slow.say("Hello A 7")
        assert receiver.collect_until(1) == [Message("B", 7)]
        too_slow.connection.sendall(too_slow.introduction[:-1])
        receiver.serve_until(lambda: bool(receiver.recorder.notes))
        assert receiver.recorder.incidents == [("stranger-closed", "?", "no introduction in 2 s")]
        assert receiver.inbound.connected_peers == 1
        for caller in (slow, too_slow):
            caller.close()


def test_a_message_in_one_piece_with_the_proof_ends_the_connection() -> None:
    """Nobody who waits for the answer writes it, so it is of somebody who was not answered."""
    with receiving(keyed("A")) as receiver:
        for more in (framed("Hello A 3"), b"\0", framed("Hello A 3")[:-1]):
            caller = Caller(receiver)
            caller.connection.sendall(caller.introduction + more)
            with pytest.raises(ConnectionError):
                caller.hear()
            caller.close()
        assert {each[2] for each in receiver.recorder.incidents} == {
            "B wrote before it was answered"
        }
        assert receiver.inbound.connected_peers == 0


def test_the_introductions_of_other_connections_and_of_the_acceptor_itself_are_refused() -> None:
    """Recorded ones, also of the same machine in the same run, and reflected ones."""
    with receiving(keyed("A")) as receiver:
        recorded = Caller(receiver)
        recorded.introduce()
        recorded.open()
        for make in (
            lambda caller: recorded.introduction,
            lambda caller: keyed("A").dial("B").hear(caller.challenge),
            lambda caller: keyed("A").dial("B").hear(caller.challenge).replace(b"Iam A", b"Iam B"),
            lambda caller: keyed("B").dial("C").hear(caller.challenge),
            lambda caller: caller.introduction.replace(b"Iam B", b"Iam C"),
            lambda caller: caller.introduction.replace(b" 1 ", b" 2 "),
        ):
            caller = Caller(receiver)
            caller.connection.sendall(make(caller))
            with pytest.raises(ConnectionError):
                caller.hear()
            caller.close()
        assert receiver.inbound.connected_peers == 1
        assert len(receiver.recorder.notes) == 6
        recorded.close()


def test_a_later_incarnation_that_waits_does_not_give_way_to_an_earlier_one() -> None:
    with receiving(keyed("A")) as receiver:
        callers = [Caller(receiver, incarnation) for incarnation in (1, 5, 3)]
        first, later, earlier = callers
        first.introduce()
        first.open()
        later.introduce()
        receiver.loop.run_until(monotonic_ns() + 50 * MS)
        earlier.introduce()
        with pytest.raises(ConnectionError):
            earlier.hear()
        later.open()
        later.say("Hello A 8")
        assert receiver.collect_until(1) == [Message("B", 8)]
        for caller in callers:
            caller.close()


def test_a_peer_that_connects_again_and_again_keeps_its_newest_connection() -> None:
    with receiving(keyed("A")) as receiver:
        callers = [Caller(receiver) for _ in range(20)]
        for caller in callers:
            caller.introduce()
            receiver.loop.run_until(monotonic_ns() + 5 * MS)
        callers[-1].open()
        callers[-1].say("Hello A 8")
        assert receiver.collect_until(1) == [Message("B", 8)]
        assert receiver.inbound.connected_peers == 1
        assert receiver.inbound.refused == {}
        for caller in callers:
            caller.close()


@pytest.mark.parametrize("size", [0, 5])
def test_a_greeting_that_the_kernel_does_not_take_ends_the_connection(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = socket.socketpair()
    with near, far:
        assert inbound_module._write(near, b"Nonce")
        near.setblocking(False)
        while inbound_module._write(near, bytes(1000)):
            pass
        far.recv(size)
        assert not inbound_module._write(near, bytes(10**7))
        far.close()
        assert not inbound_module._write(near, b"Nonce")
    monkeypatch.setattr(inbound_module, "_write", lambda connection, text: False)
    with receiving(keyed("A")) as receiver:
        connection = socket.create_connection(("127.0.0.1", receiver.port))
        receiver.serve_until(lambda: bool(receiver.recorder.notes))
        assert receiver.recorder.incidents[0][2] == "lost before it introduced itself"
        connection.close()


# Strangers in number.


def test_who_opens_many_connections_has_its_own_closed_and_nobody_else_s() -> None:
    with receiving(Handshakes("A", "run")) as receiver, ExitStack() as stack:
        address = ("127.0.0.1", receiver.port)

        def dial(source: str) -> socket.socket:
            return stack.enter_context(socket.create_connection(address, 5, (source, 0)))

        slow = dial("127.0.0.1")  # the oldest of all
        crowd = [dial("127.0.0.2") for _ in range(3 * UNIDENTIFIED_MAX)]
        receiver.serve_until(lambda: len(receiver.recorder.notes) >= 2 * UNIDENTIFIED_MAX - 1)
        assert is_open(slow)
        assert not any(map(is_open, crowd[: UNIDENTIFIED_MAX // 2]))
        slow.setblocking(True)
        slow.sendall(framed("Iam B run") + framed("Hello A 4"))
        assert receiver.collect_until(1) == [Message("B", 4)]


@pytest.mark.skipif(not LINUX, reason="dials from 127.0.0.2")
def test_many_connections_cost_one_timer() -> None:
    with receiving(Handshakes("A", "run"), "arrival") as receiver, ExitStack() as stack:
        for _ in range(5 * UNIDENTIFIED_MAX):
            stack.enter_context(socket.create_connection(("127.0.0.1", receiver.port)))
            receiver.loop.run_until(0)
        receiver.serve_until(lambda: len(receiver.recorder.notes) >= 4 * UNIDENTIFIED_MAX - 2)
        assert receiver.loop.timers == 1


def test_strangers_do_not_hide_what_happens_among_the_peers() -> None:
    recorder = NoteRecorder()
    incidents = Incidents(recorder.note)
    for _ in range(INCIDENTS_RECORDED_MAX + 5):
        incidents.record("stranger-closed", "?", "garbage")
    incidents.record("peer-closed", "B", "x" * 70_000)
    assert len(recorder.notes) == INCIDENTS_RECORDED_MAX + 1
    assert incidents.count == INCIDENTS_RECORDED_MAX + 6
    assert recorder.incidents[-1] == ("peer-closed", "B", "x" * (REASON_CHARACTERS_MAX - 1) + "…")


# Clocks.


@pytest.mark.parametrize("elapsed_ns", [0, 1, 10**9, 3600 * 10**9])
def test_a_machine_that_was_raised_to_the_bound_is_believed_by_the_others(elapsed_ns: int) -> None:
    """The bound rises faster than machines tick, so a lie to one does not part it from the rest."""
    raised = Own(7, elapsed_ns, 0).bound
    require_stamp(raised, Own(7, elapsed_ns, 0))
    for pause_ns in (10**6, 10**9, 10**12):  # its next messages, at 10,000 ticks a second
        ticks = 2 + pause_ns // 10**5
        require_stamp(raised + ticks, Own(0, elapsed_ns + pause_ns, 0))


def test_one_message_at_the_bound_silences_nobody_in_a_run(tmp_path: Path) -> None:
    """B tells A the largest clock that it believes; A's messages still reach C, and C's reach A."""
    run, ports = "run", {}
    with ExitStack() as stack:
        b = stack.enter_context(RawMachine("B"))
        spare = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in "AC"]
        ports = dict(zip("AC", (one.getsockname()[1] for one in spare), strict=True))
        for one in spare:
            one.close()
        at = [f"--at={name}=127.0.0.1:{port}" for name, port in {**ports, "B": b.port}.items()]
        flags = ("--run-id", run, "--rates", "50,1,50", "--seconds", "3", "--send-one", "0.9", *at)
        processes = {
            name: stack.enter_context(started("machine", name, *flags, "--out", tmp_path / "run"))
            for name in "AC"
        }
        calls = {}
        for name, port in ports.items():
            eventually(partial(_listens, port))
            calls[name] = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            calls[name].sendall(framed(f"Iam B {run}"))
        taken = [stack.enter_context(b.listener.accept()[0]) for _ in "AC"]
        assert processes["A"].stderr is not None
        while "all connected" not in processes["A"].stderr.readline():
            assert processes["A"].poll() is None
        calls["A"].sendall(framed(f"Hello A {CLOCK_LEAD_MAX}"))
        for process in processes.values():
            process.communicate(timeout=60)
            assert process.returncode == 0
        assert len(taken) == 2
    heard = [
        entry.event.stamp or 0
        for entry in read_journal(tmp_path / "run" / "C.log").entries
        if entry.event.sender == "A"
    ]
    assert max(heard) > CLOCK_LEAD_MAX
    assert driftlab.read(tmp_path / "run" / "A.log")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


# Floods.


def test_a_peer_that_is_over_the_bound_adds_nothing_by_connecting_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = 10 * (MESSAGE_BYTES + len("Hello A 1"))
    monkeypatch.setattr(inbound_module, "INBOX_BYTES_MAX", limit)
    with receiving(Handshakes("A", "run")) as receiver, ExitStack() as stack:
        found: list[Message] = []
        for times in range(1, 6):
            raw = stack.enter_context(RawMachine("B"))
            raw.connect(receiver.port)
            raw.write(framed("Iam B run") + framed("Hello A 1") * 1000)
            receiver.serve_until(lambda: sum(receiver.inbound.refused.values()) >= times)  # noqa: B023
            found += receiver.inbound.collect()
            receiver.in_inbox = len(found)
        assert len(found) == 10
        assert receiver.inbound._waiting["B"].bytes == limit


@pytest.mark.skipif(not LINUX, reason="reads /proc")
@pytest.mark.parametrize("clock", ["vector", "matrix"])
def test_the_memory_of_a_flood_of_timestamps_is_not_more_than_is_counted(clock: str) -> None:
    from driftlab.real.inbound import PeerConnection, message_decoder
    from driftlab.scenario.plan import plan_run
    from driftlab.scenario.scenario import Scenario

    machines = 50
    plan = plan_run(Scenario(machines=machines, clock=clock), 1)[0]
    peer = plan.peers[0]
    row = ".".join(["999"] * machines)
    text = row if clock == "vector" else "/".join([row] * machines)
    waiting, inbox = WaitingBytes(), list[Message]()
    decode = message_decoder(plan, lambda: Own(0, 0, 0))
    near, far = socket.socketpair()
    with near, far:
        connection = PeerConnection(
            peer, near, wire.FrameDecoder(), plan.name, inbox, waiting, lambda: None, decode
        )
        frame = f"Hello {plan.name} 5 {text}"
        with peak_memory() as growth:
            while waiting.bytes < 40 << 20:
                assert connection.take_frames([frame]) is None
            assert growth() * 2**20 < 1.3 * waiting.bytes


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_targets_that_differ_in_every_message_take_no_memory() -> None:
    names = [f"A{number}" for number in range(9_000)]
    with peak_memory() as growth:
        for number in range(1_200):
            targets = ",".join([f"A,B{number}", *names])
            assert len(wire.parse_hello(f"Hello {targets} 1").targets) == 9_002
        assert growth() < 30


def test_a_reason_quotes_only_the_beginning_of_what_a_peer_wrote() -> None:
    recorder = NoteRecorder()
    near, far = socket.socketpair()
    with near, far:
        connection = connection_over(near, [])
        reason = connection.take_frames([f"Hello {','.join(['Bob'] * 9_000)} 1"])
    assert reason is not None
    Incidents(recorder.note).record("peer-closed", "B", reason)
    assert len(str(recorder.incidents[0][2])) == REASON_CHARACTERS_MAX


# Dialling.


def test_a_peer_that_does_not_accept_the_handshake_is_dialled_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it does instead: it closes, it writes garbage, it has another key."""
    monkeypatch.setattr(outbound, "REDIAL_LAST_NS", 200 * MS)
    wrong = keyed("B", key=bytes(32))

    def close(connection: socket.socket) -> None:
        connection.close()

    def garbage(connection: socket.socket) -> None:
        connection.sendall(framed("Nonce 5"))

    def other_key(connection: socket.socket) -> None:
        connection.sendall(wrong.accept().greeting + framed(f"Proof {0:032x}"))

    behaviours: tuple[Callable[[socket.socket], None], ...] = (close, garbage, other_key)
    for behave in behaviours:
        loop, recorder = CountingLoop(), NoteRecorder()
        with RawMachine("B") as raw, ExitStack() as stack:
            raw.listener.setblocking(False)
            address = Address("127.0.0.1", raw.port)
            channel = OutboundChannel("B", address, keyed("A"), loop, Incidents(recorder.note))
            channel.dial()
            calls = 0
            end_ns = monotonic_ns() + 1_000 * MS
            while monotonic_ns() < end_ns:
                loop.run_until(monotonic_ns() + MS)
                try:
                    connection, _ = raw.listener.accept()
                except BlockingIOError:
                    continue
                calls += 1
                stack.enter_context(connection)
                behave(connection)
            channel.close()
            assert not channel.is_open
        loop.close()
        assert 3 <= calls <= 9  # 20, 40, 80, 160, 200 ms and so on; without pauses hundreds


# Key files, and many machines.


def test_a_key_that_does_not_fit_on_the_disk_leaves_no_half_key(tmp_path: Path) -> None:
    import resource

    def full_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    done = command("key", tmp_path / "run.key", prepare=full_disk)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run.key").exists()


def test_twenty_machines_with_a_key_make_a_run(tmp_path: Path) -> None:
    key = tmp_path / "run.key"
    make_key(str(key))
    scenario = driftlab.Scenario(rates=[10] * 20, seconds=1, seed=3)
    run = driftlab.run(scenario, out=tmp_path / "run", key=key)
    assert isinstance(run, driftlab.Run)
    assert run.is_whole
    assert not run.has_refusals
    assert driftlab.read(tmp_path / "run").check().holds
    assert all(
        load_key(str(key)).hex() not in path.read_text()
        for path in (tmp_path / "run").glob("*.log")
    )


@pytest.mark.parametrize("seed", range(20))
def test_what_waits_is_never_counted_as_less_than_it_is(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And, once counted again, as more by one part at the most; the first are received first."""
    draw = random.Random(seed)
    monkeypatch.setattr(inbound_module, "INBOX_BYTES_MAX", 1 << draw.randrange(12, 24))
    waiting, sizes = WaitingBytes(), list[int]()
    largest = 0
    for _ in range(300):
        new = [draw.randrange(1, 400) for _ in range(draw.randrange(1, 20))]
        waiting.add(len(new), sum(new))
        sizes += new
        largest = max(largest, sum(new))
        del sizes[: draw.randrange(20)]
        assert waiting.bytes >= sum(sizes)
        if draw.random() < 0.2:
            waiting.keep_last(len(sizes))
            part = (inbound_module.INBOX_BYTES_MAX >> 10) + largest
            assert sum(sizes) <= waiting.bytes <= sum(sizes) + part


def test_frames_after_a_bad_one_are_not_counted_as_waiting() -> None:
    """They would be taken for those that wait, in place of earlier ones that do."""
    near, far = socket.socketpair()
    with near, far:
        inbox: list[Message] = []
        connection = connection_over(near, inbox)
        assert connection.take_frames(["Hello A 1"] * 5) is None
        assert connection.take_frames(["Hello A 2", "garbage", *["Hello A 3"] * 2_000]) is not None
        assert len(inbox) == 6
        waiting = connection._waiting
        assert waiting.bytes == 6 * (MESSAGE_BYTES + 9)
        assert sum(part[0] for part in waiting._parts) == 6
