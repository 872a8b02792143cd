"""Options that all commands of `guise harmless` take, and the model they name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.models.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from guise.harmless.loading import Loaded
    from guise.models.files import Photo

MODEL_HELP = (
    "A name of `guise models list` or torchvision, timm:NAME, a file (.pt, .ts, .onnx), or package.module:factory."
)
_INPUT_HELP = "Shape of the photos. [default: what the model is known to take, else 3x224x224]"
SEVERAL = " Repeat it for what several models ignore jointly."


def how_to_load(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --weights, --input, --preprocess and --offline."""
    for option in (
        click.option("--offline", is_flag=True, help="Open no connection."),
        click.option(
            "--preprocess",
            default="",
            metavar="STEPS",
            help="Before the model: resize=256,crop=224,gray,imagenet or mean=.5:.5:.5,std=.5:.5:.5.",
        ),
        click.option("--input", "size", metavar="3xHxW", help=_INPUT_HELP),
        click.option(
            "--weights",
            default="random",
            show_default=True,
            metavar="random|pretrained|FILE",
            help="For a torchvision name or a factory; FILE as .safetensors or a plain state dict.",
        ),
    ):
        command = option(command)
    return command


def load_all(models: Sequence[str], *, weights: str, size: str | None, preprocess: str, offline: bool) -> Loaded:
    """One model or several as the options, which are for all of them, say."""
    from guise.harmless.loading import Source, load_together

    shape = None if size is None else _shape(size)
    sources = [Source(name, weights, shape, preprocess, offline) for name in models]
    return load_together(sources, announce=console.message)


def read_for(loaded: Loaded, path: Path) -> Photo:
    """A photo of the size that the model reads.

    Raises:
        ImageError: it cannot be read.
        InputError: it has another size.
    """
    from guise.harmless.pictures.generation import check_size
    from guise.models.files import printable, read_photo

    photo = read_photo(path)
    try:
        check_size(photo.pixels, loaded.input_shape)
    except InputError as error:
        raise InputError(f"{printable(path)} does not fit: {error}, or set --input") from None
    return photo


def _shape(text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdecimal() and 0 < int(part) <= 16384 for part in parts):
        raise InputError(f"--input {text} is no size; write it as 3xHEIGHTxWIDTH, such as 3x224x224")
    return tuple(map(int, parts))
