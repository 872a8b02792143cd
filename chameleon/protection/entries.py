"""What the log says of a copy, read back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from guise.chameleon.learning.directions import ProtectedDirections
from guise.chameleon.protection.job import VideoSummary
from guise.chameleon.protection.measure import FaceMeasurement, LinkMeasurement
from guise.chameleon.visibility.budget import Visibility
from guise.models.files import pack, unpack
from guise.models.recognisers.registry import READER

LogEntry = Mapping[str, Any]
"""What the log says of one written copy, as plain JSON."""
_DIRECTION_UNIT = 1 / 127
_BY_READER = ("similarity_before", "similarity_after", "linked_before", "linked_after")


def measurements(entry: LogEntry) -> tuple[FaceMeasurement, ...]:
    """Read what was measured of a copy.

    Args:
        entry: the copy's.

    Returns:
        Measurements of its faces; none where the entry does not say it as this program does.
    """
    try:
        return tuple(_measurement(face) for face in entry["faces"])
    except (KeyError, TypeError):
        return ()


def _measurement(face: Mapping[str, Any]) -> FaceMeasurement:
    visibility = Visibility(**face["visibility"])
    # Older logs give no links: the recogniser that tells people apart measured alone.
    given = face.get("links") or [{"recogniser": READER, **{name: face[name] for name in _BY_READER}}]
    measured = tuple(LinkMeasurement(**link) for link in given)
    return FaceMeasurement(**{**face, "visibility": visibility, "links": measured})


def directions_of(entry: LogEntry) -> list[ProtectedDirections]:
    """Read in which directions the faces of a copy lie.

    Args:
        entry: the copy's.

    Returns:
        Those of its faces, up to the first that is garbled.
    """
    directions: list[ProtectedDirections] = []
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        for face in entry["standings"]:
            directions.append({name: _unpacked(text) for name, text in face.items()})  # noqa: PERF401
    return directions


def packed(directions: Sequence[ProtectedDirections]) -> list[dict[str, str]]:
    """Write directions for a log.

    Args:
        directions: of the faces of a copy.

    Returns:
        The unit vectors, in 8 bits a number.
    """
    return [{name: _packed(row) for name, row in face.items()} for face in directions]


def _packed(direction: np.ndarray) -> str:
    return pack(np.rint(direction / _DIRECTION_UNIT).astype(np.int8))


def _unpacked(text: str) -> np.ndarray:
    return np.float32(_DIRECTION_UNIT) * unpack(text, (-1,)).astype(np.float32)


def video_summary(entry: LogEntry) -> VideoSummary | None:
    """Read what became of a video's pictures.

    Args:
        entry: the copy's.

    Returns:
        The summary; None for a photo's.
    """
    try:
        given = entry["video"]
        linked = {name: (int(before), int(after)) for name, (before, after) in given["linked"].items()}
        return VideoSummary(**{**given, "linked": linked})
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
