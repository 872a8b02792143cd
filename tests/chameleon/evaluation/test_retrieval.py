from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guise.chameleon.evaluation.retrieval import false_accept_thresholds, linked_share, retrieve, score
from guise.chameleon.faces.embedding import Metric

sizes = st.tuples(st.integers(2, 6), st.integers(1, 9), st.integers(0, 2**32 - 1))
metrics = st.sampled_from(["euclidean", "cosine"])


def embeddings(count: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(size=(count, 5)).astype(np.float32)


def slow_distance(a: np.ndarray, b: np.ndarray, metric: Metric) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "euclidean":
        return float(np.linalg.norm(a - b))
    return float(1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@given(sizes, metrics)
def test_every_setting_agrees_with_a_plain_loop(size: tuple[int, int, int], metric: Metric) -> None:
    count, strangers_count, seed = size
    random = np.random.default_rng(seed)
    clean, protected = embeddings(count, random), embeddings(count, random)
    strangers = embeddings(strangers_count, random)
    threshold = 0.9
    result = score(clean, protected, strangers, metric=metric, threshold=threshold, far_thresholds={"1e-2": 0.4})
    pairs = {
        "clean": (clean, clean),
        "1A": (clean, protected),
        "2B": (protected, clean),
        "2A": (protected, protected),
    }
    assert result.keys() == pairs.keys()
    for setting, (probes, gallery) in pairs.items():
        first, share, linked, linked_far = [], [], [], []
        for i, probe in enumerate(probes):
            own = [slow_distance(probe, item, metric) for j, item in enumerate(gallery) if j != i]
            items = [(d, True) for d in own] + [(slow_distance(probe, s, metric), False) for s in strangers]
            nearest = [is_own for _, is_own in sorted(items, key=lambda item: item[0])[: len(own)]]
            first.append(nearest[0])
            share.append(sum(nearest) / len(own))
            linked += [d < threshold for d in own]
            linked_far += [d < 0.4 for d in own]
        scores = result[setting]
        assert scores.rank1 == pytest.approx(np.mean(first))
        assert scores.recall == pytest.approx(np.mean(share))
        assert scores.linked == pytest.approx(np.mean(linked))
        assert scores.linked_at_far["1e-2"] == pytest.approx(np.mean(linked_far))


def test_a_probe_never_finds_its_own_photo() -> None:
    # Photos far apart, each at distance 0 from itself; a stranger stands between them.
    clean = np.array([[0.0, 0.0], [10.0, 0.0]])
    scores = score(clean, clean, np.array([[5.0, 0.0]]), metric="euclidean", threshold=6.0, far_thresholds={})
    assert all((setting.rank1, setting.recall, setting.linked) == (0, 0, 0) for setting in scores.values())


def test_recall_counts_as_many_neighbours_as_the_user_has_photos() -> None:
    own = np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 9.0], [3.0, 9.0, 0.0]])
    others = np.array([[2.0, 8.0], [0.5, 8.0], [1.0, 2.0]])
    # The two nearest of each: (own, other), (other, own), (other, other).
    assert retrieve(own, others) == (pytest.approx(1 / 3), pytest.approx(2 / 6))


def test_a_tie_goes_to_the_user() -> None:
    own = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert retrieve(own, np.array([[1.0], [1.0]])) == (1.0, 1.0)


def test_a_pair_at_the_threshold_is_not_linked() -> None:
    own = np.array([[0.0, 0.5], [0.6, 0.0]])
    assert linked_share(own, 0.6) == 0.5


def test_retrieval_is_absent_without_strangers() -> None:
    clean = np.array([[0.0, 0.0], [1.0, 0.0]])
    scores = score(clean, clean, clean[:0], metric="euclidean", threshold=2.0, far_thresholds={})
    assert scores["2A"].rank1 is None and scores["2A"].recall is None and scores["2A"].linked == 1.0


@settings(max_examples=8, deadline=None)
@given(st.integers(100, 120), st.integers(1, 5), st.integers(0, 2**32 - 1), metrics)
def test_false_accept_thresholds_accept_that_share_of_impostors(
    count: int, photos: int, seed: int, metric: Metric
) -> None:
    random = np.random.default_rng(seed)
    clean, strangers = embeddings(photos, random), embeddings(count, random)
    impostors = [slow_distance(strangers[i], strangers[j], metric) for i in range(count) for j in range(i)]
    impostors += [slow_distance(a, b, metric) for a in strangers for b in clean]
    thresholds = false_accept_thresholds(clean, strangers, metric=metric)
    for name, rate in (("1e-2", 1e-2), ("1e-3", 1e-3)):
        accepted = sum(d < thresholds[name] - 1e-9 for d in impostors)
        # Not more than the rate, and with one pair more it would be.
        assert accepted <= rate * len(impostors)
        assert sum(d <= thresholds[name] + 1e-9 for d in impostors) > rate * len(impostors)


def test_few_strangers_set_no_false_accept_threshold() -> None:
    random = np.random.default_rng(0)
    assert false_accept_thresholds(embeddings(3, random), embeddings(99, random), metric="cosine") == {}
