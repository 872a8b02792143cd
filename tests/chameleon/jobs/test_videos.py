"""The jobs on videos: what is written, measured, shown, taken up again, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from guise import chameleon
from guise.chameleon.learning.learn import LearningSettings
from guise.models.files import read_photo
from guise.models.files.videos.pictures import read_picture
from guise.models.files.videos.video import read_video
from guise.models.files.videos.writing import write_video
from tests.chameleon.pages.parsed import parse
from tests.chameleon.videos.scenes import empty, scene
from tests.videos import build_video, packets_besides_pictures, picture_times, pixels_of

FEW = LearningSettings(steps=2, views=1, watched=1)
COUNT = 10
STEPS = 90  # with 30 the copies lie at the recogniser's threshold, and a bit in the video decides


@pytest.fixture(scope="module")
def shown():
    """A scene, and three pictures of its background after a cut."""
    return scene(COUNT, near) + empty(3, seed=5)


def near(share: float) -> tuple[float, float, float, float]:
    """A face that is large in the picture, and moves a little."""
    return 220 + 40 * share, 165 - 10 * share, 1.7 + 0.2 * share, 4 * share


@pytest.fixture(scope="module")
def protected(shown, user_photos: Path, tmp_path_factory: pytest.TempPathFactory):
    """A folder with a photo, a video and a page in a video's clothes, protected."""
    folder = tmp_path_factory.mktemp("videos") / "holiday"
    folder.mkdir()
    for name in ("a.jpg",):
        (folder / name).write_bytes((user_photos / name).read_bytes())
    build_video(folder / "clip.mp4", shown.pictures, subtitles=["hello"], options={"crf": "12"})
    (folder / "page.mp4").write_text("<html>")
    key = chameleon.learn(folder, recognisers=["dlib-resnet"], settings=FEW, offline=True)
    assert key.provenance.photos == 1  # what videos show is not learnt where there are photos
    said: list[tuple[str, int, int]] = []
    report = chameleon.protect(
        folder, key, refine=STEPS, patience=0, offline=True, progress=lambda *step: said.append(step)
    )
    return folder, key, report, said


def result_of(report: chameleon.ProtectionReport, name: str) -> chameleon.PhotoResult:
    return next(result for result in report.photos if result.photo == name)


def test_a_video_is_protected_with_its_sound_and_measured_on_the_written_file(protected) -> None:
    folder, _, report, said = protected
    clip = result_of(report, "clip.mp4")
    assert clip.status == "protected" and clip.video is not None
    assert (clip.video.frames, clip.video.masked, clip.video.measured) == (COUNT + 3, COUNT, 8)
    (face,) = clip.faces
    assert face.similarity_after is not None and face.similarity_after < face.similarity_before - 0.3
    before, after = clip.video.linked["dlib-resnet"]
    assert before == 8 and after < 4
    copy = report.out / "clip.mp4"
    assert packets_besides_pictures(copy) == packets_besides_pictures(folder / "clip.mp4")
    assert picture_times(copy) == picture_times(folder / "clip.mp4")
    assert f"{COUNT} of its {COUNT + 3} pictures show the user and got the mask" in clip.notes
    steps = {what for what, _, _ in said}
    assert {f"clip.mp4: {what}" for what in ("looking for faces", "fitting the mask", "writing")} <= steps
    assert ("clip.mp4: writing", COUNT + 3, COUNT + 3) in said
    failed = result_of(report, "page.mp4")
    assert failed.status == "failed" and "its content is no known video format" in failed.reason
    assert sorted(path.name for path in report.out.iterdir()) == ["a.jpg", "clip.mp4"]


def test_the_mask_stays_on_the_face_and_flickers_no_more_than_compression_does(
    protected, shown, tmp_path: Path
) -> None:
    folder, _, report, _ = protected
    write_video(tmp_path / "bare.mp4", read_video(folder / "clip.mp4"), lambda _: [])
    originals = pixels_of(folder / "clip.mp4")
    seen = {}
    for name, copy in (("masked", report.out / "clip.mp4"), ("bare", tmp_path / "bare.mp4")):
        differences = [after.astype(float) - before for before, after in zip(originals, pixels_of(copy), strict=True)]
        assert np.abs(differences[COUNT:]).mean() < 2.5  # pictures without a face
        each = [
            on_portrait(difference, place)
            for difference, place in zip(differences, shown.places, strict=True)
            if place is not None
        ]
        seen[name] = np.abs(each).mean(), np.abs(np.diff(each, axis=0)).mean()
    (strength, flicker), (noise, own) = seen["masked"], seen["bare"]
    assert strength > 1.3 * noise
    assert flicker < 1.2 * own


