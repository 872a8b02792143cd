"""Release 1: what the rest of the discriminator sees of real records, aggregated under differential privacy.

The idea is DPAF's (Lin et al., arXiv 2304.12185, section 4): noise goes into an aggregated feature in the forward
pass. The paper divides by the batch's size and lets an instance normalisation bound the norm; here the divisor is
public, or was released before, and the norm is clipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from guise.dpaf import validate
from guise.dpaf.mechanisms.clipping import clip_rows
from guise.dpaf.mechanisms.randomness import gaussian
from guise.dpaf.mechanisms.units import weighed
from guise.models.errors import InputError


@dataclass(frozen=True)
class FeatureAggregation:
    """Sums of clipped features for each bucket and class, with Gaussian noise.

    Guarantees:
        * Adding or removing one record changes one (bucket, class) block of `sums` by at most `max_norm` in l2 norm,
          whatever the record holds; so `release` is the Gaussian mechanism with `noise_multiplier`. With the weights
          of `Units`, the same holds for one person with all of their records.
        * Nothing about the batch but the noisy sums goes into the result: the divisor is no secret.

    Attributes:
        max_norm: Delta, the bound on the norm of one record's feature.
        noise_multiplier: sigma_a, standard deviation of the noise over `max_norm`.
        buckets: groups into which each batch is split at random.
        classes: how many labels there are.
        divisor: public or released before, the records expected in one block; or those of each class.

    Raises:
        InputError: an attribute is out of range.
    """

    max_norm: float
    noise_multiplier: float
    buckets: int
    classes: int
    divisor: float | tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("max_norm", "noise_multiplier"):
            validate.positive(name, getattr(self, name))
        validate.count("buckets", self.buckets)
        validate.count("classes", self.classes)
        given = self.divisor if isinstance(self.divisor, tuple) else (self.divisor,) * self.classes
        for divisor in given:
            validate.positive("divisor", divisor)
        if len(given) != self.classes:
            raise InputError(f"divisor has {len(given)} values for {self.classes} classes: give one for each")

    @property
    def _divisors(self) -> Tensor:
        """float64 (classes,)."""
        given = torch.tensor(self.divisor, dtype=torch.float64)
        return given.expand(self.classes) if given.ndim == 0 else given

    @property
    def _deviations(self) -> Tensor:
        """Of the noise in each class's block of `release`: float64 (classes,)."""
        return self.noise_multiplier * self.max_norm / self._divisors

    def sums(self, features: Tensor, labels: Tensor, buckets: Tensor, weights: Tensor | None = None) -> Tensor:
        """NOT private: sums to be added up over chunks of one batch before `release`.

        Args:
            features: (B, d), any values.
            labels: int64 (B,) in 0 ... classes-1.
            buckets: int64 (B,) in 0 ... self.buckets-1, drawn independently of the records.
            weights: (B,), of `Units`, by which records are multiplied once they are clipped; None for 1 each.

        Returns:
            float64 (buckets, classes, d).

        Raises:
            InputError: labels, buckets or weights are out of range.
        """
        for name, values, most in (("labels", labels, self.classes), ("buckets", buckets, self.buckets)):
            if len(values) and not 0 <= int(values.min()) <= int(values.max()) < most:
                raise InputError(f"{name} lie outside 0 ... {most - 1}: correct them")
        blocks = torch.zeros(self.buckets * self.classes, features.shape[1], dtype=torch.float64)
        clipped = weighed(clip_rows(features.detach(), self.max_norm).double(), weights)
        blocks.index_add_(0, buckets * self.classes + labels, clipped)
        return blocks.view(self.buckets, self.classes, -1)

    def release(self, sums: Tensor, generator: np.random.Generator) -> Tensor:
        """The private aggregate A of a batch's `sums`: float32 (buckets, classes, d).

        To be called once for each charge in the ledger, after the charge.

        Args:
            sums: what `sums` gave, added up over the batch.
            generator: of the noise.
        """
        noise = gaussian(tuple(sums.shape), self.noise_multiplier * self.max_norm, generator)
        return ((sums + noise) / self._divisors.unsqueeze(1)).float()

    def noise_energy(self, width: int) -> float:
        """Expected squared norm of the noise in a block of `release`, averaged over classes.

        Args:
            width: of the features.
        """
        return width * float(self._deviations.square().mean())

    def of_fakes(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """The aggregate that fakes would have: clipped, averaged, with noise of the same scale.

        A constant number of them: how many records a block holds is random, and more so the smaller the dataset.

        Args:
            features: (blocks, n, d) with a constant public n, blocks of all classes in turn; gradients flow through.
            generator: of the noise.

        Returns:
            (blocks, d).

        Raises:
            InputError: the blocks are not of all classes in turn.
        """
        blocks, count, width = features.shape
        if blocks % self.classes:
            raise InputError(f"{blocks} blocks of fakes for {self.classes} classes: give blocks of all classes in turn")
        means = clip_rows(features.reshape(-1, width), self.max_norm).view(blocks, count, width).mean(1)
        scale = self._deviations.to(means).repeat(blocks // self.classes)
        return means + scale.unsqueeze(1) * torch.randn(means.shape, generator=generator)
