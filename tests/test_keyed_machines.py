"""Machines of a run with a key, over real sockets: who gets in, and who does not."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import driftlab
from driftlab.cli.machine import UNIDENTIFIED_LINES_MAX
from driftlab.network import wire
from driftlab.network.sealing import KeyedHandshakes
from driftlab.real.key_file import KeyFileError, load_key, make_key
from tests.journals import read_journal
from tests.raw_machine import PATIENCE_S, framed
from tests.started import reasons, started

RUN = "run-7"
SHORT = ("--rates", "50,1,1", "--seconds", "2", "--seed", "5")


class KeyedPeer:
    """A machine that has a key and is otherwise bare: blocking sockets and the arithmetic."""

    def __init__(self, name: str, key: bytes, incarnation: int = 1) -> None:
        self.name = name
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        self.port: int = self.listener.getsockname()[1]
        self.handshakes = KeyedHandshakes(name, RUN, key, incarnation, lambda: os.urandom(16).hex())
        self.sockets: list[socket.socket] = [self.listener]

    def dial(self, port: int, target: str = "A") -> socket.socket:
        """Dial and shake hands; return the connection, on which messages may be sealed."""
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.sockets.append(connection)
        self.dialler = self.handshakes.dial(target)
        connection.sendall(self.dialler.hear(hear(connection)))
        self.dialler.hear(hear(connection))
        return connection

    def answer(self) -> socket.socket:
        """Accept the other's connection and shake hands."""
        connection, _ = self.listener.accept()
        connection.settimeout(PATIENCE_S)
        self.sockets.append(connection)
        acceptor = self.handshakes.accept()
        connection.sendall(acceptor.greeting)
        introduction = acceptor.introduce(hear(connection))
        connection.sendall(introduction.answer)
        return connection

    def say(self, connection: socket.socket, text: str) -> None:
        connection.sendall(self.dialler.seal(framed(text)))

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def hear(connection: socket.socket) -> str:
    """Return the text of the next frame; raise ConnectionError at the end."""
    received = b""
    while len(received) < 4 or len(received) < 4 + int.from_bytes(received[:4], "big"):
        chunk = connection.recv(1)
        if not chunk:
            raise ConnectionError
        received += chunk
    return received[4:].decode()


class Mesh(NamedTuple):
    """A started machine A with a key, its peers B and C, its port and its journal."""

    process: "subprocess.Popen[str]"
    b: KeyedPeer
    c: KeyedPeer
    port: int
    path: Path
    key: bytes

    def join(self) -> tuple[socket.socket, socket.socket]:
        """Connect both peers in both directions and wait for the start; return their calls."""
        calls = self.b.dial(self.port), self.c.dial(self.port)
        self.b.answer(), self.c.answer()
        assert self.process.stderr is not None
        while "all connected" not in self.process.stderr.readline():
            assert self.process.poll() is None
        return calls


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.key"
    make_key(str(path))
    return path


@contextmanager
def mesh(folder: Path, key_file: Path, *flags: str) -> Iterator[Mesh]:
    key = load_key(str(key_file))
    b, c = KeyedPeer("B", key), KeyedPeer("C", key)
    try:
        with started(
            "machine", "A", "--run-id", RUN, "--out", folder, "--at", "A=127.0.0.1:0",
            "--at", f"B=127.0.0.1:{b.port}", "--at", f"C=127.0.0.1:{c.port}",
            "--key", key_file, *(flags or SHORT),
        ) as process:  # fmt: skip
            assert process.stderr is not None
            port = int(process.stderr.readline().split("127.0.0.1:")[1].split(",")[0])
            yield Mesh(process, b, c, port, folder / "A.log", key)
    finally:
        b.close()
        c.close()


def is_ended(connection: socket.socket) -> bool:
    try:
        hear(connection)
    except ConnectionError:
        return True
    return False


def test_holders_of_the_key_make_a_run(tmp_path: Path, key_file: Path) -> None:
    with mesh(tmp_path / "run", key_file) as m:
        to_a, _ = m.join()
        m.b.say(to_a, "Hello A 17")
        m.process.communicate(timeout=60)
    journal = read_journal(m.path)
    assert [entry.event.stamp for entry in journal.entries if entry.event.sender] == [17]
    assert reasons(journal) == []
    assert m.key.hex() not in m.path.read_text()


