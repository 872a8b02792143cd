"""FLIP: the difference that people see when they flip between two images.

Source: P. Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", HPG 2020. Its filters are sums
of Gaussians and derivatives of Gaussians, hence separable.

It is written anew because learning needs it differentiable and fast on a CPU; PyPI's `flip-evaluator`, which is
neither, is the reference in the tests.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.visibility.filters import separable

PIXELS_PER_DEGREE = 67.0
"""A 0.69 m wide 4K monitor seen from 0.7 m, the paper's default."""

# Contrast sensitivity to achromatic, red-green and blue-yellow detail: (a, b) of each Gaussian term (table 1).
_CSF = (((1.0, 0.0047),), ((1.0, 0.0053),), ((34.1, 0.04), (13.5, 0.025)))
_CHANNELS = [channel for channel, terms in enumerate(_CSF) for _ in terms]  # that each term belongs to
_COLOR_POWER, _FEATURE_POWER = 0.7, 0.5
_KNEE_FROM, _KNEE_TO = 0.4, 0.95
_FEATURE_WIDTH = 0.082  # degrees
_TINY = 1e-8

_RGB_TO_XYZ = torch.tensor(
    [
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
    ],
    dtype=torch.float64,
)
_WHITE = _RGB_TO_XYZ.sum(1)


def _mix(images: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("ij,njhw->nihw", matrix.to(images), images)


def _linear(srgb: Tensor) -> Tensor:
    return torch.where(srgb > 0.04045, ((srgb.clamp(min=0.04) + 0.055) / 1.055) ** 2.4, srgb / 12.92)


# Opponent space YCxCz, left without its offset of -16: every use of it below is linear.
_XYZ_TO_OPPONENT = torch.tensor([[0, 116, 0], [500, -500, 0], [0, 200, -200]], dtype=torch.float64) / _WHITE
_RGB_TO_OPPONENT = _XYZ_TO_OPPONENT @ _RGB_TO_XYZ
_OPPONENT_TO_RGB = torch.linalg.inv(_RGB_TO_OPPONENT)


def _opponent(srgb: Tensor) -> Tensor:
    return _mix(_linear(srgb), _RGB_TO_OPPONENT)


def to_lab(srgb: Tensor) -> Tensor:
    """Convert images to CIELAB.

    Args:
        srgb: float (N, 3, H, W), sRGB in [0, 1].

    Returns:
        float (N, 3, H, W), L*, a* and b*; differentiable.
    """
    return _lab(_linear(srgb))


def _lab(rgb: Tensor) -> Tensor:
    """CIELAB from linear RGB in [0, 1]."""
    ratio = _mix(rgb, _RGB_TO_XYZ / _WHITE[:, None])
    edge = 6 / 29
    root = torch.where(ratio > edge**3, ratio.clamp(min=edge**3) ** (1 / 3), ratio / (3 * edge**2) + 4 / 29)
    x, y, z = root.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _hunt_lab(rgb: Tensor) -> Tensor:
    """CIELAB with the Hunt effect, from linear RGB in [0, 1]."""
    lightness, *chroma = _lab(rgb).unbind(1)
    return torch.stack([lightness, *(0.01 * lightness * channel for channel in chroma)], 1)


def _hyab(a: Tensor, b: Tensor) -> Tensor:
    difference = a - b
    # The square root has no gradient at 0.
    return difference[:, 0].abs() + (difference[:, 1] ** 2 + difference[:, 2] ** 2 + _TINY).sqrt()


@cache
def _largest_difference() -> float:
    green, blue = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])[:, :, None, None].chunk(2)
    return float(_hyab(_hunt_lab(green), _hunt_lab(blue)) ** _COLOR_POWER)


@cache
def _csf_windows(pixels_per_degree: float) -> tuple[Tensor, Tensor]:
    """A Gaussian of the contrast sensitivity for each term of each channel, and the term's share in its channel.

    The published filter has one radius for all channels, that of its widest term.

    Returns:
        float32 (T, L) and (T,), for the T terms of all channels in turn. Along x and y together, the terms of a channel
        times their shares have a sum of 1.
    """
    radius = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * pixels_per_degree)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64) / pixels_per_degree
    windows, shares = [], []
    for terms in _CSF:
        own = torch.stack([torch.exp(-(math.pi**2) * x**2 / b) for _, b in terms])
        weights = torch.tensor([a * math.sqrt(math.pi / b) for a, b in terms], dtype=torch.float64)
        windows.append(own)
        shares.append(weights / (weights * own.sum(1) ** 2).sum())
    return torch.cat(windows).float(), torch.cat(shares).float()


