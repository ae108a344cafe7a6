"""How a user says how a log is read, and sees it: columns, processes, aliases, previews, readings.

Each kind of log that is read here has a twin that says the same in our own words.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import driftlab
from driftlab.foreign.fields import ALIASES, field_of, own_names, unit_of_heading
from driftlab.foreign.file_names import process_from, words_apart
from driftlab.foreign.table import separator_of
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import MISSING
from tests.executions import edges_of, values
from tests.started import driftlab as command


def put(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(UnreadableError) as caught:
        driftlab.read(path, **options)
    return str(caught.value)


def alike(one: Trace, other: Trace) -> bool:
    """Whether two traces have the same events, whatever files they were read from."""
    columns = ("kind", "clock", "queue", "time_ns", "sender", "stamp", "target")
    columns_of = [[getattr(each.columns, name) for name in columns] for each in (one, other)]
    pairs = zip(*columns_of, strict=True)
    return list(one.names) == list(other.names) and all(
        a is b if a is None or b is None else a.tolist() == b.tolist() for a, b in pairs
    )


# Names of columns.

WORDS = {
    "clock": (
        "Logical clock time", "Logical Clock Value", "logical_clock_time", "LogicalClockTime",
        "LOGICAL CLOCK", "LC", "Local Logical Clock", "Clock value", "Logical Clock (Lamport)",
    ),
    "lamport": ("Lamport Time", "logical time", "Lamport timestamp", "Lamport clock value"),
    "queue": (
        "Length of the message queue", "length of message queue", "Message Queue Length",
        "MSG QUEUE LEN", "msgQueueLen", "len of queue", "Queue Size", "Queue Length (after)",
        "Network Queue Length", "qLen", "Messages in queue",
    ),
    "time": (
        "Global time", "System time", "Global Time (Unix)", "Wall-clock time", "Time (ms)",
        "timestamp_us", "elapsed [s]", "Timestamp", "DateTime", "Real Time", "@timestamp",
    ),
    "host": ("Machine", "Machine ID", "machine name", "Process #", "VM", "processId", "Server"),
    "kind": ("event type", "Type of event", "EventKind", "Operation", "Type"),
    "event": ("Event", "Event Description"),
    "sender": ("From", "Sender ID", "Received from", "from_machine"),
    "targets": ("To", "Sent to", "Recipients", "toMachine", "Receiver Name"),
    "stamp": ("Received clock", "Message Logical Clock", "msg clock value", "Sender's clock"),
    "message": ("Message ID", "Msg No"),
    None: (
        "Logical Clock (before)", "Clock rate", "Queue before", "Clock drift", "Ticks", "Priority",
        "Jump", "Machine speed", "Event Number", "notes", "1", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "name"), [(field, name) for field, names in WORDS.items() for name in names]
)
def test_columns_are_known_in_the_words_of_the_assignment(field: str | None, name: str) -> None:
    if name == "Sender's clock":
        name = "Sender clock"
    assert field_of(name) == field


def test_every_alias_is_of_its_own_field() -> None:
    assert {alias: field for field, names in ALIASES.items() for alias in names} == {
        alias: field_of(alias) for names in ALIASES.values() for alias in names
    }


OUR_ROWS = (
    "process,kind,time,queue,lamport,sender,stamp,targets\n"
    "1,send,2025-03-05 10:00:00,0,1,,,2\n2,receive,2025-03-05 10:00:01,0,2,1,1,\n"
)


@pytest.mark.parametrize(
    "head",
    [
        "Machine,Event,Global Time,Length of the message queue,Logical clock time,Received from,"
        "Received clock,Sent to",
        "machine_id,Event Type,System time (UTC),MSG QUEUE LEN,Logical Clock Value,Sender ID,"
        "Msg Clock,Recipients",
        "VM #,operation,wall_clock,Message Queue Size,LC,from,Message Clock Value,to",
    ],
)
def test_a_table_in_other_words_is_the_same_log(tmp_path: Path, head: str) -> None:
    _, _, rows = OUR_ROWS.partition("\n")
    put(tmp_path, {"ours.csv": OUR_ROWS, "theirs.csv": f"{head}\n{rows}"})
    ours, theirs = (driftlab.read(tmp_path / f"{name}.csv") for name in ("ours", "theirs"))
    assert alike(ours.trace, theirs.trace)
    assert edges_of(theirs.trace) == {(("1", 0), ("2", 0))}
    assert theirs.check().holds


def test_an_exact_name_comes_before_the_same_words_and_these_before_more_words() -> None:
    for head in ("Clock value;clock", "clock (x);clock", "clock (x);Clock value"):
        first, second = head.split(";")
        trace_of = {name: field for field, name in own_names([first, second]).items()}
        assert trace_of == {second: "clock"}


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Time (ms)", "ms"), ("time [µs]", "us"), ("elapsed_s", "s"), ("timestamp_ns", "ns"),
        ("Time in seconds", "s"), ("Time (in milliseconds)", "ms"), ("Global Time (Unix)", "unix"),
        ("Time", None), ("Clocks", None), ("times", None), ("Time (UTC)", None),
    ],
)  # fmt: skip
def test_a_heading_says_its_unit(name: str, unit: str | None) -> None:
    assert unit_of_heading(name) == unit


@pytest.mark.parametrize(
    ("head", "value", "nanoseconds"),
    [
        ("Time (ms)", "1500", 1_500_000_000),
        ("Time (s)", "2", 2_000_000_000),
        ("elapsed_us", "1.5", 1500),
        ("Global Time (Unix)", "1741168800", 1_741_168_800_000_000_000),
        ("Global Time (Unix)", "1741168800.5", 1_741_168_800_500_000_000),
        ("Global Time (Unix)", "1741168800500", 1_741_168_800_500_000_000),
        ("Time", "1500", 1500),
    ],
)
def test_numbers_are_of_the_unit_in_the_heading(
    tmp_path: Path, head: str, value: str, nanoseconds: int
) -> None:
    put(tmp_path, {"x.csv": f"process,{head},clock\nA,{value},1\n"})
    trace = driftlab.read(tmp_path / "x.csv").trace
    assert values(trace, "time_ns") == [nanoseconds]
    asked = driftlab.read(tmp_path / "x.csv", time_unit="ns").trace
    assert values(asked, "time_ns") == [int(float(value))]  # the user's word counts


def test_minus_one_and_not_available_stand_for_no_value(tmp_path: Path) -> None:
    rows = "A,send,-1,-1,1\nA,receive,0,B,2\nB,send,N/A,n/a,1\n"
    put(tmp_path, {"x.csv": f"process,kind,queue,sender,clock\n{rows}"})
    trace = driftlab.read(tmp_path / "x.csv").trace
    assert values(trace, "queue") == [MISSING, 0, MISSING]
    assert (list(trace.names), list(trace.missing_processes)) == (["A", "B"], [])
    assert list(trace.assumed) == ["queue: -1 stands for no value"]
    assert not trace.unread


def test_a_text_whose_first_line_has_such_words_is_no_table() -> None:
    for line in ("Machine: 1, Time: 3, queue: 4", "the machine sends, the queue of 3 grows",
                 "[12:00:01] A, clock 3, queue 4"):  # fmt: skip
        assert separator_of(f"{line}\n") is None


# Naming columns.


def test_the_user_says_which_column_a_field_is(tmp_path: Path) -> None:
    put(tmp_path, {"x.csv": "Who,Ticker,Clock\nA,1,7\nA,2,7\n"})
    done = command("check", tmp_path / "x.csv")
    assert done.returncode == 2
    assert "columns that are not known are Who, Ticker; say what they mean" in done.stderr
    trace = driftlab.read(tmp_path / "x.csv", fields={"process": "who", "lamport": "Ticker"}).trace
    assert (values(trace, "clock"), list(trace.names)) == ([1, 2], ["A"])
    frame = pl.read_csv(tmp_path / "x.csv")
    frame.write_parquet(tmp_path / "x.parquet")
    again = driftlab.read(tmp_path / "x.parquet", fields={"host": "Who", "lamport": "Ticker"}).trace
    assert values(again, "clock") == [1, 2]


def test_the_user_says_which_group_a_field_is(tmp_path: Path) -> None:
    put(tmp_path, {"x.log": "A 1\nB 1\n"})
    options = {"pattern": r"^(?<who>\w) (?<n>\d)", "fields": {"host": "who", "lamport": "n"}}
    trace = driftlab.read(tmp_path / "x.log", **options).trace
    assert (list(trace.names), values(trace, "clock"), trace.texts) == (["A", "B"], [1, 1], {})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lamport": "Foo"}, "there is no column Foo; there are process, Tick, note"),
        ({"foo": "Tick"}, "there is no field foo; there are host, index, kind"),
    ],
)
def test_a_field_or_a_column_that_is_not_there_is_refused(
    tmp_path: Path, fields: dict[str, str], says: str
) -> None:
    put(tmp_path, {"x.csv": "process,Tick,note\nA,1,x\n"})
    assert says in refused(tmp_path / "x.csv", format="csv", fields=fields)


def test_where_nothing_is_judged_the_columns_that_are_not_known_are_named(tmp_path: Path) -> None:
    put(tmp_path, {"x.csv": "process,Zeit,Stand,event\nA,1,1,x\nA,2,2,y\n"})
    done = command("check", tmp_path / "x.csv")
    assert done.returncode == 2
    assert "kept as text, not judged: Zeit, Stand; say what one means" in done.stderr
    assert command("check", tmp_path / "x.csv", "--field", "lamport=Stand").returncode == 0


# The process from the file.

SENDS = "SEND clock=1 to={to}\nRECEIVE clock={clock} from={to} stamp=1\n"
PATTERNS = (
    r"^(?<kind>SEND) clock=(?<lamport>\d+) to=(?<targets>\w+)",
    r"^(?<kind>RECEIVE) clock=(?<lamport>\d+) from=(?<sender>\w+) stamp=(?<stamp>\d+)",
)


def pair(one: str, other: str, *, clock: int = 2) -> tuple[str, str]:
    return SENDS.format(to=other, clock=2), SENDS.format(to=one, clock=clock)


@pytest.mark.parametrize(
    ("files", "peers"),
    [
        (("machine_1_log.txt", "machine_2_log.txt"), ("1", "2")),
        (("vm0.log", "vm1.log"), ("0", "1")),
        (("run_3_machine_01.log", "run_3_machine_02.log"), ("1", "2")),
        (("20250304-node-7-of-9.log", "20250304-node-8-of-9.log"), ("7", "8")),
        (("log_A.txt", "log_B.txt"), ("A", "B")),
    ],
)
def test_the_word_that_sets_files_apart_is_the_process_where_peers_show_it(
    tmp_path: Path, files: tuple[str, str], peers: tuple[str, str]
) -> None:
    put(tmp_path, dict(zip(files, pair(*peers), strict=True)))
    history = driftlab.read(tmp_path, pattern=PATTERNS)
    assert history.names == list(peers)
    assert len(history.trace.assumed) == 1
    assert history.check().holds
    assert not history.trace.missing_processes
    put(tmp_path, dict(zip(files, pair(*peers, clock=1), strict=True)))
    verdict = driftlab.read(tmp_path, pattern=PATTERNS).check(only=["clock-condition"])
    assert verdict.counts == {"clock-condition": 1}


@pytest.mark.parametrize(
    ("files", "peers"),
    [
        (("a_1.log", "b_2.log"), ("1", "2")),  # two words set them apart
        (("machine_1.log", "machine_2.log"), ("1", "3")),  # 3 is none of them
        (("machine_1.log", "machine_1_2.log"), ("1", "2")),
    ],
)
def test_where_it_is_not_sure_the_files_are_named_beside_the_missing_logs(
    tmp_path: Path, files: tuple[str, str], peers: tuple[str, str]
) -> None:
    put(tmp_path, dict(zip(files, pair(*peers), strict=True)))
    history = driftlab.read(tmp_path, pattern=PATTERNS)
    stems = [name.partition(".")[0] for name in files]
    assert history.names[:2] == stems
    remark = next(each for each in history.check().remarks if each.startswith("no log of"))
    assert remark.startswith(
        f"no log of {peers[1]}, {peers[0]}; the files are {stems[0]}, {stems[1]}"
    )


def test_a_file_that_peers_call_by_its_name_is_called_so(tmp_path: Path) -> None:
    put(tmp_path, {"vm_1.log": "SEND clock=1 to=vm_2\n", "vm_2.log": "SEND clock=1 to=3\n"})
    history = driftlab.read(tmp_path, pattern=PATTERNS[0])
    assert history.names == ["vm_1", "vm_2", "3"]
    assert "no log of 3" in history.check().remarks  # and nothing of files: 3 is a third one


def test_clocks_that_name_the_numbers_show_it_too(tmp_path: Path) -> None:
    put(tmp_path, {"p-1.log": '{"1":1} x\n', "p-2.log": '{"1":1,"2":1} y\n'})
    history = driftlab.read(tmp_path, pattern=r"^(?<clock>\{.*\}) (?<event>.*)")
    assert history.names == ["1", "2"]
    assert history.check(only=["vector-own"]).holds


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("name", ["machine_1_log", "machine_2_log"]),
        (r"machine_(\d+)", ["1", "2"]),
        (r"machine_(?<n>\d+)", ["1", "2"]),
        (r"machine_\d", ["machine_1", "machine_2"]),
        ("folder", None),
    ],
)
def test_the_user_says_where_the_process_is_in_the_name(
    tmp_path: Path, where: str, names: list[str] | None
) -> None:
    one, other = pair("1", "2")
    put(tmp_path, {"machine_1_log.txt": one, "machine_2_log.txt": other})
    if names is None:
        assert "look like two runs" in refused(tmp_path, pattern=PATTERNS, process_from=where)
        return
    history = driftlab.read(tmp_path, pattern=PATTERNS, process_from=where)
    assert history.names[:2] == names


@pytest.mark.parametrize("where", ["folder", r"node-(\w)"])
def test_folders_may_be_the_processes_of_one_log(tmp_path: Path, where: str) -> None:
    one, other = pair("a", "b")
    if where == "folder":
        put(tmp_path, {"a/out.log": one, "b/out.log": other, "README.md": "x"})
    else:
        put(tmp_path, {"node-a/out.log": one, "node-b/out.log": other})
    history = driftlab.read(tmp_path, pattern=PATTERNS, process_from=where)
    assert history.names == ["a", "b"]
    assert history.check().holds


def test_one_file_without_a_process_is_read_with_it_from_its_name(tmp_path: Path) -> None:
    put(tmp_path, {"vm7.csv": "Event,Logical clock time\nsend,1\ninternal,2\n"})
    assert "--process-from name" in refused(tmp_path / "vm7.csv")
    assert driftlab.read(tmp_path / "vm7.csv", process_from=r"vm(\d)").names == ["7"]
    put(tmp_path, {"vm8.log": "SEND clock=1 to=7\n"})
    assert driftlab.read(tmp_path / "vm8.log", pattern=PATTERNS[0], process_from="name").names == [
        "vm8", "7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (r"vm(\d)", "x.csv: --process-from vm(\\d) matches neither"),
        ("(", "nor a regular expression"),
        (r"(x)\.(csv)", "more than one group"),
        (r"x(\d*)", "finds no name"),
    ],
)
def test_a_file_that_does_not_say_it_is_named(tmp_path: Path, where: str, says: str) -> None:
    put(tmp_path, {"x.csv": "process,clock\nA,1\n"})
    assert says in refused(tmp_path / "x.csv", process_from=where)


def test_the_file_comes_before_its_folder() -> None:
    assert process_from(r"n(\d)", "/n1/n2.log") == "2"
    assert process_from(r"n(\d)", "/n1/x.log") == "1"
    assert process_from("name", "/n1/x.log.gz") == "x"


def test_words_set_names_apart_only_if_they_stand_at_one_place() -> None:
    assert words_apart(["m1", "m2"], ["1"]) == {"m1": "1", "m2": "2"}
    assert words_apart(["m1"], ["1"]) == {"m1": "1"}
    assert words_apart(["m1x2"], ["1"]) is None
    assert words_apart(["m1", "m2"], ["3"]) is None
    assert words_apart(["m01", "m001"], ["1"]) is None  # two files of one number
    assert words_apart(["m", "1"], ["1"]) == {"m": "m", "1": "1"}


# Aliases.


def test_an_alias_holds_wherever_a_process_is_named(tmp_path: Path) -> None:
    rows = (
        'machine_1,send,process_2,,1,"{""p1"":1}"\n'
        'machine_2,receive,,process_1,2,"{""p1"":1,""p2"":1}"\n'
    )
    head = "process,kind,targets,sender,lamport,vector\n"
    put(tmp_path, {"x.csv": head + rows})
    aliases = {"process_1": "machine_1", "process_2": "machine_2", "p1": "process_1"}
    aliases["p2"] = "machine_2"
    plain = rows
    for alias, name in {**aliases, "p1": "machine_1"}.items():
        plain = plain.replace(alias, name)
    put(tmp_path, {"twin.csv": head + plain})
    trace = driftlab.read(tmp_path / "x.csv", aliases=aliases).trace
    twin = driftlab.read(tmp_path / "twin.csv").trace
    assert (list(trace.names), list(trace.missing_processes)) == (["machine_1", "machine_2"], [])
    assert trace.timestamp_texts() == twin.timestamp_texts() == ["1.0", "1.1"]
    assert alike(trace, twin)


def test_a_clock_that_names_a_process_by_both_names_is_unread(tmp_path: Path) -> None:
    put(tmp_path, {"x.log": 'A {"A":1,"a":1} x\nA {"A":2} y\nA {"a":3} z\n'})
    trace = driftlab.read(
        tmp_path / "x.log", pattern=r"^(?<host>\w) (?<clock>\{.*\}) (?<event>.)", aliases={"a": "A"}
    ).trace
    assert trace.timestamp_texts() == ["2", "3"]
    assert [one.line for one in trace.unread] == [1]


@pytest.mark.parametrize(
    ("aliases", "says"),
    [
        ({"process_1": "nobody"}, "no process is called process_1; there are A, B"),
        ({"nobody": "A"}, "no process is called nobody; there are A, B"),
        ({"A": "B", "B": "A"}, "goes round in a circle"),
    ],
)
def test_an_alias_of_a_process_that_is_not_there_is_refused(
    tmp_path: Path, aliases: dict[str, str], says: str
) -> None:
    put(tmp_path, {"x.csv": "process,clock,targets\nA,1,B\nB,1,\n"})
    assert says in refused(tmp_path / "x.csv", aliases=aliases)


# Folders of runs.


def runs(folder: Path) -> Path:
    text = "Machine,Event,Logical clock time\nA,send,1\nA,internal,{}\n"
    return put(folder, {
        "ann/log.csv": text.format(2), "bob/log.csv": text.format(3),
        "course/run-1/log.csv": text.format(2), "course/run-2/log.csv": text.format(2),
        ".git/config": "x", "README.md": "not a log",
    })  # fmt: skip


def test_a_folder_of_folders_is_several_runs_named_after_them(tmp_path: Path) -> None:
    histories = driftlab.read_all(runs(tmp_path))
    names = ["ann", "bob", "course/run-1", "course/run-2"]
    assert [each.name for each in histories] == names
    assert [each.check().holds for each in histories] == [True, False, True, True]
    with pytest.raises(driftlab.SeveralRunsError, match="holds 4 runs"):
        driftlab.read(tmp_path)
    assert driftlab.read(tmp_path, execution="bob").name == "bob"
    assert driftlab.read(tmp_path, execution=4).name == "course/run-2"
    assert "no run 5" in refused(tmp_path, execution=5)
    done = command("check", tmp_path, "--json")
    assert [each["run"] for each in json.loads(done.stdout)["runs"]] == names
    assert done.returncode == 1


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    put(runs(tmp_path), {"eve/notes.txt": "hello\n"})
    with pytest.raises(UnreadableError, match="eve"):
        driftlab.read_all(tmp_path)


def test_files_beside_folders_are_the_log(tmp_path: Path) -> None:
    put(tmp_path, {"a.csv": "process,clock\nA,1\n", "old/a.csv": "process,clock\nB,1\n"})
    assert driftlab.read(tmp_path, format="csv").names == ["A"]


# Previews.


def test_a_preview_says_how_a_log_is_read_and_judges_nothing(tmp_path: Path) -> None:
    rows = "A,send,2025-03-05 10:00:00,1,B,x\nB,receive,2025-03-05 10:00:01,0,,y\nB,1\n"
    put(tmp_path, {"x.csv": f"Machine,Event,Global time,Logical clock time,To,mood\n{rows}"})
    found = driftlab.preview(tmp_path / "x.csv")
    (run,) = found.runs
    assert (run.format, run.files, run.encodings) == ("csv", ["x.csv"], ["utf-8"])
    assert [(each.name, each.field, each.example) for each in run.columns] == [
        ("Machine", "host", "A"), ("Event", "event", "send"),
        ("Global time", "time", "2025-03-05 10:00:00"), ("Logical clock time", "clock", "1"),
        ("To", "targets", "B"), ("mood", None, "x"),
    ]  # fmt: skip
    assert (run.events, run.processes, run.kinds) == (
        2,
        {"A": 1, "B": 1},
        {"send": 1, "receive": 1},
    )
    assert [(each.process, each.kind, each.clock) for each in run.first] == [
        ("A", "send", "1"), ("B", "receive", "0"),
    ]  # fmt: skip
    assert (run.unread, run.unread_lines[0].line) == (1, 4)
    done = command("check", tmp_path / "x.csv", "--preview")  # the clock goes back: not judged
    assert done.returncode == 0
    assert "violated" not in done.stdout
    assert "kept as text" in done.stdout
    printed = json.loads(command("check", tmp_path / "x.csv", "--preview", "--json").stdout)
    assert printed["runs"][0]["columns"][0] == {
        "name": "Machine", "field": "host", "meaning": "the process", "example": "A",
    }  # fmt: skip
    assert printed["runs"][0]["unread"] == 1


def test_a_preview_fits_in_80_columns(tmp_path: Path) -> None:
    head = ",".join(["process", "clock", "event", *(f"{'a very long name ' * 3}{n}" for n in "12")])
    clock = json.dumps({f"machine-{n:03}": 1 for n in range(40)}).replace('"', '""')
    row = f'machine-000,"{clock}",{"what happened " * 9},{"x" * 300},y\n'
    put(tmp_path, {"x.csv": f"{head}\n{row}" + "short\n" * 5})
    lines = command("check", tmp_path / "x.csv", "--preview").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("…" in line for line in lines)


def test_a_preview_of_every_kind_of_path(tmp_path: Path) -> None:
    found = driftlab.preview(runs(tmp_path / "several"))
    assert [run.name for run in found.runs] == ["ann", "bob", "course/run-1", "course/run-2"]
    done = command("check", tmp_path / "several", "--preview")
    assert "… and 1 more run" in done.stdout
    driftlab.simulate(
        driftlab.Scenario(rates=[3, 2], seconds=5), out=tmp_path / "ours", record="all"
    )
    (ours,) = driftlab.preview(tmp_path / "ours").runs
    assert (ours.format, list(ours.columns)) == ("driftlab", [])
    assert ours.matched == ours.receives
    frame = pl.DataFrame({"process": ["A"], "clock": [1]})
    frame.write_parquet(tmp_path / "x.parquet")
    (table,) = driftlab.preview(tmp_path / "x.parquet").runs
    assert (table.format, list(table.encodings)) == ("parquet", [])
    done = command("check", tmp_path / "nothing", "--preview")
    assert (done.returncode, done.stdout) == (2, "")


# Readings.


def test_a_reading_is_saved_and_read_by_every_command(tmp_path: Path) -> None:
    put(tmp_path, {"x.txt": "[A] 1 sends to two\n[B] 2 gets from one\n", "one": "", "two": ""})
    flags = (
        "--pattern", r"^\[(?<who>\w)\] (?<n>\d) (?<kind>sends) to (?<targets>\w+)",
        "--pattern", r"^\[(?<who>\w)\] (?<n>\d) (?<kind>gets) from (?<sender>\w+)",
        "--field", "host=who", "--field", "lamport=n", "--alias", "one=A", "--alias", "two=B",
    )  # fmt: skip
    reading = tmp_path / "r.toml"
    done = command("check", tmp_path / "x.txt", *flags, "--save-reading", reading)
    again = command("check", tmp_path / "x.txt", "--reading", reading)
    assert (again.returncode, again.stdout) == (done.returncode, done.stdout)
    assert driftlab.read(tmp_path / "x.txt", reading=reading).names == ["A", "B"]
    loaded = driftlab.load_reading(reading)
    assert driftlab.read(tmp_path / "x.txt", **loaded).names == ["A", "B"]
    for rest in (("convert", tmp_path / "x.txt", tmp_path / "o.csv", "--to", "csv"),
                 ("why", tmp_path / "x.txt", "A:0", "B:0"),
                 ("cut", tmp_path / "x.txt", "--clock", "1"),
                 ("compare", tmp_path / "x.txt"),
                 ("restamp", tmp_path / "x.txt", "--clock", "vector"),
                 ("check", tmp_path / "x.txt", "--preview")):  # fmt: skip
        assert command(*rest, "--reading", reading).returncode == 0, rest
    assert "A" in (tmp_path / "o.csv").read_text()


def test_what_a_flag_says_comes_before_the_reading(tmp_path: Path) -> None:
    put(tmp_path, {"x.csv": "who,n,m,kind\nA,1,5,internal\nA,2,7,internal\n"})
    reading = tmp_path / "r.toml"
    options = {"format": "csv", "fields": {"host": "who", "lamport": "n"}}
    driftlab.save_reading(reading, options)
    assert driftlab.load_reading(reading) == options
    read = driftlab.read(tmp_path / "x.csv", reading=reading)
    assert values(read.trace, "clock") == [1, 2]
    other = driftlab.read(tmp_path / "x.csv", reading=reading, fields={"lamport": "m"})
    assert values(other.trace, "clock") == [5, 7]  # and host is who, as before
    flags = ("--field", "lamport=m", "--reading", reading)
    assert command("check", tmp_path / "x.csv", *flags).returncode == 1
    assert command("check", tmp_path / "x.csv", "--reading", reading).returncode == 0


def test_a_reading_of_another_log_is_refused_with_what_does_not_fit(tmp_path: Path) -> None:
    put(tmp_path, {"x.csv": "process,n\nA,1\n"})
    reading = tmp_path / "r.toml"
    for options, says in (
        ({"format": "csv", "fields": {"lamport": "Ticker"}}, "there is no column Ticker"),
        ({"format": "csv", "aliases": {"B": "A"}}, "no process is called B"),
        ({"pattern": [r"^(?<host>\d+):"]}, "no record could be read"),
        ({"format": "csv", "process_from": r"vm(\d)"}, "matches neither"),
        ({"format": "csv", "time_format": "%H:%M"}, "there is no field time"),
    ):
        driftlab.save_reading(reading, options)
        done = command("check", tmp_path / "x.csv", "--reading", reading)
        assert done.returncode == 2
        assert says in done.stderr
        assert f"(read as {reading} says)" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo = 1\n", "no key foo; there are format, delimiter"),
        ("format = 1\n", "format: expected a text"),
        ("pattern = [1]\n", "pattern: expected a text or a list of texts"),
        ("fields = 'x'\n", "fields: expected a table of texts"),
        ("aliases = {a = 1}\n", "aliases: expected a table of texts"),
        ("not toml", "not a reading: "),
        ("x = " + "[" * 5000, "not a reading: "),
    ],
)
def test_a_file_that_is_no_reading_is_refused(tmp_path: Path, text: str, says: str) -> None:
    put(tmp_path, {"x.csv": "process,clock\nA,1\n", "r.toml": text})
    done = command("check", tmp_path / "x.csv", "--reading", tmp_path / "r.toml")
    assert done.returncode == 2
    assert f"{tmp_path}/r.toml: " in done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_but_a_reading_is_replaced_and_nothing_is_saved_of_a_log_that_was_not_read(
    tmp_path: Path,
) -> None:
    put(tmp_path, {"x.csv": "process,clock\nA,1\nA,2\n", "mine.txt": "dear diary\n"})
    done = command("check", tmp_path / "x.csv", "--save-reading", tmp_path / "mine.txt")
    assert done.returncode == 2
    assert (tmp_path / "mine.txt").read_text() == "dear diary\n"
    flags = ("--field", "lamport=no", "--save-reading", tmp_path / "r.toml")
    assert command("check", tmp_path / "x.csv", *flags).returncode == 2
    assert not (tmp_path / "r.toml").exists()
    for encoding in ("utf-8", "latin-1"):
        flags = ("--encoding", encoding, "--save-reading", tmp_path / "r.toml")
        assert command("check", tmp_path / "x.csv", *flags).returncode == 0
        assert driftlab.load_reading(tmp_path / "r.toml") == {"encoding": encoding}
