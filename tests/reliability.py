"""A campaign against running machines: kills, mutated frames, and intruders.

    python -m tests.reliability [kills] [frames] [intruders] --seed S

**Kills.** Machines of real runs, half of them with a key, are killed at random instants.
Each journal still begins with what it had before its machine was killed, every message
that a machine found was recorded by its sender, in order, and no rule is violated.

**Frames.** Valid streams in which frames were changed, doubled, left out, exchanged or
cut are given to the decoder of a connection, and some to machines over sockets. The
frames before the first change arrive unchanged; with a key, nothing after it does. No
stream raises anything but what is documented, and no machine ends.

**Intruders.** They know the names, the run id, the wire, and recordings of whole
connections of this run and of another one with the same key, but not the key. Nobody
gets in, no peer is cut off, and nothing is lost.
"""

import argparse
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import driftlab
from driftlab.api.replay_and_twin import replay_runs
from driftlab.journal.parser import Entry
from driftlab.model.event import Message
from driftlab.network import wire
from driftlab.network.sealing import (
    TAG_BYTES,
    ChannelNames,
    KeyedHandshakes,
    Opener,
    Sealer,
    channel_keys,
)
from driftlab.network.timestamp_bounds import Own
from driftlab.real.inbound import PeerConnection, WaitingBytes, message_decoder
from driftlab.real.key_file import load_key, make_key
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario
from tests.journals import Journal, read_journal, read_journals
from tests.raw_machine import framed
from tests.started import eventually, started
from tests.test_run import judged

RUN: Final = "run-7"
HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 20.0


class BrokenPromiseError(AssertionError):
    """Something was lost, somebody got in, or a machine went down."""


class TooShortError(BrokenPromiseError):
    """A run ended before all that should meet it did: its computer is slow, or it is too short."""


def require(holds: bool, what: str) -> None:
    """Raise BrokenPromiseError unless a promise holds."""
    if not holds:
        raise BrokenPromiseError(what)


# Kills.

MACHINES: Final = 8
SECONDS: Final = 1.2


def kills(count: int, dice: Random, folder: Path) -> Counter[str]:
    """Kill machines of as many runs as it takes, all but one in each."""
    done: Counter[str] = Counter()
    key = folder / "kills.key"
    make_key(str(key))
    while done["kills"] < count:
        flags = ("--key", key) if dice.random() < 0.5 else ()
        victims = min(MACHINES - 1, count - done["kills"])
        done += _run_with_kills(victims, flags, dice, folder / f"kills{done['runs']}")
    return done


def _run_with_kills(
    victims: int, flags: Sequence[str | Path], dice: Random, folder: Path
) -> Counter[str]:
    rates = ",".join(str(dice.choice((50, 100, 200, 400))) for _ in range(MACHINES))
    arguments = ("--rates", rates, "--seconds", str(SECONDS), "--send-one", "0.5", *flags)
    names = dice.sample([chr(65 + place) for place in range(MACHINES)], victims)
    had: dict[Path, bytes] = {}
    with started("run", *arguments, "--out", folder) as process:
        eventually(lambda: _has_started(folder))
        began = time.monotonic()
        for instant, name in zip(
            sorted(dice.uniform(0, SECONDS) for _ in names), names, strict=True
        ):
            time.sleep(max(0.0, began + instant - time.monotonic()))
            path = folder / f"{name}.log"
            had[path] = path.read_bytes()
            with suppress(ProcessLookupError):
                os.kill(_pid(had[path]), signal.SIGKILL)
        process.communicate(timeout=100)
    events = _judge_kills(folder, had)
    return Counter(kills=victims, runs=1, events=events)


def _judge_kills(folder: Path, had: dict[Path, bytes]) -> int:
    for path, before in had.items():
        require(path.read_bytes().startswith(before), f"{path} lost what it had")
    journals = read_journals(folder)
    require(len(journals) == MACHINES, f"{folder}: {len(journals)} journals")
    judged(journals)
    return sum(len(journal.entries) for journal in journals)


