"""One execution of a scenario and its metrics, whatever executed it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from driftlab.analysis.metrics import MachineMetrics
from driftlab.errors import DriftlabError, counted
from driftlab.journal.format import COMPLETE
from driftlab.machine.machine import is_process_failure
from driftlab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from driftlab.api.history import History
    from driftlab.api.plot import Plots

Value = TypeVar("Value")


_STOPPED = "stopped at "


class NotRecordedError(DriftlabError):
    """The history was asked for of a run that kept only its metrics."""


def stopped(at_ns: int, limit: int) -> str:
    """Return how a run ended in which too many messages waited.

    at_ns: when, in nanoseconds of scenario time. limit: how many may wait.
    """
    return f"{_STOPPED}{at_ns / 1e9:.9g} s: more than {limit} messages wait, which is the limit"


class UniformMapping(Mapping[str, Value], Generic[Value]):
    """A mapping that gives every machine of a scenario the same value, in constant memory."""

    __slots__ = ("_scenario", "_value")

    def __init__(self, scenario: Scenario, value: Value) -> None:
        self._scenario = scenario
        self._value = value

    def __getitem__(self, name: str) -> Value:
        if name not in self._scenario.machine_names():
            raise KeyError(name)
        return self._value

    def __iter__(self) -> Iterator[str]:
        return iter(self._scenario.machine_names())

    def __len__(self) -> int:
        return self._scenario.size

    def values(self) -> Any:
        """Return the one value once: enough to ask what all of them are."""
        return (self._value,)

    def __repr__(self) -> str:
        return f"{{every machine: {self._value!r}}}"

    def items(self) -> Any:
        """Return each name with the value."""
        return [(name, self._value) for name in self._scenario.machine_names()]


class Run:
    """One execution of a scenario.

    scenario: of this run alone, its rates drawn.
    number: the number of the run; its random numbers depend on it.
    machines: the metrics of the machines, in name order.
    ends: how each machine ended: `complete`, or why not.
    incidents: how many its journal records.
    undelivered: how many messages never left it, or were refused by a peer.
    refused: how often it refused the connection of a peer, for what the peer wrote.
    unread: how many lines of its journal could not be read.
    interrupted: whether a person ended the run.
    digest: of all events of a simulated run of the die, else None.
    history: every event, if it was recorded, in memory or in journals.
    folder: where the journals are, None if none were written.
    """

    __slots__ = (
        "_base", "_folder", "_history", "digest", "ends", "incidents", "interrupted", "machines",
        "number", "refused", "undelivered", "unread",
    )  # fmt: skip

    def __init__(
        self,
        base: Scenario,
        number: int,
        machines: Sequence[MachineMetrics],
        *,
        folder: str | None = None,
        ends: Mapping[str, str] | None = None,
        incidents: Mapping[str, int] | None = None,
        undelivered: Mapping[str, int] | None = None,
        refused: Mapping[str, int] | None = None,
        unread: Mapping[str, int] | None = None,
        digest: int | None = None,
        history: "History | None" = None,
    ) -> None:
        nothing = UniformMapping(base, 0)
        self._base = base
        self.number = number
        self.machines = machines
        self.ends = UniformMapping(base, COMPLETE) if ends is None else ends
        self.incidents = nothing if incidents is None else incidents
        self.undelivered = nothing if undelivered is None else undelivered
        self.refused = nothing if refused is None else refused
        self.unread = nothing if unread is None else unread
        self.interrupted = False
        self.digest = digest
        self._folder = folder
        self._history = history

    @property
    def scenario(self) -> Scenario:
        """The scenario of this run alone, its rates drawn."""
        return self._base.for_run(self.number)

    @property
    def folder(self) -> "Path | None":
        """Where the journals are, None if none were written."""
        if self._folder is None:
            return None
        from pathlib import Path  # a simulation need not load it

        return Path(self._folder)

    @property
    def folder_name(self) -> str | None:
        """The folder as text."""
        return self._folder

    @property
    def history(self) -> "History":
        """Every event of the run; of a run with journals, read from them when first asked for.

        Raise NotRecordedError if there are none, and UnreadableError if they are gone.
        """
        if self._history is None:
            self._history = self._read_history()
        return self._history

    def _read_history(self) -> "History":
        if self._folder is None:
            raise NotRecordedError(
                "no history was kept in memory, and no journals were written; simulate with "
                'record="all" or out="FOLDER"'
            )
        from pathlib import Path

        from driftlab.api.history import History  # loads numpy and the judge
        from driftlab.history.run_reader import run_journals

        folder = Path(self._folder)
        return History(run_journals(folder, self.scenario).trace(), folder.name)

    def stats(self) -> "pl.DataFrame":
        """Return the statistics of the run, a row a machine; docs/figures.md has the columns.

        They come from the history. Of a run that kept only its metrics, the others are null.
        """
        if self.is_recorded:
            return self.history.stats()
        from driftlab.analysis.run_statistics import statistics_of_metrics

        return statistics_of_metrics(self.machines)

    @property
    def is_recorded(self) -> bool:
        """Whether the run has a history, in memory or in journals."""
        return self._history is not None or self._folder is not None

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """Return what is pickled: not a history that is in the journals, too."""
        state = {name: getattr(self, name) for name in self.__slots__}
        if self._folder is not None:
            state["_history"] = None
        return None, state

    def with_history(self, history: "History") -> "Run":
        """Give the run its history, and return it."""
        self._history = history
        return self

    @property
    def plot(self) -> "Plots":
        """The figures of the run as charts of Altair: `run.plot.queues()`."""
        from driftlab.api.plot import Plots  # which loads Polars
        from driftlab.figures.run_columns import RunColumns

        return Plots(
            lambda: [RunColumns(self.history.trace, self.scenario, number=self.number)],
            self.scenario,
            lambda: [self.machines],
        )

    @property
    def ticks(self) -> int:
        """How many ticks all machines took together."""
        counted = getattr(self.machines, "ticks", None)  # arrays add up without making each
        return sum(machine.ticks for machine in self.machines) if counted is None else int(counted)

    @property
    def is_whole(self) -> bool:
        """Whether every machine took every tick."""
        return all(end == COMPLETE for end in self.ends.values())

    @property
    def has_refusals(self) -> bool:
        """Whether a machine refused a peer, whose messages are then missing."""
        return any(self.refused.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self.scenario, self.number))

    def __repr__(self) -> str:
        machines = counted(len(self.machines), "machine")
        return f"Run(number={self.number}, {machines}, folder={self._folder!r})"

    def _repr_html_(self) -> str:
        from driftlab.api.notebook import shown

        plot = self.plot
        return shown(
            f"run {self.number}" + (f" in {self._folder}" if self._folder else ""),
            (
                "machine", "rate asked, ticks/s", "rate achieved, ticks/s", "internal events",
                "sends", "receives", "last clock, ticks", "largest jump, ticks",
                "longest queue, messages", "last queue, messages", "last drift, ticks",
            ),
            (
                (
                    each.name, each.rate, each.achieved_rate, *each.events.values(), each.clock,
                    each.jump.max, each.queue.max, each.queue.last, each.drift,
                )
                for each in self.machines
            ),
            [lambda: plot.figure("queue"), lambda: plot.figure("prediction")],
        )  # fmt: skip

    def _values(self) -> tuple[object, ...]:
        tables = (self.ends, self.incidents, self.undelivered, self.refused, self.unread)
        plain = [dict(table.items()) for table in tables]
        return self.scenario, self.number, list(self.machines), plain, self._folder, self.digest

    def to_dict(self) -> dict[str, Any]:
        """Return the run under the names of the JSON interface."""
        plain: dict[str, Any] = {
            "folder": self._folder,
            "machines": [machine.to_dict() for machine in self.machines],
            "ends": dict(self.ends.items()),
            "incidents": dict(self.incidents.items()),
            "undelivered": dict(self.undelivered.items()),
            "refused": dict(self.refused.items()),
            "unread": dict(self.unread.items()),
        }
        if self.digest is not None:
            plain["digest"] = f"{self.digest:016x}"
        return plain


class NotWholeError(DriftlabError):
    """Runs that did not reach their end; `runs` has what they did up to there."""

    def __init__(self, reasons: Sequence[str], runs: Sequence[Run]) -> None:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        super().__init__(reasons[0] + more)
        self.runs = runs


class ProcessesFailedError(NotWholeError):
    """Processes of the user failed; `runs` has everything that was recorded."""


class TooManyMessagesError(NotWholeError):
    """Runs that ended because too many messages waited; `runs` has them up to there."""


def raise_failures(runs: Sequence[Run], incomplete: Iterable[Run]) -> None:
    """Raise NotWholeError if a process of the user failed, or too many messages waited.

    incomplete: those of the runs in which a machine did not take every tick.
    """
    kept = list(incomplete)
    failures = [
        f"{name}: {end}"
        for run in kept
        if any(map(is_process_failure, run.ends.values()))
        for name, end in run.ends.items()
        if is_process_failure(end)
    ]
    if failures:
        raise ProcessesFailedError(failures, runs)
    full = [end for run in kept for end in set(run.ends.values()) if end.startswith(_STOPPED)]
    if full:
        raise TooManyMessagesError(full, runs)
