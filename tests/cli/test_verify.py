from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage.data
from click.testing import CliRunner, Result
from PIL import Image

from guise.cli.verify import verify
from guise.models.errors import InputError


@pytest.fixture(scope="module", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    astronaut = Image.fromarray(skimage.data.astronaut())
    for name, left in (("a.jpg", 100), ("b.jpg", 120)):
        astronaut.crop((left, 0, 360, 260)).save(folder / name, quality=92)
    return folder


@pytest.fixture
def copies(photos: Path) -> Path:
    folder = photos.with_name("copies")
    folder.mkdir()
    for file in photos.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(verify, [*map(str, arguments), "--offline", "--device", "cpu"])


def test_json_is_all_there_is_on_stdout(photos: Path, copies: Path) -> None:
    result = run(photos, copies, "--others", photos, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [photo["photo"] for photo in report["photos"]] == ["a.jpg", "b.jpg"]
    assert report["photos"][0]["psnr"] is None and report["photos"][0]["ssim"] > 0.999
    assert report["unmeasured"] == {} and report["strangers"]["left_out_as_the_users"] == ["a.jpg", "b.jpg"]
    (dlib,) = report["recognisers"]
    assert dlib["name"] == "dlib-resnet" and dlib["versions"]["as saved"]["settings"]["2A"]["linked"] == 1.0
    assert report["no_retrieval"] in result.stderr
    picture = copies.with_name("copies-before-after.png")
    assert report["picture"] == str(picture)
    with Image.open(picture, formats=["PNG"]) as image:
        assert image.width > 600


def test_table_tells_each_setting_and_a_missing_copy_gives_3(photos: Path, copies: Path, tmp_path: Path) -> None:
    astronaut = Image.open(photos / "a.jpg")
    astronaut.save(photos / "left\u200eright.jpg")
    others = tmp_path / "others"
    others.mkdir()
    astronaut.resize((200, 330)).save(others / "x.png")
    picture = tmp_path / "elsewhere.png"
    result = run(photos, copies, "--others", others, "--picture", picture)
    assert result.exit_code == 3, result.output
    assert "not measured: left\\u200eright.jpg: it has no protected copy" in result.stderr
    lines = [line.split() for line in result.stdout.splitlines() if line]
    assert "2 of 3 photos measured among 1 stranger" in result.stdout
    for setting in ("clean", "1A", "2B", "2A"):
        (row,) = [line for line in lines if line[0] == setting]
        assert row[-3:] == ["100.0", "100.0", "100.0"]
    assert picture.is_file() and not copies.with_name("copies-before-after.png").exists()


def test_the_picture_stays_out_of_the_photo_folders(photos: Path, copies: Path) -> None:
    for place in (photos / "a.png", copies / "new" / "sheet.png", copies.with_name("sheet.jpg")):
        result = run(photos, copies, "--picture", place)
        assert isinstance(result.exception, InputError) and not place.exists()


def test_a_picture_that_cannot_be_written_costs_the_picture_only(photos: Path, copies: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(photos, copies, "--picture", tmp_path / "file" / "sheet.png", "--json")
    assert result.exit_code == 3 and "cannot write" in result.stderr
    report = json.loads(result.stdout)
    assert report["picture"] is None and len(report["photos"]) == 2


def test_a_reference_photo_says_whose_face_counts(photos: Path, copies: Path, tmp_path: Path) -> None:
    assert run(photos, copies, "--user-face", photos / "b.jpg").exit_code == 0
    wall = tmp_path / "wall.png"
    Image.new("RGB", (80, 80)).save(wall)
    assert "no face" in str(run(photos, copies, "--user-face", wall).exception)


def test_wrong_folders_and_names_are_errors(photos: Path, copies: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert isinstance(run(photos, empty).exception, InputError)
    assert isinstance(run(photos, copies, "--recogniser", "nobody").exception, InputError)
    for face in ("nowhere.jpg", "all"):
        assert "neither a photo" in str(run(photos, copies, "--user-face", face).exception)
    assert run(photos, tmp_path / "missing").exit_code == 2
