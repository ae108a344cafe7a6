"""The command line that runs or simulates a scenario, as a user would type it."""

import os
from collections.abc import Sequence
from shlex import quote
from typing import Any, Final

from driftlab.scenario.scenario import Scenario

COMMAND_VARIABLE: Final = "DRIFTLAB_COMMAND"  # how driftlab was called
_FLAGS: Final = (
    "rates", "machines", "names", "seconds", "runs", "first_run", "faces", "send_one", "send_all",
    "speed", "phase", "topology", "latency", "clock", "process", "offset_ms", "skew_ppm", "order",
)  # fmt: skip


def command_line(scenario: Scenario, verb: str) -> str | None:
    """Return the command that repeats a scenario; None if flags cannot say all of it.

    verb: `run` or `simulate`.
    """
    if scenario.latencies:
        return None
    program = os.environ.get(COMMAND_VARIABLE, "driftlab")
    flags = [f"{flag} {quote(value)}" for flag, value in scenario_flags(scenario).items()]
    return " ".join([program, verb, *flags])


def scenario_flags(scenario: Scenario) -> dict[str, str]:
    """Return the flags that differ from the defaults, with the seed, and their values."""
    defaults = Scenario(rates=scenario.rates).to_dict()
    keys = scenario.to_dict()
    flags = {"--rates": flag_text(keys["rates"])}
    for key in _FLAGS[1:]:
        if key in keys and keys[key] != defaults.get(key):
            flags[f"--{key.replace('_', '-')}"] = flag_text(keys[key])
    return {**flags, "--seed": str(scenario.seed)}


def flag_text(value: Any) -> str:
    """Return a value of a scenario as its flag takes it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(flag_text, value))
    return f"{value:g}" if isinstance(value, float) and value == round(value, 6) else str(value)
