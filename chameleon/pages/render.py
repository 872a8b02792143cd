"""A page as HTML that needs no other file and opens no connection."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from guise.chameleon.pages.content import Change, Page
from guise.models.errors import OutputError
from guise.models.files import atomic_write, one_line
from guise.models.flags import as_flags
from guise.models.watching import Announce

_CODE = re.compile(r"`([^`\n]+)`")


def render(page: Page) -> str:
    """Make a page.

    Args:
        page: its content.

    Returns:
        A whole HTML document. Its content policy allows the script and the style in it, and nothing from elsewhere.
    """
    style, script = (files(__package__).joinpath("templates", name).read_text("utf-8") for name in _INLINE)
    # The hashes are of these very bytes, so both go in as they are: they are ours, with nothing of the user's.
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


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


_INLINE = ("page.css", "page.js")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("guise.chameleon.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=_prose, across=_across, one_line=one_line)
    environment.tests["change"] = lambda cell: isinstance(cell, Change)
    return environment


def _hash(text: str) -> str:
    """As a content policy names an inline script or style."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _prose(text: str) -> Markup:
    """A sentence of the library on one line, with flags for parameters, and as code what stands between backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(Markup.escape(as_flags(one_line(text))))))


def _across(similarity: float) -> float:
    """Where a similarity lies on an axis from -.2 to 1 that is 120 units long."""
    return round(min(max(similarity + 0.2, 0.0), 1.2) * 100, 1)
