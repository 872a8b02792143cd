import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.models.errors import InputError, OutputError
from guise.models.files import Manifest, settings_hash


def _record(name: str = "a.jpg", **more: object) -> dict[str, object]:
    return {"source_sha256": "00ff", "settings_hash": "abcd", "name": name, **more}


def test_what_was_appended_is_found_again_also_by_a_later_run(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "new" / "m.jsonl")
    assert manifest.find("00ff", "abcd", "a.jpg") is None
    manifest.append(_record(ssim=0.97))
    for seen in (manifest, Manifest(manifest.path)):
        assert seen.find("00ff", "abcd", "a.jpg") == _record(ssim=0.97)
        assert seen.find("00ff", "abcd", "b.jpg") is None
        assert seen.find("00ff", "0000", "a.jpg") is None
        assert seen.find("0000", "abcd", "a.jpg") is None


def test_of_two_records_with_one_key_the_last_holds(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "m.jsonl")
    manifest.append(_record(state="failed"))
    manifest.append(_record(state="protected"))
    for seen in (manifest, Manifest(manifest.path)):
        assert seen.find("00ff", "abcd", "a.jpg") == _record(state="protected")
    assert len(manifest.path.read_bytes().splitlines()) == 2


def test_records_are_the_last_of_each_key_in_the_order_of_the_first(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "m.jsonl")
    for name, value in (("a", "x"), ("b", "y"), ("c", 3), ("b", "z")):
        manifest.append(_record(name, out=value))
    assert [record["out"] for record in manifest.records()] == ["x", "z", 3]
    assert Manifest(manifest.path).records() == manifest.records()


def test_a_found_record_is_a_copy(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "m.jsonl")
    manifest.append(_record())
    record = manifest.find("00ff", "abcd", "a.jpg")
    assert record is not None
    record["name"] = "changed"
    assert manifest.find("00ff", "abcd", "a.jpg") == _record()


def test_a_line_cut_short_anywhere_is_ignored_and_the_next_starts_afresh(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    manifest = Manifest(path)
    manifest.append(_record("first"))
    whole = path.stat().st_size
    manifest.append(_record("second"))
    data = path.read_bytes()
    for cut in range(whole, len(data) - 1):
        path.write_bytes(data[:cut])
        resumed = Manifest(path)
        assert resumed.find("00ff", "abcd", "second") is None
        resumed.append(_record("third"))
        again = Manifest(path)
        assert again.find("00ff", "abcd", "first") == _record("first")
        assert again.find("00ff", "abcd", "third") == _record("third")


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 40, b"\xff\xfe{", b"[1, 2]", b'"text"', b"null", b"{}", b"[" * 100_000, b'{"name": 3}'],
)
def test_garbled_lines_are_ignored(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "m.jsonl"
    Manifest(path).append(_record("before"))
    with path.open("ab") as file:
        file.write(garbage + b"\n")
    Manifest(path).append(_record("after"))
    for name in ("before", "after"):
        assert Manifest(path).find("00ff", "abcd", name) == _record(name)


def test_names_that_are_not_text_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    for name in (os.fsdecode(b"\xff\xe9.jpg"), "two\nlines \u2028.jpg", "Zoë 😀.jpg"):
        Manifest(path).append(_record(name))
        assert Manifest(path).find("00ff", "abcd", name) == _record(name)
    assert path.read_bytes().isascii()
    assert len(path.read_bytes().splitlines()) == 3


def test_a_record_is_on_the_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    path = tmp_path / "m.jsonl"
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", watch)
    Manifest(path).append(_record())
    assert json.loads(synced[0]) == _record()


def test_unusable_files_are_input_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot read the manifest"):
        Manifest(tmp_path)
    manifest = Manifest(tmp_path / "m.jsonl")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match="No space left on device"):
        manifest.append(_record())
    assert manifest.find("00ff", "abcd", "a.jpg") is None


@pytest.mark.parametrize(
    ("record", "error"),
    [({"name": "a"}, KeyError), (_record(x=float("nan")), ValueError), (_record(x=b""), TypeError)],
)
def test_a_record_that_is_no_record_is_refused_and_nothing_written(
    tmp_path: Path, record: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Manifest(tmp_path / "m.jsonl").append(record)
    assert not (tmp_path / "m.jsonl").exists()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _json, max_size=5))
def test_settings_hash_does_not_depend_on_order(settings: dict[str, object]) -> None:
    digest = settings_hash(settings)
    assert digest == settings_hash(dict(reversed(settings.items())))
    assert len(digest) == 16
    assert set(digest) <= set("0123456789abcdef")


def test_settings_hash_tells_settings_apart_and_stays_the_same_over_versions() -> None:
    assert settings_hash({"epsilon": 8, "seed": 0}) != settings_hash({"epsilon": 8, "seed": 1})
    assert settings_hash({"epsilon": 8}) != settings_hash({"epsilon": "8"})
    assert settings_hash({"strength": "mid", "seed": 0}) == "a1c79785ad2aed05"
    with pytest.raises(ValueError, match="JSON"):
        settings_hash({"x": float("nan")})
