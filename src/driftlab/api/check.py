"""Judge a log: every run in it, and their verdicts together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftlab.api.history import History
from driftlab.api.read import read_all
from driftlab.errors import DriftlabError
from driftlab.judge.checker import HOLDS, VIOLATED, Verdict

COLUMNS_SHOWN_MAX = 20  # that are not known, in a message


class NothingJudgedError(DriftlabError):
    """No chosen rule applies to the log, so it can neither hold nor be violated."""


class LogVerdict:
    """The verdicts on all runs of a log, and their sums.

    verdicts: of each run its name, "" where there is only one, and its verdict.
    """

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
) -> LogVerdict:
    """Read a log and judge every run in it.

    path: a run folder, a folder of runs, a journal or another tool's log.
    only, without: names of the rules to apply, all if empty, and to leave out.
    rates: ticks per second that the processes were to keep, in the order of
    their names, where the log does not say. options: those of `read`.
    Raises DriftlabError if the log cannot be read, or NothingJudgedError if no
    chosen rule applies to it.
    """
    histories = read_all(path, **options)
    several = len(histories) > 1
    judged = LogVerdict(
        [
            (history.name if several else "", each.check(only=only, without=without))
            for history in histories
            for each in [history if rates is None else history.with_rates(rates)]
        ]
    )
    if not judged.counts:
        raise NothingJudgedError(
            f"{path}: there is nothing to judge: no chosen rule applies "
            f"({', '.join(judged.not_applied) or 'none was chosen'}){_unknown_columns(histories)}"
        )
    return judged


def _unknown_columns(histories: Sequence[History]) -> str:
    """Return the columns that were kept as text, and how to say what one means."""
    names = {name: None for history in histories for name in history.trace.texts}
    unknown = [name for name in names if name not in ("event", "recorded")]
    if not unknown:
        return ""
    more = ", …" if len(unknown) > COLUMNS_SHOWN_MAX else ""
    return (
        f"; columns that are not known, kept as text: {', '.join(unknown[:COLUMNS_SHOWN_MAX])}"
        f'{more}; say what one means, as in --field lamport="{unknown[0]}"'
    )
