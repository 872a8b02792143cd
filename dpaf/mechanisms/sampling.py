"""Poisson sampling: the only way of choosing batches that the accounting covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guise.dpaf import validate


@dataclass(frozen=True)
class PoissonSampler:
    """Puts each record into a batch independently of all others, with one probability.

    Guarantees:
        * Adding or removing a record changes no other record's probability of being drawn.
        * Batches vary in size and may be empty; nothing is padded, topped up or drawn twice.

    Attributes:
        records: how many there are.
        rate: the probability q, in (0, 1].

    Raises:
        InputError: no records, or a rate outside (0, 1].
    """

    records: int
    rate: float

    def __post_init__(self) -> None:
        validate.count("the number of records", self.records)
        validate.rate("the sampling rate", self.rate)

    def draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """One batch.

        Args:
            generator: of the draw.

        Returns:
            Indices of its records, ascending: int64 (b,), 0 <= b <= records.
        """
        return np.flatnonzero(generator.random(self.records) < self.rate)
