"""Big-endian BigTIFFs, which Pillow does not read. tifffile makes them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from guise.models.errors import ImageError
from guise.models.files import read_photo
from guise.models.files.photos.metadata import exif_tags
from tests.models.files.photos.test_metadata import SRGB

PAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3)).astype(np.uint8)


@pytest.mark.parametrize("more", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_pages_density_profile_and_tags_are_read(tmp_path: Path, more: dict) -> None:
    extra = [(271, "s", 0, "Acme Cameras", True), (274, "H", 1, 6, True)]
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=True, byteorder=">") as file:
        for page in PAGES:
            how = {"photometric": "rgb", "metadata": None, "software": False, **more}
            file.write(page, resolution=(300, 300), iccprofile=SRGB, extratags=extra, **how)
    photo = read_photo(tmp_path / "a.tif")
    assert all(np.array_equal(f.pixels, np.rot90(page, -1)) for f, page in zip(photo.frames, PAGES, strict=True))
    assert photo.icc_profile == SRGB and photo.exif is not None and exif_tags(photo.exif)[271] == "Acme Cameras"
    assert photo.shown.density is not None and photo.shown.density.per("inch") == (300, 300)


def directory(*tags: tuple[int, int, int, bytes]) -> bytes:
    entries = b"".join(struct.pack(">HHQ8s", *tag) for tag in tags)
    return b"MM\0+\0\x08\0\0" + struct.pack(">QQ", 16, len(tags)) + entries + bytes(8)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"MM\0+\0\x08\0\0", "unpack"),
        (b"MM\0+\0\x04\0\0" + bytes(8), "offsets of 8 bytes, this one of 4"),
        (b"MM\0+\0\x08\0\0" + struct.pack(">QQ", 16, 1 << 40), "tags"),
        (directory((273, 16, 1 << 40, bytes(8))), "cut short"),
        (directory(*[(271 + n, 2, 200, bytes(8)) for n in range(9)]), "larger than the file"),
        (directory((34665, 18, 1, struct.pack(">Q", 16))), "Missing dimensions"),  # a directory in itself
        (directory((256, 16, 1, struct.pack(">Q", 1 << 40))), "format requires|out of range"),
    ],
)
def test_a_broken_one_is_refused_in_a_line(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ImageError, match=why) as refused:
        read_photo(tmp_path / "a.tif")
    assert "\n" not in str(refused.value) and "is damaged" in str(refused.value)


def test_a_huge_one_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    sides = [(tag, 4, 1, struct.pack(">I", 1 << 20).ljust(8, b"\0")) for tag in (256, 257)]
    strips = [(273, 16, 1, bytes(8)), (279, 16, 1, bytes(8))]
    (tmp_path / "a.tif").write_bytes(directory(*sides, (258, 3, 1, b"\0\x08".ljust(8, b"\0")), *strips))
    with pytest.raises(ImageError, match=r"1048576x1048576, .* megapixels"):
        read_photo(tmp_path / "a.tif")
