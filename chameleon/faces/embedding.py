"""Who is on a photo: faces found and embedded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.template import Sighting
from guise.models import Recogniser


class FaceReader:
    """Finds faces and embeds them: who is on a photo."""

    def __init__(self, detector: FaceDetector, recogniser: Recogniser) -> None:
        self.detector = detector
        self.recogniser = recogniser

    def read(self, pixels: np.ndarray, *, name: str) -> list[Sighting]:
        """All faces in `pixels`, uint8 (H, W, 3), of the photo called `name`."""
        faces = self.detector.detect(pixels)
        embeddings = self.embed([(pixels, face) for face in faces])
        return [Sighting(name, face, row) for face, row in zip(faces, embeddings, strict=True)]

    def embed(self, faces: Sequence[tuple[np.ndarray, Face]]) -> np.ndarray:
        """Embeddings of faces in their photos: float32 (N, D)."""
        return embed(faces, self.recogniser)


def embed(faces: Sequence[tuple[np.ndarray, Face]], recogniser: Recogniser) -> np.ndarray:
    """Embeddings of (photo, face) pairs: float32 (N, D), raw."""
    record = recogniser.record
    if not faces:
        return np.zeros((0, record.embedding_size), dtype=np.float32)
    template = np.array(record.template)
    crops = torch.stack(
        [geometry.crop(pixels, face.to_template(template), size=record.input_size) for pixels, face in faces]
    )
    with torch.no_grad():
        parts = [recogniser(part.to(recogniser.mean.device)).cpu() for part in crops.split(16)]
    return torch.cat(parts).numpy()