def test_a_stranger_who_knows_everything_but_the_key_gets_nowhere(
    tmp_path: Path, key_file: Path
) -> None:
    with mesh(tmp_path / "run", key_file) as m:
        guess = KeyedPeer("B", bytes(32))
        with pytest.raises(ConnectionError):
            guess.dial(m.port)
        guess.close()
        plain = socket.create_connection(("127.0.0.1", m.port), timeout=PATIENCE_S)
        plain.sendall(framed(f"Iam B {RUN}") + framed("Hello A 99"))
        assert hear(plain).startswith("Nonce ")
        assert is_ended(plain)
        plain.close()
        m.join()
        m.process.communicate(timeout=60)
    journal = read_journal(m.path)
    assert [entry for entry in journal.entries if entry.event.sender] == []


def test_a_proven_peer_that_sends_garbage_is_refused_and_the_others_stay(
    tmp_path: Path, key_file: Path
) -> None:
    with mesh(tmp_path / "run", key_file) as m:
        to_a, from_c = m.join()
        m.b.say(to_a, "Hello A 17")
        to_a.sendall(framed("Hello A 18"))  # without its tag
        m.c.say(from_c, "Hello A 19")
        assert is_ended(to_a)
        m.process.communicate(timeout=60)
    journal = read_journal(m.path)
    stamps = sorted(entry.event.stamp for entry in journal.entries if entry.event.stamp is not None)
    assert stamps == [17, 19]
    (reason,) = [text for text in reasons(journal) if "peer-closed" in text]
    assert reason == "peer-closed: frame 2 of the connection has a wrong tag"


def test_a_proven_peer_replaces_its_dead_connection_and_no_earlier_incarnation_does(
    tmp_path: Path, key_file: Path
) -> None:
    flags = ("--rates", "50,1,1", "--seconds", "4", "--seed", "5")
    with mesh(tmp_path / "run", key_file, *flags) as m:
        dead, _ = m.join()
        m.b.say(dead, "Hello A 17")
        earlier = KeyedPeer("B", m.key, incarnation=0)
        connection = socket.create_connection(("127.0.0.1", m.port), timeout=PATIENCE_S)
        connection.sendall(earlier.handshakes.dial("A").hear(hear(connection)))
        assert is_ended(connection)
        connection.close()
        earlier.close()
        later = KeyedPeer("B", m.key, incarnation=2)
        again = later.dial(m.port)  # `dead` was never closed
        later.say(again, "Hello A 18")
        m.process.communicate(timeout=60)
        later.close()
    journal = read_journal(m.path)
    stamps = [entry.event.stamp for entry in journal.entries if entry.event.stamp is not None]
    assert stamps == [17, 18]
    assert any("an earlier incarnation of B" in text for text in reasons(journal))
    assert any("B has connected again" in text for text in reasons(journal))


def test_a_real_run_may_have_a_key(tmp_path: Path, key_file: Path) -> None:
    scenario = driftlab.Scenario(rates=[200, 100, 50], seconds=0.5, seed=3)
    run = driftlab.run(scenario, out=tmp_path / "run", key=key_file)
    assert isinstance(run, driftlab.Run)
    assert run.is_whole
    assert sum(run.incidents.values()) == 0
    assert driftlab.read(tmp_path / "run").check().holds


# Key files.


def test_a_key_is_readable_by_its_owner_alone_and_never_replaced(key_file: Path) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert len(load_key(str(key_file))) == 32
    with pytest.raises(KeyFileError, match="is there already"):
        make_key(str(key_file))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (
            b"driftlab-key 1 " + b"a" * 62 + b"\n",
            "is not a key: it has 62 hexadecimal digits, not 64",
        ),
        (
            b"driftlab-key 1 " + b"a" * 65 + b"\n",
            "is not a key: it has 65 hexadecimal digits, not 64",
        ),
        ((b"driftlab-key 1 " + b"a" * 64 + b"\n") * 2, "is not a key: it has more than one line"),
        (b"driftlab-key 1 " + b"A" * 64 + b"\n", "is not a key: a line `driftlab-key 1`"),
        (b"driftlab-key 2 " + b"a" * 64 + b"\n", "is not a key"),
        (b"a" * 64, "is not a key"),
        (b"\xff" * 10_000, "is not a key"),
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=reason):
        load_key(str(path))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_key_that_others_can_read_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(KeyFileError, match=r"others can read or write it; chmod 600 "):
        load_key(str(key_file))


