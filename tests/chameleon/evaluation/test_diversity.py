from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from guise.chameleon.evaluation.diversity import (
    focal_diversity,
    generalised_diversity,
    measure_failures,
    rank1_failures,
    rank_teams,
)
from guise.models.errors import FaceError, InputError

tables = st.tuples(st.integers(2, 5), st.integers(1, 12)).flatmap(lambda shape: arrays(bool, shape))


def by_hand(failures, focal):
    """The formula as it is printed, one query after another."""
    size = len(failures)
    wrong = [q for q in range(failures.shape[1]) if failures[focal, q]]
    if not wrong:
        return None
    p = {
        j: sum(sum(bool(failures[m, q]) for m in range(size)) == j for q in wrong) / len(wrong) for j in range(size + 1)
    }
    p1 = sum(j / size * p[j] for j in p)
    p2 = sum(j * (j - 1) / (size * (size - 1)) * p[j] for j in p)
    return 1 - p2 / p1


@given(tables)
def test_diversity_is_the_formula(failures):
    expected = [by_hand(failures, focal) for focal in range(len(failures))]
    measured = [generalised_diversity(failures, focal) for focal in range(len(failures))]
    assert measured == [None if value is None else pytest.approx(value) for value in expected]
    known = [value for value in expected if value is not None]
    assert focal_diversity(failures) == pytest.approx(sum(known) / len(known) if known else 0)
    assert 0 <= focal_diversity(failures) <= 1


def test_extremes():
    apart, alike = np.eye(4, dtype=bool), np.ones((4, 3), dtype=bool)
    assert focal_diversity(apart) == 1 and focal_diversity(alike) == 0
    assert focal_diversity(np.zeros((3, 5), dtype=bool)) == 0 and focal_diversity(np.ones((1, 2), dtype=bool)) == 0
    assert generalised_diversity(np.array([[True, True], [False, False]]), 1) is None
    with pytest.raises(ValueError, match="two members"):
        generalised_diversity(np.ones((1, 2), dtype=bool), 0)


@given(arrays(bool, (5, 9)), st.integers(2, 5))
def test_all_teams_are_ranked(failures, size):
    pool = {f"net-{index}": row for index, row in enumerate(failures)}
    teams = rank_teams(pool, size=size)
    assert {team.members for team in teams} == set(combinations(pool, size))
    assert [team.diversity for team in teams] == sorted((team.diversity for team in teams), reverse=True)
    for team in teams:
        table = np.stack([pool[name] for name in team.members])
        assert team.diversity == focal_diversity(table) and team.accuracy == pytest.approx((~table).mean())


@pytest.mark.parametrize("size", [-1, 0, 1, 4])
def test_a_team_larger_than_the_pool_or_of_one_is_refused(size):
    with pytest.raises(InputError, match=f"a team of {size} "):
        rank_teams({name: np.ones(2, dtype=bool) for name in "abc"}, size=size)


def test_a_query_fails_where_somebody_else_is_nearest():
    embeddings = np.array([[0.0, 0], [1, 0], [1.1, 0], [5, 5], [9, 0]])
    people = np.array(["a", "a", "b", "b", "c"])
    # c has one photo: in the gallery, but no query.
    assert rank1_failures(embeddings, people, metric="euclidean").tolist() == [False, True, True, False]


def test_one_person_alone_shows_no_failures(tmp_path, reader):
    from guise.chameleon import demo

    demo.make_photos(tmp_path / "me")
    with pytest.raises(FaceError, match="one folder a person"):
        measure_failures(tmp_path, reader.detector, [reader.recogniser])
