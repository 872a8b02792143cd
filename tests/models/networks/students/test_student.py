import pytest
import torch
from torch import nn

from guise.models.networks.students import NETWORKS, SPACE, Student


def _bare(teachers: int) -> Student:
    """A student whose backbone hands its input through."""
    student = Student("vit", teachers=teachers)
    student.backbone = nn.Flatten()
    return student


@pytest.mark.parametrize("given", [torch.float64, torch.float32, torch.half, torch.bfloat16])
def test_embeddings_are_normalised_in_single_precision_or_better(given: torch.dtype) -> None:
    images = torch.rand(3, 2 * SPACE, 1, 1, generator=torch.manual_seed(0)).to(given)
    embeddings = _bare(2)(images)
    exact = _bare(2)(images.double())
    torch.testing.assert_close(embeddings.double(), exact, rtol=0, atol=1e-6)  # half precision would miss by 1e-4
    torch.testing.assert_close(embeddings.double().norm(dim=1), torch.ones(3).double(), rtol=0, atol=1e-6)


def test_each_teacher_has_the_same_weight_in_a_cosine() -> None:
    first, second = torch.randn(2, 4, 2 * SPACE, 1, 1, generator=torch.manual_seed(0))
    first[:, :SPACE] *= 1000  # a teacher with long embeddings counts no more
    parts = torch.stack([part.flatten(1).view(4, 2, SPACE) for part in (first, second)])
    cosines = nn.functional.cosine_similarity(parts[0], parts[1], dim=2).mean(1)
    torch.testing.assert_close((_bare(2)(first) * _bare(2)(second)).sum(1), cosines)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_embeds_each_image_for_itself_and_passes_gradients(network: str) -> None:
    torch.manual_seed(0)
    student = Student(network, teachers=2).eval()
    images = torch.rand(2, 3, 112, 112, requires_grad=True)
    embeddings = student(images)
    torch.testing.assert_close(embeddings[:1], student(images[:1]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    gradient = torch.autograd.grad(embeddings[:, 0].sum(), images)[0]
    assert torch.isfinite(gradient).all() and gradient.abs().amax(dim=(1, 2, 3)).min() > 0