def _has_started(folder: Path) -> bool:
    journals = list(folder.glob("*.log"))
    return len(journals) == MACHINES and all(
        re.search(r"^# start", path.read_text(), re.MULTILINE) for path in journals
    )


def _pid(journal: bytes) -> int:
    found = re.search(rb" pid=(\d+)", journal)
    require(found is not None, "a journal without the number of its process")
    assert found is not None
    return int(found[1])


# Frames.

STREAM_FRAMES: Final = 8
KEY: Final = bytes(range(32))
NAMES: Final = ChannelNames("B", "A", RUN)
KEYS: Final = channel_keys(KEY, NAMES, "a" * 32, "d" * 32)
NOW_NS: Final = 1_790_000_000 * 10**9
CLOCKS: Final = ("lamport", "vector", "matrix", "hybrid")
# What is put into a frame: parts of the grammar, and what other parsers have fallen for.
INSERTED: Final = (
    b"Hello", b" ", b",", b"-", b".", b"/", b"0", b"9" * 25, b"9" * 5_000, b"\0", b"\xff",
    b"\xed\xa0\x80", b"\xe2\x80\xae", b'{"a":', b"[" * 9_000, b"1e999", b"NaN", b'"\\ud800"',
    b"\xd9\xa3", b"\xc2\xb2", b"\n", b"\r", b"\x1b[2J", b"-1", b"A,A",
)  # fmt: skip
Mutation = Callable[[list[bytes], int, Random], None]


def flip(frames: list[bytes], at: int, dice: Random) -> None:
    """Change a bit."""
    changed = bytearray(frames[at])
    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    frames[at] = bytes(changed)


def cut(frames: list[bytes], at: int, dice: Random) -> None:
    """Leave out some bytes."""
    start = dice.randrange(len(frames[at]))
    frames[at] = frames[at][:start] + frames[at][start + dice.randrange(1, 30) :]


def insert(frames: list[bytes], at: int, dice: Random) -> None:
    """Put bytes in, or in place of others; mostly with a length that fits."""
    added = dice.choice(INSERTED) if dice.random() < 0.8 else dice.randbytes(dice.randrange(1, 30))
    start = dice.randrange(4, len(frames[at]) + 1)
    text = frames[at][4:start] + added + frames[at][start + dice.choice((0, 0, 1, 5)) :]
    length = len(text) if dice.random() < 0.9 else dice.randrange(2**32)
    frames[at] = struct.pack(">I", length) + text


def double(frames: list[bytes], at: int, dice: Random) -> None:
    """Send a frame twice."""
    frames[at] += frames[at]


def leave_out(frames: list[bytes], at: int, dice: Random) -> None:
    """Send a frame not at all."""
    frames[at] = b""


def exchange(frames: list[bytes], at: int, dice: Random) -> None:
    """Send another frame of the stream in its place."""
    frames[at] = frames[dice.randrange(len(frames))]


MUTATIONS: Final[tuple[Mutation, ...]] = (flip, cut, insert, insert, double, leave_out, exchange)


class Stream(NamedTuple):
    """Messages of B to A by one clock: their texts, and their frames as they travel."""

    clock: str
    texts: list[str]
    frames: list[bytes]
    is_sealed: bool


def stream_of(clock: str, dice: Random, *, is_sealed: bool) -> Stream:
    """Draw the messages of a stream."""
    texts = []
    for number in range(1, STREAM_FRAMES + 1):
        timestamp = {
            "lamport": "-",
            "vector": f"0.{number}.{dice.randrange(300)}",
            "matrix": f"0.0.0/{number}.{number}.1/0.0.{dice.randrange(9)}",
            "hybrid": f"{NOW_NS + dice.randrange(10**9)}.{number}",
        }[clock]
        payload = f' {{"token":[{number},"{"x" * dice.randrange(40)}"]}}'
        has_payload = dice.random() < 0.5
        rest = f" {timestamp}" if clock != "lamport" or has_payload else ""
        texts.append(f"Hello A,C {number}{rest}{payload if has_payload else ''}")
    frames, sealer = [framed(text) for text in texts], Sealer(KEYS)
    return Stream(clock, texts, list(map(sealer.seal, frames)) if is_sealed else frames, is_sealed)


