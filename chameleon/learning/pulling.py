"""The gradients of one update, computed in parts that run side by side.

What a recogniser makes of a few faces is one part. So is how visible the masks are on a few faces. The parts are the
same on any number of cores, and so are the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from guise.chameleon.learning.objective import Objective
from guise.chameleon.visibility.budget import Budget
from guise.models.cores import Run

_TOGETHER = 2  # faces in a part: more hardly saves time, and fewer parts leave cores idle


def match_gradient(
    objective: Objective,
    perturbation: Tensor,
    chosen: Tensor,
    by: Sequence[int],
    loss: Callable[[Sequence[Tensor]], Tensor],
    run: Run,
) -> Tensor:
    """Tell how a loss changes with a perturbation.

    Args:
        objective: embeds the faces, varied at random.
        perturbation: see `Objective`.
        chosen: int64 (N,), indices of faces.
        by: indices of recognisers.
        loss: of the embeddings by these recognisers, float32 (N, D) each.
        run: runs tasks.

    Returns:
        float32 of the perturbation's shape.
    """
    parts = [(index, part, objective.fork()) for index in by for part in chosen.split(_TOGETHER)]
    leaves = [perturbation.detach().requires_grad_(True) for _ in parts]
    tasks = [
        partial(objective.embed, index, leaf, part, random)
        for (index, part, random), leaf in zip(parts, leaves, strict=True)
    ]
    seen: list[Tensor] = run(tasks)
    cut = [embeddings.detach().requires_grad_(True) for embeddings in seen]
    each = len(cut) // len(by)
    upstream = torch.autograd.grad(loss([torch.cat(cut[i : i + each]) for i in range(0, len(cut), each)]), cut)
    pulls = run([partial(_pull, *given) for given in zip(seen, leaves, upstream, strict=True)])
    return torch.stack(pulls).sum(0)


def visibility_gradient(
    objective: Objective,
    perturbation: Tensor,
    chosen: Tensor,
    prices: Callable[[Tensor, Tensor], Tensor],
    budget: Budget,
    run: Run,
) -> tuple[Tensor, Tensor]:
    """Tell how much of a budget a perturbation uses up, and how what that costs changes with the perturbation.

    Args:
        objective: measures the faces.
        perturbation: see `Objective`.
        chosen: int64 (N,), indices of faces.
        prices: of each share of the budget, float32 (n, 3); it is given the shares of n of the faces, and which of the
            N these are, int64 (n,).
        budget: the bounds.
        run: runs tasks.

    Returns:
        float32 (N, 3), as of `Objective.spent`; and the gradient of the sum of what that costs, of the perturbation's
        shape.
    """

    def look(at: Tensor) -> tuple[Tensor, Tensor]:
        leaf = perturbation.detach().requires_grad_(True)
        spent = objective.spent(leaf, chosen[at], budget)
        return spent.detach(), _pull(spent, leaf, prices(spent.detach(), at))

    looks = run([partial(look, at) for at in torch.arange(len(chosen)).split(1)])
    shares, pulls = zip(*looks, strict=True)
    return torch.cat(shares), torch.stack(pulls).sum(0)


def _pull(result: Tensor, leaf: Tensor, upstream: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(result, leaf, upstream)
    return gradient
