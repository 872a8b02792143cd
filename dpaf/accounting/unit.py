"""Whom a guarantee protects: one image, or one person with all of their images. Costs of two units do not add up."""

from __future__ import annotations

from dataclasses import dataclass

from guise.dpaf import validate


@dataclass(frozen=True)
class Unit:
    """What neighbours differ by.

    Attributes:
        most: images of a person that are used; None where one image is the unit.

    Raises:
        InputError: `most` is no whole number above 0.
    """

    most: int | None = None

    def __post_init__(self) -> None:
        if self.most is not None:
            validate.count("`images_per_person=`", self.most)

    @property
    def name(self) -> str:
        """In one word."""
        return "image" if self.most is None else "person"

    @property
    def plural(self) -> str:
        """In one word, of many."""
        return "images" if self.most is None else "people"

    @property
    def relation(self) -> str:
        """What neighbouring datasets differ by."""
        if self.most is None:
            return "add or remove one image with its label"
        return "add or remove one person with all of their images and labels"

    @property
    def promise(self) -> str:
        """What that means for people."""
        if self.most is None:
            return "one image: a person in several images is protected far less than epsilon for each says"
        return f"one person: all of their images count as one, and at most {self.most} of them are used"
