from pathlib import Path

import pytest


@pytest.fixture
def holiday(user_photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "holiday"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes((user_photos / name).read_bytes())
    return folder
