"""Find faces and their landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from facenet_pytorch import MTCNN
from PIL import Image

from guise.chameleon.faces import geometry

_LONGEST_SIDE = 1280
_SMALLEST_FACE = 40  # pixels, after shrinking to _LONGEST_SIDE
_LEAST_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the upright photo.

    Attributes:
        box: float64 (4,), left, top, right, bottom.
        landmarks: float64 (5, 2): left eye, right eye, nose, left and right mouth corner, as seen in the picture.
        confidence: the detector's, in [0, 1].
    """

    box: np.ndarray
    landmarks: np.ndarray
    confidence: float

    @property
    def area(self) -> float:
        """Area of the box, in square pixels."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    def to_template(self, template: np.ndarray) -> np.ndarray:
        """Find the transform that brings the face's landmarks to given places.

        Args:
            template: float (5, 2), the landmark template: where the landmarks should lie.

        Returns:
            float64 (2, 3), from the photo to the frame of `template`.
        """
        return geometry.align(self.landmarks, template)

    def shifted(self, x: float, y: float) -> Face:
        """Move the face.

        Args:
            x: pixels to the right.
            y: pixels down.

        Returns:
            The same face in a picture whose origin lies at (-x, -y).
        """
        by = np.array([x, y])
        return Face(self.box + np.tile(by, 2), self.landmarks + by, self.confidence)

    def box_in(self, height: int, width: int) -> tuple[slice, slice]:
        """Cut the box to a photo.

        Args:
            height: of the photo, in pixels.
            width: of the photo, in pixels.

        Returns:
            Rows and columns of the part inside the photo, at least one of each.
        """
        left, top = np.clip(np.floor(self.box[:2]), 0, (width - 1, height - 1)).astype(int)
        right, bottom = np.clip(np.ceil(self.box[2:]), (left + 1, top + 1), (width, height)).astype(int)
        return slice(top, bottom), slice(left, right)


def most_prominent(faces: Sequence[Face], height: int, width: int) -> Face:
    """Find the face that a photo is of: a large one near the centre.

    Source: `center_weighted_size` of facenet-pytorch.

    Args:
        faces: the photo's faces, at least one.
        height: of the photo, in pixels.
        width: of the photo, in pixels.

    Returns:
        One of `faces`.
    """
    centre = np.array([width, height]) / 2

    def prominence(face: Face) -> float:
        return face.area - 2 * float(np.square((face.box[:2] + face.box[2:]) / 2 - centre).sum())

    return max(faces, key=prominence)


class FaceDetector:
    """MTCNN (K. Zhang et al., IEEE SPL 2016), code and weights from facenet-pytorch."""

    def __init__(self, *, device: str = "cpu") -> None:
        """Load the networks.

        Args:
            device: where they run.
        """
        self._mtcnn = MTCNN(keep_all=True, min_face_size=_SMALLEST_FACE, post_process=False, device=device)

    def detect(self, pixels: np.ndarray) -> list[Face]:
        """Find the faces in a photo.

        Args:
            pixels: uint8 (H, W, 3) RGB.

        Returns:
            The faces, from the largest to the smallest.
        """
        height, width = pixels.shape[:2]
        scale = min(1.0, _LONGEST_SIDE / max(height, width))
        image = Image.fromarray(pixels)
        if scale < 1:
            image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX)
        if min(image.size) < _SMALLEST_FACE:
            return []
        with torch.no_grad():
            boxes, confidences, landmarks = self._mtcnn.detect(image, landmarks=True)
        if boxes is None:
            return []
        grow = np.array([width / image.width, height / image.height])
        faces = [
            Face(np.tile(grow, 2) * box, grow * points, float(confidence))
            for box, points, confidence in zip(boxes.astype(float), landmarks.astype(float), confidences, strict=True)
            if confidence >= _LEAST_CONFIDENCE
        ]
        return sorted(faces, key=lambda face: -face.area)

    def detect_near(self, pixels: np.ndarray, face: Face) -> Face | None:
        """Detect a face anew where another version of the photo shows it.

        Args:
            pixels: uint8 (H, W, 3) RGB, this version of the photo.
            face: the face in the other version.

        Returns:
            The face that overlaps it the most, found in the surroundings of its box; None where none overlaps it by at
            least a third.
        """
        height, width = pixels.shape[:2]
        margin = 0.6 * max(face.box[2] - face.box[0], face.box[3] - face.box[1])
        left, top = np.clip(face.box[:2] - margin, 0, (width, height)).astype(int)
        right, bottom = np.clip(face.box[2:] + margin, 0, (width, height)).astype(int)
        surroundings = np.ascontiguousarray(pixels[top:bottom, left:right])
        return best_overlap([near.shifted(left, top) for near in self.detect(surroundings)], face)


def best_overlap(faces: list[Face], face: Face) -> Face | None:
    """Find a face again among others.

    Args:
        faces: the candidates.
        face: the face to find.

    Returns:
        The candidate whose box overlaps that of `face` the most; None where none does so by at least a third.
    """
    best = max(faces, key=lambda other: overlap(other.box, face.box), default=None)
    return best if best is not None and overlap(best.box, face.box) >= 1 / 3 else None


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Compute how much two boxes overlap.

    Args:
        a: float64 (4,), left, top, right, bottom.
        b: float64 (4,), the same of the other box.

    Returns:
        Intersection over union, in [0, 1].
    """
    width, height = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return float(width * height / max(sum(area) - width * height, 1e-9))
