"""Statements about the system's behaviour, each with a statistic, a rule and a verdict."""

from driftlab.study.claims.registry import ClaimVerdict, judge_claims

__all__ = ["ClaimVerdict", "judge_claims"]
