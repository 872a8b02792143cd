"""What was read of a dataset and how it was told: for its owner to see before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

from guise.models.files import printable

_SHOWN = 12


@dataclass(frozen=True)
class Look:
    """What was read and how it was told. `str` gives it as lines.

    NOT private: counts and ranges are those of the records. It is shown to the data's owner and kept nowhere.

    Attributes:
        layout: how the source was told, such as "npz in Keras' layout: x_train, y_train".
        sizes: heights and widths as they were stored, such as "28x28" or "60x70 to 250x250".
        colour: grey or colour, and how that was told.
        values: type, range and bits of the pixels as they were stored.
        counts: each class's name and number of images, in order.
        renumbered: which label became which number; "" where they were 0, 1, ... already.
        notes: what was left out or turned, in sentences.
        doubts: why this may not be what its owner means, each with what to do; empty where nothing is odd.
    """

    layout: str
    sizes: str
    colour: str
    values: str
    counts: tuple[tuple[str, int], ...]
    renumbered: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        classes = few([f"{printable(name)} ({count})" for name, count in self.counts])
        lines = [
            f"  read as {self.layout}",
            f"  images  {self.sizes}, {self.colour}; {self.values}",
            f"  classes {classes}{f'; {self.renumbered}' if self.renumbered else ''}",
            *(f"  note    {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def few(parts: list[str], *, most: int = _SHOWN) -> str:
    """Some of many, on one line.

    Args:
        parts: to be listed.
        most: how many are shown.
    """
    more = len(parts) - most
    return ", ".join(parts if more <= 0 else [*parts[:most], f"and {more} more"])
