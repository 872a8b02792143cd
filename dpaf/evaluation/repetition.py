"""Whether synthetic images repeat real ones: a sanity check that adds nothing to the guarantee. Results are private."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch import Tensor

from guise.dpaf.data import ImageDataset, scaled
from guise.dpaf.evaluation.fidelity import scattering_features
from guise.models.errors import InputError

_CHUNK, _POINTS = 250, 51


@dataclass(frozen=True)
class MembershipAttack:
    """A plain attack on released samples: who took part in training is told by the nearest sample.

    Attributes:
        members: training images that were attacked.
        others: test images that were attacked.
        area: under the ROC curve: about .5 where nothing is given away.
        margin: 1.96 standard errors of the area (Hanley and McNeil 1982).
        false_positives: rates at which others are taken for members, rising.
        true_positives: rates at which members are found, one for each of them.
    """

    members: int
    others: int
    area: float
    margin: float
    false_positives: tuple[float, ...]
    true_positives: tuple[float, ...]


@dataclass(frozen=True)
class Repetition:
    """Which real images synthetic ones are nearest to, in the space of the scattering features.

    Attributes:
        nearest: int64 (N,), row of the nearest training image.
        distances: float32 (N,), to it.
        nearer_to_training: share of the synthetic images that are nearer to some training image than to any test
            image, of as many of either: about one half if nothing is repeated and both come from one distribution.
        membership: how well the distance to the nearest synthetic image tells training from test images, as area under
            the curve: about one half where nothing is given away. A plain attack; others may do better.
        attack: the whole curve.
    """

    nearest: np.ndarray
    distances: np.ndarray
    nearer_to_training: float
    membership: float
    attack: MembershipAttack


def repetition(images: np.ndarray, training: ImageDataset, test: ImageDataset) -> Repetition:
    """Compare synthetic images with those they were trained on, and with others of the same kind.

    Args:
        images: uint8 (N, H, W, channels).
        training: the real images that the run was trained on.
        test: other real images of the same size, none of which is a training image.

    Raises:
        InputError: sizes differ, or a test image is a training image, which would hide repetition.
    """
    shapes = {images.shape[1:], *((real.size, real.size, real.channels) for real in (training, test))}
    if len(shapes) > 1:
        raise InputError(f"images are of different sizes, {' and '.join(map(str, sorted(shapes)))}: give one kind")
    check_apart(training, test)
    extract, random = scattering_features(training.channels, training.size), torch.Generator().manual_seed(0)

    def features(pixels: Tensor) -> Tensor:
        return torch.cat([extract(scaled(part)) for part in pixels.split(_CHUNK)])

    def some(dataset: ImageDataset, count: int) -> Tensor:
        return torch.randperm(len(dataset), generator=random)[:count]

    fakes, trained_on = features(torch.from_numpy(images).permute(0, 3, 1, 2)), features(training.images)
    distances, nearest = _distances(fakes, trained_on).min(1)
    count = min(len(training), len(test))
    members = _distances(trained_on[some(training, count)], fakes)
    others = _distances(features(test.images[some(test, count)]), fakes)
    nearer = members.amin(0) - others.amin(0)
    share = (nearer < 0).double().mean() + 0.5 * (nearer == 0).double().mean()
    is_member = np.repeat([1, 0], count)
    attack = _attack(is_member, -torch.cat([members.amin(1), others.amin(1)]).numpy())
    return Repetition(nearest.numpy(), distances.numpy(), float(share), attack.area, attack)


def _attack(is_member: np.ndarray, scores: np.ndarray) -> MembershipAttack:
    count, area = int(is_member.sum()), float(roc_auc_score(is_member, scores))
    wrong, right, _ = roc_curve(is_member, scores)
    at = np.linspace(0, 1, _POINTS)
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (count - 1) * ((one - area**2) + (two - area**2))
    margin = 1.96 * (variance / count**2) ** 0.5
    curve = tuple(map(float, np.interp(at, wrong, right)))
    return MembershipAttack(count, len(is_member) - count, area, margin, tuple(map(float, at)), curve)


def check_apart(training: ImageDataset, test: ImageDataset) -> None:
    """Make sure that no test image is a training image: measuring on it would be no test.

    Args:
        training: images that took part in training.
        test: images to test with.

    Raises:
        InputError: one is.
    """
    known = {image.tobytes() for image in training.images.numpy()}
    shared = sum(image.tobytes() in known for image in test.images.numpy())
    if shared:
        what = f"{shared} of {len(test)} test images are training images"
        raise InputError(f"{what}: give test images that took no part in training")


def _distances(first: Tensor, second: Tensor) -> Tensor:
    # By matrix products small distances, which copies have, would drown in rounding.
    return torch.cat(
        [torch.cdist(part, second, compute_mode="donot_use_mm_for_euclid_dist") for part in first.split(100)]
    )
