"""`guise verify` looks at more than the first picture of animations and multi-page files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from guise.chameleon.evaluation.pictures import pictures_of, same_picture
from guise.cli.verify import verify
from guise.models.errors import ImageError
from guise.models.files import read_photo
from tests.cli.command_line import call

TIMES = [100, 100, 200, 100]


def _frames(head: Image.Image) -> list[Image.Image]:
    """Two frames without a face, of which the second is like the first, and two with one."""
    wall = Image.new("RGB", head.size, (90, 120, 150))
    # Pillow keeps with a picture how it was encoded last.
    return [wall, wall, head.copy(), ImageOps.mirror(head)]


@pytest.mark.parametrize("suffix", ["gif", "tif"])
def test_a_face_that_only_later_pictures_show_is_measured(tmp_path: Path, head: Image.Image, suffix: str) -> None:
    first, *others = _frames(head)
    shifted = [
        Image.fromarray(np.clip(np.asarray(one).astype(int) + 12, 0, 255).astype(np.uint8)) for one in others[1:]
    ]
    for folder, rest in (("originals", others), ("copies", [others[0], others[1], shifted[1]])):
        (tmp_path / folder).mkdir()
        options = {"duration": TIMES} if suffix == "gif" else {}
        first.save(tmp_path / folder / f"a.{suffix}", save_all=True, append_images=rest, **options)
    outcome = call(verify, tmp_path / "originals", tmp_path / "copies", "--offline", "--device", "cpu", "--json")
    assert outcome.code == 0, outcome.stderr
    (photo,) = json.loads(outcome.stdout)["photos"]
    # The third picture is the same in both: that is the one that counts.
    assert photo["similarity"]["dlib-resnet"]["after"] == pytest.approx(1, abs=1e-3) and photo["ssim"] == 1


def test_pictures_that_an_encoder_has_joined_are_found_by_their_time(tmp_path: Path, head: Image.Image) -> None:
    frames = _frames(head)
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=TIMES)
    joined = [frames[0], *frames[2:]]
    joined[0].save(tmp_path / "b.png", save_all=True, append_images=joined[1:], duration=[200, *TIMES[2:]])
    original, copy = read_photo(tmp_path / "a.png"), read_photo(tmp_path / "b.png")
    for number in pictures_of(original):
        found = same_picture(original, copy, number)
        assert np.array_equal(found.pixels, original.at(number).pixels)
    with pytest.raises(ImageError, match="the copy has 4 pictures and its original 3"):
        same_picture(copy, read_photo(_longer(tmp_path, frames)), 0)


def _longer(folder: Path, frames: list[Image.Image]) -> Path:
    different = [*frames[:1], *frames[2:], ImageOps.flip(frames[2])]
    different[0].save(folder / "c.png", save_all=True, append_images=different[1:], duration=TIMES)
    return folder / "c.png"
