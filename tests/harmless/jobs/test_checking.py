"""Two pictures compared through a model."""

from __future__ import annotations

import numpy as np

from guise.harmless import check, load
from guise.harmless.sources import Source
from tests.harmless import tiny


def test_only_outputs_are_compared_where_nothing_linear_reads_first(photo: np.ndarray) -> None:
    said: list[str] = []
    certificate = check(photo, photo[::-1].copy(), tiny.relu_first(), input="3x32x32", announce=said.append)
    assert certificate.read is None and certificate.changes["float32"].layer is None
    assert (certificate.changes["float32"].output or 0) > 0 and said[0].startswith("Only the output is compared")


def test_names_and_modules_are_one_model(photo: np.ndarray) -> None:
    source = Source("tests.harmless.tiny:Constant", input_shape=(3, 32, 32))
    by_name = check(photo, photo // 2, load(source))
    assert by_name == check(photo, photo // 2, tiny.Constant(), input="3x32x32")
