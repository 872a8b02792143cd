import copy

import pytest
import torch
from torch import nn

from guise.models.networks.frozen import FrozenPReLU, frozen


@pytest.mark.parametrize(("slopes", "shape"), [(1, (2, 4, 5, 5)), (4, (2, 4, 5, 5)), (4, (3, 4))])
def test_a_frozen_prelu_is_the_same_function_with_the_same_gradient(slopes, shape):
    layer = nn.PReLU(slopes)
    layer.weight.data.uniform_(-0.5, 1.5, generator=torch.manual_seed(0))
    images = torch.randn(shape, generator=torch.manual_seed(1)).requires_grad_(True)
    upstream = torch.randn(shape, generator=torch.manual_seed(2))
    expected, fast = layer(images), FrozenPReLU(layer.weight)(images)
    torch.testing.assert_close(fast, expected)
    gradients = [torch.autograd.grad(result, images, upstream)[0] for result in (fast, expected)]
    torch.testing.assert_close(*gradients)


def test_a_network_computes_what_it_did_before():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.PReLU(8), nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, groups=8), nn.PReLU())
    ).requires_grad_(False)
    images = torch.rand(2, 3, 17, 17, generator=torch.manual_seed(0))
    fast = frozen(copy.deepcopy(network))
    torch.testing.assert_close(fast(images), network(images))
    assert not any(isinstance(layer, nn.PReLU) for layer in fast.modules())
    torch.testing.assert_close(copy.deepcopy(fast).double()(images.double()).float(), network(images))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(fast(images).float(), network(images).float(), rtol=0.05, atol=0.05)
