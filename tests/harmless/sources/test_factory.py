from __future__ import annotations

import sys
from pathlib import Path

import pytest

from guise.harmless.sources.factory import from_factory, names_factory
from guise.models.errors import InputError

_CODE = "from torch import nn\n\ndef build():\n    return nn.Linear({width}, 1)\n"


def test_the_current_folder_comes_before_others_that_hold_a_module_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, other = tmp_path / "here", tmp_path / "other"
    for folder, width in ((here, 3), (other, 5)):
        folder.mkdir()
        (folder / "of_both_folders.py").write_text(_CODE.format(width=width))
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [str(other), *sys.path, str(here)])
    monkeypatch.delitem(sys.modules, "of_both_folders", raising=False)
    try:
        assert from_factory("of_both_folders:build").in_features == 3
    finally:
        sys.modules.pop("of_both_folders", None)


def test_names_of_factories_are_told_from_those_of_timm() -> None:
    assert names_factory("models.resnet:build") and not names_factory("timm:vit") and not names_factory("resnet18")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:build", "No module named 'no_such_module'; name an importable"),
        ("tests.harmless.tiny:nobody", "cannot be called"),
        ("tests.harmless.tiny:no_module", r"gives Tensor, not a torch\.nn\.Module"),
    ],
)
def test_factories_that_give_no_network_are_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        from_factory(name)
