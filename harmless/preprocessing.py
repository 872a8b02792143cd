"""What happens to a photo before a model sees it, as torch operations that the tracer can follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from guise.harmless.operators.elementary import LUMA
from guise.models.errors import InputError, first_line

Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
_OF_SIZE = (RuntimeError, ValueError, AssertionError, IndexError)
"""What networks raise, among other things, on photos of a size that they do not take."""
_NOT_OF_SIZE = (NotImplementedError, torch.OutOfMemoryError)
_HELP = "write it as resize=256,crop=224,gray,imagenet or mean=.5:.5:.5,std=.5:.5:.5"


@dataclass(frozen=True)
class Preprocessing:
    """In this order: values / 255, resize, crop, grey, normalise.

    Attributes:
        resize: length of the shorter side afterwards (bilinear with antialiasing, as torchvision does it).
        crop: side of the square in the middle.
        gray: luma in all three channels.
        mean, std: of each channel, for values in [0, 1].
    """

    resize: int | None = None
    crop: int | None = None
    gray: bool = False
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)


def parse(text: str, *, start: Preprocessing | None = None) -> Preprocessing:
    """`resize=256,crop=224,gray,imagenet` as settings; what is not named stays as in `start`.

    Raises:
        InputError: a word is not known or its value is no number in range.
    """
    found = start or Preprocessing()
    for word in filter(None, text.split(",")):
        name, _, value = word.partition("=")
        if name in ("resize", "crop") and value.isdecimal() and int(value) > 0:
            found = replace(found, resize=int(value)) if name == "resize" else replace(found, crop=int(value))
        elif word == "gray":
            found = replace(found, gray=True)
        elif word == "imagenet":
            found = replace(found, mean=IMAGENET_MEAN, std=IMAGENET_STD)
        elif name == "mean":
            found = replace(found, mean=_triple(word, value))
        elif name == "std":
            found = replace(found, std=_triple(word, value))
            if 0 in found.std:
                raise InputError(f"--preprocess {word} divides by zero; give the standard deviations")
        else:
            raise InputError(f"--preprocess does not know {word!r}; {_HELP}")
    return found


def _triple(word: str, value: str) -> Triple:
    try:
        first, second, third = map(float, value.split(":"))
        if not math.isfinite(first + second + third):
            raise ValueError
    except ValueError:
        raise InputError(f"--preprocess {word} is not three numbers; {_HELP}") from None
    return first, second, third


class Preprocess(nn.Module):
    """Photos (N, 3, H, W) in [0, 255] -> what a network takes."""

    mean: Tensor
    std: Tensor
    luma: Tensor

    def __init__(self, how: Preprocessing) -> None:
        super().__init__()
        self.how = how
        for name, values in (("mean", how.mean), ("std", how.std), ("luma", LUMA)):
            self.register_buffer(
                name, torch.tensor(values, dtype=torch.float64).float().view(3, 1, 1), persistent=False
            )

    def forward(self, photos: Tensor) -> Tensor:
        how, x = self.how, photos / 255
        if how.resize is not None:
            x = F.interpolate(x, _shorter_side(x, how.resize), mode="bilinear", antialias=True)
        if how.crop is not None:
            height, width = x.shape[2:]
            if min(height, width) < how.crop:
                raise ValueError(f"{height}x{width} is smaller than the crop of {how.crop}")
            top, left = round((height - how.crop) / 2), round((width - how.crop) / 2)
            x = x[:, :, top : top + how.crop, left : left + how.crop]
        if how.gray:
            x = F.conv2d(x, self.luma.view(1, 3, 1, 1).repeat(3, 1, 1, 1))
        if how.mean != (0, 0, 0) or how.std != (1, 1, 1):
            x = (x - self.mean) / self.std
        return x


class PixelModel(nn.Module):
    """A model that takes photos: (N, 3, H, W) in [0, 255] -> whatever the network gives.

    Attributes:
        network: takes what the preprocessing gives.
        embeds: the output is an embedding, to be compared by its angle; else scores of classes.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing, *, embeds: bool = False) -> None:
        super().__init__()
        self.preprocess, self.network, self.embeds = Preprocess(preprocessing), network, embeds

    def forward(self, photos: Tensor) -> Tensor:
        """The network's output.

        Raises:
            InputError: the network fails, in whatever way.
        """
        try:
            return self._output(photos)
        except Exception as error:
            size = "x".join(map(str, photos.shape[1:]))
            what = f"the model fails on an input of {size}: {first_line(error)}"
            of_size = isinstance(error, _OF_SIZE) and not isinstance(error, _NOT_OF_SIZE)
            remedy = "give its size with --input" if of_size else "name one that runs here"
            raise InputError(f"{what}; {remedy}") from error

    def _output(self, photos: Tensor) -> Tensor:
        output = self.network(self.preprocess(photos))
        if isinstance(output, Tensor):
            return output
        # Dictionaries and lists of several outputs count as one vector.
        parts = [leaf.flatten(1) for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.ndim > 0]
        numbers = [part for part in parts if part.is_floating_point()]
        if not numbers:
            raise TypeError("it answers without a floating-point number")
        return torch.cat(numbers, 1)


class Together(nn.Module):
    """Several models that read the same photo: a tuple of their outputs; what it ignores, all of them ignore.

    Attributes:
        embeds: of each output, whether it is an embedding.
    """

    def __init__(self, models: Sequence[PixelModel]) -> None:
        super().__init__()
        self.models, self.embeds = nn.ModuleList(models), tuple(model.embeds for model in models)

    def forward(self, photos: Tensor) -> tuple[Tensor, ...]:
        """Each network's output."""
        return tuple(model(photos) for model in self.models)


def _shorter_side(x: Tensor, side: int) -> list[int]:
    height, width = x.shape[2:]
    return [side, int(side * width / height)] if height <= width else [int(side * height / width), side]
