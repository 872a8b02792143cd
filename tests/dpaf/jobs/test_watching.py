from types import SimpleNamespace

import numpy as np
import pytest

from guise.dpaf.jobs.watching import Watcher
from guise.dpaf.synthesis.samples import Synthetic
from guise.dpaf.training.run_folder import RunFolder


@pytest.mark.parametrize(("classes", "columns"), [(1, 10), (3, 3), (12, 10)])
def test_samples_are_drawn_in_a_column_for_each_class(tmp_path, monkeypatch, classes, columns):
    def synthesise(state, count, **_):
        labels = np.arange(count) % state.generator.classes
        return Synthetic(np.full((count, 1, 1, 1), labels[:, None, None, None], np.uint8), labels, None, ())

    drawn = []
    monkeypatch.setattr("guise.dpaf.jobs.watching.synthesise", synthesise)
    monkeypatch.setattr("guise.dpaf.jobs.watching.save_picture", lambda pixels, _: drawn.append(pixels[..., 0]))
    Watcher(RunFolder(tmp_path), progress=None, announce=None).draw(
        SimpleNamespace(generator=SimpleNamespace(classes=classes))
    )
    expected = np.arange(columns) % classes
    assert drawn[0].shape == (8, columns) and (drawn[0] == expected).all()
