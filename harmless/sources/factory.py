"""Models that the user's own code makes: package.module:factory, looked up in the current folder first."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from torch import nn

from guise.harmless.sources.construction import constructing
from guise.harmless.sources.libraries import TIMM, names_hub
from guise.models.errors import InputError


def names_factory(name: str) -> bool:
    """Whether `name` means a factory, such as models.resnet:build.

    Args:
        name: as the user gave it.

    Returns:
        True for names with a colon that are none of timm's or a hub's.
    """
    return ":" in name and not name.startswith(TIMM) and not names_hub(name)


def from_factory(name: str) -> nn.Module:
    """What a factory gives when it is called without arguments.

    Args:
        name: package.module:factory.

    Returns:
        The network.

    Raises:
        InputError: there is no such factory, it fails, or it gives no module.
    """
    module, _, attribute = name.partition(":")
    _look_here_first()
    with constructing(f"{name} cannot be called", "name an importable package.module:factory", InputError):
        network = getattr(importlib.import_module(module), attribute)()
    if not isinstance(network, nn.Module):
        raise InputError(f"{name} gives {type(network).__name__}, not a torch.nn.Module; name a factory of one")
    return network


def _look_here_first() -> None:
    """Put the current folder first on the import path, where `python -m` has it and an installed command has not.

    It stays there: the user's code may import more when it runs. It comes first because other folders on the path may
    hold packages of the same name, such as `models`.
    """
    here = str(Path.cwd())
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
