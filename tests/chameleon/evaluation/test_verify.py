from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.evaluation.retrieval import SETTINGS
from guise.chameleon.evaluation.verify import SAVED, Measurements, measure_folders
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.transforms import TRANSFORMS
from guise.models import Recogniser
from guise.models.errors import FaceError, InputError


@pytest.fixture
def measure(reader: FaceReader, dlib: Recogniser) -> Callable[..., Measurements]:
    def run(originals: Path, protected: Path, **options: Any) -> Measurements:
        return measure_folders(originals, protected, reader, [dlib], **options)

    return run


def changed_copy(originals: Path, copy: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """All photos, as PNG in spite of their names, with their faces' region changed."""
    for source in originals.rglob("*.jpg"):
        pixels = np.array(Image.open(source))
        height, width = pixels.shape[:2]
        box = (slice(height // 5, height * 7 // 10), slice(width // 5, width * 7 // 10))
        pixels[box] = change(pixels[box])
        target = copy / source.relative_to(originals)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(target, format="PNG")
    return copy


def pixelated(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    small = image.resize((image.width // 4, image.height // 4), Image.Resampling.BOX)
    return np.asarray(small.resize(image.size, Image.Resampling.NEAREST))


def test_copies_that_did_not_change_are_matched_as_before(
    measure: Callable[..., Measurements], user_photos: Path, strangers: Path
) -> None:
    report = measure(user_photos, user_photos, others=strangers)
    assert [photo.photo for photo in report.photos] == ["a.jpg", "b.jpg", "c.jpg", "trip/d.jpg"]
    assert not report.unmeasured and report.no_retrieval == ""
    assert all(photo.visibility.ssim == pytest.approx(1, abs=1e-6) for photo in report.photos)
    assert all(photo.visibility.flip < 1e-3 and photo.psnr == math.inf for photo in report.photos)
    (dlib,) = report.recognisers
    assert dlib.saved.similarities == pytest.approx(dlib.similarities, abs=1e-6)
    assert dlib.saved.undetected == 0 and dlib.similarity > 0.9
    first, *rest = dlib.saved.settings.values()
    assert len(rest) == 3 and all(other == first for other in rest)
    assert first.rank1 == first.recall == first.linked == 1.0


def test_strangers_that_cannot_be_used_are_named(
    measure: Callable[..., Measurements], user_photos: Path, strangers: Path, tmp_path: Path
) -> None:
    others = tmp_path / "others"
    shutil.copytree(strangers, others)
    shutil.copy(user_photos / "a.jpg", others / "me.jpg")
    known = measure(user_photos, user_photos, others=others).strangers
    assert known is not None and known.embeddings[0].shape == (3, 128)
    assert known.without_face == ("wall.png",) and known.users == ("me.jpg",)
    assert list(known.unreadable) == ["torn.jpg"] and "torn.jpg" in known.unreadable["torn.jpg"]


def test_spoilt_faces_are_less_alike_and_their_protected_photos_apart(
    measure: Callable[..., Measurements], user_photos: Path, strangers: Path, tmp_path: Path
) -> None:
    copies = changed_copy(user_photos, tmp_path / "copies", pixelated)
    report = measure(user_photos, copies, others=strangers)
    (dlib,) = report.recognisers
    saved = dlib.saved
    assert saved.similarity is not None and saved.similarity < dlib.similarity - 0.2
    assert saved.settings["clean"].recall == 1.0
    assert saved.settings["1A"].recall is not None and saved.settings["1A"].recall < 1.0
    assert all(0.3 < photo.visibility.ssim < 0.9 for photo in report.photos)
    assert all(photo.visibility.flip > 0.05 and 15 < photo.psnr < 35 for photo in report.photos)


def test_a_face_that_is_gone_is_counted_and_left_out(
    measure: Callable[..., Measurements], user_photos: Path, tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    shutil.copytree(user_photos, copies)
    black = changed_copy(user_photos, tmp_path / "black", np.zeros_like)
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(black / name, copies / name)
    report = measure(user_photos, copies)
    saved = report.recognisers[0].saved
    assert saved.undetected == 2 and not report.unmeasured
    assert [value is None for value in saved.similarities] == [True, True, False, False]
    assert saved.settings["2A"].linked == 1.0  # of the two that are left
    gone = measure(user_photos, black)
    assert gone.recognisers[0].saved.similarity is None and gone.recognisers[0].saved.settings == {}
    assert "two photos" in gone.no_retrieval


def test_robust_adds_a_version_for_each_transform(
    measure: Callable[..., Measurements], user_photos: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(user_photos / name, few / name)
    versions = measure(few, few, robust=True).recognisers[0].versions
    assert list(versions) == [SAVED, *TRANSFORMS]
    assert all(version.settings.keys() == SETTINGS.keys() for version in versions.values())
    plain = versions[SAVED].similarity
    for name in TRANSFORMS:
        assert versions[name].undetected == 0 and versions[name].similarity != plain


def test_a_photo_without_counterpart_is_named(
    measure: Callable[..., Measurements], user_photos: Path, tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    shutil.copytree(user_photos, copies)
    (copies / "a.jpg").rename(copies / "z.jpg")
    (copies / "b.jpg").write_bytes(b"")
    Image.new("RGB", (30, 30)).save(copies / "c.jpg")
    report = measure(user_photos, copies)
    assert [photo.photo for photo in report.photos] == ["trip/d.jpg"]
    reasons = {"a.jpg": "no protected copy", "z.jpg": "no original", "b.jpg": "empty", "c.jpg": "another size"}
    assert report.unmeasured.keys() == reasons.keys()
    assert all(reason in report.unmeasured[name] for name, reason in reasons.items())
    assert "two photos" in report.no_retrieval and report.recognisers[0].saved.settings == {}
    assert report.recognisers[0].similarity == pytest.approx(1)  # to itself: there is no other


def test_retrieval_needs_strangers_and_says_so_once(measure: Callable[..., Measurements], user_photos: Path) -> None:
    report = measure(user_photos, user_photos)
    assert "`others=`" in report.no_retrieval and report.strangers is None
    settings = report.recognisers[0].saved.settings
    assert all(scores.rank1 is scores.recall is None and scores.linked == 1 for scores in settings.values())


def test_nothing_measured_is_an_error_with_a_reason(
    measure: Callable[..., Measurements], user_photos: Path, tmp_path: Path
) -> None:
    wall = tmp_path / "walls" / "a.jpg"
    wall.parent.mkdir()
    Image.new("RGB", (90, 90), "gray").save(wall)
    with pytest.raises(FaceError, match=r"none of 4 photos .*a\.jpg: .* another size"):
        measure(wall.parent, user_photos)
    with pytest.raises(FaceError, match=r"the one photo could not be measured; .*a\.jpg: no face"):
        measure(wall.parent, wall.parent)


def test_an_empty_folder_is_an_error(measure: Callable[..., Measurements], user_photos: Path, tmp_path: Path) -> None:
    for folders in ((tmp_path, user_photos), (user_photos, tmp_path)):
        with pytest.raises(InputError, match="no photos"):
            measure(*folders)


def test_progress_reaches_the_end_of_each_part(
    measure: Callable[..., Measurements], user_photos: Path, strangers: Path
) -> None:
    steps: list[tuple[str, int, int]] = []
    measure(user_photos, user_photos, others=strangers, progress=lambda *step: steps.append(step))
    assert {("looking for faces", 4, 4), ("measuring", 4, 4), ("strangers", 5, 5)} <= set(steps)
