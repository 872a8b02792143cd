"""How well a user's photos are still matched, told from embeddings: retrieval among strangers, and verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.embedding import Metric, distances

SETTINGS = {"clean": (False, False), "1A": (False, True), "2B": (True, False), "2A": (True, True)}
"""Whether the probe, and whether the user's photos in the gallery, are protected."""

FALSE_ACCEPT_RATES = {"1e-2": 1e-2, "1e-3": 1e-3}
LEAST_STRANGERS = 100
"""Fewer give too few pairs to set a threshold at a false accept rate of 1e-3."""


@dataclass(frozen=True)
class Scores:
    """The scores of one setting. All are shares in [0, 1]; lower means better protected.

    Attributes:
        rank1: of the probes whose nearest gallery item is the user's; None without strangers.
        recall: of the user's n gallery items among the n nearest, mean over probes; None without strangers.
        linked: of the pairs (probe, the user's other photo) that the recogniser's own threshold accepts.
        linked_at_far: the same at thresholds set for a false accept rate; empty with too few strangers.
    """

    rank1: float | None
    recall: float | None
    linked: float
    linked_at_far: dict[str, float]


def score(
    clean: np.ndarray,
    protected: np.ndarray,
    strangers: np.ndarray,
    *,
    metric: Metric,
    threshold: float,
    far_thresholds: Mapping[str, float],
) -> dict[str, Scores]:
    """Score a user's photos in all four settings.

    A probe's gallery holds the user's other photos, never its own, and the strangers.

    Args:
        clean: float (N, D), the originals, N >= 2.
        protected: float (N, D), their copies in the same order.
        strangers: float (M, D), clean in every setting; M = 0 leaves retrieval out.
        metric: the recogniser's.
        threshold: distance below which the recogniser links two faces.
        far_thresholds: more such distances, by false accept rate.

    Returns:
        Scores by the names of `SETTINGS`.
    """
    results = {}
    for setting, (probe_protected, gallery_protected) in SETTINGS.items():
        probes, gallery = (protected if flag else clean for flag in (probe_protected, gallery_protected))
        own = distances(probes, gallery, metric=metric)
        rank1, recall = None, None
        if len(strangers):
            rank1, recall = retrieve(own, distances(probes, strangers, metric=metric))
        linked = linked_share(own, threshold)
        results[setting] = Scores(
            rank1, recall, linked, {far: linked_share(own, limit) for far, limit in far_thresholds.items()}
        )
    return results


def retrieve(own: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Compute rank-1 and recall@n.

    Of two items equally near, the user's counts as the nearer, so that protection is never overstated.

    Args:
        own: float (N, N), distance of probe i to the user's photo j; i = j is left out, hence n = N - 1.
        others: float (N, M), distance of probe i to each stranger.

    Returns:
        Both, in [0, 1].
    """
    count = len(own)
    everyone = np.concatenate([np.where(np.eye(count, dtype=bool), np.inf, own), others], axis=1)
    nearest = np.argsort(everyone, axis=1, kind="stable")[:, : count - 1]
    return float((nearest[:, 0] < count).mean()), float((nearest < count).mean())


def linked_share(own: np.ndarray, threshold: float) -> float:
    """Compute the share of pairs of different photos that are linked.

    Args:
        own: float (N, N), as of `retrieve`.
        threshold: distance below which a pair is linked.

    Returns:
        The share, in [0, 1].
    """
    return float((own[~np.eye(len(own), dtype=bool)] < threshold).mean())


def false_accept_thresholds(clean: np.ndarray, strangers: np.ndarray, *, metric: Metric) -> dict[str, float]:
    """Find the distances below which pairs are to be accepted, for each of `FALSE_ACCEPT_RATES`.

    Impostor pairs are all pairs of two strangers, and all pairs of a stranger and a clean photo of the user. Of their K
    distances in rising order the threshold is number floor(rate * K), counted from 0: at most that share of them
    lies below it.

    Args:
        clean: float (N, D), the user's clean photos.
        strangers: float (M, D), one photo a person.
        metric: the recogniser's.

    Returns:
        Thresholds by the names of `FALSE_ACCEPT_RATES`; empty where M < 100.
    """
    if len(strangers) < LEAST_STRANGERS:
        return {}
    among = distances(strangers, strangers, metric=metric)[np.triu_indices(len(strangers), 1)]
    impostors = np.sort(np.concatenate([among, distances(strangers, clean, metric=metric).ravel()]))
    return {name: float(impostors[int(rate * len(impostors))]) for name, rate in FALSE_ACCEPT_RATES.items()}
