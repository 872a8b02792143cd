"""A model, or several, behind the preprocessing: photos in, outputs out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from guise.harmless.sources.preprocessing import Preprocess, Preprocessing
from guise.models.errors import InputError, first_line

_OF_SIZE = (RuntimeError, ValueError, AssertionError, IndexError)
"""What networks raise, among other things, on photos of a size that they do not take."""
_NOT_OF_SIZE = (NotImplementedError, torch.OutOfMemoryError)


class PixelModel(nn.Module):
    """A model that takes photos: (N, 3, H, W) in [0, 255] -> what the network gives.

    Args:
        network: takes what the preprocessing gives.
        preprocessing: what happens to the photos first.
        embeds: the output is an embedding, to be compared by its angle; else scores of classes.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing, *, embeds: bool = False) -> None:
        super().__init__()
        self.preprocess, self.network, self.embeds = Preprocess(preprocessing), network, embeds

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
        except Exception as error:
            size = "x".join(map(str, photos.shape[1:]))
            what = f"the model fails on an input of {size}: {first_line(error)}"
            of_size = isinstance(error, _OF_SIZE) and not isinstance(error, _NOT_OF_SIZE)
            remedy = "give its size with `input=`" if of_size else "name one that runs here"
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
        return tuple(model(photos) for model in self.models)
