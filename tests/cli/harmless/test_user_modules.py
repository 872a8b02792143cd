"""A factory is looked up in the folder where the command runs, whatever the packages there are called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
_SCRIPT = Path(sys.executable).parent / "guise"

_RESNET = """
import models
from cli.sizes import WIDTH
from torch import nn

def build():
    assert models.MINE
    return nn.Sequential(nn.Conv2d(3, WIDTH, 8, 8), nn.ReLU(), nn.Flatten(), nn.Linear(WIDTH * 16, 4))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project, with packages that bear the names of folders of the checkout."""
    for name, text in {
        "models/__init__.py": "MINE = True\n",
        "models/resnet.py": _RESNET,
        "cli/__init__.py": "",
        "cli/sizes.py": "WIDTH = 7\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "-m", "guise"], id="python -m guise"),
        pytest.param(
            [sys.executable, str(_SCRIPT)],
            id="guise",
            marks=pytest.mark.skipif(not _SCRIPT.is_file(), reason="no console script is installed"),
        ),
    ],
)
def test_the_users_own_models_are_found(command: list[str], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import guise

    # The package as these tests see it, then the checkout's own folders, which must not be taken for the user's.
    namespace = Path(guise.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", f"{namespace}:{CHECKOUT}")
    arguments = ["harmless", "inspect", "models.resnet:build", "--input", "3x32x32", "--json"]
    done = subprocess.run([*command, *arguments], cwd=project, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == ["models.resnet:build"] and report["spaces"][0]["m"] == 7 * 16
