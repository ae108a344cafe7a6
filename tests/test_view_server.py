"""The page server: what it answers, and whom it refuses."""

import re
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hatchling.builders.wheel import WheelBuilder
from starlette.applications import Starlette

import driftlab
from driftlab.api.read import read
from driftlab.api.simulate_one import simulated_trace
from driftlab.diagram.columns import diagram_of
from driftlab.errors import DriftlabError
from driftlab.history.matching.match import match
from driftlab.scenario.scenario import Scenario
from driftlab.view import guard, page_server
from driftlab.view.divergence import first_divergence
from driftlab.view.guard import LOOPBACK
from driftlab.view.page_files import MEDIA_TYPES, PAGE_FOLDER
from driftlab.view.page_server import PageServer, PortError
from driftlab.view.served_history import ServedHistory
from tests.containers import decoded, embedded
from tests.served import Answer, Client, served
from tests.traces import simulated

LOG = """process,kind,lamport,sender,targets,event,time
a,send,1,,b,"asks <b>for</b> 7",2026-01-01T00:00:00Z
b,receive,2,a,,"got 7; thinks",2026-01-01T00:00:01Z
b,send,2,,a,answers,2026-01-01T00:00:02Z
a,receive,9007199254740993,b,,done,2026-01-01T00:00:03Z
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = simulated(tmp_path_factory.mktemp("shown") / "run")
    log = tmp_path_factory.mktemp("log") / "a.csv"
    log.write_text(LOG)
    shown = {
        "0": ServedHistory("a run", lambda: read(folder), folder),
        "1": ServedHistory("a log", lambda: read(log)),
        "bad": ServedHistory("nothing", lambda: read(folder / "none")),
    }
    with served(shown) as client:
        yield client


def verdict_of(client: Client, name: str) -> Any:
    for _ in range(600):
        answer = client.ask(f"diagram/{name}/verdict")
        if answer.status == 200:
            return answer.json
        assert answer.status == 202
        time.sleep(0.02)
    raise AssertionError("no verdict")


# What it answers.


def test_the_start_page_of_one_diagram_leads_to_it(client: Client) -> None:
    answer = client.ask()
    assert (answer.status, answer.headers["location"]) == (307, "diagram/0/")


@pytest.mark.parametrize("path", ["diagram/0/", "static/page.css", "static/engine/engine.js"])
def test_pages_and_modules_are_served_as_they_are(client: Client, path: str) -> None:
    kinds = {"/": "text/html", "s": "text/css", "js": "text/javascript"}
    answer = client.ask(path)
    assert answer.status == 200
    kind = next(kind for end, kind in reversed(kinds.items()) if path.endswith(end))
    assert answer.headers["content-type"].startswith(kind)


def test_what_a_page_names_is_kept_by_the_browser_and_is_what_is_there(client: Client) -> None:
    page = client.ask("diagram/0/")
    assert page.headers["cache-control"] == "no-store"
    named = re.findall(r'(?:href|src)="\.\./\.\./(static/[^"]+)"', page.body.decode())
    assert len(named) > 40
    for path in named:
        answer = client.ask(path)
        assert answer.status == 200, path
        assert "immutable" in answer.headers["cache-control"]
        inside = PAGE_FOLDER.joinpath(*path.split("/")[2:])
        assert answer.body == inside.read_bytes()
        digest = path.split("/")[1]
        other = client.ask(path.replace(digest, digest[::-1]))
        assert other.status == 404, "a browser would keep what is not there"


@pytest.mark.parametrize(
    "path",
    ["static/../../__init__.py", "static/../../report/templates/report.css",
     "static/%2e%2e/columns.py", "static/none.js", "static/",
     "static//etc/passwd", "static/engine/tsconfig.json", "diagram/2/", "diagram/2/data",
     "diagram/0/none", "diagram/0/event/100000", "diagram/0/event/-1", "nothing",
     "diagram/0/event/" + "9" * 6000, "diagram/0/event/1.5", "diagram/0/event/x"],
)  # fmt: skip
def test_what_is_not_there_is_not_served(client: Client, path: str) -> None:
    assert client.ask(path).status == 404


def test_the_columns_are_those_of_the_history(client: Client) -> None:
    answer = client.ask("diagram/0/data")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert int(answer.headers["content-length"]) == len(answer.body)
    read_back = decoded(answer.body)
    # The run is simulated anew: whatever is served was not read with what is tested.
    scenario = Scenario.from_toml(read_back.header["scenario"])
    trace, _ = simulated_trace(scenario, scenario.first_run)
    expected = diagram_of(trace, match(trace))
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(read_back.columns[name], column)
    assert read_back.header["verdict"] is None


def test_the_verdict_comes_after_the_columns(client: Client) -> None:
    about = client.ask("diagram/0/info").json
    assert about == {
        "title": "a run", "live": False, "bench": False, "second": "../1/", "texts": False,
    }  # fmt: skip
    verdict = verdict_of(client, "0")
    assert verdict["holds"] is True
    assert verdict["violations"] == []


def test_violations_have_their_rows_and_words(client: Client, tmp_path: Path) -> None:
    verdict = verdict_of(client, "1")
    (tmp_path / "a.csv").write_text(LOG)
    judged = driftlab.read(tmp_path / "a.csv").check()
    assert verdict["holds"] is False
    assert [each["rows"][0] for each in verdict["violations"]] == [
        each.row for name in judged.counts for each in judged.violations.of(name)
    ]
    assert verdict["counts"] == {name: count for name, count in judged.counts.items() if count}
    assert all(each["text"].startswith("expected ") for each in verdict["violations"])


def test_an_event_is_told_exactly_with_its_text_and_its_line(client: Client) -> None:
    event = client.ask("diagram/1/event/1").json
    assert event["clock"] == "9007199254740993"  # beyond what JavaScript's numbers have
    assert (event["process"], event["index"], event["kind"]) == ("a", 1, "receive")
    assert (event["sender"], event["targets"]) == ("b", [])
    assert event["texts"] == {"event": "done"}
    assert (event["file"], event["line"]) == ("a.csv", 5)
    assert client.ask("diagram/1/event/0").json["texts"] == {"event": "asks <b>for</b> 7"}


def rows_of(answer: Answer) -> list[int]:
    assert answer.status == 200
    rows: list[int] = np.frombuffer(answer.body, "<i4").tolist()
    return rows


@pytest.mark.parametrize(
    ("query", "rows"),
    [("7", [0, 2]), ("GOT", [2]), ("none", []), ("/^a/", [0, 3]), (r"/g.T\s\d/", [2]), ("(", []),
     (";", [2]), ("<b>", [0]), ("", [0, 1, 2, 3])],
)  # fmt: skip
def test_a_search_finds_texts(client: Client, query: str, rows: list[int]) -> None:
    assert rows_of(client.ask(f"diagram/1/search?q={quote(query)}")) == rows


def test_a_search_that_is_no_regular_expression_is_told(client: Client) -> None:
    answer = client.ask("diagram/1/search?q=/(/")
    assert answer.status == 400
    assert "no regular expression" in answer.json["error"]


def test_a_search_takes_linear_time_whatever_it_is(client: Client) -> None:
    begun = time.monotonic()
    client.ask("diagram/1/search?q=/((a*)*)*$b/")
    assert time.monotonic() - begun < 5


def test_halves_of_characters_in_a_log_do_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_text(
        '{"host": "a\\ud800", "clock": 1, "event": "half \\udc00 of 7"}\n'
        '{"host": "b", "clock": 2, "event": "whole"}\n'
    )
    with served({"0": ServedHistory("\ud800", lambda: read(log))}) as client:
        assert client.ask("diagram/0/data").status == 200
        assert client.ask("diagram/0/info").json["title"] == "\ud800"
        assert client.ask("diagram/0/event/0").json["texts"]["event"].startswith("half ")
        assert rows_of(client.ask("diagram/0/search?q=of%207")) == [0]
        assert verdict_of(client, "0")["headline"]
    page = read(log).diagram("\ud800").html()
    assert len(embedded(page.decode())) == 1
    assert "half" not in read(log).diagram("\ud800").svg()


def test_other_pages_are_served_while_a_long_log_is_read(tmp_path: Path) -> None:
    may_go_on = threading.Event()

    def slowly() -> driftlab.History:
        assert may_go_on.wait(30)
        return driftlab.History(simulated_trace(Scenario(rates=[6, 3], seconds=2), 1)[0])

    quick = simulated_trace(Scenario(rates=[6, 3], seconds=2), 1)[0]
    shown = {
        "slow": ServedHistory("slow", slowly),
        "0": ServedHistory("quick", lambda: driftlab.History(quick)),
    }
    with served(shown) as client:
        with (
            client.open("diagram/slow/data", wait=False),
            client.open("diagram/slow/verdict", wait=False),
        ):
            time.sleep(0.1)
            assert client.ask("diagram/0/data").status == 200
            may_go_on.set()
        assert client.ask("diagram/slow/data").status == 200


def test_a_log_that_cannot_be_read_is_told(client: Client) -> None:
    for path in ("data", "verdict", "info"):
        answer = client.ask(f"diagram/bad/{path}")
        if answer.status != 202:
            assert answer.status == 422
            assert "no such file" in answer.json["error"]


def test_two_diagrams_are_compared(client: Client) -> None:
    divergence = client.ask("diagram/0/compare").json["first_divergence"]
    assert divergence["text"]


def test_what_was_read_is_shown_though_its_folder_is_deleted(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    with served({"0": ServedHistory("run", lambda: read(folder), folder)}) as client:
        whole = client.ask("diagram/0/data").body
        rmtree(folder)
        assert client.ask("diagram/0/data").body == whole
        assert client.ask("diagram/0/event/3").status == 200
        assert verdict_of(client, "0")["holds"] is True


def test_a_judge_that_fails_is_told_and_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        raise DriftlabError("broken")

    trace, _ = simulated_trace(Scenario(rates=[6, 3], seconds=2), 1)
    monkeypatch.setattr(driftlab.History, "check", fail)
    with served({"0": ServedHistory("run", lambda: driftlab.History(trace))}) as client:
        verdict = verdict_of(client, "0")
    assert (verdict["headline"], verdict["holds"]) == ("not judged: broken", None)


def test_the_page_is_packed_into_the_wheel_whole() -> None:
    root = Path(driftlab.__file__).parents[2]
    packed = {Path(file.path) for file in WheelBuilder(str(root)).recurse_included_files()}
    there = {path for path in PAGE_FOLDER.rglob("*") if path.suffix in MEDIA_TYPES}
    assert there
    assert there <= packed


# Whom it refuses.


def test_every_answer_forbids_everything_from_elsewhere(client: Client) -> None:
    for path in ("", "diagram/0/", "diagram/0/data", "static/page.css", "nothing"):
        headers = client.ask(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "", "0.0.0.0:80"]
)
def test_a_request_under_another_host_is_refused(client: Client, host: str) -> None:
    assert client.ask("diagram/0/data", headers={"Host": host}).status == 421


def test_a_request_without_a_host_or_with_two_is_refused(client: Client) -> None:
    for lines in (b"", b"Host: 127.0.0.1:%d\r\nHost: evil\r\n" % client.port):
        with socket.create_connection((client.host, client.port)) as connection:
            connection.sendall(
                b"GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (client.base.encode(), lines)
            )
            answer = connection.recv(1000)
        assert answer.startswith((b"HTTP/1.1 4",))


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "https://127.0.0.1"},
     {"Sec-Fetch-Site": "cross-site"}],
)  # fmt: skip
def test_a_request_from_another_origin_is_refused(client: Client, headers: dict[str, str]) -> None:
    for method, path in (("GET", "diagram/0/data"), ("POST", "start")):
        assert client.ask(path, method, {}, headers=headers).status == 403


def test_a_request_from_its_own_page_is_answered(client: Client) -> None:
    origin = f"http://{client.host}:{client.port}"
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert client.ask("diagram/0/info", headers=headers).status == 200
    by_name = {"Host": f"localhost:{client.port}"}
    assert client.ask("diagram/0/info", headers=by_name).status == 200


def test_without_the_token_nothing_is_served(client: Client) -> None:
    token = client.base.strip("/")
    for path in ("/", "/diagram/0/", "/static/page.css", f"/{token[:-1]}/", f"/{token}x/",
                 f"//{token}/", "/x/../" + token):  # fmt: skip
        answer = client.ask(path, absolute=True)
        assert answer.status == 404, path
        assert b"driftlab" in answer.body
    assert len(token) >= 20


def test_the_icon_that_browsers_ask_for_is_nothing(client: Client) -> None:
    assert client.ask("/favicon.ico", absolute=True)[::2] == (204, b"")
    wrong = {"Host": "evil.example"}
    assert client.ask("/favicon.ico", absolute=True, headers=wrong).status == 421


def test_two_servers_have_different_tokens() -> None:
    with served({}) as one, served({}) as other:
        assert one.base != other.base


def test_it_listens_on_loopback_alone(client: Client) -> None:
    assert client.host == LOOPBACK
    for address in other_addresses():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, client.port), timeout=2).close()


def other_addresses() -> list[str]:
    """Return the addresses of this computer that are not loopback ones."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return []
        return [probe.getsockname()[0]]


