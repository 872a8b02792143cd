"""Functions of the caller's that long work calls on its way."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, items done and items in all."""
Announce = Callable[[str], None]
"""Called with one line for a person, such as the size and the origin of a download."""
