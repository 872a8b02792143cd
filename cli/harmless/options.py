"""Options that all commands of `guise harmless` take. They have the names of the library's keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

MODEL_HELP = (
    "A name of `guise models list` or torchvision, timm:NAME, a file (.onnx, .pt2, .pt, .ts) or package.module:factory."
)
SEVERAL = " Repeat it for what several models ignore jointly."


def how_to_load(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --weights, --input, --preprocess and --offline to a command.

    Args:
        command: takes them as keywords.

    Returns:
        The command with the options.
    """
    for option in (
        click.option("--offline", is_flag=True, help="Open no connection."),
        click.option(
            "--preprocess",
            default="",
            metavar="STEPS",
            help="Before the model: resize=256,crop=224,gray,imagenet or mean=.5:.5:.5,std=.5:.5:.5, or gray=1.",
        ),
        click.option(
            "--input",
            metavar="CxHxW",
            help="Shape of the photos. [default: what the model is known to take, else 3x224x224]",
        ),
        click.option(
            "--weights",
            default="random",
            show_default=True,
            metavar="random|pretrained|FILE",
            help="For torchvision, timm or a factory; FILE is any checkpoint, an index of shards, or a folder.",
        ),
    ):
        command = option(command)
    return command
