"""Copies of JPEGs: blocks that are not changed stay as they are stored, to the bit."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

from guise.models.errors import ImageError
from guise.models.files import as_saved, finely, read_photo, write_photo
from guise.models.files.photos.containers import jpeg_parts
from guise.models.files.photos.jpeg.layout import CompressedJpeg
from guise.models.files.photos.jpeg.transcoding import changed_blocks

FACE = slice(80, 180), slice(70, 200)
KINDS: dict[str, dict[str, Any]] = {
    "q60": {"quality": 60},
    "q75": {"quality": 75},
    "q90, 4:2:2": {"quality": 90, "subsampling": 1},
    "q90, 4:4:4": {"quality": 90, "subsampling": 0},
    "q85, progressive": {"quality": 85, "progressive": True},
}


def _picture(width: int = 320, height: int = 240) -> Image.Image:
    return Image.fromarray(astronaut()).resize((512, 512)).crop((90, 0, 90 + width, height))


def _saved(path: Path, image: Image.Image, orientation: int = 1, **options: Any) -> Path:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    image.save(path, "JPEG", exif=exif, **options)
    return path


def _masked(pixels: np.ndarray) -> np.ndarray:
    """Noise like a mask's over `FACE`, fading out at its border."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(100, 130, 3)), (1.5, 1.5, 0))
    fade = np.outer(np.hanning(100), np.hanning(130))[..., None]
    mask = np.zeros(pixels.shape)
    mask[FACE] = 8 * fade * noise / noise.std()
    return np.asarray(np.clip(pixels + mask.round(), 0, 255).astype(np.uint8))


def _coefficients(path: Path) -> list[np.ndarray]:
    jpeg = jpeglib.read_dct(path)
    return [jpeg.Y] if jpeg.num_components == 1 else [jpeg.Y, jpeg.Cb, jpeg.Cr]


