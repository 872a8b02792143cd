"""What is protected: one image, or one person with all of their images. How units are drawn and what they weigh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from guise.dpaf.mechanisms.sampling import PoissonSampler
from guise.models.errors import InputError


@dataclass(frozen=True)
class Units:
    """Draws units, and gives their images weights with which a unit counts as one record does.

    Guarantees:
        * Adding or removing a unit changes no other unit's probability of being drawn, nor the weight of its images.
        * The weights of one unit's images are not negative and add up to 1. So if each image adds a vector of norm C at
          most, its unit adds sum_i w_i v_i, whose norm is at most sum_i w_i C = C by the triangle inequality, however
          many images it has and into whichever blocks of a sum they go. The noise for one image of norm C is the noise
          for one unit, and a batch of units drawn at rate q is a Poisson sample of units.

    Attributes:
        people: int64 (N,), in 0 ... P-1, each of which occurs: whose image each is; None where an image is the unit.
        images: N, how many there are.

    Raises:
        InputError: `people` are not numbered without gaps, or there are none.
    """

    people: Tensor | None
    images: int

    def __post_init__(self) -> None:
        if self.people is None:
            return
        if self.people.shape != (self.images,) or not self.images:
            raise InputError(f"{self.images} images and people of shape {tuple(self.people.shape)}: name one for each")
        if int(self.people.min()) < 0 or int(self.people.bincount().min()) < 1:
            raise InputError("people are numbered with gaps: number them 0, 1, ...")

    @property
    def count(self) -> int:
        """How many units there are."""
        return self.images if self.people is None else int(self.people.max()) + 1

    def draw(self, rate: float, generator: np.random.Generator) -> Tensor:
        """All images of a Poisson batch of units.

        Args:
            rate: probability of each unit, in (0, 1].
            generator: of the draw.

        Returns:
            Rows of the images, ascending: int64 (b,).
        """
        drawn = torch.from_numpy(PoissonSampler(self.count, rate).draw(generator))
        if self.people is None:
            return drawn
        taken = torch.zeros(self.count, dtype=torch.bool)
        taken[drawn] = True
        return taken[self.people].nonzero()[:, 0]

    def weights(self, rows: Tensor) -> Tensor | None:
        """What each image counts for: float64 (b,), one over the images of its person; None where an image is the unit.

        Args:
            rows: int64 (b,), of images.
        """
        return None if self.people is None else 1 / self.people.bincount()[self.people[rows]].double()


def weighed(values: Tensor, weights: Tensor | None) -> Tensor:
    """Clipped rows, each times its weight.

    Args:
        values: (B, ...), each clipped.
        weights: (B,), in [0, 1]; None leaves the values as they are.

    Raises:
        InputError: there is not one weight from 0 to 1 for each row.
    """
    if weights is None:
        return values
    if weights.shape != (len(values),) or (len(values) and not 0 <= float(weights.min()) <= float(weights.max()) <= 1):
        raise InputError("weights must be one for each record, from 0 to 1: take those of `Units`")
    return values * weights.to(values.dtype).view(-1, *[1] * (values.ndim - 1))
