"""`guise dpaf`: synthetic images with a proven (epsilon, delta)."""

from __future__ import annotations

import click

from guise.cli.main import LazyGroup

_COMMANDS = {
    "train": ("guise.cli.dpaf.train", "train", "Train a generator on private images, within a budget."),
    "sample": ("guise.cli.dpaf.sample", "sample", "Draw synthetic images from a run."),
    "evaluate": ("guise.cli.dpaf.evaluate", "evaluate", "Train on synthetic images, test on real ones."),
    "baseline": ("guise.cli.dpaf.baseline", "baseline", "Train a private classifier without synthetic images."),
    "audit": ("guise.cli.dpaf.audit", "audit", "Play the adversary against a run's mechanisms."),
    "report": ("guise.cli.dpaf.report", "report", "Write the privacy report of a run."),
    "ledger": ("guise.cli.dpaf.ledger", "ledger", "What datasets and runs have spent; budgets for datasets."),
}

SEED = click.IntRange(0, 2**63 - 1)  # what torch takes


@click.group(cls=LazyGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def dpaf() -> None:
    """Release synthetic images in the place of private ones, with a proven (epsilon, delta)."""
