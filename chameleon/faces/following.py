"""Follow a face from one picture of a video to the next: the detector's last network alone, where the face should be.

A search of the whole picture takes half a second. The last of MTCNN's three networks takes some milliseconds. It says
whether its window shows a face, and where the landmarks are. The window is turned as the face is, and several windows
nearby are averaged: that steadies the landmarks, and with them the mask.
"""

from __future__ import annotations

import numpy as np
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector

_SIDE = 48  # of the network's input, in pixels
_TEMPLATE = np.array([(0.333, 0.386), (0.667, 0.386), (0.5, 0.579), (0.352, 0.754), (0.648, 0.754)])
"""Where the landmarks lie in the windows that MTCNN's second network hands to the last, as means of 60 photos."""
_BOX = np.array([(0.125, 0.0), (0.875, 1.0)])  # of the face in such a window
_NEARBY = ((0.0, 0.0, 1.0), (-0.04, -0.02, 1.04), (0.04, 0.02, 1.04), (-0.03, 0.04, 0.96), (0.03, -0.04, 0.96))
"""Windows that are averaged: shift to the right and down, in sides of the window, and size."""
_LEAST = 0.7  # confidence, for a face that was there a moment ago
_FARTHEST = 0.35  # of the window's side, from where the face should be
_LEAST_SIDE, _MOST_GROWTH = 20.0, 1.35


class FaceFollower:
    """Finds a face again that a picture shows nearly where it is known to be."""

    def __init__(self, detector: FaceDetector) -> None:
        """Take a detector's last network.

        Args:
            detector: as loaded.
        """
        self._network = detector.last_stage

    def follow(self, pixels: np.ndarray, face: Face) -> Face | None:
        """Find a face again.

        Args:
            pixels: uint8 (H, W, 3) RGB.
            face: where it should be, nearly.

        Returns:
            The face; None where its place shows none, or it is too far from there.
        """
        first = self._look(pixels, face.landmarks, _NEARBY[:1])
        if first is None or not _near(first[0], face.landmarks):
            return None
        found = self._look(pixels, first[0], _NEARBY)
        if found is None or not _near(found[0], face.landmarks):
            return None
        landmarks, confidence = found
        height, width = pixels.shape[:2]
        middle = landmarks.mean(0)
        if not (0 <= middle[0] < width and 0 <= middle[1] < height):
            return None
        return Face(_box(landmarks), landmarks, confidence)

    def _look(
        self, pixels: np.ndarray, landmarks: np.ndarray, windows: tuple[tuple[float, float, float], ...]
    ) -> tuple[np.ndarray, float] | None:
        """Landmarks and confidence by windows around a face, where it is sure enough."""
        to_window = geometry.align(landmarks, _TEMPLATE * (_SIDE - 1))
        if _SIDE / geometry.scale_of(to_window) < _LEAST_SIDE:
            return None
        middle = (_SIDE - 1) / 2
        each = []
        for x, y, size in windows:
            offset = np.array([[1 / size, 0, middle - (middle + x * _SIDE) / size],
                               [0, 1 / size, middle - (middle + y * _SIDE) / size]])  # fmt: skip
            each.append(geometry.compose(to_window, offset))
        crops = torch.stack([geometry.crop(pixels, transform, size=_SIDE) for transform in each])
        with torch.no_grad():
            device = next(self._network.parameters()).device
            _, points, confidences = (out.cpu().numpy() for out in self._network((2 * crops - 1).to(device)))
        weights = confidences[:, 1].astype(float)
        confidence = float(weights.mean())
        if confidence < _LEAST:
            return None
        found = []
        for transform, row in zip(each, points.astype(float), strict=True):
            # The detector counts from the edge of the window's first pixel, and gives that as a pixel of the photo.
            edge = (1 - geometry.scale_of(transform)) / 2
            inside = np.column_stack([row[:5], row[5:]]) * _SIDE - edge
            found.append(geometry.apply(geometry.inverse(transform), inside))
        return np.average(found, axis=0, weights=weights), confidence


def _near(landmarks: np.ndarray, expected: np.ndarray) -> bool:
    """Whether a face is where it should be, and about as large."""
    moved = geometry.align(expected, _TEMPLATE)
    shift = geometry.apply(moved, landmarks).mean(0) - geometry.apply(moved, expected).mean(0)
    growth = geometry.scale_of(geometry.align(landmarks, _TEMPLATE)) / geometry.scale_of(moved)
    return bool(np.linalg.norm(shift) < _FARTHEST and 1 / _MOST_GROWTH < growth < _MOST_GROWTH)


def _box(landmarks: np.ndarray) -> np.ndarray:
    """The upright box around a face: float64 (4,)."""
    to_window = geometry.align(landmarks, _TEMPLATE)
    middle, side = (
        geometry.apply(geometry.inverse(to_window), np.array([[0.5, 0.5]]))[0],
        1 / geometry.scale_of(to_window),
    )
    across = abs(to_window[0, 0]) >= abs(to_window[0, 1])  # not lying on its side
    size = side * (_BOX[1] - _BOX[0])
    half = (size if across else size[::-1]) / 2
    return np.concatenate([middle - half, middle + half])