def mutated(stream: Stream, dice: Random) -> tuple[list[bytes], int, int]:
    """Return its frames with some of them changed, the first that differs, and how many do."""
    frames = list(stream.frames)
    for at in dice.sample(range(STREAM_FRAMES), dice.randrange(1, 5)):
        dice.choice(MUTATIONS)(frames, at, dice)
    differ = [at for at in range(STREAM_FRAMES) if frames[at] != stream.frames[at]]
    return frames, min(differ, default=STREAM_FRAMES), len(differ)


def frames(count: int, dice: Random) -> Counter[str]:
    """Give as many mutated frames to the decoder of a connection."""
    done: Counter[str] = Counter()
    decoders = {
        clock: message_decoder(
            plan_run(Scenario(rates=[1, 1, 1], clock=clock), 1)[0], lambda: Own(9, 10**9, NOW_NS)
        )
        for clock in CLOCKS
    }
    pool = [
        stream_of(clock, dice, is_sealed=sealed)
        for clock in CLOCKS
        for sealed in (False, True)
        for _ in range(20)
    ]
    near, far = socket.socketpair()
    with near, far:
        while done["frames"] < count:
            stream = dice.choice(pool)
            changed, first, differ = mutated(stream, dice)
            inbox: list[Message] = []
            decoder = wire.FrameDecoder()
            if stream.is_sealed:
                decoder.open_with(Opener(KEYS).open, wire.FRAME_BYTES_MAX + TAG_BYTES)
            connection = PeerConnection(
                "B", near, decoder, "A", inbox, WaitingBytes(), lambda: None, decoders[stream.clock]
            )
            texts = decoder.feed(b"".join(changed))
            connection.take_frames(texts)
            _judge_stream(stream, changed, first, texts, inbox)
            done += Counter(frames=differ, streams=1, refused=int(connection.is_refused))
            done["sealed frames"] += differ * stream.is_sealed
    return done


def _judge_stream(
    stream: Stream, changed: list[bytes], first: int, texts: list[str], inbox: list[Message]
) -> None:
    whole = texts[:first] == stream.texts[:first] and len(inbox) >= first
    require(whole, f"frames before a change are lost: {changed}")
    if stream.is_sealed:
        right = b"".join(stream.frames[: len(texts)])  # two changes may undo each other
        is_right = texts == stream.texts[: len(texts)] and b"".join(changed).startswith(right)
        require(is_right, f"a changed frame got in: {changed}")


def frames_over_sockets(connections: int, dice: Random, folder: Path) -> Counter[str]:
    """Send mutated streams to a running machine, with and without a key."""
    done: Counter[str] = Counter()
    key = folder / "frames.key"
    make_key(str(key))
    for flags in ((), ("--key", key)):
        done += _streams_to_a_machine(connections // 2, dice, folder / f"frames{len(flags)}", flags)
    return done


def _streams_to_a_machine(
    count: int, dice: Random, folder: Path, flags: Sequence[str | Path]
) -> Counter[str]:
    done: Counter[str] = Counter()
    key = load_key(str(flags[1])) if flags else None
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0)))
        listener.settimeout(PATIENCE_S)
        process = stack.enter_context(
            started(
                "machine", "A", "--run-id", RUN, "--out", folder, "--at", f"A={HOST}:0",
                "--at", f"B={HOST}:{listener.getsockname()[1]}", "--rates", "500,1",
                "--seconds", "3600", *flags,
            )
        )  # fmt: skip
        assert process.stderr is not None
        port = int(process.stderr.readline().split(f"{HOST}:")[1].split(",")[0])
        reader = threading.Thread(target=process.stderr.read)
        threading.Thread(target=_accept_all, args=(listener, key, stack), daemon=True).start()
        reader.start()
        for _ in range(count):
            good = stream_of("lamport", dice, is_sealed=False)
            good = good._replace(frames=[framed(text.replace("A,C", "A")) for text in good.texts])
            changed, _, differ = mutated(good, dice)
            done += Counter({"connections": 1, "frames over sockets": differ})
            _send_stream(port, key, changed, dice)
            require(process.poll() is None, f"a machine ended: {process.poll()}")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        require(process.returncode == 130, f"a machine ended with {process.returncode}")
        reader.join()
    for replayed in replay_runs(folder):
        require(replayed.difference is None, f"a replay differs: {replayed}")
    done["received"] += sum(
        entry.event.sender == "B" for entry in read_journal(folder / "A.log").entries
    )
    return done


