"""Judge a log: every run in it, and their verdicts together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftlab.api.read import read_all
from driftlab.errors import DriftlabError
from driftlab.judge.checker import HOLDS, UNDECIDED, VIOLATED, Verdict, chosen_rules
from driftlab.judge.diagnosis.diagnose import Fault


class NothingJudgedError(DriftlabError):
    """No rule was chosen, or no event was read, so nothing could be judged."""


class LogVerdict:
    """The verdicts on all runs of a log, and their sums.

    verdicts: of each run its name, "" where there is only one, and its verdict.
    judged, unknown: how many questions were decided, and how many were not; see
    `Verdict`. unread: how many lines could not be read. messages: how many were
    received, as the log says, and unnamed_messages: of how many of these it does not
    say which. counts: of every rule that decided a question in any run how often it is
    violated. not_applied: rules that had nothing to judge in any.
    """

    def __init__(self, verdicts: Sequence[tuple[str, Verdict]]) -> None:
        self.verdicts = verdicts
        each = [verdict for _, verdict in verdicts]
        self.events = sum(verdict.events for verdict in each)
        self.unknown = sum(verdict.unknown for verdict in each)
        self.judged = sum(verdict.judged for verdict in each)
        self.unread = sum(verdict.unread_lines for verdict in each)
        self.processes = sum(verdict.processes for verdict in each)
        self.messages = sum(verdict.messages for verdict in each)
        self.unnamed_messages = sum(verdict.unnamed_messages for verdict in each)
        flights = [verdict.in_flight for verdict in each]
        self.in_flight = None if None in flights else sum(flight or 0 for flight in flights)
        applied = {name for verdict in each for name in verdict.unknown_counts}
        self.not_applied = [
            name for name in (each[0].not_applied if each else []) if name not in applied
        ]
        self.is_foreign = any(verdict.is_foreign for verdict in each)
        self.counts: dict[str, int] = {}
        for verdict in each:
            for name, count in verdict.counts.items():
                self.counts[name] = self.counts.get(name, 0) + count

    @property
    def holds(self) -> bool:
        """Whether something was judged, and no rule is violated in any run."""
        return self.verdict == HOLDS

    @property
    def verdict(self) -> str:
        """`violated`, `holds`, or `undecided` where nothing could be judged in any run."""
        if any(self.counts.values()):
            return VIOLATED
        return HOLDS if self.judged else UNDECIDED

    @property
    def reason_undecided(self) -> str:
        """Why nothing could be judged, in one line."""
        return self.verdicts[0][1].reason_undecided

    @property
    def undecided_runs(self) -> list[str]:
        """The names of the runs of which nothing could be judged."""
        return [name for name, verdict in self.verdicts if verdict.verdict == UNDECIDED]

    @property
    def faults(self) -> list[Fault]:
        """The faults of all runs by their plain names; one that several runs have is one."""
        joined: dict[str, Fault] = {}
        for _, verdict in self.verdicts:
            for fault in verdict.faults:
                joined[fault.name] = (
                    joined[fault.name].joined(fault) if fault.name in joined else fault
                )
        return list(joined.values())

    def unknown_of(self, rule: str) -> int:
        """Return how many questions of one rule are undecided, in all runs."""
        return sum(verdict.unknown_counts.get(rule, 0) for _, verdict in self.verdicts)

    def to_dict(self, limit: int | None = None) -> dict[str, Any]:
        """Return it under the names of the JSON interface, with at most `limit` of each rule."""
        if len(self.verdicts) == 1:
            return self.verdicts[0][1].to_dict(limit)
        runs = [(name, verdict.to_dict(limit)) for name, verdict in self.verdicts]
        joined = {
            key: [{"run": name, **entry} for name, run in runs for entry in run[key]]
            for key in ("violations", "unknowns", "unread_lines")
        }
        return {
            "verdict": self.verdict,
            "events": self.events,
            "judged": self.judged,
            "unknown": self.unknown,
            "unread": self.unread,
            "counts": self.counts,
            "in_flight": self.in_flight,
            "not_applied": self.not_applied,
            **joined,
            "assumed": [f"{name}: {line}" for name, run in runs for line in run["assumed"]],
            "remarks": [f"{name}: {remark}" for name, run in runs for remark in run["remarks"]],
            "diagnosis": [fault.to_dict() for fault in self.faults],
            **({"reason": self.reason_undecided} if self.verdict == UNDECIDED else {}),
            "runs": [
                {"run": name, **{key: run[key] for key in ("verdict", "events", "counts")}}
                for name, run in runs
            ],
        }


def judge_path(
    path: str | Path,
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    rates: Sequence[float] | None = None,
    complete: bool = False,
    **options: Any,
) -> LogVerdict:
    """Read a log and judge every run in it.

    path: a run folder, a folder of runs, a journal or another tool's log.
    only, without: names of the rules to apply, all if empty, and to leave out.
    rates: ticks per second that the processes were to keep, in the order of
    their names, where the log does not say. complete: whether the log holds every
    event, see `History.check`. options: those of `read`.
    Raises DriftlabError if the log cannot be read, or NothingJudgedError if no rule
    was chosen, or the log has no event.
    """
    if not chosen_rules(only, without):
        raise NothingJudgedError(f"{path}: there is nothing to judge: no rule was chosen")
    histories = read_all(path, **options)
    several = len(histories) > 1
    judged = LogVerdict(
        [
            (
                history.name if several else "",
                each.check(only=only, without=without, complete=complete),
            )
            for history in histories
            for each in [history if rates is None else history.with_rates(rates)]
        ]
    )
    if judged.verdict == UNDECIDED and not judged.events:
        raise NothingJudgedError(f"{path}: there is nothing to judge: the log has no event")
    return judged
