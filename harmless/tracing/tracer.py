"""Follow what stays a linear function of one tensor while a model runs, up to where something non-linear reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.combining import Composed
from guise.harmless.operators.gather import Gather
from guise.harmless.sources.preprocessing import Preprocess
from guise.harmless.tracing.call import Call
from guise.harmless.tracing.combined import combined
from guise.harmless.tracing.rules import ADDS, MEASURES, READS_NOTHING, RULES


@dataclass(frozen=True)
class Chain:
    """How a tensor comes from the one that is followed.

    Attributes:
        steps: the operators on the way, in order.
        measured: the operation that first combined values, preprocessing left out; "" where none has.
        layer: dotted name of the module in which that was.
        memory: addresses of the tensors that it combined them with.
        used: addresses of all tensors that decide the linear map, each with the module in which it came in.
    """

    steps: tuple[LinearOperator, ...] = ()
    measured: str = ""
    layer: str = ""
    memory: frozenset[int] = frozenset()
    used: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True)
class Reader:
    """Where a linear function of the followed tensor is put to some non-linear use.

    Attributes:
        chain: how it was computed.
        by: the operation that reads it, or "output" where the model returns it.
        layer: dotted name of the module in which that was.
    """

    chain: Chain
    by: str
    layer: str


def address(tensor: Tensor) -> int:
    """The address of the memory that a tensor shares with its views.

    Args:
        tensor: any.

    Returns:
        The address.
    """
    return tensor.untyped_storage().data_ptr()


class Tracer(TorchDispatchMode):
    """Runs along with a model, below autograd, and sees each of torch's operations.

    Args:
        example: the model's input.
        start: which operation (counted from 0) writes the tensor to follow, and which of its outputs it is; None to
            follow the input itself.
    """

    def __init__(self, example: Tensor, start: tuple[int, int] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.readers: list[Reader] = []
        self.modules: list[tuple[str, torch.nn.Module]] = []
        """Those that run, the innermost last."""
        self.written = WeakTensorKeyDictionary()
        """(operation, output) that wrote each tensor last."""
        self.root_shape: tuple[int, ...] = ()
        self._start, self._count = start, 0
        self._chains = WeakTensorKeyDictionary()
        self._varying = WeakTensorKeyDictionary()
        """Tensors that differ from photo to photo, whatever their relation to the root."""
        self._varying[example] = True
        self._spoilt: dict[int, Tensor] = {}
        """Memory that something varying was written into, by its address; kept, so that nothing else comes there."""
        if start is None:
            self._follow(example)

    def _follow(self, root: Tensor) -> None:
        self._chains[root] = Chain()
        self.root_shape = tuple(root.shape)

    def __torch_dispatch__(
        self, function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((tuple(args), kwargs)) if isinstance(leaf, Tensor)]
        followed = {id(tensor): tensor for tensor in tensors if tensor in self._chains}
        varying = [tensor for tensor in tensors if tensor in self._varying or address(tensor) in self._spoilt]
        others = any(id(tensor) not in followed for tensor in varying)
        chains = self._read(function, tuple(args), kwargs, list(followed.values()), others) if followed else []
        result = function(*args, **kwargs)
        outputs = list(result) if isinstance(result, (list, tuple)) else [result]
        if function._schema.is_mutable:
            self._overwritten([tensor for tensor in tensors if any(tensor is out for out in outputs)], varying)
        for index, output in enumerate(outputs):
            if isinstance(output, Tensor):
                self.written[output] = (self._count, index)
                if varying:
                    self._varying[output] = True
                if index < len(chains):
                    self._chains[output] = chains[index]
                if self._start == (self._count, index):
                    self._follow(output)
        self._count += 1
        return result

    def _read(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], followed: list[Tensor], others: bool
    ) -> list[Chain]:
        """The chains of the outputs. None where the operation is not linear: it has read the tensors."""
        name = function.overloadpacket.__name__
        if name in READS_NOTHING:
            return []
        operators, call = None, Call(function, args, kwargs, followed[0])
        # A tensor that comes in twice, as in x * x, is not linear. What is added may vary: it is a function of what has
        # been read. A factor that varies makes another map.
        places = sum(leaf is followed[0] for leaf in tree_leaves((args, kwargs)))
        if name in RULES and len(followed) == places == 1 and (not others or name in ADDS):
            operators = RULES[name](call)
        if operators is None and not self._prepares:
            together = combined(call, followed, [self._chains[tensor].steps for tensor in followed])
            if together is not None:
                return [replace(merged([self._chains[tensor] for tensor in followed]), steps=together)]
        if operators is None:
            for tensor in followed:
                self.note(tensor, name)
            return []
        before = self._chains[followed[0]]
        if name not in ADDS and not self._prepares:
            added = args[0] if name == "addmm" else call.argument("bias")  # constants are no part of a linear map
            factors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf is not added]
            before = replace(before, used=before.used | {(address(factor), self.layer) for factor in factors})
        if not before.measured and name in MEASURES and not self._prepares:
            memory = frozenset(address(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
            before = replace(before, measured=name, layer=self.layer, memory=memory)
        several = operators if isinstance(operators, Sequence) else [operators]
        return [replace(before, steps=_extended(before.steps, operator)) for operator in several]

    def _overwritten(self, changed: list[Tensor], varying: list[Tensor]) -> None:
        """Count as read what shares memory with a tensor changed in place: it is no longer what it was."""
        places = {address(tensor): tensor for tensor in changed}
        if varying:
            self._spoilt.update(places)
        for tensor in list(self._chains.keys()):
            if address(tensor) in places:
                if not any(tensor is other for other in changed):
                    self.note(tensor, "overwritten")
                del self._chains[tensor]

    def note(self, tensor: Tensor, by: str) -> None:
        """Remember that a followed tensor is read, and not followed beyond.

        Args:
            tensor: the followed tensor; others are passed over.
            by: the operation that reads it.
        """
        chain = self._chains.get(tensor)
        if chain is not None and all(chain.steps != reader.chain.steps for reader in self.readers):
            self.readers.append(Reader(chain, by, self.layer))

    @property
    def layer(self) -> str:
        """Dotted name of the module that runs."""
        return self.modules[-1][0] if self.modules else ""

    @property
    def _prepares(self) -> bool:
        """The preprocessing runs, which comes before the model that users mean."""
        return bool(self.modules) and isinstance(self.modules[-1][1], Preprocess)


def merged(chains: Sequence[Chain]) -> Chain:
    """What several chains have in common when their tensors are combined.

    The first layer names them. Where the tensor itself is among them, as in x less its mean, the layer to come will.
    """
    used = frozenset[tuple[int, str]]().union(*(chain.used for chain in chains))
    if not all(chain.measured for chain in chains):
        return Chain(used=used)
    memory = frozenset[int]().union(*(chain.memory for chain in chains))
    return Chain((), chains[0].measured, chains[0].layer, memory, used)


def _extended(steps: tuple[LinearOperator, ...], operator: LinearOperator) -> tuple[LinearOperator, ...]:
    """One step more, unless it does nothing."""
    if isinstance(operator, Composed):
        return (*steps, *operator.steps)
    return steps if isinstance(operator, Gather) and operator.nothing else (*steps, operator)


def named(tracer: Tracer, model: torch.nn.Module) -> list[Any]:
    """Tell the tracer which module runs.

    Args:
        tracer: learns it.
        model: gets a hook at each of its modules.

    Returns:
        Handles that take the hooks away again.
    """

    def enter(name: str) -> Any:
        return lambda module, _: tracer.modules.append((name, module))

    def leave(*_: Any) -> None:
        tracer.modules.pop()

    handles = []
    for name, module in model.named_modules():
        if not isinstance(module, torch.jit.ScriptModule):
            handles += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
    return handles
