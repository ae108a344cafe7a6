"""Loading a user's process from its file."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftlab.machine import process_loader
from driftlab.machine.process_loader import (
    LoadError,
    forbid_reentrant_run,
    load_process,
    with_absolute_process_path,
)
from driftlab.scenario.scenario import Scenario


@pytest.fixture(autouse=True)
def imports() -> Iterator[None]:
    """Leave Python's modules and paths as they were."""
    modules, paths = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def written(folder: Path, text: str) -> str:
    (folder / "mine.py").write_text(text)
    return str(folder / "mine.py")


RING = "from driftlab import Process\n\nclass Ring(Process):\n    pass\n"


def test_a_class_is_loaded_once_and_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_mine.py").write_text("NUMBER = 5\n")
    file = written(tmp_path, f"import beside_mine\n{RING}    number = beside_mine.NUMBER\n")
    ring = load_process(f"{file}:Ring")
    assert ring is not None
    assert ring.number == 5  # type: ignore[attr-defined]
    assert load_process(f"{file}:Ring") is ring
    assert sys.path[-1] == str(tmp_path)


def test_the_die_needs_no_file() -> None:
    assert load_process("die") is None
    assert with_absolute_process_path(Scenario()) == Scenario()


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scenario = with_absolute_process_path(Scenario(process="below/mine.py:Ring", seed=5))
    assert scenario.process == f"{tmp_path}/below/mine.py:Ring"
    assert scenario.seed == 5


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        (RING, "Rung", "{file}:Rung: there is no such class; processes in the file: Ring"),
        (
            f"{RING}\nnumber = 3\n",
            "number",
            "{file}:number: it does not derive from Process; processes in the file: Ring",
        ),
        ("pass\n", "Ring", "{file}:Ring: there is no such class; processes in the file: none"),
        (
            "import os\n\nos.x\n",
            "Ring",
            "{file}, line 3: AttributeError: module 'os' has no attribute 'x'",
        ),
        ("raise SystemExit('no')\n", "Ring", "{file}, line 1: SystemExit: no"),
        ("def f(:\n", "Ring", "{file}, line 1: invalid syntax"),
        (
            "from driftlab.machine.process_loader import forbid_reentrant_run\n\n"
            "forbid_reentrant_run()\n",
            "Ring",
            "{file}, line 3: LoadError: process: {file} runs machines while its process is loaded; "
            'put that below `if __name__ == "__main__":`',
        ),
    ],
)
def test_a_file_without_the_process_says_why(
    tmp_path: Path, text: str, name: str, reason: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(LoadError) as caught:
        load_process(f"{file}:{name}")
    assert str(caught.value) == f"process: {reason.format(file=file)}"
    forbid_reentrant_run()  # nothing is being loaded any more


def test_a_file_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^process: .*nothing\.py: no such file$"):
        load_process(f"{tmp_path}/nothing.py:Ring")


def test_the_place_of_an_error_is_the_innermost_line_of_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "def inner():\n    int('x')\n\n\ninner()\n")
    with pytest.raises(LoadError, match=rf"^process: {file}, line 2: ValueError: "):
        load_process(f"{file}:Ring")


def test_what_a_file_prints_while_loading_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, f"print('loading')\n{RING}")
    assert load_process(f"{file}:Ring") is not None
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "loading\n")


def test_the_running_script_is_not_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driftlab import Process

    class Ring(Process):
        pass

    file = written(tmp_path, "raise AssertionError('loaded again')\n")
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", os.path.relpath(file), raising=False)
    monkeypatch.setattr(main, "Ring", Ring, raising=False)
    assert load_process(f"{file}:Ring") is Ring
    assert process_loader._is_same_file(file, os.path.relpath(file))
    assert not process_loader._is_same_file("<stdin>", file)
