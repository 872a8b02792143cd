import numpy as np
import pytest
import torch

from guise.dpaf.networks.generator import Generator, smoothed


def checkerboard_share(images):
    """Share of the energy in the highest eighth of frequencies along both axes."""
    spectrum = np.abs(np.fft.fft2((images - images.mean((2, 3), keepdim=True)).detach().numpy())) ** 2
    high = np.abs(np.fft.fftfreq(images.shape[-1])) > 7 / 16
    return spectrum[..., high[:, None] & high].sum() / spectrum.sum()


def drawn(*, smooth, size):
    torch.manual_seed(0)
    generator = Generator(3, size, 2, latent=8, width=16, smooth=smooth)
    torch.nn.init.normal_(generator.last.weight, std=0.05)  # the four pixels of each place have nothing in common
    return generator(torch.randn(16, 8), torch.arange(16) % 2)


@pytest.mark.parametrize("size", [28, 32, 64])
def test_no_weights_of_the_last_layer_paint_a_checkerboard(size):
    assert checkerboard_share(drawn(smooth=False, size=size)) > 0.02
    assert checkerboard_share(drawn(smooth=True, size=size)) < 1e-4


def test_smoothing_is_a_convolution_with_one_two_one():
    images = torch.randn(2, 3, 9, 8)
    kernel = torch.tensor([1.0, 2, 1]) / 4
    weight = torch.outer(kernel, kernel).expand(3, 1, 3, 3)
    padded = torch.nn.functional.pad(images, (1,) * 4, mode="replicate")
    torch.testing.assert_close(smoothed(images), torch.nn.functional.conv2d(padded, weight, groups=3))


def test_smoothing_keeps_brightness():
    images = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(smoothed(torch.full_like(images, 0.3)), torch.full_like(images, 0.3))
