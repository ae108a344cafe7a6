"""An outbound channel over a real connection: order, limits, and what happens at its end."""

import socket
from collections.abc import Iterator
from itertools import pairwise
from time import monotonic_ns

import pytest

from driftlab.network import wire
from driftlab.network.handshake import Handshakes
from driftlab.real import outbound
from driftlab.real.addresses import Address
from driftlab.real.event_loop import EventLoop
from driftlab.real.incidents import INCIDENTS_RECORDED_MAX, Incidents
from driftlab.real.outbound import OUTBOUND_BYTES_MAX, OutboundChannel
from tests.raw_machine import RawMachine
from tests.recorders import CountingLoop, NoteRecorder

HANDSHAKES = Handshakes("A", "run")


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    one = EventLoop()
    yield one
    one.close()


def opened(raw: RawMachine, loop: EventLoop, recorder: NoteRecorder) -> OutboundChannel:
    channel = OutboundChannel(
        raw.name, Address("127.0.0.1", raw.port), HANDSHAKES, loop, Incidents(recorder.note)
    )
    channel.dial()
    loop.run_while(lambda: not channel.is_open)
    assert raw.take_call() == "Iam A run"
    return channel


def test_what_the_kernel_does_not_take_waits_and_arrives_whole_and_in_order(
    loop: EventLoop,
) -> None:
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        raw.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel = opened(raw, loop, recorder)
        sent = 0
        while channel.waiting < 1000:
            sent += 1
            channel.send(wire.hello(("B",), sent))
        for stamp in range(1, sent + 1):
            while channel.waiting and not raw.received:
                loop.run_until(0)
                assert raw.incoming is not None
                raw.received += raw.incoming.recv(65536)
            assert raw.hear() == f"Hello B {stamp}"
        assert channel.waiting == 0
        channel.close()
    assert recorder.notes == []
    assert channel.undelivered == 0


def test_frames_cut_anywhere_by_the_kernel_arrive_whole(loop: EventLoop) -> None:
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        raw.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel = opened(raw, loop, recorder)
        texts = list[str]()
        while channel.waiting < 20:
            texts.append(f"{len(texts)} " + "x" * (9973 * len(texts) % 40_000))
            channel.send(wire.frame(texts[-1]))
        for text in texts:
            while channel.waiting and len(raw.received) < 70_000:
                loop.run_until(0)
                assert raw.incoming is not None
                raw.received += raw.incoming.recv(9999)
            assert raw.hear() == text
        channel.close()
    assert recorder.notes == []


def test_a_peer_that_never_reads_ends_its_channel_at_the_limit_and_is_dialled_again(
    loop: EventLoop,
) -> None:
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        channel = opened(raw, loop, recorder)
        first = raw.incoming
        frame = wire.hello(("B",), 10**18)
        sent = 0
        while not recorder.notes:
            channel.send(frame)
            sent += 1
        (incident,) = recorder.notes
        assert incident["what"] == "channel-full"
        assert str(OUTBOUND_BYTES_MAX) in str(incident["reason"])
        assert channel.undelivered == OUTBOUND_BYTES_MAX // len(frame) + 1
        assert channel.undelivered < sent
        loop.run_while(lambda: not channel.is_open)
        assert raw.take_call() == "Iam A run"
        channel.send(wire.hello(("B",), 7))
        assert raw.hear() == "Hello B 7"
        assert first is not None
        first.close()
        channel.close()


def test_the_next_connection_begins_with_the_frame_that_was_cut(loop: EventLoop) -> None:
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        raw.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel = opened(raw, loop, recorder)
        sent = 0
        while channel.waiting < 10:
            sent += 1
            channel.send(wire.hello(("B",), sent))
        waiting = channel.waiting
        assert raw.incoming is not None
        raw.incoming.close()
        loop.run_while(lambda: channel.is_open)
        loop.run_while(lambda: not channel.is_open or channel.waiting > 0)
        assert raw.take_call() == "Iam A run"
        heard = [raw.hear() for _ in range(waiting)]
        assert heard == [f"Hello B {stamp}" for stamp in range(sent - waiting + 1, sent + 1)]
        channel.close()
    assert [note["what"] for note in recorder.notes] == ["channel-lost", "channel-open"]
    assert f"{waiting} messages are kept" in str(recorder.notes[0]["reason"])


def test_a_peer_that_writes_to_us_on_our_channel_ends_it(loop: EventLoop) -> None:
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        channel = opened(raw, loop, recorder)
        assert raw.incoming is not None
        raw.incoming.sendall(b"x")
        loop.run_while(lambda: not recorder.notes)
        assert recorder.notes[0]["reason"] == "wrote on a channel that it only reads"
        channel.close()


def test_messages_for_a_peer_that_never_comes_are_undelivered(loop: EventLoop) -> None:
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        nobody = raw.port
    channel = OutboundChannel(
        "B", Address("127.0.0.1", nobody), HANDSHAKES, loop, Incidents(recorder.note)
    )
    channel.dial()
    for stamp in range(5):
        channel.send(wire.hello(("B",), stamp))
    assert channel.waiting == 5
    channel.close()
    assert channel.undelivered == 5


