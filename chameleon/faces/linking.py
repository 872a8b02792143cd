"""Whether recognisers link a face to the user: one detection for all, then one embedding and one decision each.

A recogniser links a face to the user where it lies nearer to the user's face template than the distance below which the
recogniser takes two faces for one person's. `guise.chameleon.evaluation.verify` decides pairs of photos by the same
distance and the same threshold. A template is the mean of several clean faces, so it lies nearer to the user's photos
than these lie to one another: a link is found here more often than between two photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader, distances, embed, similarity
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.template import FaceTemplate
from guise.models import Recogniser


@dataclass(frozen=True)
class Link:
    """What one recogniser says of a face.

    Attributes:
        similarity: cosine between the face and the person's face template, around the population's mean; None where no
            face was found.
        linked: whether the recogniser takes the face for that person's; False where no face was found.
        distance: between the face and the template, in the recogniser's metric, as a share of the distance below which
            it links; None where no face was found.
    """

    similarity: float | None
    linked: bool
    distance: float | None = None


NO_FACE = Link(None, False)


@dataclass(frozen=True)
class EnrolledFace:
    """An original's face and the person that it shows, as one recogniser knows them.

    Attributes:
        recogniser: the network.
        embedding: float32 (D,), raw, of the original's face.
        template: of the person.
        threshold: distance to `template`, in the recogniser's metric, below which a face is that person's.
    """

    recogniser: Recogniser
    embedding: np.ndarray = field(repr=False)  # it tells who somebody is: not for logs
    template: FaceTemplate
    threshold: float

    @property
    def similarity(self) -> float:
        """That of the original's face, as of `Link`."""
        return self._similarity(self.embedding)

    @property
    def linked(self) -> bool:
        """Whether the recogniser takes the original's face for the person's."""
        return self.link(self.embedding).linked

    def link(self, embedding: np.ndarray) -> Link:
        """Compare another version of the face with the person.

        Args:
            embedding: float32 (D,), raw, by `recogniser`.

        Returns:
            What the recogniser says of it.
        """
        metric = self.recogniser.record.metric
        distance = float(distances(embedding[None], self.template.mean[None], metric=metric)[0, 0])
        return Link(self._similarity(embedding), distance < self.threshold, distance / self.threshold)

    def _similarity(self, embedding: np.ndarray) -> float:
        return similarity(embedding, self.template.mean, self.recogniser.population.cpu().numpy())


@dataclass(frozen=True)
class Enrolment:
    """The recognisers that measure, and what they know of the user.

    Attributes:
        reader: the detector, and the recogniser that tells people apart. It measures first.
        selector: selects the user's faces; where it selects several people's, each face is compared with itself.
        surrogates: further recognisers that measure, in order, on any device. One that is the reader's counts once.
        templates: the user's face template of each surrogate, by its name; by one that is missing here, each face is
            compared with itself.
    """

    reader: FaceReader
    selector: FaceSelector
    surrogates: Sequence[Recogniser] = ()
    templates: Mapping[str, FaceTemplate] = field(default_factory=dict)

    def enrol(self, pixels: np.ndarray, face: EmbeddedFace) -> list[EnrolledFace]:
        """Have all recognisers look at a face of an original.

        Args:
            pixels: uint8 (H, W, 3) RGB, the original.
            face: one of its faces.

        Returns:
            The face as each recogniser knows it, the reader's first.
        """
        reader, one_person = self.reader.recogniser, self.selector.one_person
        if one_person:
            enrolled = [EnrolledFace(reader, face.embedding, self.selector.template, self.selector.threshold)]
        else:
            enrolled = [EnrolledFace(reader, face.embedding, FaceTemplate(face.embedding), reader.record.threshold)]
        for recogniser in self.surrogates:
            record = recogniser.record
            if record.name == reader.record.name:
                continue
            (embedding,) = embed([(pixels, face.face)], recogniser)
            known = self.templates.get(record.name) if one_person else None
            enrolled.append(EnrolledFace(recogniser, embedding, known or FaceTemplate(embedding), record.threshold))
        return enrolled


def links(pixels: np.ndarray, face: Face, enrolled: Sequence[EnrolledFace], detector: FaceDetector) -> dict[str, Link]:
    """Find out which recognisers link a face in a changed photo to its person.

    Args:
        pixels: uint8 (H, W, 3) RGB, the changed photo as it is (to be) saved; see `guise.models.files.as_saved`.
        face: where the face is in the original.
        enrolled: the original's face, as each recogniser knows it.
        detector: finds the face anew, once for all recognisers.

    Returns:
        What each recogniser says, by its name, in the order of `enrolled`; `NO_FACE` from all where no face is found.
    """
    again = detector.detect_near(pixels, face)
    if again is None:
        return {known.recogniser.record.name: NO_FACE for known in enrolled}
    return {
        known.recogniser.record.name: known.link(embed([(pixels, again)], known.recogniser)[0]) for known in enrolled
    }
