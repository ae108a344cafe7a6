"""The source tree keeps its layers: who imports whom, what is pure, no dead file."""

import ast
import re
from pathlib import Path

import pytest

from driftlab.clocks.catalogue import CLOCKS
from driftlab.foreign.registry import FORMATS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "driftlab"

# From the bottom up. A module imports only from layers below its own, or from its own folder.
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "folders",
        "freezing",
        "interrupts",
        "lazy",
        "arrays",
        "plain_text",
        "toml_text",
        "version",
    ),
    ("accelerated", "jit"),
    ("clocks",),
    ("model",),
    ("network",),
    ("scenario",),
    ("machine",),
    ("journal",),
    ("real", "simulator"),
    ("history",),
    ("foreign",),
    ("theory",),
    ("judge", "analysis"),
    ("figures",),
    ("diagram",),
    ("api",),
    ("study",),
    ("report",),
    ("view",),
    ("cli",),
    ("__init__", "__main__"),
)
PURE = ("errors", "clocks", "model", "network", "scenario", "machine")
READS_USER_CODE = "machine.process_loader"  # the one module there that opens a file
PURE_FILES = ("journal.format",)
IMPURE_MODULES = {"socket", "time", "os", "random", "secrets", "subprocess", "pathlib", "uuid"}
LINES_MAX = 700

PATHS = sorted(PACKAGE.rglob("*.py"))
FILES = {path.name for path in PACKAGE.glob("*.py")}


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package, without `driftlab`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def folder_of(name: str) -> str:
    return name.split(".")[0]


def layer_of(name: str) -> int:
    return next(layer for layer, folders in enumerate(LAYERS) if folder_of(name) in folders)


MODULES = {module_name(path): path for path in PATHS}


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, anywhere in it, for types too."""
    imported = set()
    for part in ast.walk(ast.parse(path.read_text())):
        if isinstance(part, ast.Import):
            imported |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            assert part.level == 0, f"{path}: a relative import"
            module = part.module or ""
            below = {f"{module}.{alias.name}" for alias in part.names}
            inner = {name for name in below if name.removeprefix("driftlab.") in MODULES}
            imported |= inner or {module}
    return imported


def own_imports(path: Path) -> set[str]:
    """Return the modules of this package that a file imports, by their names here."""
    return {
        name.removeprefix("driftlab.") for name in imports_of(path) if name.startswith("driftlab.")
    }


def test_every_folder_has_a_layer() -> None:
    folders = {folder_of(name) for name in MODULES}
    assert folders == {folder for layer in LAYERS for folder in layer}


def test_the_design_page_shows_these_layers() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    block = page.split("## Layers", 1)[1].split("```", 2)[1]
    modules = "|".join(each for layer in LAYERS for each in layer if f"{each}.py" in FILES)
    names = rf"\b(\w+)/|\b({modules}|__init__|__main__)\b"
    rows = [re.findall(names, line) for line in block.splitlines() if re.match(r"\s*\d+ ", line)]
    shown = [tuple(folder or module for folder, module in row) for row in rows]
    assert [set(row) for row in reversed(shown)] == [set(layer) for layer in LAYERS]


def test_the_design_page_names_files_that_exist() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.(?:py|md))?)`", page))
    assert len(named) > 20
    assert [
        each for each in sorted(named) if not any((at / each).exists() for at in (PACKAGE, ROOT))
    ] == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_below(name: str) -> None:
    for other in own_imports(MODULES[name]):
        same_folder = folder_of(other) == folder_of(name)
        assert same_folder or layer_of(other) < layer_of(name), f"{name} imports {other}"


def test_no_imports_are_circular() -> None:
    graph = {name: own_imports(path) & set(MODULES) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"a cycle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in MODULES
        if (folder_of(name) in PURE and name != READS_USER_CODE) or name in PURE_FILES
    ],
)
def test_a_pure_module_touches_no_socket_clock_disk_or_chance(name: str) -> None:
    assert {module.split(".")[0] for module in imports_of(MODULES[name])} & IMPURE_MODULES == set()


def test_what_judges_a_run_never_sees_what_ran_it() -> None:
    for name, path in MODULES.items():
        folders = {folder_of(other) for other in own_imports(path)}
        if folder_of(name) in ("real", "simulator"):
            assert not folders & {"history", "judge", "analysis"}
        if folder_of(name) in ("history", "foreign", "judge", "analysis"):
            assert not folders & {"real", "simulate", "machine"}


def test_no_module_is_dead() -> None:
    """Every module is reached from the command line, the package or a worker's command line."""
    entries = {"__init__", "__main__", "real.worker", "simulator.compiled.engine"} | {
        f"cli.{path.stem}" for path in (PACKAGE / "cli").glob("*.py")
    }
    reached: set[str] = set()
    modules = set(MODULES)
    todo = list(entries & modules)
    while todo:
        name = todo.pop()
        reached.add(name)
        todo += (own_imports(MODULES[name]) & modules) - reached
        if name == "clocks.catalogue":  # it imports a clock's module by name, when it is chosen
            todo += {f"clocks.{kind.module_name}" for kind in CLOCKS.values()} - reached
        if name == "foreign.registry":  # so are the formats
            todo += {f"foreign.{each.module}" for each in FORMATS.values()} - reached
    packages = {name for name in modules if (PACKAGE / name.replace(".", "/")).is_dir()}
    assert modules - reached - packages == set()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_opens_with_a_docstring(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text()))


FORBIDDEN = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "manager",
    "handler",
    "node",
    "data",
    "info",
    "actor",
}


def test_names_are_the_words_of_the_field() -> None:
    for name, path in MODULES.items():
        defined = {
            part.name.lower()
            for part in ast.walk(ast.parse(path.read_text()))
            if isinstance(part, ast.ClassDef | ast.FunctionDef)
        }
        words = {word for one in defined | {name.lower()} for word in one.strip("_").split("_")}
        assert words & FORBIDDEN == set(), name


def test_no_module_has_outgrown_its_concept() -> None:
    for path in PATHS:
        assert len(path.read_text().splitlines()) <= LINES_MAX, path
