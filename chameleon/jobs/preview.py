"""How the user's mask would look on one of their photos, in a second or two. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader
from guise.chameleon.faces.reducing import reduced
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.jobs.networks import Networks
from guise.chameleon.jobs.people import selector_of
from guise.chameleon.mask.key import Key, load_key
from guise.chameleon.protection.photo import protect_photo
from guise.chameleon.visibility.budget import budget_of
from guise.models.errors import FaceError, InputError
from guise.models.files import Photo, plain, printable, read_photo

_FACE = 180  # pixels; what is measured grows with the area of the face, and a preview is to take a second or two


@dataclass(frozen=True)
class Preview:
    """A photo on which the user's mask can be seen at each strength.

    The mask goes on as it was learnt, within the budget. `protect` fits it to each photo too, so its copies look a
    little different and protect more; nothing is measured here.

    Attributes:
        photo: reduced.
        faces: those that get the mask.
        key: the user's.
    """

    photo: Photo
    faces: tuple[Face, ...]
    key: Key

    @property
    def before(self) -> np.ndarray:
        """uint8 (h, w, 3) RGB, without the mask."""
        return self.photo.pixels

    def after(self, strength: str) -> np.ndarray:
        """Put the mask on.

        Args:
            strength: how visible it may be: "low", "mid" or "high". The published procedure's mask has a bound of its
                own instead.

        Returns:
            uint8 (h, w, 3) RGB.

        Raises:
            InputError: there is no such strength.
            ImageError: hardly a mask fits the budget on this photo.
        """
        budget = budget_of(strength)
        own = self.key.provenance.preset == "paper"
        return protect_photo(self.photo, self.faces, self.key.mask, budget=None if own else budget).pixels


def preview(
    photo: str | Path,
    key: Key | str | Path,
    *,
    user_face: FaceSelector | None = None,
    longest: int = 1000,
    faces: Sequence[EmbeddedFace] | None = None,
    device: str = "auto",
    reader: FaceReader | None = None,
) -> Preview:
    """Prepare one photo to show how visible the mask is.

    Args:
        photo: the file; nothing is written.
        key: the user's, or its file.
        user_face: selects the faces; None are the key's user's.
        longest: pixels that the longer side may have. Larger photos are reduced first, and photos of large faces still
            more, so that it takes no longer.
        faces: of the photo, where they are known, as `ProtectionPlan.survey` gives them; None looks for them.
        device: "auto", "cpu", "cuda" ...
        reader: a detector and recogniser that are loaded already.

    Returns:
        The photo, ready for any strength.

    Raises:
        InputError: a file or option cannot be used.
        ImageError: the photo cannot be read.
        FaceError: the photo does not show the user.
        KeyFileError: the key is damaged or foreign.
    """
    if type(longest) is not int or longest < 1:
        raise InputError(f"`longest={longest}` is out of range: give a whole number of pixels")
    known = key if isinstance(key, Key) else load_key(key)
    original = read_photo(Path(photo))
    if faces is None or user_face is None:
        reader = Networks(device=device, offline=True, reader=reader).reader
        faces = reader.read(original.pixels, name=str(photo)) if faces is None else faces
        user_face = selector_of(known, reader) if user_face is None else user_face
    selected = user_face.select(list(faces))
    if not selected:
        raise FaceError(f"no face on {printable(photo)} is the user's: name another photo")
    face = max(float(np.ptp(selected[0].face.box[side::2])) for side in (0, 1))
    longest = round(min(longest, max(original.pixels.shape) * min(1.0, _FACE / face)))
    pixels, factors = reduced(original.pixels, max(1, longest))
    screen = replace(plain(original), pixels=pixels, grey=original.grey)
    return Preview(screen, tuple(_smaller(face.face, factors) for face in selected), known)


def _smaller(face: Face, factors: np.ndarray) -> Face:
    return Face(face.box / np.tile(factors, 2), face.landmarks / factors, face.confidence)
