"""A page as HTML that needs no other file and opens no connection."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from guise.chameleon.pages.content import Cell, Change, Page
from guise.models.errors import OutputError
from guise.models.files import atomic_write, one_line
from guise.models.pages.rendering import environment, inline, prose
from guise.models.watching import Announce

_PACKAGE = "guise.chameleon.pages"


def render(page: Page) -> str:
    """Make a page.

    Args:
        page: its content.

    Returns:
        A whole HTML document. Its content policy allows the script and the style in it, and nothing from elsewhere.
    """
    (style, style_hash), (script, script_hash) = (inline(_PACKAGE, name) for name in ("page.css", "page.js"))
    template = _environment().get_template("page.html")
    return template.render(page=page, style=style, style_hash=style_hash, script=script, script_hash=script_hash)


def save_page(html: str, path: Path, *, tell: Announce) -> bool:
    """Write a page that nobody else may read.

    Args:
        html: as of `render`.
        path: the file; replaced if it is there.
        tell: called with the reason if it cannot be written.

    Returns:
        Whether it is written.
    """
    try:
        with atomic_write(path, mode=0o600) as file:
            file.write(html.encode("utf-8", "replace"))  # file names may hold bytes that are no text
    except OutputError as error:
        tell(f"No report page: {error}")
        return False
    return True


@cache
def _environment() -> Environment:
    made = environment(_PACKAGE)
    made.filters.update(across=_across, one_line=one_line, cell=_cell)
    return made


def _cell(cell: Cell) -> Markup:
    if not isinstance(cell, Change):
        return prose(cell)
    return Markup(_environment().get_template("change.html").render(cell=cell))


def _across(similarity: float) -> float:
    """Where a similarity lies on an axis from -.2 to 1 that is 120 units long."""
    return round(min(max(similarity + 0.2, 0.0), 1.2) * 100, 1)
