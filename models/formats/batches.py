"""Networks that were written for a certain number of photos, run on any number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


def in_batches(run: Callable[[Tensor], Any], photos: Tensor, size: int | None) -> Any:
    """What a network gives that takes so many photos at once: what is missing is filled up with copies.

    Args:
        run: the network; the first dimension of each of its outputs counts photos.
        photos: (N, ...).
        size: of its batch; None for any.

    Returns:
        Of the network's structure, for N photos.
    """
    if size is None:
        return run(photos)
    outputs = []
    for some in photos.split(size):
        places = torch.arange(size) % len(some)
        filled = some if len(some) == size else some[places]
        outputs.append(_first(run(filled), len(some), size))
    return outputs[0] if len(outputs) == 1 else _joined(outputs)


def _first(output: Any, count: int, size: int) -> Any:
    if count == size:
        return output
    return tree_map(lambda leaf: leaf[:count] if isinstance(leaf, Tensor) and leaf.ndim else leaf, output)


def _joined(outputs: list[Any]) -> Any:
    def join(*leaves: Any) -> Any:
        return torch.cat(leaves) if isinstance(leaves[0], Tensor) and leaves[0].ndim else leaves[0]

    return tree_map(join, *outputs)
