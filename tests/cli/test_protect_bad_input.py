"""`protect` on what it cannot use: one clear line, the right exit code, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image, ImageOps

from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.mask.key import Key, load_key, save_key
from guise.chameleon.protection.log import manifest_file
from guise.cli.protect import protect as command
from guise.models.files.photos import writing
from tests.cli.command_line import call, check_refused, hashes


def png(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds next to nothing."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    done = (
        subprocess.run(["mount", *options, folder], capture_output=True, check=False) if shutil.which("mount") else None
    )
    if done is None or done.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


# Folders


def test_a_missing_folder(protect, tmp_path):
    outcome = protect("--user-photos", tmp_path / "nowhere", bare=True)
    check_refused(outcome, 2, "nowhere", "does not exist")


def test_an_empty_folder(protect, photos, out):
    check_refused(protect(), 2, str(photos), "no photos")
    assert not out.exists()


def test_a_folder_of_other_files(protect, photos):
    (photos / "notes.txt").write_text("x")
    check_refused(protect(), 2, "no photos", "its 1 file is none")


@pytest.mark.parametrize("known", [True, False], ids=["with a key", "learning"])
def test_a_folder_without_faces(protect, photos, out, tmp_path, known):
    Image.new("RGB", (100, 100), "gray").save(photos / "wall.png")
    if not known:
        check_refused(protect("--key", tmp_path / "new"), 1, "no face was found in 1 photo")
        assert not (tmp_path / "new").exists()
    else:
        outcome = protect("--json")
        assert outcome.code == 1 and outcome.photo("wall.png")["status"] == "no face"
    assert not hashes(out)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop root")
def test_an_unreadable_folder(protect, photos, head):
    (photos / "locked").mkdir()
    head.save(photos / "locked" / "a.png")
    (photos / "locked").chmod(0)
    try:
        check_refused(protect(), 2, "locked", "Permission denied")
    finally:
        (photos / "locked").chmod(0o700)


def test_a_folder_that_the_system_refuses(protect, photos, head, monkeypatch):
    head.save(photos / "a.png")
    walk = os.walk

    def refuse(top, **options):
        if Path(top) == photos and "onerror" in options:
            options["onerror"](PermissionError(13, "Permission denied", str(top)))
        return walk(top, **options)

    monkeypatch.setattr(os, "walk", refuse)
    check_refused(protect(), 2, str(photos), "Permission denied")


@pytest.mark.parametrize("where", [".", "sub", "sub/deeper", "link"])
def test_output_inside_the_photos(protect, photos, tmp_path, head, where):
    head.save(photos / "a.png")
    (tmp_path / "link").symlink_to(photos)
    out = tmp_path / "link" if where == "link" else photos / where
    check_refused(protect("--out", out), 2, "the same or one holds the other", str(photos))
    assert list(photos.iterdir()) == [photos / "a.png"]


def test_photos_inside_the_output(protect, photos, tmp_path, head):
    head.save(photos / "a.png")
    outcome = protect("--out", tmp_path, "--key", tmp_path.with_name("no key"))
    check_refused(outcome, 2, "the same or one holds the other")


def test_output_that_links_out_of_the_photos_leaves_them_alone(protect, photos, tmp_path, key, head):
    head.save(photos / "a.png")
    (tmp_path / "real").mkdir()
    (photos / "link").symlink_to(tmp_path / "real")
    assert protect("--out", photos / "link").code == 0
    assert (tmp_path / "real" / "a.png").is_file() and key.with_name("real-before-after.png").is_file()


def test_output_that_is_a_file(protect, photos, tmp_path, head):
    head.save(photos / "a.png")
    (tmp_path / "x").write_text("mine")
    check_refused(protect("--out", tmp_path / "x"), 2, "is not a folder")
    check_refused(protect("--out", tmp_path / "x" / "y"), 1, "cannot write")
    assert (tmp_path / "x").read_text() == "mine"


def test_the_root_of_a_disk_has_no_place_beside_it(protect, monkeypatch):
    monkeypatch.setattr("guise.chameleon.jobs.learn.list_photos", lambda _: pytest.fail("the disk was searched"))
    check_refused(protect("--user-photos", "/", bare=True), 2, "--out and --key")


def test_a_read_only_output(protect, photos, out, head):
    head.save(photos / "a.png")
    out.mkdir()
    with mounted(out, "-t", "tmpfs", "-o", "size=64k,ro", "tmpfs"):
        check_refused(protect(), 1, str(out), "may be written to")


def test_a_read_only_place_for_the_key_is_found_before_learning(protect, photos, tmp_path, head):
    head.save(photos / "a.png")
    place = tmp_path / "medium"
    place.mkdir()
    with mounted(place, "-t", "tmpfs", "-o", "size=64k,ro", "tmpfs"):
        check_refused(protect("--key", place / "key"), 1, str(place), "may be written to")


def test_a_disk_that_fills_up_keeps_what_was_finished(protect, photos, out, head):
    for index in range(4):
        head.crop((index, 0, 260, 260)).save(photos / f"{index}.png")
    out.mkdir()
    with mounted(out, "-t", "tmpfs", "-o", "size=320k", "tmpfs"):
        check_refused(protect("--json"), 1, "No space left on device", str(out), "free some space")
        kept = {name: digest for name, digest in hashes(out).items() if name.endswith("png")}
        assert 1 <= len(kept) <= 3
        subprocess.run(["mount", "-o", "remount,size=8m", out], check=True)
        outcome = protect("--json")
        assert outcome.code == 0 and kept.items() <= hashes(out).items()
        statuses = [photo["status"] for photo in outcome.report["photos"]]
        assert statuses.count("skipped") >= len(kept) - 1 and set(statuses) == {"skipped", "protected"}


# Photos


def animated(folder: Path, name: str, head: Image.Image) -> None:
    head.save(folder / name, save_all=True, append_images=[ImageOps.mirror(head)])


def truncated(folder: Path, name: str, head: Image.Image) -> None:
    head.save(folder / name)
    (folder / name).write_bytes((folder / name).read_bytes()[:-4000])


def pipe(folder: Path, name: str, _: Image.Image) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(folder / name)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("zero.jpg", lambda folder, name, _: (folder / name).touch(), "0 bytes"),
        ("short.jpg", truncated, "cut short"),
        ("short.png", truncated, "cut short"),
        ("text.jpg", lambda folder, name, _: (folder / name).write_text("Dear diary"), "no known image format"),
        ("dot.png", lambda folder, name, _: Image.new("RGB", (1, 1)).save(folder / name), "no face"),
        ("bomb.png", lambda folder, name, _: (folder / name).write_bytes(png(20_000, 20_000)), "400 megapixels"),
        ("float.tif", lambda folder, name, head: head.convert("F").save(folder / name), "convert it"),
        ("pipe.jpg", pipe, "it is a pipe"),
        ("a.heic", lambda folder, name, _: (folder / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(12)), "damaged"),
        ("a.jp2", lambda folder, name, head: head.save(folder / name, "JPEG2000"), "JPEG 2000 is not read"),
        ("download", lambda folder, name, head: head.save(folder / name, "JPEG2000"), "JPEG 2000 is not read"),
        ("a.dng", lambda folder, name, head: head.save(folder / name, "TIFF"), "DNG is not read"),
    ],
)
def test_a_bad_photo_is_named_with_its_reason_and_the_others_are_done(protect, photos, out, head, name, make, words):
    make(photos, name, head)
    head.save(photos / "good.png")
    outcome = protect("--json")
    assert outcome.code == 3 and outcome.photo("good.png")["status"] == "protected"
    bad = outcome.photo(name)
    assert bad["status"] in ("failed", "no face") and words in bad["reason"] and "\n" not in bad["reason"]
    assert not (out / name).exists()
    again = protect()
    assert again.code == 3 and name in again.stdout and "Traceback" not in again.stderr


def test_only_bad_photos_are_a_failure(protect, photos, tmp_path):
    (photos / "zero.jpg").touch()
    assert protect().code == 1
    check_refused(protect("--key", tmp_path / "new"), 1, "the one photo could not be read")


def test_metadata_too_large_to_write_cost_that_photo_only(protect, photos, head, monkeypatch):
    head.save(photos / "a.jpg")
    head.save(photos / "b.jpg")
    frames = writing._frames

    def refuse(path, photo, pixels):
        if not seen:
            seen.append(1)
            raise ValueError("EXIF data is too long")
        return frames(path, photo, pixels)

    seen: list[int] = []
    monkeypatch.setattr(writing, "_frames", refuse)
    outcome = protect("--json")
    assert outcome.code == 3 and "EXIF data is too long" in outcome.photo("a.jpg")["reason"]


def test_two_people_in_equally_many_photos_are_not_told_apart_by_guessing(protect, photos, tmp_path, head, monkeypatch):
    for name in "ab":
        head.save(photos / f"{name}.png")
        Image.new("RGB", (64, 64)).save(photos / f"{name}{name}.png")
    read = FaceReader.read

    def someone_else(self, pixels, *, name):
        if pixels.any():
            return read(self, pixels, name=name)
        (seen,) = read(self, np.asarray(head), name=name)
        return [replace(seen, embedding=-seen.embedding, face=seen.face.shifted(-80, -60))]

    monkeypatch.setattr(FaceReader, "read", someone_else)
    check_refused(protect("--key", tmp_path / "new"), 1, "two people", "a.png", "aa.png", "--user-face")


# What is in the way


def test_a_file_of_somebody_else_is_never_replaced(protect, photos, out, head):
    for name in ("a.png", "b.png"):
        head.save(photos / name)
    out.mkdir()
    (out / "a.png").write_bytes(b"edited for hours")
    outcome = protect("--json")
    assert outcome.code == 3 and "another file is there" in outcome.photo("a.png")["reason"]
    assert (out / "a.png").read_bytes() == b"edited for hours"
    assert protect("--json").photo("b.png")["status"] == "skipped"


def test_a_copy_that_was_edited_is_reported_and_kept(protect, photos, out, head):
    head.save(photos / "a.png")
    protect()
    ImageOps.mirror(Image.open(out / "a.png")).save(out / "a.png")
    edited = hashes(out)["a.png"]
    outcome = protect("--json")
    assert outcome.code == 1 and "another file is there" in outcome.photo("a.png")["reason"]
    assert hashes(out)["a.png"] == edited
    (out / "a.png").unlink()
    assert protect().code == 0


def test_links_in_the_output_are_not_written_through(protect, photos, out, tmp_path, head):
    head.save(photos / "a.png")
    head.save(tmp_path / "precious.png")
    before = (tmp_path / "precious.png").read_bytes()
    out.mkdir()
    (out / "a.png").symlink_to(tmp_path / "precious.png")
    assert protect().code == 1 and (tmp_path / "precious.png").read_bytes() == before
    (out / "a.png").unlink()
    (out / "a.png").symlink_to("nowhere")
    assert protect().code == 1 and not (out / "nowhere").exists()
    (out / "a.png").unlink()
    (out / "a.png").mkdir()
    assert protect().code == 1


def test_output_folders_that_lead_back_to_the_photos(protect, photos, out, head):
    (photos / "trip").mkdir()
    head.save(photos / "trip" / "a.png")
    out.mkdir()
    (out / "trip").symlink_to(photos / "trip")
    check_refused(protect(), 2, "the same or one holds the other")


@pytest.mark.parametrize("damage", [b'\0\xff garbage\n{"a":1}\n[]\n[[[', b"[" * 100_000, b'{"source_sha256": 3'])
def test_a_damaged_manifest_costs_time_only(protect, photos, out, head, damage, key):
    head.save(photos / "a.png")
    protect()
    copy = (out / "a.png").read_bytes()
    manifest_file(key).write_bytes(damage)
    outcome = protect("--json")
    assert outcome.code == 0 and (out / "a.png").read_bytes() == copy
    assert protect("--json").photo("a.png")["status"] == "skipped"


def test_a_manifest_with_other_fields_is_not_believed(protect, photos, head, key):
    head.save(photos / "a.png")
    protect()
    manifest = manifest_file(key)
    record = json.loads(manifest.read_text().splitlines()[-1])
    for changes in ({"faces": [{"box": 3}]}, {"output_sha256": None}, {"faces": None}):
        manifest.write_text(json.dumps({**record, **changes}) + "\n")
        assert protect("--json").code == 0


def test_a_manifest_that_is_a_folder(protect, photos, head, key):
    head.save(photos / "a.png")
    manifest_file(key).mkdir()
    check_refused(protect(), 2, "manifest", "move it away")


def test_a_picture_that_cannot_be_written_costs_the_picture_only(protect, photos, head, key):
    head.save(photos / "a.png")
    key.with_name("copies-before-after.png").mkdir()
    outcome = protect("--json")
    assert outcome.code == 3 and outcome.report["picture"] is None and "picture" in outcome.stderr
    assert outcome.photo("a.png")["status"] == "protected"


# Keys


def other_metadata(key: Path, **changes: object) -> bytes:
    data = key.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = json.loads(header["__metadata__"]["guise-key"])
    header["__metadata__"]["guise-key"] = json.dumps({**metadata, **changes})
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


PROVENANCE = {
    "recognisers": [],
    "preset": "guise",
    "strength": "mid",
    "photos": 12,
    "steps": 1,
    "seed": 0,
    "guise": "x",
}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda _: b"", "not a Guise key"),
        (lambda _: bytes(range(256)) * 9, "not a Guise key"),
        (lambda _: (2**63).to_bytes(8, "little") + b"{}", "not a Guise key"),
        (lambda _: (100_000).to_bytes(8, "little") + b"[" * 100_000, "not a Guise key"),
        (lambda _: safetensors.numpy.save({"x": np.zeros(3)}), "not a Guise key"),
        (lambda key: key.read_bytes()[:-99], "damaged"),
        (lambda key: other_metadata(key, version=3), "pip install --upgrade guise"),
        (lambda key: other_metadata(key, provenance=[[]]), "damaged"),
        (lambda key: other_metadata(key, provenance=PROVENANCE | {"photos": "12"}), "damaged"),
        (lambda key: other_metadata(key, provenance=PROVENANCE | {"preset": "ours"}), "damaged"),
        (lambda key: other_metadata(key, owner_threshold=float("nan")), "damaged"),
        (lambda key: other_metadata(key, epsilon=None), "damaged"),
    ],
)
def test_what_is_no_usable_key(protect, photos, out, key, head, content, words):
    head.save(photos / "a.png")
    key.write_bytes(content(key))
    before = key.read_bytes()
    check_refused(protect(), 1, str(key), words)
    assert key.read_bytes() == before and not out.exists()


def of_other_face(key: Key, mean: np.ndarray) -> Key:
    return replace(key, selector=replace(key.selector, template=FaceTemplate(mean)))


@pytest.mark.parametrize("part", ["mask", "owner"])
def test_a_key_that_holds_no_numbers(protect, photos, key, head, part):
    head.save(photos / "a.png")
    good = load_key(key)
    values = good.mask.values.copy()
    values[0, 80, 80] = np.nan
    bad = {
        "mask": replace(good, mask=replace(good.mask, values=values)),
        "owner": of_other_face(good, good.selector.template.mean * np.nan),
    }
    save_key(bad[part], key)
    check_refused(protect(), 1, str(key), "damaged", "out of range")


def test_a_key_of_another_reader_of_faces(protect, photos, key, head):
    head.save(photos / "a.png")
    good = load_key(key)
    save_key(of_other_face(good, np.zeros(512, np.float32)), key)
    check_refused(protect(), 1, "512 numbers", "--user-face")


def test_a_photo_or_a_folder_as_key(protect, photos, tmp_path, head):
    head.save(photos / "a.png")
    head.save(tmp_path / "b.png")
    check_refused(protect("--key", tmp_path / "b.png"), 1, "not a Guise key")
    check_refused(protect("--key", photos / "a.png"), 2, "among the originals")
    check_refused(protect("--key", tmp_path), 2, "is a directory")


def test_an_endless_key(protect, photos, head):
    head.save(photos / "a.png")
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero here")
    check_refused(protect("--key", "/dev/zero"), 1, "not a Guise key")


@pytest.mark.parametrize("where", [".", "key", "sub/key"])
def test_a_key_never_lies_among_the_copies(protect, photos, out, head, where):
    head.save(photos / "a.png")
    check_refused(protect("--key", out / where), 2, "among the protected copies")
    assert not out.exists()


@pytest.mark.parametrize("where", ["key", "sub/key"])
def test_a_key_never_lies_among_the_originals(protect, photos, head, where):
    head.save(photos / "a.png")
    check_refused(protect("--key", photos / where), 2, "among the originals")


def test_a_copy_of_another_folder_s_photo_is_never_replaced(protect, photos, out, tmp_path, head):
    head.save(photos / "a.png")
    protect()
    before = hashes(out)
    other = tmp_path / "other"
    other.mkdir()
    ImageOps.mirror(head).save(other / "a.png")
    outcome = protect("--user-photos", other, "--json")
    assert outcome.code == 1 and "another file is there" in outcome.photo("a.png")["reason"]
    assert hashes(out) == before


def test_damaged_records_beside_the_key_do_not_stop_protection(protect, photos, key, head):
    head.save(photos / "a.png")
    key.with_name(key.name + ".restore").write_bytes(b"\xff{not json\n[1]\n{}")
    assert protect().code == 0


# Options


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--strength", "huge"), 2, ("'huge'", "low", "mid", "high")),
        (("--preset", "mine"), 2, ("'mine'",)),
        (("--seed", "-1"), 2, ("--seed",)),
        (("--seed", str(10**30)), 2, ("--seed",)),
        (("--seed", "x"), 2, ("'x'",)),
        (("--device", "nonsense"), 2, ("nonsense", "--device cpu")),
        (("--device", "cuda:99"), 2, ("cuda:99", "--device cpu")),
        (("--device", ""), 2, ("--device cpu",)),
        (("--recogniser", "dlib-resnot"), 2, ("dlib-resnot", "did you mean dlib-resnet")),
        (("--recogniser", "frbench:irse-50/arcface/ms1"), 2, ("did you mean frbench:irse-50/arcface/ms1m",)),
        (("--team", "wide", "--recogniser", "sface"), 2, ("--team wide and --recogniser both say",)),
        (("--user-face", "recuring"), 2, ("recuring", "recurring, largest, all")),
        (("--user-face", "missing.jpg"), 2, ("missing.jpg",)),
        (("--user-face", "."), 2, ("neither a photo",)),
        (("--nonsense",), 2, ("--nonsense",)),
    ],
)
def test_wrong_options(protect, photos, out, head, options, code, words):
    head.save(photos / "a.png")
    if "--device" in options:  # of two the last would hold, and the fixture gives one
        outcome = call(command, "--user-photos", photos, "--out", out, *options)
    else:
        outcome = protect(*options)
    check_refused(outcome, code, *words)
    assert not out.exists()


@pytest.mark.parametrize("name", ["file:nowhere.onnx", "file:", "file:photos"])
def test_a_recogniser_of_ones_own_that_is_not_there(protect, photos, out, tmp_path, head, name):
    head.save(photos / "a.png")
    check_refused(protect("--key", tmp_path / "new", "--recogniser", name), 2)
    assert not out.exists() and not (tmp_path / "new").exists()


def test_a_reference_photo_without_a_face_with_two_and_without_pixels(protect, photos, tmp_path, head):
    head.save(photos / "a.png")
    reference = tmp_path / "reference.png"
    Image.new("RGB", (90, 90)).save(reference)
    check_refused(protect("--user-face", reference), 1, "no face")
    two = Image.new("RGB", (540, 270))
    two.paste(head, (0, 0))
    two.paste(ImageOps.mirror(head), (270, 0))
    two.save(reference)
    check_refused(protect("--user-face", reference), 1, "2 faces")
    reference.write_bytes(b"x")
    check_refused(protect("--user-face", reference), 1, "no known image format", "reference.png")


def test_photos_of_somebody_else_are_left_alone(protect, photos, out, key, head):
    head.save(photos / "a.png")
    good = load_key(key)
    save_key(of_other_face(good, -good.selector.template.mean), key)
    outcome = protect("--json")
    assert outcome.code == 1 and outcome.photo("a.png")["reason"] == "its one face is not the user's"
    assert not (out / "a.png").exists()


def test_a_name_that_is_too_long_is_no_traceback(protect, photos, head):
    head.save(photos / "a.png")
    check_refused(protect("--key", photos.with_name("k" * 300)), 1, "File name too long")
    assert protect("--user-face", "x" * 5000).code in (1, 2)
