"""What is written in a format reads back the same, as far as the format can hold it."""

import json
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab.api.convert import convert
from driftlab.api.history import History
from driftlab.errors import DriftlabError
from driftlab.foreign import Execution, UnwritableError, read_executions, read_log, write_log
from driftlab.foreign.fields import ALIASES
from driftlab.history.trace import Trace
from tests.executions import edges_of, executions, only_vectors, told_of, trace_of_steps, values

ALL = ("kind", "clock", "sender", "stamp", "targets", "queue", "tick", "time_ns", "vector", "event")
HELD = {
    "shiviz": ALL,
    "tsviz": ALL,
    "tracing": ALL,
    "chrome": ALL,
    "csv": ALL,
    "parquet": ALL,
    "govector": ("time_ns", "vector", "event"),
}
OF_VECTORS = ("shiviz", "tsviz", "govector", "tracing")
OUT = {"govector": "logs", "csv": "x.csv", "parquet": "x.parquet", "chrome": "x.json"}
# No line ends, no blanks at the ends, nothing that stands for a delimiter or for nothing.
TEXTS = st.none() | st.text("aé {}:\"'<1,-", min_size=1, max_size=8).map(lambda t: f"e{t}e")


def written_and_read(trace: Trace, name: str) -> Trace:
    with TemporaryDirectory() as folder:
        out = Path(folder) / OUT.get(name, "x.log")
        write_log([Execution("", trace)], out, name)
        (back,) = read_log(out, format=name)
        (found,) = read_log(out)  # and it is known for what it is
        assert told_of(found, HELD[name]) == told_of(back, HELD[name])
    return back


def is_fit(trace: Trace, name: str) -> bool:
    """Whether the format could hold it at all: it has events, and times from 0 on."""
    return len(trace) > 0 and (
        name not in ("govector", "tsviz") or all(time >= 0 for time in values(trace, "time_ns"))
    )


@pytest.mark.parametrize("name", HELD)
@given(trace=executions(TEXTS))
@settings(max_examples=25, deadline=None)
def test_a_trace_reads_back_as_it_was_written(name: str, trace: Trace) -> None:
    if is_fit(trace, name):
        back = written_and_read(trace, name)
        assert back.unread == []
        assert told_of(back, HELD[name]) == told_of(trace, HELD[name])


@pytest.mark.parametrize("name", [name for name in HELD if name not in ("govector", "chrome")])
@given(trace=executions())
@settings(max_examples=15, deadline=None)
def test_its_messages_read_back_too(name: str, trace: Trace) -> None:
    if is_fit(trace, name):
        assert edges_of(written_and_read(trace, name)) == edges_of(trace)


@pytest.mark.parametrize("name", OF_VECTORS)
@given(trace=executions())
@settings(max_examples=15, deadline=None)
def test_what_vectors_imply_reads_back(name: str, trace: Trace) -> None:
    if is_fit(trace, name):
        bare = only_vectors(trace)
        if name == "tsviz":
            bare.columns = bare.columns._replace(time_ns=trace.columns.time_ns)
        assert edges_of(written_and_read(bare, name)) == edges_of(bare)


@given(trace=executions(TEXTS))
@settings(max_examples=25, deadline=None)
def test_messages_survive_as_flows(trace: Trace) -> None:
    """Chrome's traces name messages; `convert` does so by what the receives were matched with."""
    if not len(trace):
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_log([Execution("", trace)], folder / "x.parquet", "parquet")
        convert(folder / "x.parquet", folder / "x.json", "chrome", format="parquet")
        (back,) = read_log(folder / "x.json")
        assert back.unread == []
        assert told_of(back, ALL) == told_of(trace, ALL)
        bare = back.columns._replace(sender=None, stamp=None)
        assert edges_of(Trace(back.names, back.starts, bare)) == edges_of(trace)


SEVERAL = {"shiviz": "x.log", "tsviz": "x.log", "govector": "x-Log.txt", "govector folder": "logs"}


@pytest.mark.parametrize("form", SEVERAL)
@given(traces=st.lists(executions(TEXTS), min_size=2, max_size=3))
@settings(max_examples=15, deadline=None)
def test_several_executions_stay_several(form: str, traces: list[Trace]) -> None:
    """Also where a process has no event in one of them, or is only in some of them."""
    name = form.partition(" ")[0]
    traces = [trace for trace in traces if is_fit(trace, name)]
    if len(traces) < 2:
        return
    with TemporaryDirectory() as folder:
        out = Path(folder) / SEVERAL[form]
        labelled = [Execution(f"run {number}", trace) for number, trace in enumerate(traces)]
        write_log(labelled, out, name)
        found = read_executions(out)
        assert [each.label for each in found] == [each.label for each in labelled]
        for each, trace in zip(found, traces, strict=True):
            assert told_of(each.trace, HELD[name]) == told_of(trace, HELD[name])
            assert each.trace.unread == []


