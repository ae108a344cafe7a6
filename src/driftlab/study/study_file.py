"""A study as a file: a question, a base scenario, conditions that change some of its keys.

The file is short TOML that people copy and change, so whatever is wrong with it is reported
in one line: the file, the line of the key, what it has, and what is allowed there.

Conditions are paired: run number k has the same random draws in each of them, mapped to
the condition's range of rates. So a condition cannot change the seed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from driftlab.errors import DriftlabError, did_you_mean
from driftlab.journal.files import read_text
from driftlab.scenario.scenario import ProcessFromFile, Scenario
from driftlab.scenario.validate import RUNS_MAX, ScenarioError
from driftlab.study.cell_means import METRICS
from driftlab.study.grid import Grid, GridError, changed_keys
from driftlab.study.key_lines import key_lines
from driftlab.toml_text import TomlError, load_toml

STUDIES_FOLDER: Final = Path(__file__).parent / "studies"
FIGURES: Final = ("comparison", "phase", "prediction")
TABLES: Final = ("conditions", "differences", "grid", "clocks", "published")
RUNS_DEFAULT: Final = 5
SIMULATED_RUNS_DEFAULT: Final = 400
COMPARE_DEFAULT: Final = ("clock", "drift", "jump_max", "queue_max", "queue_last")

_KEYS: Final = (
    "question", "runs", "simulated_runs", "compare", "figures", "tables", "base", "conditions",
    "grid",
)  # fmt: skip
_NOT_IN_BASE: Final = {"runs": "give `runs` and `simulated_runs` at the top of the file"}
_NOT_IN_CONDITION: Final = {
    **_NOT_IN_BASE,
    "seed": "conditions are paired, so the seed is one for all: give it in [base]",
    "first_run": "conditions are paired, so the runs are the same for all: give it in [base]",
    "speed": "conditions run alike: give it in [base]",
}
_CONDITION_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"


class StudyError(DriftlabError):
    """A study that cannot be read or run: the file, the line, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Study:
    """A question, and the scenarios that answer it.

    name: of the file, without its suffix. question: one sentence. base: the scenario that
    conditions change. conditions: the changed keys by the name of the condition; the
    others are compared with the first. runs, simulated_runs: of each condition, real and
    simulated. compare: the metrics that are compared (columns of `Runs.frame`). figures,
    tables: what is drawn and written. grid: swept fields, simulated besides the
    conditions; empty if there are none. text: the file.
    """

    name: str
    question: str
    base: Scenario
    conditions: Mapping[str, Mapping[str, Any]]
    runs: int
    simulated_runs: int
    compare: tuple[str, ...]
    figures: tuple[str, ...]
    tables: tuple[str, ...]
    grid: Mapping[str, Any]
    text: str

    def scenarios(self, *, simulated: bool) -> dict[str, Scenario]:
        """Return the scenario of every condition, with its number of runs."""
        runs = self.simulated_runs if simulated else self.runs
        return {
            name: Scenario.from_dict(changed_keys(self.base, changes) | {"runs": runs})
            for name, changes in self.conditions.items()
        }

    def with_changes(
        self, *, runs: int | None = None, seed: int | None = None, speed: float | None = None
    ) -> "Study":
        """Return the study with another number of runs, seed or speed, in its text too.

        Raises ScenarioError if one is invalid.
        """
        changes = {"seed": seed, "speed": speed}
        given = {key: value for key, value in changes.items() if value is not None}
        study = replace(self, base=self.base.replace(**given)) if given else self
        if runs is not None:
            self.base.replace(runs=runs)  # raises
            study = replace(study, runs=runs, simulated_runs=runs)
        return replace(study, text=_changed_text(self.text, runs, given)) if study != self else self


def studies() -> list[str]:
    """Return the names of the built-in studies."""
    return sorted(path.stem for path in STUDIES_FOLDER.glob("*.toml"))


def load_study(name: str) -> Study:
    """Return a built-in study by its name, or the study in a file. Raise StudyError."""
    path = Path(name)
    if name in studies() and not path.is_file():
        path = STUDIES_FOLDER / f"{name}.toml"
    elif path.is_dir():
        raise StudyError(
            f"{name}: a folder; name a study or its file"
            + (
                f"; go on with this one: driftlab study {path / 'study.toml'} --out {path}"
                if (path / "study.toml").is_file()
                else ""
            )
        )
    elif not path.exists():
        raise StudyError(
            f"{name}: no such file or built-in study; the built-in studies are "
            f"{', '.join(studies())}{did_you_mean(name, studies())}"
        )
    return parse_study(read_text(path), path.stem, str(name), str(path.parent))


def parse_study(text: str, name: str, file: str, folder: str = "") -> Study:
    """Return the study that a TOML text describes.

    name: of the study. file: what messages call it. folder: where the files of processes
    are looked for. Raise StudyError.
    """
    try:
        keys = load_toml(text)
    except TomlError as error:
        line = re.search(r"\(at line (\d+), column \d+\)", str(error))
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise StudyError(f"{file}:{line[1] if line else 1}: not valid TOML: {reason}") from None
    _mark_processes(keys, folder)
    return _Reader(keys, key_lines(text), file).study(name, text)


def _mark_processes(keys: dict[str, Any], folder: str) -> None:
    """Mark every process that the file names as named by a file, see `api/trust.py`."""
    for key, value in keys.items():
        if isinstance(value, dict):
            _mark_processes(value, folder)
        elif key == "process" and isinstance(value, str):
            keys[key] = ProcessFromFile(value).beside(folder)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    _mark_processes(each, folder)


