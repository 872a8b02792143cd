"""What an audit says of a claim, as a run's folder keeps it and its report shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    Attributes:
        lower_bound: epsilon at `delta` is at least this, with `confidence`.
        claimed: what the accountants say it is.
        delta: at which epsilon is reported.
        excess: by how much the scores exceed the claim at the point of its privacy profile where they exceed it most;
            above 0 the claim is false, with `confidence`. It sees bugs that `lower_bound`, at one delta, does not.
        limit: the largest `lower_bound` that so many runs can give, if the canary were recognised every time.
        runs: of the mechanism, with the canary and as many without.
        confidence: of the audit as a whole, over both and all phases.
    """

    lower_bound: float
    claimed: float
    delta: float
    excess: float
    limit: float
    runs: int
    confidence: float

    @property
    def passed(self) -> bool:
        """Whether the claim withstood the audit."""
        return self.lower_bound <= self.claimed and self.excess <= 0
