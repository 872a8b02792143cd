"""Pickles of torch.save without the classes of others: what is no tensor becomes an inert object. No code runs.

`torch.load` reads them with `weights_only=True`. Each class or function that it does not know, such as those of a
training script's settings, gets a stand-in.
"""

from __future__ import annotations

import itertools
import pickle
import pickletools
import re
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_MOST_MAPPINGS = 16
_NO_MAPPING = re.compile(r"Can only SETITEMS? .* but got <class '(.*)'>")
"""Torch's words where something that it does not take for a mapping gets items."""
_LEGACY_PICKLES = 4
"""Before torch 1.6 a file began with a magic number, a version, the system, and then its content."""


class Inert(list[Any]):
    """Stands for an object of somebody else's class; it takes everything and does nothing.

    It is a list because torch lets nothing else be appended to.

    Attributes:
        state: what its maker put into it, where that is a mapping.
    """

    state: Mapping[Any, Any]

    def __new__(cls, *_: object, **__: object) -> Any:
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, Mapping) else {}

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__  # type: ignore[assignment]  # a list has none


class _InertMapping(Inert):
    """Stands for a mapping of somebody else's class."""

    def __new__(cls, *_: object, **__: object) -> Any:
        return OrderedDict()


def read_inert(path: Path) -> Any:
    """The content of a file of torch.save.

    Args:
        path: a ZIP archive, or a file of torch before 1.6.

    Returns:
        Tensors and plain values in mappings and sequences; all else as `Inert`.

    Raises:
        Exception: of almost any kind, where it cannot be read in this way.
    """
    mappings: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        foreign = _foreign(path)
        while True:
            kinds = {name: _InertMapping if name in mappings else Inert for name in foreign}
            stand_ins: list[Any] = [(type(name, (kind,), {"__module__": ""}), name) for name, kind in kinds.items()]
            try:
                with torch.serialization.safe_globals(stand_ins), path.open("rb") as file:  # not told by its suffix
                    return torch.load(file, map_location="cpu", weights_only=True)
            except pickle.UnpicklingError as error:
                told = _NO_MAPPING.search(str(error))
                name = told[1].removeprefix(".") if told else ""
                if name not in foreign or name in mappings or len(mappings) >= _MOST_MAPPINGS:
                    raise
                mappings.add(name)


def module_tensors(module: Inert, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of a network that was saved as a whole, by the names that its state_dict has.

    Args:
        module: in place of the network.
        prefix: of the names.

    Yields:
        Names and tensors; none where it stands for something else.
    """
    for kind in ("_parameters", "_buffers", "_modules"):
        held = module.state.get(kind)
        for name, value in held.items() if isinstance(held, Mapping) else ():
            if isinstance(value, Tensor):
                yield f"{prefix}{name}", value
            elif isinstance(value, Inert):
                yield from module_tensors(value, f"{prefix}{name}.")


def _foreign(path: Path) -> set[str]:
    """Names of all classes and functions in a file, known to torch or not: torch's own are not replaced."""
    try:
        return set(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except ValueError:  # no ZIP archive
        pass
    names = set()
    with path.open("rb") as file:
        for _ in range(_LEGACY_PICKLES):
            operations = itertools.takewhile(lambda each: each[0].name != "STOP", pickletools.genops(file))
            names |= {_of_today(value) for operation, value, _ in operations if operation.name == "GLOBAL"}
    return names


def _of_today(name: Any) -> str:
    """What Python 2 calls __builtin__ xrange is builtins.range, and so on; pickles have the old names."""
    module, _, own = str(name).partition(" ")
    module, own = NAME_MAPPING.get((module, own), (IMPORT_MAPPING.get(module, module), own))
    return f"{module}.{own}"
