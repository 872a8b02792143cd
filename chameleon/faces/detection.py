"""Find faces and their landmarks, however they are turned.

The detector knows upright faces, give or take 45 degrees. So each photo is searched in four positions. Of detections
that overlap, the most confident one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from facenet_pytorch import MTCNN
from PIL import Image

from guise.chameleon.faces import geometry
from guise.chameleon.faces.reducing import reduced

_LONGEST_SIDE = 1280
_SMALLEST_FACE = 40  # pixels, after shrinking to _LONGEST_SIDE
_LEAST_CONFIDENCE = 0.95
_TURNED_SIDE = 800  # longest side of the photo in the positions that most photos have no face in
_TURNED_SIDE_BESIDE = 400  # the same where a sure face is upright: few photos show people both ways
_SURE = 0.99  # confidence that takes the place of an upright photo as evidence
_SAME_FACE = 0.3  # overlap


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the upright photo.

    Attributes:
        box: float64 (4,), left, top, right, bottom.
        landmarks: float64 (5, 2): left eye, right eye, nose, left and right mouth corner, as seen when the face is
            turned upright.
        confidence: the detector's, in [0, 1].
    """

    box: np.ndarray
    landmarks: np.ndarray
    confidence: float

    @property
    def area(self) -> float:
        """Area of the box, in square pixels."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    @property
    def quarters(self) -> int:
        """Quarter turns to the left that bring the face nearest to upright, from 0 to 3."""
        x, y = self.landmarks[1] - self.landmarks[0]
        return round(float(np.arctan2(y, x)) / (np.pi / 2)) % 4

    def turned_back(self, quarters: int, height: int, width: int) -> Face:
        """Tell where a face of a turned photo lies in the photo.

        Args:
            quarters: by how many quarter turns to the left the photo was turned before this face was found.
            height: of the photo, in pixels.
            width: of the photo, in pixels.

        Returns:
            The same face in the photo.
        """
        points = np.concatenate([self.box.reshape(2, 2), self.landmarks])
        # The last turn is undone first; the picture that it was made of is as wide as the turned one is high.
        for turn in range(quarters, 0, -1):
            before = width if turn % 2 else height
            points = np.column_stack([before - 1 - points[:, 1], points[:, 0]])
        box = np.concatenate([points[:2].min(0), points[:2].max(0)])
        return Face(box, points[2:], self.confidence)

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
    """MTCNN (K. Zhang et al., IEEE SPL 2016), code and weights from facenet-pytorch.

    Attributes:
        last_stage: its last network, which finds the landmarks of a face that is known nearly.
    """

    def __init__(self, *, device: str = "cpu") -> None:
        """Load the networks.

        Args:
            device: where they run.
        """
        self._mtcnn = MTCNN(keep_all=True, min_face_size=_SMALLEST_FACE, post_process=False, device=device)
        self.last_stage: torch.nn.Module = self._mtcnn.onet

    def detect(self, pixels: np.ndarray) -> list[Face]:
        """Find the faces in a photo.

        Args:
            pixels: uint8 (H, W, 3) RGB.

        Returns:
            The faces, from the largest to the smallest.
        """
        faces = self._upright(pixels)
        side = _TURNED_SIDE_BESIDE if any(face.confidence >= _SURE for face in faces) else _TURNED_SIDE
        turned = [face for quarters in (1, 2, 3) for face in self._turned(pixels, quarters, side)]
        if turned:  # patterns that pass for an upright face do so less surely than a face that is turned
            faces = [face for face in faces if face.confidence >= _SURE or self._again(pixels, face)]
        kept: list[Face] = []
        for face in sorted([*faces, *turned], key=lambda face: -face.confidence):
            if all(geometry.overlap(face.box, other.box) < _SAME_FACE for other in kept):
                kept.append(face)
        return sorted(kept, key=lambda face: -face.area)

    def detect_near(self, pixels: np.ndarray, face: Face) -> Face | None:
        """Detect a face anew where another version of the photo shows it.

        Args:
            pixels: uint8 (H, W, 3) RGB, this version of the photo.
            face: the face in the other version.

        Returns:
            The face that overlaps it the most, found in the surroundings of its box, turned as it is; None where none
            overlaps it by at least a third.
        """
        return best_overlap(self.detect_around(pixels, face, margin=0.6), face)

    def detect_around(self, pixels: np.ndarray, face: Face, *, margin: float) -> list[Face]:
        """Detect all faces where a face may be, turned as it is.

        Args:
            pixels: uint8 (H, W, 3) RGB.
            face: about where it may be.
            margin: how far around its box to look, in lengths of the box's longer side.

        Returns:
            The faces, from the largest to the smallest.
        """
        height, width = pixels.shape[:2]
        reach = margin * max(face.box[2] - face.box[0], face.box[3] - face.box[1])
        left, top = np.clip(face.box[:2] - reach, 0, (width, height)).astype(int)
        right, bottom = np.clip(face.box[2:] + reach, 0, (width, height)).astype(int)
        surroundings, quarters = pixels[top:bottom, left:right], face.quarters
        found = self._upright(np.ascontiguousarray(np.rot90(surroundings, quarters)))
        return [one.turned_back(quarters, *surroundings.shape[:2]).shifted(left, top) for one in found]

    def _again(self, pixels: np.ndarray, face: Face) -> bool:
        near = self.detect_near(pixels, face)
        return near is not None and near.confidence >= _LEAST_CONFIDENCE

    def _turned(self, pixels: np.ndarray, quarters: int, side: int) -> list[Face]:
        """Faces that are upright in the turned photo, each found surely and once more in its surroundings."""
        small, grow = reduced(pixels, side)
        height, width = small.shape[:2]
        found = self._mtcnn_faces(np.ascontiguousarray(np.rot90(small, quarters)))
        faces = [one.turned_back(quarters, height, width) for one in found if one.confidence >= _SURE]
        again = [self.detect_near(pixels, Face(np.tile(grow, 2) * f.box, grow * f.landmarks, 1.0)) for f in faces]
        return [face for face in again if face is not None and face.confidence >= _SURE]

    def _upright(self, pixels: np.ndarray) -> list[Face]:
        """Upright faces, from the largest to the smallest."""
        small, grow = reduced(pixels, _LONGEST_SIDE)
        faces = [Face(np.tile(grow, 2) * f.box, grow * f.landmarks, f.confidence) for f in self._mtcnn_faces(small)]
        return sorted(faces, key=lambda face: -face.area)

    def _mtcnn_faces(self, pixels: np.ndarray) -> list[Face]:
        if min(pixels.shape[:2]) < _SMALLEST_FACE:
            return []
        with torch.no_grad():
            boxes, confidences, landmarks = self._mtcnn.detect(Image.fromarray(pixels), landmarks=True)
        if boxes is None:
            return []
        return [
            Face(box, points, float(confidence))
            for box, points, confidence in zip(boxes.astype(float), landmarks.astype(float), confidences, strict=True)
            if confidence >= _LEAST_CONFIDENCE
        ]


def best_overlap(faces: list[Face], face: Face) -> Face | None:
    """Find a face again among others.

    Args:
        faces: the candidates.
        face: the face to find.

    Returns:
        The candidate whose box overlaps that of `face` the most; None where none does so by at least a third.
    """
    best = max(faces, key=lambda other: geometry.overlap(other.box, face.box), default=None)
    return best if best is not None and geometry.overlap(best.box, face.box) >= 1 / 3 else None
