"""Numbers in sentences: 1 photo is, 2 photos are."""

from __future__ import annotations


def by_number(count: int, one: str, many: str) -> str:
    """Choose the words that go with a number.

    Args:
        count: the number, from 0.
        one: words for 1.
        many: words for all other numbers, 0 too.

    Returns:
        The words.
    """
    return one if count == 1 else many


def counted(count: int, thing: str, things: str = "") -> str:
    """Write a number with what is counted.

    Args:
        count: the number, from 0.
        thing: the word for 1.
        things: the word for all other numbers; "" is `thing` with an s.

    Returns:
        Such as "1 photo" or "2 photos".
    """
    return f"{count} {by_number(count, thing, things or f'{thing}s')}"
