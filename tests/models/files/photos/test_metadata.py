import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from guise.models.files import read_photo, write_photo

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif"}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = SRGB[:16] + b"GRAY" + SRGB[20:]
STORED_FROM_UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: lambda a: np.rot90(a, -1),
}


def _upright() -> np.ndarray:
    y, x = np.mgrid[0:40, 0:56]
    return np.stack([x * 4, y * 6, (x + y) * 2], axis=-1).astype(np.uint8)


def _save(path: Path, kind: str, pixels: np.ndarray | None = None, **options: object) -> Path:
    if kind == "WEBP":
        options["lossless"] = True
    if kind == "JPEG":
        options |= {"quality": 100, "subsampling": 0}
    Image.fromarray(_upright() if pixels is None else np.ascontiguousarray(pixels)).save(path, kind, **options)
    return path


def _tags() -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Make] = "Acme"
    exif[Base.Artist] = "Zoë".encode()
    exif[Base.Orientation] = 6
    exif[IFD.Exif] = {Base.DateTimeOriginal: "2020:01:01 00:00:00", Base.MakerNote: b"hidden preview"}
    exif[IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.0)}
    return exif


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize("orientation", STORED_FROM_UPRIGHT)
def test_every_orientation_is_read_upright_and_written_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Make] = "Acme"
    stored = STORED_FROM_UPRIGHT[orientation](_upright())
    photo = read_photo(_save(tmp_path / f"a{SUFFIXES[kind]}", kind, stored, exif=exif.tobytes()))
    tolerance = 3 if kind == "JPEG" else 0
    assert photo.pixels.shape == _upright().shape
    assert np.abs(photo.pixels.astype(int) - _upright()).max() <= tolerance
    for keep in (False, True):
        write_photo(tmp_path / "b", photo, photo.pixels, keep_metadata=keep)
        with Image.open(tmp_path / "b") as copy:
            assert copy.getexif().get(Base.Orientation) == (1 if keep else None)
            assert copy.getexif().get(Base.Make) == ("Acme" if keep else None)
            assert np.abs(np.asarray(copy).astype(int) - _upright()).max() <= 3 * tolerance


def test_orientation_holds_for_grey_and_transparency(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 8
    image = Image.fromarray(_upright()[..., 0])
    image.putalpha(Image.fromarray(_upright()[..., 1]))
    image.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "a.png", exif=exif)
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.pixels[..., 2], np.where(_upright()[..., 1] > 0, _upright()[..., 0], 0))
    np.testing.assert_array_equal(photo.alpha, _upright()[..., 1])


@pytest.mark.parametrize("kind", SUFFIXES)
def test_place_and_all_other_metadata_are_dropped_unless_asked_for(tmp_path: Path, kind: str) -> None:
    text = PngInfo()
    text.add_text("Comment", "secret")
    more = {
        "JPEG": {"comment": "secret", "xmp": b"<x>secret</x>"},
        "PNG": {"pnginfo": text},
        "WEBP": {"xmp": b"<x>secret</x>"},
        "TIFF": {"description": "secret"},
    }[kind]
    if kind == "TIFF":
        exif = _tags()
        more = {"tiffinfo": _loaded(exif), **more}
    else:
        more["exif"] = _tags().tobytes()
    source = _save(tmp_path / f"a{SUFFIXES[kind]}", kind, **more)
    assert b"secret" in source.read_bytes()
    photo = read_photo(source)
    write_photo(tmp_path / "dropped", photo, photo.pixels)
    data = (tmp_path / "dropped").read_bytes()
    assert not any(word in data for word in (b"secret", b"Acme", b"2020:01:01", b"hidden", b"Exif", b"eXIf"))
    with Image.open(tmp_path / "dropped") as copy:
        assert not copy.getexif().get_ifd(IFD.GPSInfo)

    write_photo(tmp_path / "kept", photo, photo.pixels, keep_metadata=True)
    data = (tmp_path / "kept").read_bytes()
    assert "Zoë".encode() in data
    assert b"hidden" not in data
    assert (b"secret" in data) == (kind == "TIFF")  # there the description is an EXIF tag
    with Image.open(tmp_path / "kept") as copy:
        exif = copy.getexif()
        assert exif[Base.Make] == "Acme"
        assert exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2020:01:01 00:00:00"
        assert exif.get_ifd(IFD.GPSInfo) == {1: "N", 2: (52.0, 31.0, 12.0)}
    np.testing.assert_allclose(read_photo(tmp_path / "kept").pixels.astype(int), photo.pixels, atol=9)


