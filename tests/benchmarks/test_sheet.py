from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import sheet
from guise.models.files import read_photo


def test_at_100_percent_pixels_are_the_photos_and_at_200_each_is_four():
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    tile = np.asarray(sheet._tile(photo, (30.0, 20.0), 16))
    np.testing.assert_array_equal(tile, photo[12:28, 22:38])
    double = np.asarray(sheet._tile(photo, (30.0, 20.0), 16, 2))
    np.testing.assert_array_equal(double, photo[16:24, 26:34].repeat(2, axis=0).repeat(2, axis=1))


def test_further_rows_go_onto_a_taller_sheet(tmp_path: Path):
    tiles = [Image.new("RGB", (20, 20), "red")] * 6
    sheet._draw([(tiles, "one")], tmp_path / "one.png")
    sheet._draw([(tiles, "one"), (tiles, "two")], tmp_path / "two.png")
    one, two = (read_photo(tmp_path / name).pixels for name in ("one.png", "two.png"))
    assert one.shape[1] == two.shape[1] and one.shape[0] < two.shape[0]
    assert (two == (255, 0, 0)).all(axis=2).sum() == 2 * 6 * 20 * 20
