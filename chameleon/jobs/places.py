"""Where a job reads and writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from guise.models.errors import InputError
from guise.models.files import BEFORE_AFTER, printable


@dataclass(frozen=True)
class Places:
    """The files and folders of one user's photos.

    Attributes:
        folder: the originals, resolved; never written to.
        out: the protected copies, resolved.
        key: the user's key. The log and the restore records lie next to it.
        picture: the before/after picture. It shows originals, so it lies next to the key, not where the copies go.
        photo: the name of the only photo in `folder` that is meant; None means all.
    """

    folder: Path
    out: Path
    key: Path
    picture: Path
    photo: Path | None = None

    @classmethod
    def of(cls, folder: str | Path, *, out: str | Path | None = None, key: str | Path | None = None) -> Places:
        """The places for `folder`; what is not named lies next to it.

        Args:
            folder: the user's photos, or one photo.
            out: where the copies go; None is FOLDER-protected, for a photo its name without suffix and "-protected".
            key: the key's file; None is FOLDER.guise-key.

        Returns:
            The places; nothing is made yet.

        Raises:
            InputError: the key would lie among the copies or the originals, the copy in the photo's place, or nothing
                can lie next to `folder`.
        """
        for name, given in (("out", out), ("key", key)):
            if given is not None and not Path(given).name:
                raise InputError(f"`{name}={given}` names no file or folder: give it a name, or leave it out")
        photo = None
        if Path(folder).is_file():
            folder, photo = _apart(Path(folder))
        folder = Path(folder).resolve()
        named = folder if photo is None else folder / photo.stem
        if not named.name and not (out and key):
            raise InputError(f"nothing lies next to {printable(folder)}: say where to write with `out=` and `key=`")
        copies = Path(os.path.realpath(named.with_name(f"{named.name}-protected") if out is None else out))
        # Absolute, so that a program which changes its folder meanwhile finds key and records where it left them.
        file = Path(named.with_name(f"{named.name}.guise-key") if key is None else key).absolute()
        if photo is not None and copies == folder:
            what = f"the copy of {printable(photo)} would lie in its place in {printable(folder)}"
            raise InputError(f"{what}: choose another folder with `out=`")
        private = [(copies, "protected copies, whose mask it removes")]
        private += [(folder, "originals, where nothing is written")] if photo is None else []
        for place, what in private:
            if Path(os.path.realpath(file)).is_relative_to(place):
                lies = f"key {printable(file)} would lie among the {what}"
                raise InputError(f"{lies}: choose another place with `key=`")
        return cls(folder, copies, file, file.with_name(f"{copies.name}{BEFORE_AFTER}"), photo)


def _apart(photo: Path) -> tuple[Path, Path]:
    """The folder of a photo, and its name there; a link to a photo stands for it."""
    photo = photo.absolute()
    return photo.parent, Path(photo.name)
