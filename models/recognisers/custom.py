"""A user's own recogniser, `file:PATH`: ONNX, .pt2 or TorchScript, described by a JSON card and tried out first.

PATH is the network (`.onnx`, `.pt2`, `.pt`, `.ts`) with its card next to it (`X.onnx.json` or `X.json`). Or PATH is the
card, and its field `weights` names the network's file.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch
from torch import Tensor, nn

from guise.models.errors import InputError, WeightsError
from guise.models.formats import network_file
from guise.models.formats.onnx import OnnxNetwork
from guise.models.recognisers import card
from guise.models.recognisers.recogniser import Recogniser
from guise.models.recognisers.record import Record


def load(path: Path) -> tuple[nn.Module, Record]:
    """Load a user's own network on the CPU, and try it out with two random images.

    Args:
        path: the network's file or its card.

    Returns:
        The network and its record.

    Raises:
        InputError: a file is missing, of another kind, or the card is wrong.
        WeightsError: the network cannot be read, or does not do what its card says.
    """
    weights, described = card.find(path)
    if weights.suffix.lower() not in (".onnx", ".pt", ".pt2", ".ts"):
        formats = "neither .onnx nor torch.export's .pt2 nor TorchScript (.pt, .ts)"
        raise InputError(f"{weights} is {formats}; export it to one of these formats")
    record = card.read(described, weights=weights)
    network = network_file.load(weights).network.eval()
    if isinstance(network, OnnxNetwork) and len(network.outputs) != 1:
        raise WeightsError(f"{weights} has {len(network.outputs)} outputs; export it with one")
    _try_out(Recogniser(network, record), weights)
    return network, record


def _try_out(recogniser: Recogniser, path: Path) -> None:
    """Pass two random images through: their shape, their independence and the gradient must be right."""
    side, size = recogniser.record.input_size, recogniser.record.embedding_size
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)).requires_grad_()
    try:
        both = recogniser(images)
        alone = recogniser(images[:1])
    except Exception as error:  # a foreign network may raise anything
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise WeightsError(f"{path} fails on two RGB images of {side}x{side}: {reason[0]}") from None
    if not isinstance(both, Tensor) or tuple(both.shape) != (2, size):
        given = tuple(both.shape) if isinstance(both, Tensor) else type(both).__name__
        raise WeightsError(f"{path} gives {given} for two images, its card says (2, {size})")
    if not torch.isfinite(both).all():
        raise WeightsError(f"{path} gives embeddings that are not finite; check mean and std of its card")
    if not torch.allclose(both[:1], alone, rtol=1e-3, atol=1e-3 * float(alone.detach().abs().max())):
        raise WeightsError(f"{path} embeds an image differently alone and next to another; export it for evaluation")
    gradient = None
    with contextlib.suppress(RuntimeError):  # an operation that has none
        gradient = torch.autograd.grad(both.square().sum() + both.sum(), images)[0] if both.requires_grad else None
    if gradient is None or not torch.isfinite(gradient).all() or not gradient.abs().amax(dim=(1, 2, 3)).all():
        names = ", ".join(recogniser.network.forward_only) if isinstance(recogniser.network, OnnxNetwork) else ""
        cause = f": {names} runs forward only" if names else ""
        raise WeightsError(f"{path} passes no gradient back to the image{cause}; export differentiable operations")