def test_a_folder_a_fifo_and_a_missing_file_are_no_keys(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (tmp_path, fifo, tmp_path / "none"):
        with pytest.raises(KeyFileError):
            load_key(str(path))


def command(*arguments: str | Path) -> tuple[int, str]:
    with started(*arguments) as process:
        _, stderr = process.communicate(timeout=30)
    return process.returncode, stderr


def test_an_address_beyond_this_computer_needs_a_key_and_none_a_run_id(tmp_path: Path) -> None:
    flags = ("machine", "A", "--rates", "6,3", "--out", tmp_path / "x")
    here = ("--at", "A=127.0.0.1:0", "--at", "B=localhost:1")
    for addresses in (
        ("--at", "A=127.0.0.1:0", "--at", "B=lab2:7101"),
        ("--at", "A=0.0.0.0:0", "--at", "B=127.0.0.1:1"),
        ("--at", "A=lab1:0", "--listen", "[::]:0", "--at", "B=[::1]:1"),
        ("--at", "A=192.0.2.1:0", "--at", "B=127.0.0.1:1"),
    ):
        status, stderr = command(*flags, *addresses, "--run-id", RUN)
        assert status == 2
        assert "--key FILE" in stderr
        assert "--insecure" in stderr
    status, stderr = command(*flags, *here)
    assert (status, "--run-id" in stderr) == (2, True)
    assert not (tmp_path / "x").exists()


def test_two_machines_at_one_address_and_a_key_that_is_not_used_are_mistakes(
    tmp_path: Path, key_file: Path
) -> None:
    flags = ("machine", "A", "--rates", "6,3", "--out", tmp_path / "x", "--at", "A=127.0.0.1:7101")
    status, stderr = command(*flags, "--at", "B=127.0.0.1:7101", "--run-id", RUN)
    assert (status, "A and B are both at 127.0.0.1:7101" in stderr) == (2, True)
    status, stderr = command(*flags, "--at", "B=127.0.0.1:1", "--key", key_file, "--insecure")
    assert (status, "give one of the two" in stderr) == (2, True)
    assert not (tmp_path / "x").exists()


def test_unidentified_connections_do_not_fill_the_terminal(tmp_path: Path) -> None:
    """Each reason is shown once, and not more than a screenful of them."""
    with started(
        "machine", "A", "--rates", "6,3", "--out", tmp_path / "x", "--at", "A=127.0.0.1:0",
        "--at", "B=127.0.0.1:1", "--run-id", RUN,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        port = int(process.stderr.readline().partition(",")[0].rpartition(":")[2])
        for number in range(100):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(framed(f"Iam B other-{number // 2}"))
                assert stranger.recv(1) == b""
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=20)
    lines = [line for line in rest.splitlines() if "stranger-closed" in line]
    assert len(lines) == len(set(lines)) == UNIDENTIFIED_LINES_MAX


def test_a_machine_without_a_key_among_those_with_one_is_told_why_once(
    tmp_path: Path, key_file: Path
) -> None:
    """Not a line for each of its connections, which are closed again and again."""
    shared = ("--rates", "5,5", "--seconds", "60", "--run-id", RUN)
    nowhere = ("--at", "B=127.0.0.1:1")
    own = ("--out", tmp_path / "A", "--at", "A=127.0.0.1:0")
    with started("machine", "A", *shared, *own, *nowhere, "--key", key_file) as keyed:
        assert keyed.stderr is not None
        port = int(keyed.stderr.readline().partition(",")[0].rpartition(":")[2])
        near = ("--at", f"A=127.0.0.1:{port}", "--at", "B=127.0.0.1:0")
        with started("machine", "B", *shared, *near, "--out", tmp_path / "B") as bare:
            with suppress(subprocess.TimeoutExpired):
                bare.wait(3)
            bare.send_signal(signal.SIGINT)
            _, said = bare.communicate(timeout=20)
    lines = [line for line in said.splitlines() if "channel-" in line]
    assert len(lines) == 1
    assert "A: asks for a key, and this machine was given none (--key FILE)" in lines[0]


def test_insecure_says_so_and_waits(tmp_path: Path) -> None:
    with started(
        "machine", "A", "--rates", "6,3", "--out", tmp_path / "x", "--at", "A=0.0.0.0:0",
        "--at", "B=no.host.invalid:1", "--run-id", RUN, "--insecure",
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "waiting for B; without a key: anybody who reaches it can join" in said
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_machine_with_the_key_of_another_run_does_not_join(
    tmp_path: Path, key_file: Path
) -> None:
    other = tmp_path / "other.key"
    make_key(str(other))
    with mesh(tmp_path / "run", key_file) as m:
        intruder = KeyedPeer("B", load_key(str(other)))
        with pytest.raises(ConnectionError):
            intruder.dial(m.port)
        intruder.close()
        assert m.process.stderr is not None
        assert "B does not prove that it has the key" in m.process.stderr.readline()


def test_the_wire_of_a_sealed_frame_is_longer_by_its_tag_alone() -> None:
    peer = KeyedPeer("B", bytes(32))
    peer.dialler = peer.handshakes.dial("A")
    acceptor = peer.handshakes.accept()
    with pytest.raises(wire.WireError):
        acceptor.introduce(f"Iam B {RUN}")
    peer.close()
