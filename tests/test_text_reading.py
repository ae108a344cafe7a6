"""Logs of text as they come: every text at its event, every line counted, no hole that is none."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.errors import DriftlabError
from driftlab.foreign import read_executions, read_log
from driftlab.foreign.trace_builder import Execution
from driftlab.history.trace import Trace
from driftlab.model.columns import KINDS
from tests.executions import values

CLOCKED = r"^(?<host>\w) (?<clock>\{.*\})\n(?<event>.*)"
COUNTED = r"^(?<host>\w) (?<lamport>\d+) (?<event>.*)"


def put(folder: Path, text: str, name: str = "x.log") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode())
    return folder / name


def read_one(folder: Path, text: str, *patterns: str, **options: Any) -> Trace:
    (trace,) = read_log(put(folder, text), pattern=patterns or None, **options)
    return trace


def texts_of(execution: Execution) -> dict[str, list[str | None]]:
    trace = execution.trace
    return {
        name: list(trace.texts["event"][trace.rows_of(number)])
        for number, name in enumerate(trace.names)
        if trace.rows_of(number).stop > trace.rows_of(number).start
    }


def kinds(trace: Trace) -> list[str]:
    return [KINDS[kind] for kind in trace.columns.kind.tolist()]


def unread_lines(trace: Trace) -> int:
    return sum(one.lines for one in trace.unread)


# Every text at its event, however the log is laid out.

DELIMITERS = (
    "=== Execution #{} ===", "=== Execution #{}  ===", "=== {} ===", "==={}===", "==== {} ====",
    "== {} ==", "--- {} ---", "-- {} --", "*** {} ***", "## {} ##", "~~~ {} ~~~", "  === {} ===  ",
)  # fmt: skip
WORDS = st.text("abc xyz0189.:,!?'()-", min_size=1, max_size=12).map(lambda text: f"e{text}e")


class Written(NamedTuple):
    """A log, and what it holds: the texts of each process in each execution."""

    log: str
    texts: list[dict[str, list[str]]]
    comments: int


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Draw a log of one or several executions; `a` has events in each of them."""
    layout = draw(st.sampled_from(["{k}\n{t}", "{t}\n{k}", "{k} {t}", "{t} {k}"]))
    runs = draw(st.integers(1, 4))
    delimiter = draw(st.sampled_from(DELIMITERS)) if runs > 1 or draw(st.booleans()) else ""
    comment = draw(st.sampled_from(["# {}", "// {}", "; {}", "%{}"]))
    comments = 0

    def more(at_most: int) -> list[str]:
        nonlocal comments
        lines = draw(st.lists(st.sampled_from(["", "  ", "c"]), max_size=at_most))
        comments += lines.count("c")
        return [comment.format("a remark") if line == "c" else line for line in lines]

    lines, expected = more(3), []
    for run in range(runs):
        if delimiter:
            lines += [delimiter.format(f"run {run}"), *more(1)]
        texts: dict[str, list[str]] = {}
        for host in ["a", *draw(st.lists(st.sampled_from("abc"), max_size=5))]:
            own = texts.setdefault(host, [])
            own.append(draw(WORDS))
            clock = f"{host} {json.dumps({host: len(own)})}"
            lines += [layout.format(k=clock, t=own[-1]), *more(1)]
        expected.append(texts)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    log = "\n".join(lines) + draw(st.sampled_from(["", "\n"]))
    return Written(log.replace("\n", end), expected, comments)


@given(case=written())
@settings(max_examples=200, deadline=None)
def test_every_text_comes_back_at_its_event(case: Written) -> None:
    with TemporaryDirectory() as folder:
        found = read_executions(put(Path(folder), case.log))
    assert [texts_of(each) for each in found] == case.texts
    assert sum(unread_lines(each.trace) for each in found) == case.comments
    for each in found:  # own entries follow one another: nothing is missing anywhere
        assert each.trace.gaps.tolist() == []


TIMED = ["{time} {k}\n{t}", "{time} {t}\n{k}", "{t}\n{time} {k}"]


