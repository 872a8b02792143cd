"""Photos whose masks are refined together, and which other photos each group is kept apart from.

Refining photos together costs less than one by one, and each is kept apart from the others of its group. Runs that were
stopped must go on as they began, so a log entry bears the token of its photo's group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guise.chameleon.learning.refine import Refiner
from guise.chameleon.protection.entries import LogEntry, directions_of
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.log import ProtectionLog
from guise.models.files import file_hash, settings_hash

_TOGETHER = 8


@dataclass(frozen=True)
class Group:
    """Photos whose masks are refined together.

    Attributes:
        photos: paths below the folder.
        token: hash of these photos and all before them, by name and bytes; what is written bears it. It is "" where
            some of these photos were written when the group or those before it held other photos; they stay as they
            are.
    """

    photos: Sequence[Path]
    token: str


def plan_groups(
    job: Job, photos: Sequence[Path], settings: str, log: ProtectionLog, *, videos: Sequence[Path] = ()
) -> list[Group]:
    """Group photos, and have the refiner remember what earlier runs with this mask protected.

    The refiner remembers from the start all but this run's own photos and videos. These it remembers one by one as they
    come, so that a run that was cut short goes on as it began, and one into another folder gives the same. Where that
    cannot be, it remembers photos from the start too, and their copies stay as they are.

    Args:
        job: the folder to protect.
        photos: paths below the folder.
        settings: hash of everything that a copy depends on apart from its photo.
        log: what earlier runs did.
        videos: paths below the folder that come after the photos.

    Returns:
        The groups, in the order in which they are to be protected; one for each photo where there is no refiner.
    """
    if job.refiner is None:
        return [Group([path], "") for path in photos]
    sources = {path: file_hash(job.folder / path) or "" for path in photos}
    groups: list[Group] = []
    stay: set[tuple[str, str]] = set()
    token = ""
    for start in range(0, len(photos), _TOGETHER):
        together = photos[start : start + _TOGETHER]
        names = [(sources[path], path.as_posix()) for path in together]
        token = settings_hash({"before": token, "photos": names})
        entries = [log.finished(*name, file_hash(job.out / path)) for name, path in zip(names, together, strict=True)]
        joined = any(entry is not None and entry.get("group") != token for entry in entries)
        stay.update(name for name, entry in zip(names, entries, strict=True) if joined and entry is not None)
        groups.append(Group(together, "" if joined else token))
    here = set(sources.values())
    if any("video" in entry for entry in log.entries()):  # they may be large: they are hashed only if it matters
        here |= {file_hash(job.folder / path) or "" for path in videos}
    for entry in log.entries():
        source = entry["source_sha256"]
        stays = entry["settings_hash"] == settings and (source, entry["name"]) in stay
        if entry.get("mask") == job.key.mask.digest and (stays or source not in here):
            remember(job.refiner, entry)
    return groups


def remember(refiner: Refiner | None, entry: LogEntry) -> None:
    """Keep later photos apart from the faces of a copy.

    Args:
        refiner: the run's; None where photos are not refined.
        entry: the copy's; what is garbled in it is passed over.
    """
    if refiner is not None:
        for directions in directions_of(entry):
            refiner.remember(directions)
