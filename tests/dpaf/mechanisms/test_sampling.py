import numpy as np
import pytest

from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.mechanisms.sampling import PoissonSampler
from guise.models.errors import InputError


def test_each_record_is_drawn_independently_with_the_rate():
    generator = np.random.default_rng(0)
    sampler = PoissonSampler(1000, 0.1)
    draws = np.zeros((400, 1000))
    for row in draws:
        row[sampler.draw(generator)] = 1
    sizes = draws.sum(1)
    assert abs(sizes.mean() - 100) < 3 * np.sqrt(90 / 400)
    # Batches of a fixed size, or an epoch shuffled and cut, would have variance 0.
    assert 0.75 < sizes.var() / 90 < 1.3
    assert abs(draws.mean(0) - 0.1).max() < 5 * np.sqrt(0.09 / 400)
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.2


def test_empty_batches_and_whole_datasets_are_drawn():
    assert PoissonSampler(3, 1.0).draw(np.random.default_rng(0)).tolist() == [0, 1, 2]
    assert len(PoissonSampler(1, 1e-9).draw(np.random.default_rng(0))) == 0


@pytest.mark.parametrize(("records", "rate"), [(0, 0.5), (5, 0.0), (5, 1.5), (5, float("nan")), (5, -0.1)])
def test_rates_and_counts_out_of_range_are_refused(records, rate):
    with pytest.raises(InputError):
        PoissonSampler(records, rate)


def test_streams_differ_by_purpose_and_place_and_from_process_to_process():
    draw = lambda streams, purpose, index: streams.numpy(purpose, index).random()  # noqa: E731
    seeded = [Streams(unsafe_seed=1) for _ in range(2)]
    assert draw(seeded[0], "noise", 0) == draw(seeded[1], "noise", 0)
    values = {draw(seeded[0], purpose, index) for purpose in ("noise", "sampling") for index in range(3)}
    values |= {draw(Streams(), "noise", 0), draw(Streams(), "noise", 0), draw(Streams(unsafe_seed=2), "noise", 0)}
    assert len(values) == 9


def test_each_run_has_streams_of_its_own_and_a_seed_s_are_the_same_in_all():
    streams, seeded = Streams(), Streams(unsafe_seed=1)
    key = lambda streams: streams.numpy("noise", 0).bit_generator.state["state"]["key"].tobytes()  # noqa: E731
    runs = ["a", "b", "a"]
    first, second, again = (key(streams.of_run(run)) for run in runs)
    assert first == again and len({first, second, key(streams)}) == 3
    assert len({key(seeded.of_run(run)) for run in runs} | {key(seeded)}) == 1


@pytest.mark.parametrize("seed", [False, True, 1.0, "1", np.int64(1)])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(InputError, match="give a whole number"):
        Streams(unsafe_seed=seed)
