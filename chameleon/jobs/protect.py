"""Protect a folder of photos with the user's mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.jobs.networks import Networks
from guise.chameleon.jobs.options import LearningOptions, Preset
from guise.chameleon.jobs.places import Places
from guise.chameleon.jobs.protection_run import ProtectionRun
from guise.chameleon.jobs.report import ProtectionPlan, ProtectionReport
from guise.chameleon.mask.key import Key
from guise.chameleon.protection.effort import USUAL
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.visibility.lpips import check_bound
from guise.models import Recogniser
from guise.models.errors import InputError
from guise.models.watching import Announce, Progress


def protect(
    folder: str | Path,
    key: Key | str | Path | None = None,
    *,
    out: str | Path | None = None,
    user_face: str | Path | FaceSelector | None = None,
    strength: str | None = None,
    lpips: float | None = None,
    recognisers: Sequence[str | Recogniser] | None = None,
    refine: int | None = None,
    patience: int | None = None,
    preset: Preset | None = None,
    seed: int | None = None,
    keep_metadata: bool = False,
    team: str | None = None,
    device: str = "auto",
    offline: bool = False,
    reader: FaceReader | None = None,
    on_photo: Callable[[PhotoResult], None] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> ProtectionReport:
    """Write a protected copy of each photo in `folder`, and measure the written files.

    Originals are never changed. Interrupted at any moment and called again, it goes on where it stopped, and the same
    files come out.

    Args:
        folder: with the user's photos and videos, or one of them; the copies keep its tree.
        key: from `learn` or `load_key`, or its file. A file that is not there is learnt first, with the options of
            `learn`; None is FOLDER.guise-key, next to the folder.
        out: where the copies go; None is FOLDER-protected, next to the folder.
        user_face: whose faces: "recurring", "largest", "all", a photo that shows the user alone, or a selector such as
            `ProtectionPlan.select` gives; None is the key's user.
        strength: how visible the mask may be on each face of the written file: "low", "mid" (default) or "high".
        lpips: the largest LPIPS of each face of the written file, such as 0.05; None sets no bound on it.
        recognisers: as of `learn`; with a key only those of the user's own that it was learnt against.
        refine: steps in which the mask is fitted to each photo, by default 40; 0 puts the same mask on all, at once,
            and protects much less.
        patience: how often a photo that a recogniser still links is fitted again, in as many steps, from 0 (never) to
            10; by default 1.
        preset: as of `learn`.
        seed: as of `learn`.
        keep_metadata: keep EXIF, GPS position included, in the copies.
        team: as of `learn`.
        device: "auto", "cpu", "cuda" ...
        offline: open no connection.
        reader: a detector and recogniser that are loaded already.
        on_photo: called with each photo's result as soon as it is done.
        progress: called with what is being done, items done and items in all.
        announce: called with one line whenever there is something to tell a person.

    Returns:
        What became of each photo, measured on the written files.

    Raises:
        InputError: a folder, file or option cannot be used.
        ImageError: the photo named as `user_face` cannot be read.
        FaceError: no photo shows a face, or the user cannot be told from others.
        KeyFileError: the key is damaged, foreign, or of another recogniser.
        OutputError: a file cannot be written, or another run uses it; photos finished before stay.
        WeightsError: a recogniser's weights are missing or damaged, or LPIPS's are and `lpips` is given.
    """
    check_bound(lpips)
    options = LearningOptions(strength, recognisers, preset, seed, team=team)
    chosen = USUAL.with_own(refine, patience)
    places = Places.of(folder, out=out, key=_file_of(key))
    networks = Networks(device=device, offline=offline, progress=progress, announce=announce, reader=reader)
    with ProtectionRun(places, key, user_face, options, networks, progress=progress, announce=announce) as run:
        given = {"refine": refine, "patience": patience}
        return run.protect(chosen, given, lpips=lpips, keep_metadata=keep_metadata, on_photo=on_photo)


def plan(
    folder: str | Path,
    key: Key | str | Path | None = None,
    *,
    out: str | Path | None = None,
    user_face: str | Path | FaceSelector | None = None,
    recognisers: Sequence[str | Recogniser] | None = None,
    preset: Preset | None = None,
    seed: int | None = None,
    team: str | None = None,
    device: str = "auto",
    offline: bool = False,
    reader: FaceReader | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> ProtectionPlan:
    """What `protect` would do with these arguments: which faces would get a mask. Nothing is written.

    Args:
        folder: as of `protect`.
        key: as of `protect`; nothing is learnt.
        out: where the copies would go.
        user_face: whose faces, as of `protect`.
        recognisers: as of `protect`; they are only checked.
        preset: as of `protect`; it is only checked.
        seed: as of `protect`; it is only checked.
        team: as of `protect`; it is only checked.
        device: "auto", "cpu", "cuda" ...
        offline: open no connection.
        reader: a detector and recogniser that are loaded already.
        progress: called with what is being done, items done and items in all.
        announce: called with one line whenever there is something to tell a person.

    Returns:
        The faces of each photo, and which of them would get a mask.

    Raises:
        InputError, ImageError, FaceError, KeyFileError, WeightsError: as `protect`.
    """
    options = LearningOptions(None, recognisers, preset, seed, team=team)
    places = Places.of(folder, out=out, key=_file_of(key))
    networks = Networks(device=device, offline=offline, progress=progress, announce=announce, reader=reader)
    return ProtectionRun(places, key, user_face, options, networks, progress=progress, announce=announce).plan()


def _file_of(key: Key | str | Path | None) -> str | Path | None:
    if not isinstance(key, Key):
        return key
    if key.file is None:
        raise InputError("this key lies in no file, next to which its records go: take the key that `save_key` returns")
    return key.file
