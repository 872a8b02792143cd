"""The faces of strangers, among which a user is searched for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import embed
from guise.models import Recogniser
from guise.models.errors import ImageError
from guise.models.files import list_photos, read_photo

_BATCH = 32


@dataclass(frozen=True)
class Strangers:
    """One face of each photo in a folder.

    Attributes:
        embeddings: float32 (M, D), raw, for each recogniser asked for.
        unreadable: photos that could not be read, with the reason.
        without_face: photos on which no face was found.
        users: photos left out because they are the user's own, byte for byte.
    """

    embeddings: tuple[np.ndarray, ...] = field(repr=False)
    unreadable: dict[str, str]
    without_face: tuple[str, ...]
    users: tuple[str, ...]


def embed_strangers(
    folder: Path,
    detector: FaceDetector,
    recognisers: Sequence[Recogniser],
    *,
    users: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Strangers:
    """Embed the largest face of each photo in a folder; at most 32 faces are held at a time.

    Args:
        folder: with the strangers' photos, one of each.
        detector: finds the faces.
        recognisers: those to embed with.
        users: SHA-256 of files to leave out, since they are the user's own.
        progress: called with photos done and photos in all.

    Returns:
        The embeddings, and the photos that gave none.

    Raises:
        InputError: the folder is missing, cannot be read, or holds no photo.
    """
    photos = list_photos(folder).photos
    parts: list[list[np.ndarray]] = [[embed([], recogniser)] for recogniser in recognisers]
    unreadable: dict[str, str] = {}
    without_face, own = [], []
    waiting: list[FaceCrop] = []
    for done, path in enumerate(photos, 1):
        try:
            photo = read_photo(folder / path)
        except ImageError as error:
            unreadable[path.as_posix()] = str(error)
        else:
            if photo.sha256 in users:
                own.append(path.as_posix())
            elif faces := detector.detect(photo.pixels):
                waiting.append(FaceCrop.cut(photo.pixels, faces[0]))
            else:
                without_face.append(path.as_posix())
        if len(waiting) == _BATCH or done == len(photos):
            batch = [(crop.pixels, crop.face) for crop in waiting]
            for part, recogniser in zip(parts, recognisers, strict=True):
                part.append(embed(batch, recogniser))
            waiting = []
        if progress is not None:
            progress(done, len(photos))
    embeddings = tuple(np.concatenate(part) for part in parts)
    return Strangers(embeddings, unreadable, tuple(without_face), tuple(own))
