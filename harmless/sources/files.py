"""Models and weights from files, of which none runs code."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from guise.harmless.sources.source import Network
from guise.models.errors import InputError, WeightsError
from guise.models.files import printable
from guise.models.formats import network_file
from guise.models.formats.checkpoint import missing_shards, read_tables
from guise.models.formats.fitting import ABSENT, fit
from guise.models.watching import Announce

_SUFFIXES = (".onnx", ".pt", ".pt2", ".ts", ".pth", ".th", ".bin", ".safetensors")


def names_file(name: str) -> bool:
    """Whether `name` means a file: by its suffix, or because there is such a file.

    Args:
        name: as the user gave it.

    Returns:
        True for a file, there or missing.
    """
    return Path(name).suffix.lower() in _SUFFIXES or Path(name).is_file()


def from_file(path: Path) -> Network:
    """The network in an ONNX, TorchScript or torch.export file.

    Args:
        path: the file.

    Returns:
        The network, and the shape that it takes where the file says so.

    Raises:
        InputError: there is no such file.
        WeightsError: it holds no network.
    """
    _check_exists(path, "name a model file")
    read = network_file.load(path)
    return Network(read.network, input_shape=read.input_shape)


def load_weights(network: nn.Module, path: Path, *, announce: Announce | None = None) -> dict[str, str]:
    """Put the tensors of a file into a network, as far as they fit.

    Args:
        network: changed in place.
        path: whatever `guise.models.formats.checkpoint.read_tables` reads.
        announce: called with one line where the file holds several models that fit.

    Returns:
        Why a tensor of the network stayed as it was, by its name: one line each.

    Raises:
        InputError: there is no such file.
        WeightsError: it is no file of weights, cannot be loaded without running code, or nothing in it fits.
    """
    state = {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}
    tables = read_tables(path)
    best = fit(tables, state)
    what = f"{printable(path)} does not fit {type(network).__name__}"
    remedy = missing_shards(path) or "name weights of this network"
    if state and not best.tensors:
        held = ", ".join([name for table in tables.values() for name in table][:3])
        fault = next((f"{name} {fault}" for name, fault in best.faults.items() if fault != ABSENT), None)
        told = fault or f"it holds {printable(held)} and such, not {', '.join(list(state)[:3])}"
        raise WeightsError(f"{what}: {told}; {remedy}")
    if best.rivals and announce:
        others = ", ".join(printable(rival or "its first level") for rival in best.rivals)
        announce(
            f"{printable(path)} holds {others} too; what lies in {printable(best.table or 'its first level')} is read"
        )
    network.load_state_dict(best.tensors, strict=False)
    given = {state[name].untyped_storage().data_ptr() for name in best.tensors}
    return {
        name: f"{what}: {name} {fault}; {remedy}"
        for name, fault in best.faults.items()
        if state[name].untyped_storage().data_ptr() not in given and not name.endswith("num_batches_tracked")
    }


def _check_exists(path: Path, remedy: str) -> None:
    if not path.is_file():
        raise InputError(f"{printable(path)} {'is no file' if path.exists() else 'does not exist'}; {remedy}")
