import pytest
import torch
import torch.nn.functional as F

from guise.dpaf.networks.patches import PatchCosines


@pytest.mark.parametrize(("size", "side", "stride"), [(32, 1, 3), (28, 3, 3), (16, 5, 1), (32, 5, 2)])
def test_averages_and_their_gradients_are_those_of_a_convolution(size, side, stride):
    random = torch.Generator().manual_seed(0)
    filters, phases = torch.randn(6, 3, side, side, generator=random), torch.rand(6, generator=random)
    images = torch.randn(2, 3, size, size, generator=random, requires_grad=True)
    weights = torch.randn(2, 6 * 16, generator=random)
    ours = PatchCosines(filters, phases, stride=stride, grid=4)(images)
    theirs = F.adaptive_avg_pool2d(F.conv2d(images, filters, phases, stride=stride).cos(), 4).flatten(1)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    gradients = [torch.autograd.grad((means * weights).sum(), images)[0] for means in (ours, theirs)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)
