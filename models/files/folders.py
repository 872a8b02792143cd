"""Which photos a folder holds, and where their copies may go."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from guise.models.counting import counted
from guise.models.errors import InputError
from guise.models.files.headers import SUFFIXES, sniff
from guise.models.files.names import printable
from guise.models.files.videos import kinds

BEFORE_AFTER = "-before-after.png"
"""Names that end so belong to pictures of photos before and after. Such a picture is no photo, in any folder."""

_SYSTEM_FOLDERS = {
    *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin", "recycler"),
    *("recycled", "system volume information", "lost+found", "found.000", "__macosx"),
}
"""Folders that systems keep for themselves, in lower case: thumbnails, bins and snapshots of what lies elsewhere."""
_SYSTEM_FOLDER_ENDS = (".lrdata",)  # previews of a photo program
_SYSTEM_FILES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "zbthumbnail.info"))
_HEAD = 64  # bytes, enough for `sniff`


@dataclass(frozen=True)
class PhotoListing:
    """The files below a folder. All paths are relative to it and sorted.

    Attributes:
        photos: files whose content or suffix is that of an image, readable or not.
        ignored: other files, pictures of before and after, and links not followed (to folders, to nothing, to pipes).
        videos: files whose content or suffix is that of a video, readable or not, where they were asked for; else they
            are among `ignored`.
    """

    photos: tuple[Path, ...]
    ignored: tuple[Path, ...]
    videos: tuple[Path, ...] = ()


def list_photos(folder: Path, *, videos: bool = False) -> PhotoListing:
    """List the photos in a folder and its subfolders: what begins as an image does, and what is named like one.

    Hidden files and folders are passed over, and so is what systems keep for themselves, such as thumbnails and bins. A
    link to a file is followed, a link to a folder is not.

    Args:
        folder: the folder to search.
        videos: whether to list videos too.

    Returns:
        The photos, the videos and the files that are neither.

    Raises:
        InputError: the folder is missing, is no folder, cannot be read, or holds nothing that was asked for.
    """
    photos: list[Path] = []
    moving: list[Path] = []
    ignored: list[Path] = []
    try:
        if not folder.is_dir():
            problem = "is not a folder" if folder.exists() else "does not exist"
            raise InputError(f"{printable(folder)} {problem}; name a folder with photos")
        for path in _walk(folder):
            kind = photos if _is_photo(path) else moving if videos and is_video(path) else ignored
            kind.append(path.relative_to(folder))
    except OSError as error:
        raise _unreadable(error) from error
    if not photos and not moving:
        found = f"its {counted(len(ignored), 'file is', 'files are')} none" if ignored else "it holds no files"
        raise InputError(f"no photos in {printable(folder)}: {found}; name a folder with photos")
    return PhotoListing(tuple(sorted(photos)), tuple(sorted(ignored)), tuple(sorted(moving)))


def is_video(path: Path) -> bool:
    """Tell a video by its content, or by its name where the content says nothing.

    Args:
        path: a file.

    Returns:
        Whether it is one, or is named like one. What begins as a photo does is none.
    """
    if not path.is_file():
        return False
    head = _head(path)
    named = path.suffix.lower() in kinds.SUFFIXES
    return kinds.sniff_video(head) is not None or (named and sniff(head) is None)


def _is_photo(path: Path) -> bool:
    if path.name.endswith(BEFORE_AFTER):
        return False
    if path.suffix.lower() in SUFFIXES:
        return not path.is_symlink() or path.is_file()
    return path.is_file() and sniff(_head(path)) is not None


def _head(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def check_output_folder(inputs: Path, out: Path, *, what: str = "photo") -> None:
    """Make sure that nothing written below `out` can land among the originals.

    Links are resolved, also those to folders that lie below `out` already.

    Args:
        inputs: the folder with the originals.
        out: the folder for the copies, present or not.
        what: the originals are, one of them.

    Raises:
        InputError: the folders are the same, either lies inside the other, or `out` is not a folder.
    """
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"output {printable(out)} is not a folder; choose another name")
        for folder in (out, *_linked_folders(out)):
            if _holds(inputs, folder) or _holds(folder, inputs):
                pair = f"output folder {printable(folder)} and {what} folder {printable(inputs)}"
                remedy = f"choose an output folder away from the {what}s"
                raise InputError(f"{pair} are the same or one holds the other; {remedy}")
    except OSError as error:
        raise _unreadable(error) from error


def _walk(folder: Path) -> Iterator[Path]:
    """Every file that is not hidden and no system's, and every link to a folder."""
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not is_systems(name)]
        files = (name for name in names if not name.startswith(".") and name.lower() not in _SYSTEM_FILES)
        yield from (Path(parent, name) for name in files)
        yield from (path for name in folders if (path := Path(parent, name)).is_symlink())


def is_systems(folder: str) -> bool:
    """Whether a folder is hidden or one that a system keeps for itself.

    Args:
        folder: its name.
    """
    name = folder.lower()
    return name.startswith(".") or name in _SYSTEM_FOLDERS or name.endswith(_SYSTEM_FOLDER_ENDS)


def _raise(error: OSError) -> NoReturn:
    raise error


def _unreadable(error: OSError) -> InputError:
    what = f"cannot read {printable(error.filename)}: {error.strerror}"
    return InputError(f"{what}; allow reading it or move it away")


def _linked_folders(folder: Path) -> Iterator[Path]:
    for parent, folders, _ in os.walk(folder):
        yield from (path for name in folders if (path := Path(parent, name)).is_symlink())


def _holds(outer: Path, inner: Path) -> bool:
    """Whether `inner` is `outer` or lies below it. Identity counts: case or mounts may change names."""
    outer, inner = (Path(os.path.realpath(path)) for path in (outer, inner))
    return any(
        outer == folder or (outer.exists() and folder.exists() and outer.samefile(folder))
        for folder in (inner, *inner.parents)
    )
