"""Run a model once and tell what it reads of a tensor before anything non-linear happens to it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from guise.harmless.operators.base import LinearOperator, Shape
from guise.harmless.operators.combining import Composed, Stacked
from guise.harmless.operators.gather import reshaping
from guise.harmless.operators.simplify import keeps_all, simplified
from guise.harmless.projection.joint import contained
from guise.harmless.sources.pixel_model import failure
from guise.harmless.tracing.call import item_shape
from guise.harmless.tracing.rings import FollowedRings
from guise.harmless.tracing.tracer import Chain, Reader, Tracer, address, named
from guise.models.errors import GuiseError, InputError, UnknownOperationError

_INSIDE = "network."
"""Where `PixelModel` keeps the model that users name layers of."""


class NonLinearFirstError(InputError):
    """A model reads all of a tensor before anything linear happens to it."""


@dataclass(frozen=True)
class Part:
    """One linear operation that reads the tensor, with all that is linear before and after it.

    Attributes:
        name: of the layer, such as `conv1`; of the operation where it is in no layer of its own.
        operator: from the tensor to what is read of it, simplified: its null space is meant, not its output.
        read_by: the non-linear operation that it feeds.
        weights: names of the model's parameters and buffers that the layer combines the tensor with.
        used: names of all that decide the operator, those before and after that layer included.
    """

    name: str
    operator: LinearOperator
    read_by: str
    weights: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Trace:
    """All that a model reads of a tensor.

    Guarantees:
        * Two tensors on which `joint` agrees give the same output, up to rounding: what is not known to be
          linear counts as read in full. What a model computes outside torch, as with numpy, is not seen.

    Attributes:
        input_shape: of the tensor, without its batch.
        parts: the linear operations, in the order in which they run.
        joint: all parts as one operator.
    """

    input_shape: Shape
    parts: tuple[Part, ...]
    joint: LinearOperator


def trace(model: nn.Module, input_shape: Shape, *, layer: str | None = None) -> Trace:
    """Find what a model reads of its input, or of the tensor that enters one of its layers.

    The model runs once or twice on one random input in [0, 1], in evaluation mode.

    Args:
        model: one tensor in, any structure of tensors out.
        input_shape: of one item.
        layer: dotted name of a module. Its first input is followed from where it is computed, so that other layers
            that read the same tensor count too. None: the model's input.

    Returns:
        The linear operations, each and jointly.

    Raises:
        InputError: the model fails on such an input, or has no such layer.
        NonLinearFirstError: it reads the tensor with a non-linear operation first, so that nothing of it is provably
            ignored.
    """
    model.eval()
    example = torch.rand(1, *input_shape, generator=torch.Generator().manual_seed(0))
    example = example.to(next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32))
    if layer is None:
        tracer = _run(model, example, Tracer(example))
    else:
        tracer = _run(model, example, _from_layer(model, example, layer))
    where = "the input" if layer is None else f"what enters {layer.removeprefix(_INSIDE)}"
    if not tracer.readers:
        raise InputError(f"the model's output does not depend on {where}; check `input=` and `layer=`")
    shape = item_shape(tracer.root_shape)
    parts = _parts(tracer.readers, shape, where, {address(value): name for name, value in tensors_of(model).items()})
    parts, reading = _told_apart(parts)
    joint = reading[0].operator if len(reading) == 1 else simplified(Stacked([part.operator for part in reading]))
    return Trace(shape, parts, joint)


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of a model by name.

    Args:
        model: any.

    Returns:
        Tensors by their dotted names.
    """
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _operator(chain: Chain, shape: Shape) -> LinearOperator:
    """The steps as one; none at all are the identity."""
    return simplified(Composed(chain.steps) if chain.steps else reshaping(shape, shape))


def _parts(readers: list[Reader], shape: Shape, where: str, names: dict[int, str]) -> tuple[Part, ...]:
    """Each reader by its layer, with a number where a layer is read in several ways."""
    parts: list[Part] = []
    for reader in readers:
        operator = _operator(reader.chain, shape)
        if any(operator is part.operator for part in parts):
            continue  # read before, in another shape
        if keeps_all(operator):
            inside = f" in {reader.layer.removeprefix(_INSIDE)}" if reader.layer else ""
            what = f"{where} is read by {reader.by}{inside} before any linear layer"
            raise NonLinearFirstError(f"{what}, so nothing of it is provably ignored")
        chain = reader.chain
        name = chain.layer or chain.measured or reader.layer or reader.by
        # Weights that are computed anew on each run, as under weight normalisation, are those of the layer.
        below = [weight for weight in names.values() if chain.layer and weight.startswith(f"{chain.layer}.")]
        weights = tuple(sorted(names[place] for place in chain.memory & names.keys())) or tuple(sorted(below))
        same = sum(1 for part in parts if part.name.split("#")[0] == name)
        parts.append(Part(f"{name}#{same + 1}" if same else name, operator, reader.by, weights, _used(chain, names)))
    return tuple(parts)


