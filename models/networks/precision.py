"""Where networks may compute in half the bits."""

from __future__ import annotations

import torch


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 inside networks where the hardware multiplies it: on such CPUs two to three times faster."""
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast)
