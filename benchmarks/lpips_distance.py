"""LPIPS, if the weights of its trunk are on this machine. They are never downloaded.

Source: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

_TRUNK = "alexnet-owt-7be5be79.pth"  # as torchvision names it in the hub's cache


def lpips_distance(a: np.ndarray, b: np.ndarray) -> float | None:
    """Between two images, uint8 (H, W, 3); None where the package or the weights are absent."""
    network = _network()
    if network is None:
        return None
    first, second = (torch.tensor(image).permute(2, 0, 1)[None].float() / 127.5 - 1 for image in (a, b))
    with torch.no_grad():
        return float(network(first, second))


@cache
def _network() -> nn.Module | None:
    if not Path(torch.hub.get_dir(), "checkpoints", _TRUNK).is_file():
        return None
    try:
        import lpips
    except ImportError:
        return None
    network: nn.Module = lpips.LPIPS(net="alex", verbose=False).eval()
    return network
