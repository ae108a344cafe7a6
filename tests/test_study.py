"""Studies: their files, paired conditions, what is written, and how they go on."""

import json
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.analysis.statistics import mean_difference
from driftlab.api.runs import FRAME_COLUMNS, Runs
from driftlab.cli.main import main
from driftlab.model.random_streams import Purpose, draw, stream, uniform_below
from driftlab.study.differences import differences_of
from driftlab.study.key_lines import key_lines
from driftlab.study.real_conditions import OtherStudyError, run_conditions
from driftlab.study.study import StudyFolderError, StudyResult, load_study_result, run_study
from driftlab.study.study_file import Study, StudyError, load_study, parse_study, studies
from tests.started import eventually, started

SHORT = """\
question = "Does it matter?"
runs = 2
simulated_runs = 60

[base]
rates = "1..6"
seconds = 10
seed = 4

[conditions.wide]

[conditions.narrow]
rates = "3..4"
"""


def study_of(text: str) -> Study:
    return parse_study(text, "short", "short.toml")


# The file.


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("runs = 2", "run = 2", 2, "run: no such key; allowed: question, runs,"),
        ("[conditions.wide]", "[condition.wide]", 10, "condition: no such key; allowed: quest"),
        ("runs = 2", "runs = 0", 2, "runs: 0 is not allowed; a whole number from 1"),
        ("runs = 2", 'runs = "many"', 2, "runs: 'many' is not allowed"),
        ("runs = 2", "runs = true", 2, "runs: True is not allowed"),
        (
            "runs = 2",
            'figures = ["pie"]',
            2,
            "figures: 'pie' is not known; allowed: comparison, phase",
        ),
        ("runs = 2", 'tables = "conditions"', 2, "tables: 'conditions' is not a list"),
        ("runs = 2", 'tables = ["grid"]', 2, "tables: grid needs a table [grid]"),
        ("runs = 2", 'compare = ["speed"]', 2, "compare: 'speed' is not known; allowed: achiev"),
        ("runs = 2", "runs = = 2", 2, "not valid TOML: Invalid value"),
        ('"Does it matter?"', '""', 1, "question: missing; give one sentence"),
        ("seconds = 10", "seconds = -1", 7, "seconds: -1 is not allowed; allowed: a number"),
        ("seconds = 10", "second = 10", 7, "second: no such key in [base]; allowed: clock, faces"),
        ("seconds = 10", "runs = 10", 7, "runs: not allowed here; give `runs` and `simulated"),
        ('rates = "3..4"', 'rates = "4..3"', 13, "rates: 4..3 is not a range; allowed: LOW..HIGH"),
        ('rates = "3..4"', "seed = 3", 13, "seed: not allowed here; conditions are paired"),
        ('rates = "3..4"', "first_run = 3", 13, "first_run: not allowed here; conditions are pai"),
        ('rates = "3..4"', "faces = 3\nsend_one = 0.1", 12, "faces and send_one: give a die or"),
        ("[conditions.narrow]", '[conditions."a b"]', 12, "'a b' cannot name a condition"),
        ("[conditions.narrow]\n", "[conditions]\nnarrow = 3\nx = ", 13, "narrow: 3 is not a table"),
        ("[base]", "[bases]", 5, "bases: no such key; allowed: question"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(
    old: str, new: str, line: int, told: str
) -> None:
    assert SHORT.count(old) == 1
    with pytest.raises(StudyError) as error:
        study_of(SHORT.replace(old, new).replace('x = rates = "3..4"', ""))
    message = str(error.value)
    assert message.startswith(f"short.toml:{line}: {told}")
    assert "\n" not in message


GRID = SHORT + "\n[grid]\nrates = '1..2,1..2,1'\n"


@pytest.mark.parametrize(
    ("added", "line", "told"),
    [
        ("faces = [3, 3]", 17, "faces: 3 is given twice"),
        ("face = [3]", 17, "face: no such field of a scenario"),
        ("names = ['A,B']", 15, "rates=1,1,1, names=A,B: number of machines"),
    ],
)
def test_a_mistake_in_a_grid_is_told_with_its_line(added: str, line: int, told: str) -> None:
    with pytest.raises(StudyError) as error:
        study_of(GRID + added)
    assert str(error.value).startswith(f"short.toml:{line}: {told}")


def test_a_study_needs_a_condition() -> None:
    with pytest.raises(StudyError, match=r"short\.toml:1: no condition; add a table such as"):
        study_of('question = "Why?"')


KEYS = st.text("abcxyz_-09", min_size=1, max_size=4)
VALUES = st.recursive(
    st.integers(0, 9).map(str)
    | st.sampled_from(['"a # [b"', "'x = [1'", '"""\nin = 3\n[no]\n"""', "[\n 1,\n 2, # ]\n]"]),
    lambda inner: st.lists(inner.filter(lambda text: "\n" not in text), max_size=2).map(
        lambda values: f"[{', '.join(values)}]"
    ),
    max_leaves=3,
)


@given(
    st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), min_size=1, max_size=3),
    st.sampled_from(["", "  ", "\t"]),
)
def test_the_line_of_every_key_is_that_where_it_stands(
    tables: dict[str, dict[str, str]], indent: str
) -> None:
    rows: list[str] = []
    expected: dict[tuple[str, ...], int] = {}
    for name, keys in tables.items():
        rows += ["# a comment", f"{indent}[ {name} ] # [other]"]
        expected[(name,)] = len(rows)
        for key, value in keys.items():
            rows.append(f"{indent}{key} = {value}")
            expected[name, key] = len(rows)
            rows = "\n".join(rows).split("\n")
    text = "\n".join(rows)
    tomllib.loads(text)
    assert key_lines(text) == expected


