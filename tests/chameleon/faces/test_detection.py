import numpy as np
import pytest
import skimage.data
from PIL import Image

from guise.chameleon.faces.detection import Face, best_overlap, most_prominent
from guise.chameleon.faces.reducing import reduced


def a_face(*box):
    return Face(np.array(box, dtype=float), np.zeros((5, 2)), 1.0)


def test_landmarks_lie_where_eyes_nose_and_mouth_are(astronaut, detector):
    (face,) = detector.detect(np.asarray(astronaut))
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert (face.box[:2] < face.landmarks.min(0)).all() and (face.landmarks.max(0) < face.box[2:]).all()


def test_a_larger_picture_gives_the_same_face_scaled(astronaut, detector):
    (small,) = detector.detect(np.asarray(astronaut))
    large = detector.detect(np.asarray(astronaut.resize((2700, 2700))))[0]
    np.testing.assert_allclose(large.landmarks / 10, small.landmarks, atol=4)


def test_a_face_is_found_anew_near_where_it_was(astronaut, detector):
    pixels = np.asarray(astronaut)
    (face,) = detector.detect(pixels)
    near = detector.detect_near(pixels, face)
    np.testing.assert_allclose(near.landmarks, face.landmarks, atol=4)
    assert detector.detect_near(np.full_like(pixels, 128), face) is None


@pytest.mark.parametrize("shape", [(1, 1), (30, 400), (400, 30), (39, 39)])
def test_pictures_too_small_for_a_face_have_none(detector, shape):
    assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []


def test_the_overlapping_face_is_chosen_and_a_distant_one_is_not():
    near, far = a_face(10, 10, 50, 60), a_face(200, 10, 240, 60)
    assert best_overlap([far, near], a_face(12, 8, 52, 58)) is near
    assert best_overlap([far], a_face(12, 8, 52, 58)) is None
    assert best_overlap([], near) is None


def test_a_photo_is_of_the_large_face_near_its_centre():
    central, passer_by, small = a_face(100, 100, 160, 160), a_face(0, 0, 65, 65), a_face(120, 120, 130, 130)
    assert most_prominent([passer_by, central, small], 250, 250) is central
    assert most_prominent([central, a_face(0, 0, 180, 180)], 250, 250) is not central


def test_a_box_beyond_the_border_is_cut_but_never_empty():
    rows, columns = a_face(-20, -30, 15, 12).box_in(100, 80)
    assert (rows, columns) == (slice(0, 12), slice(0, 15))
    rows, columns = a_face(90, 120, 130, 160).box_in(100, 80)
    assert rows.stop - rows.start >= 1 and columns.stop - columns.start >= 1
    assert rows.stop <= 100 and columns.stop <= 80


def turned(image, angle):
    """The picture turned to the left by degrees, and where points of it lie then."""
    result = image.rotate(angle, expand=True, fillcolor=(120, 120, 120))
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    centre, new = (np.array(picture.size) / 2 for picture in (image, result))
    return np.asarray(result), lambda points: (points - centre) @ np.array([[cosine, -sine], [sine, cosine]]) + new


@pytest.mark.parametrize("angle", [30, 60, 90, 120, 180, 200, 270, 290])
def test_a_face_is_found_however_it_is_turned(astronaut, detector, angle):
    (upright,) = detector.detect(np.asarray(astronaut))
    pixels, moved = turned(astronaut, angle)
    (face,) = detector.detect(pixels)
    assert face.confidence >= 0.99 and face.quarters == round(-angle / 90) % 4
    np.testing.assert_allclose(face.landmarks, moved(upright.landmarks), atol=6)
    assert (face.box[:2] < face.landmarks.min(0)).all() and (face.landmarks.max(0) < face.box[2:]).all()
    again = detector.detect_near(pixels, face)
    np.testing.assert_allclose(again.landmarks, face.landmarks, atol=4)


def test_one_who_is_upside_down_in_a_group_is_found_with_the_others(astronaut, detector):
    group = Image.new("RGB", (3 * 270, 270))
    for place, angle in enumerate((0, 180, 90)):
        group.paste(astronaut.rotate(angle), (place * 270, 0))
    faces = sorted(detector.detect(np.asarray(group)), key=lambda face: face.box[0])
    assert [face.quarters for face in faces] == [0, 2, 3]


def test_no_pattern_is_taken_for_a_face_beside_one_that_is_turned(detector):
    # Turned like this, the badge on the suit passes for a face, larger than the true one.
    portrait = Image.fromarray(skimage.data.astronaut()).crop((75, 0, 375, 400))
    (upright,) = detector.detect(np.asarray(portrait))
    pixels, moved = turned(portrait, 90)
    (face,) = detector.detect(pixels)
    np.testing.assert_allclose(face.landmarks, moved(upright.landmarks), atol=4)


@pytest.mark.parametrize("quarters", range(4))
def test_a_face_of_a_turned_photo_is_led_back_into_the_photo(quarters):
    height, width = 40, 70
    marks = np.array([(10, 5), (30, 6), (20, 15), (12, 25), (28, 26)])
    photo = np.zeros((height, width))
    photo[marks[:, 1], marks[:, 0]] = np.arange(1, 6)
    rotated = np.rot90(photo, quarters)
    found = np.array([np.argwhere(rotated == number)[0][::-1] for number in range(1, 6)], dtype=float)
    box = np.concatenate([found.min(0), found.max(0)])
    face = Face(box, found, 1.0).turned_back(quarters, height, width)
    np.testing.assert_array_equal(face.landmarks, marks)
    np.testing.assert_array_equal(face.box, [10, 5, 30, 26])
    assert Face(box, found, 1.0).quarters == -quarters % 4


def test_a_photo_is_reduced_by_strips_as_at_once():
    pixels = np.random.default_rng(0).integers(0, 256, (1111, 707, 3), dtype=np.uint8)
    small, grow = reduced(pixels, 500)
    at_once = np.asarray(Image.fromarray(pixels).resize((318, 500), Image.Resampling.BOX))
    assert np.abs(small.astype(int) - at_once).max() <= 1
    np.testing.assert_allclose(grow, (707 / 318, 1111 / 500))
    assert reduced(small, 500)[0] is small
