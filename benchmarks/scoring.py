"""How well judges find a user's photos among strangers, before and after protection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judges import Judge
from guise.chameleon.evaluation import retrieval
from guise.models.files import atomic_write, read_photo

SAVED = "as saved"
"""The version of the protected photos that nothing has been done to."""
Change = Callable[[np.ndarray], np.ndarray]
"""Makes another version of a photo, uint8 (H, W, 3)."""
Boxes = Mapping[Path, np.ndarray]
"""Of the user's face, float (4,), in each photo below a folder."""


def known_strangers(
    judge: Judge, photos: Sequence[Path], *, cache: Path, progress: Callable[[int], None]
) -> np.ndarray:
    """Embeddings (M, D) of the strangers' faces that the judge finds, kept in the file `cache`."""
    if cache.is_file():
        with np.load(cache) as kept:
            return np.asarray(kept["embeddings"])
    of_photos = []
    for done, photo in enumerate(photos, 1):
        of_photos.append(judge.embed(read_photo(photo).pixels, None))
        progress(done)
    embeddings = np.stack([embedding for embedding in of_photos if embedding is not None])
    with atomic_write(cache) as file:
        np.savez(file, embeddings=embeddings)
    return embeddings


def embeddings(judge: Judge, folder: Path, boxes: Boxes, change: Change | None = None) -> list[np.ndarray | None]:
    """Of the user's face in each photo of `boxes`, as saved in `folder` and then changed; None where none is found."""
    photos = ((read_photo(folder / photo).pixels, box) for photo, box in boxes.items())
    return [judge.embed(pixels if change is None else change(pixels), box) for pixels, box in photos]


def judged(
    judge: Judge,
    clean: Sequence[np.ndarray | None],
    protected: Sequence[np.ndarray | None],
    strangers: np.ndarray,
) -> dict[str, Any]:
    """One judge's findings as plain JSON.

    Photos in which the judge finds no face, before or after, are neither probes nor in the gallery.

    Returns:
        `photos`: how many are scored; `strangers`: among how many; `no_face`: share of the faces found before that
        are not found after; `settings`: for clean, 1A, 2B and 2A what `retrieval.Scores` holds, empty with fewer than
        two photos.
    """
    both = [(a, b) for a, b in zip(clean, protected, strict=True) if a is not None and b is not None]
    faces_before = sum(embedding is not None for embedding in clean)
    settings = {}
    if len(both) >= 2:
        before, after = (np.stack(side) for side in zip(*both, strict=True))
        scores = retrieval.score(
            before,
            after,
            strangers,
            metric=judge.metric,
            threshold=judge.threshold,
            far_thresholds=retrieval.false_accept_thresholds(before, strangers, metric=judge.metric),
        )
        settings = {name: asdict(score) for name, score in scores.items()}
    return {
        "photos": len(both),
        "strangers": len(strangers),
        "no_face": 1 - len(both) / faces_before if faces_before else None,
        "settings": settings,
    }
