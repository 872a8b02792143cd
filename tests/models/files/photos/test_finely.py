import numpy as np
import pytest
from PIL import Image

from guise.models.files import as_saved, compressed_like, finely, read_photo, write_photo


@pytest.fixture
def pixels():
    ramp = np.add.outer(np.arange(96), np.arange(112))
    return np.stack([ramp, ramp[::-1], 255 - ramp], axis=2).astype(np.uint8)


def saved_at(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return read_photo(path)


@pytest.mark.parametrize(("name", "quality"), [("a.jpg", 75), ("a.webp", 60)])
def test_a_copy_that_is_compressed_finely_loses_less_than_one_like_its_original(tmp_path, pixels, name, quality):
    photo = saved_at(tmp_path / name, pixels, quality=quality)
    changed = np.random.default_rng(0).integers(-6, 7, photo.pixels.shape) + photo.pixels
    changed = changed.clip(0, 255).astype(np.uint8)
    errors = [abs(as_saved(each, changed).astype(int) - changed).mean() for each in (photo, finely(photo))]
    assert errors[1] < 0.9 * errors[0]


def test_a_finely_compressed_jpeg_stays_progressive_and_gets_finer_tables(tmp_path, pixels):
    photo = saved_at(tmp_path / "a.jpg", pixels, quality=75, progressive=True)
    write_photo(tmp_path / "b.jpg", finely(photo), photo.pixels, keep_metadata=False, overwrite=False)
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "b.jpg") as after:
        assert after.info.get("progressive")
        assert sum(after.quantization[0]) < 0.3 * sum(before.quantization[0])


@pytest.mark.parametrize(("name", "options"), [("a.jpg", {"quality": 97}), ("a.png", {})])
def test_what_loses_little_anyway_stays_as_it_is(tmp_path, pixels, name, options):
    photo = saved_at(tmp_path / name, pixels, **options)
    assert finely(photo) is photo


@pytest.mark.parametrize(("name", "quality"), [("a.jpg", 75), ("a.webp", 60)])
def test_an_original_is_written_anew_as_its_copy_was(tmp_path, pixels, name, quality):
    photo = saved_at(tmp_path / name, pixels, quality=quality)
    for number, how in enumerate((photo, finely(photo), finely(photo, blocks=True))):
        file = tmp_path / f"{number}{name}"
        write_photo(file, how, photo.pixels, keep_metadata=False, overwrite=False)
        copy = read_photo(file)
        again = as_saved(compressed_like(photo, copy), photo.pixels, photo.pixels)
        np.testing.assert_array_equal(again, copy.pixels)


def test_a_copy_of_another_format_tells_nothing(tmp_path, pixels):
    photo, copy = (saved_at(tmp_path / name, pixels) for name in ("a.jpg", "b.png"))
    assert compressed_like(photo, copy) is photo
