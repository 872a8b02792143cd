from __future__ import annotations

from pathlib import Path

import pytest

from guise.models.places import cache_folder


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GUISE_CACHE", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"
    assert not cache_folder().exists()


def test_a_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("GUISE_CACHE", "~/guise")
    assert cache_folder() == tmp_path / "guise"


def test_an_empty_variable_means_the_platforms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUISE_CACHE", "")
    assert "guise" in cache_folder().parts
