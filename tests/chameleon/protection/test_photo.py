import numpy as np
import pytest
from PIL import Image

from guise.chameleon.faces import geometry
from guise.chameleon.mask.mask import Mask
from guise.chameleon.mask.support import face_support
from guise.chameleon.protection.look import Look
from guise.chameleon.protection.photo import protect_photo
from guise.chameleon.visibility.budget import STRENGTHS, Budget
from guise.chameleon.visibility.lpips import LpipsMeter
from guise.models.errors import ImageError
from guise.models.files import as_saved, finely, read_photo
from guise.models.networks import lpips_squeeze
from tests.lpips_trunk import reference, trunk


@pytest.fixture(scope="module")
def mask():
    noise = np.random.default_rng(0).uniform(-12, 12, (3, geometry.CANVAS, geometry.CANVAS)) / 255
    return Mask((noise * face_support().numpy()).astype(np.float32), geometry.CANONICAL_TEMPLATE, 16 / 255)


def read(image, folder, name):
    image.save(folder / name, quality=90)
    return read_photo(folder / name)


def visibility(photo, protected, face):
    look = Look(photo, face)
    written = as_saved(photo, protected.pixels, photo.pixels)
    return look.meter.measure(written[look.region.rows, look.region.columns])


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_written_face_is_just_within_the_budget(astronaut, detector, mask, tmp_path, name, strength):
    photo, budget = read(astronaut, tmp_path, name), STRENGTHS[strength]
    if (name, strength) == ("a.webp", "low"):  # whether a mask fits the original's own compression turns on little
        photo = finely(photo)
    faces = detector.detect(photo.pixels)[:1]
    spent = budget.spent(visibility(photo, protect_photo(photo, faces, mask, budget=budget), faces[0]))
    # Blocks of a JPEG that are kept change by whole steps only.
    assert (0.7 if name == "a.jpg" else 0.9) < spent <= 1


def test_faces_that_touch_are_each_within_the_budget(astronaut, detector, mask, tmp_path):
    head = astronaut.crop((75, 10, 185, 170))
    pair = Image.new("RGB", (2 * head.width, head.height))
    pair.paste(head, (0, 0))
    pair.paste(head, (head.width, 0))
    photo = read(pair.resize((880, 640)), tmp_path, "pair.png")
    faces = detector.detect(photo.pixels)
    assert len(faces) == 2
    protected = protect_photo(photo, faces, mask, budget=STRENGTHS["mid"])
    patches = [mask.patch(p, height=640, width=880) for p in protected.placements]
    assert patches[0].columns.stop > patches[1].columns.start or patches[1].columns.stop > patches[0].columns.start
    for face in faces:
        assert STRENGTHS["mid"].spent(visibility(photo, protected, face)) <= 1


def test_a_budget_that_hardly_a_mask_fits_is_refused_not_ignored(astronaut, detector, mask, tmp_path):
    photo = read(astronaut, tmp_path, "a.jpg")
    with pytest.raises(ImageError, match=r"no mask fits .* `strength=`"):
        protect_photo(photo, detector.detect(photo.pixels)[:1], mask, budget=Budget(0.99999, 1e-4, 0.1, 0.1))


@pytest.mark.parametrize("quality", [40, 75])
def test_no_photo_is_refused_for_its_own_noise_or_quality(astronaut, detector, mask, tmp_path, quality):
    noise = np.random.default_rng(0).normal(0, 12, (540, 540, 3))
    noisy = np.clip(np.asarray(astronaut.resize((540, 540))) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.jpg", quality=quality)
    photo = read_photo(tmp_path / "noisy.jpg")
    (placement,) = protect_photo(photo, detector.detect(photo.pixels)[:1], mask, budget=STRENGTHS["low"]).placements
    assert placement.amplitude > 0.2


def test_a_large_face_is_within_the_bounds_at_full_zoom_too(astronaut, detector, mask, tmp_path):
    photo, budget = read(astronaut.resize((2000, 2000)), tmp_path, "large.png"), STRENGTHS["mid"]
    face = detector.detect(photo.pixels)[0]
    protected, look = protect_photo(photo, [face], mask, budget=budget), Look(photo, face)
    zoomed = look.meter.measure_zoomed(protected.pixels[look.region.rows, look.region.columns])
    assert 0.8 < budget.spent(visibility(photo, protected, face)) <= 1
    assert budget.zoomed().spent(zoomed) <= 1


@pytest.fixture(scope="module")
def lpips(tmp_path_factory):
    file = tmp_path_factory.mktemp("lpips") / "trunk.pth"
    file.write_bytes(trunk())
    return lpips_squeeze.load(file)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("budget", [STRENGTHS["high"], None])
def test_the_written_face_is_just_within_a_bound_on_lpips(astronaut, detector, mask, lpips, tmp_path, name, budget):
    photo = read(astronaut, tmp_path, name)
    faces = detector.detect(photo.pixels)[:1]
    box = faces[0].box_in(*photo.pixels.shape[:2])

    def distance(bound):
        meter = LpipsMeter(lpips, at_most=bound)
        protected = protect_photo(photo, faces, mask, budget=budget, lpips=meter)
        return reference(photo.pixels[box], as_saved(photo, protected.pixels, photo.pixels)[box])

    bound = 0.6 * distance(None)
    assert 0.9 * bound < distance(bound) <= bound


def test_a_bound_on_lpips_that_hardly_a_mask_fits_is_refused(astronaut, detector, mask, lpips, tmp_path):
    photo = read(astronaut, tmp_path, "a.jpg")
    meter = LpipsMeter(lpips, at_most=1e-7)
    with pytest.raises(ImageError, match=r"no mask fits .* `strength=` or `lpips=`"):
        protect_photo(photo, detector.detect(photo.pixels)[:1], mask, budget=STRENGTHS["mid"], lpips=meter)


def test_without_a_budget_the_mask_lies_as_learnt(astronaut, detector, mask, tmp_path):
    photo = read(astronaut, tmp_path, "a.png")
    protected = protect_photo(photo, detector.detect(photo.pixels)[:1], mask, budget=None)
    assert [placement.amplitude for placement in protected.placements] == [1.0]
