import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from guise.models.errors import ImageError, OutputError
from guise.models.files import Photo, as_saved, read_photo, write_photo

LOSSLESS = [(mode, kind) for mode in ("L", "LA", "RGB", "RGBA") for kind in ("PNG", "TIFF")] + [
    ("L", "BMP"),
    ("RGB", "BMP"),
    ("RGB", "WEBP"),
    ("RGBA", "WEBP"),
]
SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}


def _noise(height: int, width: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    bands = Image.getmodebands(mode)
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, bands), dtype=np.uint8)
    return Image.merge(mode, [Image.fromarray(samples[..., band].copy()) for band in range(bands)])


def _seen(image: Image.Image, alpha: np.ndarray | None) -> np.ndarray:
    """What is fully transparent is black."""
    pixels = np.array(image.convert("RGB"))
    if alpha is not None:
        pixels[alpha == 0] = 0
    return pixels


def _smooth(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 3, y * 4, 255 - x - y], axis=-1).astype(np.uint8)


def _save(image: Image.Image, path: Path, kind: str, **options: object) -> Path:
    image.save(path, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}), **options)
    return path


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(LOSSLESS),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
def test_lossless_copies_hold_any_pixels_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, kind: tuple[str, str], height: int, width: int, seed: int
) -> None:
    mode, format_ = kind
    folder = tmp_path_factory.mktemp("round")
    source = _save(_noise(height, width, mode, seed), folder / f"a{SUFFIX[format_]}", format_)
    before = source.read_bytes()
    photo = read_photo(source)
    np.testing.assert_array_equal(photo.pixels, _seen(_noise(height, width, mode, seed), photo.alpha))
    pixels = np.asarray(_noise(height, width, "L" if photo.single_channel else "RGB", seed + 1).convert("RGB"))
    write_photo(folder / "copy", photo, pixels)
    again = read_photo(folder / "copy")
    np.testing.assert_array_equal(again.pixels, _seen(Image.fromarray(pixels), photo.alpha))
    if mode in ("LA", "RGBA"):
        assert photo.alpha is not None
        opaque = np.full((height, width), 255)  # WebP may leave out transparency that is nowhere
        np.testing.assert_array_equal(again.alpha if again.alpha is not None else opaque, photo.alpha)
    else:
        assert photo.alpha is again.alpha is None
    assert photo.lossless
    assert photo.notes == ()
    assert (again.format, again.single_channel, again.lossless) == (format_, mode in ("L", "LA"), True)
    write_photo(folder / "twin", photo, pixels)
    assert (folder / "copy").read_bytes() == (folder / "twin").read_bytes()
    assert source.read_bytes() == before


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_copies_stay_lossy_close_and_reproducible(tmp_path: Path, kind: str) -> None:
    Image.fromarray(_smooth()).save(tmp_path / "a", kind, quality=90)
    photo = read_photo(tmp_path / "a")
    assert (photo.format, photo.lossless, photo.grey, photo.alpha) == (kind, False, False, None)
    write_photo(tmp_path / "b", photo, photo.pixels)
    write_photo(tmp_path / "c", photo, photo.pixels)
    again = read_photo(tmp_path / "b")
    assert (again.format, again.lossless) == (kind, False)
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < 2
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize(("quality", "progressive"), [(60, False), (75, True), (90, False), (98, True)])
def test_jpeg_copies_keep_tables_sampling_mode_and_size(
    tmp_path: Path, quality: int, progressive: bool, subsampling: int
) -> None:
    picture = np.clip(_smooth(160, 240).astype(int) + np.random.default_rng(0).normal(0, 6, (160, 240, 1)), 0, 255)
    options = {"quality": quality, "progressive": progressive, "subsampling": subsampling}
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "a.jpg", **options)
    photo = read_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg", photo, photo.pixels)
    with Image.open(tmp_path / "a.jpg") as original, Image.open(tmp_path / "b.jpg") as copy:
        assert copy.quantization == original.quantization
        assert [layer[1:3] for layer in copy.layer] == [layer[1:3] for layer in original.layer]
        assert copy.info.get("progressive") == original.info.get("progressive")
    assert (tmp_path / "b.jpg").stat().st_size <= 1.1 * (tmp_path / "a.jpg").stat().st_size
    saved = read_photo(tmp_path / "b.jpg").pixels
    np.testing.assert_array_equal(saved, photo.pixels)
    np.testing.assert_array_equal(as_saved(photo, photo.pixels, photo.pixels), saved)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIC"])
