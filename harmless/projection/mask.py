"""Crops and strides: the null space is what they do not copy."""

from __future__ import annotations

import torch
from torch import Tensor

from guise.harmless.operators.gather import Gather


class MaskProjector:
    """Projection by a mask.

    Args:
        operator: the crop or stride.
    """

    method = "mask of unread entries"

    def __init__(self, operator: Gather) -> None:
        self.operator = operator
        self.rank = int(operator.read.sum())
        copies = torch.bincount(operator.index[~operator.zeros], minlength=operator.count)
        self.singular_values = copies[copies > 0].double().sqrt().sort(descending=True).values

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        return v.masked_fill(self.operator.read.to(v.device), 0)
