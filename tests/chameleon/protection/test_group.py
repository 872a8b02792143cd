"""What a run keeps its photos apart from: what earlier runs protected, and nothing that it protects itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces import geometry
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.group import plan_groups
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.log import ProtectionLog
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models.files import Photo, read_photo
from guise.models.files.videos.video import read_video
from tests.videos import build_video

PHOTO, CLIP = Path("a.png"), Path("clip.mp4")


@pytest.fixture
def job(tmp_path: Path, astronaut, dlib) -> Job:
    folder = tmp_path / "holiday"
    folder.mkdir()
    astronaut.save(folder / PHOTO)
    build_video(folder / CLIP, [np.asarray(astronaut)] * 2)
    mask = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, 16 / 255)
    user = FaceTemplate(np.eye(128, dtype=np.float32)[0], 0.6)
    selector = FaceSelector(WhoseFace.REFERENCE, user, 0.6)
    key = Key(mask, selector, Provenance(("dlib-resnet",), "guise", "mid", 1, 1, 0, "0.1.0"), {"dlib-resnet": user})
    settings = RefinementSettings(steps=1, views=1)
    refiner = Refiner(mask, [dlib], key.templates, budget=STRENGTHS["mid"], settings=settings)
    return Job(folder, tmp_path / "other", key, tmp_path / "mine.guise-key", STRENGTHS["mid"], refiner=refiner)


def told(job: Job, *, videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many faces the refiner is told of from the start."""
    seen: list[object] = []
    monkeypatch.setattr(Refiner, "remember", lambda _, directions: seen.append(directions))
    plan_groups(job, [PHOTO], "settings", ProtectionLog(job, "settings"), videos=videos)
    return len(seen)


def test_a_video_of_this_run_that_an_earlier_one_protected_is_not_known_before_its_photos(job, monkeypatch) -> None:
    """So its photos come out in another folder as they did in the first, where they came before the video."""
    directions = [{"dlib-resnet": np.eye(128, dtype=np.float32)[1]}]
    log, photo, clip = ProtectionLog(job, "settings"), read_photo(job.folder / PHOTO), read_video(job.folder / CLIP)
    assert isinstance(photo, Photo)
    log.complete(log.start("a.png", photo, photo, "token"), [], directions)
    log.complete({**log.start("clip.mp4", clip, clip, ""), "video": {}}, [], directions)
    assert told(job, videos=[CLIP], monkeypatch=monkeypatch) == 0
    # A video of other folders is known, and so is one that is here no more.
    assert told(job, videos=[], monkeypatch=monkeypatch) == 1
