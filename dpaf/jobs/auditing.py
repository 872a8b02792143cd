"""Playing the adversary against the mechanisms of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from guise.dpaf.accounting.audit_result import Audit
from guise.dpaf.audit.bound import audit_mechanism
from guise.dpaf.audit.canary import games_of
from guise.dpaf.training.run_folder import RunFolder
from guise.models.watching import Progress

_MOST_IMAGES = 8
"""Of a person in a game: enough for a mechanism that counts each of them to be found out."""


@dataclass(frozen=True)
class RunAudit:
    """What an audit of a run says: it can refute a claim, never prove it.

    Attributes:
        phases: by name, the audit that failed or came nearest to the phase's claim.
    """

    phases: dict[str, Audit]

    @property
    def passed(self) -> bool:
        """Whether all claims withstood."""
        return all(audit.passed for audit in self.phases.values())

    @property
    def worst(self) -> Audit:
        """The audit that failed or came nearest to its claim."""
        return _worst(self.phases.values())

    def to_json(self) -> str:
        """The audits as JSON, by phase."""
        values = {name: asdict(audit) | {"passed": audit.passed} for name, audit in self.phases.items()}
        return json.dumps(values, indent=1)


def audit_run(folder: RunFolder, *, runs: int = 200, progress: Progress | None = None) -> RunAudit:
    """Play the adversary's game with the mechanisms, the noise and the rates of a run, and keep the worst result.

    All games of all phases share one confidence: they test one claim.

    Args:
        folder: of the run.
        runs: games with a canary, and as many without, for each phase and each world; at least 20.
        progress: called with "games", games played and games in all.

    Raises:
        InputError: `runs` is out of range.
        LedgerError: the ledger was edited.
        OutputError: the result cannot be written.
    """
    ledger, settings = folder.ledger(), folder.settings()
    most = None if settings.images_per_person is None else min(settings.images_per_person, _MOST_IMAGES)
    games = [(phase, game) for phase in ledger.plan for game in games_of(phase, settings.privacy, images=most)]
    played: dict[str, list[Audit]] = {phase.name: [] for phase in ledger.plan}
    for place, (phase, game) in enumerate(games):
        played[phase.name].append(
            audit_mechanism(
                game,
                [phase],
                delta=ledger.delta,
                runs=runs,
                audits=len(games),
                progress=_along(progress, place * runs, len(games) * runs),
            )
        )
    audit = RunAudit({name: _worst(audits) for name, audits in played.items()})
    folder.keep_audit(audit.worst)
    return audit


def _along(progress: Progress | None, before: int, total: int) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, _: progress("games", before + done, total)


def _worst(audits: Iterable[Audit]) -> Audit:
    return max(audits, key=lambda audit: (not audit.passed, audit.lower_bound - audit.claimed))
