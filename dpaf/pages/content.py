"""What the page of a run shows, before it is made HTML. All texts are plain: the template escapes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """A figure that is seen first.

    Attributes:
        figure: such as "10".
        label: what it is.
        tone: "good", "bad" or "plain".
    """

    figure: str
    label: str
    tone: str = "plain"


@dataclass(frozen=True)
class Table:
    """Figures in rows.

    Attributes:
        columns: their titles.
        rows: as many cells each; the first one names the row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A picture with what it shows.

    Attributes:
        source: data URI of a PNG.
        caption: what it shows.
        pixelated: whether its pixels are to be seen as they are.
        wide: whether it takes the whole width.
    """

    source: str
    caption: str
    pixelated: bool = False
    wide: bool = True


@dataclass(frozen=True)
class Section:
    """A part of the page with a title.

    Attributes:
        title: its own.
        texts: paragraphs.
        pictures: below them.
        tables: figures, below.
        items: a list, below.
    """

    title: str
    texts: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: its own.
        subtitle: what is guaranteed, in a line.
        warning: why it must not be published as it stands; "" where it may.
        tiles: figures that are seen first.
        sections: in order.
    """

    title: str
    subtitle: str
    warning: str
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
