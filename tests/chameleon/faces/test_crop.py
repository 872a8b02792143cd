import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import Face

sides = st.floats(-30, 130)


@given(sides, sides, st.floats(1, 60), st.floats(1, 60))
def test_a_crop_is_a_copy_that_shows_the_face_where_the_photo_does(left, top, width, height):
    y, x = np.mgrid[:100, :120]
    photo = np.stack([x, y, x + y], axis=-1).astype(np.uint8)
    face = Face(np.array([left, top, left + width, top + height]), np.full((5, 2), (left, top)), 1.0)
    crop = FaceCrop.cut(photo, face)
    shift = face.box[:2] - crop.face.box[:2]
    np.testing.assert_allclose(face.landmarks - crop.face.landmarks, np.broadcast_to(shift, (5, 2)), atol=1e-9)
    rows, columns = crop.pixels.shape[:2]
    x0, y0 = shift.round().astype(int)
    np.testing.assert_array_equal(crop.pixels, photo[y0 : y0 + rows, x0 : x0 + columns])
    assert not np.shares_memory(crop.pixels, photo)