def on_portrait(difference: np.ndarray, place: np.ndarray) -> np.ndarray:
    """A difference of a picture where the portrait's face lies, in its own coordinates, in means over 3 x 3."""
    y, x = np.mgrid[45:165, 65:185]
    points = np.stack([x, y, np.ones_like(x)], 2) @ place.T
    column, row = (np.rint(points[..., axis]).astype(int) for axis in (0, 1))
    values = difference[row.clip(0, len(difference) - 1), column.clip(0, difference.shape[1] - 1)]
    return values.reshape(40, 3, 40, 3, 3).mean((1, 3))


def test_a_second_run_leaves_a_finished_video_alone(protected) -> None:
    folder, key, report, _ = protected
    written = (report.out / "clip.mp4").stat().st_mtime_ns, (report.out / "clip.mp4").read_bytes()
    again = chameleon.protect(folder, key, refine=STEPS, patience=0, offline=True)
    clip = result_of(again, "clip.mp4")
    assert clip.status == "skipped" and clip.video == result_of(report, "clip.mp4").video
    assert clip.notes == result_of(report, "clip.mp4").notes
    assert written == ((report.out / "clip.mp4").stat().st_mtime_ns, (report.out / "clip.mp4").read_bytes())
    copies = chameleon.protect(report.out, key, out=folder.with_name("again"), refine=0, offline=True)
    assert result_of(copies, "clip.mp4").status == "already protected"


def test_the_page_shows_a_picture_of_the_video(protected) -> None:
    _, _, report, _ = protected
    page = parse(report.page.read_text("utf-8"))
    text = report.page.read_text("utf-8")
    assert "clip.mp4" in text and f"{COUNT} of its {COUNT + 3} pictures" in text
    assert page is not None and text.count('alt="Original: clip.mp4"') >= 1
    values = json.loads(report.to_json())
    clip = next(row for row in values["photos"] if row["photo"] == "clip.mp4")
    assert clip["video"]["masked"] == COUNT


def test_verify_measures_pictures_of_the_video(protected) -> None:
    folder, _, report, _ = protected
    seen = chameleon.verify(folder, report.out, offline=True)
    names = [photo.photo for photo in seen.photos]
    pictures = [name for name in names if name.startswith("clip.mp4#t=")]
    assert "a.jpg" in names and 4 <= len(pictures) <= 8
    assert seen.unmeasured == {"page.mp4": "it has no protected copy"}
    assert seen.page is not None


def test_restore_says_that_it_leaves_videos(protected, tmp_path: Path) -> None:
    _, key, report, _ = protected
    back = chameleon.restore(report.out, key, out=tmp_path / "back")
    (clip,) = [photo for photo in back.photos if photo.photo == "clip.mp4"]
    assert clip.status == "failed" and clip.reason.startswith("the mask is not taken off videos")
    assert len(back.restored) == 1 and not (tmp_path / "back/clip.mp4").exists()


def test_a_plan_says_what_videos_show(protected) -> None:
    folder, key, _, _ = protected
    plan = chameleon.plan(folder, key, offline=True)
    rows = {row["photo"]: row for row in plan.rows}
    assert rows["clip.mp4"]["protect"] == 1 and "pictures looked at show a face to protect" in rows["clip.mp4"]["note"]
    assert "no known video format" in rows["page.mp4"]["note"]


def test_a_video_alone_is_learnt_from(tmp_path: Path) -> None:
    clip = build_video(tmp_path / "me.mov", scene(8).pictures, rotation=90, sound=False)
    clip = build_video(tmp_path / "me.mov", [np.rot90(pixels, -1).copy() for pixels in scene(8).pictures], rotation=90)
    key = chameleon.learn(clip, recognisers=["dlib-resnet"], settings=FEW, offline=True)
    assert key.provenance.photos == 8
    report = chameleon.protect(clip, key, refine=0, offline=True)
    (me,) = report.photos
    assert me.status == "protected" and me.video is not None and me.video.masked == 8
    assert report.out == tmp_path / "me-protected" and (report.out / "me.mov").is_file()
    shown = read_picture(report.out / me.shown)
    assert shown.pixels.shape == (270, 480, 3)  # as people see it
    with pytest.raises(Exception, match="cannot read"):
        read_photo(report.out / "me.mov")
