"""`guise restore`: exact where the file allows it, near elsewhere, and a clear word otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from guise.models.files import read_photo
from tests.cli.command_line import call, check_refused, hashes


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"), dtype=int)


def error(folder: Path, name: str, photos: Path) -> float:
    """Root mean square difference of a file from its original, in grey levels."""
    return float(
        np.sqrt(np.mean((read_photo(folder / name).pixels.astype(float) - read_photo(photos / name).pixels) ** 2))
    )


def glaring(head: Image.Image) -> Image.Image:
    """Under- and overexposed, so that much of the mask is lost in black and white."""
    hard = ImageEnhance.Contrast(ImageEnhance.Brightness(head).enhance(1.5)).enhance(2.2)
    assert np.mean(np.isin(np.asarray(hard), (0, 255))) > 0.2
    return hard


@pytest.mark.parametrize("strength", ["low", "high"])
def test_lossless_files_come_back_to_the_bit(protect, restore, photos, out, tmp_path, head, strength):
    alpha = Image.linear_gradient("L").resize(head.size)
    rgba = head.copy()
    rgba.putalpha(alpha)
    for name in ("a.png", "a.tif", "a.bmp"):
        head.save(photos / name)
    head.save(photos / "a.webp", lossless=True)
    head.convert("L").save(photos / "grey.png")
    rgba.save(photos / "rgba.png")
    (photos / "sub").mkdir()
    glaring(head).save(photos / "sub" / "glaring.png")
    glaring(head).convert("L").save(photos / "glaring grey.png")
    ImageEnhance.Brightness(head.crop((87, 62, 177, 174))).enhance(1.5).save(photos / "burnt out.png")
    assert protect("--strength", strength, "--user-face", "all").code == 0
    outcome = restore("--json")
    assert outcome.code == 0 and {row["status"] for row in outcome.report["photos"]} == {"exact"}
    for name in hashes(photos):
        assert not np.array_equal(pixels(out / name), pixels(photos / name))
        original = pixels(photos / name)
        if name == "rgba.png":
            original[original[..., 3] == 0, :3] = 0  # what nobody sees is not kept
        assert np.array_equal(pixels(tmp_path / "restored" / name), original)


def test_two_faces_in_one_photo_come_back_to_the_bit(protect, restore, photos, tmp_path, head):
    two = Image.new("RGB", (400, 270), "white")
    two.paste(head, (0, 0))
    two.paste(head.crop((60, 30, 220, 220)), (170, 40))  # masks that overlap
    two.save(photos / "two.png")
    outcome = protect("--user-face", "all", "--json")
    assert len(outcome.photo("two.png")["faces"]) >= 1
    assert restore("--json").photo("two.png")["status"] == "exact"
    assert np.array_equal(pixels(tmp_path / "restored" / "two.png"), np.asarray(two.convert("RGBA")))


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "grey.jpg"])
def test_lossy_files_come_back_nearer_to_the_original(protect, restore, photos, out, tmp_path, head, name):
    (head.convert("L") if name == "grey.jpg" else head).save(photos / name, quality=95)
    protect("--strength", "high")
    outcome = restore("--json")
    assert outcome.code == 0 and outcome.photo(name)["status"] == "near" and outcome.photo(name)["reason"]
    # What WebP itself loses is a good part of the error, and stays.
    assert error(tmp_path / "restored", name, photos) < 0.85 * error(out, name, photos)


def changed(image: Image.Image, how: str, target: Path) -> None:
    if how == "compressed":
        image.save(target, "JPEG", quality=75)
    elif how == "halved":
        image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS).save(target, "PNG")
    else:
        image.crop((20, 15, image.width, image.height)).save(target, "PNG")


@pytest.mark.parametrize("how", ["compressed", "halved", "cropped"])
def test_a_photo_that_a_platform_changed_comes_back_nearer(protect, restore, photos, out, tmp_path, head, how):
    large = head.resize((540, 540), Image.Resampling.LANCZOS)
    large.save(photos / "a.png")
    protect("--strength", "high", "--refine", "12")
    platform, reference = tmp_path / "platform", tmp_path / "reference"
    for folder, source in ((platform, out), (reference, photos)):
        folder.mkdir()
        changed(Image.open(source / "a.png"), how, folder / "a.png")
    outcome = restore("--json", folder=platform)
    assert outcome.code == 0 and outcome.photo("a.png")["status"] == "near"
    assert "no restore record" in outcome.photo("a.png")["reason"]
    assert error(tmp_path / "restored", "a.png", reference) < error(platform, "a.png", reference)


def test_without_its_record_a_photo_comes_back_near(protect, restore, photos, out, key, tmp_path, head):
    head.save(photos / "a.png")
    protect("--strength", "high", "--refine", "0")  # what refining added is in the record alone
    key.with_name(key.name + ".restore").unlink()
    assert restore("--json").photo("a.png")["status"] == "near"
    # An unrefined mask of few grey levels: how each pixel was rounded stays unknown.
    assert error(tmp_path / "restored", "a.png", photos) < 0.93 * error(out, "a.png", photos)


def test_another_key_takes_nothing_off(protect, restore, photos, keys, tmp_path, head):
    head.save(photos / "a.png")
    head.save(photos / "b.jpg")
    protect("--strength", "high")
    outcome = restore("--json", key_file=keys[1])
    assert outcome.code == 1 and {row["status"] for row in outcome.report["photos"]} == {"no mask"}
    assert not hashes(tmp_path / "restored")


def test_photos_without_a_mask_are_named_and_not_written(protect, restore, photos, out, tmp_path, head):
    head.save(photos / "a.png")
    protect()
    head.save(out / "plain.png")
    Image.new("RGB", (64, 64)).save(out / "wall.png")
    (out / "bad.jpg").write_bytes(b"x")
    outcome = restore("--json")
    assert outcome.code == 3
    assert {row["photo"]: row["status"] for row in outcome.report["photos"]} == {
        "a.png": "exact",
        "bad.jpg": "failed",
        "plain.png": "no mask",
        "wall.png": "no mask",
    }
    assert set(hashes(tmp_path / "restored")) == {"a.png"}
    table = restore()
    assert table.code == 3 and "1 of 4 photos restored exactly" in table.stdout


@pytest.mark.parametrize(
    "changes",
    [
        {"clipped": "!!!"},
        {"clipped": 3},
        {"clipped": "c$@&%0002T0|f"},
        {"placements": [{}]},
        {"placements": 7},
        {"placements": [{"to_canonical": [[1, 2], [3]], "amplitude": 1, "grey": False}]},
        {"placements": [{"to_canonical": [[0, 0, 0], [0, 0, 0]], "amplitude": 1, "grey": False}]},
        {"placements": [{"to_canonical": [[float("nan")] * 3] * 2, "amplitude": 1, "grey": False}]},
        {"placements": [{"to_canonical": None, "amplitude": "x", "grey": False}]},
    ],
)
def test_a_damaged_record_is_said_to_be_one(protect, restore, photos, key, tmp_path, head, changes):
    head.save(photos / "a.png")
    head.crop((9, 0, 270, 270)).save(photos / "b.png")
    protect()
    records = key.with_name(key.name + ".restore")
    first, second = records.read_text().splitlines()
    records.write_text(json.dumps({**json.loads(first), **changes}) + "\n" + second + "\n")
    outcome = restore("--json")
    assert outcome.code == 3 and outcome.photo("b.png")["status"] == "exact"
    assert outcome.photo("a.png")["status"] == "failed"
    assert "record is damaged" in outcome.photo("a.png")["reason"]
    assert not (tmp_path / "restored" / "a.png").exists()


def test_a_record_that_lies_is_not_believed(protect, restore, photos, key, head):
    head.save(photos / "a.png")
    protect()
    records = key.with_name(key.name + ".restore")
    record = json.loads(records.read_text())
    record["placements"][0]["amplitude"] *= 0.5
    records.write_text(json.dumps(record) + "\n")
    photo = restore("--json").photo("a.png")
    assert photo["status"] == "near" and "its restore record" in photo["reason"]


def test_garbled_records_count_as_absent(protect, restore, photos, key, head):
    head.save(photos / "a.png")
    protect("--strength", "high")
    records = key.with_name(key.name + ".restore")
    records.write_bytes(records.read_bytes()[:300])
    assert restore("--json").photo("a.png")["status"] == "near"


def test_originals_are_never_written_over(protect, restore, photos, head):
    """The slip of the pen that would cost most: the folder of originals as output."""
    head.save(photos / "a.jpg")
    head.save(photos / "b.png", optimize=True)
    protect()
    before = hashes(photos)
    outcome = restore("--json", to=photos)
    assert outcome.code == 1 and hashes(photos) == before
    assert {row["status"] for row in outcome.report["photos"]} == {"failed"}
    assert "another file is there" in outcome.photo("a.jpg")["reason"]


def test_a_second_run_gives_the_same(protect, restore, photos, tmp_path, head):
    head.save(photos / "a.png")
    head.save(photos / "b.jpg")
    protect()
    restore()
    (tmp_path / "restored" / ".a.png.0123abcd.guise-tmp").write_bytes(b"half")  # of a killed run
    before = {name: digest for name, digest in hashes(tmp_path / "restored").items() if name.endswith(("png", "jpg"))}
    assert restore().code == 0 and hashes(tmp_path / "restored") == before


def test_a_run_of_other_settings_keeps_the_records_of_the_first(protect, restore, photos, tmp_path, head):
    head.save(photos / "a.png")
    protect("--strength", "low", "--out", tmp_path / "low")
    protect("--strength", "high")
    for folder in (tmp_path / "low", tmp_path / "copies"):
        assert restore("--json", folder=folder).photo("a.png")["status"] == "exact"


@pytest.mark.parametrize("name", ["two\nlines.png", "größe 顔.png", os.fsdecode(b"\xff\xfe.png")])
def test_any_name_is_good(protect, restore, photos, tmp_path, head, name):
    try:
        head.save(photos / name)
    except (OSError, UnicodeError):
        pytest.skip("this file system does not allow that name")
    protect()
    assert restore().code == 0 and restore("--json").photo(name)["status"] == "exact"
    assert np.array_equal(pixels(tmp_path / "restored" / name), pixels(photos / name))


def test_wrong_folders_keys_and_options(protect, restore, photos, out, key, tmp_path, head):
    head.save(photos / "a.png")
    protect()
    check_refused(restore(to=out), 2, "the same or one holds the other")
    check_refused(restore(to=out / "sub"), 2, "the same or one holds the other")
    check_refused(restore(to=key), 2, "is not a folder")
    check_refused(restore(key_file=tmp_path / "nowhere"), 2, "nowhere", "No such file")
    check_refused(restore(key_file=photos / "a.png"), 1, "not a Guise key")
    check_refused(restore(folder=photos / "a.png"), 2, "is a file")
    check_refused(restore(folder=tmp_path / "nowhere"), 2, "does not exist")
    (tmp_path / "bare").mkdir()
    check_refused(restore(folder=tmp_path / "bare"), 2, "no photos")
    records = key.with_name(key.name + ".restore")
    records.unlink()
    records.mkdir()
    check_refused(restore(), 2, str(records))
    assert not (tmp_path / "restored").exists()
    from guise.cli.restore import restore as command

    check_refused(call(command, out, "--key", key, "--out", tmp_path / "r", "--device", "nonsense"), 2, "--device cpu")
    check_refused(call(command, out, "--key", key), 2, "--out")


def test_records_from_before_masks_were_refined_still_restore(protect, restore, photos, key, head):
    head.save(photos / "a.png")
    protect("--refine", "0")
    records = key.with_name(key.name + ".restore")
    line = json.loads(records.read_text())
    for placement in line["placements"]:
        del placement["refinement"]
    records.write_text(json.dumps(line) + "\n")
    assert restore("--json").photo("a.png")["status"] == "exact"
