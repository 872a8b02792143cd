"""Pairs of one person's photos that a judge still links, for people with too few photos to ask for recall.

All the user's photos count, those that the mask was learnt on as well. A pair is of two different photos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks.judges import Judge
from guise.chameleon.evaluation.retrieval import FALSE_ACCEPT_RATES, distances, false_accept_thresholds

KINDS = {
    "clean": "clean, clean",
    "clean-protected": "clean, protected",
    "clean-unseen": "clean, protected (not learnt on)",
    "protected": "protected, protected",
}
"""Kinds of pairs, and what the tables call them."""
Counts = Mapping[str, Mapping[str, int]]


def linked_pairs(
    judge: Judge,
    clean: Sequence[np.ndarray | None],
    protected: Sequence[np.ndarray | None],
    *,
    unseen: Sequence[bool],
    strangers: np.ndarray,
) -> dict[str, dict[str, int]]:
    """Count the pairs that `judge` links.

    Args:
        judge: has made all embeddings.
        clean: float (D,) each, of the user's photos; None where the judge finds no face.
        protected: of their copies, in the same order; None also where no copy was written.
        unseen: of each photo, whether the mask was not learnt on it.
        strangers: float (M, D), one photo a person. Thresholds are set by them and the user's clean photos.

    Returns:
        By `KINDS`: how many `pairs` there are, and how many of them are linked at the judge's `own` threshold and at
        those of `FALSE_ACCEPT_RATES`, which are absent with fewer than 100 strangers.
    """
    known = [embedding for embedding in clean if embedding is not None]
    limits = {"own": judge.threshold}
    if known:
        limits |= false_accept_thresholds(np.stack(known), strangers, metric=judge.metric)
    count = range(len(clean))
    apart = [(i, j) for i in count for j in count if i != j]
    of_kind: dict[str, list[tuple[np.ndarray | None, np.ndarray | None]]] = {
        "clean": [(clean[i], clean[j]) for i, j in apart if i < j],
        "clean-protected": [(clean[i], protected[j]) for i, j in apart],
        "clean-unseen": [(clean[i], protected[j]) for i, j in apart if unseen[j]],
        "protected": [(protected[i], protected[j]) for i, j in apart if i < j],
    }
    counts = {}
    for kind, both in of_kind.items():
        found = [
            distances(a[None], b[None], metric=judge.metric).item() for a, b in both if not (a is None or b is None)
        ]
        linked = {name: sum(distance < limit for distance in found) for name, limit in limits.items()}
        counts[kind] = {"pairs": len(found), **linked}
    return counts


def pooled(users: Iterable[Counts]) -> dict[str, dict[str, int]]:
    """Sums over users, so that each pair counts alike."""
    sums: dict[str, dict[str, int]] = {}
    for counts in users:
        for kind, of_kind in counts.items():
            into = sums.setdefault(kind, {})
            for name, count in of_kind.items():
                into[name] = into.get(name, 0) + count
    return sums


def cells(counts: Counts) -> list[str]:
    """For each rate the kinds of pairs, as "14 % (3 of 22)"."""
    return [_share(counts.get(kind, {}), rate) for rate in FALSE_ACCEPT_RATES for kind in KINDS]


HEADINGS = [f"{name} at {rate}" for rate in FALSE_ACCEPT_RATES for name in KINDS.values()]


def _share(counts: Mapping[str, int], rate: str) -> str:
    if rate not in counts or not counts["pairs"]:
        return "–"
    return f"{100 * counts[rate] / counts['pairs']:.0f} % ({counts[rate]} of {counts['pairs']})"
