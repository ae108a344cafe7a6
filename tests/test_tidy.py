"""The house keeps its floors: who may import whom, what pure rooms may touch, no dead file."""

import ast
from pathlib import Path

import pytest

from driftlab.clocks.catalogue import CLOCKS

HOUSE = Path(__file__).parent.parent / "src" / "driftlab"

# From the ground up. A room imports only from floors below its own, or from its own folder.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "dice", "clocks", "loops"),
    (
        "event",
        "payload",
        "physical",
        "schedule",
        "latency",
        "names",
        "toml",
        "topology",
        "plan",
        "scenario",
        "scenario_checks",
        "planning",
        "scenarios",
        "digest",
    ),
    ("wire", "machine", "trace"),
    ("hosts", "analysis", "compiled"),
    ("api",),
    ("cli",),
    ("__init__", "__main__"),
)
PURE = ("errors", "dice", "clocks", *FLOORS[1], "wire", "machine")
PURE_FILES = ("trace.journal", "trace.parsing")
IMPURE_MODULES = {"socket", "time", "os", "random", "secrets", "subprocess", "pathlib", "uuid"}

PATHS = sorted(HOUSE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the dotted name of a file inside the house, without `driftlab`."""
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def room_of(name: str) -> str:
    return name.split(".")[0]


def floor_of(name: str) -> int:
    return next(floor for floor, rooms in enumerate(FLOORS) if room_of(name) in rooms)


NAMES = {name_of(path): path for path in PATHS}


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, anywhere in it, for types too."""
    found = set()
    for part in ast.walk(ast.parse(path.read_text())):
        if isinstance(part, ast.Import):
            found |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            assert part.level == 0, f"{path}: a relative import"
            module = part.module or ""
            below = {f"{module}.{alias.name}" for alias in part.names}
            inner = {name for name in below if name.removeprefix("driftlab.") in NAMES}
            found |= inner or {module}
    return found


def ours(path: Path) -> set[str]:
    return {
        name.removeprefix("driftlab.") for name in imports_of(path) if name.startswith("driftlab.")
    }


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(name) for name in NAMES}
    assert rooms == {room for floor in FLOORS for room in floor}


@pytest.mark.parametrize("name", NAMES)
def test_a_room_imports_only_from_below(name: str) -> None:
    for other in ours(NAMES[name]):
        same_folder = room_of(other) == room_of(name)
        allowed = floor_of(other) < floor_of(name) or same_folder or on_floor_two(name, other)
        assert allowed, f"{name} imports {other}"


def on_floor_two(name: str, other: str) -> bool:
    """The scenario's rooms stand side by side; that they make no circle is tested below."""
    return floor_of(name) == floor_of(other) == 1


def test_there_is_no_circle() -> None:
    graph = {name: ours(path) & set(NAMES) for name, path in NAMES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"a circle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    "name", [name for name in NAMES if room_of(name) in PURE or name in PURE_FILES]
)
def test_a_pure_room_touches_no_socket_clock_disk_or_chance(name: str) -> None:
    assert {module.split(".")[0] for module in imports_of(NAMES[name])} & IMPURE_MODULES == set()


def test_the_two_wings_meet_only_above() -> None:
    for name, path in NAMES.items():
        wings = {room_of(other) for other in ours(path)}
        if room_of(name) == "hosts":
            assert "analysis" not in wings
        if room_of(name) == "analysis":
            assert not wings & {"hosts", "machine"}


def test_no_file_is_dead() -> None:
    """Every room is reached from the command line, the package or a worker's command line."""
    entries = {"__init__", "__main__", "hosts.worker", "compiled.engine"} | {
        f"cli.{path.stem}" for path in (HOUSE / "cli").glob("*.py")
    }
    reached: set[str] = set()
    rooms = set(NAMES)
    todo = list(entries & rooms)
    while todo:
        name = todo.pop()
        reached.add(name)
        todo += (ours(NAMES[name]) & rooms) - reached
        if name == "clocks.catalogue":  # it imports a clock's room by name, when it is chosen
            todo += {f"clocks.{kind.room}" for kind in CLOCKS.values()} - reached
    packages = {name for name in rooms if (HOUSE / name.replace(".", "/")).is_dir()}
    assert rooms - reached - packages == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_room_opens_with_its_theory(name: str) -> None:
    assert ast.get_docstring(ast.parse(NAMES[name].read_text()))


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


def test_names_are_the_fields_words() -> None:
    for name, path in NAMES.items():
        defined = {
            part.name.lower()
            for part in ast.walk(ast.parse(path.read_text()))
            if isinstance(part, ast.ClassDef | ast.FunctionDef)
        }
        words = {word for one in defined | {name.lower()} for word in one.strip("_").split("_")}
        assert words & FORBIDDEN == set(), name


def test_no_file_has_outgrown_its_room() -> None:
    for path in PATHS:
        assert len(path.read_text().splitlines()) <= 350, path
