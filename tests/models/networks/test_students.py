import pytest
import torch
from torch import nn

from guise.models.networks.students import SPACE, Student


@pytest.mark.parametrize(("given", "expected"), [("float64", "float64"), ("float32", "float32"), ("half", "float32")])
def test_embeddings_are_single_precision_or_better(given: str, expected: str) -> None:
    student = Student("vit", teachers=2)
    student.backbone = nn.Flatten()
    images = torch.rand(1, 2 * SPACE, 1, 1).to(getattr(torch, given))
    assert student(images).dtype == getattr(torch, expected)
