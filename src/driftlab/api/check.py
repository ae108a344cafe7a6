"""A log judged: every run in it, and what they come to together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftlab.api.read import read_all
from driftlab.errors import DriftlabError
from driftlab.judge.checker import HOLDS, VIOLATED, Verdict


class NothingJudgedError(DriftlabError):
    """A log to which no rule applies: it can neither hold nor be violated."""


class Judged:
    """The verdicts on all runs of a log, each with its name, and their sums."""

    def __init__(self, verdicts: Sequence[tuple[str, Verdict]]) -> None:
        self.verdicts = verdicts
        each = [verdict for _, verdict in verdicts]
        self.events = sum(verdict.events for verdict in each)
        self.unknown = sum(verdict.unknown for verdict in each)
        self.unread = sum(len(verdict.unread) for verdict in each)
        self.processes = sum(verdict.processes for verdict in each)
        self.messages = sum(verdict.messages for verdict in each)
        flights = [verdict.in_flight for verdict in each]
        self.in_flight = None if None in flights else sum(flight or 0 for flight in flights)
        applied = {name for verdict in each for name in verdict.counts}
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
        """Whether no rule is violated in any run."""
        return all(verdict.holds for _, verdict in self.verdicts)

    @property
    def verdict(self) -> str:
        """`holds` or `violated`."""
        return HOLDS if self.holds else VIOLATED

    def unknown_of(self, rule: str) -> int:
        """Return how many questions of one rule are undecided."""
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
            "unknown": self.unknown,
            "unread": self.unread,
            "counts": self.counts,
            "in_flight": self.in_flight,
            "not_applied": self.not_applied,
            **joined,
            "remarks": [f"{name}: {remark}" for name, run in runs for remark in run["remarks"]],
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
    **options: Any,
) -> Judged:
    """Read a log and judge every run in it. `options` are those of `read`.

    rates: what the processes were to keep, in the order of their names, where
    the log does not say. Raises DriftlabError.
    """
    histories = read_all(path, **options)
    several = len(histories) > 1
    judged = Judged(
        [
            (history.name if several else "", each.check(only=only, without=without))
            for history in histories
            for each in [history if rates is None else history.with_rates(rates)]
        ]
    )
    if not judged.counts:
        raise NothingJudgedError(
            f"{path}: there is nothing to judge: no rule that was chosen applies "
            f"({', '.join(judged.not_applied) or 'none was chosen'})"
        )
    return judged
