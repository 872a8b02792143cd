import pytest
import torch
import torch.nn.functional as F

from guise.dpaf.networks.fixed_filters import halved, pooled, smoothed, without_checkerboard


def test_smoothing_is_a_convolution_with_one_two_one():
    images = torch.randn(2, 3, 9, 8)
    kernel = torch.tensor([1.0, 2, 1]) / 4
    weight = torch.outer(kernel, kernel).expand(3, 1, 3, 3)
    padded = F.pad(images, (1,) * 4, mode="replicate")
    torch.testing.assert_close(smoothed(images), F.conv2d(padded, weight, groups=3))


def test_smoothing_keeps_brightness():
    images = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(smoothed(torch.full_like(images, 0.3)), torch.full_like(images, 0.3))


def test_gradients_of_smoothing_are_those_of_the_convolution():
    images = torch.randn(2, 1, 5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(smoothed, (images,))


def test_only_what_alternates_along_both_axes_is_taken_out():
    at = torch.arange(32.0)
    rows, gentle = (-1.0) ** at, torch.cos(torch.pi / 2 * at)
    inner = (..., slice(4, -4), slice(4, -4))
    for along, across, kept in ((rows, rows, 0), (rows, gentle, 0.75), (gentle, gentle, 0.94), (rows, rows**2, 1)):
        image = torch.outer(along, across)[None, None]
        left = (without_checkerboard(image) * image)[inner].sum() / image[inner].square().sum()
        assert float(left) == pytest.approx(kept, abs=0.01)


@pytest.mark.parametrize(("side", "grid"), [(16, 7), (12, 4), (28, 14), (8, 8), (40, 7)])
def test_averages_are_those_of_torch(side, grid):
    maps = torch.randn(2, 3, side, side)
    torch.testing.assert_close(pooled(maps, grid), F.adaptive_avg_pool2d(maps, grid))


@pytest.mark.parametrize("side", [7, 16, 28])
def test_half_the_size_is_a_convolution_with_a_gaussian(side):
    at = torch.arange(5.0) - 2
    line = torch.exp(-at.square() / 2)
    kernel = (torch.outer(line, line) / line.sum() ** 2).expand(3, 1, 5, 5)
    maps = torch.randn(2, 3, side, side)
    theirs = F.conv2d(F.pad(maps, (2,) * 4, mode="reflect"), kernel, stride=2, groups=3)
    torch.testing.assert_close(halved(maps), theirs)
