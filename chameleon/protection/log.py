"""What has been protected with a key: the log from which a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from guise.chameleon.learning.directions import ProtectedDirections
from guise.chameleon.mask.mask import Placement
from guise.chameleon.protection.entries import LogEntry, measurements, packed
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.measure import FaceMeasurement
from guise.chameleon.restoration.restore_record import make_restore_record, open_restore_records, pixels_hash
from guise.models.files import Manifest, Photo, settings_hash
from guise.models.files.videos.video import Video


def manifest_file(key: Path) -> Path:
    """Tell where the log of photos protected with a key lies.

    Args:
        key: the key file.

    Returns:
        The file next to it: it tells of the originals, so it does not lie among the copies.
    """
    return key.with_name(key.name + ".manifest")


def folder_token(folder: Path) -> str:
    """Stands for a folder of originals in the log."""
    return settings_hash({"folder": str(folder.resolve())})


class ProtectionLog:
    """The log of what was protected with a key, and the restore records.

    Attributes:
        written: SHA-256 of each file that runs over this folder have written.
    """

    def __init__(self, job: Job, settings: str) -> None:
        """Open the log and the restore records next to the key.

        Args:
            job: the folder to protect.
            settings: hash of everything that a copy depends on apart from its photo.

        Raises:
            InputError: one of the two files exists and cannot be read.
        """
        self._manifest = Manifest(manifest_file(job.key_file), mode=0o600)
        # Of this folder: a copy of another folder's photo that goes by the same name is not ours to replace.
        self._folder = folder_token(job.folder)
        self.written = {
            str(entry.get("output_sha256")) for entry in self.entries() if entry.get("folder") == self._folder
        }
        self._outputs = {
            entry.get("output_sha256") for entry in self.entries() if entry.get("mask") == job.key.mask.digest
        }
        self._restore_records = open_restore_records(job.key_file)
        self._mask, self._settings = job.key.mask, settings

    def entries(self) -> Sequence[LogEntry]:
        """List the log.

        Returns:
            The last entry of each copy, in the order in which the copies were first written.
        """
        return self._manifest.records()

    def finished(self, source: str, name: str, there: str | None) -> LogEntry | None:
        """Find out whether a copy is finished.

        Args:
            source: SHA-256 of the original.
            name: of the photo.
            there: SHA-256 of the file where the copy goes; None where there is none.

        Returns:
            The entry of an earlier run with the same settings, if the file is its work and can still be restored.
        """
        entry = self._manifest.find(source, self._settings, name)
        if entry is None or there is None or there != entry.get("output_sha256"):
            return None
        if (
            "video" not in entry
            and self._restore_records.find(str(entry.get("output_pixels")), self._mask.digest, "") is None
        ):
            return None
        return entry if measurements(entry) else None

    def made(self, photo: Photo) -> bool:
        """Tell whether a photo is a copy that was protected with this key, under whatever name.

        Args:
            photo: as read.

        Returns:
            Whether the log knows its bytes, or the restore records know its pixels.
        """
        if photo.sha256 in self._outputs:
            return True
        pictures = (photo.at(number).pixels for number in range(max(len(photo.frames), 1)))
        records = (self._restore_records.find(pixels_hash(pixels), self._mask.digest, "") for pixels in pictures)
        return any(record is not None and record.get("placements") for record in records)

    def restorable(
        self,
        name: str,
        original: Photo,
        saved: np.ndarray,
        placements: Sequence[Placement],
        original_pixels: str | None = None,
    ) -> None:
        """Write the restore record of one picture.

        Args:
            name: of the photo.
            original: the photo as read, one picture.
            saved: uint8 (H, W, 3) RGB, the picture in the written file.
            placements: of the mask, in the order in which it was added.
            original_pixels: their hash, where `original` no longer holds all of them.

        Raises:
            OutputError: the records cannot be written.
        """
        record = make_restore_record(name, original, saved, placements, self._mask, original_pixels)
        self._restore_records.append(record)

    def start(self, name: str, original: Photo | Video, saved: Photo | Video, group: str) -> LogEntry:
        """Log that a file is ours, so that a run that is stopped from here on can replace it.

        Args:
            name: of the photo.
            original: as read.
            saved: the written file, re-opened.
            group: token of the photo's group.

        Returns:
            The entry, which `finish` completes.

        Raises:
            OutputError: the log cannot be written.
        """
        entry = {
            "source_sha256": original.sha256,
            "settings_hash": self._settings,
            "name": name,
            "folder": self._folder,
            "mask": self._mask.digest,
            "group": group,
            "output_sha256": saved.sha256,
        }
        self._manifest.append(entry)
        self.written.add(saved.sha256)
        return entry

    def finish(
        self,
        entry: LogEntry,
        original: Photo,
        saved: Photo,
        placements: Sequence[Placement],
        measured: Sequence[FaceMeasurement],
        directions: Sequence[ProtectedDirections],
        original_pixels: str | None = None,
    ) -> LogEntry:
        """Write a copy's restore record and log that the copy is finished.

        Args:
            entry: as `start` made it.
            original: the photo as read.
            saved: the written file, re-opened.
            placements: of the mask, in the order in which it was added.
            measured: measurements of the protected faces.
            directions: of the protected faces; empty where the mask was not refined.
            original_pixels: as of `restorable`.

        Returns:
            The complete entry.

        Raises:
            OutputError: a file cannot be written.
        """
        self.restorable(entry["name"], original, saved.pixels, placements, original_pixels)
        return self.complete({**entry, "output_pixels": pixels_hash(saved.pixels)}, measured, directions)

    def complete(
        self, entry: LogEntry, measured: Sequence[FaceMeasurement], directions: Sequence[ProtectedDirections]
    ) -> LogEntry:
        """Log that a copy is finished which needs no restore record, or has one.

        Args:
            entry: as `start` made it, with what else is to be known of the copy.
            measured: as of `finish`.
            directions: as of `finish`.

        Returns:
            The complete entry.

        Raises:
            OutputError: the log cannot be written.
        """
        faces, standings = [asdict(face) for face in measured], packed(directions)
        complete = {**entry, "faces": faces, "standings": standings}
        self._manifest.append(complete)
        return complete

    def wrote(self, sha256: str) -> bool:
        """Tell whether a file was protected with this key.

        Args:
            sha256: of the file.

        Returns:
            Whether the log knows it as a copy.
        """
        return sha256 in self._outputs
