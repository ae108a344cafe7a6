"""The first look at a long history: every event counts, and it says nothing that is not so."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest

import driftlab
from driftlab.api.diagram import columns_of
from driftlab.api.history import History
from driftlab.api.read import read
from driftlab.cli.main import main
from driftlab.diagram import overview
from driftlab.diagram.columns import Diagram
from driftlab.diagram.encoding import encode
from driftlab.diagram.overview import Overview, overview_of, packed_overview
from driftlab.view.served_history import ServedHistory
from tests.containers import decoded
from tests.engine_process import Engine, as_bytes
from tests.served import served
from tests.traces import simulated

COLUMNS = 64


@pytest.fixture(autouse=True)
def long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have short histories count as long, and look at them in few columns."""
    monkeypatch.setattr(overview, "EVENTS_MIN", 50)
    monkeypatch.setattr(overview, "COLUMNS_MAX", COLUMNS)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = simulated(tmp_path_factory.mktemp("run") / "run", seconds=60)
    path = folder.with_suffix(".parquet")
    assert main(["pack", str(folder), "--out", str(path)]) == 0
    return path


def of_whole(path: Path) -> Overview:
    found = overview_of(columns_of(read(path), "run"))
    assert found is not None
    return found


def test_a_packed_run_is_looked_at_as_when_all_of_it_is_read(packed: Path) -> None:
    early, late = packed_overview(packed, "run"), of_whole(packed)
    assert early is not None
    assert [lane._replace(offset=None) for lane in late.lanes] == list(early.lanes)
    np.testing.assert_array_equal(early.counts, late.counts)
    assert (early.begin, early.end) == (late.begin, late.end)
    header = columns_of(read(packed), "run")
    for name, is_there in early.has.items():
        column = "m_found" if name == "found" else name
        assert is_there == (column in header.columns) or name == "own", name


def test_every_event_is_counted_once_in_the_column_of_its_time(packed: Path) -> None:
    look, time = of_whole(packed), columns_of(read(packed), "").columns["time"]
    edges = np.linspace(look.begin, look.end, COLUMNS + 1)
    for lane, counts in zip(look.lanes, look.counts, strict=True):
        expected, _ = np.histogram(time[lane.start : lane.end], edges)
        assert counts.sum() == lane.end - lane.start
        # An event at an edge may be counted on either side: times and edges are rounded.
        assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 1


def small_diagram() -> Diagram:
    scenario = driftlab.Scenario(rates=[5, 5], seconds=20)
    return columns_of(driftlab.simulate_run(scenario, record="all").history, "")


def test_events_without_times_are_left_out_and_the_others_are_not() -> None:
    history = driftlab.simulate_run(
        driftlab.Scenario(rates=[5, 5], seconds=20), record="all"
    ).history
    diagram = columns_of(history, "")
    time = diagram.columns["time"].copy()
    time[3:9] = np.nan
    found = overview_of(diagram._replace(columns={**diagram.columns, "time": time}))
    assert found is not None
    assert found.counts.sum() == len(time) - 6


def test_events_of_one_instant_stand_in_one_column() -> None:
    history = driftlab.simulate_run(
        driftlab.Scenario(rates=[5, 5], seconds=20), record="all"
    ).history
    diagram = columns_of(history, "")
    time = np.full(diagram.events, 7.0)
    found = overview_of(diagram._replace(columns={**diagram.columns, "time": time}))
    assert found is not None
    assert found.counts[:, 0].sum() == diagram.events


