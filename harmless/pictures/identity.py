"""Find the original of a changed picture among others, as a stranger with a list of suspects would try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from guise.harmless.pictures.certificate import as_tensor
from guise.harmless.sources.pixel_model import JointModel, PixelModel


@dataclass(frozen=True)
class Rank:
    """The place of the original among all candidates; 1 is the nearest.

    Attributes:
        by_pixels: by the correlation of pixels, colours less their means.
        by_output: by the cosine of the model's outputs, less their mean over the candidates.
        candidates: in all, the original included.
    """

    by_pixels: int
    by_output: int
    candidates: int


class Gallery:
    """Candidates for the original of a picture.

    Args:
        original: uint8 (H, W, 3).
        others: of the same size; at least one.
        model: what pictures are compared by.
    """

    def __init__(
        self, original: NDArray[np.uint8], others: Sequence[NDArray[np.uint8]], model: PixelModel | JointModel
    ) -> None:
        self._model = model
        candidates = (original, *others)
        self._pixels = torch.stack([_centred(as_tensor(picture)) for picture in candidates])
        outputs = torch.stack([self._output(picture) for picture in candidates])
        self._mean = outputs.mean(0)
        self._outputs = outputs - self._mean

    def rank(self, picture: NDArray[np.uint8]) -> Rank:
        """The rank of the original in a search for a picture.

        Args:
            picture: uint8 (H, W, 3), such as what an attack recovered.

        Returns:
            By pixels and by the model's output.
        """
        pixels, output = _centred(as_tensor(picture)), self._output(picture) - self._mean
        return Rank(_place(self._pixels, pixels), _place(self._outputs, output), len(self._pixels))

    def _output(self, picture: NDArray[np.uint8]) -> Tensor:
        with torch.no_grad():
            outputs = self._model(as_tensor(picture).float())
        parts = [part.double().flatten() for part in (outputs if isinstance(outputs, tuple) else (outputs,))]
        # Each of length 1, so that no model counts for more than the others.
        return torch.cat([part / part.norm().clamp(min=1e-12) for part in parts])


def _centred(x: Tensor) -> Tensor:
    return (x - x.mean((2, 3), keepdim=True)).flatten()


def _place(candidates: Tensor, query: Tensor) -> int:
    """1 + how many candidates are at least as near as the first, the original: ties count against the attack."""
    cosine = torch.nn.functional.cosine_similarity(candidates, query[None], dim=1)
    return 1 + int((cosine[1:] >= cosine[0]).sum())
