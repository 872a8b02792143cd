"""An original and its protected copy: whose face counts, and how recognisers see it in both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from guise.chameleon.faces.detection import Face, best_overlap
from guise.chameleon.faces.embedding import FaceReader, embed
from guise.chameleon.faces.template import Owner, Sighting, recurring
from guise.chameleon.visibility.budget import FaceMeter, Visibility
from guise.models import Recogniser
from guise.models.errors import FaceError, ImageError
from guise.models.files import Photo, printable, read_photo

Who = Owner | Literal["recurring", "largest"]
"""Whose face counts: that of the person in most photos, and of whoever is alone on one; the largest of each photo;
or the given owner's only."""


@dataclass(frozen=True)
class User:
    """Where the user is in the originals.

    Attributes:
        who: whose face counts.
        owner: the user, where they have to be told from others.
        sightings: all faces of each original that could be read.
        files: sha256 of these.
    """

    who: Who
    owner: Owner | None
    sightings: dict[Path, list[Sighting]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def face(self, name: Path) -> Face:
        """The user's face in an original.

        Raises:
            FaceError: there is none.
        """
        found = self.sightings[name]
        if not found:
            raise FaceError("no face was found in the original")
        if self.who == "largest" or (self.who == "recurring" and len(found) == 1):
            return found[0].face
        assert self.owner is not None
        theirs = self.owner.among(found)
        if not theirs:
            raise FaceError(f"none of the {len(found)} faces in the original is the user's")
        return theirs[0].face


def find_user(
    originals: Path,
    names: Sequence[Path],
    reader: FaceReader,
    *,
    who: Who,
    progress: Callable[[int, int], None] | None = None,
) -> User:
    """Find the user in the photos `names` below `originals`; those that cannot be read are passed over.

    Raises:
        FaceError: the user cannot be told from others.
    """
    user = User(who, who if isinstance(who, Owner) else None)
    for done, name in enumerate(names, 1):
        try:
            photo = read_photo(originals / name)
        except ImageError:
            pass
        else:
            user.files.add(photo.sha256)
            user.sightings[name] = reader.read(photo.pixels, name=printable(name))
        if progress is not None:
            progress(done, len(names))
    if who != "recurring" or all(len(found) < 2 for found in user.sightings.values()):
        return user
    everyone = [sighting for found in user.sightings.values() for sighting in found]
    owner = recurring(everyone, threshold=reader.recogniser.record.threshold)
    return User(who, owner, user.sightings, user.files)


@dataclass(frozen=True)
class Seen:
    """One pair.

    Attributes:
        photo: path below both folders.
        face: the user's, in the original.
        visibility: SSIM and FLIP over the box of that face, at full size.
        psnr: the same in decibels, infinite where nothing changed.
        clean: the original's embedding, float32 (D,), by each recogniser.
        protected: the same of each version of the copy; a version in which no face was found is left out.
    """

    photo: str
    face: Face
    visibility: Visibility
    psnr: float
    clean: tuple[np.ndarray, ...]
    protected: dict[str, tuple[np.ndarray, ...]]


def look(
    name: Path,
    original: Photo,
    copy: Photo,
    user: User,
    reader: FaceReader,
    recognisers: Sequence[Recogniser],
    *,
    versions: dict[str, Callable[[np.ndarray], np.ndarray]],
) -> Seen:
    """Look at the pair `name`, the face found anew in each of `versions` of the copy.

    Raises:
        ImageError: the two differ in size.
        FaceError: the user is not in the original.
    """
    if copy.pixels.shape != original.pixels.shape:
        sizes = [f"{photo.pixels.shape[1]}x{photo.pixels.shape[0]}" for photo in (original, copy)]
        raise ImageError(f"the copy has another size than the original: {sizes[1]}, not {sizes[0]} pixels")
    face = user.face(name)
    faces, found_in = [(original.pixels, face)], []
    for version, transform in versions.items():
        pixels = transform(copy.pixels)
        found = best_overlap(reader.detector.detect(pixels), face)
        if found is not None:
            found_in.append(version)
            faces.append((pixels, found))
    embeddings = [embed(faces, recogniser) for recogniser in recognisers]
    box = face.box_in(*original.pixels.shape[:2])
    return Seen(
        photo=name.as_posix(),
        face=face,
        visibility=FaceMeter(original.pixels[box]).measure(copy.pixels[box]),
        psnr=psnr(original.pixels[box], copy.pixels[box]),
        clean=tuple(rows[0] for rows in embeddings),
        protected={version: tuple(rows[i] for rows in embeddings) for i, version in enumerate(found_in, 1)},
    )


def psnr(original: np.ndarray, changed: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 images of one shape, in decibels; infinite if they are equal."""
    error = float(((original.astype(np.float64) - changed) ** 2).mean())
    return 10 * math.log10(255**2 / error) if error else math.inf
