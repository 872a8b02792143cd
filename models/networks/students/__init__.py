"""Small recognisers that come with Guise: stand-ins for families that masks must work against.

They were distilled from other recognisers by `python -m scripts.training`; each has its weights beside it in half
precision, and a JSON that says what it learnt from and how well it tells people apart whom it never saw.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from guise.models.networks.students.iresnet import IResNet
from guise.models.networks.students.mobilefacenet import MobileFaceNet
from guise.models.networks.students.vit import ViT

NETWORKS: dict[str, type[nn.Module]] = {"vit": ViT, "iresnet": IResNet, "mobilefacenet": MobileFaceNet}
SPACE = 128
"""Dimensions of each teacher's embedding space."""


class Student(nn.Module):
    """A network with one embedding for each teacher: float (N, 3, 112, 112) -> (N, SPACE * teachers), unit length."""

    def __init__(self, network: str, *, teachers: int) -> None:
        super().__init__()
        self.teachers = teachers
        self.backbone = NETWORKS[network](SPACE * teachers)

    def spaces(self, images: Tensor) -> Tensor:
        """(N, teachers, SPACE), not normalised, in float32 or better."""
        found = cast(Tensor, self.backbone(images))
        return found.to(torch.promote_types(found.dtype, torch.float32)).view(-1, self.teachers, SPACE)

    def forward(self, images: Tensor) -> Tensor:
        """Each teacher's part has the same weight in the cosine of two embeddings."""
        spaces = F.normalize(self.spaces(images), dim=2)
        return spaces.flatten(1) / math.sqrt(self.teachers)
