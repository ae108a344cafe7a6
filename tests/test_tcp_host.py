"""One real machine, started by hand, among peers that know only the wire protocol."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic_ns, time_ns
from typing import NamedTuple
from unittest.mock import ANY

import pytest

from driftlab.api.replay_and_twin import replay_runs
from driftlab.journal.utc import utc_ns, utc_text
from driftlab.model.event import Event, Kind
from driftlab.real import tcp_host
from driftlab.real.addresses import Address, listen
from driftlab.real.event_loop import EventLoop
from driftlab.real.inbound import DRAIN_EVERY_NS, INBOUND_BYTES_MAX
from driftlab.real.tcp_host import ClockEndError, TcpHost, WorkerConfig
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario
from tests.journals import Journal, read_journal
from tests.raw_machine import RawMachine, framed
from tests.started import eventually, lines_of, linux_only, reasons, started

RUN_ID = "run-7"
PROCESSES = Path(__file__).parent / "processes.py"


class Mesh(NamedTuple):
    """A started machine A, its raw peers B and C, its port and its journal."""

    process: "subprocess.Popen[str]"
    b: RawMachine
    c: RawMachine
    port: int
    path: Path

    def finish(self) -> Journal:
        """Wait for A's end and read its journal, whose replay must give the same events."""
        self.process.communicate(timeout=60)
        for replayed in replay_runs(self.path.parent):
            assert replayed.difference is None
        return read_journal(self.path)


@contextmanager
def mesh(folder: Path, *flags: str) -> Iterator[Mesh]:
    """Start A; B and C are up but have not joined."""
    with (
        RawMachine("B") as b,
        RawMachine("C") as c,
        started(
            "machine", "A", "--run-id", RUN_ID, "--out", folder, "--at", "A=127.0.0.1:0",
            "--at", f"B=127.0.0.1:{b.port}", "--at", f"C=127.0.0.1:{c.port}", *flags,
        ) as process,
    ):  # fmt: skip
        assert process.stderr is not None
        line = process.stderr.readline()
        port = int(line.split("127.0.0.1:")[1].split(",")[0])
        yield Mesh(process, b, c, port, folder / "A.log")


def join(m: Mesh) -> str:
    """Connect both peers in both directions; wait until A has started and return what it says."""
    assert m.b.join(m.port, RUN_ID) == f"Iam A {RUN_ID}"
    assert m.c.join(m.port, RUN_ID) == f"Iam A {RUN_ID}"
    assert m.process.stderr is not None
    line = m.process.stderr.readline()
    assert "all connected" in line
    return line


def events(journal: Journal, kind: Kind) -> list[Event]:
    return [entry.event for entry in journal.entries if entry.event.kind is kind]


SHORT = ("--rates", "50,1,1", "--seconds", "2", "--seed", "5")
LONGER = ("--rates", "50,1,1", "--seconds", "4", "--seed", "5")


def test_a_program_that_knows_only_the_wire_is_treated_as_a_machine(tmp_path: Path) -> None:
    with mesh(tmp_path, *SHORT) as m:
        join(m)
        m.b.say("Hello A,C 40")
        m.c.say("Hello A 7")
        journal = m.finish()
        heard = {"B": m.b.hear_all(), "C": m.c.hear_all()}
    assert m.process.returncode == 0
    assert len(journal.entries) == 100
    received = {(event.sender, event.stamp) for event in events(journal, Kind.RECEIVE)}
    assert received == {("B", 40), ("C", 7)}
    sends = events(journal, Kind.SEND)
    assert len(sends) > 10
    for name, frames in heard.items():
        assert frames == [
            f"Hello {','.join(event.targets)} {event.clock}"
            for event in sends
            if name in event.targets
        ]
    assert reasons(journal) == []


@linux_only
def test_a_machine_waits_for_peers_that_are_not_up_yet(tmp_path: Path) -> None:
    late = socket.socket()
    late.bind(("127.0.0.1", 0))  # bound, but it does not listen: connecting is refused
    with (
        late,
        mesh(tmp_path, *SHORT, "--at", f"C=127.0.0.1:{late.getsockname()[1]}") as m,
    ):
        m.b.join(m.port, RUN_ID)
        m.c.connect(m.port)
        m.c.say(f"Iam C {RUN_ID}")
        eventually(lambda: queued_bytes(m.c) == 0)
        assert "# start" not in m.path.read_text()
        late.listen()
        late.settimeout(20)
        m.c.listener.close()
        m.c.listener = late
        assert m.c.take_call() == f"Iam A {RUN_ID}"
        assert len(m.finish().entries) == 100


