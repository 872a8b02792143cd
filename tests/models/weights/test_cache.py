from __future__ import annotations

from pathlib import Path

import pytest

from guise.models.errors import GuiseError, WeightsError
from guise.models.weights import cache


def test_folder_is_where_the_variable_says(cache_folder: Path) -> None:
    assert cache.folder() == cache_folder


def test_empty_variable_means_the_platforms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUISE_CACHE", "")
    assert "guise" in cache.folder().parts


def test_trust_is_kept_by_name() -> None:
    assert cache.trusted("one") is None
    cache.trust("one", sha256="a" * 64, size=1)
    cache.trust("two", sha256="b" * 64, size=2)
    assert (cache.trusted("one"), cache.trusted("two"), cache.trusted("three")) == ("a" * 64, "b" * 64, None)


@pytest.mark.parametrize("text", ["", "[]", '{"one": 1}', '{"one": {}}', '{"one": {"sha256": 3}}', "\xff{"])
def test_damaged_trust_is_not_mistaken_for_none(cache_folder: Path, text: str) -> None:
    cache_folder.mkdir()
    (cache_folder / "trusted.json").write_text(text, "latin-1")
    with pytest.raises(WeightsError, match=r"trusted\.json.*damaged; delete it"):
        cache.trusted("one")


def test_trust_that_cannot_be_written_is_an_error(cache_folder: Path) -> None:
    cache_folder.write_text("in the way")
    with pytest.raises(GuiseError, match="cache"):
        cache.trust("one", sha256="a" * 64, size=1)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nothing here"):
        cache.sha256_of(tmp_path / "nothing here")