@pytest.mark.parametrize("layout", TIMED)
@pytest.mark.parametrize("before", ["", "# times are wall times\n", "\n", "# a\n\n# b\n"])
@pytest.mark.parametrize("delimiter", ["", "=== {} ===\n", "=== Execution #{}  ===\n"])
def test_texts_of_logs_with_times_are_at_their_events_too(
    tmp_path: Path, layout: str, before: str, delimiter: str
) -> None:
    log = before
    for run in range(2 if delimiter else 1):
        log += delimiter.format(f"no {run}")
        for n in (1, 2, 3):
            log += layout.format(time=n * 10, k=f'a {{"a":{n}}}', t=f"text {n}") + "\n"
    for each in read_executions(put(tmp_path, log)):
        assert texts_of(each) == {"a": ["text 1", "text 2", "text 3"]}
        assert values(each.trace, "time_ns") == [10, 20, 30]


def test_where_either_reading_leaves_a_line_the_one_that_was_taken_is_said(
    tmp_path: Path,
) -> None:
    log = 'begin of the log\na {"a":1}\nasks\na {"a":2}\nhears\n'
    trace = read_one(tmp_path, log)
    assert trace.texts["event"] == ["asks", "hears"]
    assert [line for line in trace.assumed if "the line below its clock" in line]
    assert unread_lines(trace) == 1
    sure = read_one(tmp_path, f"# {log}")
    assert (sure.texts["event"], list(sure.assumed)) == (["asks", "hears"], [])
    unsure = read_one(tmp_path, f"# remark\n{log}")
    assert (unsure.texts["event"], len(unsure.assumed)) == (["asks", "hears"], 1)


def test_a_blank_line_may_be_the_text_of_the_first_event(tmp_path: Path) -> None:
    assert read_one(tmp_path, '\na {"a":1}\nasks\na {"a":2}\n').texts["event"] == ["", "asks"]
    below = read_one(tmp_path, '\na {"a":1}\nasks\na {"a":2}\n\n')
    assert below.texts["event"] == ["asks", ""]


def test_a_file_that_one_layout_cannot_read_in_time_is_read_by_another(tmp_path: Path) -> None:
    """The many unread lines are long; each layout goes through them once."""
    noise = "x" * 100_000 + " y" * 5_000
    log = "".join(f'{noise}\na {{"a":{n}}}\ntext {n}\n' for n in (1, 2, 3))
    trace = read_one(tmp_path, log, format="shiviz")
    assert trace.texts["event"] == ["text 1", "text 2", "text 3"]


# Lines such as `=== name ===`.


@pytest.mark.parametrize("heading", ["=== {} ===", "--- {} ---", "# {} #", "=== {}"])
def test_a_heading_within_one_execution_parts_nothing(tmp_path: Path, heading: str) -> None:
    """The clocks go on after it."""
    log = f'{heading.format("first")}\na {{"a":1}}\nx\n{heading.format("second")}\na {{"a":2}}\ny\n'
    trace = read_one(tmp_path, log)
    assert trace.texts["event"] == ["x", "y"]
    assert unread_lines(trace) == 2
    marked = heading in ("=== {} ===", "--- {} ---")
    assert bool([line for line in trace.remarks if "--delimiter?" in line]) == marked
    if heading == "=== {} ===":
        assert "2 lines like === first === match nothing: --delimiter?" in trace.remarks


def test_a_reset_of_one_process_after_a_heading_is_not_excused_by_it(tmp_path: Path) -> None:
    log = (
        '=== one ===\na {"a":1}\nx\nb {"b":1}\nx\na {"a":2}\nx\n'
        '=== two ===\na {"a":1}\nx\nb {"b":2}\nx\n'
    )
    (history,) = driftlab.read_all(put(tmp_path, log))
    assert history.check().counts["vector-back"] == 1


def test_sections_of_processes_are_not_taken_for_executions(tmp_path: Path) -> None:
    log = '=== a ===\na {"a":1}\nasks\n=== b ===\nb {"a":1, "b":1}\nis asked\n'
    (history,) = driftlab.read_all(put(tmp_path, log))
    assert (len(history), history.check().messages) == (2, 1)
    assert "2 lines like === a === match nothing: --delimiter?" in history.check().remarks


