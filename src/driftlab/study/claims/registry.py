"""The claims, and how all of them are judged: by simulated runs, or by real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.api.run_real import OnBeat
from driftlab.errors import DriftlabError, did_you_mean
from driftlab.study.claims import jumps, order, variations
from driftlab.study.claims.criteria import NOTHING, ClaimFinding, Decision
from driftlab.study.claims.events import EventTable
from driftlab.study.claims.recording import (
    ALIGNED_LATE,
    ARRIVAL,
    BOTH,
    EQUAL,
    EQUAL_ALIGNED,
    EQUAL_LATE,
    FEW_INTERNAL,
    NARROW,
    RUNS,
    STANDARD,
    must_compile,
    read_conditions,
    record_conditions,
    scenarios_of,
    simulate_conditions,
)

OnProgress = Callable[[int, int], None]  # called with the work done and that there is


class NoSuchClaimError(DriftlabError):
    """A claim was named that does not exist."""


class Claim(NamedTuple):
    """A statement about the system and how it is judged.

    judge: a function of the events of the conditions that it needs, in their order, then
    of those that it uses if they are there.
    """

    id: str
    statement: str
    judge: Callable[..., ClaimFinding]
    needs: tuple[str, ...] = (STANDARD,)
    uses: tuple[str, ...] = ()


CLAIMS: Final = (
    Claim(
        "jump-needs-higher-stamp",
        "a clock jumps by more than 1 exactly when a message with a higher clock is received",
        jumps.jump_needs_higher_stamp,
    ),
    Claim(
        "higher-because-faster",
        "the sender's clock was higher because its rate is higher",
        jumps.higher_because_faster,
    ),
    Claim(
        "faster-rate-higher-clock",
        "the faster the rate, the higher the clock",
        variations.faster_rate_higher_clock,
    ),
    Claim(
        "rate-difference-drives-jumps",
        "the difference of the rates is a major factor of the jumps",
        jumps.rate_difference_drives_jumps,
    ),
    Claim(
        "message-from-faster-jumps",
        "a message from a faster machine causes a jump, unless a still faster one did recently",
        jumps.message_from_faster_jumps,
    ),
    Claim(
        "p3-jumps-after-internal",
        "P3 jumps at a message if its last event was internal",
        jumps.p3_jumps_after_internal,
    ),
    Claim(
        "p3-jumps-p1-after-p2",
        "P3 jumps at P1's message if its last event was a receive from P2 and P1 is faster",
        jumps.p3_jumps_p1_after_p2,
    ),
    Claim(
        "p2-shielded-by-recent-p1",
        "P2's message moves P3's clock, unless P1's came recently",
        jumps.p2_shielded_by_recent_p1,
    ),
    Claim("p2-jumps-at-p1", "P2 jumps at P1's messages (labels corrected)", jumps.p2_jumps_at_p1),
    Claim(
        "fastest-never-jumps",
        "the fastest machine has no jumps (labels corrected)",
        jumps.fastest_never_jumps,
    ),
    Claim("p3-never-jumps", "P3 has no jumps (as written)", jumps.p3_never_jumps),
    Claim(
        "equal-rates-no-jumps",
        "with equal rates there are no jumps",
        jumps.equal_rates_no_jumps,
        (EQUAL,),
        (EQUAL_ALIGNED, EQUAL_LATE, ALIGNED_LATE),
    ),
    Claim(
        "bigger-difference-bigger-queue",
        "the bigger the difference of the rates, the bigger the queue",
        variations.bigger_difference_bigger_queue,
    ),
    Claim(
        "narrow-rates-same-frequency",
        "a smaller variation of the rates leaves the frequency of jumps unchanged",
        variations.narrow_rates_same_frequency,
        (STANDARD, NARROW),
    ),
    Claim(
        "less-internal-more-jumps",
        "with fewer internal events jumps are more frequent",
        variations.less_internal_more_jumps,
        (STANDARD, FEW_INTERNAL),
    ),
    Claim(
        "narrow-rates-smaller-jumps",
        "with a smaller variation of the rates jumps are smaller",
        variations.narrow_rates_smaller_jumps,
        (STANDARD, NARROW),
    ),
    Claim(
        "less-internal-smaller-jumps",
        "with fewer internal events jumps are smaller",
        variations.less_internal_smaller_jumps,
        (STANDARD, FEW_INTERNAL),
    ),
    Claim(
        "narrow-rates-shorter-queue",
        "with a smaller variation of the rates queues are shorter",
        variations.narrow_rates_shorter_queue,
        (STANDARD, NARROW),
    ),
    Claim(
        "less-internal-longer-queue",
        "with fewer internal events queues are longer",
        variations.less_internal_longer_queue,
        (STANDARD, FEW_INTERNAL),
    ),
    Claim(
        "both-variations-either-way",
        "with both variations together queues are larger or smaller",
        variations.both_variations_either_way,
        (STANDARD, BOTH),
    ),
    Claim(
        "draining-reorders",
        "emptying one socket before the next changes the order of messages of different senders",
        order.draining_reorders,
        (STANDARD,),
        (ARRIVAL,),
    ),
    Claim(
        "tcp-reorders-one-sender",
        "messages of one sender may arrive out of order over TCP",
        order.tcp_reorders_one_sender,
    ),
    Claim(
        "physical-clocks-needed",
        "only physical clocks can order the messages of several senders",
        order.physical_clocks_needed,
    ),
    Claim(
        "drain-order-is-as-good",
        "appending all messages of one peer, then all of the other, is equally valid",
        order.drain_order_is_as_good,
        (STANDARD, ARRIVAL),
    ),
    Claim(
        "stamps-order-one-sender",
        "clock values order the messages of one sender",
        order.stamps_order_one_sender,
    ),
)


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """What the data say of one claim.

    verdict: `holds`, `holds-if` (then `condition` says what if), `does-not-hold` or
    `undecided`. statistic, ci95: the figure that it rests on and its 95 % interval over
    runs; None where the data give none. figure: the same in a few words. text: sentences
    with all figures. runs: how many there were. late_ticks: how many ticks of real runs
    began more than a period late, which makes them another experiment.
    """

    id: str
    statement: str
    verdict: str
    statistic: float | None
    ci95: list[float] | None
    runs: int
    condition: str | None
    figure: str
    text: str
    late_ticks: int

    def to_dict(self) -> dict[str, Any]:
        """Return it under the names of the JSON interface."""
        return {name: getattr(self, name) for name in self.__slots__}


def claims_named(ids: Sequence[str]) -> list[Claim]:
    """Return the claims with these identifiers, all if none is given.

    Raise NoSuchClaimError.
    """
    known = {claim.id: claim for claim in CLAIMS}
    for name in ids:
        if name not in known:
            raise NoSuchClaimError(
                f"{name}: there is no such claim; there are {', '.join(known)}"
                f"{did_you_mean(name, known)}"
            )
    return [known[name] for name in dict.fromkeys(ids)] if ids else list(CLAIMS)


def conditions_needed(claims: Sequence[Claim]) -> list[str]:
    """Return the names of the conditions that claims need or use, each once."""
    return list(dict.fromkeys(name for claim in claims for name in (*claim.needs, *claim.uses)))


def judge_claims(
    ids: Sequence[str] = (),
    *,
    runs: int = RUNS,
    real: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> list[ClaimVerdict]:
    """Judge claims by simulated runs, or by recorded real ones.

    Args:
        ids: which claims; all if none is named.
        runs: how many standard runs to simulate; each variation has two thirds as many.
        real: folders of real runs to judge by, instead of simulating.
        on_progress: called with the runs simulated and claims judged, weighted by their
            time, and how many there are.

    Raises DriftlabError.
    """
    claims = claims_named(ids)
    if real:
        return judge_tables(claims, read_conditions(real), real=True)
    if runs < 1:
        raise DriftlabError(f"runs: {runs} is not allowed; from 1")
    wanted = scenarios_of(conditions_needed(claims), runs)
    count = sum(scenario.runs for some in wanted.values() for scenario in some)
    each = max(1, runs // 6)  # a claim takes about as long as these runs
    done = accumulate(repeat(1))
    total = count + len(claims) * each
    tables = simulate_conditions(wanted, lambda: on_progress(next(done), total))
    judged = []
    for place, claim in enumerate(claims, 1):
        judged += judge_tables([claim], tables)
        on_progress(count + place * each, total)
    return judged


def judge_claims_now(
    ids: Sequence[str],
    *,
    runs: int,
    speed: float,
    out: Path,
    on_beat: OnBeat,
    on_condition: Callable[[str, int, int], None],
) -> list[ClaimVerdict]:
    """Judge claims by real machines that are run for them.

    speed: how many times faster than real time. out: where the journals stay. The other
    parameters, and what it raises, are those of `record_conditions`.
    """
    claims = claims_named(ids)
    names = conditions_needed(claims)
    tables = record_conditions(names, runs, speed, out, on_beat, on_condition)
    return judge_tables(claims, tables, real=True)


def must_compile_for(ids: Sequence[str], runs: int) -> bool:
    """Whether simulating for claims would first have to compile the engine."""
    return must_compile(scenarios_of(conditions_needed(claims_named(ids)), runs))


# Of each verdict how one claim and several have it.
_SUMMARIES: Final = {
    Decision.HOLDS: ("holds", "hold"),
    Decision.HOLDS_IF: ("holds under a condition", "hold under a condition"),
    Decision.DOES_NOT_HOLD: ("does not hold", "do not hold"),
    Decision.UNDECIDED: ("is undecided", "are undecided"),
}


def summary_of(judged: Sequence[ClaimVerdict]) -> str:
    """Return how many claims have which verdict: `11 hold, 1 does not hold`."""
    counts = {verdict: sum(each.verdict == verdict for each in judged) for verdict in _SUMMARIES}
    return ", ".join(
        f"{count} {_SUMMARIES[verdict][count > 1]}" for verdict, count in counts.items() if count
    )


def judge_tables(
    claims: Sequence[Claim], tables: Mapping[str, EventTable], *, real: bool = False
) -> list[ClaimVerdict]:
    """Judge claims by the events of each condition; one that lacks its runs is undecided.

    tables: the events, by the name of their condition. real: whether the runs are real.
    """
    judged = []
    for claim in claims:
        used = [tables[name] for name in (*claim.needs, *claim.uses) if name in tables]
        late = sum(table.late_ticks for table in used)
        judged.append(_verdict(claim, _find(claim, tables, real=real), late))
    return judged


def _find(claim: Claim, tables: Mapping[str, EventTable], *, real: bool) -> ClaimFinding:
    lacking = [name for name in claim.needs if name not in tables]
    if lacking:
        text = f"There are no runs of the condition {lacking[0]}."
        return ClaimFinding(Decision.UNDECIDED, NOTHING, f"no runs: {lacking[0]}", text, 0)
    given = [tables.get(name) for name in (*claim.needs, *claim.uses)]
    if claim.judge is order.tcp_reorders_one_sender:
        return claim.judge(*given, real=real)
    return claim.judge(*given)


def _verdict(claim: Claim, found: ClaimFinding, late_ticks: int) -> ClaimVerdict:
    value = found.estimate.value
    return ClaimVerdict(
        claim.id,
        claim.statement,
        found.verdict.value,
        None if value != value else value,
        found.estimate.ci95,
        found.runs,
        found.condition or None,
        found.figure,
        found.text,
        late_ticks,
    )
