"""A scattering transform of two orders (Bruna and Mallat 2013) on a pyramid, for a classifier trained under privacy.

J = 2 scales and L = 8 angles, as in Tramer and Boneh (ICLR 2021, section 3): |x * psi| and ||x * psi_1| * psi_2|,
averaged over 4 x 4 pixels: 81 maps a channel. Wavelets of the second scale are those of the first on images of half the
size, so that convolutions stay small: by Fourier transforms the same maps take several times as long.

Written here: Kymatio, the package that people know, has had no release since 2022. `networks/scattering.py`, which a
generator is fitted to, keeps fewer maps and looks at luma only in its finest and second orders.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.dpaf.networks.fixed_filters import halved
from guise.dpaf.networks.scattering import morlets

SCALES, ANGLES = 2, 8
MAPS = 1 + SCALES * ANGLES + ANGLES**2
GROUPS = (1, *[ANGLES] * SCALES, *[ANGLES] * ANGLES)
"""Maps of one kind: order 0, order 1 by its scale, order 2 by its first angle."""
_KERNEL = 7
_STEP = 2**SCALES


class ScatteringTransform(nn.Module):
    """Images to 81 scattering maps a channel. Nothing is learnt, and no image affects another.

    Args:
        size: height and width of the images, a multiple of 4.
    """

    wavelets: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.grid = size, size // _STEP
        self.register_buffer("wavelets", morlets(_KERNEL, ANGLES, 0.8), persistent=False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Scattering maps float32 (B, c, 81, size / 4, size / 4), in the order of `GROUPS`; >= 0 but those of order 0.

        Args:
            images: float (B, c, size, size).
        """
        count, channels = images.shape[:2]
        planes = images.float().flatten(0, 1).unsqueeze(1)  # each channel by itself
        fine = self._moduli(planes)
        half = halved(torch.cat([planes, fine], 1))
        inner = half.reshape(-1, 1, *half.shape[2:])
        coarse = self._moduli(inner).unflatten(0, (len(planes), 1 + ANGLES))  # of the image, then of each fine map
        parts = [
            F.avg_pool2d(half[:, :1], _STEP // 2),
            F.avg_pool2d(fine, _STEP),
            F.avg_pool2d(coarse.flatten(1, 2), _STEP // 2),
        ]
        return torch.cat(parts, 1).reshape(count, channels, MAPS, self.grid, self.grid)

    def _moduli(self, planes: Tensor) -> Tensor:
        padded = F.pad(planes, (_KERNEL // 2,) * 4, mode="reflect")
        real, imaginary = F.conv2d(padded, self.wavelets).chunk(2, 1)
        return real.square_().add_(imaginary.square_()).sqrt_()
