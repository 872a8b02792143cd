import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.models.errors import InputError
from tests.dpaf import oracles


def network(kernel=3, stride=1, padding: int | str = 1, channels=4, bias=True):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, channels, kernel, stride, padding, bias=bias),
        nn.InstanceNorm2d(channels),
        nn.Tanh(),
        nn.Conv2d(channels, 3, 1),
        nn.Flatten(),
        nn.LazyLinear(2, bias=bias),
    )


def squares(module):
    return lambda x, y: (module(x) - y).square().sum(1)


def step_of(module, **changed):
    given_ = {"max_norm": 0.5, "noise_multiplier": 1.0, "divisor": 8.0} | changed
    return PrivateStep(module, **given_)


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 7),
    size=st.integers(6, 9),  # instance normalisation needs two places at least
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.sampled_from([0, 1, "same"]),
    channels=st.integers(1, 40),
    bias=st.booleans(),
    chunk=st.integers(1, 8),
)
def test_equals_one_record_at_a_time(count, size, kernel, stride, padding, channels, bias, chunk):
    if padding == "same":
        kernel, stride = kernel | 1, 1
    module = network(kernel, stride, padding, channels, bias)
    x, y = torch.randn(count, 2, size, size), torch.randn(count, 2)
    module(x)
    fast = step_of(module, physical_batch_size=chunk).clipped_sums((x, y), squares(module))
    slow = oracles.clipped_sums(module, (x, y), squares(module), max_norm=0.5)
    assert fast.keys() == slow.keys()
    for name in slow:
        torch.testing.assert_close(fast[name], slow[name], atol=2e-5, rtol=1e-4)


def test_frozen_layers_get_no_gradient_and_do_not_count_in_the_norm():
    module = network()
    x, y = torch.randn(5, 2, 6, 6), torch.randn(5, 2)
    module(x)
    module[0].requires_grad_(False)
    fast = step_of(module).clipped_sums((x, y), squares(module))
    assert not any(name.startswith("0.") for name in fast)
    slow = oracles.clipped_sums(module, (x, y), squares(module), max_norm=0.5)
    for name in slow:
        torch.testing.assert_close(fast[name], slow[name], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", oracles.HOSTILE)
def test_no_record_moves_the_sum_by_more_than_the_bound(kind):
    module = network()
    x, y = torch.randn(6, 2, 6, 6), torch.randn(6, 2)
    module(x)
    bad = oracles.HOSTILE[kind](x[:1].shape)
    for label in (y[:1], torch.full((1, 2), 1e30), torch.full((1, 2), torch.nan)):
        step = step_of(module, physical_batch_size=4)
        without = step.clipped_sums((x, y), squares(module))
        for place in (0, 6):
            with_ = step.clipped_sums(
                (torch.cat([x[:place], bad, x[place:]]), torch.cat([y[:place], label, y[place:]])), squares(module)
            )
            change = oracles.norm({name: with_[name] - without[name] for name in with_})
            assert change <= 0.5, (kind, change)


@pytest.mark.parametrize("size", [1e3, 1e6, 1e9, 1e15])
@pytest.mark.parametrize("width", [4, 300])
def test_terms_that_cancel_cannot_hide_a_norm_in_rounding(size, width):
    module = nn.Linear(width, width, bias=False)
    random = torch.Generator().manual_seed(0)
    for _ in range(10):
        places = torch.randn(1, 6, width, generator=random)
        bad = size * torch.cat([places, -places + 3 / size * torch.randn(1, 6, width, generator=random)], 1)
        sums = step_of(module).clipped_sums((bad,), lambda x: module(x).sum((1, 2)))
        assert oracles.norm(sums) <= 0.5


@pytest.mark.parametrize("size", [1e-10, 1e-23, 1e-25])
def test_terms_that_cancel_are_found_where_gradients_are_tiny(size):
    module = nn.Linear(4, 4, bias=False)
    others = torch.ones(3, 2, 4)
    places = torch.full((1, 1, 4), 1e12 / size)
    bad = torch.cat([places, -places], 1)
    weights = torch.tensor([1.0, 1.0, 1.0, size]).view(4, 1, 1)
    alone = step_of(module).clipped_sums((others, weights[:3]), lambda x, w: (w * module(x)).sum((1, 2)))
    both = step_of(module).clipped_sums((torch.cat([others, bad]), weights), lambda x, w: (w * module(x)).sum((1, 2)))
    assert oracles.norm({"weight": both["weight"] - alone["weight"]}) <= 0.5


def test_a_gradient_above_the_bound_is_used_in_full():
    module = network()
    x, y = torch.randn(1, 2, 6, 6), torch.full((1, 2), 50.0)
    module(x)
    assert oracles.norm(step_of(module).clipped_sums((x, y), squares(module))) == pytest.approx(0.5, rel=2e-3)


def test_the_physical_batch_size_does_not_change_the_result():
    module = network()
    x, y = torch.randn(13, 2, 6, 6), torch.randn(13, 2)
    module(x)
    results = [
        step_of(module, physical_batch_size=size)((x, y), squares(module), np.random.default_rng(3))
        for size in (1, 4, 13, 100)
    ]
    for other in results[1:]:
        for name, value in results[0].items():
            torch.testing.assert_close(other[name], value, atol=1e-6, rtol=1e-5)


def test_an_empty_batch_gives_noise_of_the_usual_scale():
    module = network()
    module(torch.zeros(1, 2, 6, 6))
    noise = step_of(module)((torch.zeros(0, 2, 6, 6), torch.zeros(0, 2)), squares(module), np.random.default_rng(0))
    values = torch.cat([value.flatten() for value in noise.values()])
    assert len(values) > 100 and float(values.std()) == pytest.approx(0.5 / 8, rel=0.2)


@pytest.mark.parametrize(("factor", "accepted"), [(1.0, True), (2 / 3, False), (1.5, False)])
def test_noise_has_the_scale_that_was_paid_for(factor, accepted):
    module = nn.Linear(100, 100)
    x = torch.zeros(1, 100)
    step = step_of(module, noise_multiplier=2.0 * factor)
    drawn = step((x[:0],), lambda x: module(x).sum(1), np.random.default_rng(1))["weight"] * 8.0
    statistic = float(drawn.double().square().mean()) / (2.0 * 0.5) ** 2  # 10,000 draws: its deviation is 0.014
    assert (abs(statistic - 1) < 0.07) is accepted


class Halved(nn.Linear):
    def forward(self, x):
        return super().forward(x) / 2


@pytest.mark.parametrize(
    ("module", "word"),
    [
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)), "mixes records"),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)), "GroupNorm"),
        (nn.Conv2d(2, 4, 3, groups=2), "Conv2d"),
        (nn.InstanceNorm2d(3, track_running_stats=True), "remembers"),
        (nn.Tanh(), "no trainable"),
        (Halved(3, 3), "Halved"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), "Linear"),
    ],
)
def test_modules_without_per_record_gradients_are_refused(module, word):
    with pytest.raises(InputError, match=word):
        step_of(module)


