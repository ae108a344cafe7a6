"""One execution of a scenario and its metrics, whatever executed it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from driftlab.analysis.metrics import MachineMetrics
from driftlab.errors import DriftlabError
from driftlab.journal.format import COMPLETE
from driftlab.machine.machine import is_process_failure
from driftlab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

    from driftlab.api.history import History

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
    history: every event, if it was recorded. Raises NotRecordedError.
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
        """Every event of the run. Raise NotRecordedError if it was not recorded."""
        if self._history is None:
            raise NotRecordedError(
                'no history was kept in memory; simulate with record="all", '
                "or read the journals, if there are any"
            )
        return self._history

    def with_history(self, history: "History") -> "Run":
        """Give the run its history, and return it."""
        self._history = history
        return self

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
        return f"Run(number={self.number}, {len(self.machines)} machines, folder={self._folder!r})"

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
