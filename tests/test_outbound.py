"""An outgoing channel over a real connection: order, bound, and a clear end."""

import socket
from collections.abc import Iterator
from functools import partial

import pytest

from driftlab.network import wire
from driftlab.real.addresses import Address
from driftlab.real.event_loop import EventLoop
from driftlab.real.incidents import INCIDENTS_RECORDED_MAX, Incidents
from driftlab.real.outbound import OUTBOUND_BYTES_MAX, OutboundChannel
from tests.raw_machine import RawMachine


class Recorder:
    """Keeps notes instead of writing them."""

    def __init__(self) -> None:
        self.notes: list[dict[str, object]] = []

    def note(self, topic: str, fields: dict[str, object]) -> None:
        self.notes.append({"topic": topic, **fields})


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    one = EventLoop()
    yield one
    one.close()


def opened(raw: RawMachine, loop: EventLoop, recorder: Recorder) -> OutboundChannel:
    greeting = wire.iam("A", "run")
    channel = OutboundChannel(
        raw.name, Address("127.0.0.1", raw.port), greeting, loop, Incidents(recorder.note)
    )
    channel.dial()
    loop.run_while(lambda: not channel.is_open)
    assert raw.take_call() == "Iam A run"
    return channel


def test_what_the_kernel_does_not_take_waits_and_arrives_whole_and_in_order(
    loop: EventLoop,
) -> None:
    recorder = Recorder()
    with RawMachine("B") as raw:
        raw.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel = opened(raw, loop, recorder)
        sent = 0
        while channel.waiting < 1000:
            sent += 1
            channel.send(wire.hello(("B",), sent))
        for stamp in range(1, sent + 1):
            while channel.waiting and not raw.heard:
                loop.run_until(0)
                assert raw.incoming is not None
                raw.heard += raw.incoming.recv(65536)
            assert raw.hear() == f"Hello B {stamp}"
        assert channel.waiting == 0
        channel.close()
    assert recorder.notes == []
    assert channel.undelivered == 0


def test_frames_cut_anywhere_by_the_kernel_go_on_where_they_were_cut(loop: EventLoop) -> None:
    recorder = Recorder()
    with RawMachine("B") as raw:
        raw.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel = opened(raw, loop, recorder)
        texts = list[str]()
        while channel.waiting < 20:
            texts.append(f"{len(texts)} " + "x" * (9973 * len(texts) % 40_000))
            channel.send(wire.frame(texts[-1]))
        for text in texts:
            while channel.waiting and len(raw.heard) < 70_000:
                loop.run_until(0)
                assert raw.incoming is not None
                raw.heard += raw.incoming.recv(9999)
            assert raw.hear() == text
        channel.close()
    assert recorder.notes == []


def test_a_peer_that_never_reads_ends_its_channel_at_the_bound_and_is_dialled_again(
    loop: EventLoop,
) -> None:
    recorder = Recorder()
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


def test_a_lost_connection_begins_again_with_the_frame_that_was_cut(loop: EventLoop) -> None:
    recorder = Recorder()
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


def test_a_peer_that_writes_on_our_channel_loses_it(loop: EventLoop) -> None:
    recorder = Recorder()
    with RawMachine("B") as raw:
        channel = opened(raw, loop, recorder)
        assert raw.incoming is not None
        raw.incoming.sendall(b"x")
        loop.run_while(lambda: not recorder.notes)
        assert recorder.notes[0]["reason"] == "wrote on a channel that it only reads"
        channel.close()


def test_messages_for_a_peer_that_never_comes_are_undelivered(loop: EventLoop) -> None:
    recorder = Recorder()
    with RawMachine("B") as raw:
        nobody = raw.port
    channel = OutboundChannel(
        "B", Address("127.0.0.1", nobody), b"", loop, Incidents(recorder.note)
    )
    channel.dial()
    for stamp in range(5):
        channel.send(wire.hello(("B",), stamp))
    assert channel.waiting == 5
    channel.close()
    assert channel.undelivered == 5


def test_incidents_beyond_the_bound_are_counted_and_not_written() -> None:
    recorder = Recorder()
    incidents = Incidents(recorder.note)
    for _ in range(INCIDENTS_RECORDED_MAX + 5):
        incidents.record("stranger-closed", "?", "garbage")
    assert incidents.count == INCIDENTS_RECORDED_MAX + 5
    assert len(recorder.notes) == INCIDENTS_RECORDED_MAX
    incidents.mute()
    incidents.record("peer-closed", "B", "closed by the peer")
    assert incidents.count == INCIDENTS_RECORDED_MAX + 5


def test_a_loop_wakes_at_the_instant_and_serves_in_order() -> None:
    from time import monotonic_ns

    loop, served = EventLoop(), list[int]()
    now = monotonic_ns()
    for position, later in enumerate((10**13, 1_000_000, 1_000_000, -5)):
        loop.call_at(now + later, partial(served.append, position))
    loop.run_until(now + 2_000_000)
    assert monotonic_ns() >= now + 2_000_000
    assert served == [3, 1, 2]
    loop.stop()
    loop.run_until(now + 10**15)  # halted: returns at once
    loop.close()