def test_other_lossy_copies_are_about_as_large_as_their_originals(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).normal(0, 6, (300, 400, 1))
    image = Image.fromarray(np.clip(_smooth(300, 400).astype(int) + noise, 0, 255).astype(np.uint8))
    for quality in (50, 80):
        if kind == "HEIC":
            pillow_heif.from_pillow(image).save(tmp_path / "a", quality=quality)
        else:
            image.save(tmp_path / "a", kind, quality=quality)
        photo = read_photo(tmp_path / "a")
        write_photo(tmp_path / "b", photo, photo.pixels)
        assert 0.6 < (tmp_path / "b").stat().st_size / (tmp_path / "a").stat().st_size < 1.25
        assert np.abs(read_photo(tmp_path / "b").pixels.astype(int) - photo.pixels).mean() < 4.5


def test_grey_jpeg_stays_one_channel_of_luma(tmp_path: Path) -> None:
    _noise(16, 16, "L").save(tmp_path / "a.jpg")
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.grey
    green = np.zeros_like(photo.pixels)
    green[..., 1] = 255
    write_photo(tmp_path / "b.jpg", photo, green)
    with Image.open(tmp_path / "b.jpg") as copy:
        assert copy.mode == "L"
        assert abs(np.asarray(copy).mean() - 0.587 * 255) < 2


def test_lossy_webp_keeps_its_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(_smooth())
    image.putalpha(Image.fromarray(_smooth()[..., 0]))
    image.save(tmp_path / "a.webp", quality=80)
    photo = read_photo(tmp_path / "a.webp")
    write_photo(tmp_path / "b.webp", photo, photo.pixels)
    assert photo.alpha is not None
    np.testing.assert_array_equal(read_photo(tmp_path / "b.webp").alpha, photo.alpha)


def test_sha256_is_of_the_files_bytes(tmp_path: Path) -> None:
    path = _save(_noise(5, 5), tmp_path / "a.png", "PNG")
    assert read_photo(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    photo = read_photo(_save(_noise(5, 7), tmp_path / "a.JPG", "PNG"))
    assert photo.format == "PNG"
    assert photo.notes == ("is PNG in spite of its name .JPG; written back as PNG",)
    write_photo(tmp_path / "out" / "a.JPG", photo, photo.pixels)
    assert (tmp_path / "out" / "a.JPG").read_bytes().startswith(b"\x89PNG")


def test_one_pixel_is_a_photo(tmp_path: Path) -> None:
    for kind in SUFFIX:
        photo = read_photo(_save(_noise(1, 1), tmp_path / "a", kind))
        assert photo.pixels.shape == (1, 1, 3)
        write_photo(tmp_path / "b", photo, photo.pixels)
        assert read_photo(tmp_path / "b").pixels.shape == (1, 1, 3)


def test_first_picture_of_a_cameras_mpo_is_read(tmp_path: Path) -> None:
    first, second = Image.fromarray(_smooth()), _noise(48, 64)
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.format == "JPEG"
    assert photo.notes == ("its second picture is left out",)
    assert np.abs(photo.pixels.astype(int) - _smooth()).mean() < 2
    write_photo(tmp_path / "b.jpg", photo, photo.pixels)
    assert read_photo(tmp_path / "b.jpg").notes == ()


def test_pixels_can_be_changed_without_touching_the_file(tmp_path: Path) -> None:
    path = _save(_noise(5, 5, "RGBA"), tmp_path / "a.png", "PNG")
    photo = read_photo(path)
    photo.pixels[:] = 0
    assert read_photo(path).pixels.any()


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    return read_photo(_save(_noise(6, 4), tmp_path / "a.png", "PNG"))


@pytest.mark.parametrize("pixels", [np.zeros((4, 6, 3), np.uint8), np.zeros((6, 4, 3)), np.zeros((6, 4), np.uint8)])
def test_other_sizes_and_types_are_not_written(tmp_path: Path, photo: Photo, pixels: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"uint8 \(6, 4, 3\)"):
        write_photo(tmp_path / "b.png", photo, pixels)
    assert not (tmp_path / "b.png").exists()


def test_a_full_disk_leaves_no_photo(tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match="No space left"):
        write_photo(tmp_path / "out" / "b.png", photo, photo.pixels)
    assert list((tmp_path / "out").iterdir()) == []


def test_another_file_in_the_way_stays_unless_it_may_be_overwritten(tmp_path: Path, photo: Photo) -> None:
    target = tmp_path / "copy.png"
    write_photo(target, photo, photo.pixels, overwrite=False)
    write_photo(target, photo, photo.pixels, overwrite=False)  # the very same file is in nobody's way
    copy = target.read_bytes()
    target.write_bytes(b"mine")
    with pytest.raises(ImageError, match=r"copy\.png: another file is there already; move it away"):
        write_photo(target, photo, photo.pixels, overwrite=False)
    assert target.read_bytes() == b"mine"
    write_photo(target, photo, photo.pixels)
    assert target.read_bytes() == copy
    target.unlink()
    target.symlink_to("nowhere")
    with pytest.raises(ImageError, match="another file is there"):
        write_photo(target, photo, photo.pixels, overwrite=False)
