"""`adapter inspect` and `adapter project`: what of a fine-tuned update lies where an alignment moved the weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from guise.harmless.adapters.peft_files import Adapter, LoraLayer, read_adapter, write_adapter
from guise.harmless.adapters.subspace import AlignedSubspace, Projection, share
from guise.harmless.adapters.weights import StreamedWeights
from guise.harmless.fingerprints.files import check_new
from guise.models.errors import InputError, WeightsError
from guise.models.files import check_output_folder, check_writable, printable
from guise.models.watching import Progress


@dataclass(frozen=True)
class AdaptedLayer:
    """One layer of an adapter.

    Attributes:
        name: of the layer in the model.
        cosine: of the angle between its update and the update's projection.
        energy: of the projection, as a share of the update's.
        rank: dimensions of the subspace; None for the paper's projection.
        outputs: dimensions of the layer's output, in which the subspace lies.
        projected: the update is replaced by its projection.
        cosine_after: as `cosine`, measured on what is written; None where the layer stays.
    """

    name: str
    cosine: float
    energy: float
    rank: int | None
    outputs: int
    projected: bool = False
    cosine_after: float | None = None


@dataclass(frozen=True)
class AdapterReport:
    """What of an adapter lies in the aligned subspace.

    Attributes:
        projection: "orthogonal" or "paper".
        threshold: layers below it are projected; None where the lowest ones are, by their number.
        layers: in the adapter's order.
        others: tensors of the adapter that update no matrix; they are left as they are.
    """

    projection: Projection
    threshold: float | None
    layers: tuple[AdaptedLayer, ...]
    others: tuple[str, ...]

    def to_json(self) -> str:
        """All numbers as JSON, as `guise harmless adapter inspect --json` prints them."""
        return json.dumps(asdict(self), indent=1, allow_nan=False)


def project_adapter(
    adapter: str | Path,
    *,
    base: str | Path,
    aligned: str | Path,
    out: str | Path | None = None,
    projection: Projection = "orthogonal",
    threshold: float = 0.5,
    lowest: int | None = None,
    energy: float | None = None,
    progress: Progress | None = None,
) -> AdapterReport:
    """Measure an adapter's updates against the subspace of an alignment, and replace those that leave it.

    For each adapted layer V = W_aligned - W_base. Layers whose update and its projection onto V's column space are
    further apart than `threshold`, or the `lowest` ones, get the projection. Weights are read layer by layer.
    Source: Hsu et al., "Safe LoRA", NeurIPS 2024.

    Args:
        adapter: folder as PEFT's `save_pretrained` writes it, of plain LoRA.
        base: folder with the safetensors of the model before its alignment.
        aligned: folder with those after it.
        out: a new folder for the adapter; None: only measure.
        projection: "orthogonal" (a true projector) or "paper" (V V^T / |V|_F). See `AlignedSubspace`.
        threshold: of the cosine, in [0, 1].
        lowest: project so many layers with the lowest cosine instead.
        energy: rank rule of the orthogonal projection, and of no other; see `AlignedSubspace`.
        progress: called after each layer.

    Returns:
        The share of each layer, and which layers are projected.

    Raises:
        InputError: a folder is not what it should be, a layer is in no model, shapes differ, or an option is out of
            range.
        WeightsError: a file is damaged.
        OutputError: a file cannot be written.
    """
    for option, value in (("threshold", threshold), ("energy", energy)):
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"`{option}={value:g}` is no share; give a number from 0 to 1")
    if energy is not None and projection != "orthogonal":
        raise InputError(f"`energy={energy:g}` counts directions of the orthogonal projection; leave one of them out")
    read = read_adapter(Path(adapter))
    if out is not None:
        _check_out(read, (Path(base), Path(aligned)), Path(out))
    models = StreamedWeights(Path(base)), StreamedWeights(Path(aligned))
    names = [_names(read, layer, models) for layer in read.layers]
    layers, moved = [], {}
    for number, (layer, own) in enumerate(zip(read.layers, names, strict=True), 1):
        measured, moved[layer.name] = _measure(read, layer, own, models, projection, energy)
        layers.append(measured)
        if progress is not None:
            progress("layers", number, len(names))
    if all(each.energy == 0 for each in layers):
        pair = f"{printable(base)} and {printable(aligned)}"
        raise InputError(f"no update lies in what separates {pair}; name the models before and after the alignment")
    ordered = sorted(layers, key=lambda each: each.cosine)
    chosen = {
        each.name for each in (layers if lowest is None else ordered[:lowest]) if lowest or each.cosine < threshold
    }
    done = tuple(
        replace(each, projected=True, cosine_after=moved[each.name][1]) if each.name in chosen else each
        for each in layers
    )
    report = AdapterReport(projection, None if lowest is not None else threshold, done, read.others)
    if out is not None:
        tensors = {layer.b: moved[layer.name][0] for layer in read.layers if layer.name in chosen}
        write_adapter(read, tensors, Path(out), report.to_json())
    return report


def _names(adapter: Adapter, layer: LoraLayer, models: tuple[StreamedWeights, StreamedWeights]) -> tuple[str, str]:
    found = []
    for model in models:
        name = model.find(f"{layer.name}.weight")
        if name is None:
            what = f"{printable(model.place)} has no {layer.name}.weight, which {printable(adapter.folder)} adapts"
            raise InputError(f"{what}; name the model that the adapter was made for")
        found.append(name)
    return found[0], found[1]


def _measure(
    adapter: Adapter,
    layer: LoraLayer,
    names: tuple[str, str],
    models: tuple[StreamedWeights, StreamedWeights],
    projection: Projection,
    energy: float | None,
) -> tuple[AdaptedLayer, tuple[Tensor, float]]:
    """The layer's shares, its projected B as it would be written, and the cosine of that."""
    base, aligned = (model.get(name) for model, name in zip(models, names, strict=True))
    a, b = adapter.tensors[layer.a], adapter.tensors[layer.b]
    places = (*(model.place for model in models), adapter.folder, adapter.folder)
    for tensor, name, place in zip((base, aligned, a, b), (*names, layer.a, layer.b), places, strict=True):
        _check_sound(tensor, f"{name} of {printable(place)}")
    if adapter.transposed:
        base, aligned = base.T, aligned.T
    if base.shape != aligned.shape or (b.shape[0], a.shape[1]) != tuple(base.shape):
        sizes = ", ".join("x".join(map(str, shape)) for shape in (base.shape, aligned.shape, (b.shape[0], a.shape[1])))
        what = f"{layer.name} is of different sizes in the base, the aligned model and the adapter: {sizes}"
        raise InputError(f"{what}; name the models that the adapter was made for")
    space = AlignedSubspace(base, aligned, projection=projection, energy=energy)
    inside = space.project(b)
    before = share(a, b, inside)
    written = inside.to(b.dtype)
    after = share(a, written, space.project(written))
    measured = AdaptedLayer(layer.name, before.cosine, before.energy, space.rank, len(base))
    return measured, (written, after.cosine)


def _check_sound(tensor: Tensor, what: str) -> None:
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise InputError(f"{what} is {kind}, as quantised models have it; name the model in floating point")
    if not bool(tensor.float().isfinite().all()):
        raise WeightsError(f"{what} holds values that are not finite; name sound weights")


def _check_out(adapter: Adapter, models: tuple[Path, ...], out: Path) -> None:
    check_new(out)
    for what, folder in (("adapter", adapter.folder), *(("model", model) for model in models)):
        if folder.is_dir():
            check_output_folder(folder, out, what=what)
    check_writable(out)