COUNTS = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=3, max_size=3),
    min_size=1,
    max_size=4,
)
OPTIONS: dict[str, dict[str, Any]] = {
    "govector": {},
    "shiviz": {"format": "shiviz", "delimiter": r"^=== Execution #(?<trace>.*?) *===$"},
    "text": {
        "pattern": r"^(?<host>\S+) (?<clock>\{.*\})\n(?<event>.*)$",
        "delimiter": r"^=== Execution #(?<trace>.*?) *===$",
    },
}


@pytest.mark.parametrize("format", OPTIONS)
@pytest.mark.parametrize("labels", ["labels", "times", "numbers", "none"])
@given(counts=COUNTS)
@settings(max_examples=25, deadline=None)
def test_executions_of_a_file_a_process_are_aligned(
    format: str, labels: str, counts: list[list[tuple[int, bool]]]
) -> None:
    """Processes A, B, C have so many events in each execution.

    Where labels tell, a process without events may leave out the execution, too.
    """
    logs = {
        name: "".join(
            f"=== Execution #{label_of(labels, run, process)} ===\n"
            + "".join(f'{name} {{"{name}":{n}}}\nin {run}\n' for n in range(1, many + 1))
            for run, each in enumerate(counts)
            for many, is_written in [each[process]]
            if many or is_written or labels not in ("labels", "numbers")
        )
        for process, name in enumerate("ABC")
    }
    expected = [
        {name: many for name, (many, _) in zip("ABC", each, strict=True) if many} for each in counts
    ]
    if not any(expected):
        return
    with TemporaryDirectory() as folder:
        for name, log in logs.items():
            (Path(folder) / f"{name}-Log.txt").write_text(log)
        found = read_executions(folder, **OPTIONS[format])
    for each in found:
        assert len(set(each.trace.texts["event"])) == 1
        assert each.trace.unread == []
    by_run = {str(each.trace.texts["event"][0]): each for each in found}
    assert {run: events_of(each) for run, each in by_run.items()} == {
        f"in {run}": each for run, each in enumerate(expected) if each
    }
    if labels in ("labels", "numbers"):
        assert {run: each.label for run, each in by_run.items()} == {
            f"in {run}": label_of(labels, run, 0) for run, each in enumerate(expected) if each
        }
    for name in "ABC":  # the order is that of each file
        runs = [each for each in by_run if name in events_of(by_run[each])]
        assert runs == sorted(runs)


def events_of(execution: Execution) -> dict[str, int]:
    return {name: len(events) for name, events in told_of(execution.trace, ()).items()}


def label_of(labels: str, run: int, process: int) -> str:
    """Return a label: times are those of the processes, and differ by some seconds."""
    time = f"Mon Jan  2 15:{run:02}:{process * 7:02} UTC 2006"
    return {"labels": f"run {run}", "numbers": str(run), "none": "", "times": time}[labels]


def test_a_frame_of_a_history_reads_back(tmp_path: Path) -> None:
    found = _some_trace()
    frame = History(found).events
    frame.write_parquet(tmp_path / "x.parquet")
    frame.drop("targets").write_csv(tmp_path / "x.csv")
    (back,) = read_log(tmp_path / "x.parquet")
    assert told_of(back, ALL) == told_of(found, ALL)
    (back,) = read_log(tmp_path / "x.csv")
    keys = [key for key in ALL if key != "targets"]
    assert told_of(back, keys) == told_of(found, keys)


def _some_trace() -> Trace:
    steps = [(0, 2), (1, 5), (2, 0), (2, 1), (0, 0), (1, 3), (2, 0), (0, 4), (1, 0), (2, 0)]
    return trace_of_steps(3, steps, {"event": [f"e{n}" for n in range(len(steps))]}, 5)


@pytest.mark.parametrize("name", OF_VECTORS)
def test_a_name_that_a_format_cannot_hold_is_refused(name: str, tmp_path: Path) -> None:
    trace = _some_trace()
    trace.names = ["A", "B b", "C"]
    with pytest.raises(UnwritableError, match='"B b" cannot stand in this format'):
        write_log([Execution("", trace)], tmp_path / "x", name)


