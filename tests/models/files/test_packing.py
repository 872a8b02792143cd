"""Arrays as text: they come back, and damaged or hostile text is refused without harm."""

import base64
import zlib

import numpy as np
import pytest

from guise.models.files.packing import pack, unpack


def test_values_come_back():
    values = np.random.default_rng(0).integers(-128, 128, (3, 16, 16)).astype(np.int8)
    assert np.array_equal(unpack(pack(values), values.shape), values)


@pytest.mark.parametrize("text", ["", "!", "0" * 40, pack(np.zeros(3, np.int8))[:-4]])
def test_damaged_text_is_refused(text):
    with pytest.raises(ValueError):
        unpack(text, (3,))


def test_text_that_would_fill_the_memory_is_refused():
    bomb = base64.b85encode(zlib.compress(bytes(1 << 28), 9)).decode()
    with pytest.raises(ValueError):
        unpack(bomb, (3, 160, 160))
