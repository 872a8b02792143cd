import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.faces.embedding import distances, embed, similarity


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_similarity_is_the_cosine_around_the_population(seed, factor):
    random = np.random.default_rng(seed)
    a, b, population = random.normal(size=(3, 16))
    cosine = (a - population) @ (b - population) / np.linalg.norm(a - population) / np.linalg.norm(b - population)
    assert similarity(a, b, population) == pytest.approx(cosine)
    # How far an embedding lies from the population makes no difference.
    assert similarity(population + factor * (a - population), b, population) == pytest.approx(cosine)
    assert similarity(a, a, population) == pytest.approx(1)
    assert similarity(a, 2 * population - a, population) == pytest.approx(-1)


def slow_distance(a, b, metric):
    if metric == "euclidean":
        return np.linalg.norm(a - b)
    return 1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


@given(st.tuples(st.integers(2, 6), st.integers(2, 6)), st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_distances_are_the_plain_formulas(metric, counts, seed):
    random = np.random.default_rng(seed)
    a, b = (random.normal(size=(count, 5)) for count in counts)
    expected = [[slow_distance(x, y, metric) for y in b] for x in a]
    np.testing.assert_allclose(distances(a, b, metric=metric), expected, atol=1e-7)


def test_an_embedding_at_the_population_is_similar_to_nobody():
    assert similarity(np.ones(4), np.arange(4.0), np.ones(4)) == 0


def test_faces_are_embedded_alike_whatever_comes_with_them(astronaut, reader):
    pixels = np.asarray(astronaut)
    (face,) = reader.read(pixels, name="a.jpg")
    assert face.photo == "a.jpg"
    many = reader.embed([(pixels[:, ::-1], face.face), (pixels, face.face)])
    np.testing.assert_allclose(many[1], face.embedding, atol=1e-5)
    assert np.linalg.norm(many[0] - many[1]) > 0.1
    assert embed([], reader.recogniser).shape == (0, 128)
