from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.enlarging import AS_THEY_ARE, Enlargement
from guise.models.files import read_photo


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "Name" / "1.jpg"
    path.parent.mkdir()
    Image.new("RGB", (40, 30), (120, 110, 100)).save(path, quality=80)
    return path


def test_a_photo_as_it_is_keeps_its_bytes(photo: Path, tmp_path: Path):
    AS_THEY_ARE.copy(photo, tmp_path / "copy")
    assert (tmp_path / "copy.jpg").read_bytes() == photo.read_bytes()
    assert AS_THEY_ARE.label == ""


def test_an_enlarged_photo_has_its_size_and_looks_the_same(photo: Path, tmp_path: Path):
    Enlargement(4).copy(photo, tmp_path / "copy")
    large = read_photo(tmp_path / "copy.jpg")
    assert large.pixels.shape == (120, 160, 3) and large.format == "JPEG"
    assert np.abs(large.pixels.astype(int) - read_photo(photo).pixels[0, 0]).max() <= 2


def test_noise_has_the_deviation_asked_for_and_depends_on_the_name_alone(photo: Path, tmp_path: Path):
    other = photo.with_name("2.jpg")
    other.write_bytes(photo.read_bytes())
    for name, source in (("first", photo), ("again", photo), ("other", other)):
        Enlargement(4, noise=10).copy(source, tmp_path / name)
    first, again, different = (read_photo(tmp_path / f"{name}.jpg").pixels for name in ("first", "again", "other"))
    np.testing.assert_array_equal(first, again)
    assert (first != different).any()
    assert first.shape == (120, 160, 3)
    assert 9 < first.std(axis=(0, 1)).mean() < 11
    assert Enlargement(4, 3).label == "photos x 4, noise 3"
