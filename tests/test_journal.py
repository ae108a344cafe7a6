import os
import resource
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.clocks.vector import VectorTimestamp
from driftlab.history.run_reader import count_in, run_journals, unread_of
from driftlab.journal.files import UnreadableError, UnreadLine
from driftlab.journal.format import COLUMNS, MORE_COLUMNS, format_note
from driftlab.journal.parser import Entry, Instant, JournalError, parse_entry, parse_note
from driftlab.journal.reader import read_header, read_last
from driftlab.journal.utc import utc_ns, utc_text
from driftlab.journal.writer import JournalFile, JournalFileError
from driftlab.model.event import Event, Kind, Message, payload_text
from tests.journals import line_of, read_journal
from tests.started import linux_only

names = st.sampled_from(["A", "B", "C", "machine-7", "x_1"])
counts = st.integers(0, 2**63 - 1)
times = st.integers(0, 4_000_000_000 * 10**9)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from(Kind))
    received = kind is Kind.RECEIVE
    targets = st.lists(names, min_size=1, max_size=4).map(tuple)
    event = Event(
        "A", draw(counts), kind, draw(names) if received else None,
        draw(counts) if received else None, draw(targets) if kind is Kind.SEND else (),
        draw(counts), draw(counts),
    )  # fmt: skip
    found = draw(st.lists(st.builds(Message, names, counts, st.none(), st.none()), max_size=4))
    return Entry(event, Instant(draw(times), draw(counts), draw(st.integers(-9, 2**60))), found)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
letters = st.none() | values.map(payload_text)
stamps = st.lists(st.integers(0, 2**62), min_size=3, max_size=3).map(
    lambda numbers: VectorTimestamp(tuple(numbers))
)


@st.composite
def long_entries(draw: st.DrawFn) -> Entry:
    one = draw(entries())
    message = st.builds(Message, names, counts, stamps, letters)
    event = one.event._replace(
        timestamp=draw(stamps | st.none()), recorded=tuple(draw(st.lists(values, max_size=3)))
    )
    return one._replace(event=event, found=tuple(draw(st.lists(message, max_size=4))))


@given(long_entries())
def test_timestamps_payloads_and_what_is_on_record_survive_their_line(one: Entry) -> None:
    line = line_of(one, more_columns=True)
    assert len(line.split("\t")) == len(COLUMNS + MORE_COLUMNS)
    assert line.splitlines() == [line[:-1]]
    back = parse_entry("A", line[:-1], lambda name, text: VectorTimestamp.decode(text, 0, 3))
    assert back == one
    bare = parse_entry("A", line[:-1])
    assert bare.event == one.event._replace(timestamp=None)


@given(names, counts, values)
def test_a_payload_survives_where_there_is_no_further_clock(
    name: str, stamp: int, value: object
) -> None:
    message = Message(name, stamp, None, payload_text(value))
    line = line_of(entry(1)._replace(found=(message,)), more_columns=True)
    assert parse_entry("A", line[:-1]).found == (message,)


@given(st.text('0123456789.:,%{}[]"AB-', max_size=12), st.sampled_from([10, 11, 12]))
def test_a_column_of_nonsense_is_refused_or_read_but_never_crashes(text: str, column: int) -> None:
    cells = line_of(entry(1), more_columns=True).rstrip("\n").split("\t")
    cells[column] = text or "-"
    with suppress(JournalError):
        parse_entry("A", "\t".join(cells), lambda name, text: VectorTimestamp.decode(text, 0, 3))


def header(machine: str = "A") -> str:
    return format_note("header", {"machine": machine, "index": 0, "rate": 6})


def entry(tick: int) -> Entry:
    event = Event("A", tick, Kind.INTERNAL, None, None, (), tick + 1, 0)
    return Entry(event, Instant(10**18 + tick, tick, 5), [])


def append(journal: JournalFile, one: Entry) -> None:
    journal.append(one.event, *one.instant, one.found)


@given(entries())
def test_an_event_survives_its_line(one: Entry) -> None:
    line = line_of(one)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    back = parse_entry("A", line[:-1])
    assert back == one._replace(found=tuple(one.found))


@given(entries())
def test_a_line_has_the_named_columns_and_none_is_empty(one: Entry) -> None:
    cells = line_of(one).rstrip("\n").split("\t")
    assert len(cells) == len(COLUMNS)
    assert all(cells)


@given(times)
def test_a_time_survives_its_text(time_ns: int) -> None:
    assert utc_ns(utc_text(time_ns)) == time_ns


