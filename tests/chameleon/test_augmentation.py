import torch

from chameleon.augmentation import vary


def test_same_seed_same_variation_and_others_differ():
    crops = torch.rand(3, 3, 40, 40)
    one, same, other = (vary(crops, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(one, same)
    assert (one - other).abs().max() > 0.01


def test_shape_and_range_are_kept_and_gradients_flow_whatever_is_drawn():
    crops = torch.rand(4, 3, 30, 30)
    random = torch.Generator().manual_seed(0)
    for _ in range(30):
        given = crops.clone().requires_grad_(True)
        varied = vary(given, random)
        assert varied.shape == crops.shape
        assert varied.min() >= 0 and varied.max() <= 1
        varied.sum().backward()
        assert given.grad.isfinite().all() and given.grad.abs().sum() > 0
