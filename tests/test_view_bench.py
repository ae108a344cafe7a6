"""The bench: the runs of a folder, and runs that are started by the fields of a form."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.api.read import find_sources, read
from driftlab.cli.main import main
from driftlab.scenario.scenario import Scenario
from driftlab.view import bench as bench_module
from driftlab.view.bench import FIELDS, RunBench, form_of
from driftlab.view.served_history import ServedHistory
from tests.containers import decoded
from tests.served import Answer, Client, frames, served
from tests.started import eventually
from tests.traces import simulated

FORM = {"kind": "simulated", "rates": "6,3,1", "seconds": "5", "seed": "7", "topology": "ring"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with served({}, RunBench(tmp_path / "runs")) as client:
        yield client


def post(client: Client, path: str, fields: Any) -> Answer:
    return client.ask(path, "POST", fields)


def listed(client: Client) -> dict[str, Any]:
    runs = client.ask("runs").json["runs"]
    return {run["id"]: run for run in runs}


# What is there.


def test_a_folder_that_is_not_there_yet_has_no_runs(client: Client) -> None:
    answer = client.ask("runs").json
    assert answer["runs"] == []
    assert answer["defaults"]["rates"] == "6,3,1"
    assert client.ask("").status == 200


def test_runs_are_listed_wherever_they_are_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    simulated(folder / "one")
    simulated(folder / "below" / "two", seconds=5)
    simulated(folder / "three", runs=2)
    main(["pack", str(folder / "one"), "--out", str(folder / "packed.parquet")])
    (folder / "notes.txt").write_text("nothing")
    (folder / ".hidden").mkdir()
    with served({}, RunBench(folder)) as client:
        runs = listed(client)
        names = {run["name"] for run in runs.values()}
        assert names == {"one", "below/two", "three/run-1", "three/run-2", "packed.parquet"}
        for name, run in runs.items():
            container = decoded(client.ask(f"diagram/{name}/data").body)
            assert container.header["events"] == run["events"]
            assert run["state"] == "done"
        one = next(run for run in runs.values() if run["name"] == "one")
        assert (one["kind"], one["machines"], one["seconds"]) == ("simulated", 4, 10)
        assert one["scenario"]["rates"] == "6,3,1,2"
        assert one["command"].startswith("driftlab simulate --rates 6,3,1,2")


def test_a_run_that_breaks_off_is_listed_as_broken(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "runs" / "one")
    log = folder / "A.log"
    log.write_text(log.read_text().replace("world=simulated", "pid=999999999 world=real"))
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    damaged = tmp_path / "runs" / "two"
    damaged.mkdir()
    (damaged / "scenario.toml").write_text("rates = [1, 2]")
    os.utime(damaged / "scenario.toml", (1, 1))
    with served({}, RunBench(tmp_path / "runs")) as client:
        assert {run["name"]: run["state"] for run in listed(client).values()} == {
            "one": "broken", "two": "broken",
        }  # fmt: skip


def test_the_executions_of_a_log_are_listed(tmp_path: Path) -> None:
    log = tmp_path / "two.log"
    log.write_text('=== one ===\na {"a":1}\nx\n=== two ===\nb {"b":1}\ny\nb {"b":2}\nz\n')
    options = {"delimiter": r"^=== (?<trace>.*) ===$"}
    sources = find_sources(log, **options)
    assert len(sources) == 2
    with served({}, RunBench(tmp_path, sources)) as client:
        runs = listed(client)
        assert [run["kind"] for run in runs.values()] == ["log", "log"]
        events = [
            decoded(client.ask(f"diagram/{name}/data").body).header["events"] for name in runs
        ]
        assert sorted(events) == [1, 2]


def test_a_run_that_is_deleted_is_no_longer_listed(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "runs" / "one")
    with served({}, RunBench(tmp_path / "runs")) as client:
        (name,) = listed(client)
        shutil.rmtree(folder)
        assert listed(client) == {}
        assert client.ask(f"diagram/{name}/data").status in (404, 422)


@pytest.mark.parametrize("name", ["..", "%2e%2e", "~", "a~1", "..%2f..%2fetc", "x" * 5000])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    simulated(tmp_path / "secret")
    (tmp_path / "runs").mkdir()
    with served({}, RunBench(tmp_path / "runs")) as client:
        assert client.ask(f"diagram/{name}/data").status in (404, 431, 400)
        assert client.ask(f"diagram/{name}/event/0").status in (404, 431, 400)


def test_of_many_diagrams_only_the_last_are_kept_in_memory(tmp_path: Path) -> None:
    simulated(tmp_path, runs=bench_module.SHOWN_MAX + 3, seconds=2)
    bench = RunBench(tmp_path)
    with served({}, bench) as client:
        for name in listed(client):
            assert client.ask(f"diagram/{name}/data").status == 200
        assert len(bench._shown) == bench_module.SHOWN_MAX


# What is started.


def test_a_run_that_is_started_is_the_one_that_its_command_describes(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = post(client, "command", FORM).json["command"]
    assert shown == "driftlab simulate --rates 6,3,1 --seconds 5 --topology ring --seed 7"
    started = post(client, "start", FORM).json
    assert started["command"] == shown
    with client.open(f"diagram/{started['id']}/live") as answer:
        *_, last = frames(answer)
    assert decoded(last).header["ended"] == dict.fromkeys("ABC", "complete")
    assert main([*shown.split()[1:], "--out", str(tmp_path / "again"), "--quiet"]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == started["id"]
    one, other = read(folder).trace, read(tmp_path / "again").trace
    assert one.columns.clock is not None
    assert other.columns.clock is not None
    assert one.columns.clock.tolist() == other.columns.clock.tolist()


def test_the_form_of_a_run_repeats_it() -> None:
    for scenario in (
        Scenario(rates=[6, 3, 1], seed=3),
        Scenario(rates=[1.5, 2], send_one=0.25, phase="aligned", order="arrival"),
        Scenario(machines=5, topology="regular:2", latency="uniform:0.1..0.2", clock="vector"),
        Scenario(rates=[1, 2], offset_ms=[1.5, -2], skew_ppm=[0, 7], names=["x", "y"], speed=3),
    ):
        fields = form_of(scenario, "simulated")
        assert set(fields) <= {*FIELDS, "kind"}
        _, again = RunBench(Path("."))._scenario(fields)
        assert again == scenario


def test_real_machines_are_started_shown_and_stopped(client: Client) -> None:
    started = post(client, "start", {"kind": "real", "rates": "20,10", "seconds": "60"}).json
    name = started["id"]
    with client.open(f"diagram/{name}/live") as answer:
        shown = frames(answer)
        assert decoded(next(shown)).header["live"]
        assert listed(client)[name]["state"] == "running"
        assert listed(client)[name]["stoppable"]
        assert post(client, f"diagram/{name}/stop", {}).status == 200
        *_, last = shown
    assert decoded(last).header["ended"] == dict.fromkeys("AB", "interrupted")
    eventually(lambda: not listed(client)[name]["stoppable"])


def test_runs_that_were_started_end_with_the_server(tmp_path: Path) -> None:
    bench = RunBench(tmp_path / "runs")
    with served({}, bench) as client:
        post(client, "start", {"kind": "real", "rates": "20,10", "seconds": "60"})
        (process,) = [each.process for each in bench._started.values()]
        assert process.poll() is None
    assert process.returncode == 130


def test_two_runs_started_in_one_second_have_folders_of_their_own(client: Client) -> None:
    names = {post(client, "start", FORM).json["id"] for _ in range(3)}
    assert len(names) == 3


def test_at_most_some_runs_go_on_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "UNDER_WAY_MAX", 1)
    form = {"kind": "real", "rates": "5,5", "seconds": "60"}
    assert post(client, "start", form).status == 200
    answer = post(client, "start", form)
    assert answer.status == 400
    assert "stop one" in answer.json["error"]


# What is refused.


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rates": "6,x"}, "rates"),
        ({"rates": "6"}, None),
        ({"seconds": "-1"}, "seconds"),
        ({"seconds": "1e9"}, "seconds"),
        ({"kind": "other"}, "kind"),
        ({"topology": "star,x"}, "topology"),
        ({"seed": "1.5"}, "seed"),
        ({"out": "/tmp/x"}, "out"),
        ({"runs": "1000000"}, "runs"),
        ({"--out": "/tmp/x"}, "--out"),
        ({"latencies": "x"}, "latencies"),
        ({"kind": "real", "latency": "fixed:1"}, "latency"),
        ({"process": "/etc/passwd"}, "process"),
        ({"process": "../evil.py:Evil"}, "process"),
        ({"process": "none.py:Ring"}, "process"),
        ({"names": "a,b,--out"}, "names"),
        ({"rates": [6, 3]}, None),
    ],
)
def test_a_field_that_cannot_be_is_named_and_nothing_is_started(
    client: Client, tmp_path: Path, fields: dict[str, Any], field: str | None
) -> None:
    for path in ("start", "command"):
        answer = post(client, path, {**FORM, **fields})
        if path == "command" and fields == {"seconds": "1e9"}:
            continue  # a command may take longer than what is started here
        assert answer.status == 400, (path, answer.body)
        assert answer.json["field"] == field or field is None
        assert answer.json["error"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "application/json"), (b"{", "application/json"), (b"[]", "application/json"),
     (b"null", "application/json"), (b"[" * 50_000, "application/json"),
     (b"{}" + b" " * 100_000, "application/json"), (b"\xff", "application/json"),
     (b"rates=6", "application/x-www-form-urlencoded"),
     (b"{}", "text/plain")],
)  # fmt: skip
def test_what_is_no_form_is_refused(client: Client, body: bytes, kind: str) -> None:
    answer = client.ask("start", "POST", body, {"Content-Type": kind})
    assert answer.status == 400
    assert answer.json["error"]


def test_a_run_is_started_by_a_post_alone(client: Client) -> None:
    assert client.ask("start").status == 405
    assert client.ask("diagram/x/stop").status == 405


def test_a_diagram_without_a_bench_starts_nothing(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    with served({"0": ServedHistory("run", lambda: read(folder), folder)}) as client:
        for path in ("start", "command", "diagram/0/stop"):
            assert post(client, path, FORM).status == 404
        assert client.ask("runs").status == 404


PROCESS = """import driftlab