def test_nothing_is_said_of_what_is_short_or_damaged(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed.read_bytes()
    for name, damaged in {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "text": b"process,kind\na,internal\n",
        "magic": b"PAR1" + bytes(2000) + b"PAR1",
    }.items():
        (tmp_path / name).write_bytes(damaged)
        assert packed_overview(tmp_path / name, "") is None, name
    assert packed_overview(tmp_path / "none", "") is None
    monkeypatch.setattr(overview, "EVENTS_MIN", 10**6)
    assert packed_overview(packed, "") is None


def test_the_server_answers_while_the_history_is_still_being_read(packed: Path) -> None:
    may_read = Event()

    def read_late() -> History:
        assert may_read.wait(30)
        return read(packed)

    shown = ServedHistory("run", read_late, look=lambda title: packed_overview(packed, title))
    with served({"0": shown}) as client:
        found = decoded(client.ask("diagram/0/overview").body)
        about = client.ask("diagram/0/info").json
        may_read.set()
        assert (about["title"], about["texts"]) == ("run", None)
        assert found.header["title"] == "run"
        whole = decoded(client.ask("diagram/0/data").body)
        assert found.header["events"] == whole.header["events"] == found.columns["counts"].sum()
        assert client.ask("diagram/0/info").json["texts"] is False


def test_a_history_that_is_there_is_looked_at_without_reading_it_again(packed: Path) -> None:
    shown = ServedHistory("run", lambda: read(packed))
    with served({"0": shown}) as client:
        assert client.ask("diagram/0/overview").status == 204
        shown.read_now()
        answer = client.ask("diagram/0/overview")
        expected = of_whole(packed).counts.reshape(-1)
        np.testing.assert_array_equal(decoded(answer.body).columns["counts"], expected)


def test_a_run_that_goes_on_has_no_first_look(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run")
    shown = ServedHistory("run", lambda: read(folder), folder)
    shown.is_expected = True
    with served({"0": shown}) as client:
        assert client.ask("diagram/0/overview").status == 204


# In the engine.


def view_of(look: Overview, width: int = COLUMNS) -> dict[str, object]:
    lanes = len(look.lanes)
    tops = [20 * lane for lane in range(lanes)]
    return {
        "axis": "time", "begin": look.begin, "end": look.end, "width": width, "height": 20 * lanes,
        "scale": 1, "laneOrder": list(range(lanes)), "laneTops": tops,
        "laneHeights": [20] * lanes, "colourBy": "rate", "theme": "light", "arrowTo": "found",
        "margin": 0, "reach": 100, "level": "counts",
    }  # fmt: skip


def alpha(tile: dict[str, object], height: int) -> np.ndarray:
    return np.array(tile["image"], np.uint8).reshape(height, -1, 4)[:, :, 3]


def test_a_tile_is_painted_where_events_are_and_nowhere_else(packed: Path) -> None:
    look = of_whole(packed)
    with Engine() as fresh:
        summary = fresh.ask("overview", as_bytes(b"".join(look.parts())))
        tile = fresh.ask("tile", view_of(look))
    assert summary["events"] == look.counts.sum()
    assert summary["extents"] == {"time": [look.begin, look.end]}
    assert summary["starts"] == [*(lane.start for lane in look.lanes), look.lanes[-1].end]
    painted = alpha(tile, 20 * len(look.lanes))
    for place, counts in enumerate(look.counts):
        band = painted[20 * place + 5 : 20 * place + 15].max(axis=0)
        np.testing.assert_array_equal(band > 0, counts > 0)


def test_bands_are_those_of_the_whole_run() -> None:
    """Without messages a tile has bands alone: both are the same picture, but for rounding."""
    scenario = driftlab.Scenario(rates=[40, 20, 5], seconds=60, faces=1000, seed=2)
    history = driftlab.simulate_run(scenario, record="all").history
    diagram = columns_of(history, "")
    columns = diagram.columns.items()
    silent = {name: each[:0] if name.startswith("m_") else each for name, each in columns}
    diagram = diagram._replace(columns=silent)
    look = overview_of(diagram)
    assert look is not None
    with Engine() as fresh:
        fresh.ask("overview", as_bytes(b"".join(look.parts())))
        early = alpha(fresh.ask("tile", view_of(look)), 60).astype(int)
        fresh.open(encode(diagram))
        assert fresh.ask("overview", as_bytes(b"".join(look.parts()))) is None, "the data is there"
        late = alpha(fresh.ask("tile", view_of(look)), 60).astype(int)
    differ = (np.abs(early - late) > 8).any(axis=0)
    assert differ.sum() <= 0.1 * COLUMNS
