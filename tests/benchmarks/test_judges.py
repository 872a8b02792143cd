from pathlib import Path

import numpy as np
import pytest

from benchmarks.judges import choose, load_judge
from guise.chameleon.faces.geometry import overlap
from guise.models.errors import InputError

CORNER, MIDDLE = np.array([0.0, 0, 20, 20]), np.array([40.0, 40, 60, 60])


def test_overlap_of_a_box_with_itself_half_of_itself_and_elsewhere():
    assert overlap(CORNER, CORNER) == pytest.approx(1)
    assert overlap(CORNER, np.array([0.0, 0, 20, 10])) == pytest.approx(0.5)
    assert overlap(CORNER, MIDDLE) == 0


def test_without_a_box_the_face_nearest_to_the_centre_is_meant():
    assert choose([CORNER, MIDDLE], near=None, shape=(100, 100)) == 1
    assert choose([CORNER, MIDDLE], near=None, shape=(20, 20)) == 0


def test_with_a_box_the_face_there_is_meant_and_no_other():
    assert choose([CORNER, MIDDLE], near=CORNER + 2, shape=(100, 100)) == 0
    assert choose([MIDDLE], near=CORNER, shape=(100, 100)) is None
    assert choose([], near=None, shape=(100, 100)) is None


def test_an_unknown_judge_and_one_whose_files_are_absent_are_refused_in_one_line(tmp_path: Path):
    for name in ("nobody", "judge-mobilefacenet"):
        with pytest.raises(InputError, match=name) as refused:
            load_judge(name, tmp_path)
        assert "\n" not in str(refused.value)