def test_every_built_in_study_is_a_file_to_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"assignment", "rates", "internal-events", "queue-threshold", "drain-order", "phase",
            "clocks", "published"} == set(studies())  # fmt: skip
    for name in studies():
        assert main(["study", name, "--print"]) == 0
        copy = tmp_path / f"{name}.toml"
        copy.write_text(capsys.readouterr().out)
        assert load_study(str(copy)) == load_study(name)
    assert main(["study", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["studies"]
    assert [each["name"] for each in listed] == studies()


def test_another_number_of_runs_seed_or_speed_is_in_the_text_too() -> None:
    changed = study_of(SHORT).with_changes(runs=7, seed=9, speed=30)
    assert (changed.runs, changed.simulated_runs, changed.base.seed) == (7, 7, 9)
    assert study_of(changed.text) == changed
    bare = study_of('question = "?"\n[conditions.one]')
    assert study_of(bare.with_changes(runs=2, seed=3).text) == bare.with_changes(runs=2, seed=3)


def test_a_changed_range_of_rates_leaves_the_number_of_machines() -> None:
    four = study_of(SHORT.replace('rates = "1..6"', "rates = [6, 5, 4, 3]"))
    assert [each.size for each in four.scenarios(simulated=True).values()] == [4, 4]


# Paired.


def test_a_study_shows_itself_in_a_notebook() -> None:
    page = run_study(study_of(SHORT), simulated=True)._repr_html_()
    assert "Does it matter?" in page
    assert "largest jump, ticks" in page
    assert "data:image/svg+xml" in page
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", page)
    assert cells[:4] == ["figure", "machine", "wide", "narrow"]
    assert len(cells) == 4 * (1 + 3 * 5 - 1)  # the drift of the fastest is 0
    assert all("±" in cell for cell in cells[6::4])
    grid = '[grid]\nfaces = [3, 10]\nrates = "1..3,1..3,1..3"\n'
    text = SHORT.replace("runs = 2", 'tables = ["grid"]').partition("[conditions")[0] + grid
    page = run_study(study_of(text).with_changes(runs=5), simulated=True)._repr_html_()
    assert "data:image/svg+xml" in page  # the phase diagram


def test_conditions_are_paired_draw_by_draw() -> None:
    result = run_study(study_of(SHORT), simulated=True)
    for run in (1, 33):
        rows = {
            name: result.frame.filter(condition=name, run=run).sort("name")
            for name in ("wide", "narrow")
        }
        words = [draw(stream(4, run, i, Purpose.RATE), 0) for i in range(3)]
        assert rows["wide"]["rate"].to_list() == [1 + uniform_below(word, 6) for word in words]
        assert rows["narrow"]["rate"].to_list() == [3 + uniform_below(word, 2) for word in words]


def test_the_frame_and_the_differences_are_those_of_the_runs() -> None:
    result = run_study(study_of(SHORT), simulated=True)
    assert result.frame.columns == ["condition", *FRAME_COLUMNS]
    assert {name: len(runs) for name, runs in result.conditions.items()} == {
        "wide": 60, "narrow": 60,
    }  # fmt: skip
    for each in result.differences:
        one, other = (
            runs.frame.filter(rank=each.rank).sort("run")[each.metric].to_numpy()
            for runs in result.conditions.values()
        )
        assert each.estimate == mean_difference(one, other)
        assert (each.condition, each.baseline, each.pairs) == ("narrow", "wide", 60)
        assert each.identical == bool((one == other).all())
    metrics = {(each.metric, each.rank) for each in result.differences}
    assert ("drift", 1) not in metrics  # 0 by definition
    assert len(metrics) == 3 * 5 - 1


def frame_of(condition: str, values: dict[int, float]) -> pl.DataFrame:
    rows = [
        {"condition": condition, "run": run, "rank": 1, "clock": x} for run, x in values.items()
    ]
    return pl.DataFrame(rows)


def test_only_runs_that_both_conditions_have_are_pairs() -> None:
    frame = pl.concat([
        frame_of("a", {1: 10.0, 2: 11.0, 3: 12.0, 4: 99.0}),
        frame_of("b", {3: 15.0, 1: 12.0, 2: 13.5}),
    ])  # fmt: skip
    (found,) = differences_of(frame, ["clock"])
    assert found.pairs == 3
    assert found.estimate == mean_difference([10, 11, 12], [12, 13.5, 15])
    assert found.is_shown


def test_noise_that_pairs_share_does_not_hide_a_difference() -> None:
    noise = np.random.default_rng(1).normal(0, 100, 50)
    pairs = {run: float(value) for run, value in enumerate(noise)}
    frame = pl.concat([frame_of("a", pairs), frame_of("b", {k: v + 1 for k, v in pairs.items()})])
    (found,) = differences_of(frame, ["clock"])
    assert found.is_shown
    assert found.estimate.value == pytest.approx(1)


# Written, read back, and gone on with.


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    grid = (
        SHORT.replace("runs = 2", 'tables = ["conditions", "grid"]') + "\n[grid]\nfaces = [3, 9]\n"
    )
    result = run_study(study_of(grid), simulated=True, out=folder)
    read = load_study_result(folder)
    assert read.frame.equals(result.frame)
    assert read.sweep is not None
    assert result.sweep is not None
    assert read.sweep.equals(result.sweep)
    assert (read.study, read.simulated) == (result.study, True)
    assert read.version == driftlab.__version__
    assert read.conditions == result.conditions
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert written == {"study.toml", "runs.parquet", "grid.parquet", "tables/conditions.csv",
                       "tables/grid.csv"}  # fmt: skip
    means = pl.read_csv(folder / "tables" / "conditions.csv")
    slowest = result.frame.filter(condition="narrow", rank=3)
    row = means.filter(condition="narrow", rank=3)
    assert row["clock_mean"][0] == pytest.approx(slowest["clock"].to_numpy().mean())
    assert row["clock_max"][0] == slowest["clock"].to_numpy().max()


def test_a_folder_that_is_taken_is_refused(tmp_path: Path) -> None:
    study, folder = study_of(SHORT), tmp_path / "study"
    run_study(study, simulated=True, out=folder)
    for asked, words in (
        (study, "holds a finished study of 60 runs of each condition; add some with --runs above"),
        (study.with_changes(runs=30), "of 60 runs of each condition"),
        (study.with_changes(runs=90, seed=5), "a finished study, with seed 4 instead of 5; name"),
        (study_of(SHORT.replace("3..4", "3..5")).with_changes(runs=90), "a finished study, with"),
    ):
        with pytest.raises(StudyFolderError, match=words):
            run_study(asked, simulated=True, out=folder)
    with pytest.raises(StudyFolderError, match="a finished study of simulated runs"):
        run_study(study.with_changes(runs=90), out=folder)
    run_study(study.with_changes(runs=3), simulated=True, out=folder, overwrite=True)
    assert load_study_result(folder).frame.height == 2 * 3 * 3
    (folder / "runs.parquet").unlink()
    with pytest.raises(StudyFolderError, match="holds a study that is not finished, with"):
        run_study(study, simulated=True, out=folder)
    with pytest.raises(StudyFolderError, match="the study is not finished"):
        load_study_result(folder)
    own = tmp_path / "own"
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    with pytest.raises(StudyFolderError, match="exists and holds no study"):
        run_study(study, simulated=True, out=own)
    with pytest.raises(StudyFolderError, match="no study"):
        load_study_result(own)
    assert (own / "notes.txt").read_text() == "mine"


def test_a_finished_study_is_extended_by_the_runs_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = SHORT.replace("runs = 2", 'tables = ["conditions", "grid"]') + "\n[grid]\nfaces = [3]\n"
    study, folder = study_of(grid), tmp_path / "study"
    run_study(study, simulated=True, out=folder)
    asked: list[tuple[int, int]] = []

    def spy(scenario: driftlab.Scenario, **options: Any) -> Runs:
        asked.append((scenario.first_run, scenario.runs))
        return driftlab.simulate_runs(scenario, **options)

    with monkeypatch.context() as patched:
        patched.setattr("driftlab.study.study.simulate_runs", spy)
        extended = run_study(study.with_changes(runs=75), simulated=True, out=folder)
    assert asked == [(61, 15), (61, 15)]
    whole = run_study(study.with_changes(runs=75), simulated=True)
    assert extended.frame.equals(whole.frame)
    assert extended.conditions == whole.conditions
    assert extended.differences == whole.differences
    read = load_study_result(folder)
    assert read.frame.equals(whole.frame)
    assert read.study.simulated_runs == 75
    assert read.sweep is not None
    assert read.sweep["runs"].to_list() == [75] * 3
    monkeypatch.setattr("driftlab.study.study.driftlab.__version__", "9.9")
    with pytest.raises(StudyFolderError, match=r"simulated by driftlab .*, and this is 9\.9"):
        run_study(study.with_changes(runs=99), simulated=True, out=folder)
    assert load_study_result(folder).frame.equals(whole.frame)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (9, 10)])
