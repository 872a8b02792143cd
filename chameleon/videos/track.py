"""A face through the pictures of a video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from guise.chameleon.faces.detection import Face

NEAR = 5
"""Pictures over which a face that is lost for a moment is carried; and what counts as next to pictures that show it."""


@dataclass(frozen=True)
class Sighting:
    """A face in one picture.

    Attributes:
        face: where it is.
        carried: it was not found here, but shortly before and after; its place lies between these two.
    """

    face: Face
    carried: bool = False


@dataclass(eq=False)
class Track:
    """One face, followed within a scene.

    Attributes:
        scene: number of the scene.
        sightings: by the number of the picture.
        jumps: pictures in which it looks unlike in the one before: what is cut within a scene often leaves the rest of
            the picture as it was.
    """

    scene: int
    sightings: dict[int, Sighting] = field(default_factory=dict)
    jumps: set[int] = field(default_factory=set)

    def jump(self, number: int, *, apart: int) -> None:
        """Begin a run, unless one has just begun: a face that shakes would need a mask for every picture.

        Args:
            number: of the picture.
            apart: pictures between two such beginnings, at least.
        """
        if all(abs(number - other) >= apart for other in self.jumps):
            self.jumps.add(number)

    def runs(self) -> Iterator[list[int]]:
        """Numbers of pictures without a gap or a jump.

        Yields:
            Each run, in order.
        """
        run: list[int] = []
        for number in sorted(self.sightings):
            if run and (number != run[-1] + 1 or number in self.jumps):
                yield run
                run = []
            run.append(number)
        if run:
            yield run


@dataclass(frozen=True)
class Tracked:
    """What was found in a video.

    Attributes:
        times: of all pictures, in seconds.
        scenes: the number of each picture's scene.
        tracks: of the faces to protect.
        searched: how many pictures were searched in whole.
    """

    times: np.ndarray
    scenes: np.ndarray
    tracks: tuple[Track, ...]
    searched: int

    @property
    def frames(self) -> int:
        """How many pictures there are."""
        return len(self.times)

    def enlarged(self, grow: np.ndarray) -> Tracked:
        """Tell where the faces are in larger pictures.

        Args:
            grow: float64 (2,), pixels of these for one of the others, across and down.

        Returns:
            The same in their pixels.
        """
        tracks = []
        for track in self.tracks:
            larger = {}
            for number, seen in track.sightings.items():
                box = (seen.face.box.reshape(2, 2) + 0.5) * grow - 0.5
                landmarks = (seen.face.landmarks + 0.5) * grow - 0.5
                larger[number] = replace(seen, face=Face(box.reshape(4), landmarks, seen.face.confidence))
            tracks.append(Track(track.scene, larger, track.jumps))
        return replace(self, tracks=tuple(tracks))

    @property
    def masked(self) -> set[int]:
        """Pictures that show a face to protect."""
        return {number for track in self.tracks for number in track.sightings}

    @property
    def carried(self) -> set[int]:
        """Those of `masked` in which no face was found."""
        found = {n for track in self.tracks for n, sighting in track.sightings.items() if not sighting.carried}
        return self.masked - found

    @property
    def missed(self) -> set[int]:
        """Pictures without, at most `NEAR` from such as show one in the same scene."""
        masked = self.masked
        near: set[int] = set()
        for number in masked:
            for other in range(max(0, number - NEAR), min(self.frames, number + NEAR + 1)):
                if other not in masked and self.scenes[other] == self.scenes[number]:
                    near.add(other)
        return near
