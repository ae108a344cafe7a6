"""One of a thing is spoken of in the singular."""

from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.analysis.metrics import SLOW_LISTED_MAX, pacing_lines
from driftlab.cli.runs_output import print_if_lost
from driftlab.journal.parser import JournalError
from driftlab.journal.rewrite import RestampedEvent, restamp_lines
from driftlab.report.study_report import _inside_once_achieved


def slow_machine(name: str) -> dict[str, Any]:
    events = {f"events_{kind}": 10 for kind in ("internal", "send", "receive")}
    return {"name": name, "rate": 10.0, "achieved_rate": 5.0, "late_ticks": 0, **events}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (1, "… and 1 more machine missed its rate"),
        (2, "… and 2 more machines missed their rates"),
    ],
)
def test_of_many_slow_machines_the_rest_is_counted(more: int, said: str) -> None:
    names = [f"M{number}" for number in range(SLOW_LISTED_MAX + more)]
    lines = pacing_lines(map(slow_machine, names))
    assert len(lines) == SLOW_LISTED_MAX + 1
    assert lines[-1] == said


@pytest.mark.parametrize(
    ("lines", "said"),
    [("A,1\n", "1 event of 1 process"), ("A,1\nB,1\n", "2 events of 2 processes")],
)
def test_a_history_says_how_large_it_is(lines: str, said: str, tmp_path: Path) -> None:
    log = tmp_path / "x.csv"
    log.write_text("process,clock\n" + lines)
    history = driftlab.read(log)
    assert repr(history) == f"History({said})"
    assert said in history._repr_html_()
    assert repr(history.diagram()) == f"SpaceTimeDiagram({said.partition(' of')[0]})"


@pytest.mark.parametrize(("failing", "said"), [(1, "1 of 2 runs is"), (2, "2 of 2 runs are")])
def test_incomplete_runs_are_counted(
    failing: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fails.py"
    file.write_text(
        "import driftlab\n\n\nclass Fails(driftlab.Process):\n    made = 0\n\n"
        "    def __init__(self, machine):\n        super().__init__(machine)\n"
        "        Fails.made += 1\n        self.number = Fails.made\n\n"
        f"    def idle(self):\n        return 5 if self.number <= {2 * failing} else None\n"
    )
    scenario = driftlab.Scenario(rates=[1, 1], seconds=2, runs=2, process=f"{file}:Fails")
    with pytest.raises(driftlab.ProcessesFailedError) as caught:
        driftlab.simulate_runs(scenario, workers=1)
    runs = caught.value.runs
    assert isinstance(runs, driftlab.Runs)
    print_if_lost(runs)
    assert f"({said} incomplete)" in capsys.readouterr().err


def test_messages_that_do_not_fit_a_journal_are_counted() -> None:
    line = "\t".join(["1", "0", "internal", "-", "-", "-", "1", "0", "0", "0", "A:1"]) + "\n"
    event = RestampedEvent(1, None, None, [])
    with pytest.raises(JournalError, match=r"^1 message was found, not 0$"):
        list(restamp_lines([line], {1: event}, None))


@pytest.mark.parametrize(
    ("outside", "inside", "said"),
    [
        (0, 0, ""),
        (1, 0, "The other lies outside once"),
        (1, 1, "The other lies inside once"),
        (2, 1, "Of the other 2, 1 lies inside once"),
        (3, 2, "Of the other 3, 2 lie inside once"),
    ],
)
def test_published_rows_outside_their_range_are_counted(
    outside: int, inside: int, said: str
) -> None:
    assert _inside_once_achieved(outside, inside).startswith(said)
    assert bool(_inside_once_achieved(outside, inside)) == bool(said)
