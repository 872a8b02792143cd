"""How close synthetic images are to real ones as a whole. If the real images are private, so is the figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from guise.dpaf import validate
from guise.dpaf.data import ImageDataset, scaled
from guise.dpaf.networks.features import PublicFeatures
from guise.models.errors import InputError, WeightsError
from guise.models.files import file_hash, printable

Extractor = Callable[[Tensor], Tensor]
"""Float images (B, channels, size, size) in [-1, 1] to features (B, width)."""
_NAMES = {
    "scattering": "random projections of scattering features, with coarse pixels",
    "inception": "torchvision Inception v3, ImageNet weights",
}
_CHUNK = 250


@dataclass(frozen=True)
class Distance:
    """A Frechet distance and what it was measured with.

    Only those of one extractor and equal numbers of images can be compared: the fewer images, the larger it comes out.

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


def frechet(
    images: np.ndarray,
    real: ImageDataset,
    *,
    extractor: str = "scattering",
    progress: Callable[[int, int], None] | None = None,
) -> Distance:
    """The Frechet distance (Heusel et al., NeurIPS 2017, equation 6) of synthetic images to real ones.

    Args:
        images: uint8 (N, H, W, channels).
        real: of the same size, such as the test set.
        extractor: "scattering", fixed features and coarse pixels, or "inception", if torch's cache holds its weights.
        progress: called with images done and images in all.

    Raises:
        InputError: sizes differ, there are fewer than two images, or no such extractor.
        WeightsError: the weights are damaged.
    """
    validate.count("the number of synthetic images", len(images), least=2)
    if images.shape[1:] != (real.size, real.size, real.channels):
        raise InputError(f"synthetic images are {images.shape[1:]}: give real ones of that kind")
    check_extractor(extractor)
    imagenet = extractor == "inception"
    extract = _inception() if imagenet else scattering_features(real.channels, real.size)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    total, done, both = len(pixels) + len(real), 0, []
    for source in (pixels, real.images):
        parts = []
        for part in source.split(_CHUNK):
            parts.append(extract(scaled(part)).double())
            done += len(part)
            if progress is not None:
                progress(done, total)
        both.append(torch.cat(parts))
    return Distance(frechet_distance(*both), _NAMES[extractor], imagenet, (len(pixels), len(real)))


def check_extractor(extractor: str) -> None:
    """Make sure that an extractor can be used, before work goes into images for it.

    Args:
        extractor: its name, as for `frechet`.

    Raises:
        InputError: no such extractor, or torch's cache does not hold its weights.
    """
    if extractor not in _NAMES:
        raise InputError(f"extractor {extractor!r} does not exist: choose {' or '.join(_NAMES)} with `extractor=`")
    if extractor == "inception":
        _inception_weights()


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two sets of rows.

    Args:
        first: float64 (N, d).
        second: float64 (M, d).
    """
    root = _root(first.T.cov())
    # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2).
    between = torch.linalg.eigvalsh(root @ second.T.cov() @ root).clamp_min(0).sqrt().sum()
    apart = (first.mean(0) - second.mean(0)).square().sum()
    return max(0.0, float(apart + first.var(0).sum() + second.var(0).sum() - 2 * between))


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


def scattering_features(channels: int, size: int) -> Extractor:
    """512 random projections of scattering features, and coarse pixels; nothing in them was learnt.

    Args:
        channels: of the images.
        size: height and width of the images.
    """
    features = PublicFeatures(channels, size)

    @torch.no_grad()
    def extract(images: Tensor) -> Tensor:
        # Brightness is what those features leave out: coarse pixels bring it back.
        coarse = nn.functional.adaptive_avg_pool2d(images, min(size, 7)).flatten(1)
        projected: Tensor = features(images) @ features.projection
        return torch.cat([projected, coarse / coarse.shape[1] ** 0.5], 1)

    return extract


def _inception_weights() -> Path:
    import torchvision

    name = Path(torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.url).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():  # fetching is left to the user, who knows whether there may be a connection
        raise InputError(
            f"the weights {name} are not in {printable(path.parent)}: put them there, or use `extractor=scattering`"
        )
    return path


def _inception() -> Extractor:
    import torchvision

    path = _inception_weights()
    digest = path.stem.rpartition("-")[2]  # torchvision's files are named for the beginning of their SHA-256
    if not (file_hash(path) or "").startswith(digest):
        raise WeightsError(f"{printable(path)} is not what its name says: copy it again, or use `extractor=scattering`")
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
