"""Images with labels, in memory, as training and evaluation take them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from guise.dpaf.data.look import Look
from guise.models.errors import InputError
from guise.models.files import printable

SIZES = (28, 32, 64, 128)


@dataclass(frozen=True)
class ImageDataset:
    """Images with labels. A private one may leave its owner's machine through charged releases only.

    Attributes:
        images: uint8 (N, channels, size, size).
        labels: int64 (N,), in 0 ... len(classes) - 1.
        classes: their names, public.
        digest: SHA-256 of the source before any resizing, by which budgets know the dataset: `load` and
            `dataset_from_arrays` compute it. Set it by hand only if it belongs to these images. Never publish it: it
            tells whether these images were used.
        people: int64 (N,), in 0 ... P-1: whose image each is; None where that is not known.
        look: what was read and how it was told, for the owner; None for a dataset that was made by hand.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    digest: bytes
    people: Tensor | None = None
    look: Look | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return int(self.images.shape[1])

    @property
    def size(self) -> int:
        """Height and width of the images."""
        return int(self.images.shape[2])

    @property
    def units(self) -> int:
        """How many are protected: people where they are known, else images."""
        return len(self) if self.people is None else int(self.people.max()) + 1

    def at_most(self, count: int) -> ImageDataset:
        """The same people with at most so many images each, all of their images where they have fewer.

        Which ones stay depends on that person's own images and labels only, by their SHA-256, so that adding or
        removing a person changes nothing about the others.

        Args:
            count: of images a person, at least 1.

        Raises:
            InputError: it is not known whose image each is.
        """
        if self.people is None:
            raise InputError("it is not known whose image each is: name `group_column=`, or say `group_folders=True`")
        images, labels, people = self.images.numpy(), self.labels.tolist(), self.people.tolist()
        hashes = [
            hashlib.sha256(f"{label} ".encode() + image.tobytes()).digest()
            for image, label in zip(images, labels, strict=True)
        ]
        taken: Counter[int] = Counter()
        kept = []
        for row in sorted(range(len(self)), key=lambda row: hashes[row]):
            taken[people[row]] += 1
            if taken[people[row]] <= count:
                kept.append(row)
        rows = torch.tensor(sorted(kept))
        return replace(self, images=self.images[rows], labels=self.labels[rows], people=self.people[rows])

    def checksum(self) -> bytes:
        """SHA-256 of images, labels and people as they are now, whatever `digest` says."""
        people = [] if self.people is None else [self.people.numpy()]
        return content_digest(self.images.numpy(), self.labels.numpy(), *people)

    def labelled_as(self, classes: tuple[str, ...], *, where: str) -> ImageDataset:
        """The same images with labels that count in `classes`.

        Args:
            classes: names of classes.
            where: the source's name, for messages.

        Raises:
            InputError: the images show a class that is not among `classes`.
        """
        strange = [name for name in self.classes if name not in classes]
        if strange:
            known = ", ".join(map(printable, classes))
            raise InputError(f"{printable(where)} shows class {printable(strange[0])}, and the run knows {known}")
        places = torch.tensor([classes.index(name) for name in self.classes])
        return replace(self, labels=places[self.labels], classes=classes)

    def scaled(self, rows: Tensor | slice) -> Tensor:
        """Some images as float32 in [-1, 1].

        Args:
            rows: which ones.
        """
        return scaled(self.images[rows])


def scaled(images: Tensor) -> Tensor:
    """Bytes as float32 in [-1, 1].

    Args:
        images: uint8, of any shape.
    """
    return images.float().div(127.5).sub(1)


def nearest_size(side: int) -> int:
    """The supported side that is nearest to another; of two the smaller.

    Args:
        side: the other, in pixels.
    """
    return min(SIZES, key=lambda size: (abs(size - side), size))


def content_digest(*arrays: np.ndarray) -> bytes:
    """SHA-256 over arrays, shapes included. The integer type in which numbers are kept does not matter.

    Args:
        arrays: of any shapes.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if np.issubdtype(array.dtype, np.integer):
            small = not array.size or (array.min() >= 0 and array.max() <= 255)
            array = array.astype(np.uint8 if small else np.int64, copy=False)
        digest.update(f"{array.shape} {array.dtype}".encode())
        if array.dtype.kind in "uif":
            digest.update(np.ascontiguousarray(array).data)  # without a copy
        else:
            digest.update(array.tobytes())
    return digest.digest()
