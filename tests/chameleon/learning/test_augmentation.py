import torch

from guise.chameleon.learning import augmentation
from guise.chameleon.learning.augmentation import vary


def test_same_seed_same_variation_and_others_differ():
    crops = torch.rand(3, 3, 40, 40)
    first, same, other = (vary(crops, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(first, same)
    assert (first - other).abs().max() > 0.01


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


def test_compressed_crops_are_those_of_jpeg_and_pass_gradients_unchanged():
    crops = torch.rand(2, 3, 32, 32, generator=torch.manual_seed(0)).requires_grad_(True)
    compressed = augmentation._compressed(crops, torch.Generator().manual_seed(0))
    levels = 255 * compressed.detach()
    torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
    assert 0.01 < (compressed - crops).abs().mean() < 0.3
    (gradient,) = torch.autograd.grad((compressed * 3).sum(), crops)
    torch.testing.assert_close(gradient, torch.full_like(crops, 3))


def test_each_crop_is_hidden_and_framed_in_its_own_way():
    crops = torch.rand(1, 3, 30, 30, generator=torch.manual_seed(0)).expand(2, -1, -1, -1)
    hidden = augmentation._hidden(crops, torch.Generator().manual_seed(1))
    framed = augmentation._framed(crops, torch.Generator().manual_seed(1))
    assert ((hidden == 0.5).all(1).sum((1, 2)) == 100).all() and (hidden[0] != hidden[1]).any()
    assert (framed[0] != framed[1]).any() and (framed != crops).any()
