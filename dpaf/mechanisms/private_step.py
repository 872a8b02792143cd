"""Release 2: a noisy sum of per-record gradients, fast.

One backward pass gives every record's gradient at the layers' outputs; norms follow from those and the layers' inputs,
and the clipped sum is one weighted matrix product (book-keeping, Bu et al. 2023, arXiv 2210.00038, section 3; ghost
norms, Li et al. 2022, arXiv 2110.05679, section 4.1). No gradient of a single record is kept longer than a chunk.

Written here, not taken from Opacus: it is faster, takes empty Poisson batches, and leaves out a record that is not
finite. Tested against one backward pass for each record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from guise.dpaf import validate
from guise.dpaf.mechanisms.clipping import clip_factors
from guise.dpaf.mechanisms.layers import captured, check_separate_records, private_layers, zeroed
from guise.dpaf.mechanisms.processes import ALONE, Processes
from guise.dpaf.mechanisms.randomness import gaussian
from guise.dpaf.mechanisms.units import weighed
from guise.models.errors import InputError

Loss = Callable[..., Tensor]
"""Called with one chunk of each tensor of records; gives losses (b,), each of which depends on its own record only."""


@dataclass(frozen=True)
class PrivateStep:
    """The gradient of a loss over a batch, clipped for each record and made private by Gaussian noise.

    The trainable parameters of `module` must belong to Conv2d (without groups) or Linear layers, each used once.

    Guarantees:
        * Adding or removing one record changes `clipped_sums` by at most `max_norm` in the l2 norm over all
          parameters, whatever the record holds; so the result is the Gaussian mechanism with `noise_multiplier`. With
          the weights of `Units`, the same holds for one person with all of their records.
        * The divisor is public; an empty batch is handled like any other.
        * `physical_batch_size` bounds memory and changes the result by rounding only.

    Attributes:
        module: its parameters that require a gradient are the private ones.
        max_norm: C, the bound on the norm of one record's gradient.
        noise_multiplier: sigma_g, standard deviation of the noise over `max_norm`.
        divisor: public, the records expected in a batch.
        physical_batch_size: records worked on at once.
        processes: each is called with its own part of the batch, perhaps none of it; all get one result if their
            generators are alike.
        check_losses: look in the first chunk of each batch whether the loss of one record depends on others, for two
            more backward passes. It does not see what is cut off from the gradient, such as detached statistics of a
            batch, or what comes before `module`, such as another network's batch normalisation: that losses are
            separate is the caller's promise.

    Raises:
        InputError: an attribute is out of range, or a layer mixes records or is of another kind. When it is called: a
            layer does not get one row for each record, or the loss of one depends on others.
    """

    module: nn.Module
    max_norm: float
    noise_multiplier: float
    divisor: float
    physical_batch_size: int = 128
    processes: Processes = ALONE
    check_losses: bool = True

    def __post_init__(self) -> None:
        for name in ("max_norm", "noise_multiplier", "divisor"):
            validate.positive(name, getattr(self, name))
        validate.count("physical_batch_size", self.physical_batch_size)
        check_separate_records(self.module.modules())
        private_layers(self.module)

    def __call__(
        self,
        records: Sequence[Tensor],
        loss: Loss,
        generator: np.random.Generator,
        *,
        weights: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The private gradient of one batch, by parameter name, to be called once for each charge in the ledger.

        Args:
            records: tensors with one row for each record of the batch (images, labels, cotangents, ...).
            loss: losses of the records of a chunk; it must call `module` once.
            generator: of the noise.
            weights: (B,), of `Units`, by which gradients are multiplied once they are clipped; None for 1 each.

        Returns:
            float32 gradients, (clipped sum + noise) / divisor.
        """
        sums = self.clipped_sums(records, loss, weights=weights)
        return self.release(sums, generator)

    def clipped_sums(
        self, records: Sequence[Tensor], loss: Loss, *, weights: Tensor | None = None
    ) -> dict[str, Tensor]:
        """NOT private: sums of clipped gradients over all processes, to be followed by `release`.

        Args:
            records: as for a call.
            loss: as for a call.
            weights: as for a call.

        Returns:
            float64 sums, by parameter name.
        """
        sums = {
            name: torch.zeros_like(value, dtype=torch.float64)
            for name, value in self.module.named_parameters()
            if value.requires_grad
        }
        for start in range(0, len(records[0]), self.physical_batch_size):
            rows = slice(start, start + self.physical_batch_size)
            own = None if weights is None else weights[rows]
            chunk = [values[rows] for values in records]
            self._add(sums, chunk, loss, own, check=self.check_losses and start == 0)
        total = self.processes.total(torch.cat([value.flatten() for value in sums.values()]))
        parts = total.split([value.numel() for value in sums.values()])
        return {name: part.view_as(sums[name]) for name, part in zip(sums, parts, strict=True)}

    def release(self, sums: dict[str, Tensor], generator: np.random.Generator) -> dict[str, Tensor]:
        """The private gradients, float32, by parameter name.

        Args:
            sums: what `clipped_sums` gave.
            generator: of the noise.
        """
        scale = self.noise_multiplier * self.max_norm
        noisy = {name: value + gaussian(tuple(value.shape), scale, generator) for name, value in sums.items()}
        return {name: (value / self.divisor).float() for name, value in noisy.items()}

    def _add(
        self, sums: dict[str, Tensor], chunk: list[Tensor], loss: Loss, weights: Tensor | None, *, check: bool
    ) -> None:
        sound = torch.stack([values.isfinite().flatten(1).all(1) for values in map(_at_least_2d, chunk)]).all(0)
        with captured(self.module) as layers, torch.enable_grad():
            losses = loss(*(zeroed(values, sound) for values in chunk))
        if not layers:
            raise InputError("the loss does not call the module: there is nothing to step")
        if losses.shape != sound.shape:
            raise InputError(f"the loss has shape {tuple(losses.shape)}: it must give one value for each record")
        for layer in layers:
            layer.check(len(sound))
        outputs = [layer.output for layer in layers]
        if check:
            _check_separate(losses, outputs)
        at_outputs = torch.autograd.grad(losses.sum(), outputs, allow_unused=True)
        used = [(layer, at) for layer, at in zip(layers, at_outputs, strict=True) if at is not None]
        squared = torch.zeros(len(sound), dtype=torch.float64)
        for layer, at in used:
            squared += layer.squared_norms(at)
        factors = weighed(clip_factors(torch.where(sound, squared, torch.inf), self.max_norm), weights)
        for layer, at in used:
            for name, gradient in layer.summed(at, factors).items():
                sums[name] += gradient.double()


def _check_separate(losses: Tensor, outputs: list[Tensor]) -> None:
    """Raises InputError where the losses of every second record depend on the records between them, or the reverse."""
    for own, others in ((0, 1), (1, 0)):
        at_outputs = torch.autograd.grad(losses[own::2].sum(), outputs, retain_graph=True, allow_unused=True)
        # What is not finite comes of a hostile record, which must not stop a run; it is left out later.
        if any(at is not None and at[others::2].nan_to_num(0, 0, 0).any() for at in at_outputs):
            raise InputError("the loss of one record depends on others: keep records apart, batch dimension first")


def _at_least_2d(values: Tensor) -> Tensor:
    return values.unsqueeze(1) if values.ndim == 1 else values
