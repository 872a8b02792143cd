import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from guise.chameleon.visibility.filters import gaussian, separable


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 99), st.sampled_from([(12, 15), (12, 515), (640, 130)]))
def test_two_windows_are_their_outer_product_on_each_channel(along_x, along_y, seed, size):
    random = torch.Generator().manual_seed(seed)
    images = torch.rand(2, 3, *size, generator=random, dtype=torch.float64)
    rows = torch.rand(2 * along_x + 1, generator=random, dtype=torch.float64)
    columns = torch.rand(2 * along_y + 1, generator=random, dtype=torch.float64)
    kernel = torch.outer(columns, rows).expand(3, 1, -1, -1)
    torch.testing.assert_close(separable(images, rows, columns), F.conv2d(images, kernel, groups=3))


@given(st.floats(0.3, 3))
def test_a_gaussian_has_its_variance_and_sum_one(sigma):
    window = gaussian(radius=20, sigma=sigma).double()
    x = torch.arange(-20, 21)
    assert abs(float(window.sum()) - 1) < 1e-6 and abs(float((window * x).sum())) < 1e-9
    assert sigma < 1 or abs(float((window * x**2).sum()) / sigma**2 - 1) < 1e-3
