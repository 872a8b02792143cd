"""In which directions protected faces lie, as recognisers see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from guise.models import Recogniser

ProtectedDirections = Mapping[str, np.ndarray]
"""In which direction a protected face lies, by name of the recogniser: float32 (D,), a unit vector
(`TargetTemplates.directions`)."""


def rows_of(
    faces: Sequence[ProtectedDirections], recognisers: Sequence[Recogniser], device: torch.device
) -> list[Tensor]:
    """Stack the directions of faces.

    Args:
        faces: of each its directions; those of other recognisers, or of another length, are passed over.
        recognisers: whose directions to give.
        device: where to put them.

    Returns:
        For each recogniser float32 (M, D).
    """
    known = []
    for recogniser in recognisers:
        name, size = recogniser.record.name, recogniser.record.embedding_size
        named = [directions[name] for directions in faces if name in directions]
        rows = [row for row in named if row.shape == (size,)]
        known.append(torch.from_numpy(np.stack(rows) if rows else np.zeros((0, size), np.float32)).to(device))
    return known
