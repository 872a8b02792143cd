"""InceptionResnetV1 of facenet-pytorch, filled from a weight file that has been checked.

Source: F. Schroff et al., "FaceNet", CVPR 2015; the weights are David Sandberg's, ported by Tim Esler.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from models.errors import WeightsError


def load(path: Path) -> nn.Module:
    """The network with the weights in `path`: float32 (N, 3, 160, 160) normalised -> (N, 512) of unit length.

    The classifier of the training identities (`logits.*`) is left out. Check the file's hash before.

    Raises:
        WeightsError: the file is no state dict of this network.
    """
    from facenet_pytorch import InceptionResnetV1  # slow to import

    tensors = {key: value for key, value in _read(path).items() if not key.startswith("logits.")}
    network = cast(nn.Module, InceptionResnetV1(pretrained=None, classify=False))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise WeightsError(f"{path} does not fit InceptionResnetV1: {first[0].strip()}") from None
    return network


def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        raise WeightsError(f"{path} is not a file of PyTorch weights") from None
    if not isinstance(tensors, dict) or not all(isinstance(key, str) for key in tensors):
        raise WeightsError(f"{path} holds a {type(tensors).__name__}, not a state dict")
    return tensors
