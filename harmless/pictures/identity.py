"""Whether a picture can be matched with its original among others, as a stranger with a list of suspects would try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from guise.harmless.pictures.certificate import as_tensor
from guise.harmless.preprocessing import PixelModel, Together


@dataclass(frozen=True)
class Rank:
    """Where the original comes among all candidates, 1 being the nearest.

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
        self, original: NDArray[np.uint8], others: Sequence[NDArray[np.uint8]], model: PixelModel | Together
    ) -> None:
        self._model = model
        candidates = (original, *others)
        self._pixels = torch.stack([_centred(as_tensor(one)) for one in candidates])
        outputs = torch.stack([self._output(one) for one in candidates])
        self._mean = outputs.mean(0)
        self._outputs = outputs - self._mean

    def rank(self, picture: NDArray[np.uint8]) -> Rank:
        """Of the original, when `picture`, uint8 (H, W, 3), is searched."""
        pixels, output = _centred(as_tensor(picture)), self._output(picture) - self._mean
        return Rank(_place(self._pixels, pixels), _place(self._outputs, output), len(self._pixels))

    def _output(self, picture: NDArray[np.uint8]) -> Tensor:
        with torch.no_grad():
            outputs = self._model(as_tensor(picture).float())
        parts = [one.double().flatten() for one in (outputs if isinstance(outputs, tuple) else (outputs,))]
        # So that no model speaks louder than the others.
        return torch.cat([part / part.norm().clamp(min=1e-12) for part in parts])


def _centred(x: Tensor) -> Tensor:
    return (x - x.mean((2, 3), keepdim=True)).flatten()


def _place(candidates: Tensor, query: Tensor) -> int:
    """1 + how many come at least as near as the first, itself left out: ties count against the attack."""
    cosine = torch.nn.functional.cosine_similarity(candidates, query[None], dim=1)
    return 1 + int((cosine[1:] >= cosine[0]).sum())