def _send_stream(port: int, key: bytes | None, changed: list[bytes], dice: Random) -> None:
    """Join as B and send frames; with a key they are changed before or after they are sealed."""
    connection = socket.create_connection((HOST, port), timeout=PATIENCE_S)
    with connection, suppress(OSError):
        if key is None:
            connection.sendall(framed(f"Iam B {RUN}") + b"".join(changed))
        else:
            dialler = _handshakes("B", key).dial("A")
            connection.sendall(dialler.hear(hear(connection)))
            dialler.hear(hear(connection))
            sealed = [dialler.seal(frame) for frame in changed if len(frame) >= 4]
            if dice.random() < 0.5:
                dice.choice(MUTATIONS)(sealed, dice.randrange(len(sealed)), dice)
            connection.sendall(b"".join(sealed))
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # the end: it is closed as soon as it was read


def _handshakes(name: str, key: bytes) -> KeyedHandshakes:
    return KeyedHandshakes(name, RUN, key, time.time_ns(), lambda: os.urandom(16).hex())


def _accept_all(listener: socket.socket, key: bytes | None, stack: ExitStack) -> None:
    """Accept what the machine dials, and shake hands."""
    with suppress(OSError, wire.WireError, ConnectionError):
        while True:
            connection = stack.enter_context(listener.accept()[0])
            if key is not None:
                acceptor = _handshakes("B", key).accept()
                connection.sendall(acceptor.greeting)
                connection.sendall(acceptor.introduce(hear(connection)).answer)


def hear(connection: socket.socket) -> str:
    """Return the text of the next frame. Raise ConnectionError at the end."""
    received = b""
    while len(received) < 4 or len(received) < 4 + int.from_bytes(received[:4], "big"):
        chunk = connection.recv(1)
        if not chunk:
            raise ConnectionError
        received += chunk
    return received[4:].decode()


# Intruders.


class Tap:
    """Stands between a machine and its peer, forwards, and records what both write."""

    def __init__(self, target_port: int) -> None:
        self.dialled: list[bytes] = []  # of each connection what the dialling side wrote
        self.answered: list[bytes] = []
        self._target_port = target_port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection((HOST, self._target_port))
                except OSError:
                    near.close()
                    continue
                self.dialled.append(b"")
                self.answered.append(b"")
                pair = (near, far, len(self.dialled) - 1)
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket, at: int) -> None:
        """Forward both ways, until both have ended."""
        back = threading.Thread(
            target=self._forward, args=(far, near, self.answered, at), daemon=True
        )
        with near, far:
            back.start()
            self._forward(near, far, self.dialled, at)
            back.join()

    @staticmethod
    def _forward(one: socket.socket, other: socket.socket, kept: list[bytes], at: int) -> None:
        with suppress(OSError):
            while chunk := one.recv(65_536):
                kept[at] += chunk
                other.sendall(chunk)
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()


@contextmanager
def running(
    folder: Path, key: Path, run: str, seconds: float
) -> Iterator[tuple[dict[str, int], Tap, list["subprocess.Popen[str]"]]]:
    """Start A, B and C with a key; the connection of B to A has a tap."""
    names = "ABC"
    with ExitStack() as stack:
        ports = {name: _free_port() for name in names}
        tap = Tap(ports["A"])
        stack.callback(tap.close)
        processes = []
        for name in names:
            at = {**ports, "A": tap.port} if name == "B" else ports
            places = [f"--at={peer}={HOST}:{port}" for peer, port in at.items()]
            processes.append(
                stack.enter_context(
                    started(
                        "machine", name, "--run-id", run, "--rates", "50,40,30", "--quiet",
                        "--send-one", "0.8", "--seconds", str(seconds), "--out", folder,
                        "--key", key, *places,
                    )
                )
            )  # fmt: skip
            if name == "A":  # a tap that cannot reach it would close what it has accepted
                eventually(lambda: _listens(ports["A"]))
        yield ports, tap, processes


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port)):
        return True
    return False


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as one:
        return int(one.getsockname()[1])


