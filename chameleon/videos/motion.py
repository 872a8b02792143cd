"""Where a mask lies in each picture: it follows the face, without the shiver of landmarks that are found one by one.

Position, size and angle of the face are smoothed by a local quadratic fit over a quarter of a second to either side
(W. S. Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", JASA 1979, without its robust step).
It takes out what jumps from picture to picture and leaves movements as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from guise.chameleon.faces import geometry
from guise.chameleon.videos.track import Tracked

_REACH = 0.25  # seconds to either side
_LEAST_PICTURES = 3.5  # to either side, where pictures are few
_CARRIED = 0.2  # weight of a place that was not found
_FARTHEST = 0.06  # of the distance between the eyes: so far a mask may lie from where the landmarks are

Placements = Mapping[int, np.ndarray]
"""By the number of the picture: float64 (2, 3), from the picture to the canonical frame."""

_MIDDLE = geometry.CANONICAL_TEMPLATE.mean(0)
_EYES = float(np.linalg.norm(geometry.CANONICAL_TEMPLATE[1] - geometry.CANONICAL_TEMPLATE[0]))


def placements_of(tracked: Tracked, track: int, *, smooth: bool = True) -> Placements:
    """Lay the canonical frame on a face in all pictures that show it.

    Args:
        tracked: what was found in the video.
        track: number of the face among its tracks.
        smooth: whether to smooth; False registers each picture by its own landmarks, for comparison.

    Returns:
        The placements.
    """
    face = tracked.tracks[track]
    placed: dict[int, np.ndarray] = {}
    for run in face.runs():
        seen = [face.sightings[number] for number in run]
        to_photo = [geometry.align(geometry.CANONICAL_TEMPLATE, sighting.face.landmarks) for sighting in seen]
        moves = np.array([_parameters(transform) for transform in to_photo])
        moves[:, 3] = np.unwrap(moves[:, 3])
        weights = np.array([_CARRIED if sighting.carried else 1.0 for sighting in seen])
        if smooth:
            moves = _held_near(_smoothed(moves, tracked.times[run], weights), moves)
        placed.update({number: geometry.inverse(_transform(row)) for number, row in zip(run, moves, strict=True)})
    return placed


def _parameters(to_photo: np.ndarray) -> tuple[float, float, float, float]:
    """Middle of the face, logarithm of its size, and its angle."""
    x, y = geometry.apply(to_photo, _MIDDLE[None])[0]
    return x, y, float(np.log(geometry.scale_of(to_photo))), float(np.arctan2(to_photo[1, 0], to_photo[0, 0]))


def _transform(parameters: np.ndarray) -> np.ndarray:
    x, y, log_size, angle = parameters
    size = np.exp(log_size)
    turned = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turned, np.array([x, y]) - turned @ _MIDDLE])


def _smoothed(moves: np.ndarray, times: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The local fit of each row of (T, 4)."""
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    reach = max(_REACH, _LEAST_PICTURES * gap)
    result = moves.copy()
    for at, time in enumerate(times):
        low, high = np.searchsorted(times, (time - reach, time + reach))
        offsets = (times[low:high] - time) / reach
        if len(offsets) < 4:
            continue
        kernel = weights[low:high] * (1 - np.abs(offsets).clip(max=1) ** 3) ** 3
        design = np.column_stack([np.ones_like(offsets), offsets, offsets**2]) * np.sqrt(kernel)[:, None]
        fitted, *_ = np.linalg.lstsq(design, moves[low:high] * np.sqrt(kernel)[:, None], rcond=None)
        result[at] = fitted[0]
    return result


def _held_near(smoothed: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Where smoothing would leave the face behind, stay with the face."""
    eyes = _EYES * np.exp(moves[:, 2])
    off = np.abs(smoothed - moves) / np.column_stack([eyes, eyes, np.ones(len(moves)), np.ones(len(moves))])
    excess = off.max(1) / _FARTHEST
    share = np.where(excess > 1, 1 / np.maximum(excess, 1e-9), 1.0)[:, None]
    return np.asarray(moves + share * (smoothed - moves))
