from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.scoring import judged, known_strangers


class Colour:
    """Sees the colour of the first pixel; black is no face."""

    name, metric, threshold, kin = "colour", "euclidean", 0.6, ""
    asked = 0

    def embed(self, pixels: np.ndarray, _near: np.ndarray | None) -> np.ndarray | None:
        self.asked += 1
        colour = pixels[0, 0].astype(np.float32) / 255
        return colour if colour.any() else None


RED, BLUE = np.eye(3, dtype=np.float32)[[0, 2]]
STRANGERS = np.tile(BLUE, (5, 1))


def test_a_mask_that_turns_the_user_into_strangers_is_seen_in_each_setting():
    result = judged(Colour(), [RED] * 4, [BLUE + 0.01] * 4, STRANGERS)
    assert {name: scores["recall"] for name, scores in result["settings"].items()} == {
        "clean": 1, "1A": 0, "2B": 0, "2A": 1,
    }  # fmt: skip


def test_photos_without_a_face_are_counted_and_left_out():
    result = judged(Colour(), [RED, RED, RED, None], [RED, None, RED, RED], STRANGERS)
    assert result["photos"] == 2
    assert result["no_face"] == pytest.approx(1 / 3)
    assert result["settings"]["2A"]["recall"] == 1


def test_one_photo_is_too_few_to_score():
    assert judged(Colour(), [RED, RED], [RED, None], STRANGERS)["settings"] == {}


def test_strangers_are_embedded_once_and_those_without_a_face_are_left_out(tmp_path: Path):
    photos = []
    for number, colour in enumerate(("red", "black", "blue")):
        photos.append(tmp_path / f"{number}.png")
        Image.new("RGB", (8, 8), colour).save(photos[-1])
    judge, cache = Colour(), tmp_path / "cache.npz"
    first = known_strangers(judge, photos, cache=cache, progress=lambda _: None)
    again = known_strangers(judge, photos, cache=cache, progress=lambda _: None)
    assert judge.asked == 3
    np.testing.assert_array_equal(first, [RED, BLUE])
    np.testing.assert_array_equal(again, first)
