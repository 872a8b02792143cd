"""File names as text that fits on one line of a terminal, a message or a report."""

import os


def printable(path: str | os.PathLike[str]) -> str:
    r"""A path or a text that fits on one line.

    Args:
        path: any path or text.

    Returns:
        The same, with newlines, control characters and undecodable bytes as escapes such as `\n`.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fspath(path))
