"""`guise dpaf audit`: what an adversary who sees every release can tell."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from cli import console


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--runs", type=click.IntRange(20), default=200, show_default=True, help="Games for each phase; minutes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@click.pass_context
def audit(context: click.Context, run: Path, runs: int, as_json: bool) -> None:
    """Play the adversary's game with the mechanisms, noise and rates of RUN, phase by phase; exit with 1 on failure.

    The bound can only refute a claim. It needs no data, and spends nothing.
    """
    from dpaf.audit import audit_mechanism
    from dpaf.canary import game_of
    from dpaf.runfolder import RunFolder

    folder = RunFolder(run)
    ledger = folder.ledger()
    found = {}
    with console.steps() as step:
        for phase in ledger.plan:
            found[phase.name] = audit_mechanism(
                game_of(phase, folder.settings().privacy),
                [phase],
                delta=ledger.delta,
                runs=runs,
                audits=len(ledger.plan),
                progress=lambda *at, name=phase.name: step(name, *at),
            )
    # The report shows the phase that failed, or came closest to its claim.
    folder.keep_audit(max(found.values(), key=lambda one: (not one.passed, one.lower_bound / one.claimed)))
    if as_json:
        click.echo(json.dumps({name: asdict(one) | {"passed": one.passed} for name, one in found.items()}, indent=1))
    else:
        console.table(
            [
                {
                    "phase": name,
                    "epsilon at least": f"{one.lower_bound:.3f}",
                    "claimed": f"{one.claimed:.3f}",
                    "over the claim at most": f"{one.excess:.3f}",
                    "verdict": "withstood" if one.passed else "FALSE",
                }
                for name, one in found.items()
            ]
        )
    if not all(one.passed for one in found.values()):
        context.exit(1)
