import numpy as np

from guise.dpaf.synthesis.pictures import grid


def test_a_grid_holds_each_image_at_its_place():
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1) + np.zeros((5, 2, 3, 1), np.uint8)
    picture = grid(images, columns=3)
    assert picture.shape == (4, 9, 1)
    assert picture[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 0]]
