"""Small recognisers that come with Guise: stand-ins for the families of networks that masks must work against.

They were distilled from other recognisers by `python -m scripts.training`. Their weights, in half precision, lie in
models/embedded, each with a JSON file that says what it learnt from and how well it tells unseen people apart.
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
    """A network with one embedding for each teacher: float (N, 3, 112, 112) -> (N, SPACE * teachers), unit length.

    Args:
        network: a name in `NETWORKS`.
        teachers: how many teachers it learns from.
    """

    def __init__(self, network: str, *, teachers: int) -> None:
        super().__init__()
        self.teachers = teachers
        self.backbone = NETWORKS[network](SPACE * teachers)

    def spaces(self, images: Tensor) -> Tensor:
        """The embedding in each teacher's space.

        Args:
            images: float (N, 3, 112, 112), normalised.

        Returns:
            (N, teachers, SPACE), not normalised, in float32 or better.
        """
        embeddings = cast(Tensor, self.backbone(images))
        return embeddings.to(torch.promote_types(embeddings.dtype, torch.float32)).view(-1, self.teachers, SPACE)

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings in which each teacher's part has the same weight in a cosine."""
        spaces = F.normalize(self.spaces(images), dim=2)
        return spaces.flatten(1) / math.sqrt(self.teachers)
