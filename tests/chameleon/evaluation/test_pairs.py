from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.evaluation.pairs import OriginalFaces, find_user
from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.visibility.psnr import psnr
from guise.models.errors import FaceError

NAME = Path("photo.jpg")


def user_at(place: float) -> FaceSelector:
    return FaceSelector(WhoseFace.REFERENCE, FaceTemplate(np.array([place])), 0.6)


def originals_with(faces: Sequence[tuple[float, float]], whose: WhoseFace, at: float = 0.0) -> OriginalFaces:
    """Faces as (left edge of the box, one-dimensional embedding), the largest first."""
    embedded = [
        EmbeddedFace("photo", Face(np.array([left, 0, left + 50 - i, 50]), np.zeros((5, 2)), 1.0), np.array([place]))
        for i, (left, place) in enumerate(faces)
    ]
    return OriginalFaces(whose, user_at(at), {NAME: embedded})


def test_whose_face_counts() -> None:
    crowd = [(0.0, 5.0), (100.0, 0.4), (200.0, 0.1)]
    assert originals_with(crowd, WhoseFace.LARGEST).of_user(NAME).box[0] == 0
    assert originals_with(crowd, WhoseFace.RECURRING).of_user(NAME).box[0] == 200
    assert originals_with(crowd, WhoseFace.REFERENCE, 5.2).of_user(NAME).box[0] == 0
    assert originals_with([(7.0, 9.0)], WhoseFace.RECURRING).of_user(NAME).box[0] == 7  # alone on the photo


def test_others_than_the_user_do_not_count() -> None:
    with pytest.raises(FaceError, match="none of the 2 faces"):
        originals_with([(0.0, 5.0), (100.0, 6.0)], WhoseFace.RECURRING).of_user(NAME)
    with pytest.raises(FaceError, match="the one face in the original is not the user"):
        originals_with([(0.0, 5.0)], WhoseFace.REFERENCE).of_user(NAME)
    with pytest.raises(FaceError, match="no face"):
        originals_with([], WhoseFace.LARGEST).of_user(NAME)


def test_psnr_of_one_level_is_48_decibels() -> None:
    level = np.full((4, 4, 3), 100, np.uint8)
    assert psnr(level, level + 1) == pytest.approx(20 * math.log10(255))
    assert psnr(level, level) == math.inf
    assert psnr(np.zeros_like(level), np.full_like(level, 255)) == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_psnr_is_the_plain_formula(seed: int, noise: int) -> None:
    random = np.random.default_rng(seed)
    original = random.integers(0, 256, (9, 7, 3)).astype(np.uint8)
    changed = np.clip(original.astype(int) + random.integers(-noise, noise + 1, original.shape), 0, 255)
    error = ((original.astype(float) - changed) ** 2).mean()
    expected = 10 * math.log10(255**2 / error) if error else math.inf
    assert psnr(original, changed.astype(np.uint8)) == pytest.approx(expected, rel=1e-15)


def test_no_face_a_photo_or_all_of_them_are_refused(reader: FaceReader, user_photos: Path) -> None:
    everyone = FaceSelector(WhoseFace.ALL, FaceTemplate(np.zeros(128)), 0.6)
    for whose in (WhoseFace.ALL, WhoseFace.REFERENCE, everyone):
        with pytest.raises(ValueError, match="one face a photo"):
            find_user(user_photos, [], reader, whose=whose)
