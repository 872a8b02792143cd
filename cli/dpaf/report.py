"""`guise dpaf report`: the privacy report of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guise.cli import console

if TYPE_CHECKING:
    from guise.dpaf.accounting.ledger import Ledger


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout instead.")
def report(run: Path, as_json: bool) -> None:
    """Write privacy.json, privacy.md and privacy.png into RUN: what was guaranteed and how to check it."""
    from guise.dpaf.accounting.report import as_markdown, privacy_report
    from guise.dpaf.training.run_folder import RunFolder
    from guise.models.files import atomic_write, printable

    folder = RunFolder(run)
    ledger = folder.ledger()
    found = privacy_report(folder.settings(), ledger, audit=folder.audit())
    encoded = json.dumps(found, indent=1)
    for name, text in (("privacy.json", encoded), ("privacy.md", as_markdown(found))):
        with atomic_write(run / name) as file:
            file.write(text.encode() + b"\n")
    _draw(ledger, run / "privacy.png")
    if as_json:
        click.echo(encoded)
    else:
        click.echo(as_markdown(found))
        console.message(f"written to {printable(run)}: privacy.json, privacy.md, privacy.png")


def _draw(ledger: Ledger, path: Path) -> None:
    """How epsilon grew with the releases, and the delta that goes with each epsilon."""
    from matplotlib.figure import Figure

    from guise.dpaf.accounting.accountants import delta_pld, epsilon_pld
    from guise.dpaf.accounting.report import spending

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    releases, epsilons = zip(*spending(ledger), strict=True)
    left.plot(releases, epsilons, marker=".")
    left.axhline(ledger.epsilon, linestyle="--", color="grey", label=f"budget {ledger.epsilon:g}")
    left.set(xlabel="releases charged", ylabel=f"epsilon at delta {ledger.delta:g}", ylim=(0, None))
    left.legend()
    spent = ledger.spent()
    if spent:
        at = [1.5 * epsilon_pld(spent, ledger.delta) * step / 40 for step in range(41)]
        profile = [(epsilon, delta) for epsilon, delta in zip(at, delta_pld(spent, at), strict=True) if delta > 0]
        right.plot(*zip(*profile, strict=True))
        right.axhline(ledger.delta, linestyle="--", color="grey")
    right.set(xlabel="epsilon", ylabel="delta", yscale="log")
    console.save_figure(figure, path)
