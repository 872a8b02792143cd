"""Networks that the engines share, and the registry of their weights. Importing it imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.registry import Record, get

if TYPE_CHECKING:
    from models.recogniser import Recogniser, load_recogniser

__all__ = ["Recogniser", "Record", "get", "load_recogniser"]


def __getattr__(name: str) -> Any:
    if name in ("Recogniser", "load_recogniser"):
        from models import recogniser

        return getattr(recogniser, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