class Known(NamedTuple):
    """What an intruder knows: whole connections that were recorded, by both sides."""

    dialled: list[bytes]
    answered: list[bytes]
    seconds: float


def _drop(connection: socket.socket, known: Known, dice: Random) -> None:
    """Close at once."""


def _reset(connection: socket.socket, known: Known, dice: Random) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _plain(connection: socket.socket, known: Known, dice: Random) -> None:
    connection.sendall(framed(f"Iam B {RUN}") + framed("Hello A 99"))


def _guess(connection: socket.socket, known: Known, dice: Random) -> None:
    connection.sendall(_handshakes("B", dice.randbytes(32)).dial("A").hear(hear(connection)))


def _replay_introduction(connection: socket.socket, known: Known, dice: Random) -> None:
    hear(connection)
    recorded = dice.choice(known.dialled)
    connection.sendall(recorded[: 4 + int.from_bytes(recorded[:4], "big")])


def _replay_connection(connection: socket.socket, known: Known, dice: Random) -> None:
    connection.sendall(dice.choice(known.dialled))


def _replay_from_within(connection: socket.socket, known: Known, dice: Random) -> None:
    recorded = dice.choice(known.dialled)
    connection.sendall(recorded[dice.randrange(len(recorded)) :])


def _reflect(connection: socket.socket, known: Known, dice: Random) -> None:
    """Send back what the machine itself wrote, now or earlier."""
    connection.sendall(framed(hear(connection)) + dice.choice(known.answered))


def _forged_introduction(connection: socket.socket, known: Known, dice: Random) -> None:
    nonce = hear(connection).split()[1]
    recorded = dice.choice(known.dialled)
    text = recorded[4 : 4 + int.from_bytes(recorded[:4], "big")].decode()
    words = text.split(" ")
    words[3] = dice.choice((nonce, words[3], dice.randbytes(16).hex()))
    words[4] = dice.choice((words[4], str(10**19 - 1), "0"))
    words[5] = dice.choice((words[5], dice.randbytes(16).hex(), "0" * 32))
    connection.sendall(framed(" ".join(words)) + framed("Hello A 99"))


def _garbage(connection: socket.socket, known: Known, dice: Random) -> None:
    connection.sendall(dice.randbytes(dice.randrange(1, 300)))


def _half(connection: socket.socket, known: Known, dice: Random) -> None:
    recorded = dice.choice(known.dialled)
    connection.sendall(recorded[: dice.randrange(1, 60)])


INTRUDERS: Final = (
    _drop, _reset, _plain, _guess, _guess, _replay_introduction, _replay_introduction,
    _replay_connection, _replay_from_within, _reflect, _forged_introduction,
    _forged_introduction, _garbage, _half,
)  # fmt: skip
IDLE_MAX: Final = 100  # intruders that stay connected and say nothing more


def intruders(count: int, dice: Random, folder: Path, seconds: float) -> Counter[str]:
    """Send intruders to the machines of a run, which takes `seconds`, until it is enough."""
    key = folder / "intruders.key"
    make_key(str(key))
    with running(folder / "other", key, "run-8", 1) as (_, other, processes):
        for process in processes:
            process.communicate(timeout=60)
    with running(folder / "run", key, RUN, seconds) as (ports, tap, processes):
        eventually(lambda: any(len(each) > 400 for each in tap.dialled))
        known = Known(
            [each for each in (*tap.dialled, *other.dialled) if len(each) > 200],
            [each for each in (*tap.answered, *other.answered) if each],
            seconds,
        )
        done = _send_intruders(count, dice, known, ports)
        done["intruders while all ran"] = done["intruders"] * all(
            process.poll() is None for process in processes
        )
        for process in processes:
            _, stderr = process.communicate(timeout=seconds + 60)
            status = process.returncode
            require(status == 0, f"a machine ended with {status}: {stderr}")
    if done["intruders while all ran"] < count:
        raise TooShortError("the run was too short for all intruders; --seconds")
    return done + _judge_intruders(folder / "run")


