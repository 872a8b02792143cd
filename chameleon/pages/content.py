"""What a page shows, before it is made HTML. All texts are plain: the template escapes them."""

from __future__ import annotations

from dataclasses import dataclass

from guise.models.pages import content as every_page
from guise.models.pages.content import Tile, Tone


@dataclass(frozen=True)
class Change:
    """A similarity before and after, drawn as a line.

    Attributes:
        before: the original's, in [-1, 1].
        after: the copy's; None where no face was found.
    """

    before: float
    after: float | None


Cell = str | Change
"""A text, or a change that is drawn and written."""


Table = every_page.Table[Cell]


@dataclass(frozen=True)
class View:
    """One part of a photo before and after.

    Attributes:
        title: such as "Photo" or "Face".
        before: data URI of a picture.
        after: data URI of a picture of the same size.
        width: at which it is shown, in pixels.
        height: at which it is shown, in pixels.
    """

    title: str
    before: str
    after: str
    width: int
    height: int


@dataclass(frozen=True)
class Card:
    """One photo.

    Attributes:
        name: its path below the folder.
        state: what became of it, in a few words.
        tone: whether that is good news.
        looks: how visible the mask is, in a sentence; "" where that was not measured.
        views: before and after; empty where there is nothing to show.
        missing: why `views` is empty; "" where nobody would miss them.
        tables: figures.
        notes: sentences.
    """

    name: str
    state: str
    tone: Tone
    looks: str = ""
    views: tuple[View, ...] = ()
    missing: str = ""
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page with a title.

    Attributes:
        title: its own.
        texts: paragraphs.
        tables: figures, below.
        items: a list, below.
    """

    title: str
    texts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: its own.
        subtitle: of what, in a line.
        private: why nobody else should get it.
        tiles: figures that are seen first.
        sections: before the photos.
        cards: the photos.
        left_out: what of the photos is not shown; "" where all are.
    """

    title: str
    subtitle: str
    private: str
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    cards: tuple[Card, ...]
    left_out: str = ""