class _Reader:
    """Checks the keys of one file; every method raises StudyError."""

    def __init__(
        self, keys: Mapping[str, Any], lines: Mapping[tuple[str, ...], int], file: str
    ) -> None:
        self._keys = keys
        self._lines = lines
        self._file = file

    def study(self, name: str, text: str) -> Study:
        """Return the study."""
        self._require_known(self._keys, _KEYS, ())
        base = self._base()
        conditions = self._conditions(base)
        grid = self._grid(base)
        tables = self._names("tables", TABLES, ("conditions", "differences"))
        if not conditions and not grid and "published" not in tables:
            raise self._error((), "no condition; add a table such as [conditions.standard]")
        for table, needs in (("grid", grid), ("conditions", conditions)):
            if table in tables and not needs and "tables" in self._keys:
                raise self._error(("tables",), f"tables: {table} needs a table [{table}]")
        return Study(
            name=name,
            question=self._question(),
            base=base,
            conditions=conditions,
            runs=self._count("runs", RUNS_DEFAULT),
            simulated_runs=self._count("simulated_runs", SIMULATED_RUNS_DEFAULT),
            compare=self._names("compare", METRICS, COMPARE_DEFAULT),
            figures=self._names("figures", FIGURES, ("comparison",)),
            tables=tables,
            grid=grid,
            text=text,
        )

    def _question(self) -> str:
        question = self._keys.get("question")
        if not isinstance(question, str) or not question.strip():
            raise self._error(("question",), "question: missing; give one sentence, a text")
        return " ".join(question.split())

    def _count(self, key: str, default: int) -> int:
        value = self._keys.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= RUNS_MAX:
            raise self._error(
                (key,), f"{key}: {value!r} is not allowed; a whole number from 1 to {RUNS_MAX}"
            )
        return value

    def _names(
        self, key: str, allowed: tuple[str, ...], default: tuple[str, ...]
    ) -> tuple[str, ...]:
        names = self._keys.get(key, list(default))
        if not isinstance(names, list):
            raise self._error((key,), f"{key}: {names!r} is not a list; allowed: a list of names")
        for name in names:
            if name not in allowed:
                raise self._error(
                    (key,), f"{key}: {name!r} is not known; allowed: {', '.join(allowed)}"
                )
        return tuple(dict.fromkeys(names))

    def _base(self) -> Scenario:
        keys = self._table(("base",), self._keys.get("base", {}))
        return self._scenario(("base",), keys, keys, _NOT_IN_BASE)

    def _conditions(self, base: Scenario) -> dict[str, dict[str, Any]]:
        conditions = self._table(("conditions",), self._keys.get("conditions", {}))
        for name, changes in conditions.items():
            path = ("conditions", name)
            if not re.fullmatch(_CONDITION_NAME, name):
                raise self._error(
                    path,
                    f"{name!r} cannot name a condition; allowed: letters, digits, - and _, "
                    "at most 40",
                )
            changed = self._table(path, changes)
            self._scenario(path, changed, changed_keys(base, changed), _NOT_IN_CONDITION)
        return conditions

    def _grid(self, base: Scenario) -> dict[str, Any]:
        fields = self._table(("grid",), self._keys.get("grid", {}))
        for field, values in fields.items():
            is_list = isinstance(values, str | list)
            try:
                Grid(base, {field: values if is_list else [values]})
            except DriftlabError as error:
                raise self._error(("grid", field), str(error)) from None
        if fields:
            try:
                for _ in Grid(base, fields).cells():
                    pass
            except (GridError, ScenarioError) as error:
                raise self._error(("grid",), str(error)) from None
        return fields

    def _scenario(
        self,
        path: tuple[str, ...],
        own: Mapping[str, Any],
        keys: Mapping[str, Any],
        refused: Mapping[str, str],
    ) -> Scenario:
        for key in own:
            if key in refused:
                raise self._error((*path, key), f"{key}: not allowed here; {refused[key]}")
        self._require_known(own, tuple(Scenario.__slots__), path)
        try:
            return Scenario.from_dict(keys)
        except ScenarioError as error:
            key = str(error).partition(":")[0]
            raise self._error((*path, key) if key in own else path, str(error)) from None

    def _table(self, path: tuple[str, ...], value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._error(
                path, f"{path[-1]}: {value!r} is not a table, as [{'.'.join(path)}] is"
            )
        return value

    def _require_known(
        self, keys: Mapping[str, Any], allowed: tuple[str, ...], path: tuple[str, ...]
    ) -> None:
        for key in keys:
            if key not in allowed:
                where = f" in [{'.'.join(path)}]" if path else ""
                raise self._error(
                    (*path, key),
                    f"{key}: no such key{where}; allowed: {', '.join(allowed)}"
                    f"{did_you_mean(key, allowed)}",
                )

    def _error(self, path: tuple[str, ...], message: str) -> StudyError:
        line = next(
            (
                self._lines[path[:end]]
                for end in range(len(path), 0, -1)
                if path[:end] in self._lines
            ),
            1,
        )
        return StudyError(f"{self._file}:{line}: {message}")


def _changed_text(text: str, runs: int | None, base: Mapping[str, Any]) -> str:
    """Return the text of a study with other values of `runs` and of keys of the base."""
    changes: dict[tuple[str, ...], Any] = {("base", key): value for key, value in base.items()}
    if runs is not None:
        changes |= {("runs",): runs, ("simulated_runs",): runs}
    rows = text.split("\n")
    for path, value in changes.items():
        lines = key_lines("\n".join(rows))
        new = f"{path[-1]} = {value!r}"
        if path in lines:
            rows[lines[path] - 1] = new
        elif len(path) == 1:
            rows.insert(lines[("question",)], new)
        elif path[:1] in lines:
            rows.insert(lines[path[:1]], new)
        else:
            rows += ["[base]", new]
    return "\n".join(rows)