def _send_intruders(count: int, dice: Random, known: Known, ports: dict[str, int]) -> Counter[str]:
    done: Counter[str] = Counter()
    idle: list[socket.socket] = []
    while done["intruders"] < count:
        behave = dice.choice(INTRUDERS)
        # A whole connection that was recorded is B's with A: A has to see that it is not.
        connection = socket.create_connection((HOST, ports[dice.choice("AAABC")]), PATIENCE_S)
        with suppress(OSError):
            behave(connection, known, dice)
        done[behave.__name__.strip("_").replace("_", " ")] += 1
        done["intruders"] += 1
        idle.append(connection)
        if behave is _reset or len(idle) > IDLE_MAX:
            idle.pop(-1 if behave is _reset else 0).close()
    for connection in idle:
        connection.close()
    return done


def _judge_intruders(folder: Path) -> Counter[str]:
    journals = read_journals(folder)
    judged(journals)
    history = driftlab.read(folder)
    require(history.check(without=["pacing"]).holds, "a rule is violated")
    found: Counter[str] = Counter(events=sum(len(journal.entries) for journal in journals))
    ends = {journal.machine: journal.notes_on("end")[0].fields["time"] for journal in journals}
    for journal in journals:
        require(journal.notes_on("end")[0].fields["reason"] == "complete", f"{journal.path}")
        for note in journal.notes_on("incident"):
            # Who is late on a busy computer sees its peers end before it.
            is_over = note.fields["time"] > ends.get(note.fields["peer"], "z")
            is_intruder = note.fields["what"] == "stranger-closed"
            require(is_intruder or is_over, f"{journal.path}: {note.fields}")
        found["incidents"] += int(journal.notes_on("end")[0].fields["incidents"])
    sent, got = _sent_and_found(journals)
    require(sent == got, f"{sent} messages were sent and {got} found")
    found["messages"] = sent
    return found


def _sent_and_found(journals: Sequence[Journal]) -> tuple[int, int]:
    """Return how many messages were sent a second before their receiver's last tick, and found."""
    sent: set[tuple[str, str, int]] = set()
    got: set[tuple[str, str, int]] = set()
    starts_ns = {
        journal.machine: int(journal.notes_on("start")[0].fields["monotonic_ns"])
        for journal in journals
    }
    last_ns = {
        journal.machine: starts_ns[journal.machine] + _began_ns(journal.entries[-1])
        for journal in journals
    }
    for journal in journals:
        machine = journal.machine
        for entry in journal.entries:
            got |= {(message.sender, machine, message.stamp) for message in entry.found}
            sent_ns = starts_ns[machine] + _began_ns(entry)
            sent |= {
                (machine, target, entry.event.clock)
                for target in entry.event.targets
                if sent_ns < last_ns[target] - 10**9
            }
    return len(sent), len(sent & got)


def _began_ns(entry: Entry) -> int:
    """Return when a tick began, in nanoseconds of real time since its machine's start."""
    return entry.instant.due_ns + entry.instant.late_ns


# All of it.

PARTS: Final = ("kills", "frames", "intruders")


def main() -> None:
    """Run the parts and print what they found; a broken promise ends it with a traceback."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=1_000, help="mutated, over sockets")
    parser.add_argument("--intruders", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=120, help="of the run with intruders")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"{part}: no such part; choose from {', '.join(PARTS)}")
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in options.parts or PARTS:
            began = time.monotonic()
            dice = Random(f"{options.seed} {part}")
            if part == "kills":
                found = kills(options.kills, dice, folder)
            elif part == "frames":
                found = frames(options.frames, dice)
                found += frames_over_sockets(options.connections, dice, folder)
            else:
                found = intruders(options.intruders, dice, folder, options.seconds)
            figures = ", ".join(f"{number:,} {what}" for what, number in found.items())
            print(f"{part}: {figures}; {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