def test_a_raw_machine_can_keep_an_additional_clock_and_send_payloads(
    tmp_path: Path,
) -> None:
    echo = ("--process", f"{PROCESSES}:Echo", "--clock", "vector")
    with mesh(tmp_path, *SHORT, *echo) as m:
        join(m)
        m.b.say('Hello A 40 0.5.0 {"any": ["thing", 1.5]}')
        m.c.say("Hello A 7 0.2.3")
        journal = m.finish()
        frames = m.b.hear_all()
    assert reasons(journal) == []
    recorded = [value for event in events(journal, Kind.RECEIVE) for value in event.recorded]
    assert sorted(map(str, recorded)) == [
        "['B', 40, {'any': ['thing', 1.5]}]",
        "['C', 7, None]",
    ]
    last = journal.path.read_text().splitlines()[-2].split("\t")[11]
    assert last == "100.5.3"
    first = json.loads(frames[0].split(" ", 4)[4])
    assert frames[0].startswith("Hello B,C ")
    assert first == {"number": first["number"], "value": 0 if first["number"] == 0 else ANY}


FURTHER_GARBAGE = {
    "no timestamp": ("Hello A 40", "a message without its timestamp"),
    "only a payload": ("Hello A 40 - 1", "a message without its timestamp"),
    "a timestamp too short": ("Hello A 40 1.2", "has 2 numbers; expected 3"),
    "a timestamp of letters": ("Hello A 40 a.b.c", "after the clock comes a timestamp"),
    "a timestamp too large": (f"Hello A 40 1.2.{2**62 + 1}", "numbers must be from 0 to"),
    "half a value": ('Hello A 40 0.5.0 {"a":', "is not JSON"),
    "no number of JSON": ("Hello A 40 0.5.0 NaN", "is not a number of JSON"),
    "a deep value": (f"Hello A 40 0.5.0 {'[' * 9000}{']' * 9000}", "the limit is 16384"),
    "a very deep value": (f"Hello A 40 0.5.0 {'[' * 8000}{']' * 8000}", "is not JSON"),
    "a huge payload": (f'Hello A 40 0.5.0 "{"x" * 20000}"', "the limit is 16384"),
}


@pytest.mark.parametrize("name", FURTHER_GARBAGE)
def test_a_wrong_timestamp_or_payload_closes_its_connection(tmp_path: Path, name: str) -> None:
    text, reason = FURTHER_GARBAGE[name]
    with mesh(tmp_path, *SHORT, "--clock", "vector") as m:
        join(m)
        m.b.say("Hello A 39 0.1.0")
        m.b.say(text)
        assert m.b.was_closed()
        journal = m.finish()
    assert len(journal.entries) == 100
    assert reason in " ".join(reasons(journal))
    assert [event.stamp for event in events(journal, Kind.RECEIVE)] == [39]


def test_an_unexpected_timestamp_closes_its_connection(tmp_path: Path) -> None:
    with mesh(tmp_path, *SHORT) as m:
        join(m)
        m.b.say("Hello A 40 0.5.0")
        assert m.b.was_closed()
        journal = m.finish()
    assert "a message with a timestamp; the clock of this run is lamport" in reasons(journal)[0]


