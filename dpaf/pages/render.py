"""A page as HTML that needs no other file, no script and no connection."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from guise.dpaf.pages.content import Page
from guise.models.files import one_line
from guise.models.flags import as_flags

_CODE = re.compile(r"`([^`\n]+)`")


def render(page: Page) -> str:
    """Make a page.

    Args:
        page: its content.

    Returns:
        A whole HTML document. Its content policy allows the style and the pictures in it, and nothing else.
    """
    style = files(__package__).joinpath("templates", "page.css").read_text("utf-8")
    digest = b64encode(
        hashlib.sha256(style.encode()).digest()
    ).decode()  # of these very bytes, so they go in as they are
    template = _environment().get_template("page.html")
    return template.render(page=page, style=Markup(style), style_hash=f"sha256-{digest}")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("guise.dpaf.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    return environment


def _prose(text: str) -> Markup:
    """A sentence on one line, with flags for parameters, and as code what stands between backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(Markup.escape(as_flags(one_line(text))))))