def _loaded(exif: Image.Exif) -> Image.Exif:
    loaded = Image.Exif()
    loaded.load(exif.tobytes())
    loaded[Base.XMLPacket] = b"hidden thumbnail"
    loaded[Base.Artist] = "Zoë".encode()
    return loaded


def test_the_thumbnail_of_the_unprotected_face_is_removed(tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.fromarray(_upright()[::4, ::4]).save(buffer, "JPEG")
    thumbnail = buffer.getvalue()
    make = b"Acme\0"
    first = struct.pack("<H", 1) + struct.pack("<HHII", 271, 2, 5, 200) + struct.pack("<I", 50)
    second = struct.pack("<H", 2) + struct.pack("<HHIIHHII", 513, 4, 1, 300, 514, 4, 1, len(thumbnail))
    block = b"II*\0" + struct.pack("<I", 8) + first
    block = block.ljust(50, b"\0") + second + bytes(4)
    block = (block.ljust(200, b"\0") + make).ljust(300, b"\0") + thumbnail
    source = _save(tmp_path / "a.jpg", "JPEG", exif=b"Exif\0\0" + block)
    with Image.open(source) as image:
        assert image.getexif().get_ifd(IFD.IFD1)[514] == len(thumbnail)
    photo = read_photo(source)
    write_photo(tmp_path / "b.jpg", photo, photo.pixels, keep_metadata=True)
    assert thumbnail in source.read_bytes()
    assert thumbnail[-200:] not in (tmp_path / "b.jpg").read_bytes()
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[Base.Make] == "Acme"
        assert not image.getexif().get_ifd(IFD.IFD1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\xff"])
def test_damaged_exif_does_not_cost_the_photo(tmp_path: Path, exif: bytes) -> None:
    photo = read_photo(_save(tmp_path / "a.jpg", "JPEG", exif=exif))
    assert photo.exif is None
    assert photo.pixels.shape == _upright().shape


def test_a_photo_without_tags_has_no_exif(tmp_path: Path) -> None:
    for kind, suffix in SUFFIXES.items():
        assert read_photo(_save(tmp_path / f"a{suffix}", kind)).exif is None


@pytest.mark.parametrize("kind", SUFFIXES)
def test_colour_profile_is_carried_over(tmp_path: Path, kind: str) -> None:
    photo = read_photo(_save(tmp_path / f"a{SUFFIXES[kind]}", kind, icc_profile=SRGB))
    assert photo.icc_profile == SRGB
    for keep in (False, True):
        write_photo(tmp_path / "b", photo, photo.pixels, keep_metadata=keep)
        with Image.open(tmp_path / "b") as copy:
            assert copy.info["icc_profile"] == SRGB


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_colour_profile_must_fit_the_pixels(tmp_path: Path, kind: str) -> None:
    grey = _upright()[..., 0]
    path = tmp_path / f"a{SUFFIXES[kind]}"
    assert read_photo(_save(path, kind, grey, icc_profile=GREY)).icc_profile == GREY
    for pixels, profile in ((grey, SRGB), (_upright(), GREY), (_upright(), b"broken")):
        photo = read_photo(_save(path, kind, pixels, icc_profile=profile))
        assert photo.icc_profile is None
        assert "does not fit" in photo.notes[0]
