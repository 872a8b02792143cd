"""The table of what each format carries is true: all of it is written, and all of it is read back."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers with Pillow
import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base

from guise.models.files import read_photo, write_photo
from guise.models.files.photos.containers import png_chunks
from guise.models.files.photos.density import to_phys
from guise.models.files.photos.formats import FORMATS, TIFF_COLOUR_TAGS
from guise.models.files.photos.photo import Photo
from tests.models.files.photos.test_metadata import SRGB
from tests.models.files.photos.test_reading import _chunk

WHEN = 1_234_567_890_123_456_789
PNG_COLOURS = {
    b"cICP": bytes([12, 13, 0, 1]),
    b"mDCV": bytes(range(24)),
    b"cLLI": bytes(range(8)),
    b"gAMA": (45_455).to_bytes(4, "big"),
    b"cHRM": b"".join(value.to_bytes(4, "big") for value in (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    b"sRGB": b"\0",
}
TIFF_COLOURS: dict[int, Any] = {
    318: (0.3127, 0.329),
    319: (0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
}


def _picture(*, alpha: bool) -> Image.Image:
    y, x = np.mgrid[0:48, 0:64]
    image = Image.fromarray(np.stack([x * 3, y * 4, 255 - x - y], axis=-1).astype(np.uint8))
    if alpha:
        image.putalpha(Image.fromarray((128 + x).astype(np.uint8)))
    return image


def _tags() -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Make] = "Acme"
    exif[IFD.Exif] = {Base.DateTimeOriginal: "2020:01:01 00:00:00"}
    return exif


def _everything(kind: str, path: Path) -> None:
    """A file of a format that holds all that the table says the format carries."""
    carries = FORMATS[kind]
    image, options = _picture(alpha=carries.alpha and not carries.palette), {}
    exif = _tags()
    if carries.density == "exif":
        exif[Base.XResolution], exif[Base.YResolution], exif[Base.ResolutionUnit] = 240.0, 120.0, 2
    elif carries.density == "header":
        options["dpi"] = (240, 120)
    if carries.icc:
        options["icc_profile"] = SRGB
    if kind == "TIFF":
        own = Image.Exif()
        own.load(exif.tobytes())
        for tag, value in TIFF_COLOURS.items():
            own[tag] = value
        options["tiffinfo"] = own
    elif carries.exif:
        options["exif"] = exif.tobytes()
    if carries.frames:
        second = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        options |= {"save_all": True, "append_images": [second]}
        options |= {} if kind == "TIFF" else {"duration": [80, 160]}
    if kind == "HEIC":
        heif = pillow_heif.from_pillow(image)
        heif.info["nclx_profile"] = {
            "color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1,
        }  # fmt: skip
        heif.save(path, quality=90, icc_profile=None, exif=options["exif"])
        return
    options |= {"lossless": True} if kind == "JXL" else {}
    image.save(buffer := BytesIO(), kind, **options)
    data = buffer.getvalue()
    if kind == "PNG":
        data = data[:33] + b"".join(_chunk(name, body) for name, body in PNG_COLOURS.items()) + data[33:]
    path.write_bytes(data)


def _carried(photo: Photo) -> dict[str, Any]:
    density = photo.shown.density
    told = None if density is None else tuple(round(value) for value in density.per("inch"))
    frames = photo.frames or (photo,)
    return {
        "density": told,
        "icc": photo.icc_profile,
        "chunks": dict(photo.shown.chunks),
        "tags": dict(photo.shown.tags),
        "nclx": {k: v for k, v in photo.shown.options.get("nclx_profile", {}).items() if "_p" in k or "_c" in k},
        "alpha": [None if frame.alpha is None else frame.alpha.astype(int) for frame in frames],
        "durations": [frame.duration for frame in photo.frames],
        "attributes": photo.attributes,
        "exif": photo.exif is not None and b"Acme" in photo.exif and b"2020:01:01" in photo.exif,
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_a_copy_carries_all_that_the_table_says(tmp_path: Path, kind: str) -> None:
    carries, path = FORMATS[kind], tmp_path / "original"
    _everything(kind, path)
    path.chmod(0o640)
    os.utime(path, ns=(WHEN, WHEN))
    original = read_photo(path)
    before = _carried(original)
    assert (before["density"] is not None) == bool(carries.density)
    assert before["density"] in (None, (240, 120))
    assert (before["icc"] is not None) == (carries.icc and kind != "HEIC") and before["exif"] == carries.exif
    assert set(before["chunks"]) == {name.encode() for name in carries.colour if kind == "PNG"}
    assert {TIFF_COLOUR_TAGS[tag] for tag in before["tags"]} == (set(carries.colour) if kind == "TIFF" else set())
    assert bool(before["nclx"]) == ("nclx" in carries.colour)
    assert (before["alpha"][0] is not None) == (carries.alpha and not carries.palette)
    assert len(original.frames) == (2 if carries.frames else 0)
    pixels = [frame.pixels for frame in original.frames] or original.pixels
    for keep in (True, False):
        write_photo(tmp_path / "copy", original, pixels, keep_metadata=keep)
        after = _carried(read_photo(tmp_path / "copy"))
        for name, value in before.items():
            if name == "exif":
                assert after[name] == (keep and carries.exif)
            elif name == "alpha":
                for own, given in zip(after[name], value, strict=True):  # HEIC and AVIF compress it as they do pixels
                    assert (own is None) == (given is None)
                    assert own is None or np.abs(own - given).max() <= (2 if kind in ("HEIC", "AVIF") else 0)
            elif name == "tags":
                assert after[name].keys() == value.keys()
                assert all(
                    np.allclose(np.array(after[name][tag], float), np.array(value[tag], float), rtol=1e-6)
                    for tag in value
                )
            else:
                assert after[name] == value, (name, keep)
    assert (tmp_path / "copy").stat().st_mtime_ns == WHEN


def test_what_a_format_cannot_carry_is_said(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(BytesIO(SRGB)).tobytes()
    gif, flat = tmp_path / "a.gif", Image.new("RGB", (8, 8), (10, 200, 30))
    flat.save(gif)
    assert read_photo(gif).notes == ()
    flat.save(tmp_path / "a.png", icc_profile=profile[:16] + b"CMYK" + profile[20:])
    assert "does not fit" in read_photo(tmp_path / "a.png").notes[0]


def test_a_turned_picture_swaps_its_densities(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.XResolution], exif[Base.YResolution] = 6, 300.0, 150.0
    exif[IFD.Exif] = {Base.ExifImageWidth: 64, Base.ExifImageHeight: 48, 0xA20E: 10.0, 0xA20F: 20.0, 0x9214: (1, 2)}
    _picture(alpha=False).save(tmp_path / "a.jpg", exif=exif)
    _picture(alpha=False).save(tmp_path / "a.png", exif=exif, dpi=(300, 150))
    for name in ("a.jpg", "a.png"):
        photo = read_photo(tmp_path / name)
        write_photo(tmp_path / "copy", photo, photo.pixels, keep_metadata=True)
        with Image.open(tmp_path / "copy") as copy:
            told = copy.getexif()
            camera = told.get_ifd(IFD.Exif)
            assert copy.size == (48, 64) == (camera[Base.ExifImageWidth], camera[Base.ExifImageHeight])
            assert tuple(round(value) for value in copy.info["dpi"]) == (150, 300)
            assert (told[Base.XResolution], told[Base.YResolution], told[Base.Orientation]) == (150, 300, 1)
            assert (camera[0xA20E], camera[0xA20F]) == (20, 10) and 0x9214 not in camera


def test_densities_keep_their_unit(tmp_path: Path) -> None:
    _picture(alpha=False).save(buffer := BytesIO(), "JPEG")
    for unit, x, y in ((0, 1, 2), (1, 300, 300), (2, 118, 118)):
        data = bytearray(buffer.getvalue())
        data[13:18] = bytes([unit]) + x.to_bytes(2, "big") + y.to_bytes(2, "big")
        (tmp_path / "a").write_bytes(data)
        photo = read_photo(tmp_path / "a")
        write_photo(tmp_path / "b", photo, photo.pixels)
        assert (tmp_path / "b").read_bytes()[13:18] == data[13:18]
    _picture(alpha=False).save(buffer := BytesIO(), "PNG")
    for body in ((23_622).to_bytes(4, "big") * 2 + b"\1", (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + b"\0"):
        (tmp_path / "a").write_bytes(buffer.getvalue()[:33] + _chunk(b"pHYs", body) + buffer.getvalue()[33:])
        photo = read_photo(tmp_path / "a")
        assert photo.shown.density is not None and to_phys(photo.shown.density) == body
        write_photo(tmp_path / "b", photo, photo.pixels)
        assert dict(png_chunks((tmp_path / "b").read_bytes()))[b"pHYs"] == body


def test_no_picture_hides_in_kept_tags(tmp_path: Path) -> None:
    _picture(alpha=False).save(small := BytesIO(), "JPEG")
    exif = _tags()
    exif[IFD.Exif] = {Base.UserComment: small.getvalue(), Base.DateTimeOriginal: "2020:01:01 00:00:00"}
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        own = Image.Exif()
        own.load(exif.tobytes())
        own[61_000] = small.getvalue()
        _picture(alpha=False).save(tmp_path / "a", kind, **({"tiffinfo": own} if kind == "TIFF" else {"exif": own}))
        photo = read_photo(tmp_path / "a")
        write_photo(tmp_path / "b", photo, photo.pixels, keep_metadata=True)
        assert small.getvalue()[-60:] not in (tmp_path / "b").read_bytes()
        assert b"Acme" in (tmp_path / "b").read_bytes()
