"""`driftlab view`: what it opens, how it ends, and the files that it writes."""

import signal
import socket
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import driftlab
from driftlab.api.read import read
from driftlab.cli.main import main
from driftlab.errors import DriftlabError
from driftlab.model.columns import RECEIVE
from driftlab.scenario.scenario import Scenario
from driftlab.view.bench import RunBench
from driftlab.view.open_path import open_path
from driftlab.view.served_history import ServedHistory
from tests.containers import decoded, embedded, script
from tests.served import Client, frames
from tests.started import DRIFTLAB, started
from tests.started import driftlab as run_driftlab
from tests.test_view_server import LOG
from tests.traces import simulated


def address_of(process: "subprocess.Popen[str]", stream: str = "stdout") -> Client:
    """Return a client of the server that a command has started and says where."""
    output = getattr(process, stream)
    for line in output:
        if "http://" in line:
            return Client("http://" + line.strip().partition("http://")[2])
    raise AssertionError("it said no address")


def interrupted(process: "subprocess.Popen[str]", number: int = signal.SIGINT) -> int:
    process.send_signal(number)
    return process.wait(30)


# Serving.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_the_diagram_until_it_is_interrupted(tmp_path: Path, number: int) -> None:
    folder = simulated(tmp_path / "run")
    with started("view", folder, "--no-browser") as process:
        client = address_of(process)
        header = decoded(client.ask("diagram/0/data").body).header
        assert (header["title"], header["events"]) == ("run", len(read(folder)))
        assert interrupted(process, number) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_it_ends_though_a_page_still_listens_to_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with started("run", "--rates", "5,5", "--seconds", "60", "--view", "--out", folder) as process:
        client = address_of(process, "stderr")
        with client.open("diagram/0/live") as answer:
            assert decoded(next(frames(answer))).header["lane_rows"]
            assert interrupted(process) == 130


def test_run_and_view_stay_until_an_interrupt_and_keep_the_status(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    flags = ["--rates", "9,9", "--seconds", "2", "--view", "--json", "--out", str(folder)]
    with started("run", *flags) as process:
        client = address_of(process, "stderr")
        with client.open("diagram/0/live") as answer:
            *_, last = frames(answer)
        assert decoded(last).header["ended"] == {"A": "complete", "B": "complete"}
        assert decoded(client.ask("diagram/0/data").body).header["events"] == 36
        assert process.poll() is None
        assert process.stderr is not None
        assert interrupted(process) == 0, process.stderr.read()
        assert process.stdout is not None
        assert '"machines"' in process.stdout.read()


def test_simulate_and_view_show_the_simulated_run(tmp_path: Path) -> None:
    with started("simulate", "--seconds", "5", "--view", "--out", tmp_path / "run") as process:
        client = address_of(process, "stderr")
        with client.open("diagram/0/live") as answer:
            *_, last = frames(answer)
        assert set(decoded(last).header["ended"].values()) == {"complete"}
        assert interrupted(process) == 0


def test_several_runs_and_view_show_the_bench(tmp_path: Path) -> None:
    flags = ["--runs", "3", "--seconds", "2", "--view", "--out", str(tmp_path / "run")]
    with started("simulate", *flags) as process:
        client = address_of(process, "stderr")
        assert process.stderr is not None
        assert any("until Ctrl-C" in line for line in process.stderr)
        assert len(client.ask("runs").json["runs"]) == 3
        assert interrupted(process) == 0


def test_view_without_logs_is_refused_before_anything_runs() -> None:
    done = run_driftlab("simulate", "--view", "--record", "summary")
    assert done.returncode == 2
    assert "--view: shows what the logs say" in done.stderr


def test_a_port_in_use_ends_it(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_driftlab("view", folder, "--no-browser", "--port", str(port))
    assert done.returncode == 2
    assert f"cannot serve pages at 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_can_be_chosen(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with started("view", folder, "--no-browser", "--port", str(port)) as process:
        assert address_of(process).port == port
        assert interrupted(process) == 0


@pytest.mark.parametrize("port", ["-1", "65536", "x", "1.5", "", "٣"])
def test_a_wrong_port_is_told(
    tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(simulated(tmp_path / "run")), f"--port={port}"]) == 2
    assert "a port is a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "none", "no such file"),
        (lambda folder: write(folder / "empty.csv", ""), "empty"),
        (lambda folder: write(folder / "notes.txt", "hello\n"), "which format"),
    ],
)
def test_what_cannot_be_read_ends_it(
    tmp_path: Path, make: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(make(tmp_path)), "--no-browser"]) == 2
    assert said in capsys.readouterr().err


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_run_that_turns_out_unreadable_ends_the_server(tmp_path: Path) -> None:
    packed = tmp_path / "run.parquet"
    main(["pack", str(simulated(tmp_path / "run")), "--out", str(packed)])
    content = packed.read_bytes()
    half = len(content) // 3
    packed.write_bytes(content[:half] + bytes(400) + content[half + 400 :])
    done = run_driftlab("view", packed, "--no-browser")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_three_paths_are_too_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", *[str(simulated(tmp_path / "run"))] * 1, "b", "c"]) == 2
    assert "at most two" in capsys.readouterr().err


