"""Walk a picture away from itself while the output of the whole network stays put, to first order: approximate.

Each step goes towards a target, less what the network sees of it and of the drift so far: x + t d - J^+ (t J d + f(x) -
f(x_0)), with J the Jacobian at x, applied by differentiation and never formed, and its pseudo-inverse by conjugate
gradients. Source: E. Allgower and K. Georg, "Numerical Continuation Methods", 1990 (predictor and Newton corrector).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmless.pictures.box import HIGH, LOW
from harmless.pictures.certificate import as_pixels, as_tensor
from harmless.preprocessing import PixelModel
from models.errors import InputError


@dataclass(frozen=True)
class WalkSettings:
    """How far and how carefully to walk.

    Attributes:
        steps: tried.
        drift: |f(x') - f(x)| / |f(x)| that no step may exceed, before rounding to whole levels.
        first: share of the way to the target in the first step; it grows where steps succeed.
        solver_iterations: of conjugate gradients in each step.
    """

    steps: int = 40
    drift: float = 1e-3
    first: float = 0.02
    solver_iterations: int = 30


class Jacobian:
    """The derivative of a model's output at one picture, by products only.

    Args:
        model: (1, 3, H, W) -> a tensor.
        x: (1, 3, H, W).

    Raises:
        InputError: the model's output cannot be differentiated.
    """

    def __init__(self, model: PixelModel, x: Tensor) -> None:
        with torch.enable_grad():
            self._x = x.detach().requires_grad_()
            self._y = model(self._x).flatten()
            if not self._y.requires_grad:
                raise InputError("the model's output has no derivative, so no level set can be followed")
            self._u = torch.zeros_like(self._y, requires_grad=True)
            (self._pulled,) = torch.autograd.grad(self._y, self._x, self._u, create_graph=True)
        self.output = self._y.detach()

    def times(self, v: Tensor) -> Tensor:
        """J v: (1, 3, H, W) -> (D,), as the derivative of J^T u by u."""
        (product,) = torch.autograd.grad(self._pulled, self._u, v, retain_graph=True)
        return product

    def transposed(self, u: Tensor) -> Tensor:
        """J^T u: (D,) -> (1, 3, H, W)."""
        (product,) = torch.autograd.grad(self._y, self._x, u, retain_graph=True)
        return product

    def least(self, r: Tensor, free: Tensor, *, iterations: int) -> Tensor:
        """The smallest change of free pixels with J times it close to r, by conjugate gradients on J J^T."""
        z, residual = torch.zeros_like(r), r.clone()
        direction, size = residual, residual.square().sum()
        goal = 1e-8 * size
        for _ in range(iterations):
            curved = self.times(self.transposed(direction) * free)
            curvature = (direction * curved).sum()
            if float(size) <= float(goal) or float(curvature) <= 0:
                break
            z = z + size / curvature * direction
            residual = residual - size / curvature * curved
            before, size = size, residual.square().sum()
            direction = residual + size / before * direction
        return self.transposed(z) * free


def walk(
    pixels: NDArray[np.uint8], model: PixelModel, target: NDArray[np.uint8], *, settings: WalkSettings | None = None
) -> NDArray[np.uint8]:
    """`pixels` moved towards `target` as far as the model's output stays.

    Args:
        pixels: uint8 (H, W, 3), of the size that the model takes.
        model: float32, in evaluation mode.
        target: uint8 (H, W, 3).

    Returns:
        uint8 (H, W, 3), rounded, which moves the output once more: measure it.

    Raises:
        InputError: the model's output has no derivative.
    """
    settings = settings or WalkSettings()
    x, aim = as_tensor(pixels).float(), as_tensor(target).float()
    start = Jacobian(model, x)
    clean, size, here, share = start.output, start.output.norm().clamp(min=1e-12), start, settings.first
    for _ in range(settings.steps):
        after = _step(x, aim, here, clean, share, settings.solver_iterations)
        there = Jacobian(model, after)
        if float((there.output - clean).norm() / size) > settings.drift:
            share /= 3
            continue
        x, here, share = after, there, min(0.5, 1.5 * share)
    return as_pixels(x.round())


def _step(x: Tensor, aim: Tensor, here: Jacobian, clean: Tensor, share: float, iterations: int) -> Tensor:
    """A step and its correction; pixels that it would take out of the box stay, and the others make up for it."""
    towards, free = share * (aim - x), torch.ones_like(x)
    wanted = x
    for _ in range(2):
        moved = towards * free
        change = moved - here.least(here.times(moved) + here.output - clean, free, iterations=iterations)
        wanted = x + change
        inside = (wanted >= LOW) & (wanted <= HIGH)
        if bool(inside.all()):
            break
        free = free * inside
    return wanted.clamp(LOW, HIGH)