def test_a_finished_study_of_real_machines_keeps_its_runs(
    before: int, after: int, tmp_path: Path
) -> None:
    """One run moves into a folder of its own, and run-9 becomes run-09."""
    text = REAL.replace("speed = 20", "speed = 200").replace("1..6", "2..6")
    study, folder = study_of(text).with_changes(runs=before), tmp_path / "study"
    first = run_study(study, out=folder)
    journals = {
        path.stat().st_ino: path.read_bytes() for path in sorted(folder.glob("runs/**/*.log"))
    }
    extended = run_study(study.with_changes(runs=after), out=folder)
    kept = {path.stat().st_ino: path.read_bytes() for path in folder.glob("runs/**/*.log")}
    assert journals.items() <= kept.items()
    assert len(kept) == 2 * 3 * after
    old = extended.frame.filter(pl.col("run") <= before)
    assert old.equals(first.frame)
    assert load_study_result(folder).frame.equals(extended.frame)
    assert extended.frame.filter(condition="narrow")["run"].n_unique() == after
    names = sorted(path.name for path in (folder / "runs" / "wide").glob("run-*"))
    assert names == [f"run-{n:0{len(str(after))}}" for n in range(1, after + 1)]


REAL = SHORT.replace("seed = 4", "seed = 4\nspeed = 20")