def test_executions_have_headings_and_headings_of_another_form_part_none(tmp_path: Path) -> None:
    run = 'a {"a":1}\nx\n--- later ---\na {"a":2}\ny\n'
    found = read_executions(put(tmp_path, f"=== one ===\n{run}=== two ===\n{run}"))
    assert [(each.label, len(each.trace), unread_lines(each.trace)) for each in found] == [
        ("one", 2, 1), ("two", 2, 1),
    ]  # fmt: skip
    assert all(each.trace.gaps.tolist() == [] for each in found)
    assert [list(each.trace.remarks) for each in found] == [
        ["1 line like --- later --- matches nothing: --delimiter?"]
    ] * 2


def test_a_heading_with_unread_lines_around_it_leaves_them_in_their_executions(
    tmp_path: Path,
) -> None:
    log = 'a {"a":1}\nx\n\nend of it\n=== two ===\nnow then\nand more\na {"a":1}\ny\n'
    found = read_executions(put(tmp_path, log))
    unread = [[(one.line, one.lines) for one in each.trace.unread] for each in found]
    assert unread == [[(4, 1)], [(6, 2)]]
    assert [each.label for each in found] == ["", "two"]


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one"), ("one", "one")])
def test_headings_part_several_files_only_if_all_have_the_same(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for host, order in (("a", ("one", "two")), ("b", names)):
        log = "".join(f'=== {name} ===\n{host} {{"{host}":1}}\nx\n' for name in order)
        put(tmp_path / "logs", log, f"{host}.log")
    found = read_executions(tmp_path / "logs", format="shiviz")
    if names == ("one", "two"):
        assert [(each.label, len(each.trace)) for each in found] == [("one", 2), ("two", 2)]
    else:
        assert [len(each.trace) for each in found] == [4]
        assert unread_lines(found[0].trace) == 4


def test_headings_part_what_a_pattern_describes_if_lamport_clocks_begin_anew(
    tmp_path: Path,
) -> None:
    log = "=== one ===\na 1 x\na 2 y\n=== two ===\na 1 z\n"
    found = read_executions(put(tmp_path, log), pattern=COUNTED)
    assert [(each.label, texts_of(each)["a"]) for each in found] == [
        ("one", ["x", "y"]), ("two", ["z"]),
    ]  # fmt: skip
    assert "separate executions" in found[0].trace.assumed[0]
    (whole,) = read_executions(put(tmp_path, log), pattern=r"^(?<host>\w) \d (?<event>.*)")
    assert unread_lines(whole.trace) == 2  # no clock tells


def test_a_text_that_looks_like_a_heading_stays_a_text(tmp_path: Path) -> None:
    log = 'a {"a":1}\n=== one ===\na {"a":2}\n--- two ---\n'
    assert read_one(tmp_path, log).texts["event"] == ["=== one ===", "--- two ---"]


def test_a_delimiter_that_was_given_is_the_only_one(tmp_path: Path) -> None:
    log = '=== one ===\na {"a":1}\nx\n@@\n=== two ===\na {"a":1}\ny\n'
    found = read_executions(put(tmp_path, log), delimiter="^@@$")
    assert [(len(each.trace), unread_lines(each.trace)) for each in found] == [(1, 1), (1, 1)]


# The rest of a line, and how many lines are unread.


@pytest.mark.parametrize(
    ("pattern", "log"),
    [
        (r"^(?<host>\w) \((?<lamport>\d+)\) (?<event>\w+)", "A ({}) works, all fine\n"),
        (r"(?<host>\w) \((?<lamport>\d+)\)", "12:00 INFO A ({}) works\n"),
        (r"(?<host>\w) \((?<lamport>\d+)\)", "A ({})\n\n"),
        (r"^(?<host>\w) (?<lamport>\d+)\n(?<event>\w+)", "A {}\nworks, all fine\n"),
        (r"(?<host>\w) = (?<lamport>\d+)\n(?<event>\w+)", "now A = {}\nworks, all fine\n"),
        (r"\n(?<host>\w) \((?<lamport>\d+)\)", "\nA ({}) works\n"),
        (r"^(?<host>\w) (?<lamport>\d+)[^\n]*\n", "A {} works\n"),
    ],
)
def test_the_rest_of_a_line_is_neither_unread_nor_a_hole(
    tmp_path: Path, pattern: str, log: str
) -> None:
    right, wrong = ("".join(log.format(n) for n in clocks) for clocks in ((1, 2, 3), (1, 5, 6)))
    trace = read_one(tmp_path, right, pattern)
    assert (len(trace), trace.unread, trace.gaps.tolist()) == (3, [], [])
    for text, unknown in ((right, 0), (wrong, 1)):  # an unsaid event may have received something
        verdict = driftlab.read(put(tmp_path, text), pattern=pattern).check()
        assert (verdict.counts["lamport-step"], verdict.unknown) == (0, unknown)


def test_several_records_may_stand_on_a_line(tmp_path: Path) -> None:
    log = "A 1, then B 1 and\nnothing here\nso A 5, B 2.\n"
    trace = read_one(tmp_path, log, r"(?<host>[AB]) (?<lamport>\d+)")
    assert values(trace, "line") == [1, 3, 1, 3]
    assert [(one.line, one.reason) for one in trace.unread] == [
        (2, "matches nothing: nothing here")
    ]
    assert trace.gaps.tolist() == [1]  # B's clock has no room for another event


def test_the_rest_of_a_delimiters_line_is_not_unread(tmp_path: Path) -> None:
    log = "run 1 of 2\nA 1 x\nrun 2 of 2\nA 1 y\nleft\n"
    found = read_executions(put(tmp_path, log), pattern=COUNTED, delimiter=r"^run (?<trace>\d)")
    assert [(each.label, unread_lines(each.trace)) for each in found] == [("1", 0), ("2", 1)]


def test_unread_lines_are_counted_one_by_one_and_blank_ones_are_not(tmp_path: Path) -> None:
    log = (
        '# one\n# two\n\n \n# three\nA {"A":1}\nx\n\nfour\nA {"A":2}\ny\nfive\n\n\n'
        'A {"A":3, "A":4}\nz\nsix'
    )
    trace = read_one(tmp_path, log, CLOCKED)
    assert [(one.line, one.lines) for one in trace.unread] == [
        (1, 3),
        (9, 1),
        (12, 1),
        (15, 1),
        (17, 1),
    ]
    assert trace.unread[0].reason == "3 lines match nothing: # one …"
    assert unread_lines(trace) == 7


# Holes without room.


def test_there_is_no_hole_between_own_entries_that_follow_one_another(tmp_path: Path) -> None:
    log = "".join(f'A {{"A":{n}, "B":{n * 7}}}\nx\ndetail {n}\n' for n in (1, 2, 3, 5, 6))
    trace = read_one(tmp_path, log, CLOCKED)
    assert trace.gaps.tolist() == [3]
    assert unread_lines(trace) == 5
    (history,) = driftlab.read_all(tmp_path / "x.log", pattern=CLOCKED, format="text")
    assert history.check().unknown_counts["vector-own"] == 1


@pytest.mark.parametrize(
    ("columns", "rows", "gaps"),
    [
        ("lamport", ["1", "2", "4"], [2]),
        # A receive may be one that was not counted.
        ("lamport kind", ["1 internal", "2 receive", "3 send", "4 -"], [1]),
        ("lamport sender", ["1 -", "2 B", "3 -"], [1]),
        ("tick", ["0", "1", "3"], [2]),
        ("tick lamport kind", ["0 1 send", "1 9 receive", "2 10 receive", "4 11 send"], [3]),
        # All that counts must agree.
        ("tick clock", ['0 {"A":1}', '1 {"A":3}', '3 {"A":4}', '4 {"A":5}'], [1, 2]),
        ("clock lamport", ['{"A":1} 1', '{"A":2} 5', '{"A":4} 6'], [2]),
        ("clock lamport", ['{"B":1} 1', '{"B":1} 2', '{"B":2} 4'], [2]),  # no own entry
        ("event", ["x", "y"], [1]),
    ],
)
def test_there_is_no_hole_between_numbers_that_follow_one_another(
    tmp_path: Path, columns: str, rows: list[str], gaps: list[int]
) -> None:
    pattern = "^A " + " ".join(rf"(?<{name}>\S+)" for name in columns.split()) + "$"
    log = "".join(f"A {row}\n# detail\n" for row in rows)
    trace = read_one(tmp_path / "logs", log, pattern.replace("^A", "^(?<host>A)"))
    assert trace.gaps.tolist() == gaps


def test_a_record_that_cannot_be_read_is_missing_whatever_the_numbers_say(tmp_path: Path) -> None:
    log = 'A {"A":1}\nx\nA {"A":?}\nx\nA {"A":2}\nx\n'
    assert read_one(tmp_path, log, CLOCKED).gaps.tolist() == [1]


def test_a_stretch_of_unread_lines_may_be_several_processes_events(tmp_path: Path) -> None:
    log = "A 1 x\nB 1 x\nC 1 x\nA: odd\n  and more\nB: odd\nA 3 x\nB 3 x\nC 3 x\n"
    trace = read_one(tmp_path, log, COUNTED)
    assert trace.gaps.tolist() == [1, 3]


# Patterns of which each knows other fields.


def test_a_record_without_a_kind_may_say_it_in_its_text(tmp_path: Path) -> None:
    log = "A Receive 1\nA Receive 5\nA Internal 6\nB Send to A 4\nB works 5\n"
    rest = r"^(?<host>\w) (?<event>\w+) (?<lamport>\d+)"
    for name in ("kind", "type", "operation"):
        send = rf"^(?<host>\w) (?<{name}>Send) to (?<targets>\w) (?<lamport>\d+)"
        for patterns in ((send, rest), (rest.replace(r"\w+", r"[^S\W]\w+"), send)):
            trace = read_one(tmp_path, log, *patterns)
            assert kinds(trace) == ["receive", "receive", "internal", "send", "unsaid"]
            assert trace.unread == []
    assert driftlab.read(tmp_path / "x.log", pattern=[send, rest]).check().holds


def test_a_record_that_says_it_has_no_kind_has_none(tmp_path: Path) -> None:
    log = "A - send\nA internal receive\nB  send\n"
    trace = read_one(tmp_path, log, r"^(?<host>\w) (?<kind>\S*) (?<event>\w+)")
    assert kinds(trace) == ["unsaid", "internal", "send"]


def test_fields_may_have_another_name_in_each_pattern(tmp_path: Path) -> None:
    log = 'A sends 1 to B\nB got {"A":1,"B":1}\nC 3: lc 4\n'
    trace = read_one(
        tmp_path, log,
        r"^(?<process>\w) (?<type>sends) (?<lamport>\d) to (?<to>\w)",
        r"^(?<node>\w) (?<kind>got) (?<vc>\{.*\})",
        r"^(?<host>\w) (?<time>\d): lc (?<clock>\d)",
    )  # fmt: skip
    assert trace.names == ["A", "B", "C"]
    assert kinds(trace) == ["send", "receive", "unsaid"]
    assert values(trace, "clock")[0::2] == [1, 4]
    assert trace.timestamps is not None
    assert trace.timestamps.values.tolist() == [1, 1]
    assert set(trace.texts) == {"kind_text"}


HOST_NAMES = ("host", "process", "machine", "proc", "node", "process_id", "vm", "thread", "pid")


@pytest.mark.parametrize("name", HOST_NAMES)
def test_the_process_has_its_other_names_in_patterns_too(tmp_path: Path, name: str) -> None:
    log = 'A {"A":1}\nx\nB {"B":1}\ny\n'
    pattern = rf"(?<{name}>\S+) (?<clock>{{.*}})\n(?<event>.*)"
    for options in ({"format": "text"}, {"format": "shiviz"}, {"format": "govector"}):
        trace = read_one(tmp_path, log, pattern, **options)
        assert (trace.names, trace.texts["event"]) == (["A", "B"], ["x", "y"])
    headed = read_one(tmp_path, f"{pattern}\n\n{log}")
    assert headed.names == ["A", "B"]
    (folder,) = read_log(put(tmp_path / "logs", log).parent, pattern=pattern)
    assert folder.names == ["A", "B"]  # and not the file's name


@pytest.mark.parametrize(
    ("format", "pattern"),
    [
        ("shiviz", r"(?<machine>\S+) (?<vector_clock>{.*})\n(?<action>.*)"),
        ("tsviz", r"(?<system_time>\d+) (?<vm>\S+) (?<vc>{.*})\n(?<text>.*)"),
        ("tsviz", r"(?<time_ns>\d+) (?<vm>\S+) (?<vc>{.*})\n(?<text>.*)"),
        ("govector", r"(?<pid>\S+) (?<lc>{.*})\n(?<description>.*)"),
    ],
)
def test_the_groups_that_a_format_needs_have_other_names(
    tmp_path: Path, format: str, pattern: str
) -> None:
    time = "17 " if format == "tsviz" else ""
    trace = read_one(tmp_path, f'{time}A {{"A":1}}\nx\n', pattern, format=format)
    assert (trace.names, trace.timestamps is not None) == (["A"], True)
    assert not time or values(trace, "time_ns") == [17]


# Patterns that match too little.


def test_lines_that_match_nothing_are_told_by_kind(tmp_path: Path) -> None:
    noise = ["INFO heartbeat {n}", "[12:00:{n:02}] gc took {n} ms", "[12:01:{n:02}] swap", ""]
    log = "".join(
        f"A {n} x\n" + noise[n % 4].format(n=n) + "\n" for n in range(1, 41)
    )  # fmt: skip
    trace = read_one(tmp_path, log + "once\n", COUNTED)
    assert list(trace.remarks) == [
        "10 unread lines like [12:00:01] gc took 1 ms, the first x.log:2",
        "10 unread lines like [12:01:02] swap, the first x.log:4",
        "10 unread lines like INFO heartbeat 4, the first x.log:8",
        "1 unread line of another kind",
    ]
    remarks = driftlab.read(tmp_path / "x.log", pattern=COUNTED).check().remarks
    assert remarks[-1] == "1 unread line of another kind"
    assert read_one(tmp_path, "A 1 x\n" + "once\n" * 3, COUNTED).remarks == []


@pytest.mark.parametrize("read_in", ["main", "another"])
def test_patterns_that_match_nothing_are_shown_with_the_first_line(
    tmp_path: Path, read_in: str
) -> None:
    path = put(tmp_path, "\nhello 1\nworld\n")
    with pytest.raises(DriftlabError) as error:
        read_log(path, pattern=[r"^(?<host>\w+)=(?<event>x)$", "(?<host>a{200})" + "b" * 200])
    assert str(error.value).startswith(
        f"{path}: no record could be read; line 2: 2 lines match nothing: hello 1 …; "
        r"the patterns are ^(?<host>\w+)=(?<event>x)$ and (?<host>a{200})bbb"
    )
    assert len(str(error.value)) < 500
    headed = put(tmp_path, "(?<host>\\S+) (?<clock>{.*})\\n(?<event>.*)\n\nhello\n", "y.log")
    with pytest.raises(DriftlabError, match=r"line 3: .*: hello; the pattern is \(\?<host>"):
        read_log(headed)


@pytest.mark.parametrize("last", ["-- end --", "=== done ==="])
def test_a_heading_that_ends_a_log_begins_no_execution_and_is_unread(
    last: str, tmp_path: Path
) -> None:
    trace = read_one(tmp_path, f"a 1 asks\na 2 rests\n{last}\n", COUNTED)
    assert (len(trace), unread_lines(trace)) == (2, 1)
    trace = read_one(tmp_path, f"{last}\na 1 asks\na 2 rests\n", COUNTED)
    assert (len(trace), unread_lines(trace)) == (2, 0)  # the name of what follows
