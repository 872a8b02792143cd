"""Where networks run."""

from __future__ import annotations

import torch

from guise.models.errors import InputError, first_line


def best_device(device: str = "auto") -> str:
    """The device to use, after a test that it works.

    Args:
        device: as torch names it, such as "cpu" or "cuda:0", or "auto" for a CUDA device where there is one.

    Returns:
        `device` itself; for "auto", "cuda" or "cpu".

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
