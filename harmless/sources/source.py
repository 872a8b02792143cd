"""Which model is meant, and what loading makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import nn

from guise.harmless.sources.pixel_model import JointModel, PixelModel
from guise.harmless.sources.preprocessing import Preprocessing
from guise.models.errors import InputError, WeightsError

DEFAULT_INPUT = (3, 224, 224)
_LEAST_SIDE = 7
"""Pixels a side of a photo: SSIM needs so many."""
_LARGEST_SIDE = 16384
_MOST_CHANNELS = 4


@dataclass(frozen=True)
class Source:
    """Which model, and how.

    Attributes:
        model: the name of a recogniser, a torchvision name, timm:NAME, a path (.onnx, .pt2, .pt, .ts), or
            package.module:factory.
        weights: "random" (seed 0; layers that torchvision or timm start at zero are drawn too), "pretrained" (the
            library's own, downloaded on first use), or a file (.safetensors, or a checkpoint that loads without running
            code). Only torchvision names, timm names and factories take weights.
        input_shape: shape of the photo, such as (3, H, W). None: what the model is known to take, else `DEFAULT_INPUT`.
        preprocess: what happens to a photo before the model (see `guise.harmless.sources.preprocessing.parse`).
        offline: open no connection.
    """

    model: str
    weights: str = "random"
    input_shape: tuple[int, ...] | None = None
    preprocess: str = ""
    offline: bool = False


@dataclass(frozen=True)
class Network:
    """A network as it comes from its library or its file, before it takes photos.

    Attributes:
        network: the module.
        preprocessing: what its library does to a photo first.
        input_shape: shape of the photo that it is known to take; None where that is not known.
        embeds: its output is an embedding.
        drawn: its weights are random, and those that its library starts at zero are to be drawn too.
    """

    network: nn.Module
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    input_shape: tuple[int, ...] | None = None
    embeds: bool = False
    drawn: bool = False


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run, in evaluation mode, float32.

    Attributes:
        model: takes photos in [0, 255]; gives a tuple of outputs where it stands for several models.
        input_shape: shape of the photos, such as (3, H, W).
        names: what the user called the model, or each of several models.
        unfit: why a file of weights left a tensor of `model` as it was, by the tensor's name: one line each.
    """

    model: PixelModel | JointModel
    input_shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    unfit: Mapping[str, str] = field(default_factory=dict)

    def check_weights(self, names: Iterable[str] | None = None) -> None:
        """Refuse weights that a file did not bring.

        Args:
            names: of tensors of `model` that count; None: all.

        Raises:
            WeightsError: one of them is not from the file.
        """
        for name in self.unfit if names is None else sorted(names):
            if name in self.unfit:
                raise WeightsError(self.unfit[name])


def parse_shape(text: str) -> tuple[int, ...]:
    """A size such as 3x224x224 as numbers.

    Args:
        text: channels, height and width; or the sizes of any other tensor that a model reads.

    Returns:
        The sizes.

    Raises:
        InputError: the text is no such size.
    """
    parts = text.lower().split("x")
    if len(parts) == 2 or not all(part.isdecimal() and 0 < int(part) <= _LARGEST_SIDE for part in parts):
        raise InputError(f"`input={text}` is no size; write it as CHANNELSxHEIGHTxWIDTH, such as 3x224x224")
    return tuple(map(int, parts))


def channels_last(shape: tuple[int, ...]) -> bool:
    """Whether a size that a user gave counts the channels last, as 224x224x3 does.

    Args:
        shape: of a photo.

    Returns:
        True where only the last number can be one of channels.
    """
    return len(shape) == 3 and shape[2] <= _MOST_CHANNELS < min(shape[:2])


def check_photo_shape(shape: tuple[int, ...]) -> None:
    """Refuse a shape that is not that of a colour photo of at least 7 x 7 pixels, where photos are to be read.

    Args:
        shape: of what a model takes.

    Raises:
        InputError: it is another shape.
    """
    if len(shape) != 3 or shape[0] != 3 or min(shape[1:]) < _LEAST_SIDE:
        size = "x".join(map(str, shape))
        what = f"photos have three channels and {_LEAST_SIDE} pixels a side at least, the model takes {size}"
        raise InputError(
            f"{what}; give `input=` as 3xHEIGHTxWIDTH, with `preprocess=gray=1` for a model of one channel"
        )
