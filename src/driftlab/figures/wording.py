"""What figures say in words: how many runs of what are shown, and what spoils them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from driftlab.errors import counted, name_list
from driftlab.figures.figure import number
from driftlab.figures.run_columns import RunColumns

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

RATE_TOLERANCE = 0.02  # share by which an achieved rate may differ without a word


def about_runs(runs: Sequence[RunColumns]) -> str:
    """Return how many runs of which scenario are shown, and what a reader must know of them."""
    first = runs[0]
    if first.scenario is None:
        what = f"{counted(len(runs), 'log')} of {counted(first.trace.processes, 'process')}"
        return ". ".join([what, *_remarks(runs)]) + "."
    kind = "simulated run" if first.is_simulated else "real run"
    scenario = about_scenario(first.scenario, with_rates=same_rates(runs))
    return ". ".join([f"{counted(len(runs), kind)} of {scenario}", *_remarks(runs)]) + "."


def about_scenario(scenario: "Scenario", *, with_rates: bool = True) -> str:
    """Return a scenario in a few words: rates, die, length."""
    words = []
    if with_rates and scenario.size <= 8:
        rates = ", ".join(number(float(rate)) for rate in scenario.rates_of(scenario.first_run))
        words.append(f"{counted(scenario.size, 'machine')} with rates {rates}")
    else:
        words.append(counted(scenario.size, "machine") + ("" if with_rates else ", rates drawn"))
    if scenario.process != "die":
        words.append(f"process {scenario.process.rpartition('/')[2]}")
    elif scenario.faces is not None:
        words.append(f"a die of {scenario.faces} faces")
    words.append(f"{number(float(scenario.seconds))} s")
    if scenario.phase == "aligned":
        words.append("aligned phases")
    return ", ".join(words)


def same_rates(runs: Sequence[RunColumns]) -> bool:
    """Whether all runs have machines of the same names and rates."""
    return all(run.names == runs[0].names and run.rates == runs[0].rates for run in runs)


def _remarks(runs: Sequence[RunColumns]) -> list[str]:
    late = sum(run.late_ticks for run in runs)
    lines = []
    if late:
        ticks = counted(late, "tick began", "ticks began")
        lines.append(f"Late: {ticks} more than a period late; lower --speed or run fewer machines")
    slow = [text for run in runs for text in _slow_machines(run)]
    if slow:
        lines.append(f"Not at the rate asked for: {name_list(slow)}")
    return lines


def _slow_machines(run: RunColumns) -> list[str]:
    """Return each machine whose rate differs from the one that it was to keep, with both."""
    times, rates = run.times, run.rates
    if run.is_simulated or rates is None or times is None or not run.has_due_times:
        return []
    found = []
    for process, (name, rate) in enumerate(zip(run.names, rates, strict=True)):
        own = times[run.trace.rows_of(process)]
        if len(own) > 1 and own[-1] > own[0]:
            achieved = (len(own) - 1) / float(own[-1] - own[0])
            if abs(achieved - rate) > RATE_TOLERANCE * rate:
                found.append(f"{name} {number(achieved)} of {number(rate)} ticks a second")
    return found


def joined(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `A, B and C`."""
    if len(words) > 6:
        return f"{', '.join(words[:5])} and {len(words) - 5} others"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def whom(label: str) -> str:
    """Return a machine's label within a sentence: a name, or `the fastest machine`."""
    is_rank = label in ("fastest", "middle", "slowest") or label.startswith("fastest but ")
    return f"the {label} machine" if is_rank else label


def whose(label: str) -> str:
    """Return the possessive of a label within a sentence: `A's`, `the fastest machine's`."""
    return f"{whom(label)}'s"


def sentence(text: str) -> str:
    """Return a text as a sentence; a machine's name at its beginning stays as it is."""
    begins_with_word = text.split(" ", 1)[0] in ("the", "all")
    return text[0].upper() + text[1:] if begins_with_word else text