def _told_apart(parts: tuple[Part, ...]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """The parts, each once, and those of them that read what no other part reads.

    One layer that is read in several ways may be read in the same way twice: these count as one part.
    """
    if len(parts) == 1:
        return parts, parts
    holders = contained([part.operator for part in parts])
    once: dict[int, Part] = {}
    for index, part in enumerate(parts):
        layer = part.name.split("#")[0]
        equal = [
            j for j in holders[index] if index in holders[j] and j < index and parts[j].name.split("#")[0] == layer
        ]
        if equal and equal[0] in once:
            twin = once[equal[0]]
            names = tuple(sorted({*twin.weights, *part.weights}))
            once[equal[0]] = replace(twin, weights=names, used=twin.used | part.used)
        else:
            once[index] = part
    # Of parts that hold one another the first stands for all.
    alone = [i for i in once if not any(j in once and (i not in holders[j] or j < i) for j in holders[i])]
    return tuple(once.values()), tuple(once[i] for i in alone)


def _used(chain: Chain, names: dict[int, str]) -> frozenset[str]:
    """Parameters and buffers by name; of weights that are computed anew on each run, all that their module has."""
    used = {names[place] for place, _ in chain.used if place in names}
    for _, layer in chain.used:
        if layer and not any(name.startswith(f"{layer}.") for name in used):
            used |= {
                name for name in names.values() if name.startswith(f"{layer}.") and "." not in name[len(layer) + 1 :]
            }
            used |= {name for name in names.values() if name.startswith(f"{layer}.parametrizations.")}
    return frozenset(used)


def _run(model: nn.Module, example: Tensor, tracer: Tracer) -> Tracer:
    handles = named(tracer, model)
    output: Any = ()
    try:
        with torch.no_grad(), FollowedRings(), tracer:
            output = model(example)
    except UnknownOperationError:
        pass  # the tracer has seen all that reads its tensor, up to that operation
    except Exception as error:  # whatever a foreign network raises
        raise _cause(model, example, error) from None
    finally:
        for handle in handles:
            handle.remove()
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            tracer.note(leaf, "output")
    return tracer


def _cause(model: nn.Module, example: Tensor, error: Exception) -> GuiseError:
    """What a run without the tracer says: TorchScript loses the message of what fails while it is watched."""
    try:
        with torch.no_grad():
            model(example)
    except Exception as plain:
        error = plain
    return error if isinstance(error, GuiseError) else InputError(failure(error, example.shape[1:]))


def _from_layer(model: nn.Module, example: Tensor, layer: str) -> Tracer:
    """A tracer that starts where the layer's input is computed; a first run finds that place."""
    modules, wanted = dict(model.named_modules()), layer.removeprefix(_INSIDE)
    if layer not in modules or not layer:
        prefix = layer.removesuffix(wanted)
        names = [name.removeprefix(prefix) for name in modules if name.startswith(prefix) and name != prefix]
        close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.4) or [name for name in names if name][:3]
        raise InputError(f"the model has no layer {wanted!r}; did you mean {', '.join(close) or 'another model'}?")
    if isinstance(modules[layer], torch.jit.ScriptModule):
        raise InputError(f"layer {wanted!r} is TorchScript, which cannot be watched; give package.module:factory")
    scout = Tracer(example)
    seen: list[tuple[bool, tuple[int, int] | None]] = []

    def look(_: nn.Module, args: tuple[Any, ...]) -> None:
        if not seen and args and isinstance(args[0], Tensor):
            seen.append((args[0] is example, scout.written.get(args[0])))

    handle = modules[layer].register_forward_pre_hook(look)
    try:
        _run(model, example, scout)
    finally:
        handle.remove()
    if not seen or seen[0] == (False, None):
        raise InputError(f"layer {wanted!r} takes no tensor that the model computes; choose another with `layer=`")
    return Tracer(example, None if seen[0][0] else seen[0][1])
