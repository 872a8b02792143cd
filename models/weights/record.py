"""What Guise knows of a file of weights: where it comes from, on which terms, and how it is recognised."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from guise.models.errors import InputError


@dataclass(frozen=True)
class WeightRecord:
    """A file of weights: its origin, its terms and its hash.

    Attributes:
        name: what commands and messages call it.
        source: where the weights are: `embedded` (they come with Guise), `package` (inside an installed package),
            `download` (fetched on first use), `release` (fetched on first use too, from a release that lists its files
            with their sizes and hashes: `guise.models.weights.release`) or `file` (the user's own).
        origin: folder, name of the package, URL of the file or of the release, or path.
        file: path inside the package, or the file's name.
        sha256: hash of that file; None where it is not known beforehand and recorded on first use.
        bytes: exact size of that file, None where it is not known.
        licence: terms of the weights.
        training_data: what the network learnt from, as far as its authors tell.
    """

    name: str
    source: Literal["embedded", "package", "download", "release", "file"]
    origin: str
    file: str
    sha256: str | None
    bytes: int | None
    licence: str
    training_data: str


_Record = TypeVar("_Record", bound=WeightRecord)


def find_record(name: str, records: Mapping[str, _Record], *, none: str) -> _Record:
    """Find a record by its name.

    Args:
        name: as a user may have typed it.
        records: by name.
        none: how the message begins if there is none, such as "no weights are".

    Returns:
        The record.

    Raises:
        InputError: there is none; the message names the closest.
    """
    if name in records:
        return records[name]
    close = difflib.get_close_matches(name, records, n=2) or sorted(records)
    raise InputError(f"{none} called {name!r}; did you mean {' or '.join(close)}?")
