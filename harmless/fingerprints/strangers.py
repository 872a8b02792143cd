"""Other models to test a fingerprint on: the owner's with another first layer, or with a disturbed one."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from guise.harmless.fingerprints.spectra import rephased
from guise.harmless.sources import JointModel, PixelModel
from guise.harmless.tracing import Trace, tensors_of
from guise.models.errors import InputError

AnyModel = PixelModel | JointModel


def stranger(model: AnyModel, trace: Trace, generator: torch.Generator) -> AnyModel:
    """A model with other filters in its first layers, as rough as its own; what comes after stays.

    Kernels keep their spectra and get random phases, so that smoothness alone does not tell them apart. Other weights
    are drawn anew with the same standard deviation.

    Args:
        model: the owner's; not changed.
        trace: what it reads.
        generator: of the filters.

    Returns:
        The other model.

    Raises:
        InputError: the first layers hold no weights.
    """
    return _altered(model, trace, lambda weight: _redrawn(weight, generator))


def disturbed(model: AnyModel, trace: Trace, level: float, generator: torch.Generator) -> AnyModel:
    """A model with white noise added to the weights of its first layers.

    Args:
        model: the owner's; not changed.
        trace: what it reads.
        level: norm of the noise, relative to that of the weights.
        generator: of the noise.

    Returns:
        The other model.

    Raises:
        InputError: the first layers hold no weights.
    """

    def add(weight: Tensor) -> Tensor:
        noise = torch.randn(weight.shape, generator=generator)
        moved: Tensor = weight + level * weight.norm() * noise / noise.norm()
        return moved

    return _altered(model, trace, add)


def _redrawn(weight: Tensor, generator: torch.Generator) -> Tensor:
    if weight.ndim == 4 and weight[0, 0].numel() > 1:
        return rephased(weight, generator)
    drawn: Tensor = weight.std() * torch.randn(weight.shape, generator=generator)
    return drawn


def _altered(model: AnyModel, trace: Trace, change: Callable[[Tensor], Tensor]) -> AnyModel:
    """A copy of `model` in which all weights of the layers that read the input are changed."""
    other = copy.deepcopy(model)
    tensors = tensors_of(other)
    weights = [tensors[name] for name in dict.fromkeys(name for part in trace.parts for name in part.weights)]
    weights = [weight for weight in weights if weight.ndim >= 2 and weight.is_floating_point()]
    for weight in weights:
        weight.data = change(weight.data)
    if not weights:
        names = ", ".join(part.name.removeprefix("network.") for part in trace.parts)
        raise InputError(
            f"{names} holds no weights, so there is nothing to identify; name a model whose first layer has some"
        )
    return other
