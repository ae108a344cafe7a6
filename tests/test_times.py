"""Times in every form: each is read as what it says, and what it does not say is not guessed."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.foreign.times import ROWS_AT_ONCE, read_times
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import MISSING
from tests.executions import values
from tests.started import driftlab as command

MOMENT = datetime(2025, 3, 4, 15, 20, 27, 968_000, UTC)
SECOND = 10**9


def ns(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000


def dates(column: Sequence[str]) -> list[str]:
    return [str(np.datetime64(at // SECOND, "s")) for at in read_times(column).ns.tolist()]


FORMS = {
    "2025-03-04T15:20:27.968Z": MOMENT,
    "2025-03-04t15:20:27.968z": MOMENT,
    "2025-03-04 15:20:27,968": MOMENT,
    "2025-03-04 15:20:27.968 UTC": MOMENT,
    "2025-03-04T16:20:27.968+01:00": MOMENT,
    "2025-03-04T16:20:27.968+0100": MOMENT,
    "2025-03-04 16:20:27.968+01": MOMENT,
    "2025-03-04T13:50:27.968-01:30[Somewhere/Else]": MOMENT,
    "2025/03/04 15:20:27.968": MOMENT,
    "2025-03-04 15:20:27.968 +0000 UTC m=+0.000000001": MOMENT,
    "[2025-03-04 15:20:27.968]": MOMENT,
    "2025-03-04 03:20:27.968 PM": MOMENT,
    "20250304T152027.968Z": MOMENT,
    "2025-03-04": datetime(2025, 3, 4, tzinfo=UTC),
    "2025-03-04T15:20": datetime(2025, 3, 4, 15, 20, tzinfo=UTC),
    "Tue Mar  4 15:20:27 2025": MOMENT.replace(microsecond=0),
    "Tue Mar  4 15:20:27.968 2025": MOMENT,
    "Tue Mar  4 15:20:27 UTC 2025": MOMENT.replace(microsecond=0),
    "Tue, 04 Mar 2025 15:20:27 GMT": MOMENT.replace(microsecond=0),
    "Tue, 4 Mar 2025 16:20:27 +0100": MOMENT.replace(microsecond=0),
    "Tue Mar 04 2025 16:20:27 GMT+0100 (Some Standard Time)": MOMENT.replace(microsecond=0),
    "March 4, 2025 3:20:27 p.m.": MOMENT.replace(microsecond=0),
    "Mar 4, 2025, 3:20:27\u202fPM": MOMENT.replace(microsecond=0),
    "4-Mar-2025 15:20:27.968": MOMENT,
    "04/Mar/2025:15:20:27 +0000": MOMENT.replace(microsecond=0),
    "[04/Mar/2025:14:20:27 -0100]": MOMENT.replace(microsecond=0),
    "10/13/2014 04:23:20.113": datetime(2014, 10, 13, 4, 23, 20, 113_000, UTC),
    "13.10.2014, 04:23:20": datetime(2014, 10, 13, 4, 23, 20, tzinfo=UTC),
    "10/13/2014 12:23 AM": datetime(2014, 10, 13, 0, 23, tzinfo=UTC),
    "03/03/2025 10:00:00": datetime(2025, 3, 3, 10, tzinfo=UTC),  # the same either way
}


@pytest.mark.parametrize("text", FORMS)
def test_every_form_is_the_moment_that_it_says(text: str) -> None:
    found = read_times([text])
    assert (found.ns.tolist(), found.assumed, found.remarks) == ([ns(FORMS[text])], [], [])


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-29 10:00:00", "2025-00-01", "2025-03-04 25:00:00", "Tue Foo  4 15:20:27 2025",
        "31/Apr/2025:15:20:27 +0000", "Feb 30 10:00:00", "2025-03-04T10:00:00+99:00",
        "2025-03-04 10:00:00 CET", "soon", "13/13/2025", "2025-03-04T13:00:00 PM", "٢٠٢٥-03-04",
        "0000-03-04 10:00:00", "9999-03-04 10:00:00",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_kept_as_text_and_said(text: str) -> None:
    found = read_times([text, None, "-"])
    assert found.ns.tolist() == [MISSING] * 3
    assert found.failed.tolist() == [True, False, False]
    (remark,) = found.remarks
    assert text[:10] in remark
    assert "--time-format" in remark


def test_each_value_of_a_column_is_read_by_its_own_form() -> None:
    column = ["Tue Mar  4 15:20:27 2025", "2025-03-04T15:20:28Z", "04/Mar/2025:15:20:29 +0000", "x"]
    found = read_times(column)
    first = ns(MOMENT.replace(microsecond=0))
    assert found.ns.tolist() == [first, first + SECOND, first + 2 * SECOND, MISSING]
    assert found.remarks == [
        "1 time kept as text (x): of 4 not in a form that is known; --time-format says another"
    ]


# The month or the day first.


def test_one_number_above_12_shows_which_is_the_month_of_all() -> None:
    assert dates(["03/04/2025", "03/14/2025"]) == ["2025-03-04T00:00:00", "2025-03-14T00:00:00"]
    assert dates(["03/04/2025", "14/03/2025"]) == ["2025-04-03T00:00:00", "2025-03-14T00:00:00"]


def test_dates_of_which_none_shows_it_are_not_guessed() -> None:
    found = read_times(["03/04/2025 10:00:00.5", "05/06/2025 10:00:00.5", "2025-03-04"])
    assert found.failed.tolist() == [True, True, False]
    (remark,) = found.remarks
    assert "2 times kept as text (03/04/2025 10:00:00.5)" in remark
    assert "--time-format '%m/%d/%Y %H:%M:%S.%f'" in remark
    said = read_times(["03/04/2025 10:00:00.5"], format="%m/%d/%Y %H:%M:%S.%f")  # as it advises
    assert said.ns.tolist() == [ns(datetime(2025, 3, 4, 10, 0, 0, 500_000, UTC))]


def test_dates_that_show_both_are_read_where_they_show_it_themselves() -> None:
    assert dates(["03/14/2025", "14/03/2025", "03/03/2025"]) == [
        "2025-03-14T00:00:00", "2025-03-14T00:00:00", "2025-03-03T00:00:00",
    ]  # fmt: skip
    found = read_times(["03/14/2025", "14/03/2025", "03/04/2025"])
    assert found.failed.tolist() == [False, False, True]


# What a form does not say.


def test_syslog_says_no_year_so_it_is_assumed_and_said() -> None:
    found = read_times(["Mar  4 15:20:27.968", "Mar  4 15:20:28"])
    assert found.assumed == ["2 times without a year: 1970 is assumed"]
    assert np.diff(found.ns).tolist() == [32_000_000]


def test_a_log_may_go_on_into_a_new_year_and_a_late_line_is_of_the_old_one() -> None:
    found = read_times(["Dec 31 23:59:59", "Jan  1 00:00:01", "Dec 31 23:59:58", "Jan  1 00:00:02"])
    assert (np.diff(found.ns) // SECOND).tolist() == [2, -3, 4]
    assert found.assumed == [
        "4 times without a year: 1970 to 1971 are assumed: it changes where the time goes back by "
        "half a year"
    ]


def test_the_29th_of_february_makes_it_a_leap_year() -> None:
    assert dates(["Feb 28 23:59:59", "Feb 29 00:00:00", "Mar  1 00:00:00"]) == [
        "1972-02-28T23:59:59", "1972-02-29T00:00:00", "1972-03-01T00:00:00",
    ]  # fmt: skip


def test_a_year_beside_it_is_the_year() -> None:
    found = read_times(["Dec 31 23:59:59", "2024-01-01T00:00:00Z", "Jan  1 00:00:01"])
    assert (np.diff(found.ns) // SECOND).tolist() == [1, 1]
    assert found.assumed[0].startswith("2 times without a year: 2023 to 2024 are assumed")


def test_a_time_of_day_goes_on_after_midnight() -> None:
    found = read_times(["23:59:59.5", "0:00:00.5", "23:59:59.9", "10:00:00 AM"])
    assert (np.diff(found.ns) // 10**8).tolist() == [10, -6, 360_001]
    assert found.assumed == [
        "times without a date: the day changes where the time goes back by 12 hours"
    ]
    same = read_times(["10:00:00", "23:00:00"])  # 13 hours on: nothing shows a midnight
    assert (np.diff(same.ns).tolist(), same.assumed) == ([13 * 3600 * SECOND], [])


def test_every_part_of_a_log_begins_beside_the_first() -> None:
    """A's log is of 13 hours, B's begins where A's did: on the same day."""
    column = ["08:00:00", "15:00:00", "21:00:00", "08:00:01", "21:00:01"]
    found = read_times(column, parts=lambda: np.array([0, 0, 0, 1, 1]))
    assert (found.ns // SECOND // 3600).tolist() == [8, 15, 21, 8, 21]


def test_logs_of_processes_one_after_the_other_are_parts(tmp_path: Path) -> None:
    rows = "".join(f"{p},{hour:02}:00:00,1\n" for p in "AB" for hour in (1, 8, 16))
    (tmp_path / "x.csv").write_text(f"process,time,clock\n{rows}")
    trace = driftlab.read(tmp_path / "x.csv").trace
    assert [at // (3600 * SECOND) for at in values(trace, "time_ns")] == [1, 8, 16, 1, 8, 16]


def test_a_number_among_dates_is_read_only_in_a_unit_that_is_said() -> None:
    found = read_times(["2025-03-04T15:20:27.968Z", "1741101628"])
    assert found.failed.tolist() == [False, True]
    assert "--time-unit" in found.remarks[0]
    assert read_times(["2025-03-04T15:20:27.968Z", "1741101628"], "s").ns.tolist() == [
        ns(MOMENT), 1741101628 * SECOND,
    ]  # fmt: skip


# A format of the user's.


@pytest.mark.parametrize(
    ("format", "text", "moment"),
    [
        ("%m/%d/%Y %H:%M:%S", "3/4/2025 15:20:27", MOMENT.replace(microsecond=0)),
        ("%d.%m.%y %Hh%M", "04.03.25 15h20", datetime(2025, 3, 4, 15, 20, tzinfo=UTC)),
        ("%d %B %Y, %I:%M:%S.%f %p", "4 March 2025, 03:20:27.968 pm", MOMENT),
        ("%Y%m%d%H%M%S", "20250304152027", MOMENT.replace(microsecond=0)),
        ("%a %b %e %T %Z %Y", "Tue Mar  4 15:20:27 UTC 2025", MOMENT.replace(microsecond=0)),
        ("%Y-%j %T.%f %z", "2025-063 16:20:27.968 +0100", MOMENT),
        ("[%d/%b/%Y:%T %z]", "[04/Mar/2025:15:20:27 Z]", MOMENT.replace(microsecond=0)),
        ("%s.%f", "1741101627.968", MOMENT),
        ("%Y", "2025", datetime(2025, 1, 1, tzinfo=UTC)),
        ("100%% %F", "100% 2025-03-04", datetime(2025, 3, 4, tzinfo=UTC)),
    ],
)
def test_a_format_of_strptime_says_how_times_are_read(
    format: str, text: str, moment: datetime
) -> None:
    assert read_times([text], format=format).ns.tolist() == [ns(moment)]
    found = read_times([text, f"{text}x", None], format=format)
    assert found.failed.tolist() == [False, True, False]
    assert f"not in --time-format {format}" in found.remarks[0]


def test_a_fraction_of_a_format_has_up_to_9_digits() -> None:
    found = read_times(["10:00:00.1", "10:00:00.123456789", "10:00:00.0123456789"], format="%T.%f")
    assert (found.ns[:2] % SECOND).tolist() == [100_000_000, 123_456_789]
    assert found.failed.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("format", "says"),
    [
        ("%Q", "there is no %Q"),
        ("%Y-%m-%", "there is no %"),
        ("%Y %Y", "twice"),
        ("%m %b", "twice"),
        ("%H %I %p", "the hour twice"),
        ("%I:%M", "AM or PM"),
        ("%H:%M %p", "AM or PM"),
        ("%d %H", "needs the month"),
        ("%j", "names no time"),
        ("noon", "names no time"),
        ("%S.%f", "names no time"),
        ("", "names no time"),
    ],
)
def test_a_bad_format_is_refused_before_anything_is_read(
    tmp_path: Path, format: str, says: str
) -> None:
    (tmp_path / "x.csv").write_text("process,time,clock\nA,1,1\n")
    with pytest.raises(UnreadableError, match=says):
        driftlab.read(tmp_path / "x.csv", time_format=format)


def test_a_format_for_a_log_without_times_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("process,when,clock\nA,1,1\n")
    done = command("check", tmp_path / "x.csv", "--time-format", "%H:%M")
    assert done.returncode == 2
    assert "there is no field time; there are process, when, clock" in done.stderr
    trace = driftlab.read(tmp_path / "x.csv", time_format="%H", fields={"time": "when"}).trace
    assert values(trace, "time_ns") == [3600 * SECOND]


def test_times_that_were_kept_as_text_are_said_with_the_verdict(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("process,time,clock\nA,03/04/2025,1\nA,05/04/2025,2\n")
    done = command("check", tmp_path / "x.csv")
    assert "time: 2 times kept as text (03/04/2025): the month or the day" in done.stdout
    (tmp_path / "x.csv").write_text("process,time,clock\nA,03/14/2025,1\nA,05/04/2025,2\n")
    assert "kept as text" not in command("check", tmp_path / "x.csv").stdout


# Laws.

ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-12), timedelta(hours=12)).map(
    lambda ahead: timedelta(minutes=ahead // timedelta(minutes=1))))  # fmt: skip
MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=ZONES)


@given(st.lists(MOMENTS, min_size=1, max_size=30))
def test_what_python_writes_is_read_as_the_moment_that_it_was(moments: list[datetime]) -> None:
    assert read_times([each.isoformat() for each in moments]).ns.tolist() == list(map(ns, moments))
    form = "%d/%b/%Y:%H:%M:%S %z"
    texts = [each.strftime(form).rjust(26, "0") for each in moments]
    seconds = [ns(each.replace(microsecond=0)) for each in moments]
    assert read_times(texts).ns.tolist() == seconds
    assert read_times(texts, format=form).ns.tolist() == seconds


@given(st.lists(st.one_of(MOMENTS.map(datetime.isoformat), st.text(max_size=20), st.none())))
def test_a_column_is_read_as_its_values_are_alone(column: list[str | None]) -> None:
    together = read_times(column)
    alone = [read_times([each]) for each in column]
    dated = [at for at, each in enumerate(column) if each is not None and len(each) > 20]
    assert [int(together.ns[at]) for at in dated] == [int(alone[at].ns[0]) for at in dated]


def test_rows_are_taken_apart_in_pieces_alike() -> None:
    count = ROWS_AT_ONCE + 7
    column = [(MOMENT + timedelta(seconds=number)).isoformat() for number in range(count)]
    assert (np.diff(read_times(column).ns) == SECOND).all()
    column[5] = "x"
    assert read_times(column).failed.nonzero()[0].tolist() == [5]


def test_a_million_times_cost_array_operations_only() -> None:
    """Against Python's own parser, the quickest of one value after the other."""
    column = [(MOMENT + timedelta(microseconds=997 * n)).isoformat() for n in range(200_000)]
    ratios = []
    for _ in range(3):
        begin = time.process_time()
        read_times(column)
        middle = time.process_time()
        for text in column:
            ns(datetime.fromisoformat(text))
        ratios.append((middle - begin) / (time.process_time() - middle))
    assert min(ratios) < 1.5


def test_a_day_of_one_form_says_nothing_of_another(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    times = ["03/04/2025 10:00:00", "13.03.2025 10:00:00", "04.03.2025 09:00:00"]
    path.write_text("process,event,time\n" + "".join(f"{n},x,{at}\n" for n, at in enumerate(times)))
    history = driftlab.read(path)
    assert [time is None for time in history.events["time_ns"].to_list()] == [True, False, False]
    assert any("the month or the day may come first" in line for line in history.check().remarks)
    path.write_text(path.read_text() + "3,x,04/25/2025 10:00:00\n")  # of the other form
    days = [time // (86_400 * 10**9) for time in driftlab.read(path).events["time_ns"].to_list()]
    assert days == [20_151, 20_160, 20_151, 20_203]  # 4 and 13 March, 4 March, 25 April
