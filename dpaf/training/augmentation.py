"""Fakes as another camera would have taken them: what a class head says of them must hold for those, too.

Asked of fakes as they are only, the head is satisfied by detail that nothing else sees, and classifiers that learn from
such fakes recognise fewer real images. Chance changes of what it is asked about leave it what images of the class have
in common, as with the discriminator of a GAN (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN
Training", NeurIPS 2020).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SHIFT = 16  # at most the size over this
_CONTRAST, _BRIGHTNESS, _NOISE = 0.1, 0.05, 0.05  # standard deviations, where images span [-1, 1]


def augmented(images: Tensor, random: torch.Generator) -> Tensor:
    """Shift each image, change its contrast and brightness, and add noise.

    Args:
        images: (B, channels, size, size) in [-1, 1]; gradients go through.
        random: of the changes.

    Returns:
        Images of the same shape; a few values lie outside [-1, 1].
    """
    count, _, size, _ = images.shape
    most = round(size / _SHIFT)
    padded = F.pad(images, (most,) * 4, mode="reflect")
    shifts = torch.randint(2 * most + 1, (count, 2), generator=random).tolist()
    shifted = [
        image[:, down : down + size, right : right + size] for image, (down, right) in zip(padded, shifts, strict=True)
    ]
    contrast, brightness = torch.randn(2, count, 1, 1, 1, generator=random).to(images)
    noise = torch.randn(images.shape, generator=random).to(images)
    changed: Tensor = torch.stack(shifted) * (1 + _CONTRAST * contrast) + _BRIGHTNESS * brightness + _NOISE * noise
    return changed
