"""Models of torchvision and timm by name, with the size and the normalisation that they are trained for."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from guise.harmless.sources.construction import constructing
from guise.harmless.sources.preprocessing import Preprocessing
from guise.harmless.sources.source import Network, Source
from guise.models.errors import InputError, OfflineError, WeightsError
from guise.models.recognisers import registry
from guise.models.watching import Announce
from guise.models.weights.download import readable_size

TIMM = "timm:"
_HUBS = ("hf-hub:", "hf_hub:", "hf:", "huggingface:", "hub:", "https://huggingface.co/", "timm/")
"""How other tools name models of a hub."""


def from_torchvision(source: Source, *, announce: Announce | None = None) -> Network:
    """The torchvision model called `source.model`.

    Args:
        source: which model, and whether with its pretrained weights.
        announce: called with one line (what, size, origin) before a download starts.

    Returns:
        The model, the normalisation of its weights (whether they are used or not), and the size that they take.

    Raises:
        InputError: there is no such model.
        OfflineError: the weights would have to be fetched.
        WeightsError: the model cannot be made.
    """
    from torchvision import models as zoo

    name, pretrained = source.model, source.weights == "pretrained"
    if name not in zoo.list_models(module=zoo):
        known = [*zoo.list_models(module=zoo), *registry.RECORDS]
        near = difflib.get_close_matches(_bare(name).replace("-", "_").lower(), known, n=3) + _in_timm(name)
        hint = (
            f"did you mean {', '.join(near)}?" if near else "name a torchvision model, a file or package.module:factory"
        )
        raise InputError(f"no model is called {name!r}; {hint}")
    weights = zoo.get_model_weights(name).DEFAULT
    if pretrained and not (Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name).is_file():
        if source.offline:
            raise OfflineError(f"the weights of {name} are not here and `offline=True` forbids to fetch {weights.url}")
        if announce:
            announce(f"{name}: {readable_size(round(weights.meta['_file_size'] * 2**20))}, from {weights.url}")
    with constructing(f"{name} cannot be made", "try `weights=random`", WeightsError):
        network: nn.Module = zoo.get_model(name, weights=weights if pretrained else None)
    preset = weights.transforms()
    side = getattr(network, "image_size", preset.crop_size[0])  # a transformer's own, which may differ without weights
    return Network(network, Preprocessing(mean=tuple(preset.mean), std=tuple(preset.std)), (3, side, side))


def from_timm(source: Source) -> Network:
    """The timm model that follows `timm:` in `source.model`.

    Args:
        source: which model, and whether with its pretrained weights.

    Returns:
        The model, its normalisation and the size that it takes.

    Raises:
        InputError: timm is not installed, or has no such model.
        OfflineError: the weights might have to be fetched.
        WeightsError: the model cannot be made.
    """
    name, pretrained = source.model, source.weights == "pretrained"
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError:
        raise InputError(f'{name} is a model of timm; run `pip install "guise[timm]"` to use it') from None
    wanted = name.removeprefix(TIMM)
    if not timm.is_model(wanted):
        near = _in_timm(wanted)
        hint = f"did you mean {', '.join(near)}?" if near else "see timm.list_models()"
        raise InputError(f"timm has no model {wanted!r}; {hint}")
    if pretrained and source.offline:
        raise OfflineError(f"`offline=True` forbids to look for weights of {name}: name a file with `weights=`")
    with constructing(f"{name} cannot be made", "try `weights=random`", WeightsError):
        network: nn.Module = timm.create_model(wanted, pretrained=pretrained)
    known = timm.data.resolve_model_data_config(network)
    return Network(network, Preprocessing(mean=known["mean"], std=known["std"]), known["input_size"])


def names_hub(name: str) -> bool:
    """Whether a name is one of a model on a hub, as other tools write it.

    Args:
        name: as the user gave it.

    Returns:
        True for names such as hf:timm/vit_tiny_patch16_224.
    """
    return name.startswith(_HUBS)


def _bare(name: str) -> str:
    """The model in a name of a hub: what follows the last slash, without what was put before it."""
    return name.rpartition("/")[2].rpartition(":")[2]


def _in_timm(name: str) -> list[str]:
    """Names of timm close to one of a hub or of the user's; none where timm is not installed."""
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError:
        return []
    model, _, tag = _bare(name).partition(".")
    names = timm.list_models()
    exact = [f"{model}.{tag}"] if tag and f"{model}.{tag}" in timm.list_pretrained(f"{model}.*") else []
    close = exact or ([model] if model in names else difflib.get_close_matches(model, names, n=3))
    return [f"{TIMM}{each}" for each in close]
