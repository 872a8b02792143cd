"""Find the user's face in every picture of a video: searched in some pictures, followed in those between.

Pictures come one at a time and are held a dozen at a time. At the end of each dozen, and of each scene, the whole
picture is searched as a photo is, unless the user's face has been followed up to there. A face that appears there is
followed back to where it came in. Who it is, is asked again for every dozen.
"""

from __future__ import annotations

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.following import FaceFollower
from guise.chameleon.faces.geometry import overlap
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import faces_in
from guise.chameleon.videos.cuts import CutFinder
from guise.chameleon.videos.looks import ALIKE, alike, likeness, patch
from guise.chameleon.videos.track import NEAR, Sighting, Track, Tracked

_TOGETHER = 12  # pictures
_SAME = 0.3  # overlap of one face in two detections
_AROUND = 1.5  # lengths of a face's box in which it is looked for where it moved fast
_STEADY = 0.7  # likeness of a face in two pictures in a row, below which the second begins a run
_DOUBT = 1.2  # times the threshold: a face that was followed may look so unlike the user, turned or blurred


class Tracker:
    """Follows the faces that a selector selects."""

    def __init__(self, reader: FaceReader, selector: FaceSelector) -> None:
        """Start before the first picture.

        Args:
            reader: detects and embeds faces.
            selector: selects those to protect.
        """
        self._reader, self._selector = reader, selector
        self._follower, self._cuts = FaceFollower(reader.detector), CutFinder()
        self._held: list[np.ndarray] = []
        self._before: np.ndarray | None = None  # the last picture that was let go
        self._first, self._scene, self._searched = 0, -1, 0
        self._new_scene = False
        self._alive: list[Track] = []
        self._tracks: list[Track] = []
        self._times: list[float] = []
        self._scenes: list[int] = []

    def feed(self, pixels: np.ndarray, time: float) -> None:
        """Take the next picture.

        Args:
            pixels: uint8 (H, W, 3) RGB, all of one size.
            time: when it is shown, in seconds.
        """
        if self._cuts.begins(pixels):
            self._close()
            self._alive, self._scene, self._new_scene = [], self._scene + 1, True
        self._held.append(pixels)
        self._times.append(time)
        self._scenes.append(self._scene)
        if len(self._held) == _TOGETHER:
            self._close()

    def finish(self) -> Tracked:
        """Tell what was found.

        Returns:
            The faces to protect, in pixels of the pictures that were fed.
        """
        self._close()
        tracks = tuple(track for track in self._tracks if track.sightings)
        return Tracked(np.array(self._times), np.array(self._scenes, dtype=int), tracks, self._searched)

    def _close(self) -> None:
        """Look at the pictures that are held, and let them go."""
        if not self._held:
            return
        last = len(self._held) - 1
        going = [track for track in self._alive if self._follow(track, range(last + 1))]
        if self._selector.one_person:
            going = [track for track in going if self._is_user_still(track)]
        if not going or not self._selector.one_person:
            selected = self._search(last)
            going = self._join(going, selected, last)
            if not selected and self._new_scene and last > 0 and not going:
                for face in self._search(0):
                    track = self._begin(0, face)
                    if self._follow(track, range(1, last + 1)) and self._is_user_still(track):
                        going.append(track)
        self._alive, self._new_scene = going, False
        self._first += len(self._held)
        self._before, self._held = self._held[-1], []

    def _search(self, at: int) -> list[Face]:
        self._searched += 1
        faces = faces_in(self._held[at], "", self._reader)
        return [face.face for face in self._selector.select(faces)]

    def _begin(self, at: int, face: Face) -> Track:
        track = Track(self._scene, {self._first + at: Sighting(face)})
        self._tracks.append(track)
        return track

    def _join(self, going: list[Track], selected: list[Face], last: int) -> list[Track]:
        """The faces that were found in the last picture: those that were followed, and new ones, followed back."""
        number, joined = self._first + last, []
        for face in selected:
            known = [track for track in going if overlap(track.sightings[number].face.box, face.box) > _SAME]
            if known:
                joined.append(known[0])
                continue
            track = self._begin(last, face)
            self._follow(track, range(last - 1, -1, -1))
            self._drop_known(track)
            self._trim_start(track)
            lost = next((old for old in self._alive if self._same(old, track)), None)
            if lost is not None:
                self._tracks.remove(track)
                track = self._close_gap(lost, track)
            joined.append(track)
        for track in going:
            if track not in joined:
                if self._selector.whose.value == "all":  # followed, though no longer found: turned aside
                    joined.append(track)
                else:
                    track.sightings.pop(number, None)
        return joined

    def _drop_known(self, track: Track) -> None:
        """Leave pictures out in which the same face was followed already: a second mask would lie on the first."""
        for old in self._alive:
            for number in track.sightings.keys() & old.sightings.keys():
                if overlap(track.sightings[number].face.box, old.sightings[number].face.box) > _SAME:
                    del track.sightings[number]

    def _same(self, old: Track, new: Track) -> bool:
        """Whether a face that was lost is the one that was found afterwards."""
        if not old.sightings or not new.sightings:
            return False
        ended, begins = max(old.sightings), min(new.sightings)
        near = overlap(old.sightings[ended].face.box, new.sightings[begins].face.box) > _SAME
        return ended < begins and (near or self._selector.one_person)

    def _close_gap(self, old: Track, new: Track) -> Track:
        self._carry(old, max(old.sightings), min(new.sightings), new.sightings[min(new.sightings)].face)
        old.sightings.update(new.sightings)
        old.jumps |= new.jumps
        return old

    def _follow(self, track: Track, order: range) -> bool:
        """Follow a face through pictures that are held; tell whether the last of them shows it."""
        step = order.step
        for at in order:
            number = self._first + at
            known = [number - step * back for back in range(1, NEAR + 2) if number - step * back in track.sightings]
            if not known:
                return False
            before = track.sightings[known[0]].face
            steady = len(known) > 1 and known[0] == number - step and known[1] == number - 2 * step
            velocity = before.landmarks - track.sightings[known[1]].face.landmarks if steady else 0.0
            expected = Face(before.box, before.landmarks + velocity, before.confidence)
            face = self._follower.follow(self._held[at], expected)
            if face is None and steady:
                face = self._follower.follow(self._held[at], before)
            like = None if face is None else self._likeness(track, at, known[0], face)
            if face is None or not self._continues(at, face, like):
                face = self._found_around(track, at, known[0], expected)
                if face is None:
                    continue
                like = self._likeness(track, at, known[0], face)
            if known[0] != number - step:
                self._carry(track, min(known[0], number), max(known[0], number), face)
            elif like is not None and like < _STEADY:
                track.jump(max(number, known[0]), apart=_TOGETHER)
            track.sightings[number] = Sighting(face)
        return self._first + order[-1] in track.sightings if len(order) else True

    def _found_around(self, track: Track, at: int, known: int, expected: Face) -> Face | None:
        """A face that moved too fast to be followed: the nearest one around that is still the same."""
        around = self._reader.detector.detect_around(self._held[at], expected, margin=_AROUND)
        middle = expected.landmarks.mean(0)
        nearest = sorted(around, key=lambda face: float(np.linalg.norm(face.landmarks.mean(0) - middle)))[:2]
        if self._selector.one_person:  # it is not where it was, so likeness says little
            doubtful = _DOUBT * self._selector.threshold
            return next((face for face in nearest if self._distance(at, face) < doubtful), None)
        likes = ((face, self._likeness(track, at, known, face)) for face in nearest)
        return next((face for face, like in likes if self._continues(at, face, like)), None)

    def _continues(self, at: int, face: Face, like: float | None) -> bool:
        """Whether a face that was followed is still the same: a cut may put another one in its place."""
        if like is not None and like > ALIKE:
            return True
        return not self._selector.one_person or self._distance(at, face) < _DOUBT * self._selector.threshold

    def _likeness(self, track: Track, at: int, known: int, face: Face) -> float | None:
        """How much a face looks as it did in another picture; None where that is no longer held."""
        index = known - self._first
        pixels = self._before if index == -1 else self._held[index] if 0 <= index < len(self._held) else None
        if pixels is None:
            return None
        return likeness(patch(pixels, track.sightings[known].face), patch(self._held[at], face))

    def _carry(self, track: Track, a: int, b: int, face: Face) -> None:
        """Fill a gap between pictures `a` and `b`, where these are held and show no other thing in the face's place."""
        gap = range(a + 1, b)
        if not 0 < len(gap) <= NEAR or a < self._first:
            return
        ends = [track.sightings[n].face if n in track.sightings else face for n in (a, b)]
        shown = patch(self._held[a - self._first], ends[0])
        for number in gap:
            share = (number - a) / (b - a)
            box, landmarks = (
                (1 - share) * getattr(ends[0], name) + share * getattr(ends[1], name) for name in ("box", "landmarks")
            )
            between = Face(box, landmarks, 0.0)
            if alike(shown, patch(self._held[number - self._first], between)):
                track.sightings[number] = Sighting(between, carried=True)

    def _distance(self, at: int, face: Face) -> float:
        (embedding,) = self._reader.embed([(self._held[at], face)])
        return float(np.linalg.norm(embedding - self._selector.template.mean))

    def _is_user_still(self, track: Track) -> bool:
        """Ask who it is at the end; drop the pictures from which on it is somebody else."""
        last = max(track.sightings)
        at = last - self._first
        if at < 0:
            return False
        if self._distance(at, track.sightings[last].face) < _DOUBT * self._selector.threshold:
            return at == len(self._held) - 1
        for number in range(self._first, last + 1):
            seen = track.sightings.get(number)
            if seen and self._distance(number - self._first, seen.face) >= _DOUBT * self._selector.threshold:
                for later in range(number, last + 1):
                    track.sightings.pop(later, None)
                break
        return False

    def _trim_start(self, track: Track) -> None:
        """Drop the first pictures of a face that was followed back, where it is somebody else."""
        if not self._selector.one_person:
            return
        for number in sorted(track.sightings):
            face = track.sightings[number].face
            if self._distance(number - self._first, face) < _DOUBT * self._selector.threshold:
                return
            del track.sightings[number]
