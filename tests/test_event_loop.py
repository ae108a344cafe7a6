"""The event loop, and both pollers, that of Linux and that of other systems, on real sockets."""

import socket
from collections.abc import Iterator
from functools import partial
from time import monotonic_ns, process_time_ns

import pytest

from driftlab.real import event_loop
from driftlab.real.event_loop import READ, WRITE, EventLoop, Poller

MS = 1_000_000


POLLERS = [
    getattr(event_loop, name) for name in ("_Epoll", "_Selector") if hasattr(event_loop, name)
]


@pytest.fixture(params=POLLERS)
def one(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made: Poller = request.param()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_a_wait_without_anything_ready_lasts_to_its_end(one: Poller) -> None:
    for left_ns in (300_000, 2 * MS):
        before = monotonic_ns()
        assert one.ready(left_ns) == []
        assert monotonic_ns() - before >= left_ns


def test_a_timeout_of_zero_or_less_does_not_wait(one: Poller) -> None:
    assert one.ready(0) == []
    assert one.ready(-5) == []


def test_the_last_callback_of_a_descriptor_is_returned(
    one: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    called: list[str] = []
    fd = near.fileno()
    one.watch(fd, READ, lambda: called.append("read"))
    assert one.ready(0) == []
    one.watch(fd, READ | WRITE, lambda: called.append("both"))
    for callback in one.ready(1000 * MS):
        callback()
    one.watch(fd, READ, lambda: called.append("read"))
    far.send(b"x")
    for callback in one.ready(1000 * MS):
        callback()
    assert called == ["both", "read"]


def test_a_forgotten_descriptor_is_not_ready_and_may_be_forgotten_twice(
    one: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    one.watch(near.fileno(), READ, lambda: None)
    far.send(b"x")
    one.forget(near.fileno())
    one.forget(near.fileno())
    assert one.ready(0) == []


def test_a_closed_far_end_is_ready_to_read(
    one: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    one.watch(near.fileno(), READ, lambda: None)
    far.close()
    assert len(one.ready(1000 * MS)) == 1


def test_timers_run_in_the_order_of_their_instants_and_then_of_their_creation() -> None:
    loop, served = EventLoop(), list[int]()
    now = monotonic_ns()
    for position, later in enumerate((10**13, 1_000_000, 1_000_000, -5)):
        loop.call_at(now + later, partial(served.append, position))
    loop.run_until(now + 2_000_000)
    assert monotonic_ns() >= now + 2_000_000
    assert served == [3, 1, 2]
    loop.stop()
    loop.run_until(now + 10**15)  # returns at once
    loop.close()


def test_the_loop_serves_once_even_if_the_instant_is_past() -> None:
    loop, served = EventLoop(), list[str]()
    loop.call_at(monotonic_ns() - 1, lambda: served.append("due"))
    loop.call_at(monotonic_ns() + 10**12, lambda: served.append("later"))
    before = monotonic_ns()
    assert loop.run_until(before - 10**9) >= before
    assert served == ["due"]
    loop.close()


def test_a_callback_can_stop_the_loop_for_ever(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    loop = EventLoop()
    loop.watch(near.fileno(), READ, loop.stop)
    far.send(b"x")
    before = monotonic_ns()
    loop.run_until(before + 10**13)
    loop.run_while(lambda: True)
    assert loop.stopped
    assert monotonic_ns() - before < 5 * 10**9
    loop.close()


def test_the_loop_runs_while_its_condition_holds() -> None:
    loop, served = EventLoop(), list[int]()
    for number, wait_ns in enumerate((0, MS, 10**12)):
        loop.call_at(monotonic_ns() + wait_ns, partial(served.append, number))
    loop.run_while(lambda: len(served) < 2)
    assert served == [0, 1]
    loop.close()


@pytest.mark.parametrize("wait_ms", [1, 19, 25])
def test_the_loop_returns_at_the_instant_and_not_before(wait_ms: int) -> None:
    """A wait of more than 20 ms is split, which must not shorten it."""
    loop = EventLoop()
    for _ in range(5):
        instant_ns = monotonic_ns() + wait_ms * MS
        ended_ns = loop.run_until(instant_ns)
        assert instant_ns <= ended_ns <= monotonic_ns()
    loop.close()


def test_a_loop_that_waits_takes_no_processor_time() -> None:
    loop = EventLoop()
    before_ns = process_time_ns()
    loop.call_at(monotonic_ns() + 500 * MS, lambda: None)
    loop.run_until(monotonic_ns() + 1000 * MS)
    assert process_time_ns() - before_ns < 200 * MS
    loop.close()
