"""Where a session keeps keys and copies. Both stay when it ends."""

from __future__ import annotations

from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from guise.cli.app.refusal import RefusedError
from guise.cli.app.settings import Settings

_KEY = ".guise-key"
_PROTECTED = "-protected"


def place_named(text: object) -> Path:
    """A file or folder that a user named on the page.

    Args:
        text: its whole path; it may begin with `~`.

    Returns:
        The place, resolved.

    Raises:
        RefusedError: there is nothing there.
    """
    if not isinstance(text, str):
        raise RefusedError("bad-request")
    try:
        place = Path(text.strip()).expanduser()
        if text.strip() and place.is_absolute() and place.exists():
            return place.resolve()
    except (OSError, RuntimeError, ValueError):  # no such user, too long, not to be looked at
        pass
    raise RefusedError("no-place", name=text)


def folder_named(text: object) -> Path:
    """The folder that a user named on the page.

    Args:
        text: its whole path; it may begin with `~`.

    Returns:
        The folder, resolved.

    Raises:
        RefusedError: there is no such folder.
    """
    try:
        place: Path | None = place_named(text)
    except RefusedError as refused:
        if refused.code != "no-place":
            raise
        place = None
    if place is None or not place.is_dir():
        raise RefusedError("no-folder", name=text)
    return place


def copies_for(settings: Settings, folder: Path | None) -> Path:
    """Where copies go.

    Args:
        settings: of the session.
        folder: with the originals; None are photos that were dropped on the page.

    Returns:
        The place that `protect` takes for this folder; for dropped photos a folder that is not there yet.
    """
    if folder is not None and folder.name:
        return folder.with_name(f"{folder.name}{_PROTECTED}")
    return free(settings.copies, "protected")


def restored_for(settings: Settings, folder: Path | None) -> Path:
    """Where photos go whose mask was taken off.

    Args:
        settings: of the session.
        folder: with the protected copies; None are copies that were dropped on the page.

    Returns:
        A folder that is not there yet.
    """
    if folder is not None and folder.name and not folder.is_relative_to(settings.home):
        return free(folder.parent, f"{folder.name.removesuffix(_PROTECTED)}-restored")
    return free(settings.home / "restored", "restored" if folder is None else folder.name)


def known_keys(settings: Settings) -> list[dict[str, Any]]:
    """The keys of earlier sessions, the newest first.

    Args:
        settings: of the session.

    Returns:
        For each its `file`, its `name` and the day on which it was `made`.
    """
    files = [(file.stat().st_mtime, file) for file in settings.keys.glob(f"*{_KEY}") if file.is_file()]
    return [
        {"file": str(file), "name": file.name.removesuffix(_KEY), "made": date.fromtimestamp(time).isoformat()}
        for time, file in sorted(files, reverse=True)
    ]


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
    return free(settings.keys, "me", _KEY)


def free(folder: Path, name: str, suffix: str = "") -> Path:
    """A place that is not taken.

    Args:
        folder: in which it lies.
        name: that it gets, with a number where it is taken.
        suffix: after the number.

    Returns:
        The place; nothing is there.
    """
    for number in count(1):
        path = folder / f"{name}{'' if number == 1 else f'-{number}'}{suffix}"
        if not path.exists():
            return path
    raise AssertionError("numbers do not end")
