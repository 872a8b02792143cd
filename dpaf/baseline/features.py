"""What a baseline's classifier sees of an image: its scattering maps, each kind normalised by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from guise.dpaf.baseline.scattering import GROUPS, MAPS, ScatteringTransform

_CONSTANT = 0.15
"""Of a feature of norm 1: lets the classifier know how frequent classes are."""


class BaselineFeatures(nn.Module):
    """Fixed, public features of norm 1 at most; no image affects another.

    Maps of one kind are brought to zero mean and unit deviation over one image (group normalisation, Wu and He 2018),
    which releases nothing. Tramer and Boneh (ICLR 2021, section 3) also try statistics of the data: those cost budget.

    Args:
        channels: of the images.
        size: height and width of the images, a multiple of 4.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.transform = ScatteringTransform(size)
        self.width = channels * MAPS * self.transform.grid**2 + 1

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features float32 (B, width).

        Args:
            images: float (B, channels, size, size) in [-1, 1].
        """
        groups = self.transform(images).split(GROUPS, 2)
        rows = torch.cat([_normalised(group) for group in groups], 2).flatten(1)
        rows = nn.functional.normalize(rows) * (1 - _CONSTANT**2) ** 0.5
        return torch.cat([rows, rows.new_full((len(rows), 1), _CONSTANT)], 1)


def _normalised(maps: Tensor) -> Tensor:
    """Zero mean and unit deviation over one channel's (B, c, maps, grid, grid) of one image."""
    over = (2, 3, 4)
    return (maps - maps.mean(over, keepdim=True)) / (maps.std(over, keepdim=True) + 1e-3)