GARBAGE = {
    "a frame one byte over the limit": (
        b"\x00\x01\x00\x01" + b"x" * 65537,
        "a frame of 65537 bytes; the limit is 65536",
    ),
    "bad UTF-8": (b"\0\0\0\1\xff", "a frame that is not UTF-8, at byte 0"),
    "bad grammar": (framed("Goodbye A 3"), "'Goodbye A 3' is not a message"),
    "another's message": (framed("Hello C 3"), "a message to C, not to A"),
    "a clock of text": (framed("Hello A three"), "'Hello A three' is not a message"),
    "a second introduction": (framed(f"Iam B {RUN_ID}"), "is not a message"),
    "random bytes": (bytes(range(255, 155, -1)), "the limit is 65536"),
    "half a frame, then the end": (framed("Hello A 9")[:7], "after 7 bytes of a frame"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_closes_its_connection_and_costs_no_tick(tmp_path: Path, name: str) -> None:
    raw, reason = GARBAGE[name]
    with mesh(tmp_path, *SHORT) as m:
        join(m)
        m.b.say("Hello A 40")
        m.b.write(raw)
        assert m.b.outgoing is not None
        m.b.outgoing.shutdown(socket.SHUT_WR)
        assert m.b.was_closed()
        m.c.say("Hello A 7")
        journal = m.finish()
    assert len(journal.entries) == 100
    assert {event.stamp for event in events(journal, Kind.RECEIVE)} == {40, 7}
    (closed,) = [text for text in reasons(journal) if text.startswith("peer-closed")]
    assert reason in closed


def test_a_frame_of_exactly_the_limit_is_judged_by_its_grammar(tmp_path: Path) -> None:
    with mesh(tmp_path, *SHORT) as m:
        join(m)
        m.b.say("Hello A " + "1" * 65528)
        assert m.b.was_closed()
        assert any("is not a message" in text for text in reasons(m.finish()))


UNIDENTIFIED: dict[str, tuple[Callable[[RawMachine], None], str]] = {
    "an unknown name": (lambda raw: raw.say(f"Iam D {RUN_ID}"), "D is not a peer of A"),
    "our own name": (lambda raw: raw.say(f"Iam A {RUN_ID}"), "A is not a peer of A"),
    "another run": (lambda raw: raw.say("Iam B run-8"), "B is of run run-8, this is run run-7"),
    "a duplicate": (lambda raw: raw.say(f"Iam C {RUN_ID}"), "a second introduction as C"),
    "no introduction": (lambda raw: raw.say("Hello A 3"), "is not an introduction"),
    "garbage": (lambda raw: raw.write(b"GET / HTTP/1.1\r\n\r\n"), "the limit is 65536"),
    "silence": (RawMachine.hang_up, "before it introduced"),
}


@pytest.mark.parametrize("name", UNIDENTIFIED)
def test_an_unidentified_connection_is_closed_with_a_reason_and_the_peers_stay(
    tmp_path: Path, name: str
) -> None:
    write, reason = UNIDENTIFIED[name]
    with mesh(tmp_path, *LONGER) as m, RawMachine("X") as other:
        join(m)
        other.connect(m.port)
        write(other)
        assert other.was_closed()
        m.b.say("Hello A 40")
        m.c.say("Hello A 7")
        journal = m.finish()
    assert {event.stamp for event in events(journal, Kind.RECEIVE)} == {40, 7}
    assert len(journal.entries) == 200
    assert [text for text in reasons(journal) if text.startswith("stranger-closed")] == reasons(
        journal
    )
    assert reason in reasons(journal)[0]


def more_lines_than(before: int, path: Path) -> bool:
    return lines_of(path) > before


def test_a_frame_in_pieces_over_many_ticks_arrives_whole(tmp_path: Path) -> None:
    with mesh(tmp_path, *SHORT) as m:
        join(m)
        for byte in framed("Hello A 40"):
            before = lines_of(m.path)
            m.b.write(bytes([byte]))
            eventually(partial(more_lines_than, before, m.path))
        journal = m.finish()
    assert [event.stamp for event in events(journal, Kind.RECEIVE)] == [40]
    assert reasons(journal) == []


def test_a_peer_that_resets_and_comes_back_is_dialled_again_and_misses_nothing_sent_later(
    tmp_path: Path,
) -> None:
    flags = ("--rates", "100,1,1", "--seconds", "2", "--send-one", "0", "--send-all", "1")
    with mesh(tmp_path, *flags) as m:
        join(m)
        m.b.hear()
        for one in (m.b.incoming, m.b.outgoing):
            assert one is not None
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            one.close()  # a reset, not an orderly end
        assert m.b.join(m.port, RUN_ID) == f"Iam A {RUN_ID}"
        m.b.say("Hello A 1000")
        journal = m.finish()
        again = [int(text.split()[-1]) for text in m.b.hear_all()]
        always = [int(text.split()[-1]) for text in m.c.hear_all()]
    assert len(journal.entries) == 200
    assert 1000 in {event.stamp for event in events(journal, Kind.RECEIVE)}
    assert always == [event.clock for event in events(journal, Kind.SEND)]
    assert again == always[-len(again) :]  # nothing missing, nothing twice, from there on
    incidents = reasons(journal)
    assert any(text.startswith("channel-lost") for text in incidents)
    assert "channel-open: connected again" in incidents


def test_a_flood_reaches_the_read_limit_and_costs_no_tick(tmp_path: Path) -> None:
    with mesh(tmp_path, *SHORT) as m:
        join(m)
        flood = framed("Hello A 3") * 5000
        assert m.b.outgoing is not None
        m.b.outgoing.settimeout(None)
        try:
            while m.process.poll() is None:
                m.b.write(flood)
        except OSError:
            pass  # A is done and has closed
        m.c.say("Hello A 7") if m.process.poll() is None else None
        journal = m.finish()
    assert len(journal.entries) == 100
    assert journal.entries[-1].event.queue > 10_000
    # What a tick found is bounded: one read at the tick, and one each 100 ms in between.
    reads = max(1 + entry.instant.late_ns // DRAIN_EVERY_NS for entry in journal.entries) + 1
    most = max(len(entry.found) for entry in journal.entries)
    assert most <= reads * (1 + INBOUND_BYTES_MAX // len(framed("Hello A 3")))
    assert any(text.startswith("intake-bound: over 32768") for text in reasons(journal))


@linux_only
@pytest.mark.parametrize(("order", "found"), [("peers", ["B", "C"]), ("arrival", ["C", "B"])])
def test_messages_are_queued_in_the_order_of_the_scenario(
    tmp_path: Path, order: str, found: list[str]
) -> None:
    with mesh(tmp_path, "--rates", "2,1,1", "--seconds", "2", "--order", order) as m:
        join(m)
        eventually(lambda: lines_of(m.path) == 1)  # then half a second to the next tick
        m.c.say("Hello A 1")
        m.b.outgoing and m.b.outgoing.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        eventually(lambda: queued_bytes(m.c) == 0)
        m.b.say("Hello A 1")
        journal = m.finish()
    (together,) = [entry.found for entry in journal.entries if entry.found]
    assert [message.sender for message in together] == found


def queued_bytes(raw: RawMachine) -> int:
    """Return the bytes that the peer's kernel has not yet acknowledged (SIOCOUTQ)."""
    import fcntl

    assert raw.outgoing is not None
    return int.from_bytes(fcntl.ioctl(raw.outgoing.fileno(), 0x5411, b"\0" * 4), "little")


@linux_only
def test_a_machine_without_free_descriptors_records_that_and_accepts_again_later(
    tmp_path: Path,
) -> None:
    with (
        mesh(tmp_path, "--rates", "100,1,1", "--seconds", "2") as m,
        RawMachine("X") as other,
    ):
        join(m)
        pid, limit = int(read_journal(m.path).header["pid"]), resource.RLIMIT_NOFILE
        spare = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
        _, hard = resource.prlimit(pid, limit, (spare, resource.getrlimit(limit)[1]))
        other.connect(m.port)
        eventually(lambda: bool(reasons(read_journal(m.path))))
        resource.prlimit(pid, limit, (hard, hard))
        other.say("Iam D x")
        assert other.was_closed()
        journal = m.finish()
    assert len(journal.entries) == 200
    incidents = reasons(journal)
    assert incidents[0] == "accept-failed: Too many open files"
    assert incidents[-1] == "stranger-closed: D is of run x, this is run run-7"
    assert len(incidents) < 20  # it paused between its attempts


def test_an_interrupted_machine_ends_its_journal_and_says_so(tmp_path: Path) -> None:
    with mesh(tmp_path, "--rates", "100,1,1", "--seconds", "60") as m:
        join(m)
        eventually(lambda: lines_of(m.path) > 5)
        m.process.send_signal(signal.SIGINT)
        m.process.communicate(timeout=20)
        assert m.process.returncode == 130
    journal = read_journal(m.path)
    assert journal.notes[-1].topic == "end"
    assert journal.notes[-1].fields["reason"] == "interrupted"
    assert not journal.torn


def test_two_real_machines_and_a_raw_machine_make_one_run(tmp_path: Path) -> None:
    """B, a second real machine, is started with A's address; C knows only the wire."""
    flags = ("--rates", "50,40,1", "--seconds", "2", "--seed", "5")
    with RawMachine("C") as raw, RawMachine("B") as place:
        place.listener.close()  # its port is free again, for the real B
        where = ("--at", f"B=127.0.0.1:{place.port}", "--at", f"C=127.0.0.1:{raw.port}")
        common = (*flags, "--run-id", RUN_ID, "--out", tmp_path, *where)
        with started("machine", "A", *common, "--at", "A=127.0.0.1:0") as a:
            assert a.stderr is not None
            port = int(a.stderr.readline().split("127.0.0.1:")[1].split(",")[0])
            with started("machine", "B", *common, "--at", f"A=127.0.0.1:{port}") as b:
                assert b.stderr is not None
                b.stderr.readline()
                with RawMachine("C") as second:  # the same C, dialling the other machine
                    raw.connect(port)
                    raw.say(f"Iam C {RUN_ID}")
                    second.connect(place.port)
                    second.say(f"Iam C {RUN_ID}")
                    raw.say("Hello A,B 30")
                    second.say("Hello A,B 30")
                    for process in (a, b):
                        process.communicate(timeout=60)
    assert (a.returncode, b.returncode) == (0, 0)
    journals = {name: read_journal(tmp_path / f"{name}.log") for name in "AB"}
    for name, other, ticks in (("A", "B", 100), ("B", "A", 80)):
        entries = journals[name].entries
        assert len(entries) == ticks
        sent = [
            entry.event.clock for entry in journals[other].entries if name in entry.event.targets
        ]
        found = [m.stamp for entry in entries for m in entry.found if m.sender == other]
        assert found == sent[: len(found)]
        assert found
        assert [m.stamp for entry in entries for m in entry.found if m.sender == "C"] == [30]


@pytest.mark.parametrize("order", ["peers", "arrival"])
def test_a_peer_that_connects_again_before_its_end_has_arrived_is_accepted(
    tmp_path: Path, order: str
) -> None:
    with mesh(tmp_path, *SHORT, "--order", order) as m, RawMachine("B") as again:
        join(m)
        m.b.write(framed("Hello A 3") * 3000)
        m.b.hang_up()
        again.connect(m.port)
        again.say(f"Iam B {RUN_ID}")
        again.say("Hello A 40")
        journal = m.finish()
    found = [message.stamp for entry in journal.entries for message in entry.found]
    assert found == [3] * 3000 + [40]
    assert not any("second introduction" in text for text in reasons(journal))


def test_a_machine_that_never_started_leaves_its_name_free(tmp_path: Path) -> None:
    for _ in range(2):
        with mesh(tmp_path, *SHORT) as m:
            eventually(m.path.exists)
            m.process.send_signal(signal.SIGINT)
            m.process.communicate(timeout=20)
            assert m.process.returncode == 130
        assert not m.path.exists()
        assert not tmp_path.exists() or not list(tmp_path.iterdir())


def test_a_waiting_machine_says_which_connection_it_refuses_and_why(tmp_path: Path) -> None:
    with mesh(tmp_path, *SHORT) as m:
        m.b.connect(m.port)
        m.b.say("Iam B another")
        assert m.b.was_closed()
        assert m.process.stderr is not None
        line = m.process.stderr.readline()
    assert line == "stranger-closed ?: B is of run another, this is run run-7\n"


def test_wrong_arguments_of_a_machine_are_one_line(tmp_path: Path) -> None:
    for flags, reason in (
        (["A", "--at", "A=127.0.0.1:0", "--at", "B=127.0.0.1:1"], "no address for C"),
        (["D"], "D is not a machine of this scenario; it has A, B, C"),
        (["A", "--at", "A"], "not NAME=HOST:PORT"),
        (["A", "--at", "A=127.0.0.1"], "HOST:PORT"),
        (["A", "--at", "Q=127.0.0.1:1"], "Q"),
    ):
        with started("machine", *flags, "--out", str(tmp_path / "x")) as process:
            _, stderr = process.communicate(timeout=20)
        assert process.returncode == 2
        assert reason in stderr
        assert stderr.count("\n") == 1
    assert json.dumps([str(path) for path in tmp_path.iterdir()]) == "[]"


def test_a_peer_whose_name_is_unknown_is_waited_for(tmp_path: Path) -> None:
    """Containers start in any order, and a name is known only once its container is up."""
    peers = ("--at", "A=127.0.0.1:0", "--at", "B=no.host.invalid:1", "--at", "C=[::1]:1")
    with started(
        "machine", "A", *peers, "--run-id", RUN_ID, "--insecure", "--out", tmp_path / "x"
    ) as process:
        assert process.stderr is not None
        assert "waiting for B, C" in process.stderr.readline()
        assert process.stderr.readline().startswith("dial-failed B: no.host.invalid:1: ")
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "dial-failed" not in rest  # said once, though tried again and again


@pytest.mark.parametrize(
    ("clock", "extension"),
    [("lamport", ""), ("vector", " 0.5.0"), ("hybrid", " 1700000000000000000.0")],
)
def test_a_clock_near_the_largest_that_travels_silences_nobody(
    tmp_path: Path, clock: str, extension: str
) -> None:
    with mesh(tmp_path, *SHORT, "--clock", clock) as m:
        join(m)
        m.b.say(f"Hello A {2**62}{extension}")
        m.c.say(f"Hello A 7{extension}")
        journal = m.finish()
        sent = m.c.hear_all()
    assert m.process.returncode == 3
    assert [event.stamp for event in events(journal, Kind.RECEIVE)] == [7]
    assert max(entry.event.clock for entry in journal.entries) < 200
    assert any(frame.startswith("Hello") for frame in sent)
    (reason,) = reasons(journal)
    assert reason.startswith(
        f"peer-closed: a clock of {2**62}, which leads this machine's clock of "
    )
    assert "refused=B:1 reason=complete" in journal.path.read_text()


def test_a_machine_whose_clock_nears_its_end_ends_with_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_host, "CLOCK_END", 20)
    plan = plan_run(Scenario(rates=[1000, 1], seconds=1), 1)[0]
    path, loop = tmp_path / "A.log", EventLoop()
    config = WorkerConfig(plan, (Address("127.0.0.1", 9),), RUN_ID, "peers", str(path))
    host = TcpHost(config, listen(Address("127.0.0.1", 0), 8), loop)
    with pytest.raises(ClockEndError, match=r"^clock at its end: it is 20, near ") as caught:
        host.run(monotonic_ns())
    host.close(str(caught.value))
    loop.close()
    journal = read_journal(path)
    assert [entry.event.clock for entry in journal.entries] == list(range(1, 21))
    assert "reason=clock at its end: it is 20" in path.read_text()


def start_of(journal: Journal) -> int:
    """Return the start of a machine, in nanoseconds since 1970."""
    (note,) = journal.notes_on("start")
    return utc_ns(note.fields["time"])


def test_a_machine_starts_at_the_instant_given(tmp_path: Path) -> None:
    start_ns = time_ns() + 4_000_000_000
    with mesh(tmp_path, *SHORT, "--start-at", utc_text(start_ns)) as m:
        line = join(m)
        journal = m.finish()
    assert re.fullmatch(r"all connected; starting in \d\.\d s, running for 2 s\n", line)
    assert abs(start_of(journal) - start_ns) < 20_000_000
    assert journal.entries[0].instant.time_ns >= start_ns
    assert len(journal.entries) == 100


def test_a_machine_whose_instant_is_past_starts_when_all_are_connected(tmp_path: Path) -> None:
    start_ns = time_ns() + 1_500_000_000
    with mesh(tmp_path, *SHORT, "--start-at", utc_text(start_ns)) as m:
        eventually(lambda: time_ns() > start_ns + 300_000_000)
        line = join(m)
        journal = m.finish()
    assert re.fullmatch(
        r"all connected, \d\.\d s after --start-at; running for 2 s from now\n", line
    )
    assert start_of(journal) >= start_ns + 300_000_000
    assert len(journal.entries) == 100
