from __future__ import annotations

import re

from guise.models import errors
from guise.models.errors import GuiseError, first_line


def _drawn() -> dict[str, str]:
    """Each error in the docstring's tree, with the error above it."""
    above: list[str] = []
    tree: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│├└─ ]*)(\w+Error)\b", line)
        if match:
            depth = len(match[1]) // 4
            tree[match[2]] = above[depth - 1] if depth else "Exception"
            above[depth:] = [match[2]]
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert _drawn() == {error.__name__: error.__base__.__name__ for error in classes if error.__base__}
    assert all(issubclass(error, GuiseError) for error in classes)


def test_foreign_errors_are_told_in_one_line() -> None:
    assert first_line(ValueError("  a\nb")) == "a"
    assert first_line(ValueError()) == "ValueError"
