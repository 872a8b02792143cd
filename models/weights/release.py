"""FRBench's release of weights: a manifest lists its archives with their sizes and hashes.

Nobody publishes the hash of the manifest. So it is trusted on first use: Guise records its hash when it is fetched, and
from then on accepts the same manifest only. Each archive must have the hash that the manifest gives. By FRBench's own
rules the files of a release are never replaced.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from guise.models.errors import WeightsError
from guise.models.weights.record import WeightRecord

RELEASE = "https://github.com/HKU-TASR/FRBench/releases/download/weights-v1.0.0"
FOLDER = "frbench/weights-v1.0.0"
"""Where its files lie below the cache's folder of weights."""
MIRROR = "GUISE_FRBENCH"
"""The environment variable that names a copy of the release: a URL below which its files lie."""
SUFFIX = ".tar.gz"

MANIFEST = WeightRecord(
    name="frbench:manifest",
    source="download",
    origin=f"{RELEASE}/manifest.json",
    file=f"{FOLDER}/manifest.json",
    sha256=None,
    bytes=None,
    licence="MIT (FRBench)",
    training_data="none: it lists the files of FRBench's release, with their sizes and hashes",
)


@dataclass(frozen=True)
class Archive:
    """An archive of the release, as the manifest lists it.

    Attributes:
        file: its name in the release.
        sha256: its hash; None where the manifest gives none.
        bytes: its size; None where the manifest gives none.
        config: path of the configuration inside it, without the top folder.
        weights: path of the weights inside it, without the top folder.
    """

    file: str
    sha256: str | None
    bytes: int | None
    config: str
    weights: str


def mirrored(url: str) -> str:
    """Where to fetch a file from.

    Args:
        url: of the file.

    Returns:
        The same file below the mirror that `GUISE_FRBENCH` names, for files of FRBench's release; else `url`.
    """
    mirror = os.environ.get(MIRROR)
    return f"{mirror.rstrip('/')}{url.removeprefix(RELEASE)}" if mirror and url.startswith(RELEASE) else url


def listed(record: WeightRecord, manifest: Path) -> WeightRecord:
    """Complete the record of an archive by what the manifest says.

    Args:
        record: with `source` "release"; its `file` is named after the archive's key in the manifest.
        manifest: the manifest, checked.

    Returns:
        The record with URL, hash and size of the archive.

    Raises:
        WeightsError: as `archive`.
    """
    entry = archive(record, manifest)
    return replace(record, origin=f"{record.origin}/{quote(entry.file)}", sha256=entry.sha256, bytes=entry.bytes)


def archive(record: WeightRecord, manifest: Path) -> Archive:
    """Look an archive up.

    Args:
        record: as of `listed`.
        manifest: as of `listed`.

    Returns:
        What the manifest says of it.

    Raises:
        WeightsError: the manifest is no manifest, or does not list the archive.
    """
    key = Path(record.file).name.removesuffix(SUFFIX)
    try:
        entry = json.loads(manifest.read_text("utf-8"))[key]
        contents = entry["contents"]
        found = Archive(
            entry["asset_name"], entry.get("sha"), entry.get("size"), contents["config"], contents["weight"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise WeightsError(f"{manifest} does not list {key}, which is {record.name}") from None
    if not _plausible(found):
        raise WeightsError(f"{manifest} lists {key} wrongly: {json.dumps(entry)}")
    return found


def _plausible(entry: Archive) -> bool:
    names: tuple[Any, ...] = (entry.file, entry.config, entry.weights)
    return (
        all(isinstance(name, str) and name for name in names)
        and "/" not in entry.file
        and (entry.sha256 is None or bool(re.fullmatch("[0-9a-f]{64}", str(entry.sha256))))
        and (entry.bytes is None or (type(entry.bytes) is int and entry.bytes > 0))
    )
