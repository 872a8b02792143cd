"""Measure a written copy: how visible the mask is on each face, and which recognisers still link it to the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.linking import EnrolledFace, Enrolment, Link, links
from guise.chameleon.protection.look import Look, box_on_screen
from guise.chameleon.visibility.budget import Visibility
from guise.chameleon.visibility.lpips import LpipsMeter
from guise.models.files import Photo


@dataclass(frozen=True)
class LinkMeasurement:
    """How one recogniser sees a face in the original and in the written file.

    Where it knows no face template of the user, the original's face stands for it; see `Enrolment`.

    Attributes:
        recogniser: its name.
        similarity_before: cosine between the original's face and the user's face template, around the population's
            mean.
        similarity_after: the same of the written file; None where the detector no longer finds a face.
        linked_before: whether the recogniser takes the original's face for the user's.
        linked_after: the same of the written file; False where no face is found.
    """

    recogniser: str
    similarity_before: float
    similarity_after: float | None
    linked_before: bool
    linked_after: bool


@dataclass(frozen=True)
class FaceMeasurement:
    """One face of a written file, compared with its original.

    Attributes:
        box: left, top, right, bottom of the face in the original, in pixels.
        visibility: of what was changed, where a screen shows the whole photo.
        similarity_before: by the recogniser that tells people apart, as of `LinkMeasurement`.
        similarity_after: by the same.
        linked_before: by the same.
        linked_after: by the same; see `linked_by` for what the others say.
        links: by each recogniser that measured, the one that tells people apart first.
        lpips: LPIPS over the face's box, where a screen shows the whole photo; None where it was not measured.
    """

    box: tuple[float, ...]
    visibility: Visibility
    similarity_before: float
    similarity_after: float | None
    linked_before: bool
    linked_after: bool
    links: tuple[LinkMeasurement, ...]
    lpips: float | None = None

    @property
    def linked_by(self) -> tuple[str, ...]:
        """Names of the recognisers that still take the written file's face for the user's."""
        return tuple(link.recogniser for link in self.links if link.linked_after)


def measure_saved(
    original: Photo,
    saved: np.ndarray,
    faces: Sequence[EmbeddedFace],
    enrolment: Enrolment,
    *,
    originals: Sequence[np.ndarray | None] | None = None,
) -> list[FaceMeasurement]:
    """Measure a written file, with faces detected, aligned and embedded anew.

    Args:
        original: as read.
        saved: uint8 (H, W, 3) RGB, pixels of the written file, re-opened.
        faces: the protected faces of the original.
        enrolment: the recognisers to measure by, and what they know of the user.
        originals: as of `guise.chameleon.protection.within.Settled`; None where they are not known.

    Returns:
        Measurements of each face.
    """
    results = []
    for face, anew in zip(faces, originals or [None] * len(faces), strict=True):
        look = Look(original, face.face, original=anew)
        enrolled = enrolment.enrol(original.pixels, face)
        after = links(saved, face.face, enrolled, enrolment.reader.detector)
        each = [_measurement(known, link) for known, link in zip(enrolled, after.values(), strict=True)]
        results.append(
            FaceMeasurement(
                box=tuple(face.face.box.tolist()),
                visibility=look.meter.measure(saved[look.region.rows, look.region.columns]),
                similarity_before=each[0].similarity_before,
                similarity_after=each[0].similarity_after,
                linked_before=each[0].linked_before,
                linked_after=each[0].linked_after,
                links=tuple(each),
            )
        )
    return results


def _measurement(known: EnrolledFace, after: Link) -> LinkMeasurement:
    return LinkMeasurement(
        recogniser=known.recogniser.record.name,
        similarity_before=known.similarity,
        similarity_after=after.similarity,
        linked_before=known.linked,
        linked_after=after.linked,
    )


def with_lpips(face: FaceMeasurement, original: Photo, saved: np.ndarray, lpips: LpipsMeter | None) -> FaceMeasurement:
    """Add LPIPS to the measurements of a face, unless it is there.

    Args:
        face: as measured.
        original: as read.
        saved: uint8 (H, W, 3) RGB, pixels of the written file.
        lpips: measures it; None where its weights are absent.

    Returns:
        The measurements, with LPIPS.
    """
    if lpips is None or face.lpips is not None:
        return face
    box = Face(np.array(face.box), np.zeros((5, 2)), 1.0)
    return replace(face, lpips=lpips.measure(box_on_screen(original.pixels, box), box_on_screen(saved, box)))
