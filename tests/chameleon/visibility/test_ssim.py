import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from guise.chameleon.visibility.ssim import ssim


@settings(max_examples=20, deadline=None)
@given(height=st.integers(11, 40), width=st.integers(11, 40), noise=st.floats(0, 0.5), seed=st.integers(0, 99))
def test_is_that_of_scikit_image(height, width, noise, seed):
    random = np.random.default_rng(seed)
    a = random.uniform(size=(height, width, 3)).astype(np.float32)
    b = np.clip(a + noise * random.normal(size=a.shape), 0, 1).astype(np.float32)
    expected = structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
    )
    ours = ssim(*(torch.from_numpy(x).permute(2, 0, 1)[None] for x in (a, b)))
    assert float(ours) == pytest.approx(float(expected), abs=1e-4)


def test_identical_images_have_one_and_gradients_are_finite():
    image = torch.rand(2, 3, 20, 20)
    same = image.clone().requires_grad_(True)
    value = ssim(image, same)
    torch.testing.assert_close(value, torch.ones(2))
    value.sum().backward()
    assert same.grad.isfinite().all()
