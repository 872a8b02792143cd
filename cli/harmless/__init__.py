"""`guise harmless`: what a model provably ignores, and pictures made of it."""

from __future__ import annotations

import click

from guise.cli.main import LazyGroup

_COMMANDS = {
    "inspect": ("guise.cli.harmless.inspect", "inspect", "How much of its input a model never looks at."),
    "generate": ("guise.cli.harmless.generate", "generate", "Photos with other content where a model does not look."),
    "check": ("guise.cli.harmless.check", "check", "Certify a changed photo from files alone."),
    "decompose": ("guise.cli.harmless.decompose", "decompose", "Which part of a change is ignored, which part acts."),
    "attack": ("guise.cli.harmless.attack", "attack", "What opponents recover of the originals."),
    "fingerprint": (
        "guise.cli.harmless.fingerprint",
        "fingerprint",
        "Recognise a model by what its first layer ignores.",
    ),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def harmless() -> None:
    """Null spaces of a model's first layers: audit them, and replace what the model never reads.

    Same output for an unmodified model, checked. Nothing is hidden from whoever holds the weights.
    """
