"""What opponents make of a changed picture: the original, as far as what is left of it tells.

No setting defeats these attacks. The measurements are there for everybody who holds the weights, and smooth filters
leave the original in the low frequencies, where a blur shows it to anyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.filters import gaussian
from torch import Tensor

from guise.harmless.pictures.certificate import ImageSimilarity, as_pixels, as_tensor, image_similarity
from guise.harmless.projection import Projector
from guise.harmless.projection.iterative import solve

_BLURS = (1.0, 2.0, 3.0)
_GREY = 128.0
_STEPS = 60


@dataclass(frozen=True)
class Recovered:
    """The result of one attack.

    Attributes:
        attack: its name.
        needs_weights: the attack takes the model's weights.
        picture: uint8 (H, W, 3).
        similarity: to the original.
    """

    attack: str
    needs_weights: bool
    picture: NDArray[np.uint8]
    similarity: ImageSimilarity


def recover(
    original: NDArray[np.uint8], versions: Sequence[NDArray[np.uint8]], projector: Projector
) -> list[Recovered]:
    """Run all attacks on changed versions of one picture; the original only judges.

    Args:
        original: uint8 (H, W, 3).
        versions: at least one, of the same size. The first is attacked alone, and the average of all is one attack.
        projector: onto the null space of what the model reads.

    Returns:
        One result an attack.
    """
    first = as_tensor(versions[0])
    attacks = [("none", False, first)]
    attacks += [(f"blur of {sigma:g} px", False, _blurred(versions[0], sigma)) for sigma in _BLURS]
    if len(versions) > 1:
        mean = torch.stack([as_tensor(version) for version in versions]).mean(0)
        attacks.append((f"average of {len(versions)}", False, mean))
    attacks.append(("projection", True, _projected(first, projector)))
    attacks.append(("prior of natural pictures", True, _with_prior(first, projector)))
    pictures = [(name, weights, as_pixels(picture)) for name, weights, picture in attacks]
    return [Recovered(name, weights, pixels, image_similarity(original, pixels)) for name, weights, pixels in pictures]


def _blurred(pixels: NDArray[np.uint8], sigma: float) -> Tensor:
    soft = gaussian(pixels, sigma=sigma, channel_axis=2, preserve_range=True)
    return torch.from_numpy(np.asarray(soft, np.float64)).permute(2, 0, 1)[None]


def _projected(x: Tensor, projector: Projector) -> Tensor:
    """The row part, with mid grey for what is not known."""
    return x - projector.null(x - _GREY)


def _with_prior(x: Tensor, projector: Projector) -> Tensor:
    """The most likely picture with these measurements, if spectra fall with the square of the frequency.

    Minimises (z - g)^T C^-1 (z - g) over z - x in the null space, by conjugate gradients there; C^-1 is the inverse of
    the power spectrum of natural pictures. Source: D. Field, JOSA A 4, 1987 (the spectrum); N. Wiener, 1949.
    """
    height, width = x.shape[2:]
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    inverse_power = (down**2 + across**2).double() + 1.0 / (height * width)

    def gradient(v: Tensor) -> Tensor:
        return projector.null(torch.fft.irfft2(torch.fft.rfft2(v) * inverse_power, s=(height, width)))

    z = _projected(x, projector) - _GREY
    return z + solve(gradient, -gradient(z), iterations=_STEPS) + _GREY
