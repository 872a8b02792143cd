"""What Guise knows of a file of weights: where it comes from, on which terms, and how it is recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class WeightRecord:
    """A file of weights: its origin, its terms and its hash.

    Attributes:
        name: what commands and messages call it.
        source: where the weights are: `embedded` (they come with Guise), `package` (inside an installed package),
            `download` (fetched on first use) or `file` (the user's own).
        origin: folder, name of the package, URL, or path.
        file: path inside the package, or the file's name.
        sha256: hash of that file; None where it is not known beforehand and recorded on first use.
        bytes: exact size of that file, None where it is not known.
        licence: terms of the weights.
        training_data: what the network learnt from, as far as its authors tell.
    """

    name: str
    source: Literal["embedded", "package", "download", "file"]
    origin: str
    file: str
    sha256: str | None
    bytes: int | None
    licence: str
    training_data: str
