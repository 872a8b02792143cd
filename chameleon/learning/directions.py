"""In which directions protected faces lie, as recognisers see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from guise.chameleon.learning.targets import TargetTemplates
from guise.models import Recogniser

_APART = -0.2  # cosine between two protected photos below which they need not be taken further apart

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


def closeness(targets: Sequence[TargetTemplates], embeddings: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Measure how near protected faces lie to one another and to others; differentiable.

    Args:
        targets: of each recogniser.
        embeddings: float32 (N, D) of each recogniser, raw: the faces.
        others: float32 (M, D) of each recogniser: directions of the others.

    Returns:
        float32 (), on average over recognisers and pairs; 0 where all lie far apart.
    """
    penalties = []
    for target, embedding, known in zip(targets, embeddings, others, strict=True):
        directions = target.directions(embedding)
        cosines = directions @ torch.cat([directions, known]).T
        pairs = ~torch.eye(*cosines.shape, dtype=torch.bool, device=cosines.device)  # of two different faces
        penalties.append(2 * (cosines - _APART).clamp(min=0)[pairs].square().sum() / pairs.sum().clamp(min=1))
    return torch.stack(penalties).mean()
