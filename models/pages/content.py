"""What every page may show, before it is made HTML. All texts are plain: the templates escape them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Tone = Literal["good", "warn", "bad", "plain"]
Cell = TypeVar("Cell")


@dataclass(frozen=True)
class Tile:
    """A figure that is seen first.

    Attributes:
        figure: such as "11 of 12".
        label: what it counts.
        tone: whether it is good news.
    """

    figure: str
    label: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table(Generic[Cell]):
    """Figures in rows.

    Attributes:
        columns: their titles.
        rows: as many cells each; the first one names the row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
