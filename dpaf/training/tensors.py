"""Networks and optimisers as tensors by name, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it.

    Args:
        tensors: by name.
        prefix: with its dot.
    """
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def of_optimiser(name: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser has learnt, by name.

    Args:
        name: of the optimiser.
        optimiser: that has made steps, or none.
    """
    state = optimiser.state_dict()["state"]
    return {f"{name}.{at}.{key}": torch.as_tensor(value) for at, own in state.items() for key, value in own.items()}


def into_optimiser(name: str, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take up what `of_optimiser` gave.

    Args:
        name: of the optimiser.
        optimiser: that is changed.
        tensors: by name.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in below(tensors, f"{name}.").items():
        at, _, field = key.partition(".")
        if at.isdigit():
            state.setdefault(int(at), {})[field] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
