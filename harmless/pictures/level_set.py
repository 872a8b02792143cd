"""Walk a picture away from itself while the output of the whole network stays put, to first order: approximate.

Each step goes towards a target, less what the network sees of it and of the drift so far: x + t d - J^+ (t J d + f(x) -
f(x_0)), with J the Jacobian at x. Then the same J takes back what drift is left. Where outputs are few, such as
embeddings, J is formed; else it is applied by differentiation, and its pseudo-inverse by conjugate gradients. Source:
E. Allgower and K. Georg, "Numerical Continuation Methods", 1990 (predictor and Newton chord corrector).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from guise.harmless.pictures.box import HIGH, LOW
from guise.harmless.pictures.certificate import as_pixels, as_tensor
from guise.harmless.projection.iterative import solve
from guise.harmless.sources.pixel_model import PixelModel
from guise.models.errors import InputError


@dataclass(frozen=True)
class WalkSettings:
    """How far and how carefully to walk.

    Attributes:
        steps: tried.
        drift: the most |f(x') - f(x)| / |f(x)| that a step may leave, before rounding to whole levels.
        first: share of the way to the target in the first step; it grows where steps succeed.
        corrections: after each step, at most.
        solver_iterations: of conjugate gradients, where the Jacobian is not formed.
    """

    steps: int = 40
    drift: float = 1e-3
    first: float = 0.02
    corrections: int = 3
    solver_iterations: int = 30


_FORMED, _MOST = 512, 2**26  # a Jacobian of so many rows and numbers is formed
_RANK = 1e-10  # squared singular values below that share of the largest are taken for zero


class Jacobian(Protocol):
    """The derivative of a model's output at one picture."""

    output: Tensor
    """(D,), at that picture."""

    def times(self, v: Tensor) -> Tensor:
        """J v.

        Args:
            v: (1, 3, H, W).

        Returns:
            (D,).
        """
        ...

    def least(self, r: Tensor, free: Tensor) -> Tensor:
        """The smallest change of free pixels with J times it close to r.

        Args:
            r: (D,).
            free: (1, 3, H, W), 1 where a pixel may change, else 0.

        Returns:
            (1, 3, H, W).
        """
        ...


class FormedJacobian:
    """The Jacobian as a matrix: one backward pass for each output, direct solutions.

    Args:
        model: (1, 3, H, W) -> a tensor.
        x: (1, 3, H, W).

    Raises:
        InputError: the model's output cannot be differentiated.
    """

    def __init__(self, model: PixelModel, x: Tensor) -> None:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = _differentiable(model(x).flatten())
        self.output, self._shape = y.detach(), x.shape
        self._rows = torch.empty(len(y), x.numel())
        for row, output in zip(self._rows, y, strict=True):
            row.copy_(torch.autograd.grad(output, x, retain_graph=True)[0].flatten())

    def times(self, v: Tensor) -> Tensor:
        """See `Jacobian.times`."""
        return self._rows @ v.flatten()

    def least(self, r: Tensor, free: Tensor) -> Tensor:
        """See `Jacobian.least`."""
        rows = self._rows * free.flatten()
        gram = torch.zeros(len(rows), len(rows), dtype=torch.float64)
        for part in rows.split(2**14, dim=1):
            gram += part.double() @ part.double().T
        z: Tensor = torch.linalg.pinv(gram, rtol=_RANK, hermitian=True) @ r.double()
        return (z.float() @ rows).view(self._shape)


class AppliedJacobian:
    """The Jacobian by products only, for many outputs; solutions by conjugate gradients.

    Args:
        model: (1, 3, H, W) -> a tensor.
        x: (1, 3, H, W).
        iterations: of conjugate gradients in each solution.

    Raises:
        InputError: the model's output cannot be differentiated.
    """

    def __init__(self, model: PixelModel, x: Tensor, *, iterations: int) -> None:
        self._iterations = iterations
        # Fused attention has no second derivative.
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            self._x = x.detach().requires_grad_()
            self._y = _differentiable(model(self._x).flatten())
            self._u = torch.zeros_like(self._y, requires_grad=True)
            (self._pulled,) = torch.autograd.grad(self._y, self._x, self._u, create_graph=True)
        self.output = self._y.detach()

    def times(self, v: Tensor) -> Tensor:
        """See `Jacobian.times`; this is the derivative of J^T u by u."""
        (product,) = torch.autograd.grad(self._pulled, self._u, v, retain_graph=True)
        return product

    def transposed(self, u: Tensor) -> Tensor:
        """J^T u.

        Args:
            u: (D,).

        Returns:
            (1, 3, H, W).
        """
        (product,) = torch.autograd.grad(self._y, self._x, u, retain_graph=True)
        return product

    def least(self, r: Tensor, free: Tensor) -> Tensor:
        """See `Jacobian.least`; by conjugate gradients on J J^T."""

        def squared(u: Tensor) -> Tensor:
            return self.times(self.transposed(u) * free)

        return self.transposed(solve(squared, r, iterations=self._iterations, tolerance=1e-4)) * free


def jacobian(model: PixelModel, x: Tensor, *, iterations: int = 30) -> Jacobian:
    """The derivative of a model, formed where the outputs are few.

    Args:
        model: (1, 3, H, W) -> a tensor.
        x: where, (1, 3, H, W).
        iterations: of conjugate gradients in each solution, where it is not formed.

    Returns:
        The derivative at x.

    Raises:
        InputError: the model's output cannot be differentiated.
    """
    with torch.no_grad():
        outputs = model(x).numel()
    if outputs <= _FORMED and outputs * x.numel() <= _MOST:
        return FormedJacobian(model, x)
    return AppliedJacobian(model, x, iterations=iterations)


def _differentiable(output: Tensor) -> Tensor:
    if not output.requires_grad:
        raise InputError("the model's output has no derivative, so no level set can be followed")
    return output


def walk(
    pixels: NDArray[np.uint8], model: PixelModel, target: NDArray[np.uint8], *, settings: WalkSettings | None = None
) -> NDArray[np.uint8]:
    """`pixels` moved towards `target` as far as the model's output stays.

    Args:
        pixels: uint8 (H, W, 3), of the size that the model takes.
        model: float32, in evaluation mode.
        target: uint8 (H, W, 3).
        settings: how far and how carefully.

    Returns:
        uint8 (H, W, 3). Rounding to whole levels moves the output once more: measure it.

    Raises:
        InputError: the model's output has no derivative.
    """
    settings = settings or WalkSettings()
    x, aim = as_tensor(pixels).float(), as_tensor(target).float()
    here, share = jacobian(model, x, iterations=settings.solver_iterations), settings.first
    clean, most = here.output, settings.drift * float(here.output.norm().clamp(min=1e-12))
    for _ in range(settings.steps):
        after = _step(x, aim, here, clean, share)
        for correction in range(settings.corrections + 1):
            with torch.no_grad():
                drift = model(after).flatten() - clean
            if float(drift.norm()) <= most or correction == settings.corrections:
                break
            after = (after - here.least(drift, _inside(after))).clamp(LOW, HIGH)
        if not float(drift.norm()) <= most:  # NaN, too
            share /= 3
            continue
        x, share = after, min(0.5, 1.5 * share)
        here = jacobian(model, x, iterations=settings.solver_iterations)
    return as_pixels(x.round())


def _step(x: Tensor, aim: Tensor, here: Jacobian, clean: Tensor, share: float) -> Tensor:
    """A step and its correction; pixels that it would take out of the box stay, and the others make up for it."""
    towards, free = share * (aim - x), torch.ones_like(x)
    wanted = x
    for _ in range(2):
        moved = towards * free
        change = moved - here.least(here.times(moved) + here.output - clean, free)
        wanted = x + change
        inside = (wanted >= LOW) & (wanted <= HIGH)
        if bool(inside.all()):
            break
        free = free * inside
    return wanted.clamp(LOW, HIGH)


def _inside(x: Tensor) -> Tensor:
    return ((x > LOW) & (x < HIGH)).to(x.dtype)
