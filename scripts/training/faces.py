"""Aligned faces from a folder with one folder for each person, detected once and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import FaceDetector
from guise.models.errors import ImageError, InputError
from guise.models.files import atomic_write, list_photos, printable, read_photo, settings_hash

HELD_BACK = 20
"""People with so many photos are never trained on: we validate on them, and benchmarks protect them."""


@dataclass(frozen=True)
class Faces:
    """Faces in the canonical frame.

    Attributes:
        pixels: uint8 (N, 3, CANVAS, CANVAS).
        people: int64 (N,), whose each is.
    """

    pixels: Tensor
    people: Tensor

    def __getitem__(self, chosen: Tensor) -> Faces:
        return Faces(self.pixels[chosen], self.people[chosen])

    def split(self) -> tuple[Faces, Faces]:
        """Those to train on, and those held back."""
        many = torch.bincount(self.people)[self.people] >= HELD_BACK
        return self[~many], self[many]


def load_faces(folder: Path, kept: Path, *, progress: Callable[[int, int], None]) -> Faces:
    """The face nearest to the centre of each photo.

    Args:
        folder: one folder with photos for each person.
        kept: the file that keeps the faces for the next time.
        progress: called with photos done and photos in all.

    Returns:
        All faces, with numbers for the people.

    Raises:
        InputError: `kept` holds the faces of other photos.
    """
    photos = settings_hash([str(path) for path in list_photos(folder).photos])
    if not kept.is_file():
        pixels, people = _find(folder, progress)
        with atomic_write(kept) as file:
            np.savez(file, pixels=pixels, people=people, photos=photos)
    with np.load(kept) as data:
        if "photos" in data and str(data["photos"]) != photos:
            raise InputError(f"{printable(kept)} holds the faces of other photos than {printable(folder)}: remove it")
        return Faces(torch.from_numpy(data["pixels"]), torch.from_numpy(data["people"]))


def _find(folder: Path, progress: Callable[[int, int], None]) -> tuple[np.ndarray, np.ndarray]:
    detector, photos, names = FaceDetector(), list_photos(folder).photos, {}
    pixels, people = [], []
    for done, path in enumerate(photos, 1):
        try:
            photo = read_photo(folder / path).pixels
        except ImageError:
            continue
        centre = np.array([photo.shape[1], photo.shape[0]]) / 2
        faces = detector.detect(photo)
        if faces:
            face = min(faces, key=lambda face: float(np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - centre)))
            crop = geometry.crop(photo, face.to_template(geometry.CANONICAL_TEMPLATE), size=geometry.CANVAS)
            pixels.append((255 * crop).round().byte().numpy())
            people.append(names.setdefault(path.parts[0], len(names)))
        progress(done, len(photos))
    return np.stack(pixels), np.array(people)
