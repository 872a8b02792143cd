"""Other models to hold a fingerprint against: the owner's with another first layer, or with a disturbed one."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from guise.harmless.fingerprints.spectra import rephased
from guise.harmless.preprocessing import PixelModel, Together
from guise.harmless.tracing import Reading, tensors_of
from guise.models.errors import InputError

AnyModel = PixelModel | Together


def stranger(model: AnyModel, reading: Reading, generator: torch.Generator) -> AnyModel:
    """`model` with other filters as rough as its own in its first layers; what comes after stays.

    Kernels keep their spectra and get random phases, so that they are not told apart by their smoothness alone; other
    weights are drawn anew with the same standard deviation.
    """
    return _altered(model, reading, lambda weight: _redrawn(weight, generator))


def disturbed(model: AnyModel, reading: Reading, level: float, generator: torch.Generator) -> AnyModel:
    """`model` with white noise added to the weights of its first layers: `level` times their norm."""

    def add(weight: Tensor) -> Tensor:
        noise = torch.randn(weight.shape, generator=generator)
        moved: Tensor = weight + level * weight.norm() * noise / noise.norm()
        return moved

    return _altered(model, reading, add)


def _redrawn(weight: Tensor, generator: torch.Generator) -> Tensor:
    if weight.ndim == 4 and weight[0, 0].numel() > 1:
        return rephased(weight, generator)
    drawn: Tensor = weight.std() * torch.randn(weight.shape, generator=generator)
    return drawn


def _altered(model: AnyModel, reading: Reading, change: Callable[[Tensor], Tensor]) -> AnyModel:
    """A copy of `model` in which all weights of the layers that read the input are changed.

    Raises:
        InputError: these layers hold no weights.
    """
    other = copy.deepcopy(model)
    tensors = tensors_of(other)
    weights = [tensors[name] for name in dict.fromkeys(name for part in reading.parts for name in part.weights)]
    weights = [weight for weight in weights if weight.ndim >= 2 and weight.is_floating_point()]
    for weight in weights:
        weight.data = change(weight.data)
    if not weights:
        names = ", ".join(part.name.removeprefix("network.") for part in reading.parts)
        raise InputError(
            f"{names} holds no weights, so there is nothing to identify; name a model whose first layer has some"
        )
    return other