@pytest.fixture
def unopened(loop: EventLoop) -> tuple[OutboundChannel, NoteRecorder]:
    """A channel that is never dialled, so that everything waits."""
    recorder = NoteRecorder()
    address = Address("127.0.0.1", 1)
    return OutboundChannel("B", address, HANDSHAKES, loop, Incidents(recorder.note)), recorder


def test_exactly_the_limit_may_wait_and_one_byte_more_gives_up_all_messages(
    unopened: tuple[OutboundChannel, NoteRecorder],
) -> None:
    channel, recorder = unopened
    for _ in range(2):
        channel.send(bytes(OUTBOUND_BYTES_MAX // 2))
    assert (channel.waiting, channel.undelivered, recorder.notes) == (2, 0, [])
    channel.send(b"x")
    assert (channel.waiting, channel.undelivered) == (0, 3)
    assert recorder.incidents == [
        (
            "channel-full",
            "B",
            "1048577 bytes wait for a peer that is away or does not read, "
            "over the limit of 1048576; undelivered: 3 messages",
        )
    ]
    channel.send(b"x")
    channel.close()
    assert channel.undelivered == 4


def test_one_message_that_is_too_large_is_one_message(
    unopened: tuple[OutboundChannel, NoteRecorder],
) -> None:
    channel, recorder = unopened
    channel.send(bytes(OUTBOUND_BYTES_MAX + 1))
    assert str(recorder.incidents[0][2]).endswith("; undelivered: 1 message")


def test_a_channel_waits_once_before_it_dials_again_and_never_after_its_end() -> None:
    loop, recorder = CountingLoop(), NoteRecorder()
    channel = OutboundChannel(
        "B", Address("127.0.0.1", 1), HANDSHAKES, loop, Incidents(recorder.note)
    )
    for _ in range(3):
        channel.send(bytes(OUTBOUND_BYTES_MAX + 1))
    assert loop.timers == 1
    channel.close()
    channel.send(bytes(OUTBOUND_BYTES_MAX + 1))
    assert loop.timers == 1
    channel.dial()
    loop.run_until(monotonic_ns() + 50_000_000)
    assert loop.timers == 1
    assert not channel.is_open
    loop.close()


def closes_at_once(raw: RawMachine, channel: OutboundChannel, loop: EventLoop) -> int:
    """Take one call, close it, wait until the channel has noticed; return when it was taken."""
    taken = list[socket.socket]()

    def is_taken() -> bool:
        try:
            taken.append(raw.listener.accept()[0])
        except BlockingIOError:
            return False
        return True

    while not is_taken():
        loop.run_until(monotonic_ns() + 1_000_000)
    loop.run_while(lambda: not channel.is_open)
    at_ns = monotonic_ns()
    taken[0].close()
    loop.run_while(lambda: channel.is_open)
    return at_ns


def test_the_pauses_between_dialling_double_up_to_the_longest(
    loop: EventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "REDIAL_LAST_NS", 90_000_000)
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        raw.listener.setblocking(False)
        channel = OutboundChannel(
            "B", Address("127.0.0.1", raw.port), HANDSHAKES, loop, Incidents(recorder.note)
        )
        channel.dial()
        taken_ns = [closes_at_once(raw, channel, loop) for _ in range(8)]
        channel.close()
    pauses_ns = [after - before for before, after in pairwise(taken_ns)]
    for pause_ns, least_ns in zip(pauses_ns, [20e6, 40e6, 80e6, *[90e6] * 4], strict=True):
        assert pause_ns >= least_ns
    assert pauses_ns[-1] < 1.2e9  # without a longest pause it would be 1.28 s
    assert [what for what, _, _ in recorder.incidents[:3]] == [
        "channel-lost", "channel-open", "channel-lost",
    ]  # fmt: skip


def test_a_lost_connection_says_how_many_messages_are_kept(loop: EventLoop) -> None:
    recorder = NoteRecorder()
    with RawMachine("B") as raw:
        raw.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel = opened(raw, loop, recorder)
        while not channel.waiting:
            channel.send(bytes(60_000))
        assert raw.incoming is not None
        raw.incoming.close()
        loop.run_while(lambda: channel.is_open)
        channel.close()
    assert str(recorder.incidents[0][2]).endswith("; 1 message is kept for the next connection")
    assert channel.undelivered == 1


def test_incidents_beyond_the_limit_are_counted_and_not_written() -> None:
    recorder = NoteRecorder()
    incidents = Incidents(recorder.note)
    for _ in range(INCIDENTS_RECORDED_MAX + 5):
        incidents.record("stranger-closed", "?", "garbage")
    assert incidents.count == INCIDENTS_RECORDED_MAX + 5
    assert len(recorder.notes) == INCIDENTS_RECORDED_MAX
    incidents.mute()
    incidents.record("peer-closed", "B", "closed by the peer")
    assert incidents.count == INCIDENTS_RECORDED_MAX + 5
