"""Programs in docstrings, run as users would who copy them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def program_of(module: ModuleType) -> str:
    """The indented lines of the module's docstring."""
    lines = (module.__doc__ or "").splitlines()
    return textwrap.dedent("\n".join(line for line in lines if not line or line.startswith("    ")))


def run_program(module: ModuleType, *, instead: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a module's program in the current folder.

    Args:
        module: the program is in its docstring.
        instead: the same calls with less to do, by the text that each replaces; the text must be there once.

    Returns:
        The names that the program leaves behind.
    """
    text = program_of(module)
    for slow, fast in (instead or {}).items():
        assert text.count(slow) == 1, slow
        text = text.replace(slow, fast)
    names: dict[str, Any] = {}
    exec(compile(text, f"docstring of {module.__name__}", "exec"), names)
    return names