KEYS = ("ph", "ts", "dur", "pid", "tid", "id", "bp", "Tag", "TracerIdentity", "VectorClock", "Body")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)


@pytest.mark.parametrize("name", ["tracing", "chrome"])
@given(
    told=st.lists(st.dictionaries(st.sampled_from(sorted(ALIASES)), ANYTHING), min_size=1),
    outer=st.dictionaries(st.sampled_from(KEYS), ANYTHING),
)
@settings(max_examples=60, deadline=None)
def test_any_value_may_stand_in_any_field(
    name: str, told: list[dict[str, object]], outer: dict[str, object]
) -> None:
    if name == "chrome":
        whole: list[dict[str, object]] = [
            {"ph": "X", "ts": 1, "args": {"driftlab": each}} | outer for each in told
        ]
    else:
        whole = [
            {"TracerIdentity": "A", "VectorClock": {"A": 1}, "Body": {"Driftlab": each}} | outer
            for each in told
        ]
    with TemporaryDirectory() as folder, suppress(DriftlabError):
        out = Path(folder) / "x.json"
        lines = [json.dumps(each) for each in whole]
        out.write_text("\n".join(lines) if name == "tracing" else f"[{','.join(lines)}]")
        for trace in read_log(out, format=name):
            assert len(History(trace).events) == len(trace)
            assert len(History(trace).messages.source) == len(trace)


@given(trace=executions(), draw=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_a_viewers_slices_follow_one_another(trace: Trace, draw: Random) -> None:
    """Also where the times of the log stand still or go back."""
    if not len(trace):
        return
    times = np.array([draw.randrange(3) for _ in range(len(trace))])
    trace.columns = trace.columns._replace(time_ns=times)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "x.json"
        write_log([Execution("", trace)], out, "chrome")
        slices = [each for each in json.loads(out.read_text())["traceEvents"] if each["ph"] == "X"]
        (back,) = read_log(out)
    for one, after in pairwise(slices):
        assert one["dur"] > 0
        assert one["tid"] != after["tid"] or one["ts"] + one["dur"] < after["ts"] + 0.0005
    assert told_of(back, ["time_ns", "tick"]) == told_of(trace, ["time_ns", "tick"])


@pytest.mark.parametrize("clock", ["time_ns", "clock"])
def test_numbers_as_wide_as_64_bits_read_back_from_a_viewers_trace(
    clock: str, tmp_path: Path
) -> None:
    trace = _some_trace()
    ends = np.array(values(trace, "clock"), np.int64)
    ends[[0, -1]] = 0 if clock == "clock" else -(2**62), 2**63 - 1
    if clock == "clock":
        trace.columns = trace.columns._replace(time_ns=None, clock=ends)
    else:
        trace.columns = trace.columns._replace(time_ns=ends)
    write_log([Execution("", trace)], tmp_path / "x.json", "chrome")
    (back,) = read_log(tmp_path / "x.json")
    assert told_of(back, [clock, "vector"]) == told_of(trace, [clock, "vector"])
    assert back.unread == []


@pytest.mark.parametrize("name", ["chrome", "csv", "parquet"])
def test_tables_hold_any_name(name: str, tmp_path: Path) -> None:
    trace = _some_trace()
    trace.names = ["A, B", 'B "b"', "all"]
    out = tmp_path / OUT[name]
    write_log([Execution("", trace)], out, name)
    (back,) = read_log(out)
    assert told_of(back, ALL) == told_of(trace, ALL)


@pytest.mark.parametrize("name", HELD)
@given(trace=executions(TEXTS), changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4))))
@settings(max_examples=40, deadline=None)
def test_a_damaged_file_is_read_or_refused_but_breaks_nothing(
    name: str, trace: Trace, changes: list[tuple[float, bytes]]
) -> None:
    if not is_fit(trace, name):
        return
    with TemporaryDirectory() as folder:
        out = Path(folder) / ("x-Log.txt" if name == "govector" else OUT.get(name, "x.log"))
        write_log([Execution("", trace)], out, name)
        content = out.read_bytes()
        for share, new in changes:
            place = int(share * len(content))
            content = content[:place] + new + content[place + 2 :]
        out.write_bytes(content)
        for options in ({}, {"format": name}):
            with suppress(DriftlabError):
                for found in read_log(out, **options):
                    History(found).messages  # noqa: B018 - the work is done when it is asked for
                    assert not len(found.gaps) or found.unread
