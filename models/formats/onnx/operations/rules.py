"""The table of rules, which the other files fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

Rule = Callable[..., Any]

_RULES: dict[tuple[str, str], Rule] = {}
CONTRIB = "com.microsoft"
"""The domain of what ONNX Runtime's optimiser writes."""


class NotRunError(Exception):
    """An operation cannot be run here; the message names it."""


def operation(*names: str, domain: str = "") -> Callable[[Rule], Rule]:
    """Enter a function into the table.

    Args:
        *names: of the operations that it computes.
        domain: of the operations.

    Returns:
        What takes the function, and gives it back.
    """

    def enter(rule: Rule) -> Rule:
        _RULES.update({(domain, name): rule for name in names})
        return rule

    return enter


def rule_for(domain: str, name: str) -> Rule | None:
    """The rule of an operation.

    Args:
        domain: "" for ONNX's own.
        name: of the operation.

    Returns:
        The rule, or None where there is none.
    """
    return _RULES.get((domain, name))


def numbers(values: Tensor | list[int] | None) -> list[int] | None:
    """Whole numbers that come as an attribute or, in later opsets, as an input.

    Args:
        values: either.

    Returns:
        The numbers; None where there are none.
    """
    if isinstance(values, Tensor):
        return [int(value) for value in values.flatten().tolist()]
    return None if values is None else list(values)
