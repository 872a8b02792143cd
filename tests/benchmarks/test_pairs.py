import numpy as np
import pytest

from benchmarks import pairs
from benchmarks.pairs import linked_pairs, pooled
from guise.chameleon.evaluation.retrieval import false_accept_thresholds


class Judge:
    name, metric, threshold, kin, weights = "judge", "euclidean", 0.6, "", ""

    def embed(self, _pixels: np.ndarray, _near: np.ndarray | None) -> np.ndarray | None:
        raise NotImplementedError


def at(*places: float | None) -> list[np.ndarray | None]:
    return [None if place is None else np.array([place]) for place in places]


STRANGERS = 1000 + np.arange(100.0)[:, None] ** 2


def test_pairs_are_of_different_photos_and_counted_by_kind():
    counts = linked_pairs(
        Judge(), at(0, 0.1, 0.2), at(0.05, 50, 50.1), unseen=[False, True, True], strangers=STRANGERS[:50]
    )
    assert counts == {
        "clean": {"pairs": 3, "own": 3},
        "clean-protected": {"pairs": 6, "own": 2},  # the first copy with the two other originals, not with its own
        "clean-unseen": {"pairs": 4, "own": 0},
        "protected": {"pairs": 3, "own": 1},
    }


def test_thresholds_at_false_accept_rates_come_from_strangers():
    limits = false_accept_thresholds(np.zeros((2, 1)), STRANGERS, metric="euclidean")
    between = (limits["1e-2"] + limits["1e-3"]) / 2
    counts = linked_pairs(Judge(), at(0, 0), at(between, between), unseen=[True, True], strangers=STRANGERS)
    assert counts["clean-protected"] == {"pairs": 2, "own": 0, "1e-2": 2, "1e-3": 0}


def test_a_photo_without_face_or_copy_is_in_no_pair():
    counts = linked_pairs(Judge(), at(0, None), at(0, 0), unseen=[True, True], strangers=STRANGERS)
    assert {kind: of["pairs"] for kind, of in counts.items()} == {
        "clean": 0, "clean-protected": 1, "clean-unseen": 1, "protected": 1,
    }  # fmt: skip


def test_users_pairs_count_alike_and_cells_show_how_many():
    small = {kind: {"pairs": 1, "own": 1, "1e-2": 1, "1e-3": 0} for kind in pairs.KINDS}
    large = {kind: {"pairs": 9, "own": 0, "1e-2": 0, "1e-3": 0} for kind in pairs.KINDS}
    cells = pairs.cells(pooled([small, large]))
    assert len(cells) == len(pairs.HEADINGS)
    assert cells[0] == "10 % (1 of 10)" and cells[-1] == "0 % (0 of 10)"
    assert pairs.cells({"clean": {"pairs": 3, "own": 1}})[0] == "–"


@pytest.mark.parametrize("kind", pairs.KINDS)
def test_no_pair_is_a_dash_not_a_zero(kind: str):
    empty = {kind: {"pairs": 0, "own": 0, "1e-2": 0, "1e-3": 0}}
    assert set(pairs.cells(empty)) == {"–"}
