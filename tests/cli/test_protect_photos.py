"""`protect` on the photos that phones, cameras, scanners and other programs leave: nothing is lost or hidden unsaid."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers with Pillow
import pytest
from PIL import Image

from guise.models.files import read_photo
from guise.models.files.headers import sniff
from tests.cli.command_line import check_refused, hashes

QUICK = ("--refine", "0")


def test_photos_are_told_by_content_and_litter_is_passed_over(protect, photos, out, head):
    for name in ("IMG_1.JPG", "stereo.MPO", "download", "@eaDir/IMG_1.JPG/XL.jpg"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        head.save(photos / name, "JPEG")
    (photos / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    outcome = protect("--json", *QUICK)
    assert outcome.code == 0 and outcome.stderr == ""
    assert [photo["photo"] for photo in outcome.report["photos"]] == ["IMG_1.JPG", "download", "stereo.MPO"]
    assert set(hashes(out)) == {"IMG_1.JPG", "download", "stereo.MPO"}


@pytest.mark.parametrize("name", ["grey.png", "grey.jpg", "grey.webp", "grey.tif"])
def test_black_and_white_in_three_channels_stays_so(protect, photos, out, head, name):
    head.convert("L").convert("RGB").save(photos / name)
    assert protect().code == 0
    with Image.open(out / name) as copy:
        assert copy.mode == "RGB"
        pixels = np.asarray(copy).astype(int)
    assert np.ptp(pixels, axis=2).max() <= (1 if name.endswith("webp") else 0)
    assert (pixels != read_photo(photos / name).pixels).any()


def test_one_photo_is_protected_by_itself(protect, photos, out, key, head):
    head.save(photos / "me.jpg")
    head.save(photos / "other.jpg")
    outcome = protect("--user-photos", photos / "me.jpg", "--out", out, "--key", key, "--json", *QUICK, bare=True)
    assert outcome.code == 0 and [photo["photo"] for photo in outcome.report["photos"]] == ["me.jpg"]
    assert set(hashes(out)) == {"me.jpg"}
    outcome = protect("--user-photos", photos / "me.jpg", "--key", key, "--json", "--dry-run", *QUICK, bare=True)
    assert outcome.report["out"] == str(photos / "me-protected")
    again = protect("--user-photos", photos / "me.jpg", "--out", photos, "--key", key, *QUICK, bare=True)
    check_refused(again, 2, "me.jpg would lie in its place", "--out")


def test_copies_given_again_are_known_as_protected(protect, photos, out, key, tmp_path, head):
    head.save(photos / "a.jpg", quality=90)
    head.save(photos / "b.png")
    protect(*QUICK)
    (tmp_path / "renamed").mkdir()
    shutil.copy(out / "a.jpg", tmp_path / "renamed" / "x.jpg")
    with Image.open(out / "b.png") as copy:
        copy.save(tmp_path / "renamed" / "y.png", compress_level=9)  # other bytes, the same pixels
    again = ("--user-photos", tmp_path / "renamed", "--out", tmp_path / "again", "--key", key, *QUICK)
    outcome = protect(*again, "--json", bare=True)
    assert outcome.code == 3
    assert [photo["status"] for photo in outcome.report["photos"]] == ["already protected"] * 2
    shown = protect(*again, bare=True).stdout
    assert "\n0 of 2 photos protected\n" in shown and "Measured" not in shown
    assert not (tmp_path / "again").exists()


def test_what_lies_under_full_transparency_is_neither_masked_nor_kept(protect, restore, photos, out, head):
    both = Image.new("RGBA", (2 * head.width, head.height))
    both.paste(head, (0, 0))
    both.paste(head, (head.width, 0))
    alpha = Image.new("L", both.size, 255)
    alpha.paste(0, (head.width, 0, *both.size))
    both.putalpha(alpha)
    for name in ("a.png", "a.tif", "a.webp"):
        both.save(photos / name, **({"lossless": True, "exact": True} if name.endswith("webp") else {}))
    outcome = protect("--json", *QUICK)
    assert outcome.code == 0
    for name in ("a.png", "a.tif", "a.webp"):
        with Image.open(out / name) as copy:
            pixels = np.asarray(copy.convert("RGBA"))
        assert np.array_equal(pixels[..., 3], np.asarray(alpha))
        assert not pixels[:, head.width :, :3].any()
        assert (pixels[:, : head.width, :3] != np.asarray(head)).any()
        ((left, _, right, _),) = [face["box"] for face in outcome.photo(name)["faces"]]
        assert left < right < head.width
    report = restore("--json").report
    assert [photo["status"] for photo in report["photos"]] == ["exact"] * 3


def test_a_copy_has_the_time_and_permissions_of_its_original(protect, photos, out, head):
    head.save(photos / "a.jpg")
    os.utime(photos / "a.jpg", (1_500_000_000, 1_500_000_000))
    (photos / "a.jpg").chmod(0o640)
    assert protect(*QUICK).code == 0
    status = (out / "a.jpg").stat()
    assert status.st_mtime_ns == 1_500_000_000 * 10**9
    assert os.name != "posix" or status.st_mode & 0o777 == 0o640


def linear(head: Image.Image) -> bytes:
    """The same picture in linear light, as a PNG that says so."""
    levels = (255 * (np.asarray(head) / 255) ** 2.2).round().astype(np.uint8)
    Image.fromarray(levels).save(buffer := BytesIO(), "PNG")
    png, body = buffer.getvalue(), b"gAMA" + struct.pack(">I", 100_000)
    return png[:33] + struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body)) + png[33:]


def test_a_picture_in_linear_light_is_shown_as_before(protect, photos, out, head):
    (photos / "a.png").write_bytes(linear(head))
    outcome = protect("--json", *QUICK)
    assert outcome.code == 0 and "gamma of 1" in outcome.photo("a.png")["notes"][0]
    with Image.open(out / "a.png") as copy:
        assert copy.info["gamma"] == pytest.approx(1 / 2.2, abs=1e-4)
        assert np.asarray(copy).mean() == pytest.approx(np.asarray(head).mean(), abs=1)


def test_what_a_jpeg_holds_besides_its_picture_is_dropped_and_said(protect, photos, out, head):
    gain = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'
    motion = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" GCamera:MotionPhoto="1"/>'
    small = head.resize((80, 80))
    head.save(photos / "hdr.jpg", "MPO", save_all=True, append_images=[small.convert("L")], xmp=gain)
    head.save(photos / "two.jpg", "MPO", save_all=True, append_images=[small])
    head.save(photos / "three.jpg", "MPO", save_all=True, append_images=[small, small])
    head.save(photos / "moves.jpg", xmp=motion)
    head.save(photos / "trailer.jpg")
    for name, trailer in (("moves.jpg", b"\0\0\0\x18ftypmp42" + b"video" * 99), ("trailer.jpg", b"hidden" * 50)):
        with (photos / name).open("ab") as file:
            file.write(trailer)
    outcome = protect("--json", *QUICK)
    assert outcome.code == 0
    notes = {photo["photo"]: "; ".join(photo["notes"]) for photo in outcome.report["photos"]}
    for name, word in (
        ("hdr.jpg", "HDR is lost"),
        ("two.jpg", "second picture is left out"),
        ("three.jpg", "2 further pictures are left out"),
        ("moves.jpg", "motion photo"),
        ("trailer.jpg", "300 bytes that follow its picture"),
    ):
        assert word in notes[name] and ";" not in notes[name]
        copy = (out / name).read_bytes()
        assert copy.count(b"\xff\xd8\xff") == 1 and b"ftyp" not in copy and b"hidden" not in copy


def test_metadata_that_cannot_be_kept_is_said_where_metadata_is_kept(protect, photos, out, head):
    exif = Image.Exif()
    exif[271] = "Camera"
    head.save(photos / "a.jpg", exif=exif, xmp=b"<x:xmpmeta/>", comment=b"mine")
    assert protect("--json", *QUICK).photo("a.jpg")["notes"] == []
    outcome = protect("--json", "--keep-metadata", *QUICK)
    assert outcome.photo("a.jpg")["notes"] == ["left out of its metadata: XMP, comments"]
    assert Path(out / "a.jpg").read_bytes().count(b"xmpmeta") == 0


@pytest.mark.parametrize("name", ["a.heic", "a.avif", "a.gif", "a.jxl"])
def test_formats_of_phones_and_of_the_web_are_read_and_written_as_themselves(protect, restore, photos, out, head, name):
    if name.endswith("heic"):
        pillow_heif.from_pillow(head).save(photos / name, quality=90)
    else:
        head.save(photos / name)
    outcome = protect("--json", *QUICK)
    assert outcome.code == 0 and outcome.photo(name)["status"] == "protected"
    assert sniff((out / name).read_bytes()) == sniff((photos / name).read_bytes())
    before, after = (read_photo(folder / name).pixels.astype(int) for folder in (photos, out))
    assert before.shape == after.shape and 0.1 < np.abs(before - after).mean() < 6
    assert restore("--json").photo(name)["status"] == "near"


def moving(head: Image.Image) -> list[Image.Image]:
    """Three frames: nobody, the face, the face elsewhere."""
    frames = [Image.new("RGB", (360, 300), (90, 120, 60)) for _ in range(3)]
    frames[1].paste(head, (20, 10))
    frames[2].paste(head, (70, 25))
    return frames


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.gif", {"duration": [80, 120, 200], "loop": 0}),
        ("a.png", {"duration": [80, 120, 200], "loop": 3}),
        ("a.webp", {"duration": [80, 120, 200], "loop": 3, "lossless": True}),
        ("a.avif", {"duration": [80, 120, 200], "quality": 90}),
        ("a.tif", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_every_frame_and_page_with_the_face_is_protected(protect, restore, photos, out, tmp_path, head, name, options):
    first, *more = moving(head)
    first.save(photos / name, save_all=True, append_images=more, **options)
    outcome = protect("--json")
    assert outcome.code == 0
    told = outcome.photo(name)
    assert told["status"] == "protected" and "2 of its 3 pictures show the user" in told["notes"][-1]
    before, after = read_photo(photos / name), read_photo(out / name)
    assert [frame.duration for frame in before.frames] == [frame.duration for frame in after.frames]
    assert after.shown.options.get("loop") == before.shown.options.get("loop")
    changed = [np.abs(a.pixels.astype(int) - b.pixels).max(2) for a, b in zip(before.frames, after.frames, strict=True)]
    if before.lossless:
        assert not changed[0].any()
    assert min(change[60:180, 120:200].mean() for change in changed[1:]) > 0.5
    copy = (out / name).read_bytes()
    assert protect("--json").photo(name)["status"] == "skipped"
    (out / name).unlink()
    assert protect("--json").photo(name)["status"] == "protected" and (out / name).read_bytes() == copy
    status = restore("--json").photo(name)["status"]
    assert status == ("exact" if before.lossless else "near")
    if before.lossless:
        back = read_photo(tmp_path / "restored" / name)
        for a, b in zip(before.frames, back.frames, strict=True):
            np.testing.assert_array_equal(a.pixels, b.pixels)
