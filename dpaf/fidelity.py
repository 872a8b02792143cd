"""How close synthetic images are to real ones as a whole, and whether they repeat any of them: not private."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dpaf import validate
from dpaf.data import Records
from dpaf.features import PublicFeatures
from models.errors import InputError

Extractor = Callable[[Tensor], Tensor]
"""Float images (B, channels, size, size) in [-1, 1] to features (B, width)."""
INCEPTION, SCATTERING = "torchvision Inception v3, ImageNet weights", "scattering, 512 random projections"
_CHUNK = 250


@dataclass(frozen=True)
class Distance:
    """A Frechet distance and what it was measured with: compare those of one extractor only.

    Attributes:
        value: at least 0.
        extractor: its name.
        imagenet: whether it was trained on ImageNet, as in the literature. Even then the figure is not that of the
            TensorFlow weights that most papers use.
        images: synthetic and real ones that were compared.
    """

    value: float
    extractor: str
    imagenet: bool
    images: tuple[int, int]


def inception_weights() -> Path | None:
    """Where torchvision's Inception v3 weights lie, if they were ever fetched; this module fetches nothing."""
    import torchvision

    name = Path(torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.url).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    return path if path.is_file() else None


def frechet(images: np.ndarray, real: Records, *, progress: Callable[[int, int], None] | None = None) -> Distance:
    """The Frechet distance (Heusel et al., NeurIPS 2017, equation 6) of synthetic images to real ones.

    Args:
        images: uint8 (N, H, W, channels).
        real: of the same size, such as the test set.
        progress: called with images done and images in all.

    Raises:
        InputError: sizes differ, or there are fewer than two images.
    """
    validate.count("the number of synthetic images", len(images), least=2)
    if images.shape[1:] != (real.size, real.size, real.channels):
        raise InputError(f"synthetic images are {images.shape[1:]}: give real ones of that kind")
    path = inception_weights()
    extract = _scattering(real.channels, real.size) if path is None else _inception(path)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    total, done, both = len(pixels) + len(real), 0, []
    for source in (pixels, real.images):
        parts = []
        for part in source.split(_CHUNK):
            parts.append(extract(part.float().div(127.5).sub(1)).double())
            done += len(part)
            if progress is not None:
                progress(done, total)
        both.append(torch.cat(parts))
    return Distance(
        frechet_distance(*both), INCEPTION if path else SCATTERING, path is not None, (len(pixels), len(real))
    )


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of the rows of float64 (N, d) and (M, d)."""
    root = _root(first.T.cov())
    # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2).
    between = torch.linalg.eigvalsh(root @ second.T.cov() @ root).clamp_min(0).sqrt().sum()
    apart = (first.mean(0) - second.mean(0)).square().sum()
    return max(0.0, float(apart + first.var(0).sum() + second.var(0).sum() - 2 * between))


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


def _scattering(channels: int, size: int) -> Extractor:
    features = PublicFeatures(channels, size)

    @torch.no_grad()
    def extract(images: Tensor) -> Tensor:
        # Brightness is what those features leave out: coarse pixels bring it back.
        coarse = nn.functional.adaptive_avg_pool2d(images, min(size, 7)).flatten(1)
        projected: Tensor = features(images) @ features.projection
        return torch.cat([projected, coarse / coarse.shape[1] ** 0.5], 1)

    return extract


def _inception(path: Path) -> Extractor:
    import torchvision

    network = torchvision.models.inception_v3(weights=None, init_weights=False)
    network.load_state_dict(torch.load(path, weights_only=True))
    network.fc = nn.Identity()
    network.eval()

    @torch.no_grad()
    def extract(images: Tensor) -> Tensor:
        coloured = images.expand(-1, 3, -1, -1)
        features: Tensor = network(nn.functional.interpolate(coloured, (299, 299), mode="bilinear", antialias=True))
        return features

    return extract


@dataclass(frozen=True)
class Neighbours:
    """Which real images synthetic ones are nearest to.

    Attributes:
        nearest: int64 (N,), row of the nearest training image.
        distances: float32 (N,), to it, in the space of the scattering features.
        nearer_to_training: share of the synthetic images that are nearer to some training image than to any test
            image, of as many training as test images: about one half unless training images are repeated.
        membership: how well the distance to the nearest synthetic image tells training from test images, as area under
            the curve: about one half where nothing is given away. A plain attack; others may do better.
    """

    nearest: np.ndarray
    distances: np.ndarray
    nearer_to_training: float
    membership: float


def neighbours(images: np.ndarray, training: Records, test: Records) -> Neighbours:
    """The nearest training image of each synthetic one, and whether they are nearer to those than to test images.

    Args:
        images: uint8 (N, H, W, channels).
        training, test: real images of the same size.
    """
    extract = _scattering(training.channels, training.size)

    def features(pixels: Tensor) -> Tensor:
        return torch.cat([extract(part.float().div(127.5).sub(1)) for part in pixels.split(_CHUNK)])

    fakes, known = features(torch.from_numpy(images).permute(0, 3, 1, 2)), features(training.images)
    distances, nearest = torch.cdist(fakes, known).min(1)
    fair = torch.randperm(len(known), generator=torch.Generator().manual_seed(0))[: len(test)]
    to_training = torch.cdist(known[fair], fakes)
    to_test = torch.cdist(features(test.images)[: len(fair)], fakes)
    nearer = to_training.amin(0) < to_test.amin(0)
    pairs = to_training.amin(1)[:, None] - to_test.amin(1)
    membership = (pairs < 0).double().mean() + 0.5 * (pairs == 0).double().mean()
    return Neighbours(nearest.numpy(), distances.numpy(), float(nearer.float().mean()), float(membership))
