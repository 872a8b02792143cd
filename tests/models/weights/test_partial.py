from __future__ import annotations

from pathlib import Path

import pytest

from guise.models.weights.partial import Part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return Part(tmp_path / "weights.pt")


def test_what_is_here_can_be_resumed_from_the_same_address_only(part: Part) -> None:
    part.start("https://a/x", '"v1"')
    part.data.write_bytes(b"1234")
    assert (part.have(), part.etag("https://a/x"), part.etag("https://b/x")) == (4, '"v1"', None)


@pytest.mark.parametrize("etag", [None, "", 'W/"v1"'])
def test_without_a_strong_etag_nothing_is_resumed(part: Part, etag: str | None) -> None:
    part.start("https://a/x", '"v1"')
    part.data.write_bytes(b"1234")
    part.start("https://a/x", etag)
    assert (part.have(), part.etag("https://a/x")) == (0, None)


@pytest.mark.parametrize("note", ["", "{", "[]", "{}", '{"url": "https://a/x"}', "null"])
def test_a_garbled_note_counts_as_none(part: Part, note: str) -> None:
    part.note.write_text(note)
    assert part.etag("https://a/x") is None


def test_both_files_go_together(part: Part, tmp_path: Path) -> None:
    part.start("https://a/x", '"v1"')
    part.data.write_bytes(b"1234")
    part.discard()
    assert list(tmp_path.iterdir()) == []
    part.discard()