def test_a_time_reads_as_people_write_it() -> None:
    assert utc_text(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z"
    assert utc_ns("2023-11-14T22:13:20Z") == 1_700_000_000 * 10**9
    with pytest.raises(ValueError, match="expected"):
        utc_ns("yesterday")


@given(st.text(max_size=40))
def test_the_last_field_of_a_note_holds_any_sentence_on_one_line(reason: str) -> None:
    line = format_note("incident", {"peer": "B", "reason": reason})
    assert line.count("\n") == 1
    assert parse_note(line[:-1]).topic == "incident"
    fields = parse_note(line[:-1]).fields
    assert set(fields) == {"peer", "reason"}
    assert fields["peer"] == "B"
    assert fields["reason"].split() == reason.split()


def test_what_a_peer_wrote_cannot_forge_a_field() -> None:
    reason = "'x what=none peer=Z reason=good' is not a message"
    line = format_note("incident", {"what": "peer-closed", "peer": "B", "reason": reason})
    fields = {"what": "peer-closed", "peer": "B", "reason": reason}
    assert parse_note(line[:-1]).fields == fields


def test_a_note_reads_back() -> None:
    note = parse_note("# incident peer=B reason=a frame of 7 bytes; the limit is 5")
    assert note.fields == {"peer": "B", "reason": "a frame of 7 bytes; the limit is 5"}


@pytest.mark.parametrize(
    "line",
    ["", "x", "a\tb", line_of(entry(1)).rstrip("\n") + "\tmore",
     line_of(entry(1)).rstrip("\n").replace("internal", "eternal"),
     "2023-13-14T22:13:20.123456789Z\t1\t1\t1\tinternal\t-\t-\t-\t1\t0\t-",
     "2023-11-14T22:13:20.123456789Z\t1\t1\t1\tinternal\t-\t-\t-\t1\t0\tB:x"],
)  # fmt: skip
def test_what_is_no_event_is_an_error(line: str) -> None:
    with pytest.raises(JournalError):
        parse_entry("A", line)


@given(cut=st.integers(1))
def test_a_journal_cut_anywhere_reads_back_to_the_cut(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    lines = [header(), *(line_of(entry(tick)) for tick in range(4))]
    whole = "".join(lines).encode()
    kept = whole[: len(lines[0]) + cut % (len(whole) - len(lines[0]) + 1)]
    path = tmp_path_factory.mktemp("cut") / "A.log"
    path.write_bytes(kept)
    journal = read_journal(path)
    assert [one.event.tick for one in journal.entries] == list(range(kept.count(b"\n") - 1))
    assert journal.torn == (not kept.endswith(b"\n"))
    assert journal.unread == []


def test_lines_that_match_nothing_are_counted_by_number(tmp_path: Path) -> None:
    path = tmp_path / "A.log"
    good = line_of(entry(0))
    path.write_text(header() + good + "who wrote this?\n" + "\n" + line_of(entry(1)))
    journal = read_journal(path)
    assert [unread.line for unread in journal.unread] == [3, 4]
    assert len(journal.entries) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        "# driftlab-journal 99 machine=A index=0 rate=6\n",
        "# driftlab-journal 1\n",
        "\0\xff",
        "# driftlab-journal 1 machine=A index=0 rate=6",
        "# driftlab-journal 1 machine=A index=first rate=6\n",
        "# driftlab-journal 1 machine=A\n",
    ],
)
def test_a_file_that_is_no_journal_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "A.log"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UnreadableError, match=r"A\.log"):
        read_journal(path)


def test_a_folder_without_journals_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError) as error:
        run_journals(tmp_path)
    reported = "no journals here; a run folder holds a NAME.log for each machine"
    assert str(error.value) == f"{tmp_path}: {reported}"
    with pytest.raises(UnreadableError, match=r"missing: No such file or directory"):
        run_journals(tmp_path / "missing")


@given(found=st.integers(0, 4000), cut=st.integers(0, 40))
def test_the_last_entry_is_found_from_the_end_of_a_live_file(
    tmp_path_factory: pytest.TempPathFactory, found: int, cut: int
) -> None:
    long = entry(7)._replace(found=[Message("B", stamp) for stamp in range(found)])
    path = tmp_path_factory.mktemp("live") / "A.log"
    path.write_text(header() + line_of(entry(6)) + line_of(long) + "x" * cut)
    last = read_last(path)
    assert last is not None
    assert last.event == long.event
    path.write_text(header())
    assert read_last(path) is None


