"""Who is on a photo: faces are detected and embedded, and embeddings are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.models import Recogniser

Metric = Literal["euclidean", "cosine"]


@dataclass(frozen=True)
class EmbeddedFace:
    """A face in a photo, with its embedding.

    Attributes:
        photo: the photo's name.
        face: where the face is.
        embedding: float32 (D,), raw, by the recogniser that tells people apart.
    """

    photo: str
    face: Face
    embedding: np.ndarray


class FaceReader:
    """Detects the faces in photos and embeds them.

    Attributes:
        detector: finds the faces.
        recogniser: embeds them.
    """

    def __init__(self, detector: FaceDetector, recogniser: Recogniser) -> None:
        """Join a detector and a recogniser.

        Args:
            detector: finds the faces.
            recogniser: embeds them.
        """
        self.detector = detector
        self.recogniser = recogniser

    def read(self, pixels: np.ndarray, *, name: str) -> list[EmbeddedFace]:
        """Detect and embed all faces in a photo.

        Args:
            pixels: uint8 (H, W, 3) RGB, the photo.
            name: the photo's name, which the results bear.

        Returns:
            The faces, from the largest to the smallest.
        """
        faces = self.detector.detect(pixels)
        embeddings = self.embed([(pixels, face) for face in faces])
        return [EmbeddedFace(name, face, row) for face, row in zip(faces, embeddings, strict=True)]

    def embed(self, faces: Sequence[tuple[np.ndarray, Face]]) -> np.ndarray:
        """Embed faces with the reader's recogniser.

        Args:
            faces: N pairs of a photo, uint8 (H, W, 3) RGB, and a face in it.

        Returns:
            float32 (N, D), raw embeddings.
        """
        return embed(faces, self.recogniser)


def embed(faces: Sequence[tuple[np.ndarray, Face]], recogniser: Recogniser) -> np.ndarray:
    """Embed faces, each aligned as the recogniser expects it.

    Args:
        faces: N pairs of a photo, uint8 (H, W, 3) RGB, and a face in it.
        recogniser: the network, on any device.

    Returns:
        float32 (N, D), raw embeddings.
    """
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


def similarity(embedding: np.ndarray, other: np.ndarray, population: np.ndarray) -> float:
    """Cosine of two embeddings, as seen from the population's mean.

    Args:
        embedding: float (D,).
        other: float (D,).
        population: float (D,), the recogniser's mean embedding of people at large.

    Returns:
        The cosine, in [-1, 1].
    """
    a, b = embedding - population, other - population
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def distances(a: np.ndarray, b: np.ndarray, *, metric: Metric) -> np.ndarray:
    """Compute the distance of each of some embeddings to each of others.

    Args:
        a: float (N, D), raw.
        b: float (M, D), raw.
        metric: "euclidean", or "cosine" for 1 - cosine.

    Returns:
        float64 (N, M), 0 for equal embeddings.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "cosine":
        return cast(np.ndarray, 1 - _unit(a) @ _unit(b).T)
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return cast(np.ndarray, np.sqrt(np.maximum(squared, 0)))


def _unit(rows: np.ndarray) -> np.ndarray:
    return cast(np.ndarray, rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
