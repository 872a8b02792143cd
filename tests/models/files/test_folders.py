import os
from pathlib import Path

import pytest
from PIL import Image

from guise.models.errors import InputError
from guise.models.files import check_output_folder, list_photos


def _make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _names(paths: tuple[Path, ...]) -> list[str]:
    return [path.as_posix() for path in paths]


def test_photos_are_found_in_all_folders_by_suffix_sorted_and_relative(tmp_path: Path) -> None:
    suffixes = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp"]
    suffixes += ["gif", "heic", "heif", "avif"]  # to be reported as not read
    _make(tmp_path, *(f"{suffix}/x.{suffix}" for suffix in suffixes), "b.JPG", "a.Png", "z/y/deep.jpg")
    _make(tmp_path, "notes.txt", "z/none", ".hidden.jpg", ".cache/x.jpg", "z/.thumbs/y.png", ".jpg")
    listing = list_photos(tmp_path)
    assert set(_names(listing.photos)) == {
        *(f"{suffix}/x.{suffix}" for suffix in suffixes),
        "b.JPG",
        "a.Png",
        "z/y/deep.jpg",
    }
    assert list(listing.photos) == sorted(listing.photos)
    assert _names(listing.ignored) == ["notes.txt", "z/none"]
    assert listing == list_photos(tmp_path)


def test_photos_are_told_by_content_where_the_name_says_nothing(tmp_path: Path) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"):
        Image.new("RGB", (4, 4)).save(tmp_path / f"download {kind}", kind)
        Image.new("RGB", (4, 4)).save(tmp_path / f"{kind}.part", kind)
    (tmp_path / "jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n")  # to be reported as not read
    for name, text in (
        ("BMW.txt", b"BMW is a maker of cars, and BMX is a bike"),
        ("empty", b""),
        ("IMG.aae", b"<?xml"),
    ):
        (tmp_path / name).write_bytes(text)
    listing = list_photos(tmp_path)
    assert len(listing.photos) == 15 and _names(listing.ignored) == ["BMW.txt", "IMG.aae", "empty"]
    (tmp_path / "download PNG").chmod(0)
    assert len(list_photos(tmp_path).photos) in (14, 15)  # nobody stops root


def test_more_names_announce_photos_read_or_not(tmp_path: Path) -> None:
    names = ["a.MPO", "b.pjpeg", "c.apng", "d.hif", "e.dng", "f.CR3", "g.jp2", "h.psd", "i.jxl"]
    _make(tmp_path, *names)
    assert _names(list_photos(tmp_path).photos) == names


def test_what_systems_keep_for_themselves_is_passed_over(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "sub/@eaDir/x.jpg", "$RECYCLE.BIN/S-1/$R1.jpg")
    _make(tmp_path, ".Trash-1000/files/b.jpg", "#recycle/c.jpg", "System Volume Information/d.jpg", "__MACOSX/e.jpg")
    _make(tmp_path, "Catalog Previews.lrdata/1/f.jpg", "lost+found/g.jpg", "Thumbs.db", "desktop.ini", ".DS_Store")
    listing = list_photos(tmp_path)
    assert (_names(listing.photos), _names(listing.ignored)) == (["a.jpg"], [])


def test_a_picture_of_before_and_after_is_no_photo(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg", "holiday-before-after.png", "before-after.jpg")
    listing = list_photos(tmp_path)
    assert _names(listing.photos) == ["a.jpg", "before-after.jpg"]
    assert _names(listing.ignored) == ["holiday-before-after.png"]


def test_one_stem_with_two_suffixes_is_two_photos(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg", "a.png")
    assert _names(list_photos(tmp_path).photos) == ["a.jpg", "a.png"]


@pytest.mark.parametrize("name", ["with space.jpg", "two\nlines.jpg", "Zoë 😀.jpg", os.fsdecode(b"\xff\xe9.jpg")])
def test_any_name_works(tmp_path: Path, name: str) -> None:
    try:
        _make(tmp_path, name)
    except (OSError, UnicodeError):
        pytest.skip("this file system does not allow that name")
    (path,) = list_photos(tmp_path).photos
    assert path == Path(name)
    assert (tmp_path / path).exists()


def test_links_to_files_are_followed_links_to_folders_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    _make(tmp_path, "in/sub/a.jpg", "elsewhere/b.jpg")
    (folder / "to_file.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    (folder / "to_folder").symlink_to(tmp_path / "elsewhere")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "broken.jpg").symlink_to("nowhere")
    (folder / "self.jpg").symlink_to("self.jpg")
    listing = list_photos(folder)
    assert _names(listing.photos) == ["sub/a.jpg", "to_file.jpg"]
    assert _names(listing.ignored) == ["broken.jpg", "self.jpg", "sub/loop", "to_folder"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_link_to_a_pipe_is_not_followed(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "b.jpg").symlink_to("pipe")
    assert _names(list_photos(tmp_path).photos) == ["a.jpg"]


def test_folders_without_photos_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no photos in .*: it holds no files; name a folder"):
        list_photos(tmp_path)
    _make(tmp_path, "a.txt", "sub/b.pdf")
    with pytest.raises(InputError, match=r"its 2 files are none"):
        list_photos(tmp_path)


def test_missing_folder_and_file_in_its_place(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg")
    with pytest.raises(InputError, match="does not exist"):
        list_photos(tmp_path / "missing")
    with pytest.raises(InputError, match="is not a folder"):
        list_photos(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="name too long"):
        list_photos(tmp_path / ("n" * 300))


def test_an_unreadable_subfolder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def locked(path: str) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(InputError, match=r"cannot read .*locked: Permission denied"):
        list_photos(tmp_path)


def test_output_beside_the_photos_is_fine(tmp_path: Path) -> None:
    _make(tmp_path, "in/a.jpg", "out/a.jpg", "elsewhere/x")
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    check_output_folder(tmp_path / "in", tmp_path / "out")
    check_output_folder(tmp_path / "in", tmp_path / "new" / "deep")
    check_output_folder(tmp_path / "in", tmp_path / "in-protected")


@pytest.mark.parametrize("out", ["in", "in/out", "in/sub/new", ".", "in/../in/x", "link", "link/new", "a/b"])
def test_output_that_can_reach_the_photos_is_refused(tmp_path: Path, out: str) -> None:
    _make(tmp_path, "in/sub/a.jpg", "a/b/c")
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "a" / "b" / "sub").symlink_to(tmp_path / "in" / "sub")
    with pytest.raises(InputError, match="the same or one holds the other"):
        check_output_folder(tmp_path / "in", tmp_path / out)


def test_output_that_holds_the_photos_is_refused(tmp_path: Path) -> None:
    _make(tmp_path, "out/in/a.jpg")
    with pytest.raises(InputError, match="the same or one holds the other"):
        check_output_folder(tmp_path / "out" / "in", tmp_path / "out")


def test_photos_reached_through_a_link_are_guarded_too(tmp_path: Path) -> None:
    _make(tmp_path, "real/a.jpg")
    (tmp_path / "in").symlink_to("real")
    with pytest.raises(InputError, match="the same or one holds the other"):
        check_output_folder(tmp_path / "in", tmp_path / "real" / "out")


def test_relative_and_absolute_names_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "in/a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the same"):
        check_output_folder(Path("in"), tmp_path / "in" / "out")
    check_output_folder(Path("in"), Path("out"))


def test_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    _make(tmp_path, "in/a.jpg", "out")
    with pytest.raises(InputError, match="is not a folder"):
        check_output_folder(tmp_path / "in", tmp_path / "out")