class Quiet(driftlab.Process):
    def tick(self, own, inbox):
        return None


class Other:
    pass
"""


def test_a_process_of_the_folder_runs_once_the_user_has_run_it_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    marker = f"# {tmp_path}\n"  # nobody has run this very text before
    (folder / "mine.py").write_text(marker + PROCESS)
    (folder / "broken.py").write_text("class (")
    (tmp_path / "outside.py").write_text(marker + PROCESS)
    with served({}, RunBench(folder)) as client:
        assert client.ask("runs").json["processes"] == ["mine.py:Quiet"]
        form = {**FORM, "process": "mine.py:Quiet"}
        refused = post(client, "start", form)
        assert refused.json["field"] == "process"
        assert "--trust" in refused.json["error"]
        assert post(client, "start", {**FORM, "process": "../outside.py:Quiet"}).status == 400
        main(["simulate", f"{folder}/mine.py:Quiet", "--seconds", "1", "--out", f"{tmp_path}/by"])
        assert post(client, "start", form).status == 200


def test_a_started_run_that_fails_says_why(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "KINDS", {"real": "run", "simulated": "nothing"})
    answer = post(client, "start", FORM)
    assert answer.status == 400
    assert "there is no command nothing" in answer.json["error"]


def test_a_run_is_compared_with_what_the_page_shows(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "runs" / "one")
    with served({}, RunBench(tmp_path / "runs")) as client:
        (name,) = listed(client)
        header = decoded(client.ask(f"diagram/{name}/data").body).header
        assert header["command"] == listed(client)[name]["command"]
        assert header["title"] == "one"
        assert header["events"] == len(driftlab.read(folder))
