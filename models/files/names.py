"""File names and messages as text that fits on one line of a terminal or a report."""

import os


def one_line(text: str) -> str:
    r"""Escape what a line cannot hold.

    Args:
        text: any.

    Returns:
        It, with newlines, control characters and undecodable bytes as escapes such as `\n`.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable(path: str | os.PathLike[str]) -> str:
    r"""Write a file's name for a message.

    Args:
        path: the name.

    Returns:
        It on one line. A backtick becomes `\x60`, because messages mark parameters by backticks.
    """
    return one_line(os.fspath(path)).replace("`", r"\x60")
