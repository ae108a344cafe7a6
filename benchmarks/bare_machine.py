"""The bare machine: a minimal machine with the same traffic, written without driftlab.

One process with a timerfd and a listening socket that it inherits. It connects
to every other machine, takes its ticks (read, then receive one message or roll
the die) and prints the lateness of each. It has no journal, no checks and no
recovery. It reads its parameters as JSON from the first line of standard input
and its start from the second. Then it prints `done`, and the lateness only
after a third line, so that printing delays no other machine.
"""

import ctypes
import gc
import json
import os
import random
import select
import socket
import sys
from collections import deque
from time import monotonic_ns

NS_PER_SECOND = 1_000_000_000
CLOCK_MONOTONIC = 1
TIMER_ABSTIME = 1


class Spec(ctypes.Structure):
    """struct itimerspec: the interval, then the first expiry."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("s", ctypes.c_long),
        ("ns", ctypes.c_long),
    )


class Mesh:
    """Connections to and from every other machine; the loop of ticks."""

    def __init__(self, listener: socket.socket, ports: list[int], faces: int) -> None:
        self.outgoing = [socket.create_connection(("127.0.0.1", port)) for port in ports]
        self.incoming: dict[int, socket.socket] = {}
        self.rests: dict[int, bytes] = {}
        self.queue: deque[int] = deque()
        self.clock = 0
        self.faces = faces
        self.libc = ctypes.CDLL(None)
        self.timer = self.libc.timerfd_create(CLOCK_MONOTONIC, os.O_CLOEXEC)
        self.poll = select.epoll()
        for connection in self.outgoing:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            incoming, _ = listener.accept()
            incoming.setblocking(False)
            self.incoming[incoming.fileno()] = incoming
            self.rests[incoming.fileno()] = b""
            self.poll.register(incoming.fileno(), select.EPOLLIN)

    def run(self, start_ns: int, phase_ns: int, rate: int, ticks: int) -> list[int]:
        """Take every tick at its time and return how late each was."""
        spec, late = Spec(), []
        for tick in range(ticks):
            due_ns = start_ns + phase_ns + tick * NS_PER_SECOND // rate
            spec.s, spec.ns = divmod(due_ns, NS_PER_SECOND)
            self.libc.timerfd_settime(self.timer, TIMER_ABSTIME, ctypes.byref(spec), None)
            os.read(self.timer, 8)
            late.append(monotonic_ns() - due_ns)
            self.read()
            self.act()
        return late

    def read(self) -> None:
        for fd, _ in self.poll.poll(0):
            stream, at = self.rests[fd] + self.incoming[fd].recv(32_768), 0
            if not stream:
                self.poll.unregister(fd)
            while len(stream) - at >= 4:
                stop = at + 4 + int.from_bytes(stream[at : at + 4], "big")
                if stop > len(stream):
                    break
                self.queue.append(int(stream[at + 4 : stop].split()[2]))
                at = stop
            self.rests[fd] = stream[at:]

    def act(self) -> None:
        if self.queue:
            self.clock = max(self.clock, self.queue.popleft()) + 1
            return
        self.clock += 1
        face = random.randrange(self.faces)
        if face < 2:
            self.send([random.choice(self.outgoing)])
        elif face == 2:
            self.send(self.outgoing)

    def send(self, targets: list[socket.socket]) -> None:
        payload = f"Hello B {self.clock}".encode()
        frame = len(payload).to_bytes(4, "big") + payload
        for connection in targets:
            connection.sendall(frame)


def main() -> None:
    """Connect, report it, wait for the start, run, print the lateness."""
    ports, faces, phase_ns, rate, ticks = json.loads(sys.stdin.readline())
    mesh = Mesh(socket.socket(fileno=int(sys.argv[1])), ports, faces)
    gc.freeze()
    gc.disable()
    print("ready", flush=True)
    start = sys.stdin.readline()
    if start:
        late = mesh.run(int(start), phase_ns, rate, ticks)
        print("done", flush=True)
        sys.stdin.readline()
        print(*late, flush=True)


if __name__ == "__main__":
    main()
