from __future__ import annotations

from pathlib import Path

import pytest

from guise.models.errors import GuiseError, WeightsError
from guise.models.weights import cache


def test_trust_recorded_by_version_0_1_holds(cache_folder: Path) -> None:
    entry = '{\n "facenet-vggface2": {\n  "sha256": "%s",\n  "bytes": 111898327,\n  "date": "2026-11-02"\n }\n}\n'
    cache_folder.mkdir()
    (cache_folder / "trusted.json").write_text(entry % ("c" * 64))
    assert cache.trusted("facenet-vggface2") == "c" * 64
    cache.trust("other", sha256="a" * 64, size=1)
    assert cache.trusted("facenet-vggface2") == "c" * 64


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
