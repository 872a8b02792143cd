from __future__ import annotations

import pytest

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.learning.learn import LearningSettings, learn_mask
from guise.chameleon.mask.mask import Mask
from guise.chameleon.visibility.budget import STRENGTHS


@pytest.fixture(scope="session")
def mask(faces: list[FaceCrop], reader: FaceReader) -> Mask:
    """Learnt on the faces in a few steps."""
    few = LearningSettings(steps=40, batch=3, views=2, watched=2)
    return learn_mask(faces, [reader.recogniser], budget=STRENGTHS["high"], settings=few, seed=3)