def _decoded(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("orientation", [1, 6, 7])
@pytest.mark.parametrize("kind", ["q60", "q75", "q90, 4:2:2", "q85, progressive"])
def test_a_finer_copy_keeps_what_no_mask_touches_and_holds_more_of_the_mask(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    original = _saved(tmp_path / "a.jpg", _picture(), orientation, **KINDS[kind])
    photo = read_photo(original)
    masked = _masked(photo.pixels)
    for name, how in (("b.jpg", photo), ("c.jpg", finely(photo, blocks=True)), ("d.jpg", finely(photo))):
        write_photo(tmp_path / name, how, masked)
    coarse, fine, anew = (read_photo(tmp_path / name).pixels.astype(int) for name in ("b.jpg", "c.jpg", "d.jpg"))
    far = np.ones(masked.shape[:2], bool)
    far[64:208, 48:224] = False
    # The same blocks, which a decoder may show a little differently where they are turned.
    assert np.array_equal(fine[far], coarse[far]) and not np.array_equal(anew[far], coarse[far])
    lost = [np.abs(pixels - masked)[FACE].mean() for pixels in (coarse, fine)]
    assert lost[1] < 0.85 * lost[0]
    sizes = [(tmp_path / name).stat().st_size for name in ("a.jpg", "c.jpg", "d.jpg")]
    assert sizes[1] < 0.9 * sizes[2] and sizes[1] < 1.8 * sizes[0]
    foreseen = as_saved(finely(photo, blocks=True), masked, photo.pixels).astype(int)
    assert np.percentile(np.abs(foreseen - fine)[FACE], 99) <= 3
    # Where only a part is encoded, without its place, colours have the resolution that the copy gives them.
    colours = photo.pixels[FACE].copy()
    colours[::2, :, 0], colours[1::2, :, 0] = 60, 200
    part = as_saved(finely(photo, blocks=True), colours).astype(int)
    if orientation == 1:  # rows have half their number in 4:2:0 only
        assert (np.abs(part - colours)[..., 0].mean() > 20) == ("4:2:2" not in kind)
    with Image.open(tmp_path / "c.jpg") as copy:
        assert bool(copy.info.get("progressive")) == ("progressive" in kind)
        assert sum(copy.quantization[0]) < 500


def test_coefficients_that_would_not_fit_finer_tables_are_compressed_anew(tmp_path: Path) -> None:
    """The sharpest of pictures, whose largest coefficient lies above what a JPEG tells in single steps."""
    stripes = np.tile(np.array([255, 0, 0, 255], np.uint8), (64, 16))  # 1020 of the fourth frequency: 28 steps of 37
    Image.fromarray(stripes).save(tmp_path / "a.jpg", qtables=[[37] * 64])
    photo = read_photo(tmp_path / "a.jpg")
    notes = write_photo(tmp_path / "b.jpg", finely(photo, blocks=True), 255 - photo.pixels)
    assert len(notes) == 1 and "compressed anew" in notes[0] and "too large for finer tables" in notes[0]
    assert np.abs(read_photo(tmp_path / "b.jpg").pixels.astype(int) - (255 - photo.pixels)).max() < 25


@pytest.mark.parametrize("quality", [25, 30, 47, 60, 75])
def test_black_beside_white_is_written_and_no_file_of_ours_is_named(tmp_path: Path, quality: int) -> None:
    """Means of blocks as far apart as they can be: some steps of coarse tables overshoot."""
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, 32:] = 255
    Image.fromarray(halves).save(tmp_path / "a.jpg", quality=quality)
    photo = read_photo(tmp_path / "a.jpg")
    changed = photo.pixels.copy()
    changed[20:30, 20:30] = 255 - changed[20:30, 20:30]
    notes = write_photo(tmp_path / "b.jpg", finely(photo, blocks=True), changed)
    assert not any("guise-jpeg" in note or "OSError" in note for note in notes)
    assert np.abs(read_photo(tmp_path / "b.jpg").pixels.astype(int) - changed).mean() < 3


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_that_no_mask_touches_are_the_same_to_the_bit(tmp_path: Path, kind: str) -> None:
    original, copy = _saved(tmp_path / "a.jpg", _picture(313, 237), **KINDS[kind]), tmp_path / "b.jpg"
    photo = read_photo(original)
    masked = _masked(photo.pixels)
    write_photo(copy, photo, masked)
    touched = (masked != photo.pixels).any(2)
    high = 16
    for before, after in zip(_coefficients(original), _coefficients(copy), strict=True):
        side = 8 if before.shape == _coefficients(original)[0].shape else high
        for row, column in np.argwhere((before != after).any((2, 3))):
            # Where blocks of colour cover more pixels, `side` is larger; of 4:2:2 across only.
            near = touched[max(row * 8 - 8, 0) : (row + 1) * high, max(column * 8 - 8, 0) : (column + 1) * side]
            assert near.any()
    far = np.ones(touched.shape, bool)
    far[64:208, 48:224] = False  # the units of 16 that the mask touches, and one more around
    assert np.array_equal(_decoded(original)[far], _decoded(copy)[far])
    assert np.abs(_decoded(original) - _decoded(copy))[FACE].max() > 8


@pytest.mark.parametrize("kind", KINDS)
def test_copies_keep_tables_sampling_mode_and_size(tmp_path: Path, kind: str) -> None:
    original, copy = _saved(tmp_path / "a.jpg", _picture(), **KINDS[kind]), tmp_path / "b.jpg"
    photo = read_photo(original)
    write_photo(copy, photo, _masked(photo.pixels))
    with Image.open(original) as a, Image.open(copy) as b:
        assert a.quantization == b.quantization
        assert [layer[1:] for layer in a.layer] == [layer[1:] for layer in b.layer]
        assert a.info.get("progressive") == b.info.get("progressive")
    assert copy.stat().st_size <= 1.1 * original.stat().st_size


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_foreseen_is_what_the_file_shows(tmp_path: Path, kind: str) -> None:
    photo = read_photo(_saved(tmp_path / "a.jpg", _picture(), **KINDS[kind]))
    masked = _masked(photo.pixels)
    write_photo(tmp_path / "b.jpg", photo, masked)
    shown = read_photo(tmp_path / "b.jpg").pixels.astype(int)
    part = slice(64, 240), slice(48, 224)
    for foreseen in (
        as_saved(photo, masked, photo.pixels)[part],
        as_saved(photo, masked[part], photo.pixels[part]),
    ):
        error = np.abs(foreseen - shown[part])
        assert error.mean() < 0.2 and np.percentile(error, 99.9) <= 3


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["q75", "q90, 4:2:2", "q85, progressive"])
def test_turned_photos_are_turned_block_by_block(tmp_path: Path, kind: str, orientation: int) -> None:
    original = _saved(tmp_path / "a.jpg", _picture(), orientation, **KINDS[kind])
    photo = read_photo(original)
    assert photo.compressed is not None
    masked = _masked(photo.pixels)
    write_photo(tmp_path / "b.jpg", photo, masked)
    with Image.open(tmp_path / "b.jpg") as copy:
        assert copy.getexif().get(Base.Orientation, 1) == 1
        assert copy.size == (photo.pixels.shape[1], photo.pixels.shape[0])
    before, after = _coefficients(original)[0], _coefficients(tmp_path / "b.jpg")[0]
    if orientation >= 5:
        before = before.transpose(1, 0, 3, 2)
    if orientation in (2, 3, 6, 7):
        before = before[:, ::-1] * np.where(np.arange(8) % 2, -1, 1)
    if orientation in (3, 4, 7, 8):
        before = before[::-1] * np.where(np.arange(8) % 2, -1, 1)[:, None]
    assert np.array_equal(before[28:], after[28:]) and (before != after).any()
    shown = read_photo(tmp_path / "b.jpg").pixels.astype(int)
    assert np.abs(shown - photo.pixels)[224:].max() <= 4  # an inverse transform does not round alike in all directions
    assert (
        np.corrcoef((shown - photo.pixels)[FACE].ravel(), (masked.astype(int) - photo.pixels)[FACE].ravel())[0, 1] > 0.6
    )


