"""An original and its protected copy: whose face counts, and how recognisers see it in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from guise.chameleon.evaluation.pictures import pictures_of, same_picture
from guise.chameleon.faces.detection import Face, best_overlap
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader, embed, similarity
from guise.chameleon.faces.selection import FaceSelector, WhoseFace, select_recurring
from guise.chameleon.protection.look import Look, box_on_screen
from guise.chameleon.visibility.budget import Visibility
from guise.chameleon.visibility.lpips import LpipsMeter
from guise.chameleon.visibility.psnr import psnr
from guise.models import Recogniser
from guise.models.counting import by_number
from guise.models.errors import FaceError, ImageError
from guise.models.files import Photo, compressed_like, printable
from guise.models.files.videos.pictures import read_picture


@dataclass(frozen=True)
class OriginalFaces:
    """The faces in the originals, and which of them is the user's.

    Attributes:
        whose: whose face counts. `LARGEST`: the largest of each photo. `REFERENCE`: the one that `selector` selects.
            `RECURRING`: the same, and any face that is alone on its photo.
        selector: tells the user from others; None where no photo needs that.
        faces: all faces of each original that could be read; of several pictures those of the one with the largest.
        pictures: of each original the faces of all pictures that differ from the one before, by their numbers.
        files: SHA-256 of these originals.
    """

    whose: WhoseFace
    selector: FaceSelector | None
    faces: dict[Path, list[EmbeddedFace]] = field(default_factory=dict)
    pictures: dict[Path, dict[int, list[EmbeddedFace]]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def of_user(self, name: Path) -> Face:
        """Find the user's face in an original.

        Args:
            name: of the photo.

        Returns:
            The face.

        Raises:
            FaceError: there is none.
        """
        return self.among(self.faces[name])

    def among(self, faces: Sequence[EmbeddedFace]) -> Face:
        """Find the user's face among those of a picture.

        Args:
            faces: from the largest to the smallest.

        Returns:
            The face.

        Raises:
            FaceError: there is none.
        """
        if not faces:
            raise FaceError("no face was found in the original")
        if self.whose is WhoseFace.LARGEST or (self.whose is WhoseFace.RECURRING and len(faces) == 1):
            return faces[0].face
        assert self.selector is not None
        selected = self.selector.select(faces)
        if not selected:
            one, many = "the one face in the original is not", f"none of the {len(faces)} faces in the original is"
            raise FaceError(f"{by_number(len(faces), one, many)} the user's")
        return selected[0].face


def find_user(
    originals: Path,
    names: Sequence[Path],
    reader: FaceReader,
    *,
    whose: WhoseFace | FaceSelector,
    progress: Callable[[int, int], None] | None = None,
) -> OriginalFaces:
    """Find the user in originals; photos that cannot be read are passed over.

    Args:
        originals: folder with the originals.
        names: their paths below it.
        reader: detects and embeds the faces.
        whose: `RECURRING`, `LARGEST`, or a selector of the user's face.
        progress: called with photos done and photos in all.

    Returns:
        The faces.

    Raises:
        FaceError: the user cannot be told from others.
        ValueError: `whose` names no single face of a photo.
    """
    selector = whose if isinstance(whose, FaceSelector) else None
    kind = WhoseFace.REFERENCE if isinstance(whose, FaceSelector) else whose
    if kind is WhoseFace.ALL or (kind is WhoseFace.REFERENCE and (selector is None or not selector.one_person)):
        raise ValueError(f"name one face a photo, not {whose!r}")
    result = OriginalFaces(kind, selector)
    for done, name in enumerate(names, 1):
        try:
            photo = read_picture(originals / name)
        except ImageError:
            pass
        else:
            result.files.add(photo.sha256)
            each = {at: reader.read(photo.at(at).pixels, name=printable(name)) for at in pictures_of(photo)}
            result.pictures[name] = each
            result.faces[name] = max(each.values(), key=lambda faces: max((f.face.area for f in faces), default=0.0))
        if progress is not None:
            progress(done, len(names))
    if kind is not WhoseFace.RECURRING or all(len(faces) < 2 for faces in result.faces.values()):
        return result
    everyone = [face for faces in result.faces.values() for face in faces]
    selector = select_recurring(everyone, threshold=reader.recogniser.record.threshold)
    return OriginalFaces(kind, selector, result.faces, result.pictures, result.files)


@dataclass(frozen=True)
class PairMeasurement:
    """What was measured of an original and its copy.

    Attributes:
        photo: path below both folders.
        face: the user's, in the original.
        visibility: of what was changed, where a screen shows the whole photo.
        psnr: peak signal-to-noise ratio over the same box, in decibels; infinite where nothing changed.
        clean: the original's embedding, float32 (D,), by each recogniser.
        protected: the same of each version of the copy; a version in which no face was found is left out.
        lpips: LPIPS over the same box, where a screen shows the whole photo; None where it was not measured.
    """

    photo: str
    face: Face
    visibility: Visibility
    psnr: float
    clean: tuple[np.ndarray, ...] = field(repr=False)
    protected: dict[str, tuple[np.ndarray, ...]] = field(repr=False)
    lpips: float | None = None


def measure_pair(
    name: Path,
    original: Photo,
    copy: Photo,
    faces: OriginalFaces,
    reader: FaceReader,
    recognisers: Sequence[Recogniser],
    *,
    versions: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    lpips: LpipsMeter | None = None,
) -> PairMeasurement:
    """Measure an original and its copy, with the face detected anew in each version of the copy.

    Args:
        name: path of the photo below both folders.
        original: as read.
        copy: as read.
        faces: those of the originals.
        reader: detects the faces.
        recognisers: those to measure by.
        versions: what becomes of the copy, by name; each takes and returns uint8 (H, W, 3) RGB.
        lpips: measures LPIPS; None where its weights are absent.

    Returns:
        The measurement.

    Raises:
        ImageError: the two differ in size.
        FaceError: the user is not in the original.
    """
    if not original.frames:
        _check_size(original, copy)
    original, copy, face = _most_alike(name, original, copy, faces, reader)
    _check_size(original, copy)
    to_embed, with_face = [(original.pixels, face)], []
    for version, transform in versions.items():
        pixels = transform(copy.pixels)
        again = best_overlap(reader.detector.detect(pixels), face)
        if again is not None:
            with_face.append(version)
            to_embed.append((pixels, again))
    embeddings = [embed(to_embed, recogniser) for recogniser in recognisers]
    box = face.box_in(*original.pixels.shape[:2])
    return PairMeasurement(
        photo=name.as_posix(),
        face=face,
        visibility=_visibility(original, copy, face),
        psnr=psnr(original.pixels[box], copy.pixels[box]),
        clean=tuple(rows[0] for rows in embeddings),
        protected={version: tuple(rows[i] for rows in embeddings) for i, version in enumerate(with_face, 1)},
        lpips=None
        if lpips is None
        else lpips.measure(*(box_on_screen(photo.pixels, face) for photo in (original, copy))),
    )


def _check_size(original: Photo, copy: Photo) -> None:
    if copy.pixels.shape != original.pixels.shape:
        sizes = [f"{photo.pixels.shape[1]}x{photo.pixels.shape[0]}" for photo in (original, copy)]
        raise ImageError(f"the copy has another size than the original: {sizes[1]}, not {sizes[0]} pixels")


def _most_alike(
    name: Path, original: Photo, copy: Photo, faces: OriginalFaces, reader: FaceReader
) -> tuple[Photo, Photo, Face]:
    """Of a file's pictures that show the user, the one whose copy is most like it, and the face in it."""
    if not original.frames:
        return original, copy, faces.of_user(name)
    candidates: list[tuple[float, Photo, Photo, Face]] = []
    for number, seen in faces.pictures[name].items():
        try:
            face = faces.among(seen)
        except FaceError:
            continue
        before, after = original.at(number), same_picture(original, copy, number)
        same_size = before.pixels.shape == after.pixels.shape
        again = best_overlap(reader.detector.detect(after.pixels), face) if same_size else None
        alike = -2.0  # less than any cosine
        if again is not None:
            a, b = reader.embed([(before.pixels, face), (after.pixels, again)])
            alike = similarity(a, b, reader.recogniser.population.cpu().numpy())
        candidates.append((alike, before, after, face))
    if not candidates:
        faces.of_user(name)
        raise FaceError("no picture in the original shows the user")
    return max(candidates, key=lambda candidate: candidate[0])[1:]


def _visibility(original: Photo, copy: Photo, face: Face) -> Visibility:
    """The less visible of two comparisons: nobody knows whether the copy's file was written anew."""
    original = compressed_like(original, copy)
    looks = (Look(original, face, written_anew=anew) for anew in (True, False))
    seen = [look.meter.measure(copy.pixels[look.region.rows, look.region.columns]) for look in looks]
    return max(seen, key=lambda visibility: visibility.ssim)
