"""What happens to a photo before a model sees it, as torch operations that the tracer can follow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from guise.harmless.operators.elementary import LUMA
from guise.models.errors import InputError

Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
_HELP = "write it as resize=256,crop=224,gray,imagenet (gray=1 for one channel) or mean=.5:.5:.5,std=.5:.5:.5"


@dataclass(frozen=True)
class Preprocessing:
    """In this order: values / 255, resize, crop, grey, normalise.

    Attributes:
        resize: length of the shorter side afterwards (bilinear with antialiasing, as torchvision does it).
        crop: side of the square in the middle.
        gray: luma in all three channels, or in one (see `channels`).
        mean: of each channel, for values in [0, 1].
        std: of each channel, for values in [0, 1].
        channels: in how many the luma goes; 3 or 1.
    """

    resize: int | None = None
    crop: int | None = None
    gray: bool = False
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    channels: int = 3


def parse(text: str, *, start: Preprocessing | None = None) -> Preprocessing:
    """Steps such as `resize=256,crop=224,gray,imagenet` as settings; `gray=1` gives one channel.

    Args:
        text: the steps, separated by commas.
        start: settings that stay where `text` does not name them.

    Returns:
        The settings.

    Raises:
        InputError: a word is not known, or its value is no number in range.
    """
    steps = start or Preprocessing()
    for word in filter(None, text.split(",")):
        name, _, value = word.partition("=")
        if name in ("resize", "crop") and value.isdecimal() and int(value) > 0:
            steps = replace(steps, resize=int(value)) if name == "resize" else replace(steps, crop=int(value))
        elif word in ("gray", "gray=1"):
            steps = replace(steps, gray=True, channels=1 if value else 3)
        elif word == "imagenet":
            steps = replace(steps, mean=IMAGENET_MEAN, std=IMAGENET_STD)
        elif name == "mean":
            steps = replace(steps, mean=_triple(word, value))
        elif name == "std":
            steps = replace(steps, std=_triple(word, value))
            if 0 in steps.std:
                raise InputError(f"`preprocess={word}` divides by zero; give the standard deviations")
        else:
            raise InputError(f"`preprocess=` does not know {word!r}; {_HELP}")
    return steps


def check_steps(steps: Preprocessing, shape: tuple[int, ...]) -> None:
    """Refuse steps for photos of other channels than three.

    Args:
        steps: the settings.
        shape: of the photos.

    Raises:
        InputError: a step does not go with the shape.
    """
    if steps != Preprocessing() and (len(shape) != 3 or shape[0] != 3):
        what = (
            f"`preprocess=` and known normalisations are for photos of three channels, not {'x'.join(map(str, shape))}"
        )
        raise InputError(f"{what}; give `input=` as 3xHEIGHTxWIDTH, or leave `preprocess=` out")


def _triple(word: str, value: str) -> Triple:
    try:
        first, second, third = map(float, value.split(":"))
        if not math.isfinite(first + second + third):
            raise ValueError
    except ValueError:
        raise InputError(f"`preprocess={word}` is not three numbers; {_HELP}") from None
    return first, second, third


class Preprocess(nn.Module):
    """Photos (N, 3, H, W) in [0, 255] -> what a network takes.

    Args:
        settings: the steps.
    """

    mean: Tensor
    std: Tensor
    luma: Tensor

    def __init__(self, settings: Preprocessing) -> None:
        super().__init__()
        self.settings = settings
        for name, values in (("mean", settings.mean), ("std", settings.std), ("luma", LUMA)):
            buffer = torch.tensor(values, dtype=torch.float64).float().view(3, 1, 1)
            self.register_buffer(name, buffer, persistent=False)

    def forward(self, photos: Tensor) -> Tensor:
        """The photos after all steps.

        Args:
            photos: (N, 3, H, W) in [0, 255].

        Returns:
            (N, 3, H', W'), or (N, 1, H', W') in grey.

        Raises:
            ValueError: the photos are smaller than the crop.
        """
        steps, x = self.settings, photos / 255
        if steps.resize is not None:
            x = F.interpolate(x, _shorter_side(x, steps.resize), mode="bilinear", antialias=True)
        if steps.crop is not None:
            height, width = x.shape[2:]
            if min(height, width) < steps.crop:
                raise ValueError(f"{height}x{width} is smaller than the crop of {steps.crop}")
            top, left = round((height - steps.crop) / 2), round((width - steps.crop) / 2)
            x = x[:, :, top : top + steps.crop, left : left + steps.crop]
        if steps.gray:
            x = F.conv2d(x, self.luma.view(1, 3, 1, 1).repeat(steps.channels, 1, 1, 1))
        if steps.mean != (0, 0, 0) or steps.std != (1, 1, 1):
            x = (x - self.mean[: steps.channels]) / self.std[: steps.channels]
        return x


def _shorter_side(x: Tensor, side: int) -> list[int]:
    height, width = x.shape[2:]
    return [side, int(side * width / height)] if height <= width else [int(side * height / width), side]
