"""The smallest margin that perturbations of input and weights reach: alternating projected gradient descent.

Source: Tsai, Hsu, Yu and Chen, "Non-Singular Adversarial Robustness of Neural Networks", ICASSP 2021, which perturbs
both at once; either alone is a singular case.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class SearchSettings:
    """How perturbations are looked for.

    Attributes:
        steps: of the input and of the weights, in turn.
        restarts: the first starts at zero, others at random.
        seed: of the random starts.
    """

    steps: int = 10
    restarts: int = 1
    seed: int = 0


def perturbed_weights(model: nn.Module) -> Weights:
    """The weights that are perturbed: matrices and kernels. Biases and factors of normalisation stay.

    Args:
        model: any.

    Returns:
        Tensors by name.
    """
    return {name: weight.detach() for name, weight in model.named_parameters() if weight.ndim >= 2}


def margin(scores: Tensor, label: Tensor) -> Tensor:
    """The score of a class less the largest of all others.

    Args:
        scores: (..., classes).
        label: int64 (...).

    Returns:
        (...), below 0 where another class wins.
    """
    own = torch.arange(scores.shape[-1]) == label[..., None]
    return scores.masked_fill(~own, 0).sum(-1) - scores.masked_fill(own, -torch.inf).amax(-1)


def worst_margins(
    model: nn.Module,
    photos: Tensor,
    labels: Tensor,
    *,
    input_epsilon: float,
    weight_epsilon: float,
    settings: SearchSettings | None = None,
) -> Tensor:
    """The smallest margin found for each photo, over |d| <= input_epsilon and |D| <= weight_epsilon, entry by entry.

    Each photo has a perturbation of the weights of its own. Perturbed photos stay within [0, 255].

    Args:
        model: photos in [0, 255] to scores of classes, in evaluation mode.
        photos: (N, C, H, W).
        labels: int64 (N,).
        input_epsilon: in levels of 255.
        weight_epsilon: of each entry of `perturbed_weights`.
        settings: how to search.

    Returns:
        (N,). What is found is no lower bound: there may be worse.
    """
    how = settings or SearchSettings()
    weights = perturbed_weights(model)
    rest = {name: value for name, value in model.named_parameters() if name not in weights} | dict(
        model.named_buffers()
    )

    def score(change: Tensor, shift: Weights, photo: Tensor, label: Tensor) -> Tensor:
        moved = {name: weight + shift[name] for name, weight in weights.items()}
        scores = functional_call(model, {**rest, **moved}, (photo[None] + change[None],))
        return margin(scores[0], label)

    margins, toward = vmap(score), vmap(grad(score, argnums=(0, 1)))
    random = torch.Generator().manual_seed(how.seed)
    worst = torch.full((len(photos),), torch.inf)
    for restart in range(max(1, how.restarts)):
        scale = float(restart > 0)
        change = scale * input_epsilon * _uniform(photos.shape, random)
        change = (photos + change).clamp(0, 255) - photos
        shift = {
            name: scale * weight_epsilon * _uniform((len(photos), *weight.shape), random)
            for name, weight in weights.items()
        }
        worst = torch.minimum(worst, margins(change, shift, photos, labels))
        for _ in range(how.steps):
            if input_epsilon:
                slope, _ = toward(change, shift, photos, labels)
                change = change - 2.5 * input_epsilon / how.steps * slope.sign()
                change = (photos + change.clamp(-input_epsilon, input_epsilon)).clamp(0, 255) - photos
                worst = torch.minimum(worst, margins(change, shift, photos, labels))
            if weight_epsilon:
                _, slopes = toward(change, shift, photos, labels)
                for name, slope in slopes.items():
                    moved = shift[name] - 2.5 * weight_epsilon / how.steps * slope.sign()
                    shift[name] = moved.clamp(-weight_epsilon, weight_epsilon)
                worst = torch.minimum(worst, margins(change, shift, photos, labels))
    return worst.detach()


def _uniform(shape: torch.Size | tuple[int, ...], random: torch.Generator) -> Tensor:
    return 2 * torch.rand(shape, generator=random) - 1
