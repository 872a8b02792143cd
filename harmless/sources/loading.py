"""Load what a `Source` describes: a recogniser of ours, a torchvision or timm name, a file, or a factory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from torch import nn
from torch.nn.parameter import is_lazy

from guise.harmless.sources.construction import draw_zeros
from guise.harmless.sources.factory import from_factory, names_factory
from guise.harmless.sources.files import from_file, load_weights, names_file
from guise.harmless.sources.libraries import TIMM, from_timm, from_torchvision
from guise.harmless.sources.pixel_model import JointModel, PixelModel
from guise.harmless.sources.preprocessing import parse
from guise.harmless.sources.source import DEFAULT_INPUT, LoadedModel, Network, Source, check_shape
from guise.models.errors import InputError, WeightsError
from guise.models.files import printable
from guise.models.recognisers import registry
from guise.models.recognisers.loading import load_recogniser
from guise.models.watching import Announce


def load(source: Source, *, announce: Announce | None = None) -> LoadedModel:
    """The model that `source` describes.

    Args:
        source: which model, and how.
        announce: called with one line (what, size, origin) before a download starts.

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
    shape = tuple(source.input_shape or network.input_shape or DEFAULT_INPUT)
    return prepared(network, name, shape, source.preprocess)


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


def prepared(network: Network, name: str, shape: tuple[int, ...], preprocess: str) -> LoadedModel:
    """A network as a model that takes photos in [0, 255].

    Args:
        network: changed in place: to evaluation mode, without gradients of its weights.
        name: what the user calls it.
        shape: of the photos.
        preprocess: what the user adds to the network's own preprocessing.

    Returns:
        The model.

    Raises:
        InputError: the shape or the preprocessing is wrong.
        WeightsError: a weight is not finite.
    """
    check_shape(shape)
    _check_finite(network.network, name)
    steps = parse(preprocess, start=network.preprocessing)
    model = PixelModel(network.network, steps, embeds=network.embeds).eval().requires_grad_(False)
    return LoadedModel(model, shape, (name,))


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
    return LoadedModel(JointModel(models).eval(), loaded[0].input_shape, names)


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
        if Path(name).suffix.lower() == ".onnx" and not (source.input_shape or network.input_shape):
            raise InputError(f"{printable(name)} leaves the size of its input open; give it with `input=`")
        return network
    if name.startswith(TIMM):
        network = from_timm(source)
    elif names_factory(name):
        network = Network(from_factory(name))
    else:
        network = from_torchvision(source, announce=announce)
    if source.weights == "random" and not names_factory(name):
        draw_zeros(network.network)
    if source.weights not in ("random", "pretrained"):
        load_weights(network.network, Path(source.weights))
    return network


def _check_finite(network: nn.Module, name: str) -> None:
    """Raise WeightsError where a weight is NaN or infinite; attention masks, which are buffers, may hold -inf."""
    parameters, buffers = network.named_parameters(), network.named_buffers()
    wrong = [key for key, value in parameters if not is_lazy(value) and not bool(value.isfinite().all())]
    wrong += [key for key, value in buffers if not is_lazy(value) and bool(value.isnan().any())]
    if wrong:
        raise WeightsError(f"{printable(name)} holds values that are not finite, in {wrong[0]}; name sound weights")
