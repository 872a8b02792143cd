"""Networks that the engines share, and the registry of their weights. Importing it imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guise.models.recognisers.registry import Record, get

if TYPE_CHECKING:
    from guise.models.recognisers.loading import load_recogniser
    from guise.models.recognisers.recogniser import Recogniser

__all__ = ["Recogniser", "Record", "get", "load_recogniser"]


def __getattr__(name: str) -> Any:
    if name in ("Recogniser", "load_recogniser"):
        from guise.models.recognisers import loading as recogniser

        return getattr(recogniser, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
