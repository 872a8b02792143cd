"""A report as one HTML page that needs no other file and opens no connection."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from guise.models.files import one_line

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #202024 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .8rem .3rem 0 }
th { border-bottom: 1px solid #999 } td { border-bottom: 1px solid #ddd } img { max-width: 100% }
"""


def page(
    title: str, summary: str, titles: Sequence[str], rows: Sequence[Sequence[str]], *, picture: Path | None = None
) -> str:
    """A page with a summary, a table, and a picture.

    Args:
        title: of the page.
        summary: one paragraph.
        titles: of the table's columns.
        rows: of the table, plain text.
        picture: a PNG, which goes into the page; left out if None or no longer there.

    Returns:
        A whole HTML document.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in titles)
    body = "".join("<tr>" + "".join(f"<td>{escape(one_line(cell))}</td>" for cell in row) + "</tr>\n" for row in rows)
    shown = ""
    if picture is not None and picture.is_file():
        data = b64encode(picture.read_bytes()).decode()
        shown = f'<img alt="faces before and after" src="data:image/png;base64,{data}">\n'
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n<p>{escape(summary)}</p>\n"
        f"<table>\n<tr>{head}</tr>\n{body}</table>\n{shown}</html>\n"
    )
