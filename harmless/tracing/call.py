"""An operation of torch as the tracer sees it, with the tensor that is followed through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from guise.harmless.operators.base import Shape


@dataclass(frozen=True)
class Call:
    """An operation about to run.

    Attributes:
        function: the overload, such as `aten.mul.Tensor`.
        args: as given to it.
        kwargs: as given to it.
        followed: the one tensor among them that is a linear function of the input.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    followed: Tensor

    @property
    def shape(self) -> Shape:
        """Shape of the followed tensor, with a leading batch of 1 where it has a batch."""
        return tuple(self.followed.shape)

    @property
    def item(self) -> Shape:
        """The same without that batch."""
        return item_shape(self.shape)

    @property
    def place(self) -> int:
        """Which positional argument is followed; -1 where it stands in a list."""
        return next((index for index, arg in enumerate(self.args) if arg is self.followed), -1)

    def on(self, tensor: Tensor, others: Callable[[Tensor], Tensor] = lambda other: other) -> Any:
        """The operation on another tensor in the place of the followed one.

        Args:
            tensor: the other tensor.
            others: what becomes of all other tensors.

        Returns:
            Whatever the operation gives.
        """

        def replace(leaf: Any) -> Any:
            if leaf is self.followed:
                return tensor
            return others(leaf) if isinstance(leaf, Tensor) else leaf

        return self.function(*tree_map(replace, self.args), **tree_map(replace, self.kwargs))

    def argument(self, name: str, default: Any = None) -> Any:
        """An argument by its name in the operation's schema.

        Args:
            name: of the argument.
            default: where it was not given.

        Returns:
            Its value.
        """
        for index, argument in enumerate(self.function._schema.arguments):
            if argument.name == name:
                return self.args[index] if index < len(self.args) else self.kwargs.get(name, default)
        return default


def item_shape(shape: Sequence[int]) -> Shape:
    """A shape without its leading batch of 1.

    Args:
        shape: of a tensor.

    Returns:
        The shape of one item.
    """
    return tuple(shape[1:]) if len(shape) > 1 and shape[0] == 1 else tuple(shape)


def real_item(tensor: Tensor) -> Tensor:
    """One item in real numbers: complex ones as pairs, which the last dimension holds.

    Args:
        tensor: with a leading batch of 1 where it has a batch.

    Returns:
        Without that batch.
    """
    item = tensor.reshape(item_shape(tensor.shape))
    return torch.view_as_real(item.resolve_conj()) if item.is_complex() else item
