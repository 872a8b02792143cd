"""What networks from files take: which input is the photo, in which layout, and what the others get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_CHANNELS = range(1, 5)


@dataclass(frozen=True)
class Input:
    """One input of a network.

    Attributes:
        name: in the file.
        dims: sizes, None where the file leaves one open; None in all where it names no shape.
        dtype: of its numbers; None for that of the photos.
        levels: it takes whole levels, 0 to 255, instead of [0, 1].
        numbers: it may take photos.
        turned: the network itself brings the channels to the front.
    """

    name: str
    dims: tuple[int | None, ...] | None
    dtype: torch.dtype | None = None
    levels: bool = False
    numbers: bool = True
    turned: bool = False

    @property
    def batched(self) -> bool:
        """Its first dimension counts photos. A single picture of three dimensions has none."""
        dims = self.dims or ()
        layouts = ((dims[0], dims[1:]), (dims[2], dims[:2])) if len(dims) == 3 else ()
        return not any(
            channels in _CHANNELS and all(size and size > 4 for size in sides) for channels, sides in layouts
        )

    @property
    def channels_last(self) -> bool:
        """(N, H, W, C), as TensorFlow has it, or (H, W, C)."""
        dims = self.dims[self.batched :] if self.dims else ()
        if self.turned and not any(dims):
            return True
        return len(dims) == 3 and dims[2] in _CHANNELS and dims[0] not in _CHANNELS and _sides(dims[:2])

    @property
    def channels(self) -> int | None:
        """Of a picture; None where it is none, or the file leaves them open."""
        dims = self.dims[self.batched :] if self.dims else ()
        if len(dims) != 3:
            return None
        channels, sides = (dims[2], dims[:2]) if self.channels_last else (dims[0], dims[1:])
        return channels if _sides(sides) else None

    @property
    def batch(self) -> int | None:
        """How many photos it takes at once; None for any number."""
        if not self.batched:
            return 1
        return self.dims[0] if self.dims else None

    @property
    def item(self) -> tuple[int, ...] | None:
        """Shape of one photo, channels first; None where the file leaves it open."""
        if self.dims is None:
            return None
        dims = self.dims[1:] if self.batched else self.dims
        dims = (dims[2], dims[0], dims[1]) if self.channels_last else dims
        known = tuple(size for size in dims if size)
        return known if known and len(known) == len(dims) else None

    def arranged(self, photos: Tensor) -> Tensor:
        """Photos as the network takes them.

        Args:
            photos: (N, C, H, W) in [0, 1], or of another shape that the file names.

        Returns:
            In the layout and the range of this input.
        """
        x = photos.permute(0, 2, 3, 1) if self.channels_last and photos.ndim == 4 else photos
        x = 255 * x if self.levels else x
        return x if self.batched else x[0]

    def zeros(self, photos: Tensor) -> Tensor:
        """In place of an input that is no photo. It counts as one that may vary, because it comes from the photos.

        Args:
            photos: (N, ...).

        Returns:
            Zeros of this input's sizes; where they are open, N in front and else 1.
        """
        dims = [size or (len(photos) if index == 0 else 1) for index, size in enumerate(self.dims or ())]
        return photos.new_zeros(dims, dtype=self.dtype or photos.dtype)


def photo_of(taken: Sequence[Input]) -> int:
    """Which input takes the photo: the first picture of three channels, of few, any picture, else one of numbers.

    Args:
        taken: at least one input.

    Returns:
        Its place.
    """
    numbers = [index for index, each in enumerate(taken) if each.numbers] or [0]
    planes = [index for index in numbers if len(taken[index].dims or ()) == 4 or not taken[index].batched]
    photos = [index for index in planes if taken[index].channels in _CHANNELS]
    colours = [index for index in photos if taken[index].channels == 3]
    return (colours or photos or planes or numbers)[0]


def _sides(sizes: Sequence[int | None]) -> bool:
    """Whether they may be height and width; what has fewer pixels is no picture."""
    return all(size is None or size > max(_CHANNELS) for size in sizes)
