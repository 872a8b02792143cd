"""The program in the package's docstring runs, and does what it says."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch

from guise import harmless
from tests.programs import run_program


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the program leaves behind, and what it prints as `printed`."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        names = run_program(harmless)
    return {**names, "printed": printed.getvalue().splitlines()}


def test_it_says_what_the_model_ignores(names: dict[str, Any]) -> None:
    first, second = names["printed"]
    assert first == "guise-vit ignores 25344 of 37632 dimensions of its input"
    assert second.startswith("the answer changes by ")


def test_the_copy_is_another_picture_and_the_model_answers_as_the_certificate_says(names: dict[str, Any]) -> None:
    photo, copy, certificate = names["photo"], names["copy"], names["certificate"]
    assert float(np.abs(copy.astype(int) - photo).mean()) > 30  # levels
    model = harmless.load(harmless.Source("guise-vit", offline=True)).model
    with torch.no_grad():
        before, after = (
            model(torch.from_numpy(pixels).permute(2, 0, 1)[None].float()).double() for pixels in (photo, copy)
        )
    change = float((after - before).norm() / before.norm())
    assert change == pytest.approx(certificate.changes["float32"].output, rel=1e-3) and change < 0.01
