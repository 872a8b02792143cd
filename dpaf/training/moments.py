"""One release of each class's mean features, and how far fakes are from them.

Like DP-MERF (Harder, Adamczewski, Park, AISTATS 2021, equation 5), with other features. The means are released once;
the generator may then match them for as long as one likes, which costs no privacy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.norms import MOMENTS_NORM
from guise.dpaf.mechanisms.processes import ALONE, Processes
from guise.dpaf.networks.features import COUNT_WEIGHT, PublicFeatures

Records = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Images, features, labels, and weights of `Units`."""


def class_sums(features: PublicFeatures, chunks: Iterable[Records], mechanism: FeatureAggregation) -> Tensor:
    """NOT private: sums of clipped moments.

    Args:
        features: public.
        chunks: all records.
        mechanism: that clips and will release.

    Returns:
        float64 (1, classes, width).
    """
    total = torch.zeros(1, mechanism.classes, features.moments_width, dtype=torch.float64)
    with torch.no_grad():
        for images, rows, labels, weights in chunks:
            total += mechanism.sums(features.moments(images, rows), labels, torch.zeros_like(labels), weights)
    return total


def means_of(released: Tensor, noise_multiplier: float) -> tuple[Tensor, Tensor]:
    """Mean moments (classes, moments_width - 1) and share (classes,) of each class, from a release that counts records.

    Post-processing. The last coordinate counts the records. No class counts for less than the noise in its count:
    otherwise a small divisor would blow the noise up beyond the signal of all other classes.

    Args:
        released: (classes, moments_width), noisy sums.
        noise_multiplier: of the release.
    """
    counts = (released[:, -1:] / COUNT_WEIGHT).clamp_min(max(1.0, noise_multiplier / COUNT_WEIGHT))
    return released[:, :-1] / counts, counts[:, 0] / counts.sum()


def by_class(rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of each class together, (classes, n, width), and these classes, int64.

    Args:
        rows: (classes * n, width), n of each class in turn.
        labels: int64 (classes * n,).
    """
    per_class = rows.unflatten(0, (len(labels.unique()), -1))
    return per_class, labels.view(len(per_class), -1)[:, 0]


def squared_distance(fakes: Tensor, means: Tensor) -> Tensor:
    """Squared distance of the fakes' mean from each class's, averaged over classes, without the bias of few fakes.

    Args:
        fakes: moments (classes, n, width) of n >= 2 fakes of each class.
        means: (classes, width).
    """
    of_fakes = fakes.mean(1)
    bias = (fakes.square().sum(2).mean(1) - of_fakes.square().sum(1)) / (fakes.shape[1] - 1)
    return ((of_fakes - means).square().sum(1) - bias).mean()


def release_means(
    features: PublicFeatures,
    chunks: Callable[[], Iterable[Records]],
    *,
    classes: int,
    noise_multiplier: float,
    charge: Callable[[], np.random.Generator],
    processes: Processes = ALONE,
) -> tuple[Tensor, Tensor]:
    """The private mean moments (classes, moments_width - 1) and share (classes,) of each class.

    Args:
        features: public.
        chunks: gives all records, or those of this process.
        classes: how many.
        noise_multiplier: of the release; one record moves the sums by 1 at most.
        charge: pays for the release and gives the generator of its noise; called once, before any noise is drawn.
        processes: that share the records.
    """
    mechanism = FeatureAggregation(MOMENTS_NORM, noise_multiplier, buckets=1, classes=classes, divisor=1.0)
    sums = processes.total(class_sums(features, chunks(), mechanism))
    return means_of(mechanism.release(sums, charge())[0], noise_multiplier)
