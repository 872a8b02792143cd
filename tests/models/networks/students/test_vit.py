import torch

from guise.models.networks.students.vit import PATCH, SIDE, ViT


def test_what_the_patch_embedding_ignores_never_enters_the_network() -> None:
    torch.manual_seed(0)
    network = ViT().double().eval()
    images = torch.rand(1, 3, SIDE, SIDE, dtype=torch.float64)
    weight = network.patches.weight.flatten(1)  # (192, 588)
    values = torch.randn(weight.shape[1], (SIDE // PATCH) ** 2, dtype=torch.float64)
    ignored = values - torch.linalg.pinv(weight) @ (weight @ values)
    change = torch.nn.functional.fold(ignored[None], (SIDE, SIDE), PATCH, stride=PATCH)
    assert change.std() > 0.5  # by no means a small one
    torch.testing.assert_close(network(images + change), network(images), rtol=0, atol=1e-9)
    assert (network(images + 0.01 * torch.randn_like(images)) - network(images)).abs().max() > 1e-6
