from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from skimage.data import astronaut

MODELS = Path(__file__).parents[2] / "harmless"


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    """tests/harmless/tiny.py can be imported by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(MODELS), *sys.path])
        yield


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    picture = Image.fromarray(astronaut()[:200, 130:330])
    picture.resize((32, 32)).save(folder / "a.jpg", quality=95)
    picture.resize((32, 32)).convert("L").save(folder / "sub" / "b.png")
    return folder
