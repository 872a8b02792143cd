"""Where a session keeps keys and copies. Both stay when it ends."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from guise.cli.app.settings import Settings
from guise.cli.app.uploads import RefusedError

_KEY = ".guise-key"


def folder_named(text: str) -> Path:
    """The folder that a user named on the page.

    Args:
        text: its whole path; it may begin with `~`.

    Returns:
        The folder, resolved.

    Raises:
        RefusedError: there is no such folder.
    """
    try:
        place = Path(text.strip()).expanduser()
        if text.strip() and place.is_absolute() and place.is_dir():
            return place.resolve()
    except (OSError, RuntimeError, ValueError):  # no such user, too long, not to be looked at
        pass
    raise RefusedError("no-folder", name=text)


def copies_for(settings: Settings, folder: Path | None) -> Path:
    """Where copies go.

    Args:
        settings: of the session.
        folder: with the originals; None are photos that were dropped on the page.

    Returns:
        The place that `protect` takes for this folder; for dropped photos a folder that is not there yet.
    """
    if folder is not None and folder.name:
        return folder.with_name(f"{folder.name}-protected")
    return _first_free(settings.copies, "protected", "")


def key_files(settings: Settings, folder: Path | None) -> list[Path]:
    """Keys that may be of somebody on the photos.

    Args:
        settings: of the session.
        folder: with the originals; None are photos that were dropped on the page.

    Returns:
        The key that `protect` keeps next to this folder, if it is there, and the keys of earlier sessions.
    """
    beside = [] if folder is None else [folder.with_name(f"{folder.name}{_KEY}")] if folder.name else []
    return [file for file in (*beside, *sorted(settings.keys.glob(f"*{_KEY}"))) if file.is_file()]


def new_key_in(settings: Settings) -> Path:
    """The file of a key that is to be learnt.

    Args:
        settings: of the session.

    Returns:
        A file that is not there yet.
    """
    return _first_free(settings.keys, "me", _KEY)


def _first_free(folder: Path, name: str, suffix: str) -> Path:
    for number in count(1):
        path = folder / f"{name}{'' if number == 1 else f'-{number}'}{suffix}"
        if not path.exists():
            return path
    raise AssertionError("numbers do not end")
