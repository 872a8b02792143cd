"""Masks of a video's pictures are fitted again where somebody links these or nearly does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces import geometry
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.linking import Enrolment, links
from guise.chameleon.faces.selection import select_reference
from guise.chameleon.learning.refine import Refined, RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.photo import protect_photo
from guise.chameleon.videos.keys import Key as KeyNumber
from guise.chameleon.videos.refining import KeyFitter, KeyPicture, _score
from guise.chameleon.visibility.budget import budget_of
from guise.models.files import Photo, read_photo
from guise.models.files.pictures import save_picture
from tests.chameleon.videos.scenes import scene

FEW = RefinementSettings(steps=5, views=1, looks_at_photo=1)  # too few to lead far


def moving(share: float) -> tuple[float, float, float, float]:
    return 200 + 60 * share, 140, 1.0 + 0.1 * share, 0


@pytest.fixture(scope="module")
def pictures(reader: FaceReader, tmp_path_factory: pytest.TempPathFactory) -> list[KeyPicture]:
    folder, keys = tmp_path_factory.mktemp("pictures"), []
    for number, pixels in enumerate(scene(2, moving).pictures):
        save_picture(pixels, folder / f"{number}.png")
        photo = read_photo(folder / f"{number}.png")
        (face,) = reader.read(photo.pixels, name="a")
        keys.append(KeyPicture(KeyNumber(number, 0), photo, face.face))
    return keys


def fitted(pictures: list[KeyPicture], reader: FaceReader, patience: int) -> tuple[list[Refined], Job, Enrolment]:
    selector = select_reference(reader.read(pictures[0].photo.pixels, name="a"), threshold=0.6)
    mask = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, 24 / 255)
    key = Key(mask, selector, Provenance(("dlib-resnet",), "guise", "mid", 1, 1, 0, "0.1.0"), {})
    refiner = Refiner(mask, [reader.recogniser], {}, budget=budget_of("mid"), settings=FEW)
    job = Job(Path(), Path(), key, Path(), budget_of("mid"), refiner=refiner, patience=patience)
    enrolment = Enrolment(reader, selector, [reader.recogniser])
    return KeyFitter(job, refiner, enrolment, "0" * 64).fit(pictures), job, enrolment


def distances(pictures: list[KeyPicture], reader: FaceReader, patience: int) -> list[float]:
    """How far from the user each picture is with its mask, as a share of the threshold."""
    result = []
    for picture, refined in zip(pictures, (found := fitted(pictures, reader, patience))[0], strict=True):
        _, job, enrolment = found
        masked = with_mask(picture.photo, picture, refined, job)
        (face,) = enrolment.reader.read(picture.photo.pixels, name="a")
        seen: Mapping[str, object] = links(
            masked, picture.face, enrolment.enrol(picture.photo.pixels, face), reader.detector
        )
        (link,) = seen.values()
        result.append(float(link.distance))  # type: ignore[attr-defined]
    return result


def with_mask(photo: Photo, picture: KeyPicture, refined: Refined, job: Job) -> np.ndarray:
    return protect_photo(
        photo, [picture.face], job.key.mask, budget=job.budget, refinements=[refined.refinement]
    ).pixels


def test_what_is_linked_is_fitted_again_and_the_better_is_kept(pictures, reader: FaceReader) -> None:
    once, again = distances(pictures, reader, 0), distances(pictures, reader, 1)
    assert max(once) < 1.15  # else nothing would be fitted again
    assert all(after >= before for before, after in zip(once, again, strict=True))
    assert np.mean(again) > np.mean(once) + 0.03


def test_a_mask_that_does_not_fit_the_budget_never_replaces_one_that_does() -> None:
    assert _score(None) > _score({"a": 0.1, "b": 0.1, "c": 0.1}) > _score({"a": 0.1}) > _score({"a": 1.1}) > _score({})
