"""Where networks run."""

from __future__ import annotations

import torch

from guise.models.errors import InputError, first_line


def best_device(device: str = "auto") -> str:
    """`device` itself, or for "auto" a CUDA device where there is one, else the CPU.

    Raises:
        InputError: the device cannot be used here.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = first_line(error)
        raise InputError(f"`device={device}` cannot be used: {reason}; try `device=cpu`") from None
    return device
