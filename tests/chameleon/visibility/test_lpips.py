import numpy as np
import pytest

from guise.chameleon.visibility.lpips import check_bound, load_lpips, lpips_is_here, mean_lpips
from guise.models.errors import InputError, WeightsError
from tests.lpips_trunk import put_into_cache, reference, trunk


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield put_into_cache(patch)


@pytest.fixture(scope="module")
def meter(place):
    assert place.is_file()
    return load_lpips()


@pytest.fixture
def face(astronaut):
    return np.asarray(astronaut.crop((80, 30, 170, 150)))


def noisy(face, amplitude):
    noise = np.random.default_rng(0).normal(size=face.shape)
    return (face + amplitude * noise).round().clip(0, 255).astype(np.uint8)


def test_it_is_what_the_package_computes(meter, face):
    assert meter.measure(face, noisy(face, 12)) == pytest.approx(reference(face, noisy(face, 12)), rel=1e-4)


def test_it_is_zero_for_equal_pictures_symmetric_and_grows_with_the_difference(meter, face):
    assert meter.measure(face, face.copy()) == 0
    distances = [meter.measure(face, noisy(face, amplitude)) for amplitude in (2, 6, 18, 54)]
    assert distances[0] > 0 and distances == sorted(distances)
    assert meter.measure(noisy(face, 18), face) == pytest.approx(distances[2], rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (16, 40, 3), (17, 17, 3)])
def test_faces_of_any_size_are_measured(meter, shape):
    dark, light = np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)
    assert meter.measure(dark, dark) == 0 < meter.measure(dark, light)


def test_a_bound_is_spent_in_proportion(meter, face):
    assert meter.spent(face, noisy(face, 12)) == 0
    distance = meter.measure(face, noisy(face, 12))
    assert load_lpips(at_most=distance / 2).spent(face, noisy(face, 12)) == pytest.approx(2)


def test_absent_and_damaged_weights_are_refused_with_what_to_do(place):
    place.unlink()
    try:
        assert not lpips_is_here()
        with pytest.raises(WeightsError, match=r"not on this machine; run `guise models fetch lpips-squeeze`"):
            load_lpips()
        place.write_bytes(trunk()[:-1])
        with pytest.raises(WeightsError, match=r"is not lpips-squeeze.*run `guise models fetch lpips-squeeze`"):
            load_lpips()
    finally:
        place.write_bytes(trunk())


@pytest.mark.parametrize("bound", [0, -0.1, float("nan"), float("inf"), "0.05", True])
def test_a_bound_that_makes_no_sense_is_refused(bound):
    with pytest.raises(InputError, match=r"`lpips=.*` is out of range"):
        check_bound(bound)


def test_the_mean_is_over_what_was_measured():
    assert mean_lpips([0.1, None, 0.3]) == pytest.approx(0.2)
    assert mean_lpips([None]) is None
