"""A file is written whole or not at all: a full disk and a kill leave the old one as it was."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import driftlab
from driftlab.journal.whole_file import open_whole, whole_file
from driftlab.scenario.scenario import Scenario
from tests.started import DRIFTLAB, eventually, linux_only
from tests.started import driftlab as command

OLD = b"old\n" * 1_000


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def limited(size: int) -> Callable[[], None]:
    """Return what makes every file of a process end at `size` bytes, as a full disk does."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "r"
    driftlab.simulate(Scenario(rates=[60, 30, 10], seconds=60), out=folder)
    return folder


WRITERS = {
    **{
        f"convert {to}": ["convert", "{run}", "{out}", "--overwrite", "--to", to]
        for to in ("shiviz", "tsviz", "tracing", "chrome", "json", "csv", "parquet")
    },
    "govector": ["convert", "{run}", "{out}-Log.txt", "--overwrite", "--to", "govector"],
    "check csv": ["check", *["{run}"] * 400, "--csv", "{out}"],
    "check junit": ["check", "{run}", "--junit", "{out}"],
    "pack": ["pack", "{run}", "--out", "{out}"],
    "restamp csv": ["restamp", "{run}", "--clock", "vector", "--out", "{out}.csv"],
    "restamp parquet": ["restamp", "{run}", "--clock", "vector", "--out", "{out}.parquet"],
    "restamp run": ["restamp", "{run}", "--clock", "vector", "--out", "{out}"],
}
REPLACING = [name for name, words in WRITERS.items() if "--overwrite" in words]


def arguments(name: str, run: Path, out: Path) -> list[str]:
    return [word.format(run=run, out=out) for word in WRITERS[name]]


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_what_was_there(run: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "x"
    if name in REPLACING or name.startswith("check"):
        suffix = "-Log.txt" if name == "govector" else ""
        out.with_name(out.name + suffix).write_bytes(OLD)
    before = contents(tmp_path)
    limit = 600 if name.startswith("check") else 20_000
    if name == "check csv":
        limit = 40
    done = command(*arguments(name, run, out), prepare=limited(limit))
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1
    assert contents(tmp_path) == before


@linux_only
@pytest.mark.parametrize("name", [*REPLACING, "pack", "restamp csv", "restamp parquet"])
def test_a_kill_leaves_what_was_there_or_all_of_the_new(
    run: Path, tmp_path: Path, name: str
) -> None:
    """Stopped in the middle of writing, where the temporary file has appeared, then killed."""
    whole = tmp_path / "whole"
    whole.mkdir()
    command(*arguments(name, run, whole / "x"))
    (new,) = contents(whole).values()
    folder = tmp_path / "killed"
    folder.mkdir()
    target = folder / next(whole.iterdir()).name
    if name in REPLACING:
        target.write_bytes(OLD)
    process = subprocess.Popen(
        [*DRIFTLAB, *arguments(name, run, folder / "x")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        eventually(lambda: any(folder.glob(".*.part")) or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
    found = target.read_bytes() if target.exists() else b""
    assert found in (new, OLD if name in REPLACING else b"") or _is_same_table(target, whole)
    assert {path.suffix for path in folder.iterdir() if path != target} <= {".part"}


def _is_same_table(one: Path, folder: Path) -> bool:
    """Whether two Parquet files are whole; their bytes may differ from one writing to the next."""
    import polars as pl

    return pl.read_parquet(one).equals(pl.read_parquet(next(folder.iterdir())))


def test_a_file_that_was_left_behind_is_not_read(run: Path, tmp_path: Path) -> None:
    command("pack", run, "--out", tmp_path / "x.parquet")
    (tmp_path / ".y.parquet.12345678.part").write_bytes(b"PAR1 and no more")
    assert len(driftlab.read_all(tmp_path)) == 1


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, ValueError])
def test_what_is_raised_while_writing_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(OLD)

    def write() -> None:
        with open_whole(path) as file:
            file.write("new")
            file.flush()
            raise error

    with pytest.raises(error):
        write()
    assert contents(tmp_path) == {str(path): OLD}


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(OLD)
    real.chmod(0o640)
    link.symlink_to(real)
    with open_whole(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_file_that_another_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x"

    def write() -> None:
        with whole_file(path, replace=False) as unfinished:
            unfinished.write_text("ours")
            path.write_bytes(OLD)

    with pytest.raises(FileExistsError):
        write()
    assert contents(tmp_path) == {str(path): OLD}
    with pytest.raises(FileExistsError), whole_file(path, replace=False):
        raise AssertionError


def test_a_pipe_is_written_as_it_comes(run: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    copy = tmp_path / "copy"
    with copy.open("wb") as file, subprocess.Popen(["cat", str(pipe)], stdout=file):
        done = command("convert", run, pipe, "--to", "json")
    lines = copy.read_bytes().splitlines()
    assert done.returncode == 0
    assert len(lines) == 6_000
    assert pipe.is_fifo()


def test_a_reading_is_saved_whole(run: Path, tmp_path: Path) -> None:
    log = tmp_path / "x.json"
    command("convert", run, log, "--to", "jsonl")
    reading = tmp_path / "r.toml"
    done = command("check", log, "--format", "json", "--save-reading", reading,
                   prepare=limited(20))  # fmt: skip
    assert (done.returncode, reading.exists()) == (2, False)
    assert "cannot be written" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json"]


if sys.platform == "darwin":  # pragma: no cover
    pytest.skip("RLIMIT_FSIZE kills there", allow_module_level=True)
