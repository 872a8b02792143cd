"""Who is protected, and who are the strangers: chosen by seed from a folder with one folder a person, like LFW.

The benchmarks write no person's name: users are user-01, user-02 and so on.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from guise.models.errors import InputError

LEAST_PHOTOS = 20
LEARN, MOST_SCORED = 12, 12


@dataclass(frozen=True)
class User:
    """A person to protect.

    Attributes:
        alias: what they are called in any output.
        learn: photos to learn the mask on.
        score: others, which the mask never saw.
    """

    alias: str
    learn: tuple[Path, ...]
    score: tuple[Path, ...]

    def copy_to(self, folder: Path) -> None:
        """Copies of the photos, numbered throughout, in `folder`/learn and `folder`/score."""
        number = 0
        for name, photos in (("learn", self.learn), ("score", self.score)):
            (folder / name).mkdir(parents=True)
            for photo in photos:
                number += 1
                shutil.copyfile(photo, folder / name / f"{number:02}{photo.suffix}")


def users(data: Path, *, count: int, seed: int) -> list[User]:
    """People with 20 photos or more; of two counts the smaller one's users come first in the larger's.

    Raises:
        InputError: there are fewer than `count`.
    """
    people = _shuffled([photos for photos in _people(data) if len(photos) >= LEAST_PHOTOS], seed)
    if len(people) < count:
        raise InputError(f"only {len(people)} people have {LEAST_PHOTOS} photos or more: use --users {len(people)}")
    return [
        User(f"user-{number:02}", tuple(photos[:LEARN]), tuple(photos[LEARN : LEARN + MOST_SCORED]))
        for number, photos in enumerate(people[:count], 1)
    ]


def strangers(data: Path, *, count: int, seed: int) -> list[Path]:
    """One photo each of people who can be no users.

    Raises:
        InputError: there are fewer than `count`.
    """
    people = _shuffled([photos for photos in _people(data) if len(photos) < LEAST_PHOTOS], seed)
    if len(people) < count:
        raise InputError(f"only {len(people)} people can be strangers: use --strangers {len(people)}")
    return [photos[0] for photos in people[:count]]


def practice(data: Path, *, count: int, avoid: int, seed: int) -> list[list[Path]]:
    """Four photos each of people who are neither users nor among the first `avoid` strangers.

    Raises:
        InputError: there are fewer than `count`.
    """
    people = _shuffled([photos for photos in _people(data) if len(photos) < LEAST_PHOTOS], seed)[avoid:]
    people = [photos[:4] for photos in people if len(photos) >= 4]
    if len(people) < count:
        raise InputError(f"only {len(people)} people are left to practise on: use --people {len(people)}")
    return people[:count]


def _people(data: Path) -> list[list[Path]]:
    """The photos of each person."""
    folders = sorted(folder for folder in data.iterdir() if folder.is_dir())
    return [photos for folder in folders if (photos := sorted(folder.glob("*.jpg")))]


def _shuffled(people: list[list[Path]], seed: int) -> list[list[Path]]:
    return random.Random(seed).sample(people, len(people))
