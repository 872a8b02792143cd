from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.protection.sheet import Pair, draw_pairs, face_crop, sheet
from guise.models.errors import OutputError


def plain(height: int, width: int, level: int) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def dark_columns(picture: Image.Image, level: int) -> list[int]:
    pixels = np.asarray(picture)
    return [int(x) for x in np.flatnonzero((pixels == level).all(2).sum(0) > 100)]


def test_crops_of_any_size_get_one_height_and_keep_their_shape() -> None:
    pixels = np.asarray(sheet(["a", "b"], [([plain(40, 80, 10), plain(900, 450, 20)], "")]))
    sizes = []
    for level in (10, 20):
        rows, columns = np.nonzero((pixels == level).all(2))
        sizes.append((np.ptp(rows) + 1, np.ptp(columns) + 1))
    (first_height, first_width), (second_height, second_width) = sizes
    assert first_height == second_height
    assert first_width == 2 * first_height and second_width * 2 == second_height


def test_margins_are_white_and_equal_left_and_right() -> None:
    picture = sheet(["a", "b"], [([plain(50, 50, 10), plain(50, 50, 10)], "short")])
    columns = dark_columns(picture, 10)
    assert columns[0] == picture.width - 1 - columns[-1] >= 16
    pixels = np.asarray(picture)
    for edge in (pixels[:16], pixels[-16:], pixels[:, :16], pixels[:, -16:]):
        assert (edge == 255).all()


def test_a_long_caption_widens_the_sheet() -> None:
    row = [plain(50, 50, 10)]
    assert sheet(["a"], [(row, "long " * 40)]).width > sheet(["a"], [(row, "short")]).width + 400


def test_columns_may_be_many_and_rows_add_up() -> None:
    row = ([plain(50, 50, 10)] * 4, "caption")
    titles = ["original", "low", "mid", "high"]
    one, two, three = (sheet(titles, [row] * count) for count in (1, 2, 3))
    assert one.width == two.width and two.height - one.height == three.height - two.height > 300


def test_a_row_needs_a_crop_for_each_title() -> None:
    with pytest.raises(ValueError, match="zip"):
        sheet(["a", "b"], [([plain(5, 5, 0)], "")])


def test_the_crop_is_a_square_around_the_face() -> None:
    pixels = np.arange(200, dtype=np.uint8)[None, :, None].repeat(200, 0).repeat(3, 2)
    crop = face_crop(pixels, (80, 90, 120, 130))
    assert crop.shape == (68, 68, 3)
    assert crop[0, 0, 0] == 66 and crop[0, -1, 0] == 133  # 80 ... 120 in the middle


def test_a_face_at_the_border_is_moved_into_the_photo() -> None:
    pixels = plain(100, 150, 7)
    assert face_crop(pixels, (-10, -10, 30, 30)).shape == (68, 68, 3)
    assert face_crop(pixels, (140, 90, 180, 120)).shape == (68, 68, 3)
    assert face_crop(pixels, (0, 0, 150, 100)).shape == (100, 150, 3)


def test_the_file_is_a_png_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.png"
    for count in (2, 1):
        draw_pairs([Pair(plain(60, 60, 10), plain(60, 60, 90), "x")] * count, path)
    with Image.open(path, formats=["PNG"]) as picture:
        expected = sheet(("before", "after"), [((plain(60, 60, 10), plain(60, 60, 90)), "x")])
        assert picture.tobytes() == expected.tobytes()
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        draw_pairs([Pair(plain(9, 9, 0), plain(9, 9, 0), "")], tmp_path / "file" / "sheet.png")
