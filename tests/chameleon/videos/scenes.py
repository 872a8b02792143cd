"""Scenes with one portrait that moves over a background, so that where its face is in each picture is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import skimage.data
from PIL import Image

HEIGHT, WIDTH = 270, 480
Motion = Callable[[float], tuple[float, float, float, float]]
"""From a share of the scene to the middle of the portrait (x, y), its size and its angle in degrees."""


@dataclass(frozen=True)
class Scene:
    """Pictures, and where the portrait is in each.

    Attributes:
        pictures: uint8 (H, W, 3) each.
        places: float64 (2, 3) each, from the portrait to the picture; None where it is not shown.
    """

    pictures: list[np.ndarray]
    places: list[np.ndarray | None]

    def __add__(self, other: Scene) -> Scene:
        return Scene(self.pictures + other.pictures, self.places + other.places)


def portrait() -> Image.Image:
    """Head and shoulders, 270 x 270."""
    return Image.fromarray(skimage.data.astronaut()).crop((100, 0, 370, 270))


def stranger() -> Image.Image:
    """Somebody else, for who looks closely: the portrait drawn out of shape."""
    return portrait().resize((380, 230))


def background(seed: int = 0) -> np.ndarray:
    """Soft coloured spots."""
    spots = np.random.default_rng(seed).integers(30, 180, (6, 9, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(spots).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def swing(share: float) -> tuple[float, float, float, float]:
    """From left to right, nearer and farther, nodding a little."""
    return (
        150 + 180 * share,
        140 + 12 * np.sin(7 * share),
        0.85 + 0.2 * np.sin(5 * share),
        6 * np.sin(9 * share),
    )


def scene(
    count: int, motion: Motion = swing, *, of: Image.Image | None = None, seed: int = 0, noise: float = 3.0
) -> Scene:
    """Move a portrait over a background, seen by a camera that adds noise."""
    face = portrait() if of is None else of
    pictures, places = [], []
    random = np.random.default_rng(seed)
    for number in range(count):
        x, y, size, angle = motion(number / max(count - 1, 1))
        turn = size * np.exp(1j * np.deg2rad(angle))
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        middle = np.array(face.size) / 2
        place = np.column_stack([linear, (x, y) - linear @ middle])
        back = np.linalg.inv(np.vstack([place, [0, 0, 1]]))[:2]
        given = (WIDTH, HEIGHT), Image.Transform.AFFINE, tuple(back.ravel())
        shown = np.asarray(face.transform(*given, resample=Image.Resampling.BICUBIC))
        mask = np.asarray(Image.new("L", face.size, 255).transform(*given))[..., None] / 255
        picture = mask * shown + (1 - mask) * background(seed) + random.normal(0, noise, (HEIGHT, WIDTH, 1))
        pictures.append(picture.clip(0, 255).astype(np.uint8))
        places.append(place)
    return Scene(pictures, places)


def empty(count: int, *, seed: int = 0) -> Scene:
    """The background alone."""
    return Scene([background(seed)] * count, [None] * count)


def beside(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Two scenes next to each other."""
    return [np.hstack(pair) for pair in zip(left, right, strict=True)]
