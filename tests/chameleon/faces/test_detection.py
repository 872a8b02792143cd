import numpy as np
import pytest

from guise.chameleon.faces.detection import Face, best_overlap, most_prominent


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
