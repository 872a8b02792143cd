"""What per-record gradients need of a layer: its input, its output, and norms without forming each gradient.

Written here, not taken from Opacus: it is faster, and bounds the norms of records that were made to hide theirs in
rounding. Tested against one backward pass for each record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.models.errors import InputError

Layer = nn.Conv2d | nn.Linear
_HIDDEN, _LEAST = 2.0**-20, 1e-4


def check_separate_records(modules: Iterable[nn.Module]) -> None:
    """Make sure that no layer mixes the records of a batch: clipping would bound nothing.

    Args:
        modules: all parts of a network.

    Raises:
        InputError: a layer does, or it remembers records.
    """
    for module in modules:
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise InputError(f"{type(module).__name__} mixes records: use InstanceNorm2d or GroupNorm instead")
        if isinstance(module, nn.modules.instancenorm._InstanceNorm) and module.track_running_stats:
            raise InputError("InstanceNorm with track_running_stats=True remembers records: set it to False")


def private_layers(module: nn.Module) -> dict[str, Layer]:
    """The layers that hold a network's trainable parameters, by name.

    Args:
        module: the network.

    Raises:
        InputError: there are none, or one is of a kind whose gradients are not known for each record.
    """
    layers: dict[str, Layer] = {}
    for name, part in module.named_modules():
        own = [value for value in part.parameters(recurse=False) if value.requires_grad]
        if not own:
            continue
        # What a subclass does with its weight is unknown; weight norms keep it under other names.
        plain = type(part) is nn.Linear or (
            type(part) is nn.Conv2d and part.groups == 1 and part.padding_mode == "zeros"
        )
        if not plain or {name for name, _ in part.named_parameters(recurse=False)} - {"weight", "bias"}:
            kind = f"{type(part).__name__} ({name or 'the module itself'})"
            raise InputError(f"{kind} has no per-record gradients here: freeze it, or use plain Conv2d and Linear")
        assert isinstance(part, Layer)
        layers[name] = part
    if not layers:
        raise InputError("the module has no trainable parameters: there is nothing to step")
    shared = len({id(value) for layer in layers.values() for value in layer.parameters()})
    if shared != sum(len(list(layer.parameters())) for layer in layers.values()):
        raise InputError("two layers share a parameter: give each its own")
    return layers


@dataclass
class Captured:
    """One layer of one forward pass.

    Attributes:
        name: of the layer in its network.
        layer: itself.
        inputs: what it was given, one row for each record.
        output: what it gave, part of the graph.
        version: of `output` at that time, by which a later change in place is found.
    """

    name: str
    layer: Layer
    inputs: Tensor
    output: Tensor
    version: int

    def check(self, records: int) -> None:
        """Make sure that rows are records and that the output was not changed in place: both would falsify gradients.

        Args:
            records: of the batch.

        Raises:
            InputError: one of them is so.
        """
        for rows in (len(self.inputs), len(self.output)):
            if rows != records:
                what = f"layer {self.name} has {rows} rows for {records} records"
                raise InputError(f"{what}: give it one for each, batch dimension first")
        if self.output._version != self.version:
            raise InputError(f"layer {self.name} has its output changed in place: use inplace=False")

    def squared_norms(self, at_output: Tensor) -> Tensor:
        """Squared norm of each record's gradient, never too small: float64 (B,); not finite where the record is not.

        A record can be made so that its terms are huge and cancel, and rounding then hides what remains. So the terms'
        own size S counts too: 2^-20 S^2 for what rounding may hide in a norm, and S^2 / 100^2 at the least for what it
        may leave in a sum. Gradients that do not cancel to a hundredth are not affected but for some 1e-5.

        Args:
            at_output: gradients at the layer's output.
        """
        inputs, gradients = self._matrices(at_output)
        places, fan_in, fan_out = inputs.shape[1], inputs.shape[2], gradients.shape[2]
        if places * (fan_in + fan_out) < fan_in * fan_out:  # ghost norms: products of places, not of weights
            squared = _gram(inputs).mul_(_gram(gradients)).sum((1, 2), dtype=torch.float64)
        else:
            squared = torch.bmm(gradients.transpose(1, 2), inputs).double().square().sum((1, 2))
        at_places = gradients.double().square().sum(2).sqrt()  # in single precision small ones would vanish
        terms = (self._sizes() * at_places).sum(1).square()
        if self._trainable("bias"):
            squared = squared + gradients.sum(1).double().square().sum(1)
            terms = terms + at_places.sum(1).square()
        return torch.maximum(squared.clamp_min(0) + _HIDDEN * terms, _LEAST * terms)

    def summed(self, at_output: Tensor, factors: Tensor) -> dict[str, Tensor]:
        """The records' gradients, weighted and summed, by parameter name.

        Args:
            at_output: gradients at the layer's output.
            factors: (B,), at least 0; a record with 0 is left out even where it is not finite.
        """
        inputs, kept = self.inputs, factors > 0
        if not kept.all():  # 0 times NaN is NaN: what was not finite is replaced before it is weighted
            inputs, at_output = (zeroed(values, kept) for values in (inputs, at_output))
        weighted = at_output * _aligned(factors.to(at_output.dtype), at_output)
        prefix = f"{self.name}." if self.name else ""
        at_weight, at_bias = self._backward(inputs, weighted)
        result = {f"{prefix}weight": at_weight} if self._trainable("weight") else {}
        return result | ({f"{prefix}bias": at_bias} if self._trainable("bias") else {})

    def _backward(self, inputs: Tensor, weighted: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias from those at the output."""
        layer = self.layer
        if isinstance(layer, nn.Linear):
            rows = weighted.reshape(-1, layer.out_features)
            at_weight = rows.T @ inputs.reshape(-1, layer.in_features)
            return at_weight, rows.sum(0)
        inputs, padding = self._padded(inputs)
        _, at_weight, at_bias = torch.ops.aten.convolution_backward(
            weighted, inputs, layer.weight.detach(), [layer.out_channels], layer.stride, padding, layer.dilation,
            False, [0, 0], 1, [False, self._trainable("weight"), self._trainable("bias")],
        )  # fmt: skip
        return at_weight, at_bias

    def _matrices(self, at_output: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (B, T, K) and gradients at the output (B, T, O), whose product over T is the weight's gradient."""
        layer, count = self.layer, len(self.inputs)
        if isinstance(layer, nn.Linear):
            rows = self.inputs.reshape(count, -1, layer.in_features)
            return rows, at_output.reshape(count, -1, layer.out_features)
        inputs, padding = self._padded(self.inputs)
        unfolded = F.unfold(inputs, layer.kernel_size, layer.dilation, padding, layer.stride)
        return unfolded.transpose(1, 2), at_output.flatten(2).transpose(1, 2)

    def _sizes(self) -> Tensor:
        """Norms of the inputs' rows of `_matrices`: float64 (B, T)."""
        layer = self.layer
        if isinstance(layer, nn.Linear):
            rows = self.inputs.reshape(len(self.inputs), -1, layer.in_features)
            sizes: Tensor = torch.linalg.vector_norm(rows, dim=2, dtype=torch.float64)
            return sizes
        inputs, padding = self._padded(self.inputs)
        energy = inputs.double().square().sum(1, keepdim=True)
        window = energy.new_ones(1, 1, *layer.kernel_size)
        sums: Tensor = F.conv2d(energy, window, None, layer.stride, padding, layer.dilation)
        return sums.flatten(1).sqrt()

    def _padded(self, inputs: Tensor) -> tuple[Tensor, Any]:
        """A convolution's inputs and the padding that is left to do, in numbers."""
        assert isinstance(self.layer, nn.Conv2d)
        if isinstance(self.layer.padding, str):
            return F.pad(inputs, self.layer._reversed_padding_repeated_twice), (0, 0)
        return inputs, self.layer.padding

    def _trainable(self, name: str) -> bool:
        value = getattr(self.layer, name)
        return value is not None and value.requires_grad


@contextmanager
def captured(module: nn.Module) -> Iterator[list[Captured]]:
    """Collect the private layers' inputs and outputs while a network is called, once.

    Args:
        module: the network.

    Yields:
        A list that is filled, layer by layer, as the network is called.

    Raises:
        InputError: a layer is used twice.
    """
    layers: list[Captured] = []

    def watch(name: str, layer: Layer) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if any(layer.name == name for layer in layers):
                raise InputError(f"layer {name} is used twice for one loss: use each layer once")
            layers.append(Captured(name, layer, inputs[0].detach(), output, output._version))

        return layer.register_forward_hook(hook)

    handles = [watch(name, layer) for name, layer in private_layers(module).items()]
    try:
        yield layers
    finally:
        for handle in handles:
            handle.remove()


def zeroed(values: Tensor, kept: Tensor) -> Tensor:
    """Values with zeros in the place of some records.

    Args:
        values: (B, ...), one row for each record.
        kept: bool (B,); the others become zeros.
    """
    return torch.where(_aligned(kept, values), values, torch.zeros_like(values))


def _aligned(each: Tensor, values: Tensor) -> Tensor:
    """One number for each record, (B,), to go with values (B, ...)."""
    return each.view(-1, *[1] * (values.ndim - 1))


def _gram(rows: Tensor) -> Tensor:
    return torch.bmm(rows, rows.transpose(1, 2))
