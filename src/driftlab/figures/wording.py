"""What figures say in words: how many runs of what are shown, and what spoils them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from driftlab.analysis.metrics import late_line
from driftlab.errors import counted
from driftlab.figures.figure import number
from driftlab.figures.run_columns import RunColumns

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

NO_BREAK: Final = "\N{NO-BREAK SPACE}"
SLOW_LINES_MAX: Final = 3


def about_runs(runs: Sequence[RunColumns]) -> str:
    """Return how many runs of which scenario are shown, and what a reader must know of them."""
    first = runs[0]
    if first.scenario is None:
        what = f"{counted(len(runs), 'log')} of {counted(first.trace.processes, 'process')}"
        return ". ".join([what, *pacing_remarks(runs)]) + "."
    kind = "simulated run" if first.is_simulated else "real run"
    scenario = about_scenario(first.scenario, with_rates=same_rates(runs))
    return ". ".join([f"{counted(len(runs), kind)} of {scenario}", *pacing_remarks(runs)]) + "."


def about_scenario(scenario: "Scenario", *, with_rates: bool = True) -> str:
    """Return a scenario in a few words: rates, die, length.

    with_rates: whether they are those of its first run; otherwise they were drawn.
    """
    words = []
    if with_rates and scenario.size <= 8:
        every = scenario.rates_of(scenario.first_run)  # no separators of thousands in a list
        rates = ",".join(number(float(rate)).replace(",", "") for rate in every)
        words.append(f"{counted(scenario.size, 'machine')} with rates {rates}")
    else:
        words.append(counted(scenario.size, "machine") + ("" if with_rates else ", rates drawn"))
    if scenario.process != "die":
        words.append(f"process {scenario.process.rpartition('/')[2]}")
    elif scenario.faces is not None:
        words.append(f"a die of {scenario.faces}{NO_BREAK}faces")
    words.append(f"{number(float(scenario.seconds))}{NO_BREAK}s")
    if scenario.phase == "aligned":
        words.append("aligned phases")
    return ", ".join(words)


def same_rates(runs: Sequence[RunColumns]) -> bool:
    """Whether all runs have machines of the same names and rates."""
    return all(run.names == runs[0].names and run.rates == runs[0].rates for run in runs)


def pacing_remarks(runs: Sequence[RunColumns]) -> list[str]:
    """Return what a reader must know of runs that were late or slow."""
    late = late_line(sum(run.late_ticks for run in runs))
    lines = [] if late is None else [late]
    slow = [line for run in runs for line in run.slow_lines()]
    lines += slow[:SLOW_LINES_MAX]
    if len(slow) > SLOW_LINES_MAX:
        more = len(slow) - SLOW_LINES_MAX
        rates = "its rate" if more == 1 else "their rates"
        lines.append(f"and {more} more that missed {rates}")
    return [line[0].upper() + line[1:] for line in lines]


def joined(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `A, B and C`."""
    if len(words) > 6:
        return f"{', '.join(words[:5])} and {len(words) - 5} others"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def whom(label: str) -> str:
    """Return a machine's label within a sentence: a name, or `the fastest machine`."""
    is_rank = label in ("fastest", "middle", "slowest")
    if label.startswith("rank "):
        return f"the machine of {label}"
    return f"the {label} machine" if is_rank else label


def whose(label: str) -> str:
    """Return the possessive of a label within a sentence: `A's`, `the fastest machine's`."""
    return f"{whom(label)}'s"


def sentence(text: str) -> str:
    """Return a text as a sentence; a machine's name at its beginning stays as it is."""
    begins_with_word = text.split(" ", 1)[0] in ("the", "all")
    return text[0].upper() + text[1:] if begins_with_word else text
