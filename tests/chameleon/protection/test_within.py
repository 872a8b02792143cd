"""Copies that show more of a mask than was foreseen get a weaker one, judged on the whole written file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers with Pillow
import pytest
from PIL import Image
from skimage.filters import gaussian

from benchmarks import visibility_ruler
from guise.chameleon.faces import geometry
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.mask.mask import Mask, Placement
from guise.chameleon.mask.support import face_support
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.look import region_of
from guise.chameleon.protection.photo import Protected, lay
from guise.chameleon.protection.within import settled
from guise.chameleon.visibility.budget import STRENGTHS, Visibility
from guise.models.files import Photo, as_saved, read_photo, write_photo

MID = STRENGTHS["mid"]
STRONG, WEAK = 0.6, 0.3  # amplitudes of which one is too visible


@pytest.fixture(scope="module")
def job(astronaut: Image.Image, reader) -> Job:
    noise = gaussian(np.random.default_rng(0).normal(size=(3, geometry.CANVAS, geometry.CANVAS)), sigma=(0, 1.5, 1.5))
    values = (4 / 255 * noise / noise.std() * face_support().numpy()).clip(-16 / 255, 16 / 255)
    mask = Mask(values.astype(np.float32), geometry.CANONICAL_TEMPLATE, 16 / 255)
    (face, *_) = reader.read(np.asarray(astronaut), name="a")
    selector = FaceSelector(WhoseFace.REFERENCE, FaceTemplate(face.embedding, 0.6), 0.6)
    key = Key(mask, selector, Provenance(("dlib-resnet",), "guise", "mid", 1, 1, 0, "0.1.0"), {})
    return Job(Path(), Path(), key, Path(), MID)


def original(path: Path, astronaut: Image.Image) -> Photo:
    """The face is a small part of it."""
    picture = Image.new("RGB", (900, 700), (90, 120, 60))
    picture.paste(astronaut, (500, 300))
    if path.suffix == ".heic":
        pillow_heif.from_pillow(picture).save(path, quality=60)
    else:
        picture.save(path, quality=80)
    return read_photo(path)


def fitted(job: Job, photo: Photo, face: EmbeddedFace, amplitude: float) -> Protected:
    return lay(photo, job.key.mask, [Placement(face.face.to_template(job.key.mask.template), amplitude)])


def ruled(before: np.ndarray, after: np.ndarray) -> float:
    """The largest share of a bound that is spent, as others measure it."""
    seen = visibility_ruler.measure(before, after)
    if seen is None:
        return 0.0
    return MID.spent(Visibility(seen.ssim, seen.flip, seen.fleck_p99, seen.fleck_max))


@pytest.mark.parametrize("name", ["a.webp", "a.heic", "a.avif", "a.jxl", "a.jpg"])
def test_a_mask_that_shows_too_much_is_weakened_until_the_whole_file_is_within(astronaut, reader, job, tmp_path, name):
    photo = original(tmp_path / name, astronaut)
    (face, *_) = reader.read(photo.pixels, name=name)
    anew = as_saved(photo, photo.pixels, photo.pixels)
    too_strong = fitted(job, photo, face, STRONG)
    assert ruled(anew, as_saved(photo, too_strong.pixels, photo.pixels)) > 1
    within = settled(job, tmp_path / name, photo, too_strong, [face])
    write_photo(tmp_path / f"copy {name}", photo, within.protected.pixels)
    saved = read_photo(tmp_path / f"copy {name}").pixels
    assert ruled(anew, saved) <= 1
    assert 0.25 < within.protected.placements[0].amplitude < STRONG
    # What is reported is compared with the same original.
    if name != "a.jpg":
        region = region_of(photo, face.face)
        assert np.array_equal(within.originals[0], anew[region.rows, region.columns])


@pytest.mark.parametrize("name", ["a.webp", "a.heic", "a.avif", "a.jxl", "a.jpg", "a.png", "a.gif"])
def test_a_mask_that_is_within_or_foreseen_exactly_stays(astronaut, reader, job, tmp_path, name):
    photo = original(tmp_path / name, astronaut)
    (face, *_) = reader.read(photo.pixels, name=name)
    weak = fitted(job, photo, face, WEAK)
    loose = replace(job, budget=STRENGTHS["high"])
    assert settled(loose, tmp_path / name, photo, weak, [face]).protected is weak
