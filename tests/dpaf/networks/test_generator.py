import numpy as np
import pytest
import torch

from guise.dpaf.networks.designs import CURRENT, FIRST, KNOWN, SHARP, SMOOTHED
from guise.dpaf.networks.generator import Generator


def checkerboard_share(images):
    """Share of the energy in the highest eighth of frequencies along both axes."""
    spectrum = np.abs(np.fft.fft2((images - images.mean((2, 3), keepdim=True)).detach().numpy())) ** 2
    high = np.abs(np.fft.fftfreq(images.shape[-1])) > 7 / 16
    return spectrum[..., high[:, None] & high].sum() / spectrum.sum()


def drawn(design, size):
    torch.manual_seed(0)
    generator = Generator(3, size, 2, latent=8, width=16, design=design)
    torch.nn.init.normal_(generator.last.weight, std=0.05)  # an earlier one's four pixels have nothing in common now
    if design in (SHARP, CURRENT):
        torch.nn.init.normal_(generator.stages[-1][0].weight, std=0.05)  # of noise as well, which begins small
    return generator(torch.randn(16, 8), torch.arange(16) % 2)


@pytest.mark.parametrize("size", [28, 32, 64])
def test_smoothing_keeps_the_last_layer_from_painting_checkerboards(size):
    assert checkerboard_share(drawn(FIRST, size)) > 0.02
    assert checkerboard_share(drawn(SMOOTHED, size)) < 1e-4


@pytest.mark.parametrize("size", [28, 32, 64])
def test_noise_of_each_place_makes_no_checkerboard(size):
    assert checkerboard_share(drawn(SHARP, size)) > 1e-3
    assert checkerboard_share(drawn(CURRENT, size)) < 0.1 * checkerboard_share(drawn(SHARP, size))


def test_doubling_a_grid_leaves_no_lattice():
    torch.manual_seed(0)
    for stage in list(Generator(1, 64, 2, latent=8, width=16).eval().stages)[:-1]:
        torch.nn.init.normal_(stage[0].weight)  # the four places of each one have nothing in common
        alike = torch.randn(2, stage[0].in_channels, 1, 1).expand(-1, -1, 8, 8)
        inner = stage(alike)[:, :, 3:-3, 3:-3]
        assert inner.shape[2:] == (10, 10) and inner.max() > 1
        torch.testing.assert_close(inner, inner[:, :, :1, :1].expand_as(inner))


def test_images_of_one_draw_come_again_and_places_have_noise_of_their_own():
    torch.manual_seed(0)
    generator, labels = Generator(1, 32, 2, latent=8, width=16), torch.zeros(4, dtype=torch.int64)
    one, again = (generator.draw(labels, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, again)
    alike = torch.zeros(4, 8)
    assert generator(alike, labels).std(0).min() > 0


@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("design", KNOWN)
def test_images_are_of_their_size_and_gradients_reach_every_weight(design, size):
    generator = Generator(1, size, 3, latent=4, width=8, design=design)
    images = generator(torch.randn(6, 4), torch.arange(6) % 3)
    assert images.shape == (6, 1, size, size) and images.abs().max() <= 1
    images.square().mean().backward()
    assert all(weight.grad.abs().sum() > 0 for name, weight in generator.named_parameters() if "weight" in name)