def test_a_log_from_standard_input_is_shown(tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    done = subprocess.run(
        [*DRIFTLAB, "view", "-", "--out", str(out)],
        input=LOG, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (container,) = embedded(out.read_text())
    assert (container.header["title"], container.header["events"]) == ("<stdin>", 4)


# What a path opens.


def test_every_kind_of_path_opens(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "runs" / "one")
    simulated(tmp_path / "runs" / "two")
    packed = tmp_path / "packed.parquet"
    main(["pack", str(folder), "--out", str(packed)])
    log = write(tmp_path / "a.csv", LOG)
    events = len(read(folder))
    for path, count in {folder: events, packed: events, folder / "A.log": 60, log: 4}.items():
        found = open_path(path, {})
        assert isinstance(found, ServedHistory), path
        assert found.diagram.events == count
        assert found.name == path.name
    assert isinstance(open_path(tmp_path / "runs", {}), RunBench)
    several = simulated(tmp_path / "several", runs=2)
    assert isinstance(open_path(several, {}), RunBench)
    assert isinstance(open_path(several / "run-1", {}), ServedHistory)


def test_reading_flags_are_those_of_check(tmp_path: Path) -> None:
    log = write(tmp_path / "log.txt", "7|a|1\n8|b|1\n")
    found = open_path(log, {"pattern": [r"(?<event>\d+)\|(?<host>\w+)\|(?<clock>\d+)"]})
    assert isinstance(found, ServedHistory)
    assert [lane.name for lane in found.diagram.lanes] == ["a", "b"]


def test_a_cell_of_a_sweep_is_simulated_again(tmp_path: Path) -> None:
    path = tmp_path / "phase.parquet"
    base = Scenario(rates=[6, 3, 1], seconds=10, seed=4)
    driftlab.sweep(base, {"faces": [4, 10], "rates": ["6,3,1", "2,2"]}, runs=3, out=path)
    found = open_path(path, {"execution": "3/2"})
    assert isinstance(found, ServedHistory)
    scenario = base.replace(faces=10, rates=[2, 2], first_run=2)
    again = driftlab.simulate(scenario, record="all").history.trace  # type: ignore[union-attr]
    assert again.columns.clock is not None
    assert found.diagram.columns["clock"].tolist() == again.columns.clock.tolist()
    assert found.name == "cell 3, run 2"
    assert (found.diagram.columns["m_found"] >= 0).all()
    for wanted in (None, "4", "x", "3/4", "3/x", "-1"):
        with pytest.raises(DriftlabError, match="cell"):
            open_path(path, {"execution": wanted})


# Files.


def test_an_offline_page_holds_the_diagram_and_its_verdict(tmp_path: Path) -> None:
    log, out = write(tmp_path / "a.csv", LOG), tmp_path / "a.html"
    assert main(["view", str(log), "--out", str(out)]) == 0
    page = out.read_text()
    (container,) = embedded(page)
    history = read(log)
    assert container.header["events"] == 4
    assert container.header["verdict"]["counts"] == {
        name: count for name, count in history.check().counts.items() if count
    }
    np.testing.assert_array_equal(container.columns["time"], np.arange(4)[[0, 3, 1, 2]] * 1e9)
    assert '"texts": ["texts-0"]' in script(page, "offline")


def test_two_histories_are_in_one_page_with_where_they_differ(tmp_path: Path) -> None:
    one, other = simulated(tmp_path / "one"), simulated(tmp_path / "other", seed=5)
    out = tmp_path / "both.html"
    assert main(["view", str(one), str(other), "--out", str(out)]) == 0
    page = out.read_text()
    assert [each.header["title"] for each in embedded(page)] == ["one", "other"]
    assert '"first_divergence": {"process"' in script(page, "offline")


def test_pictures_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = simulated(tmp_path / "run")
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    flags = ["--svg", str(svg), "--png", str(png), "--span", "2..4.5"]
    assert main(["view", str(folder), *flags]) == 0
    assert capsys.readouterr().out.split() == [str(svg), str(png)]
    root = ET.fromstring(svg.read_text())
    assert root.tag.endswith("svg")
    columns = opened_diagram(folder).columns
    is_inside = (columns["time"] >= 2e9) & (columns["time"] <= 4.5e9) & (columns["kind"] != RECEIVE)
    circles = root.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == np.count_nonzero(is_inside)
    assert png.read_bytes().startswith(b"\x89PNG")


def opened_diagram(path: Path) -> Any:
    found = open_path(path, {})
    assert isinstance(found, ServedHistory)
    return found.diagram


def test_a_long_log_is_cut_in_a_file_which_says_so(tmp_path: Path) -> None:
    folder, out = simulated(tmp_path / "run"), tmp_path / "a.html"
    assert main(["view", str(folder), "--out", str(out), "--events", "50"]) == 0
    (container,) = embedded(out.read_text())
    assert 45 <= container.header["events"] <= 50
    assert f"of {len(read(folder)):,} events" in container.header["remarks"][-1]


def test_a_file_that_is_there_is_replaced_only_if_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = simulated(tmp_path / "run"), write(tmp_path / "a.html", "mine")
    assert main(["view", str(folder), "--out", str(out)]) == 2
    assert out.read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main(["view", str(folder), "--out", str(out), "--overwrite"]) == 0
    assert out.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    "flags",
    [["--span", "3"], ["--span", "3..3"], ["--span", "x..y"], ["--span", "nan..4"],
     ["--events", "0"], ["--events", "-3"], ["--events", "many"]],
)  # fmt: skip
def test_wrong_flags_of_files_are_told_and_nothing_is_written(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.html"
    command = ["view", str(simulated(tmp_path / "run")), "--out", str(out), *flags]
    assert main(command) == 2
    assert flags[0] in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "none" / "a.html"
    assert main(["view", str(simulated(tmp_path / "run")), "--out", str(out)]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_file_is_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulated(tmp_path / "runs", runs=2)
    assert main(["view", str(tmp_path / "runs"), "--out", str(tmp_path / "a.html")]) == 2
    assert "holds several runs" in capsys.readouterr().err


def test_the_server_is_imported_by_its_command_alone() -> None:
    code = "import driftlab.cli.main, driftlab.api.history, driftlab.diagram.offline, sys; " + (
        "print([name for name in ('starlette', 'uvicorn') if name in sys.modules])"
    )
    done = subprocess.run([DRIFTLAB[0], "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
