"""Tables as programs write them: heads, quotes, encodings, files of one process, refusals."""

import gzip
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab.foreign import Execution, UnwritableError, read_log, write_log
from driftlab.foreign.table import Cells
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import MISSING
from tests.executions import values


def put(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read_one(path: Path, **options: object) -> Trace:
    (trace,) = read_log(path, **options)
    return trace


def unread(trace: Trace) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in trace.unread]


UNCLOSED = "is not a row: a quote opens and does not close"


@pytest.mark.parametrize(
    ("rows", "lines", "told"),
    [
        (['A,1,"unclosed', "A,2,x", "B,1,y"], [3, 4], [2]),
        (['A,1,"unclosed', "A,2,x", 'B,1,"y"'], [3, 4], [2]),
        (['A,1,"unclosed', "A,2,x", 'B,1,""'], [3, 4], [2]),
        (['A,1,"unclosed', 'B,1,"y', "A,2,x"], [4], [2, 3]),
        (["A,1,x", 'A,1,"trunc'], [2], [3]),
        (["A,1,x", 'B,1,"two', 'lines"', "A,2,y"], [2, 5, 3], []),
        (['A,1,"a ""b"", c', "", '"', "B,1,y"], [2, 5], []),
        (['A,1,"a', 'b",4', "B,1,y"], [4], [2]),
        (["", 'A,1,"un', "", "B,1,y"], [5], [3]),
        (['A,1,"a" b', "B,1,y"], [2, 3], []),
    ],
)
def test_a_quote_that_does_not_close_costs_its_own_line(
    tmp_path: Path, rows: list[str], lines: list[int], told: list[int]
) -> None:
    trace = read_one(put(tmp_path, "host,clock,event\n" + "\n".join(rows)))
    assert values(trace, "line") == lines
    assert [line for line, _ in unread(trace)] == told
    if lines != [4]:
        assert all(reason == UNCLOSED for _, reason in unread(trace))


def test_the_names_of_columns_must_close_their_quotes(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableError, match="the line that names the columns is not a row: a quote"
    ):
        read_log(put(tmp_path, 'host,clock,"event\nA,1,x\n'), format="csv")


def rows_of(cells: Cells) -> list[list[str]]:
    return [[cell or "" for cell in row] for row in zip(*cells.fields().values(), strict=True)]


@given(
    rows=st.lists(st.tuples(st.text('a",\n', max_size=6), st.text('b"\n', max_size=6)), min_size=1),
    slip=st.integers(0),
)
@settings(max_examples=60, deadline=None)
def test_cells_read_back_and_an_unclosed_quote_costs_no_row_before_it(
    rows: list[tuple[str, str]], slip: int
) -> None:
    written = ["x,y\n", *('"{}","{}"\n'.format(*(c.replace('"', '""') for c in r)) for r in rows)]
    whole = Cells([])
    whole.read("".join(written), ",")
    kept = [list(row) for row in rows if any(row)]
    assert (rows_of(whole), whole.unread) == (kept, [])
    place = slip % len(rows) + 1
    broken = Cells([])
    broken.read("".join([*written[:place], '"slip\n', *written[place:]]), ",")
    before = [list(row) for row in rows[: place - 1] if any(row)]
    assert rows_of(broken)[: len(before)] == before
    assert broken.unread or rows_of(broken) != kept


@pytest.mark.parametrize("line", ['x","z', '"', '"""', 'x"y,"z', ',"', '"""",""""'])
def test_many_unclosed_quotes_are_read_in_linear_time(line: str) -> None:
    """The lines that a row is followed through are few; else this would take an hour."""
    cells = Cells([])
    cells.read("a,b\n" + f"{line}\n" * 30_000, ",")
    assert len(cells.unread) + len(cells.lines) > 5_000


@pytest.mark.parametrize(
    "head",
    ["ProcessID", "processId", "process-id", "machine_id", "Machine ID", "VM", "vm_id", "node_id",
     '"Node ID"', "Process"],
)  # fmt: skip
def test_a_column_of_processes_is_known_by_any_of_its_names(tmp_path: Path, head: str) -> None:
    trace = read_one(put(tmp_path, f"{head};clock\nA;1\nB;2\n"))
    assert list(trace.names) == ["A", "B"]
    assert values(trace, "clock") == [1, 2]


def test_a_table_of_one_process_says_how_to_go_on_and_a_folder_of_them_is_read(
    tmp_path: Path,
) -> None:
    for name in ("vm_0.csv", "vm_1.csv.gz"):
        text = f"time,clock,event\n1,1,of {name}\n"
        content = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name[-1] == "z" else content)
    says = "x_0.csv: no column named host or process (it has time, clock, event); if the file is"
    (tmp_path / "x_0.csv").write_text("time,clock,event\n1,1,x\n")
    with pytest.raises(UnreadableError, match=re.escape(says)) as caught:
        read_log(tmp_path / "x_0.csv")
    assert "into a folder and read that with --format csv" in str(caught.value)
    (tmp_path / "x_0.csv").unlink()
    trace = read_one(tmp_path, format="csv")
    assert list(trace.names) == ["vm_0", "vm_1"]
    assert trace.texts["event"] == ["of vm_0.csv", "of vm_1.csv.gz"]


