from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Factories put the current folder on the import path; here only until the test ends."""
    monkeypatch.setattr(sys, "path", [*sys.path])
