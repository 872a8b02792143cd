"""Networks that the engines share, the registry of their weights, and the files of users.

    from guise import models

    recogniser = models.load_recogniser("dlib-resnet")   # frozen; faces in [0, 1] -> embeddings, differentiable
    models.get("dlib-resnet").licence                    # terms, origin and hash of its weights

Importing this package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guise.models.recognisers.record import Record
from guise.models.recognisers.registry import get

if TYPE_CHECKING:
    from guise.models.recognisers.loading import load_recogniser, load_recognisers
    from guise.models.recognisers.recogniser import Recogniser

__all__ = ["Recogniser", "Record", "get", "load_recogniser", "load_recognisers"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # the names that need torch
        from guise.models.recognisers import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