TABLE = "host,clock,event\nA,1,né\nB,2,y\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_an_encoding_without_an_order_of_bytes_is_read_in_that_of_the_file(
    tmp_path: Path, encoding: str, mark: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes((mark + TABLE).encode(encoding))
    trace = read_one(path, encoding=encoding[:6])
    assert trace.texts["event"] == ["né", "y"]
    assert trace.unread == []


@pytest.mark.parametrize(
    "encoding", ["base64", "zlib", "bz2", "hex", "idna", "rot13", "undefined", "punycode", "a\0b"]
)
def test_an_encoding_that_is_not_of_text_is_refused_by_name(tmp_path: Path, encoding: str) -> None:
    says = f"--encoding {encoding}: "
    with pytest.raises(UnreadableError, match=re.escape(says)):
        read_log(put(tmp_path, TABLE), encoding=encoding)


def test_text_that_is_not_in_the_encoding_asked_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(TABLE.encode("utf-16-le")[:-1])
    with pytest.raises(UnreadableError, match="cannot be read as utf-16-le text"):
        read_log(path, encoding="utf-16")


def without_times(trace: Trace) -> Trace:
    """Return the trace with a column of times in which no event has one."""
    trace.columns = trace.columns._replace(time_ns=np.full(len(trace), MISSING, np.int64))
    return trace


VECTORS = 'host;clock\nA;{"A":1}\nB;{"B":1}\n'


def test_a_log_without_times_is_written_without_them(tmp_path: Path) -> None:
    trace = without_times(read_one(put(tmp_path, VECTORS)))
    with pytest.raises(UnwritableError, match="tsviz: the log has no times to write"):
        write_log([Execution("", trace)], tmp_path / "o.log", "tsviz")
    write_log([Execution("", trace)], tmp_path / "o.csv", "csv")
    assert (tmp_path / "o.csv").read_text().splitlines()[0] == "process,index,kind,vector"


def test_an_empty_column_of_times_is_none(tmp_path: Path) -> None:
    for column in ("time", "time_ns"):
        trace = read_one(put(tmp_path, f"host,clock,{column}\nA,1,\nB,2,\n"))
        assert trace.columns.time_ns is None


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_name_that_no_format_holds_is_refused_without_advice_that_fails(
    tmp_path: Path, format: str
) -> None:
    trace = read_one(put(tmp_path, VECTORS.replace("B;", "nan;")))
    with pytest.raises(UnwritableError) as caught:
        write_log([Execution("", trace)], tmp_path / "o", format)
    assert str(caught.value).startswith(f'{format}: the name "nan" cannot be written')
    assert "csv and parquet" not in str(caught.value)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_what_keeps_a_table_from_being_written_is_said(tmp_path: Path, format: str) -> None:
    trace = read_one(put(tmp_path, VECTORS))
    target = tmp_path / "no" / "x"
    with pytest.raises(UnwritableError, match=f"x: there is no folder {target.parent}"):
        write_log([Execution("", trace)], target, format)
    with pytest.raises(UnwritableError, match=r"/dev/full: cannot be written: .*[Nn]o space"):
        write_log([Execution("", trace)], "/dev/full", format)
    with pytest.raises(UnwritableError, match=r"cannot be written: .*directory"):
        write_log([Execution("", trace)], tmp_path, format)


def test_a_parquet_file_of_one_process_is_read_in_a_folder_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        pl.DataFrame({"clock": [1, 2], "note": [name, None]}).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    with pytest.raises(UnreadableError) as error:
        read_log(tmp_path / "a.parquet")
    assert str(error.value) == (
        f"{tmp_path}/a.parquet: no column named host or process (it has clock, note); if the file "
        "is of one process, put the file of each, named after it, into a folder and read that "
        "with --format parquet; or say --process-from name, or --field host=COLUMN"
    )
    trace = read_one(tmp_path)
    assert (list(trace.names), values(trace, "line")) == (["a", "b"], [1, 2, 1, 2])
    assert trace.texts == {"note": ["a", None, "b", None]}


def test_a_table_without_rows_or_columns_is_empty(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"x\.csv: empty$"):
        read_log(put(tmp_path, "host,clock\n"))
    with pytest.raises(UnreadableError, match=r"x\.csv: empty$"):
        read_log(put(tmp_path, " \n"), format="csv")
    pl.DataFrame({"host": []}, schema={"host": pl.String}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(UnreadableError, match=r"x\.parquet: empty$"):
        read_log(tmp_path / "x.parquet")
