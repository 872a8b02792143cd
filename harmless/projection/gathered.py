"""Crops and strides: what is not copied is the null space."""

from __future__ import annotations

import torch
from torch import Tensor

from guise.harmless.operators.gather import Gather


class Gathered:
    """Projection by a mask."""

    method = "mask of unread entries"

    def __init__(self, operator: Gather) -> None:
        self.operator = operator
        self.rank = int(operator.read.sum())
        copies = torch.bincount(operator.index[~operator.zeros], minlength=operator.count)
        self.singular_values = copies[copies > 0].double().sqrt().sort(descending=True).values

    def null(self, v: Tensor) -> Tensor:
        return v.masked_fill(self.operator.read.to(v.device), 0)
