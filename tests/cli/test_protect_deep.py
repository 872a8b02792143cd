"""`protect` and `guise restore` on photos of more than 8 bits a sample."""

from __future__ import annotations

import numpy as np
import pillow_heif
import tifffile

from guise.models.files import read_photo
from guise.models.files.photos.deep.png import encode_png
from guise.models.files.photos.deep.tiff import encode_tiff


def levels_of(head):
    """uint16 (H, W, 3): a portrait whose lower bytes hold something too."""
    upper = np.asarray(head.convert("RGB"))
    lower = np.random.default_rng(0).integers(0, 256, upper.shape, dtype=np.uint8)
    return upper.astype(np.uint16) << 8 | lower


def test_photos_of_16_bits_come_back_to_the_bit(protect, restore, photos, out, tmp_path, head):
    levels = levels_of(head)
    upper, lower = (levels >> 8).astype(np.uint8), (levels & 255).astype(np.uint8)
    tifffile.imwrite(photos / "a.tif", levels, photometric="rgb")
    tifffile.imwrite(photos / "grey.tif", levels[..., 1], photometric="minisblack")
    (photos / "a.png").write_bytes(encode_png(upper, lower, []))
    outcome = protect("--json")
    assert outcome.code == 0 and not any(row["notes"] for row in outcome.report["photos"])
    back = restore("--json")
    assert {row["status"] for row in back.report["photos"]} == {"exact"}
    for name, original in (("a.tif", levels), ("grey.tif", levels[..., 1])):
        copy = tifffile.imread(out / name)
        assert copy.dtype == np.uint16 and not np.array_equal(copy, original)
        assert np.array_equal(copy & 255, original & 255)  # what a mask does not touch
        assert np.array_equal(tifffile.imread(tmp_path / "restored" / name), original)
    # The PNG's samples as a TIFF's, which tifffile reads.
    photo = read_photo(tmp_path / "restored" / "a.png")
    (tmp_path / "a.tif").write_bytes(encode_tiff(photo.pixels, photo.lower, {}, None))
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), levels)


def test_a_phones_photo_of_10_bits_is_protected_in_10_bits(protect, photos, out, head):
    levels = levels_of(head)
    size = (levels.shape[1], levels.shape[0])
    picture = pillow_heif.from_bytes("RGB;16", size, levels.tobytes())
    # So strong a compression as the second's adds more by itself than a mask may be seen.
    for name, quality in (("a.heic", 90), ("b.heic", 40)):
        picture.save(photos / name, quality=quality, bit_depth=10)
    outcome = protect("--json")
    assert outcome.code == 0 and {row["status"] for row in outcome.report["photos"]} == {"protected"}
    assert outcome.photo("b.heic")["notes"] == ["compressed less than its original, so that it holds a stronger mask"]
    assert [pillow_heif.open_heif(out / name).info["bit_depth"] for name in ("a.heic", "b.heic")] == [10, 10]
