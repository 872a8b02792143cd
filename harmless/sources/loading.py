"""Load what a `Source` describes: a recogniser of ours, a torchvision or timm name, a file, or a factory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from torch import nn

from guise.harmless.sources.construction import draw_zeros, materialise
from guise.harmless.sources.factory import from_factory, names_factory
from guise.harmless.sources.files import from_file, load_weights, names_file
from guise.harmless.sources.libraries import TIMM, from_timm, from_torchvision
from guise.harmless.sources.pixel_model import JointModel, PixelModel
from guise.harmless.sources.preprocessing import check_steps, parse
from guise.harmless.sources.source import DEFAULT_INPUT, LoadedModel, Network, Source, channels_last
from guise.models.errors import InputError, WeightsError
from guise.models.files import printable
from guise.models.formats.inputs import Input
from guise.models.formats.onnx import OnnxNetwork
from guise.models.recognisers import registry
from guise.models.recognisers.loading import load_recogniser
from guise.models.watching import Announce


def load(source: Source, *, announce: Announce | None = None, partly: bool = False) -> LoadedModel:
    """The model that `source` describes.

    Args:
        source: which model, and how.
        announce: called with one line before a download starts, or where a file of weights holds several models.
        partly: a file of weights may leave some of the network's tensors as they are; `LoadedModel.check_weights` tells
            which.

    Returns:
        The model, ready to take photos.

    Raises:
        InputError: there is no such model, or the settings do not fit it.
        WeightsError: weights are missing, damaged, or do not fit.
        OfflineError: weights would have to be fetched.
    """
    name = source.model
    own = name in registry.RECORDS or names_file(name)
    if source.weights != "random" and (own or (source.weights == "pretrained" and names_factory(name))):
        raise InputError(f"`weights={source.weights}` has no effect on {name}, which brings its own: leave it out")
    network = _network(source, announce)
    known = network.input_shape
    if known and known[0] == 1 and len(known) == 3 and parse(source.preprocess).channels == 1:
        known = (3, *known[1:])  # of the photo that is turned grey
    shape = tuple(source.input_shape or known or DEFAULT_INPUT)
    loaded = prepared(network, name, shape, source, announce=announce)
    if not partly:
        loaded.check_weights()
    return loaded


def load_jointly(sources: Sequence[Source], *, announce: Announce | None = None) -> LoadedModel:
    """One model, or several that are to read the same photos.

    Args:
        sources: at least one.
        announce: as of `load`.

    Returns:
        The model; a `JointModel` where there are several.

    Raises:
        InputError: as of `load`, or the models take photos of different sizes.
        WeightsError: as of `load`.
        OfflineError: as of `load`.
    """
    return joined([load(source, announce=announce) for source in sources])


def prepared(
    network: Network, name: str, shape: tuple[int, ...], source: Source, *, announce: Announce | None = None
) -> LoadedModel:
    """A network as a model that takes photos in [0, 255].

    Args:
        network: changed in place: its lazy layers get weights, then those of a file; evaluation mode, no gradients.
        name: what the user calls it.
        shape: of the photos.
        source: what the user adds to the network's own preprocessing, and the weights.
        announce: as of `load`.

    Returns:
        The model.

    Raises:
        InputError: the shape or the preprocessing is wrong.
        WeightsError: a weight is not finite, or no tensor of a file fits.
    """
    last = channels_last(shape) and shape != network.input_shape
    shape = (shape[2], *shape[:2]) if last else shape
    steps = parse(source.preprocess, start=network.preprocessing)
    check_steps(steps, shape)
    model = PixelModel(
        network.network, steps, embeds=network.embeds, channels_last=last and not _turns(network.network)
    )
    materialise(network.network, model, shape)
    if network.drawn:
        draw_zeros(network.network)
    unfit: dict[str, str] = {}
    if source.weights not in ("random", "pretrained"):
        unfit = load_weights(network.network, Path(source.weights), announce=announce)
    _check_finite(network.network, name)
    model = model.eval().requires_grad_(False)
    return LoadedModel(model, shape, (name,), {f"network.{tensor}": fault for tensor, fault in unfit.items()})


def joined(loaded: Sequence[LoadedModel]) -> LoadedModel:
    """Several models as one that reads the photo for all of them; one alone is given back.

    Args:
        loaded: at least one. A joint model among several counts as the models that it stands for.

    Returns:
        The joint model.

    Raises:
        InputError: the models take photos of different sizes.
    """
    if len(loaded) == 1:
        return loaded[0]
    shapes = {model.input_shape for model in loaded}
    if len(shapes) != 1:
        sizes = " and ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        what = f"the models take photos of {sizes}, and only models that take the same photos go together"
        raise InputError(f"{what}: name others, or give `input=` where a model takes any size")
    models = [part for model in loaded for part in _parts(model.model)]
    names = tuple(name for model in loaded for name in model.names)
    return LoadedModel(JointModel(models).eval(), loaded[0].input_shape, names, _unfit(loaded))


def _unfit(loaded: Sequence[LoadedModel]) -> dict[str, str]:
    """The faults of all models by the names that their tensors have in the joint one."""
    faults: dict[str, str] = {}
    place = 0
    for model in loaded:
        for name, fault in model.unfit.items():
            number, rest = (0, name) if isinstance(model.model, PixelModel) else _numbered(name)
            faults[f"models.{place + number}.{rest}"] = fault
        place += len(_parts(model.model))
    return faults


def _numbered(name: str) -> tuple[int, str]:
    _, number, rest = name.split(".", 2)
    return int(number), rest


def _parts(model: PixelModel | JointModel) -> list[PixelModel]:
    """The models that a model stands for: itself, where it is a single one."""
    return [model] if isinstance(model, PixelModel) else cast("list[PixelModel]", list(model.models))


def _network(source: Source, announce: Announce | None) -> Network:
    name = source.model
    if name in registry.RECORDS:
        recogniser = load_recogniser(name, offline=source.offline, announce=announce)
        side = recogniser.record.input_size
        return Network(recogniser, input_shape=(3, side, side), embeds=True)
    if names_file(name):
        network = from_file(Path(name))
        if isinstance(network.network, OnnxNetwork) and not (source.input_shape or network.input_shape):
            raise InputError(f"{printable(name)} leaves the size of its input open; give it with `input=`")
        return network
    if name.startswith(TIMM):
        network = from_timm(source)
    elif names_factory(name):
        network = Network(from_factory(name))
    else:
        network = from_torchvision(source, announce=announce)
    return replace(network, drawn=source.weights == "random" and not names_factory(name))


def _turns(network: nn.Module) -> bool:
    """Whether a network takes channels first whatever its file says: it turns the photo itself."""
    photo = getattr(network, "photo", None)
    return isinstance(photo, Input) and photo.channels_last


def _check_finite(network: nn.Module, name: str) -> None:
    """Raise WeightsError where a weight is NaN or infinite; attention masks, which are buffers, may hold -inf."""
    parameters, buffers = network.named_parameters(), network.named_buffers()
    wrong = [key for key, value in parameters if not bool(value.isfinite().all())]
    wrong += [key for key, value in buffers if bool(value.isnan().any())]
    if wrong:
        raise WeightsError(f"{printable(name)} holds values that are not finite, in {wrong[0]}; name sound weights")
