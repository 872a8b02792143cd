"""`protect` on photos as people have them: what comes out, and what the report says of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from benchmarks import visibility_ruler
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.learning.refine import RefinementSettings
from guise.chameleon.mask.key import load_key, save_key
from guise.chameleon.protection.effort import Effort
from guise.chameleon.protection.log import manifest_file
from guise.models.files import read_photo
from tests.cli.command_line import Outcome, call, hashes

# SSIM, FLIP, flecks, largest fleck, as of docs/usage.md.
BUDGETS = {"low": (0.97, 0.06, 2, 4), "mid": (0.95, 0.09, 3, 6), "high": (0.92, 0.12, 4, 8)}
GROUP = Path(__file__).parents[2].parent / "shared" / "data" / "photos" / "group.jpg"


@pytest.mark.parametrize("strength", BUDGETS)
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "lossy.webp", "grey.jpg"])
def test_the_saved_photo_stays_within_the_budget_by_independent_measures(protect, photos, out, head, strength, name):
    (head.convert("L") if name == "grey.jpg" else head).save(photos / name)
    outcome = protect("--strength", strength, "--json")
    assert outcome.code == 0, outcome
    copy = read_photo(out / name)
    before, after = visibility_ruler.original(photos / name, copy), copy.pixels
    least, most, fleck, largest = BUDGETS[strength]
    seen, ruled = outcome.photo(name)["faces"][0]["visibility"], visibility_ruler.measure(before, after)
    # For `low` a mask of 4 grey levels or less may be all that fits; our own measure sees that too.
    if ruled is None:
        assert strength == "low" and 0.02 < seen["flip"] <= most
        return
    assert ruled.ssim >= least and ruled.flip <= most and ruled.fleck_p99 <= fleck and ruled.fleck_max <= largest
    assert abs(seen["flip"] - ruled.flip) < 3e-3
    assert abs(ruled.ssim - seen["ssim"]) < 3e-3
    assert abs(seen["fleck"] - ruled.fleck_p99) < 0.1
    # A budget that is not used protects nobody.
    used = max((1 - ruled.ssim) / (1 - least), ruled.flip / most, ruled.fleck_p99 / fleck)
    assert used > (0.7 if strength == "low" else 0.85)


def test_a_copy_has_the_place_size_and_format_of_its_original(protect, photos, out, head):
    (photos / "trip" / "day 1").mkdir(parents=True)
    for name in ("a.png", "trip/b.JPG", "trip/day 1/c.webp", "d.tiff", "e.bmp"):
        head.save(photos / name)
    assert protect().code == 0
    for name in hashes(photos):
        with Image.open(photos / name) as before, Image.open(out / name) as after:
            assert (after.format, after.size, after.mode) == (before.format, before.size, before.mode)
    assert set(hashes(out)) == set(hashes(photos))


def test_nothing_outside_the_face_changes(protect, photos, out, head):
    canvas = Image.new("RGB", (900, 700), (90, 120, 60))
    canvas.paste(head, (500, 300))
    canvas.save(photos / "a.png")
    left, top, right, bottom = protect("--json").photo("a.png")["faces"][0]["box"]
    ys, xs = np.nonzero((np.asarray(canvas) != np.asarray(Image.open(out / "a.png"))).any(2))
    assert len(ys) > 1000
    around = 0.6 * (bottom - top)
    assert left - around < xs.min() and xs.max() < right + around
    assert top - around < ys.min() and ys.max() < bottom + around


def test_json_is_valid_and_alone_on_stdout(protect, photos, out, key, head):
    head.save(photos / "a.png")
    Image.new("RGB", (64, 64)).save(photos / "wall.png")
    (photos / "bad.jpg").write_bytes(b"no image")
    (photos / "notes.txt").write_text("x")
    outcome = protect("--json")
    assert outcome.code == 3
    report = outcome.report
    assert (report["out"], report["key"], report["ignored"]) == (str(out), str(key), ["notes.txt"])
    assert [photo["status"] for photo in report["photos"]] == ["protected", "failed", "no face"]
    assert all(photo["reason"] for photo in report["photos"][1:])
    assert "notes.txt" in outcome.stderr


def test_the_table_names_each_photo_and_where_everything_lies(protect, photos, out, key, head):
    head.save(photos / "a.png")
    outcome = protect()
    assert outcome.code == 0 and outcome.stderr == ""
    linked = "still linked to you: 1 of 1 by dlib-resnet"  # the mask was not learnt
    for word in ("a.png", "protected", "1 of 1 photo protected", str(out), str(key), "private", linked):
        assert word in outcome.stdout
    with Image.open(key.with_name("copies-before-after.png"), formats=["PNG"]) as picture:
        assert picture.width > 600


def test_the_table_and_the_last_lines_say_who_still_links_a_photo(protect, photos, key, head):
    known = load_key(key)
    team = ("dlib-resnet", "sface", "guise-iresnet")
    save_key(replace(known, provenance=replace(known.provenance, recognisers=team)), key)
    head.save(photos / "a.png")
    Image.new("RGB", (200, 200), "gray").save(photos / "wall.png")
    shown = protect("--refine", "0", "--strength", "low").stdout
    assert "still linked to you: 1 of 1 by dlib-resnet, 1 by sface, 1 by guise-iresnet" in shown
    assert "learnt against all of them: that says nothing about other recognisers" in shown
    table = shown.splitlines()
    assert "linked by" in table[0] and "dlib-resnet, sface, guise-iresnet" in table[1]
    report = protect("--refine", "0", "--strength", "low", "--json").report
    assert report["linked_by"] == {name: ["a.png"] for name in team} and report["linked"] == ["a.png"]


def test_a_second_run_skips_everything_and_touches_nothing(protect, photos, out, head):
    for name in ("a.png", "b.jpg"):
        head.save(photos / name)
    first = protect("--json")
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    second = protect("--json")
    assert second.code == 0 and {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times
    for before, after in zip(first.report["photos"], second.report["photos"], strict=True):
        assert after["status"] == "skipped" and after["faces"] == before["faces"]


def test_a_second_run_looks_for_no_face(protect, photos, head, monkeypatch):
    head.save(photos / "a.png")
    protect()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a face was searched for")

    monkeypatch.setattr("guise.chameleon.faces.detection.FaceDetector.detect", fail)
    assert protect("--json").photo("a.png")["status"] == "skipped"


def test_a_new_photo_is_added_and_the_others_are_left(protect, photos, head):
    head.save(photos / "a.png")
    protect()
    ImageOps.mirror(head).save(photos / "b.png")
    assert [photo["status"] for photo in protect("--json").report["photos"]] == ["skipped", "protected"]


def test_other_settings_do_the_work_again(protect, photos, out, head):
    head.save(photos / "a.jpg")
    seen = []
    for options in (("--strength", "low"), ("--strength", "high"), ("--strength", "high", "--user-face", "all")):
        assert protect("--json", "--refine", "0", *options).photo("a.jpg")["status"] == "protected"
        seen.append((out / "a.jpg").read_bytes())
    assert seen[0] != seen[1] == seen[2]


def test_a_changed_original_is_done_again(protect, photos, out, head):
    head.save(photos / "a.png")
    protect()
    ImageOps.mirror(head).save(photos / "a.png")
    assert protect("--json").photo("a.png")["status"] == "protected"
    assert np.abs(np.asarray(Image.open(out / "a.png"), int) - np.asarray(ImageOps.mirror(head))).max() < 20


def test_a_deleted_copy_is_made_again_the_same(protect, photos, out, head):
    head.save(photos / "a.png")
    protect()
    before = (out / "a.png").read_bytes()
    (out / "a.png").unlink()
    assert protect("--json").photo("a.png")["status"] == "protected"
    assert (out / "a.png").read_bytes() == before


def test_two_folders_give_the_same_bytes(protect, photos, out, tmp_path, head):
    head.save(photos / "a.jpg")
    protect()
    protect("--out", tmp_path / "other")
    assert (out / "a.jpg").read_bytes() == (tmp_path / "other" / "a.jpg").read_bytes()


def tagged(head: Image.Image, orientation: int = 1) -> Image.Exif:
    exif = head.getexif()
    exif[274] = orientation
    exif[271] = "Camera"
    exif.get_ifd(34853)[1] = "N"
    return exif


def test_position_is_dropped_unless_metadata_are_kept(protect, photos, out, head):
    head.save(photos / "a.jpg", exif=tagged(head))
    protect()
    assert not Image.open(out / "a.jpg").getexif()
    assert protect("--keep-metadata", "--json").photo("a.jpg")["status"] == "protected"
    kept = Image.open(out / "a.jpg").getexif()
    assert kept[271] == "Camera" and kept.get_ifd(34853)[1] == "N"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_the_colour_profile_is_kept(protect, photos, out, head, name):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    head.save(photos / name, icc_profile=profile)
    assert protect().code == 0
    assert Image.open(out / name).info["icc_profile"] == profile


TURNS = [
    None,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_90,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_270,
]


def test_every_orientation_is_set_upright(protect, photos, out, head):
    """Stored turned with the tag that says how, so that the face stands upright where it is shown."""
    wide = Image.new("RGB", (330, 270), "gray")
    wide.paste(head, (20, 0))
    for orientation, turn in enumerate(TURNS, 1):
        stored = wide if turn is None else wide.transpose(turn)
        stored.save(photos / f"{orientation}.png", exif=tagged(head, orientation))
    outcome = protect("--keep-metadata", "--json", "--refine", "0")
    assert outcome.code == 0
    for orientation in range(1, 9):
        assert outcome.photo(f"{orientation}.png")["status"] == "protected"
        with Image.open(out / f"{orientation}.png") as copy:
            assert copy.size == (330, 270) and copy.getexif().get(274, 1) == 1
            assert (out / f"{orientation}.png").read_bytes() == (out / "1.png").read_bytes()


def test_transparency_is_kept_to_the_bit(protect, photos, out, head):
    alpha = Image.linear_gradient("L").resize(head.size)
    for name in ("a.png", "a.webp", "a.tif"):
        picture = head.copy()
        picture.putalpha(alpha)
        picture.save(photos / name, **({"lossless": True, "exact": True} if name == "a.webp" else {}))
    assert protect().code == 0
    for name in ("a.png", "a.webp", "a.tif"):
        with Image.open(out / name) as copy:
            assert copy.mode == "RGBA" and np.array_equal(copy.getchannel("A"), alpha)


@pytest.mark.parametrize(
    ("name", "make", "mode", "note"),
    [
        ("grey.png", lambda head: head.convert("L"), "L", ""),
        ("palette.png", lambda head: head.quantize(250), "RGB", "palette"),
        ("cmyk.jpg", lambda head: head.convert("CMYK"), "RGB", "CMYK"),
    ],
)
def test_unusual_pixels_are_protected_and_what_is_lost_is_said(protect, photos, out, head, name, make, mode, note):
    make(head).save(photos / name)
    outcome = protect("--json")
    photo = outcome.photo(name)
    assert outcome.code == 0 and photo["status"] == "protected"
    assert note in "; ".join(photo["notes"]) and bool(photo["notes"]) == bool(note)
    with Image.open(out / name) as copy:
        assert copy.mode == mode
        difference = np.abs(
            np.asarray(copy, int)
            - np.asarray(read_photo(photos / name).pixels[..., : len(mode)], int).reshape(np.asarray(copy).shape)
        )
        assert 0 < difference.max() <= (64 if name.endswith(".jpg") else 16)  # JPEG of quality 75 adds its own


@pytest.mark.parametrize(
    "name", ["with space.png", "two\nlines.png", "größe 顔 🙂.png", ":smile: [red].png", os.fsdecode(b"\xff\xfe.png")]
)
def test_any_name_is_good(protect, photos, out, head, name):
    try:
        head.save(photos / name)
    except (OSError, UnicodeError):
        pytest.skip("this file system does not allow that name")
    assert protect("--dry-run").code == 0
    outcome = protect()
    assert outcome.code == 0 and (out / name).is_file()
    assert "protected" in outcome.stdout and len(outcome.stdout.splitlines()) < 15
    assert protect("--json").photo(name)["status"] == "skipped"
    if name.startswith(":"):
        assert ":smile: [red].png" in outcome.stdout


def test_one_stem_with_two_suffixes_gives_two_copies(protect, photos, out, head):
    head.save(photos / "a.png")
    ImageOps.mirror(head).save(photos / "a.jpg")
    head.save(photos / "A.jpeg")
    assert protect().code == 0
    assert {path.name for path in out.iterdir()} >= {"a.png", "a.jpg", "A.jpeg"}
    assert np.abs(np.asarray(Image.open(out / "a.png"), int) - np.asarray(head)).max() <= 16


def test_links_are_never_written_through(protect, photos, out, tmp_path, head):
    head.save(tmp_path / "elsewhere.png")
    (photos / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (photos / "loop").symlink_to(photos)
    (photos / "self.png").symlink_to("self.png")
    (photos / "gone.png").symlink_to("nowhere")
    before = (tmp_path / "elsewhere.png").read_bytes()
    outcome = protect("--json")
    assert outcome.code == 0 and [photo["photo"] for photo in outcome.report["photos"]] == ["link.png"]
    assert outcome.report["ignored"] == ["gone.png", "loop", "self.png"]
    assert (tmp_path / "elsewhere.png").read_bytes() == before
    assert (out / "link.png").is_file() and not (out / "link.png").is_symlink()


@pytest.mark.parametrize(
    "box",
    [(110, 0, 270, 270), (0, 0, 160, 270), (0, 95, 270, 270), (0, 0, 270, 145), (87, 62, 177, 174), (95, 65, 270, 270)],
    ids=["left", "right", "top", "bottom", "touching", "corner"],
)
def test_a_face_cut_by_the_border_is_protected_within_the_budget(protect, photos, out, head, box):
    head.crop(box).save(photos / "cut.png")
    outcome = protect("--json", "--user-face", "all")
    assert outcome.code == 0 and outcome.photo("cut.png")["status"] == "protected"
    pixels = [np.asarray(Image.open(folder / "cut.png")) for folder in (photos, out)]
    ruled = visibility_ruler.measure(*pixels)
    assert 0.95 <= ruled.ssim < 1 and ruled.flip <= 0.09


def test_dry_run_writes_nothing_at_all(protect, photos, out, tmp_path, head):
    head.save(photos / "a.png")
    (photos / "bad.jpg").write_bytes(b"")
    before = hashes(tmp_path)
    for options in ((), ("--key", tmp_path / "new" / "key")):
        outcome = protect("--dry-run", "--json", *options)
        assert outcome.code == 3 and not out.exists() and hashes(tmp_path) == before
        assert outcome.report["learn"] is bool(options)
        assert outcome.photo("a.png")["protect"] == 1 and outcome.photo("bad.jpg")["protect"] == 0
    outcome = protect("--dry-run")
    assert "a.png" in outcome.stdout and "Nothing was written" in outcome.stderr and hashes(tmp_path) == before


def test_a_key_in_use_says_that_options_for_learning_do_nothing(protect, photos, head):
    head.save(photos / "a.png")
    outcome = protect("--seed", "5", "--preset", "paper")
    assert outcome.code == 0 and "--preset, --seed without effect" in outcome.stderr


def test_all_largest_and_reference_choose_faces(protect, photos, tmp_path, head):
    two = Image.new("RGB", (540, 270))
    two.paste(ImageOps.mirror(head), (0, 0))
    two.paste(head.resize((200, 200)), (300, 30))
    two.save(photos / "two.png")
    head.save(tmp_path / "me.png")
    counts = {}
    for who in ("all", "largest", str(tmp_path / "me.png")):
        photo = protect("--user-face", who, "--json").photo("two.png")
        assert photo["status"] == "protected"
        counts[who] = len(photo["faces"])
    # The two are alike; but the person on a reference photo is expected once, and another such face is told of.
    assert list(counts.values()) == [2, 1, 1]
    assert any("1 more of its faces" in note for note in photo["notes"])


@pytest.mark.skipif(not GROUP.is_file(), reason="no group photo: ../shared/data is not here")
def test_others_faces_stay_untouched(protect, photos, out, reader):
    shutil.copy(GROUP, photos / "group.jpg")
    pixels = read_photo(photos / "group.jpg").pixels
    faces = reader.read(pixels, name="group")
    assert len(faces) > 1
    left, top, right, bottom = faces[0].face.box
    side = (right - left) / 2
    alone = Image.fromarray(pixels).crop((int(left - side), int(top - side), int(right + side), int(bottom + side)))
    reference = photos.with_name("reference.png")
    alone.save(reference)
    if len(reader.read(np.asarray(alone), name="alone")) != 1:
        pytest.skip("the largest face of the group photo does not stand alone")
    photo = protect("--user-face", reference, "--json").photo("group.jpg")
    (face,) = photo["faces"]
    assert np.abs(np.array(face["box"]) - faces[0].face.box).max() < 8
    after = read_photo(out / "group.jpg").pixels
    changed = np.abs(after.astype(int) - pixels).max(2)
    own = changed[faces[0].face.box_in(*pixels.shape[:2])].mean()
    for other in faces[1:]:
        assert changed[other.face.box_in(*pixels.shape[:2])].mean() < own / 2


def test_learning_makes_a_private_key_and_writes_what_restoring_needs(protect, photos, tmp_path, head, monkeypatch):
    monkeypatch.setattr("guise.chameleon.jobs.options.LearningSettings", partial(LearningSettings, steps=80))
    for index, left in enumerate((0, 10, 20)):
        head.crop((left, 0, 260, 260)).save(photos / f"{index}.jpg", quality=92)
    key = tmp_path / "new" / "folder" / "key"
    outcome = protect("--key", key, "--json", "--seed", "3", "--recogniser", "dlib-resnet")
    assert outcome.code == 0, outcome
    assert outcome.report["provenance"]["photos"] == 3 and outcome.report["provenance"]["seed"] == 3
    before = [photo["faces"][0]["similarity_before"] for photo in outcome.report["photos"]]
    after = [photo["faces"][0]["similarity_after"] for photo in outcome.report["photos"]]
    assert min(before) > 0.9 and max(after) < 0.7
    records = key.with_name("key.restore")
    if os.name == "posix":
        assert [file.stat().st_mode & 0o777 for file in (key, records)] == [0o600, 0o600]
    assert load_key(key).provenance.recognisers == ("dlib-resnet",)
    # Of each photo the log says first that its copy is ours, then what it is like.
    for file, lines in ((records, 3), (manifest_file(key), 6)):
        assert len([json.loads(line) for line in file.read_text().splitlines()]) == lines
    assert protect("--key", key, "--json").report["photos"][0]["status"] == "skipped"


def test_demo_protects_its_own_photos(tmp_path, keys, monkeypatch):
    from guise.cli.demo import demo

    # All photos are refined as by default, but in few steps.
    monkeypatch.setattr("guise.chameleon.jobs.protect.USUAL", Effort(RefinementSettings(steps=2), patience=0))
    (tmp_path / "demo").mkdir()
    shutil.copy(keys[0], tmp_path / "demo" / "photos.guise-key")
    outcome = call(demo, tmp_path / "demo")
    assert outcome.code == 0, outcome
    assert "12 of 12 photos protected" in outcome.stdout and "protect --user-photos" in outcome.stderr
    before = hashes(tmp_path / "demo")
    again = call(demo, tmp_path / "demo")
    page = "photos-protected-report.html"  # says what this run did: it skipped all
    assert again.code == 0 and hashes(tmp_path / "demo") | {page: ""} == before | {page: ""}


def script(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = Path(sysconfig.get_path("scripts"), name)
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "words"),
    [(["protect", "--help"], "--user-photos"), (["guise", "--help"], "restore"), (["guise", "restore", "-h"], "--key")],
)
def test_help_imports_nothing_heavy(command, words):
    done = script(*command)
    assert done.returncode == 0 and words in done.stdout
    code = (
        "import sys\nfrom guise.cli.main import run\n"
        f"from guise.cli.main import guise; from guise.cli.protect import protect; sys.argv = {command}\n"
        f"try: run({'protect' if command[0] == 'protect' else 'guise'})\n"
        "finally: print([m for m in ('torch', 'numpy', 'PIL', 'skimage', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n") and words in done.stdout


def test_help_names_the_steps_that_refining_takes_by_default():
    shown = " ".join(script("protect", "--help").stdout.split())
    assert f"protects much less. [default: {RefinementSettings().steps}]" in shown


def test_exit_codes_of_the_real_programs(tmp_path):
    assert script("guise", "--version").returncode == 0
    assert script("protect").returncode == 2
    assert script("guise", "nonsense").returncode == 2
    (tmp_path / "empty").mkdir()
    done = script("protect", "--user-photos", tmp_path / "empty")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("Error: no photos in")


def test_guise_protect_is_protect():
    from guise.cli.main import guise
    from guise.cli.protect import protect

    assert guise.get_command(None, "protect") is protect  # type: ignore[arg-type]
    outcome: Outcome = call(guise, "protect", "--help")
    assert outcome.code == 0 and "--user-photos" in outcome.stdout
