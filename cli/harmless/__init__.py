"""`guise harmless`: what a model provably ignores, and pictures made of it."""

from __future__ import annotations

import click

from cli.harmless.attack import attack
from cli.harmless.check import check
from cli.harmless.decompose import decompose
from cli.harmless.generate import generate
from cli.harmless.inspect import inspect


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def harmless() -> None:
    """Null spaces of a model's first layers: audit them, and replace what the model never reads.

    Same output for an unmodified model, checked. Nothing is hidden from whoever holds the weights.
    """


for _command in (inspect, generate, check, decompose, attack):
    harmless.add_command(_command)
