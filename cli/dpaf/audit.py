"""`guise dpaf audit`: what an adversary who sees every release can tell."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guise.cli import console
from guise.cli.dpaf import warn_if

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guise.dpaf.audit.bound import Audit


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--runs", type=click.IntRange(20), default=200, show_default=True, help="Games for each phase; minutes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@click.pass_context
def audit(context: click.Context, run: Path, runs: int, as_json: bool) -> None:
    """Play the adversary's game with the mechanisms, noise and rates of RUN, phase by phase; exit with 1 on failure.

    The bound can only refute a claim. It needs no data, and spends nothing.
    """
    from guise.dpaf.audit.bound import audit_mechanism
    from guise.dpaf.audit.canary import games_of
    from guise.dpaf.training.run_folder import RunFolder

    folder = RunFolder(run)
    ledger, settings = folder.ledger(), folder.settings()
    warn_if(seeded=settings.reproducible)
    games = [(phase, game) for phase in ledger.plan for game in games_of(phase, settings.privacy)]
    played: dict[str, list[Audit]] = {phase.name: [] for phase in ledger.plan}
    with console.steps() as step:
        for at, (phase, game) in enumerate(games):
            played[phase.name].append(
                audit_mechanism(
                    game,
                    [phase],
                    delta=ledger.delta,
                    runs=runs,
                    audits=len(games),
                    progress=_along(step, at * runs, len(games) * runs),
                )
            )
    found = {name: _worst(audits) for name, audits in played.items()}
    folder.keep_audit(_worst(found.values()))
    if as_json:
        click.echo(json.dumps({name: asdict(one) | {"passed": one.passed} for name, one in found.items()}, indent=1))
    else:
        console.table(
            [
                {
                    "phase": name,
                    "epsilon at least": f"{one.lower_bound:.3f}",
                    "of at most": f"{one.limit:.3f}",
                    "claimed": f"{one.claimed:.3f}",
                    "over the claim at most": f"{one.excess:.3f}",
                    "verdict": "withstood" if one.passed else "FALSE",
                }
                for name, one in found.items()
            ]
        )
    if not all(one.passed for one in found.values()):
        context.exit(1)


def _along(step: console.Step, before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: step("games", before + done, total)


def _worst(audits: Iterable[Audit]) -> Audit:
    """The one that failed, or came closest to its claim."""
    return max(audits, key=lambda one: (not one.passed, one.lower_bound - one.claimed))
