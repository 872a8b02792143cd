"""Synthetic images from a trained run: post-processing, as many as wanted, at no cost in privacy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from guise.dpaf import validate
from guise.dpaf.training.state import TrainingState
from guise.models.errors import InputError

_CHUNK = 500
_ROUNDS = 8


@dataclass(frozen=True)
class Synthetic:
    """Images made from noise.

    Attributes:
        images: uint8 (N, H, W, channels).
        labels: int64 (N,).
        accepted: share of the draws that the class head took for their class; None without a head.
    """

    images: np.ndarray
    labels: np.ndarray
    accepted: float | None


@torch.no_grad()
def synthesise(
    state: TrainingState,
    count: int,
    *,
    label: int | None = None,
    equal: bool = False,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Synthetic:
    """Draw `count` images, all of class `label` or of each as large a part as it has of the private images.

    A draw that the private class head takes for another class is drawn anew, up to eight times; then it is kept.

    Args:
        state: a trained run.
        count: at least 1.
        label: the class; None draws all in turn, a class as often as the run's release of feature means says, or
            all alike where it released none.
        equal: draw as many of each class as can be, however frequent it is.
        seed: gives the same images again; harmless, since nothing here is private.
        progress: called with images made and images in all.

    Raises:
        InputError: count or label is out of range.
    """
    validate.count("the number of images", count)
    classes = state.generator.classes
    if label is not None and not 0 <= label < classes:
        raise InputError(f"class {label} does not exist: choose 0 to {classes - 1}")
    random = torch.Generator()
    random.seed() if seed is None else random.manual_seed(seed)
    shares = torch.full((classes,), 1 / classes) if equal else state.shares
    labels = in_turn(shares, count) if label is None else torch.full((count,), label)
    parts, accepted = [], 0.0
    for chunk in labels.split(_CHUNK):
        images, share = _accepted(state, chunk, random)
        parts.append(images.add(1).mul(127.5).round().clamp(0, 255).byte())
        accepted += share * len(chunk) / count
        if progress is not None:
            progress(sum(map(len, parts)), count)
    images = torch.cat(parts).permute(0, 2, 3, 1).contiguous()
    return Synthetic(images.numpy(), labels.numpy(), None if state.head is None else accepted)


def in_turn(shares: Tensor, count: int) -> Tensor:
    """`count` classes of such `shares`, float (C,), spread evenly: int64 (count,).

    Any first part of them is within C of its share of each class.
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
    assert state.head is not None
    return state.head.logits(state.features(images)).argmax(1) != labels


def grid(images: np.ndarray, *, columns: int) -> np.ndarray:
    """A picture (rows * H, columns * W, channels) of images (N, H, W, channels), row by row; what is left is black."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, channels), images.dtype)
    sheet[:count] = images
    tiled = sheet.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return tiled.reshape(rows * height, columns * width, channels)
