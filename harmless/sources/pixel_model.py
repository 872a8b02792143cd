"""A model, or several, behind the preprocessing: photos in, outputs out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from guise.harmless.sources.preprocessing import Preprocess, Preprocessing
from guise.models.errors import GuiseError, InputError, last_line

_OF_SIZE = re.compile(
    r"\b(sizes?|shapes?|dimensions?|dim|channels|view|reshape|batch|broadcast|height|width|elements|resolution|image_size"
    r"|kernel|padding|must match|divisible|smaller|expand(ed)?)\b"
    r"|mat1 and mat2|normalized_shape|Guard failed|out of range|\d+ ?[x×] ?\d+|[(\[]\w+(, ?\d+)+[)\]]",
    re.IGNORECASE,
)
"""What errors of a wrong size speak of."""
_DEVICE = re.compile(r"\b(cuda|nvidia|hip|mps|xpu)\b", re.IGNORECASE)


def failure(error: BaseException, shape: Sequence[int]) -> str:
    """Why a model does not run, with a remedy that fits the cause.

    Args:
        error: what it raised.
        shape: of the photo.

    Returns:
        One line.
    """
    told = last_line(error)
    what = f"the model fails on an input of {'x'.join(map(str, shape))}: {told}"
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return f"{what}; free some memory, or give a smaller size with `input=`"
    if _DEVICE.search(told):
        return f"{what}; it wants a device that is not here: export it on the CPU"
    if isinstance(error, NotImplementedError) or not _OF_SIZE.search(told):
        return f"{what}; name one that runs here"
    return f"{what}; give its size with `input=`"


class PixelModel(nn.Module):
    """A model that takes photos: (N, 3, H, W) in [0, 255], or of other channels -> what the network gives.

    Args:
        network: takes what the preprocessing gives.
        preprocessing: what happens to the photos first.
        embeds: the output is an embedding, to be compared by its angle; else scores of classes.
        channels_last: the network takes (N, H, W, C).
    """

    def __init__(
        self, network: nn.Module, preprocessing: Preprocessing, *, embeds: bool = False, channels_last: bool = False
    ) -> None:
        super().__init__()
        self.preprocess, self.network, self.embeds = Preprocess(preprocessing), network, embeds
        self.channels_last = channels_last

    def forward(self, photos: Tensor) -> Tensor:
        """The network's output.

        Args:
            photos: (N, 3, H, W) in [0, 255].

        Returns:
            A tensor; several tensors count as one vector a photo.

        Raises:
            InputError: the network fails.
        """
        try:
            return self._output(photos)
        except GuiseError:
            raise
        except Exception as error:
            raise InputError(failure(error, photos.shape[1:])) from error

    def _output(self, photos: Tensor) -> Tensor:
        prepared = self.preprocess(photos)
        output = self.network(prepared.permute(0, 2, 3, 1) if self.channels_last else prepared)
        if isinstance(output, Tensor):
            return output
        # Dictionaries and lists of several outputs count as one vector. Some have one number a photo: (N,).
        parts = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.ndim > 0]
        numbers = [part.reshape(len(part), -1) for part in parts if part.is_floating_point()]
        if not numbers:
            raise TypeError("it answers without a floating-point number")
        return torch.cat(numbers, 1)


class JointModel(nn.Module):
    """Several models that read the same photo; what the joint model ignores, all of them ignore.

    Args:
        models: at least one.

    Attributes:
        embeds: of each output, whether it is an embedding.
    """

    def __init__(self, models: Sequence[PixelModel]) -> None:
        super().__init__()
        self.models, self.embeds = nn.ModuleList(models), tuple(model.embeds for model in models)

    def _get_name(self) -> str:
        # Its name in version 0.1. It goes into the hash by which a run knows the copies that it made before.
        return "Together"

    def forward(self, photos: Tensor) -> tuple[Tensor, ...]:
        """Each network's output.

        Args:
            photos: (N, 3, H, W) in [0, 255].

        Returns:
            One output a model.

        Raises:
            InputError: a network fails.
        """
        outputs: list[Tensor] = []
        failed: GuiseError | None = None
        for model in self.models:  # all of them, so that whoever watches sees all that is read
            try:
                outputs.append(model(photos))
            except GuiseError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return tuple(outputs)
