"""From flags and files to a scenario."""

import argparse
import os
from typing import Any

from driftlab.cli.flags import SCENARIO_FLAGS
from driftlab.errors import DriftlabError
from driftlab.journal.files import read_text
from driftlab.scenario.builtin import BUILT_IN
from driftlab.scenario.scenario import Scenario, keys_from_toml
from driftlab.scenario.validate import ScenarioError

# What a flag says makes these keys of a file void.
_INSTEAD_OF = {
    "rates": ("machines",),
    "faces": ("send_one", "send_all"),
    "send_one": ("faces",),
    "send_all": ("faces",),
}


class UnknownScenarioError(DriftlabError):
    """A scenario that is neither a file nor built in."""


def chosen_scenario(options: argparse.Namespace, *, fresh_seed: bool) -> Scenario:
    """Return the scenario that file and flags describe. Raises DriftlabError.

    With `fresh_seed`, a scenario that names no seed gets a new one.
    """
    keys = _base(options.scenario)
    flags = _given_flags(options)
    for flag, value in flags.items():
        if flag == "rates" and ".." in value:
            continue  # a range leaves the number of machines as it is
        for void in _INSTEAD_OF.get(flag, ()):
            keys.pop(void, None)
    keys |= flags
    if fresh_seed:
        keys.setdefault("seed", int.from_bytes(os.urandom(4), "big"))
    return Scenario.from_dict(keys)


def _given_flags(options: argparse.Namespace) -> dict[str, Any]:
    names = (flag.removeprefix("--").replace("-", "_") for flag, _, _ in SCENARIO_FLAGS)
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _base(scenario: str | None) -> dict[str, Any]:
    if scenario is None:
        return {}
    if ".py:" in scenario:
        return {"process": scenario}
    there = os.path.exists(scenario)  # false too for what cannot be a path
    if scenario in BUILT_IN and not there:
        return dict(BUILT_IN[scenario].keys)
    if not there:
        raise UnknownScenarioError(
            f"{scenario}: no such file, and not built in; built in are {', '.join(BUILT_IN)}"
        )
    if os.path.isdir(scenario):
        raise UnknownScenarioError(
            f"{scenario} is a folder; of a run's folder give {scenario.rstrip('/')}/scenario.toml"
        )
    if scenario.endswith(".py"):
        raise UnknownScenarioError(f"{scenario}: name a class of it too, as in {scenario}:Ring")
    try:
        return _beside(scenario, keys_from_toml(read_text(scenario)))
    except ScenarioError as error:
        raise ScenarioError(f"{scenario}: {error}") from None


def _beside(file: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Find the process that a file of a scenario names beside that file, if it is there."""
    process = keys.get("process")
    if isinstance(process, str) and not os.path.isabs(process):
        there = os.path.join(os.path.dirname(file), process)
        if os.path.isfile(there.rpartition(":")[0]):
            keys["process"] = there
    return keys
