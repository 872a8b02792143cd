"""A margin that holds for every perturbation: intervals pushed through a feed-forward network.

Let a layer be z = W a + b, its input perturbed by at most r, entry by entry, and each entry of W by at most e. Then

    |z' - z| = |W (a' - a) + D a'|  <=  |W| r + e (|a|_1 + |r|_1) 1,

as |a'|_1 <= |a|_1 + |r|_1. A monotone activation maps the interval [z - t, z + t] onto the interval of its ends. In the
last layer, the margin of class y over j depends on W_y - W_j, whose entries move by 2 e at most:

    margin' >= margin - |W_y - W_j| r - 2 e (|a|_1 + |r|_1).

For one linear layer with w = W_y - W_j the loss is eps_x |w|_1 + 2 eps_W |x|_1 + 2 eps_x eps_W d. With a single output
w^T x, whose entries move by eps_W, it is eps_x |w|_1 + eps_W |x|_1 + eps_x eps_W d. It is reached where moving both
away from zero lowers the margin; for each other entry eps_x eps_W comes off instead of on.
This is our derivation. Tsai, Hsu, Yu and Chen, "Formalizing Generalization and Adversarial Robustness of Neural
Networks to Weight Perturbations", NeurIPS 2021, give bounds of this kind. We could not check their constants.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from guise.harmless.sources.pixel_model import PixelModel

_MONOTONE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.Softplus, nn.Hardtanh)
_PASSES = (nn.Identity, nn.Dropout, nn.Flatten, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.MaxPool2d)
"""They do not make an interval wider, and treat both of its ends alike."""


def certified_margins(
    model: PixelModel, photos: Tensor, labels: Tensor, *, input_epsilon: float, weight_epsilon: float
) -> Tensor | None:
    """A lower bound on the margin under all perturbations of input and weights.

    Args:
        model: photos in [0, 255] to scores of classes; its network is a sequence of linear layers, convolutions,
            monotone activations and pooling.
        photos: (N, C, H, W).
        labels: int64 (N,).
        input_epsilon: in levels of 255.
        weight_epsilon: of each entry of a matrix or a kernel.

    Returns:
        (N,); None where the network is of another kind.
    """
    layers = list(_layers(model.network))
    known = (*_MONOTONE, *_PASSES, nn.Linear, nn.Conv2d)
    last = layers[-1] if layers else None
    if not all(type(layer) in known and _rises(layer) for layer in layers) or not isinstance(last, nn.Linear):
        return None  # a class that derives from these may compute something else
    low, high = ((photos + side * input_epsilon).clamp(0, 255) for side in (-1, 1))
    if model.preprocess.settings.gray or model.preprocess.settings.resize or model.preprocess.settings.crop:
        return None
    ends = model.preprocess(low), model.preprocess(high)
    low, high = torch.minimum(*ends), torch.maximum(*ends)  # a negative deviation turns them round
    with torch.no_grad():
        for layer in layers[:-1]:
            low, high = _through(layer, low, high, weight_epsilon)
        return _last(last, low, high, labels, weight_epsilon)


def _layers(network: nn.Module) -> Iterator[nn.Module]:
    if type(network).forward is nn.Sequential.forward and isinstance(network, nn.Sequential):
        for part in network:
            yield from _layers(part)
    else:
        yield network


def _rises(layer: nn.Module) -> bool:
    """Not so where the slope below zero is negative."""
    return getattr(layer, "negative_slope", 0.0) >= 0 and getattr(layer, "alpha", 0.0) >= 0


def _through(layer: nn.Module, low: Tensor, high: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        return layer(low), layer(high)
    middle, radius = (low + high) / 2, (high - low) / 2
    largest = middle.abs() + radius
    if isinstance(layer, nn.Linear):
        wider = F.linear(radius, layer.weight.abs()) + epsilon * largest.sum(-1, keepdim=True)
    else:
        wider = layer._conv_forward(radius, layer.weight.abs(), None)
        wider = wider + epsilon * layer._conv_forward(largest, torch.ones_like(layer.weight), None)
    centre = layer(middle)
    return centre - wider, centre + wider


def _last(layer: nn.Linear, low: Tensor, high: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    middle, radius = (low + high) / 2, (high - low) / 2
    apart = layer.weight[labels][:, None] - layer.weight  # (N, classes, in)
    scores = layer(middle)
    losses = (apart.abs() * radius[:, None]).sum(-1) + 2 * epsilon * (middle.abs() + radius).sum(-1, keepdim=True)
    margins = scores.gather(1, labels[:, None]) - scores - losses
    least: Tensor = margins.masked_fill(F.one_hot(labels, scores.shape[1]).bool(), torch.inf).amin(1)
    return least