def test_a_journal_file_is_never_overwritten_and_every_line_is_there_at_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "A.log"
    journal = JournalFile(str(path))
    journal.note("header", {"machine": "A", "index": 0, "rate": 6})
    append(journal, entry(0))
    assert len(read_journal(path).entries) == 1  # still open, nothing held back
    with pytest.raises(JournalFileError, match="never overwritten"):
        JournalFile(str(path))
    journal.close()
    assert len(read_journal(path).entries) == 1


def test_a_line_that_the_disk_cuts_is_an_error_at_once(tmp_path: Path) -> None:
    journal = JournalFile(str(tmp_path / "A.log"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
    try:
        with pytest.raises(JournalFileError, match=r"cannot write A\.log: File too large"):
            append(journal, entry(0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "A.log").read_text() == line_of(entry(0))[:20]
    journal.close()


@linux_only
def test_a_full_disk_is_an_error_with_the_files_name() -> None:
    journal = JournalFile.__new__(JournalFile)  # /dev/full exists, so it cannot be created
    journal.path = "/dev/full"
    journal._more_columns = False
    journal._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalFileError, match="No space left"):
        append(journal, entry(0))
    journal.close()


@pytest.mark.parametrize("column", [1, 2, 3, 6, 8, 9, 10])
def test_a_number_of_thousands_of_digits_is_no_event(column: int) -> None:
    cells = line_of(entry(1)).rstrip("\n").split("\t")
    cells[column] = ("B:" if column == 10 else "") + "9" * 5000
    with pytest.raises(JournalError):
        parse_entry("A", "\t".join(cells))


def test_a_message_found_without_the_timestamp_of_its_run_is_no_event() -> None:
    cells = line_of(entry(1), more_columns=True).rstrip("\n").split("\t")
    for text in ("B:5", "B:5::1"):
        cells[10] = text
        with pytest.raises(JournalError, match="without a timestamp"):
            parse_entry("A", "\t".join(cells), lambda _, text: VectorTimestamp.decode(text, 0, 3))


GOOD = ["2023-11-14T22:13:20Z", "1", "-2", "3", "receive", "B", "5", "C", "6", "0", "B:5,C:7"]
ELEVEN_OR_THIRTEEN = "not an event: expected 11 or 13 columns separated by tabs"
FOUND = "not an event: the column `found` is SENDER:CLOCK,SENDER:CLOCK…"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({}, None),
        (
            {0: "2023-11-14 22:13:20Z"},
            "not an event: the column `time` cannot be '2023-11-14 22:13:20Z'",
        ),
        ({0: "1Z"}, "not an event: '1Z' is not a time; expected YYYY-MM-DDThh:mm:ss[.fraction]Z"),
        ({1: "-1"}, "not an event: the column `due_ns` cannot be '-1'"),
        ({2: "--1"}, "not an event: the column `late_ns` cannot be '--1'"),
        ({3: "x"}, "not an event: the column `tick` cannot be 'x'"),
        ({4: "eternal"}, "not an event: the column `kind` cannot be 'eternal'"),
        ({5: ""}, "not an event: the column `sender` cannot be ''"),
        ({6: "5.5"}, "not an event: the column `stamp` cannot be '5.5'"),
        ({7: "B C"}, "not an event: the column `targets` cannot be 'B C'"),
        ({8: "\u0663"}, "not an event: the column `clock` cannot be '\\u0663'"),
        ({9: "-"}, "not an event: the column `queue` cannot be '-'"),
        ({9: "x" * 41}, f"not an event: the column `queue` cannot be '{'x' * 40}'"),
        ({10: "B"}, FOUND),
        ({10: ":5"}, FOUND),
        ({10: "B:\u0663"}, FOUND),
        ({10: "B:5,"}, FOUND),
        ({10: "B:5\t-"}, ELEVEN_OR_THIRTEEN),
        ({10: "B:5\t-\t-\t-"}, ELEVEN_OR_THIRTEEN),
        ({10: "B:5\t-\t-"}, None),
        ({10: "B:5\t-\t{}"}, "not an event: the column `recorded` is a list of JSON"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(cells: dict[int, str], reason: str | None) -> None:
    line = "\t".join(cells.get(column, cell) for column, cell in enumerate(GOOD))
    if reason is None:
        parse_entry("A", line)
        return
    with pytest.raises(JournalError) as error:
        parse_entry("A", line)
    assert str(error.value) == reason


WHOLE = "a whole number from 0 to 2147483647"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"index": "2147483647"}, None),
        ({"index": "2147483648"}, f"line 1: index='2147483648'; expected {WHOLE}"),
        ({"index": "-1"}, f"line 1: index='-1'; expected {WHOLE}"),
        ({"index": "0" * 19}, None),
        ({"index": "0" * 20}, f"line 1: index='{'0' * 20}'; expected {WHOLE}"),
        ({"rate": "0"}, "line 1: rate='0'; expected a positive number"),
        ({"rate": "1_0"}, "line 1: rate='1_0'; expected a positive number"),
        ({"rate": "1e-300"}, None),
        ({"rate": "\u0663"}, "line 1: rate='\\u0663'; expected a positive number"),
        ({"speed": "-1"}, "line 1: speed='-1'; expected a positive number"),
        ({"phase_ns": "9223372036854775807"}, None),
        ({"phase_ns": "9223372036854775808"},
         "line 1: phase_ns='9223372036854775808'; expected whole nanoseconds, not negative"),
        ({"phase_ns": "-1"}, "line 1: phase_ns='-1'; expected whole nanoseconds, not negative"),
        ({"clock": "sun"}, "line 1: clock='sun'; expected lamport, vector, matrix, hybrid"),
        ({"machine": ""}, "line 1: machine=''; expected a name"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_header_is_named(
    tmp_path: Path, fields: dict[str, str], reason: str | None
) -> None:
    path = tmp_path / "A.log"
    path.write_text(format_note("header", {"machine": "A", "index": 0, "rate": 6, **fields}))
    if reason is None:
        assert read_header(path) == {"machine": "A", "index": "0", "rate": "6", **fields}
        return
    with pytest.raises(UnreadableError) as error:
        read_header(path)
    assert str(error.value) == f"{path}: {reason}"


def test_a_journal_that_is_no_longer_ours_to_read_says_its_version(tmp_path: Path) -> None:
    path = tmp_path / "A.log"
    path.write_text(header().replace("journal 1 ", "journal 2 "))
    with pytest.raises(UnreadableError) as error:
        read_header(path)
    assert str(error.value) == f"{path}: journal version 2; this driftlab reads 1"
    path.write_text(header().replace(" rate=6", ""))
    with pytest.raises(UnreadableError, match=r"line 1 is not `# driftlab-journal 1 machine=…"):
        read_header(path)


def test_every_line_is_an_event_a_note_or_unread_with_its_number_and_the_reason(
    tmp_path: Path,
) -> None:
    largest = entry(2)._replace(event=entry(2).event._replace(clock=2**63 - 1, queue=0))
    beyond = entry(3)._replace(event=entry(3).event._replace(clock=2**63))
    path = tmp_path / "A.log"
    path.write_text(
        header()
        + line_of(entry(0))
        + "\n"
        + format_note("incident", {"what": "x"})
        + line_of(largest)
        + line_of(beyond)
        + line_of(entry(4)).replace("\t-\n", "\tZ:1\n")
        + "# driftlab-journal 9\n"
        + "torn"
    )
    journal = read_journal(path)
    assert [(one.file, one.line, one.reason) for one in journal.unread] == [
        ("A.log", 3, "not an event: expected 11 columns separated by tabs"),
        ("A.log", 6, "not an event: a number in it is beyond 64 bits"),
        ("A.log", 7, "not an event: it names 'Z', which is no process of this run"),
        ("A.log", 8, "journal version 9; this driftlab reads 1"),
    ]
    assert [note.topic for note in journal.notes] == ["incident"]
    assert [one.event.clock for one in journal.entries] == [1, 2**63 - 1]
    assert (journal.torn, journal.length) == (True, 9)
    assert unread_of(journal.journal)[-1] == UnreadLine("A.log", 9, "breaks off in the middle")


def test_a_journal_of_thirteen_columns_has_lost_some_if_there_are_fewer(tmp_path: Path) -> None:
    path = tmp_path / "A.log"
    first = format_note("header", {"machine": "A", "index": 0, "rate": 6, "clock": "lamport"})
    line = line_of(entry(0), more_columns=True)
    path.write_text(first + line + line.rsplit("\t", 1)[0] + "\n" + line.replace("\t-\t-\n", "\n"))
    journal = read_journal(path)
    assert len(journal.entries) == 1
    reason = "not an event: expected 13 columns separated by tabs"
    assert [(one.line, one.reason) for one in journal.unread] == [(3, reason), (4, reason)]


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("7", 7), ("9" * 19, 10**19 - 1), ("9" * 20, None), ("-1", None), ("", None),
     ("1.0", None), ("\u0663", None), ("\u00b2", None)],
)  # fmt: skip
def test_a_count_in_a_note_is_a_number_or_none(text: str, count: int | None) -> None:
    assert count_in({"ticks": text}, "ticks") == count
    assert count_in({}, "ticks") is None
