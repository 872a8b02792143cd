"""Masks of videos stay within the bounds of visibility between the pictures to which they are fitted, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.videos import strength
from guise.chameleon.videos.motion import placements_of
from guise.chameleon.videos.plan import Knot, MaskPlan
from guise.chameleon.videos.strength import StrengthFitter
from guise.chameleon.videos.track import Sighting, Track, Tracked
from guise.chameleon.visibility.budget import FaceMeter, budget_of
from guise.models.files.videos.pictures import pictures_in
from guise.models.files.videos.video import Video, read_video
from tests.chameleon.videos.scenes import portrait, scene
from tests.videos import build_video

COUNT = 12


def nearer_and_back(share: float) -> tuple[float, float, float, float]:
    return 240, 135, 0.7 + 0.5 * np.sin(np.pi * share), 0.0


@pytest.fixture(scope="module")
def shown(detector: FaceDetector, tmp_path_factory: pytest.TempPathFactory) -> tuple[Video, Tracked]:
    """A face that comes near and goes back within a second."""
    moving = scene(COUNT, nearer_and_back, noise=1.0)
    file = build_video(tmp_path_factory.mktemp("scene") / "clip.mkv", moving.pictures, codec="ffv1", options={})
    (face,) = detector.detect(np.asarray(portrait()))
    sightings = {}
    for number, place in enumerate(moving.places):
        assert place is not None
        sightings[number] = Sighting(Face(np.zeros(4), geometry.apply(place, face.landmarks), 1.0))
    return read_video(file), Tracked(np.arange(COUNT) / 25, np.zeros(COUNT, int), (Track(0, sightings),), 1)


def worst(shown: tuple[Video, Tracked], folder: Path) -> float:
    """The largest share of the budget that any picture spends on the mask."""
    video, tracked = shown
    noise = np.random.default_rng(0).uniform(-16, 16, (3, geometry.CANVAS, geometry.CANVAS)) / 255
    mask, budget = Mask(noise.astype(np.float32), geometry.CANONICAL_TEMPLATE, 24 / 255), budget_of("mid")
    key = Key(
        mask,
        FaceSelector(WhoseFace.ALL, FaceTemplate(np.zeros(128), 1), 0.6),
        Provenance((), "guise", "mid", 1, 1, 0, "0.1.0"),
    )
    plan = MaskPlan(placements_of(tracked, 0), [Knot(0.0, mask.values)], (), mask)
    fitter = StrengthFitter(Job(folder, folder, key, folder / "key", budget), video, tracked)
    seen: list[None] = []
    (plan,) = fitter.fit([plan], on_picture=lambda: seen.append(None))
    assert len(seen) == fitter.count == 2
    shares = []
    for picture in pictures_in(video):
        before = picture.pixels()
        height, width = before.shape[:2]
        change = plan.change(picture.number, float(tracked.times[picture.number]), height=height, width=width)
        assert change is not None
        after = before.astype(int)
        after[change.rows, change.columns] += change.levels
        shares.append(budget.spent(FaceMeter(before).measure(after.clip(0, 255).astype(np.uint8))))
    return max(shares)


def test_pictures_between_those_that_are_fitted_are_no_more_visible(
    shown: tuple[Video, Tracked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert worst(shown, tmp_path) < 1.1
    monkeypatch.setattr(strength, "_HALVINGS", 0)
    assert worst(shown, tmp_path) > 1.2
