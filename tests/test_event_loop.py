"""Both pollers, that of Linux and that of everywhere else, against real sockets."""

import socket
from collections.abc import Iterator
from time import monotonic_ns

import pytest

from driftlab.real import event_loop
from driftlab.real.event_loop import READ, WRITE, Poller

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


def test_nothing_is_ready_before_its_time_and_the_wait_is_not_cut_short(one: Poller) -> None:
    for left_ns in (300_000, 2 * MS):
        before = monotonic_ns()
        assert one.ready(left_ns) == []
        assert monotonic_ns() - before >= left_ns


def test_no_time_left_means_no_wait(one: Poller) -> None:
    assert one.ready(0) == []
    assert one.ready(-5) == []


def test_what_is_ready_is_called_for_what_it_was_watched_for(
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


def test_what_is_forgotten_is_not_called_and_forgetting_twice_is_no_error(
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
