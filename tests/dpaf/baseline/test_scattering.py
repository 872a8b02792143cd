import torch

from guise.dpaf.baseline.features import BaselineFeatures
from guise.dpaf.baseline.scattering import ANGLES, GROUPS, MAPS, ScatteringTransform
from guise.dpaf.networks.scattering import morlets


def test_there_are_81_maps_a_channel_in_groups_of_one_kind():
    assert sum(GROUPS) == MAPS == 81
    assert ScatteringTransform(32)(torch.randn(2, 3, 32, 32)).shape == (2, 3, 81, 8, 8)


def test_flat_images_have_no_waves():
    maps = ScatteringTransform(28)(torch.full((1, 1, 28, 28), 0.7))
    assert torch.allclose(maps[:, :, 0], torch.tensor(0.7)) and maps[:, :, 1:].abs().max() < 1e-3


def test_stripes_are_told_by_their_angle():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    transform = ScatteringTransform(32)
    for step, stripes in ((0, x), (ANGLES // 2, y)):
        maps = transform(torch.cos(0.75 * torch.pi * stripes)[None, None])
        fine = maps[0, 0, 1 : 1 + ANGLES, 2:-2, 2:-2].mean((1, 2))
        assert int(fine.argmax()) == step


def test_moduli_are_those_of_a_convolution_written_out():
    image = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    real, imaginary = morlets(7, ANGLES, 0.8)[:, 0].double().chunk(2)
    padded = torch.nn.functional.pad(image, (3,) * 4, mode="reflect")[0, 0].double()
    windows = padded.unfold(0, 7, 1).unfold(1, 7, 1)
    waves = torch.complex(
        torch.einsum("yxij,aij->ayx", windows, real), torch.einsum("yxij,aij->ayx", windows, imaginary)
    )
    slow = waves.abs().view(ANGLES, 7, 4, 7, 4).mean((2, 4))
    assert torch.allclose(ScatteringTransform(28)(image)[0, 0, 1 : 1 + ANGLES].double(), slow, atol=1e-5)


def test_features_have_norm_1_and_no_image_affects_another():
    features, images = BaselineFeatures(3, 32), torch.rand(5, 3, 32, 32) * 2 - 1
    together = features(images)
    assert torch.allclose(together.norm(dim=1), torch.ones(5), atol=1e-4)
    images[0] = 1e30
    assert torch.allclose(features(images)[1:], together[1:], atol=1e-6)
