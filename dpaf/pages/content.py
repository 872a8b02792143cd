"""What the page of a run shows, before it is made HTML. All texts are plain: the template escapes them."""

from __future__ import annotations

from dataclasses import dataclass

from guise.models.pages import content as every_page
from guise.models.pages.content import Tile

Table = every_page.Table[str]


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