def test_a_layer_whose_output_is_overwritten_is_refused():
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True))
    with pytest.raises(InputError, match="in place"):
        step_of(module).clipped_sums((torch.randn(2, 3),), lambda x: module(x).sum(1))


def test_a_layer_used_twice_is_refused():
    module = nn.Linear(3, 3)
    with pytest.raises(InputError, match="twice"):
        step_of(module).clipped_sums((torch.randn(2, 3),), lambda x: module(module(x)).sum(1))


def test_a_loss_that_passes_the_module_over_is_refused():
    with pytest.raises(InputError, match="does not call the module"):
        step_of(nn.Linear(3, 3)).clipped_sums((torch.randn(2, 3),), lambda x: x.sum(1))


@pytest.mark.parametrize("places", [3, 4])
def test_layers_whose_rows_are_not_records_are_refused(places):
    module = nn.Linear(2, 2)
    sequence_first = torch.randn(4, places, 2)
    with pytest.raises(InputError, match="batch dimension first"):
        step_of(module).clipped_sums((sequence_first,), lambda x: module(x.transpose(0, 1)).sum((0, 2)))


@pytest.mark.parametrize("coupled", [lambda losses: losses - losses.mean(), lambda losses: losses.cumsum(0)])
def test_a_loss_that_couples_records_is_refused(coupled):
    module = nn.Linear(3, 3)

    def loss(x):
        return coupled(module(x).square().sum(1))

    with pytest.raises(InputError, match="depends on others"):
        step_of(module).clipped_sums((torch.randn(2, 3),), loss)


def test_a_hostile_record_does_not_look_like_a_coupled_loss():
    module = nn.Linear(3, 3)
    x = torch.tensor([[1.0, 1, 1], [3e38, 3e38, -3e38], [torch.nan, 1, 1]])
    sums = step_of(module).clipped_sums((x,), lambda x: module(x).square().sum(1))
    assert 0 < oracles.norm(sums) <= 1.0


def test_a_loss_over_the_batch_is_refused():
    module = nn.Linear(3, 3)
    with pytest.raises(InputError, match="one value for each record"):
        step_of(module).clipped_sums((torch.randn(2, 3),), lambda x: module(x).mean())