def _seen_color(opponent: Tensor, pixels_per_degree: float) -> Tensor:
    """What the eye resolves of an image's colours: Hunt-adjusted CIELAB."""
    windows, shares = _csf_windows(pixels_per_degree)
    padded = F.pad(opponent, (windows.shape[1] // 2,) * 4, mode="replicate")
    terms = separable(padded[:, _CHANNELS], windows) * shares.to(opponent)[:, None, None]
    filtered = torch.stack([terms[:, 0], terms[:, 1], terms[:, 2] + terms[:, 3]], 1)
    return _hunt_lab(_mix(filtered, _OPPONENT_TO_RGB).clamp(0, 1))


def _color_difference(reference: Tensor, images: Tensor) -> Tensor:
    difference = _hyab(reference, images) ** _COLOR_POWER
    largest = _largest_difference()
    knee = _KNEE_FROM * largest
    return torch.where(
        difference < knee,
        difference * (_KNEE_TO / knee),
        _KNEE_TO + (difference - knee) / (largest - knee) * (1 - _KNEE_TO),
    )


@cache
def _feature_windows(pixels_per_degree: float) -> tuple[Tensor, Tensor]:
    """Windows that find edges along x and y, and points along x and y, each of unit mass on either side.

    Returns:
        float32 (4, L) along x and the same along y: of a Gaussian, its first derivative and its second.
    """
    sigma = 0.5 * _FEATURE_WIDTH * pixels_per_degree
    radius = math.ceil(3 * sigma)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    bell = torch.exp(-(x**2) / (2 * sigma**2))
    edge, point = -x * bell, (x**2 / sigma**2 - 1) * bell
    edge = edge / edge.clamp(min=0).sum()
    point = torch.where(point < 0, point / -point.clamp(max=0).sum(), point / point.clamp(min=0).sum())
    bell = bell / bell.sum()
    return torch.stack([edge, bell, point, bell]).float(), torch.stack([bell, edge, bell, point]).float()


def _features(opponent: Tensor, pixels_per_degree: float) -> Tensor:
    """Strength of edges and of points at each pixel: (N, 2, H, W)."""
    rows, columns = _feature_windows(pixels_per_degree)
    lightness = F.pad(opponent[:, :1] / 116, (rows.shape[1] // 2,) * 4, mode="replicate")
    squares = separable(lightness.expand(-1, len(rows), -1, -1), rows, columns) ** 2
    return (squares[:, ::2] + squares[:, 1::2] + _TINY).sqrt()


class FlipReference:
    """An original image, prepared once, against which changed versions are compared."""

    def __init__(self, reference: Tensor, *, pixels_per_degree: float = PIXELS_PER_DEGREE) -> None:
        """Prepare the original.

        Args:
            reference: float (N or 1, 3, H, W), sRGB in [0, 1].
            pixels_per_degree: of the viewer's field of view. An image that was reduced to a quarter, compared at a
                quarter of the pixels per degree, shows nearly the difference that the whole image shows.
        """
        opponent = _opponent(reference)
        self._pixels_per_degree = pixels_per_degree
        self._color, self._features = self._seen(opponent)

    def map(self, images: Tensor) -> Tensor:
        """Compute the visible difference at each pixel; differentiable.

        Args:
            images: float (N, 3, H, W), sRGB in [0, 1], changed versions.

        Returns:
            float (N, H, W) in [0, 1].
        """
        seen_color, features = self._seen(_opponent(images))
        color = _color_difference(self._color, seen_color)
        largest = (self._features - features).abs().amax(1)
        return (color + _TINY) ** (1 - ((largest + _TINY) / math.sqrt(2)) ** _FEATURE_POWER)

    def _seen(self, opponent: Tensor) -> tuple[Tensor, Tensor]:
        return _seen_color(opponent, self._pixels_per_degree), _features(opponent, self._pixels_per_degree)
