"""What a run knows of the copies that it made before."""

from __future__ import annotations

import pytest
from torch import nn

from guise.harmless import JointModel, LoadedModel, PixelModel, Preprocessing
from guise.harmless.pictures.manifest import model_hash
from tests.harmless.tiny import Constant


def test_models_that_differ_in_code_only_have_other_hashes() -> None:
    hashes = [model_hash(LoadedModel(PixelModel(Constant(seed), Preprocessing()), (3, 32, 32))) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


class Mean(nn.Module):
    """Without weights, so that its hash rests on names and on one number a photo."""

    def forward(self, x):  # type: ignore[no-untyped-def]
        return x.new_ones(len(x), 1)


ALONE = "a853ce3d241d671607812d9291134e7b01f09a1728e5dd658b14aef05fdb4618"
JOINT = "e80eb3ec117168d6f96cf8379806fc79da84c7af18d7dbbf24b9f94c657a5a9d"


@pytest.mark.parametrize(
    ("model", "sha256"),
    [
        (PixelModel(Mean(), Preprocessing()), ALONE),
        (
            JointModel([PixelModel(Mean(), Preprocessing()), PixelModel(Mean(), Preprocessing())]),
            JOINT,
        ),
    ],
    ids=["one", "two"],
)
def test_hashes_are_those_of_version_0_1(model: PixelModel | JointModel, sha256: str) -> None:
    """Else a run would do again what it has done, and take its own copies for somebody else's."""
    assert model_hash(LoadedModel(model.eval(), (3, 8, 8))) == sha256
