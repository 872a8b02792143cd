"""Copies that earlier runs wrote and this one did not look at, from the log."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from guise.chameleon.mask.key import Key
from guise.chameleon.protection.entries import measurements, video_summary
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.protection.log import folder_token, manifest_file
from guise.models.files import Manifest, file_hash


def earlier_results(
    folder: Path, out: Path, key: Key, key_file: Path, known: Collection[str]
) -> tuple[PhotoResult, ...]:
    """List them.

    Args:
        folder: with the originals.
        out: with the copies.
        key: with which they were made.
        key_file: where it lies.
        known: photos of this run, which are left out.

    Returns:
        One result a copy, with what was measured of it. Copies that are gone or no longer as they were written are
        left out.

    Raises:
        InputError: the log cannot be read.
    """
    token = folder_token(folder)
    results = {}
    for entry in Manifest(manifest_file(key_file), mode=0o600).records():
        name, faces = str(entry.get("name")), measurements(entry)
        ours = entry.get("folder") == token and entry.get("mask") == key.mask.digest
        if ours and faces and name not in known and file_hash(out / name) == entry.get("output_sha256"):
            results[name] = PhotoResult(
                name, "skipped", "protected in an earlier run", faces, video=video_summary(entry)
            )
    return tuple(results.values())
