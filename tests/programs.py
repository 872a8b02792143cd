"""Programs in docstrings, run as users would who copy them."""

from __future__ import annotations

import inspect
import textwrap
from types import ModuleType
from typing import Any


def program_of(module: ModuleType) -> str:
    """The indented lines of the module's docstring, from `from guise import` on."""
    lines = inspect.getdoc(module).splitlines()  # type: ignore[union-attr]
    first = next(i for i, line in enumerate(lines) if line.startswith("    from guise import"))
    last = next((i for i, line in enumerate(lines) if i > first and line and not line.startswith("    ")), len(lines))
    return textwrap.dedent("\n".join(lines[first:last]))


def run_program(module: ModuleType) -> dict[str, Any]:
    """Run it in the current folder; the names that it leaves behind."""
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(program_of(module), module.__name__, "exec"), names)
    return names
