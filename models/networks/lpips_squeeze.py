"""LPIPS with the trunk SqueezeNet 1.1: a network that tells how different two pictures look.

The package `lpips` holds the network and the weights on top of the trunk; it would fetch the trunk itself, unchecked.

Source: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018; its
version 0.1.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import torch
from torch import nn

from guise.models.errors import WeightsError


def load(path: Path) -> nn.Module:
    """Build the network, frozen and in evaluation mode.

    Args:
        path: weights of torchvision's SqueezeNet 1.1, a state dict.

    Returns:
        Takes two batches, float32 (N, 3, H, W) RGB in [-1, 1], sides of at least 17, and gives (N, 1, 1, 1): 0 for
        equal pictures, and more the more different they look.

    Raises:
        WeightsError: the file holds another network.
    """
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        # It calls torchvision in an old way, and draws random weights first.
        warnings.simplefilter("ignore")
        network: nn.Module = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        for part in network.get_submodule("net").children():
            for number, layer in part.named_children():  # numbered as in torchvision
                begin = f"features.{number}."
                own = {name.removeprefix(begin): value for name, value in weights.items() if name.startswith(begin)}
                layer.load_state_dict(own)
    except (RuntimeError, AttributeError, EOFError, pickle.UnpicklingError):
        raise WeightsError(f"{path} does not hold the weights of torchvision's SqueezeNet 1.1") from None
    return network.eval().requires_grad_(False)
