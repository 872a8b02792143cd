"""Which tensors of a checkpoint belong to which of a network, though trainers put prefixes before their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]

ABSENT = "is not in it as a tensor"

_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What torch puts anywhere into names, at each module that it compiles or wraps."""
_FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2)
_SCALES = ("_scale", "_scale_inv")
"""What follows a quantised tensor's name in that of its scales."""
_FIRST = ("", "state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights")
_LAST = ("student", "momentum", "encoder_k", "target")
"""Which table or prefix counts where several fit alike: those of `_FIRST`, then any, then those of `_LAST`, because a
self-distilled model's teacher is meant before its student, for example."""


@dataclass(frozen=True)
class Fit:
    """What of a checkpoint goes into a network.

    Attributes:
        table: where the table lies in the file, with the prefix of its names where another one fits too.
        tensors: what fits, by the network's names.
        faults: why each other tensor of the network got nothing, in a few words.
        rivals: other tables and prefixes that fit as well.
    """

    table: str
    tensors: dict[str, Tensor]
    faults: dict[str, str]
    rivals: tuple[str, ...] = ()


def fit(tables: Mapping[str, Tensors], network: Tensors) -> Fit:
    """The table, and the prefix of its names, of which most fit a network.

    Args:
        tables: of a file, by where they lie in it.
        network: what the network wants, by its names.

    Returns:
        The best fit. Its `tensors` are empty where no name fits.
    """
    fits = [_fit_table(place, table, network) for place, table in tables.items()]
    most = max(len(each.tensors) for each in fits)
    best = sorted((each for each in fits if len(each.tensors) == most), key=lambda each: _order(each.table))
    chosen = best[0]
    rivals = tuple(name for each in best for name in (each.table, *each.rivals) if name != chosen.table)
    return Fit(chosen.table, chosen.tensors, chosen.faults, rivals)


def _order(place: str) -> int:
    parts = place.strip(".").split(".")
    if any(word in part for part in parts for word in _LAST):
        return len(_FIRST) + 1
    return _FIRST.index(parts[-1]) if parts[-1] in _FIRST else len(_FIRST)


def _fit_table(place: str, table: Tensors, network: Tensors) -> Fit:
    plain = {_unwrapped(name): tensor for name, tensor in table.items()}
    wanted = {_unwrapped(name): name for name in network}
    counts = {pair: _matches(plain, wanted, network, *pair) for pair in _prefixes(plain, wanted)}
    best = [pair for pair, count in counts.items() if count == max(counts.values())]
    cut, added = min(best, key=lambda pair: (_order(pair[0]), len(pair[0] + pair[1])))
    cuts = {pair[0] for pair in best} - {cut} if max(counts.values()) else set()
    named = {added + name.removeprefix(cut): tensor for name, tensor in plain.items() if name.startswith(cut)}
    tensors, faults = {}, {}
    for short, name in wanted.items():
        given = named.get(short)
        fault = ABSENT if given is None else _fault(given, network[name])
        if given is not None and given.dtype in _FLOAT8 and any(f"{short}{end}" in named for end in _SCALES):
            fault = "is quantised in it, with scales that are not applied here"
        if given is None or fault:
            faults[name] = fault
        else:
            tensors[name] = given
    own, *rivals = [".".join(filter(None, (place, each.strip(".")))) for each in (cut, *sorted(cuts))]
    return Fit(own if rivals else place, tensors, faults, tuple(rivals))


def _unwrapped(name: str) -> str:
    name = name.replace("/", ".")  # as other libraries part names
    for wrapper in _WRAPPERS:
        name = name.replace(wrapper, "")
    return name


def _prefixes(given: Iterable[str], wanted: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs (what to cut off the file's names, what to put before the rest) under which some names agree."""
    given, wanted = list(given), list(wanted)
    pairs = Counter({("", ""): 0})
    endings: dict[str, list[str]] = {}
    for name in wanted:
        for ending in _endings(name):
            endings.setdefault(ending, []).append(name)
    for name in given:
        for ending in _endings(name):  # the longest first: more of the names agrees
            if ending in endings:
                for other in endings[ending][:8]:
                    pairs[name[: -len(ending)], other[: -len(ending)]] += 1
                break
    return [pair for pair, _ in pairs.most_common(16)] + [("", "")]


def _endings(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[index:]) for index in range(len(parts))]


def _matches(given: Tensors, wanted: Mapping[str, str], network: Tensors, cut: str, added: str) -> int:
    count = 0
    for name, tensor in given.items():
        own = wanted.get(added + name.removeprefix(cut)) if name.startswith(cut) else None
        count += own is not None and not _fault(tensor, network[own])
    return count


def _fault(given: Tensor, wanted: Tensor) -> str:
    if _size(given) != _size(wanted):
        return f"is of {_size(given)} in it, of {_size(wanted)} in the network"
    if given.is_meta:
        return "has no values in it, as it was saved from the device meta"
    if given.layout != torch.strided:
        return f"is {str(given.layout).removeprefix('torch.')} in it, which the network does not take"
    if given.is_floating_point() != wanted.is_floating_point():
        return f"is {str(given.dtype).removeprefix('torch.')} in it, which the network does not take"
    return ""


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"
