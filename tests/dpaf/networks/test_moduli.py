import pytest
import torch
import torch.nn.functional as F

from guise.dpaf.networks.moduli import Moduli
from guise.dpaf.networks.scattering import morlets


def written_out(planes, filters):
    width = filters.shape[-1]
    padded = F.pad(planes.unsqueeze(1), (width // 2,) * 4, mode="reflect")
    real, imaginary = F.conv2d(padded, filters).chunk(2, 1)
    return (real.square() + imaginary.square() + 1e-8).sqrt()


@pytest.mark.parametrize("side", [14, 16, 28, 32, 64])
def test_moduli_and_their_gradients_are_those_of_a_convolution(side):
    filters, random = morlets(7, 8, 1.3), torch.Generator().manual_seed(0)
    planes = torch.randn(3, side, side, generator=random, requires_grad=True)
    weights = torch.randn(3, 8, side, side, generator=random)
    ours, theirs = Moduli(filters, side)(planes), written_out(planes, filters)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad((moduli * weights).sum(), planes)[0] for moduli in (ours, theirs)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_planes_of_one_brightness_have_gradients():
    planes = torch.full((2, 16, 16), 0.3, requires_grad=True)
    Moduli(morlets(7, 8, 1.3), 16)(planes).sum().backward()
    assert planes.grad.isfinite().all()
