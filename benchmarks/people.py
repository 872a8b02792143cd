"""Who is protected, and who are the strangers: chosen by seed from a folder with one folder a person, like LFW.

The benchmarks write no person's name: users are user-01, user-02 and so on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.enlarging import AS_THEY_ARE, Enlargement
from guise.models.errors import InputError
from guise.models.files import settings_hash
from guise.models.files.headers import SUFFIXES

LEAST_PHOTOS = 20
LEARN, MOST_SCORED = 12, 12


@dataclass(frozen=True)
class Split:
    """Who is a user, and which of their photos are learnt on.

    Attributes:
        least_photos: of a user. Who has fewer can be a stranger.
        learn: photos to learn on, the first ones.
        most_scored: of the others.
        in_turn: take each `learn` photos of a user in turn to learn on, and all others to score.

    Raises:
        InputError: no photo would be left to score.
    """

    least_photos: int = LEAST_PHOTOS
    learn: int = LEARN
    most_scored: int = MOST_SCORED
    in_turn: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.learn < self.least_photos or self.most_scored < 1:
            what = f"learning on {self.learn} of {self.least_photos} photos or more leaves none to score"
            raise InputError(f"{what}: use --learn-on 1 and --least-photos 2, or more")

    def parts(self, photos: list[Path]) -> list[tuple[tuple[Path, ...], tuple[Path, ...]]]:
        """Photos to learn on and to score: one split, or all in turn."""
        starts = range(0, len(photos) - self.learn + 1, self.learn) if self.in_turn else (0,)
        return [
            (tuple(photos[start : start + self.learn]), tuple(others[: self.most_scored]))
            for start in starts
            for others in [photos[:start] + photos[start + self.learn :]]
        ]


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

    def copy_to(self, folder: Path, enlargement: Enlargement = AS_THEY_ARE) -> None:
        """Copies of the photos, numbered throughout, in `folder`/learn and `folder`/score."""
        number = 0
        for name, photos in (("learn", self.learn), ("score", self.score)):
            (folder / name).mkdir(parents=True)
            for photo in photos:
                number += 1
                enlargement.copy(photo, folder / name / f"{number:02}")


def users(data: Path, *, count: int, seed: int, split: Split | None = None) -> list[User]:
    """People with 20 photos or more; of two counts the smaller one's users come first in the larger's.

    Args:
        data: a folder with one folder a person.
        count: of people.
        seed: of the choice.
        split: other numbers of photos. In turn, a person is several users: user-01-1, user-01-2 and so on.

    Raises:
        InputError: there are fewer than `count`.
    """
    split = split or Split()
    people = with_photos(data, least=split.least_photos, seed=seed)
    if len(people) < count:
        what = f"only {len(people)} people have {split.least_photos} photos or more"
        raise InputError(f"{what}: use --users {len(people)}, or see --least-photos")
    return [
        User(f"user-{number:02}" + (f"-{turn}" if split.in_turn else ""), learn, score)
        for number, photos in enumerate(people[:count], 1)
        for turn, (learn, score) in enumerate(split.parts(photos), 1)
    ]


def with_photos(data: Path, *, least: int, seed: int) -> list[list[Path]]:
    """The photos of each person who has at least so many, in the seed's order."""
    return _shuffled([photos for photos in _people(data) if len(photos) >= least], seed)


def strangers(data: Path, *, count: int, seed: int, least_photos: int = LEAST_PHOTOS) -> list[Path]:
    """One photo each of people who can be no users, because they have fewer than `least_photos` photos.

    Raises:
        InputError: there are fewer than `count`.
    """
    people = _shuffled([photos for photos in _people(data) if len(photos) < least_photos], seed)
    if len(people) < count:
        what = f"only {len(people)} people can be strangers"
        raise InputError(f"{what}: use --strangers {len(people)}, or name other people with --strangers-from")
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


def photo_name(photo: Path) -> str:
    """Tells a photo from all others: its name, and its folder's too unless it is named for its folder as in LFW."""
    return photo.name if photo.name.startswith(photo.parent.name) else f"{photo.parent.name}/{photo.name}"


def digest(users: Sequence[User]) -> str:
    """Of who is learnt on and who is scored."""

    def names(user: User) -> list[Any]:
        learn, score = ([photo_name(photo) for photo in photos] for photos in (user.learn, user.score))
        # With the usual split the names alone tell which are learnt on.
        return [*learn, *score] if len(learn) == LEARN else [learn, score]

    return settings_hash({user.alias: names(user) for user in users})


def _people(data: Path) -> list[list[Path]]:
    """The photos of each person."""
    folders = sorted(folder for folder in data.iterdir() if folder.is_dir())
    return [photos for folder in folders if (photos := sorted(filter(_is_photo, folder.iterdir())))]


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _shuffled(people: list[list[Path]], seed: int) -> list[list[Path]]:
    return random.Random(seed).sample(people, len(people))
