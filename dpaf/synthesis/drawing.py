"""Synthetic images from a trained run: post-processing, as many as you like, at no cost in privacy."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from guise.dpaf import validate
from guise.dpaf.synthesis.samples import Synthetic
from guise.dpaf.training.state import TrainingState
from guise.models.errors import InputError

_CHUNK = 500
_ROUNDS = 8


@torch.no_grad()
def synthesise(
    state: TrainingState,
    count: int,
    *,
    classes: tuple[str, ...] | None = None,
    label: int | None = None,
    equal: bool = False,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Synthetic:
    """Draw images: all of one class, or of each class as large a part as it has of the private images.

    An image's label is the class that the private class head takes it for, whichever it was drawn for: images that
    lie between two classes tell a classifier where the border is. The head takes classes to be as frequent as they
    are drawn; of one class, as frequent as each other. What is still missing of a class is drawn anew, up to eight
    times. The head is not asked about the last of these: they keep the class that they were drawn for.

    Args:
        state: a trained run.
        count: how many, at least 1.
        classes: names of the labels; None takes their numbers.
        label: the one class to draw. None draws all classes in turn, each as often as the run's release of feature
            means says, or equally often where the run released none.
        equal: draw equally many of each class, however frequent it is.
        seed: gives the same images again. Harmless: nothing here is private.
        progress: called with images made and images in all.

    Raises:
        InputError: count, label or seed is out of range.
    """
    validate.count("the number of images", count)
    if seed is not None:
        validate.seed(seed)
    kinds = state.generator.classes
    if label is not None and not 0 <= label < kinds:
        raise InputError(f"class {label} does not exist: choose 0 to {kinds - 1}")
    random = torch.Generator()
    random.seed() if seed is None else random.manual_seed(seed)
    shares = state.shares if label is None and not equal else torch.full((kinds,), 1 / kinds)
    labels = in_turn(shares, count) if label is None else torch.full((count,), label)
    parts, agreed = [], 0.0
    for chunk in labels.split(_CHUNK):
        images, share = _of_classes(state, chunk, shares, random)
        parts.append(images.add(1).mul(127.5).round().clamp(0, 255).byte())
        agreed += share * len(chunk) / count
        if progress is not None:
            progress(sum(map(len, parts)), count)
    images = torch.cat(parts).permute(0, 2, 3, 1).contiguous()
    names = classes or tuple(map(str, range(kinds)))
    return Synthetic(images.numpy(), labels.numpy(), None if state.head is None else agreed, names)


def in_turn(shares: Tensor, count: int) -> Tensor:
    """Labels in the proportion of shares, spread evenly: int64 (count,).

    Any first part of them is within C of its share of each class.

    Args:
        shares: float (C,), of the classes.
        count: how many labels.
    """
    most = math.ceil(count * float(shares.max())) + 1
    due = (torch.arange(most) + 0.5) / shares[:, None]
    return due.flatten().argsort(stable=True)[:count] // most


def _of_classes(state: TrainingState, labels: Tensor, shares: Tensor, random: torch.Generator) -> tuple[Tensor, float]:
    """Images that the head takes for these labels, and the share of the first draws that it took for theirs."""
    generator, head = state.average.network, state.head
    drawn = generator.draw(labels, random)
    if head is None:
        return drawn, 1.0
    prior = (shares / state.shares).log()  # the head learnt from classes as frequent as the private images have them
    # Places in an order of chance: else those that are drawn last, and not asked about, would come last.
    images, missing, agreed = torch.empty_like(drawn), torch.randperm(len(labels), generator=random), 0.0
    for redrawn in range(_ROUNDS):
        taken_for = (head.logits(state.features(drawn)) + prior).argmax(1)
        if not redrawn:
            agreed = float((taken_for == labels).float().mean())
        missing = _placed(images, labels, missing, drawn, taken_for)
        if not len(missing):
            return images, agreed
        drawn = generator.draw(labels[missing], random)
    images[missing] = drawn
    return images, agreed


def _placed(images: Tensor, labels: Tensor, missing: Tensor, drawn: Tensor, taken_for: Tensor) -> Tensor:
    """Put each drawn image in a missing place of the class that it was taken for; the places that are still missing."""
    left = []
    for label in labels[missing].unique():
        places, fitting = missing[labels[missing] == label], drawn[taken_for == label]
        images[places[: len(fitting)]] = fitting[: len(places)]
        left.append(places[len(fitting) :])
    return torch.cat(left)
