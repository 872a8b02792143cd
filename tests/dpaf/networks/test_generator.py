import numpy as np
import pytest
import torch

from guise.dpaf.networks.designs import CURRENT, FIRST, KNOWN, SMOOTHED
from guise.dpaf.networks.generator import Generator, smoothed


def checkerboard_share(images):
    """Share of the energy in the highest eighth of frequencies along both axes."""
    spectrum = np.abs(np.fft.fft2((images - images.mean((2, 3), keepdim=True)).detach().numpy())) ** 2
    high = np.abs(np.fft.fftfreq(images.shape[-1])) > 7 / 16
    return spectrum[..., high[:, None] & high].sum() / spectrum.sum()


def drawn(design, size):
    torch.manual_seed(0)
    generator = Generator(3, size, 2, latent=8, width=16, design=design)
    torch.nn.init.normal_(generator.last.weight, std=0.05)  # an earlier one's four pixels have nothing in common now
    return generator(torch.randn(16, 8), torch.arange(16) % 2)


@pytest.mark.parametrize("size", [28, 32, 64])
def test_smoothing_keeps_the_last_layer_from_painting_checkerboards(size):
    assert checkerboard_share(drawn(FIRST, size)) > 0.02
    assert checkerboard_share(drawn(SMOOTHED, size)) < 1e-4
    assert checkerboard_share(drawn(CURRENT, size)) < 1e-3


@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("design", KNOWN)
def test_images_are_of_their_size_and_gradients_reach_every_weight(design, size):
    generator = Generator(1, size, 3, latent=4, width=8, design=design)
    images = generator(torch.randn(6, 4), torch.arange(6) % 3)
    assert images.shape == (6, 1, size, size) and images.abs().max() <= 1
    images.square().mean().backward()
    assert all(weight.grad.abs().sum() > 0 for name, weight in generator.named_parameters() if "weight" in name)


@pytest.mark.parametrize("neighbour", [0.25, 0.2])
def test_smoothing_is_a_convolution(neighbour):
    images = torch.randn(2, 3, 9, 8)
    kernel = torch.tensor([neighbour, 1 - 2 * neighbour, neighbour])
    weight = torch.outer(kernel, kernel).expand(3, 1, 3, 3)
    padded = torch.nn.functional.pad(images, (1,) * 4, mode="replicate")
    torch.testing.assert_close(smoothed(images, neighbour), torch.nn.functional.conv2d(padded, weight, groups=3))


def test_smoothing_keeps_brightness():
    images = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(smoothed(torch.full_like(images, 0.3), 0.2), torch.full_like(images, 0.3))