def test_on_all_addresses_only_addresses_and_its_name_are_hosts() -> None:
    with served({}, host="0.0.0.0") as client:
        port = client.port
        for host, status in {
            f"127.0.0.1:{port}": 404, f"192.0.2.7:{port}": 404, f"evil.example:{port}": 421,
            f"{socket.gethostname()}:{port}": 404, "127.0.0.1:1": 421, f"[::1]:{port}": 404,
        }.items():  # fmt: skip
            assert client.ask("runs", headers={"Host": host}).status == status, host


def test_a_port_in_use_is_told(client: Client) -> None:
    with pytest.raises(PortError, match=r"in use; --port 0 takes a free port"):
        PageServer(nothing, port=client.port)


@pytest.mark.parametrize("host", ["no.such.host.example", "192.0.2.1", "\x00", "a" * 300])
def test_an_address_that_is_not_ours_is_told(host: str) -> None:
    with pytest.raises(PortError, match="cannot serve pages at"):
        PageServer(nothing, host=host)


def nothing(token: str) -> Starlette:
    return Starlette()


def test_a_browser_is_started_with_an_address_that_leads_to_the_token_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def open_address(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", open_address)
    server = PageServer(nothing)
    try:
        assert page_server.open_browser(server)
        (address,) = opened
        assert server.token not in address
        client = Client(address)
        first, second = client.ask(), client.ask()
        assert (first.status, first.headers["location"]) == (303, f"/{server.token}/")
        assert second.status == 404
        late = Client(server.ticket_address())
        monkeypatch.setattr(guard, "monotonic", lambda: time.monotonic() + 61)
        assert late.ask().status == 404
        foreign = Client(server.ticket_address())
        assert foreign.ask(headers={"Host": "evil.example"}).status == 421
    finally:
        server.stop()


def test_no_browser_is_opened_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    server = PageServer(nothing)
    try:
        assert not page_server.open_browser(server)
    finally:
        server.stop()


# Where two histories differ.


def test_equal_histories_do_not_diverge() -> None:
    trace = simulated_trace(Scenario(rates=[6, 3, 1], seconds=20), 1)[0]
    again = simulated_trace(Scenario(rates=[6, 3, 1], seconds=20), 1)[0]
    assert first_divergence(trace, again) is None


def test_the_first_divergence_is_the_event_that_no_other_can_have_caused() -> None:
    trace = simulated_trace(Scenario(rates=[6, 3, 1], seconds=20), 1)[0]
    clock = trace.columns.clock
    assert clock is not None
    changed = clock.copy()
    row = int(trace.starts[1]) + 9
    changed[row] += 1
    later = np.flatnonzero(clock > clock[row] + 1)
    changed[later] += 1
    found = first_divergence(trace, trace.replace(columns=trace.columns._replace(clock=changed)))
    assert found is not None
    assert (found.process, found.index) == ("B", 9)
    assert str(int(clock[row])) in found.text
    assert str(int(clock[row]) + 1) in found.text


def test_a_history_that_goes_on_diverges_where_the_other_ends() -> None:
    short = simulated_trace(Scenario(rates=[6, 3, 1], seconds=10), 1)[0]
    long = simulated_trace(Scenario(rates=[6, 3, 1], seconds=20), 1)[0]
    found = first_divergence(short, long)
    assert found is not None
    assert found.index == short.rows_of(found.lane).stop - short.rows_of(found.lane).start
    assert "no more event in the first" in found.text


def test_processes_are_compared_by_name_whatever_their_order() -> None:
    one = simulated_trace(Scenario(rates=[6, 3], names=["A", "B"], seconds=5), 1)[0]
    other = one.replace(names=["A", "C"])
    found = first_divergence(one, other)
    assert found is not None
