"""The accelerated build: the modules on a tick's path as machine code, where it was made.

`driftlab accelerate` compiles MODULES from their own source and keeps the result below the
cache folder. Every process looks for it when `driftlab` is imported, before any of these
modules is. It is all or nothing: a build that another Python made, or that was made from other
sources, is refused with one line, and the modules are imported from their source as always.

The environment variable DRIFTLAB_ACCELERATED: 0 ignores a build, 1 requires one.

Limit: checksums here find what is out of date, not what was forged. Who may write into the
user's cache folder may run code as that user.
"""

import os
import sys
from typing import TYPE_CHECKING, Final

from driftlab.folders import cache_folder

if TYPE_CHECKING:  # most processes find no build, and need not pay for them
    from importlib.machinery import ModuleSpec
    from types import ModuleType

MODULES: Final = (
    "clocks.lamport",
    "history.simulated",
    "machine.effects",
    "machine.machine",
    "machine.process",
    "model.random_streams",
    "simulator.engine",
)
VARIABLE: Final = "DRIFTLAB_ACCELERATED"
BUILDS: Final = "accelerated"  # the folder of all builds, below that of caches
CURRENT: Final = "current"  # the file that names the build in use, and what it was made from
ANEW: Final = "`driftlab accelerate` makes it anew"

_PACKAGE: Final = os.path.dirname(os.path.abspath(__file__))


class UnusableBuildError(ImportError):
    """A build cannot be used; the message says why."""


def source_path(module: str) -> str:
    """Return the path of the source of one of MODULES."""
    return os.path.join(_PACKAGE, *module.split(".")) + ".py"


def types_of(module: str) -> str:
    """Return the path of the type declarations of a module, which need not exist."""
    return os.path.join(_PACKAGE, *module.split(".")) + ".pxd"


def _is_any_there() -> bool:
    """Whether there may be a build, of any installation: most users have none."""
    cache = cache_folder()
    return cache is not None and os.path.exists(os.path.join(cache, BUILDS))


def builds_folder() -> str | None:
    """Return the folder of the builds of this installation; None if there is no place for caches.

    Each environment has a folder of its own, so that several do not refuse each other's builds.
    """
    from zlib import crc32

    cache = cache_folder()
    where = crc32(f"{sys.prefix}\n{_PACKAGE}".encode())
    return None if cache is None else os.path.join(cache, BUILDS, f"{where:08x}")


def made_by() -> str:
    """Return on one line which Python and which system a build made now is of."""
    from importlib.machinery import EXTENSION_SUFFIXES

    return " ".join(f"{sys.version} {EXTENSION_SUFFIXES[0]}".split())


def made_from() -> str:
    """Return a checksum of the sources of MODULES, and of their types for the compiler."""
    from zlib import crc32

    checksum = 0
    for module in MODULES:
        for path in (source_path(module), types_of(module)):
            if os.path.exists(path):
                with open(path, "rb") as source:
                    checksum = crc32(source.read(), crc32(path[len(_PACKAGE) :].encode(), checksum))
    return f"{checksum:08x}"


def write_current(folder: str, build: str) -> None:
    """Name a build as the one in use.

    folder: of the builds. build: the name of the folder below it with the modules.
    """
    sizes = [str(os.path.getsize(compiled(folder, build, module))) for module in MODULES]
    lines = [made_by(), made_from(), build, *sizes]
    beside = os.path.join(folder, f"{CURRENT}.{os.getpid()}")
    with open(beside, "w") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(beside, os.path.join(folder, CURRENT))


def compiled(folder: str, build: str, module: str) -> str:
    """Return the path of a module that was compiled.

    folder: of the builds. build: the name of one. module: its name in MODULES.
    """
    return os.path.join(folder, build, f"{module}.so")


def current_build(folder: str | None) -> str | None:
    """Return the name of the build that can be used, None if there is none.

    folder: of the builds. Raise UnusableBuildError if there is one that must not be used.
    """
    if folder is None or not os.path.exists(os.path.join(folder, CURRENT)):
        return None
    if not os.path.isfile(os.path.join(folder, CURRENT)):  # a pipe would be waited for
        raise UnusableBuildError(f"it cannot be read: {CURRENT} is not a regular file")
    try:
        with open(os.path.join(folder, CURRENT)) as file:
            by, source, build, *sizes = file.read().splitlines()
        if by != made_by():
            raise UnusableBuildError("another Python made it")
        if source != made_from():
            raise UnusableBuildError("it was made from other sources, as of another version")
        found = [str(os.path.getsize(compiled(folder, build, module))) for module in MODULES]
    except (OSError, ValueError) as error:
        raise UnusableBuildError(f"it cannot be read: {error}") from None
    if found != sizes:
        raise UnusableBuildError("it is damaged")
    return build


class _Finder:
    """Finds MODULES in a build; `sys.meta_path` asks it before any other finder."""

    def __init__(self, folder: str, build: str) -> None:
        self._paths = {f"driftlab.{module}": compiled(folder, build, module) for module in MODULES}

    def find_spec(
        self, name: str, path: object = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return how a module of the build is loaded, None for any other."""
        file = self._paths.get(name)
        if file is None:
            return None
        from importlib.machinery import ExtensionFileLoader, ModuleSpec

        spec = ModuleSpec(name, ExtensionFileLoader(name, file), origin=file)
        spec.has_location = True
        return spec


def load_from(folder: str, build: str) -> None:
    """Have MODULES, of which none has been imported, imported from a build from now on."""
    sys.meta_path.insert(0, _Finder(folder, build))


def is_in_use() -> bool:
    """Whether this process imports MODULES from a build."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def description() -> str:
    """Return which build this process uses, in words."""
    return "accelerated" if is_in_use() else "pure Python"


def use() -> None:
    """Use the build of this installation if there is one; refuse one that does not fit.

    The refusal is logged once: processes that this one starts look for no build. Raise
    UnusableBuildError if DRIFTLAB_ACCELERATED is 1 and there is no build that can be used.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted == "0" or is_in_use() or (wanted is None and not _is_any_there()):
        return
    folder = builds_folder()
    try:
        build = current_build(folder)
    except UnusableBuildError as error:
        if wanted == "1":
            raise
        os.environ[VARIABLE] = "0"
        import logging

        logging.getLogger("driftlab").warning(
            "driftlab: the accelerated build is not used: %s; %s", error, ANEW
        )
        return
    if build is not None and folder is not None:
        load_from(folder, build)
    elif wanted == "1":
        raise UnusableBuildError(f"{VARIABLE} is 1, and there is no accelerated build")


def in_python(module: "ModuleType") -> "ModuleType":
    """Return a module as Python, another copy of it if it was imported from a build.

    Numba compiles Python functions, and cannot see into those of a build.
    """
    name = module.__name__.removeprefix("driftlab.")
    if name not in MODULES or not is_in_use():
        return module
    from types import ModuleType

    with open(source_path(name), "rb") as file:
        code = compile(file.read(), source_path(name), "exec", dont_inherit=True)
    copy = ModuleType(module.__name__, module.__doc__)
    copy.__file__ = source_path(name)
    exec(code, copy.__dict__)
    return copy