def test_a_photo_that_cannot_be_turned_so_is_encoded_anew(tmp_path: Path) -> None:
    photo = read_photo(_saved(tmp_path / "a.jpg", _picture(313, 237), 6, quality=75))
    assert photo.compressed is None
    write_photo(tmp_path / "b.jpg", photo, _masked(photo.pixels))
    assert read_photo(tmp_path / "b.jpg").pixels.shape == (313, 237, 3)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk(tmp_path: Path, mode: str) -> None:
    photo = read_photo(_saved(tmp_path / "a.jpg", _picture().convert(mode), quality=75))
    assert (photo.compressed is None) == (mode == "CMYK")
    masked = _masked(photo.pixels)
    if mode == "L":
        masked[...] = masked[..., :1]
    write_photo(tmp_path / "b.jpg", photo, masked)
    with Image.open(tmp_path / "b.jpg") as copy:
        assert copy.mode == ("L" if mode == "L" else "RGB")
    if mode == "L":
        assert np.array_equal(read_photo(tmp_path / "b.jpg").pixels[200:], photo.pixels[200:])


def test_nothing_hidden_comes_along(tmp_path: Path) -> None:
    """Comments, application segments and what follows the picture stay behind, however many there are."""
    _picture().save(buffer := io.BytesIO(), "JPEG", quality=75)
    data = buffer.getvalue()
    secret = b"\xff\xe7\x00\x0asecret!!" * 90 + b"\xff\xfe\x00\x0asecret!!"
    (tmp_path / "a.jpg").write_bytes(data[:2] + secret + data[2:] + b"secret!!" * 100)
    photo = read_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg", photo, photo.pixels)
    written = (tmp_path / "b.jpg").read_bytes()
    assert b"secret" not in written and written.endswith(b"\xff\xd9")
    assert [marker for marker, _ in jpeg_parts(written).segments if 0xE0 <= marker <= 0xEF] == [0xE0]
    assert np.array_equal(read_photo(tmp_path / "b.jpg").pixels, photo.pixels)


def test_where_blocks_cannot_be_kept_the_copy_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    photo = read_photo(_saved(tmp_path / "a.jpg", _picture(), quality=75))
    (note,) = write_photo(tmp_path / "b.jpg", photo, _masked(photo.pixels))
    assert note.startswith("all of it is compressed anew") and "\n" not in note
    with Image.open(tmp_path / "a.jpg") as a, Image.open(tmp_path / "b.jpg") as b:
        assert a.quantization == b.quantization


def test_blocks_that_cannot_be_read_are_one_line_and_leave_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photo = read_photo(_saved(tmp_path / "a.jpg", _picture(), quality=75))
    assert photo.compressed is not None
    data = photo.compressed.data.replace(b"\xff\xc0", b"\xff\xc5")
    with pytest.raises(ImageError, match="its blocks cannot be read"):
        changed_blocks(CompressedJpeg(data, photo.compressed.layout), [])
    assert capfd.readouterr() == ("", "")
    assert not list(Path("/dev/shm").glob("guise-jpeg-*"))