def test_an_interrupted_real_study_keeps_finished_runs_and_goes_on(tmp_path: Path) -> None:
    """With a real SIGINT in the third of four runs: two are whole, one is set aside."""
    file, folder = tmp_path / "real.toml", tmp_path / "out"
    file.write_text(REAL)
    command = [sys.executable, "-m", "driftlab", "study", str(file), "--out", str(folder)]
    log = folder / "runs" / "wide" / "run-2" / "A.log"
    with started("study", file, "--out", folder) as process:
        eventually(lambda: log.exists() and log.stat().st_size > 0)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"go on with: driftlab study {file} --out {folder}" in told
    whole = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/run-1/*.log")}
    assert len(whole) == 6
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["simulated"] is False
    assert {path: path.stat().st_mtime_ns for path in whole} == whole
    assert len(list(folder.glob("runs/wide/run-2-interrupted-1"))) == 1
    read = load_study_result(folder)
    assert read.frame.select("condition", "run").unique().height == 4
    assert read.frame["end"].unique().to_list() == ["complete"]
    assert [run.number for run in read.conditions["narrow"]] == [1, 2]
    assert read.frame["lateness_us_p50"].null_count() == 0


def test_runs_of_another_scenario_are_not_gone_on_with(tmp_path: Path) -> None:
    one = driftlab.Scenario(rates=[6, 3], seconds=1, speed=20)
    run_conditions({"a": one}, tmp_path)
    with pytest.raises(OtherStudyError, match="another scenario"):
        run_conditions({"a": one.replace(faces=5)}, tmp_path)
    (again,) = run_conditions({"a": one}, tmp_path)["a"]  # found, not run again
    assert again.is_whole


def test_lateness_that_spoils_a_study_is_said(tmp_path: Path) -> None:
    result = run_study(study_of(SHORT), simulated=True)
    late = pl.when(run=1, name="A").then(49).otherwise(0).alias("late_ticks")
    spoiled = StudyResult(result.study, False, result.frame.with_columns(late), None, None, "0")
    assert spoiled.remarks() == [
        "late: 98 ticks began more than a period late, in 2 runs; lower --speed or the number "
        "of machines"
    ]
    assert result.remarks() == []


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    status = main(["study", *words])
    out, err = capsys.readouterr()
    assert status == 0, err
    return out


def test_the_table_fits_a_page_and_tells_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftlab.cli.output.terminal_width", lambda: 80)
    monkeypatch.chdir(tmp_path)
    text = shown(capsys, "internal-events", "--simulated", "--runs", "40")
    assert max(map(len, text.splitlines())) <= 80
    assert "5 conditions, 40 simulated runs each" in text
    assert "differences from faces-10, run by run, whose interval excludes 0" in text
    (folder,) = re.findall(r"written +(\S+)", text)
    assert (tmp_path / folder / "runs.parquet").exists()
    document: dict[str, Any] = json.loads(
        shown(capsys, "phase", "--simulated", "--runs", "20", "--json", "--out", "phase")
    )
    equal = [each for each in document["differences"] if each["metric"] == "clock"]
    assert all(each["shown"] and each["mean"] < -30 for each in equal)
    clocks = shown(capsys, "clocks", "--simulated", "--runs", "2", "--out", "clocks")
    assert "equal to lamport in every pair" in clocks
    assert re.search(r"^vector +0 +0\.0%", clocks, re.MULTILINE)


def test_commands_that_cannot_be_are_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        ([], "name a study"),
        (["nothing"], "nothing: no such file or built-in study"),
        (["phase", "--runs", "0"], "runs: 0 is not allowed"),
        (["phase", "--speed", "x"], "speed: 'x' is not a number"),
    ):
        assert main(["study", *words]) == 2
        assert told in capsys.readouterr().err


def test_a_study_that_is_gone_on_with_otherwise_says_what_differs(tmp_path: Path) -> None:
    study = study_of(SHORT)
    out = tmp_path / "out"
    out.mkdir()
    (out / "study.toml").write_text(study.with_changes(speed=60).text)
    for changed, told in (
        (study.with_changes(speed=30), "speed 60 instead of 30;"),
        (study.with_changes(speed=60, runs=7), "runs 2 instead of 7;"),
        (study.with_changes(speed=60, seed=5), "seed 4 instead of 5;"),
        (study.with_changes(runs=3), "runs 2 instead of 3 and speed 60 instead of 1;"),
    ):
        with pytest.raises(StudyFolderError, match=told):
            run_study(changed, out=out)
    other = parse_study(study.text.replace('"3..4"', '"3..5"'), "x", "x.toml")
    with pytest.raises(StudyFolderError, match=r"with conditions\.narrow\.rates 3\.\.4 instead"):
        run_study(other.with_changes(speed=60), out=out)
    asked = parse_study(study.text.replace("question = ", 'question = "Else?" # '), "x", "x.toml")
    with pytest.raises(StudyFolderError, match=r"the question '.*' instead of 'Else\?';"):
        run_study(asked.with_changes(speed=60), out=out)
    (out / "runs").mkdir()
    with pytest.raises(StudyFolderError, match=r"holds real runs .* without --simulated"):
        run_study(study.with_changes(speed=60), simulated=True, out=out)


def test_a_folder_is_no_study_but_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"a folder; name a study or its file$"):
        load_study(str(tmp_path))
    (tmp_path / "study.toml").write_text(SHORT)
    with pytest.raises(StudyError, match=r"driftlab study \S+study\.toml --out "):
        load_study(str(tmp_path))


def test_one_run_of_a_condition_has_its_figures_and_no_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, "phase", "--simulated", "--runs", "1", "--out", str(tmp_path / "one"))
    assert "2 conditions, 1 simulated run each\n" in text
    assert re.search(r"^largest jump +fastest +\d +1$", text, re.MULTILINE)
    assert "±" not in text


def test_published_runs_are_a_study_that_is_simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "published"
    command = ["study", "published", "--out", str(out)]
    assert main(command) == 2
    assert "add --simulated" in capsys.readouterr().err
    assert main([*command, "--simulated", "--runs", "2000"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"SuperiorityComplex, 5/5/5, 10 faces +outside +inside", printed)
    assert re.search(r"MaxwellZen, 6/5/4, 10 faces +inside +-", printed)
    assert "ranges too narrow" in printed
    kept = load_study_result(out).published
    assert kept is not None
    assert kept["row"].n_unique() == 9
    assert pl.read_csv(out / "tables" / "published.csv").height == kept.height
    report = (out / "report" / "report.md").read_text()
    assert "it lies inside" in report
    assert "266 of 300" in report
    assert "ranges too narrow: they take 5000 runs or more" in report
    for line in re.sub(r"\s+", " ", printed).split("SuperiorityComplex")[2:]:
        said = f"SuperiorityComplex{line}".partition(" Slow:")[0]
        assert said in re.sub(r"\s+", " ", report.replace("\\", ""))
    assert ". ." not in printed + report
