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

    An image that the private class head takes for another class is drawn anew, up to eight times; then it is kept.

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
    shares = torch.full((kinds,), 1 / kinds) if equal else state.shares
    labels = in_turn(shares, count) if label is None else torch.full((count,), label)
    parts, accepted = [], 0.0
    for chunk in labels.split(_CHUNK):
        images, share = _accepted(state, chunk, random)
        parts.append(images.add(1).mul(127.5).round().clamp(0, 255).byte())
        accepted += share * len(chunk) / count
        if progress is not None:
            progress(sum(map(len, parts)), count)
    images = torch.cat(parts).permute(0, 2, 3, 1).contiguous()
    names = classes or tuple(map(str, range(kinds)))
    return Synthetic(images.numpy(), labels.numpy(), None if state.head is None else accepted, names)


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


def _accepted(state: TrainingState, labels: Tensor, random: torch.Generator) -> tuple[Tensor, float]:
    generator = state.average.network
    images = generator.draw(labels, random)
    if state.head is None:
        return images, 1.0
    wrong = _doubted(state, images, labels)
    first = 1 - float(wrong.float().mean())
    for _ in range(_ROUNDS):
        where = wrong.nonzero()[:, 0]
        if not len(where):
            break
        fresh = generator.draw(labels[where], random)
        images[where] = fresh
        wrong[where] = _doubted(state, fresh, labels[where])
    return images, first


def _doubted(state: TrainingState, images: Tensor, labels: Tensor) -> Tensor:
    assert state.verdict is not None
    return state.verdict(state.features(images)).argmax(1) != labels
