"""Circular padding as torch operations that can be followed: torch itself fills a new tensor piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class FollowedRings(TorchFunctionMode):
    """While it is on, `F.pad(..., mode="circular")` copies each value from where it comes from."""

    def __torch_function__(
        self, function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.pad:
            given: dict[str, Any] = dict(zip(("input", "pad", "mode", "value"), args)) | kwargs  # noqa: B905
            if given.get("mode") == "circular" and min(given["pad"]) >= 0:
                return _around(given["input"], given["pad"])
        return function(*args, **kwargs)


def _around(x: Tensor, pads: Sequence[int]) -> Tensor:
    for axis, (before, after) in enumerate(zip(pads[::2], pads[1::2], strict=True), 1):
        length = x.shape[-axis]
        x = x.index_select(-axis, (torch.arange(before + length + after, device=x.device) - before) % length)
    return x
