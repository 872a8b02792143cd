"""`guise harmless`: what a model provably ignores, and pictures made of it."""

from __future__ import annotations

from typing import Any

import click

from guise.cli.main import LazyGroup

_COMMANDS = {
    "inspect": ("guise.cli.harmless.inspect", "inspect", "Show how much of its input a model never looks at."),
    "generate": ("guise.cli.harmless.generate", "generate", "Change photos where a model does not look."),
    "check": ("guise.cli.harmless.check", "check", "Certify a changed photo from the two files alone."),
    "decompose": ("guise.cli.harmless.decompose", "decompose", "Split changes into what is ignored and what acts."),
    "attack": ("guise.cli.harmless.attack", "attack", "Show what opponents recover of the originals."),
    "fingerprint": (
        "guise.cli.harmless.fingerprint",
        "fingerprint",
        "Recognise a model by what its first layer ignores.",
    ),
    "robustness": ("guise.cli.harmless.robustness", "robustness", "Perturb a classifier's input and weights at once."),
    "adapter": ("guise.cli.harmless.adapter", "adapter", "Keep a fine-tuned adapter where its model was aligned."),
}


class _Group(LazyGroup):
    """The commands, of which only `generate` keeps what was finished when it is stopped."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if ctx.invoked_subcommand == "generate":
                raise
            raise KeyboardInterrupt("Nothing that was measured is kept.") from None


@click.group(cls=_Group, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def harmless() -> None:
    """Null spaces of a model's first layers: audit them, and replace what the model never reads.

    An unmodified model gives the same output; this is checked. Nothing is hidden from anybody who holds the weights.
    """
