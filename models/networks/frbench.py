"""The backbones of the package `frbench`, without its pipeline: no detector, no download, no look for updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from guise.models.errors import WeightsError


class Backbone(nn.Module):
    """A backbone that reads its input in the usual layout: several of them fail on channels-last tensors.

    Args:
        backbone: takes float32 (N, 3, S, S), normalised, and gives (N, D).
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.backbone(images.contiguous()))


def build(config: Mapping[str, Any], *, name: str) -> Backbone:
    """Build a backbone, without its weights.

    Args:
        config: of the network, as its archive gives it: `name` and `kwargs` of its `backbone`.
        name: what messages call it.

    Returns:
        The network, in evaluation mode.

    Raises:
        WeightsError: the package cannot build this backbone.
    """
    from frbench.backbones import build_backbone

    try:
        backbone = config["backbone"]
        options = dict(backbone.get("kwargs") or {})
        if "use_checkpoint" in options:  # saves memory while a network is trained, and computes twice
            options["use_checkpoint"] = False
        with torch.random.fork_rng(devices=[]):
            network = build_backbone(backbone["name"], options, torch.device("cpu"))
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"this version of frbench cannot build {name}: {error!r}; run `pip install --upgrade frbench`"
        ) from None
    return Backbone(network).eval()
