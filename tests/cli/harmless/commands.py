"""The commands of `guise harmless`, run in this process."""

from __future__ import annotations

from pathlib import Path

from guise.cli.main import guise
from tests.cli.command_line import Outcome, call, hashes, unfinished


def harmless(*arguments: str | Path) -> Outcome:
    """`guise harmless` with these arguments."""
    return call(guise, "harmless", *arguments)


def generate(photos: Path, out: Path, *arguments: str | Path, model: str = "tiny:patches") -> Outcome:
    """`generate` for photos of 32 x 32; it changes none of them and leaves nothing unfinished."""
    before = hashes(photos)
    outcome = harmless("generate", "--model", model, "--images", photos, "--out", out, "--input", "3x32x32", *arguments)
    assert hashes(photos) == before and unfinished(out.parent) == []
    return outcome
