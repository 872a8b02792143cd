"""A page as HTML that needs no other file, no script and no connection."""

from __future__ import annotations

from functools import cache

from jinja2 import Template

from guise.dpaf.pages.content import Page
from guise.models.pages.rendering import environment, inline

_PACKAGE = "guise.dpaf.pages"


def render(page: Page) -> str:
    """Make a page.

    Args:
        page: its content.

    Returns:
        A whole HTML document. Its content policy allows the style and the pictures in it, and nothing else.
    """
    style, style_hash = inline(_PACKAGE, "page.css")
    return _template().render(page=page, style=style, style_hash=style_hash)


@cache
def _template() -> Template:
    return environment(_PACKAGE).get_template("page.html")
