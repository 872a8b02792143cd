"""What every job takes: a model or several, and how to load them, by keywords with the names of the flags."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from torch import nn

from guise.harmless.sources.loading import joined, load, prepared
from guise.harmless.sources.source import DEFAULT_INPUT, LoadedModel, Network, Source, check_photo_shape, parse_shape
from guise.models.errors import InputError
from guise.models.watching import Announce

Model = str | nn.Module | LoadedModel
"""A name as on the command line (see `Source`), a module of your own, or a model that `load` gave."""
Models = Model | Sequence[Model]
"""One model, or several that are to read the same photos."""


class LoadOptions(TypedDict, total=False):
    """How to load a model; each option counts for all models of a call.

    Attributes:
        weights: "random" (the default), "pretrained", or a file, for a torchvision name, a timm name or a factory.
        input: shape of the photos, "3x224x224" or (3, 224, 224); by default what the model is known to take, else
            3x224x224.
        preprocess: what happens to a photo before the model, such as "resize=256,crop=224,imagenet". Torchvision's and
            timm's models bring their normalisation along.
        offline: open no connection.
        announce: called with one line before a download starts.
    """

    weights: str | Path
    input: str | Sequence[int] | None
    preprocess: str
    offline: bool
    announce: Announce | None


def load_models(model: Models, *, partly: bool = False, **options: Unpack[LoadOptions]) -> LoadedModel:
    """One model, or several that are to read the same photos.

    Args:
        model: names as on the command line, modules, or loaded models. A module is copied, never changed.
        partly: it is only looked at: a file of weights may leave tensors as they are (see `load`), and the model may
            take other tensors than photos.
        **options: see `LoadOptions`.

    Returns:
        The model; a `JointModel` where there are several.

    Raises:
        InputError: there is no such model, an option does not fit it, or the models take photos of different sizes.
        WeightsError: weights are missing, damaged, or do not fit.
        OfflineError: weights would have to be fetched.
    """
    known = list(LoadOptions.__annotations__)
    for name in set(options) - set(known):
        close = difflib.get_close_matches(name, known, n=1) or [", ".join(known)]
        raise TypeError(f"there is no option {name!r} for loading a model: did you mean {close[0]}?")
    models = [model] if isinstance(model, str | nn.Module | LoadedModel) else list(model)
    if not models:
        raise InputError("no model is named: give at least one with `model=`")
    size = options.get("input")
    shape = parse_shape(size) if isinstance(size, str) else None if size is None else tuple(size)
    loaded = joined([_load(each, shape, options) for each in models])
    if not partly:
        loaded.check_weights()
        check_photo_shape(loaded.input_shape)
    return loaded


def _load(model: Model, shape: tuple[int, ...] | None, options: LoadOptions) -> LoadedModel:
    weights, preprocess = str(options.get("weights", "random")), options.get("preprocess", "")
    if isinstance(model, str):
        source = Source(model, weights, shape, preprocess, options.get("offline", False))
        return load(source, announce=options.get("announce"), partly=True)
    if isinstance(model, LoadedModel):
        if weights != "random" or preprocess or shape not in (None, model.input_shape):
            raise InputError("`weights=`, `input=` and `preprocess=` have no effect on a loaded model: leave them out")
        return model
    name = type(model).__name__
    if weights != "random":
        raise InputError(f"`weights={weights}` has no effect on a module, {name}, which brings its own: leave it out")
    source = Source(name, preprocess=preprocess)
    return prepared(Network(copy.deepcopy(model)), name, shape or DEFAULT_INPUT, source)
