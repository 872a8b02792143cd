"""Load a recogniser by its name, or from a file of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from guise.models.devices import best_device
from guise.models.errors import InputError, WeightsError
from guise.models.files.names import printable
from guise.models.networks.frozen import frozen
from guise.models.places import cache_folder
from guise.models.recognisers import frbench, registry
from guise.models.recognisers.recogniser import Recogniser
from guise.models.recognisers.record import Record
from guise.models.weights import release, weight_file
from guise.models.weights.cache import sha256_of
from guise.models.weights.download import BytesProgress


def load_recogniser(
    name: str,
    *,
    device: str | torch.device = "cpu",
    offline: bool = False,
    progress: BytesProgress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Recogniser:
    """Load one recogniser, frozen and in evaluation mode.

    Args:
        name: a name in `registry.RECORDS`, or `file:PATH` for the user's own (see `custom`).
        device: where it computes, such as "cpu" or "cuda"; "auto" takes a GPU where there is one.
        offline: never open a socket.
        progress: called with bytes so far and bytes in all while weights are downloaded.
        announce: called with one line (what, size, licence, origin) before a download starts.

    Returns:
        The recogniser, on `device`.

    Raises:
        InputError: there is no such recogniser, device or file, or its card is wrong.
        OfflineError: the weights would have to be fetched, and that is not allowed or not possible.
        WeightsError: the weights are missing, damaged or not the expected ones.
    """
    if name.startswith("file:"):
        from guise.models.recognisers import custom

        network, record = custom.load(Path(name.removeprefix("file:")))
        device = best_device(str(device))
    else:
        record = registry.get(name)
        device = best_device(str(device))  # before a long download
        if record.source == "release":
            frbench.check_installed(name)
        path = weight_file.obtain(record, offline=offline, progress=progress, announce=announce)
        if record.source == "release":
            network, record = _released(path, record)
        else:
            network = _BUILDERS[record.network](path, record)
    recogniser = Recogniser(frozen(network), record).eval().requires_grad_(False).to(device)
    # On CPUs this layout is up to four times faster, above all with depthwise convolutions. FRBench's cannot take it.
    return recogniser if record.source == "release" else recogniser.to(memory_format=torch.channels_last)


def load_recognisers(
    names: Iterable[str],
    *,
    device: str | torch.device = "cpu",
    offline: bool = False,
    progress: BytesProgress | None = None,
    announce: Callable[[str], None] | None = None,
) -> list[Recogniser]:
    """Load several recognisers, each name once.

    Args:
        names: as `load_recogniser` takes them; repeated names count once.
        device: as in `load_recogniser`.
        offline: as in `load_recogniser`.
        progress: as in `load_recogniser`.
        announce: as in `load_recogniser`.

    Returns:
        The recognisers, in the order of their names.

    Raises:
        InputError: as in `load_recogniser`, or two recognisers have one name.
        OfflineError, WeightsError: as in `load_recogniser`.
    """
    chosen = {
        name: load_recogniser(name, device=device, offline=offline, progress=progress, announce=announce)
        for name in dict.fromkeys(names)
    }
    check_distinct(chosen)
    return list(chosen.values())


def check_distinct(recognisers: Mapping[str, Recogniser]) -> None:
    """Make sure that results can be told apart by the recognisers' own names.

    Args:
        recognisers: by the names that they were loaded by.

    Raises:
        InputError: two of them have one name in their records.
    """
    first: dict[str, str] = {}
    for name, recogniser in recognisers.items():
        own = recogniser.record.name
        if first.setdefault(own, name) != name:
            what = f"{printable(first[own])} and {printable(name)} are both called {printable(own)}"
            raise InputError(f"{what}: give one another name in its card")


def _dlib(path: Path, record: Record) -> nn.Module:
    from guise.models.networks.dlib_resnet import DlibResNet, read_weights

    return _convert(DlibResNet(), path, record, read_weights)


def _sface(path: Path, record: Record) -> nn.Module:
    from guise.models.networks.sface import SFace, read_weights

    return _convert(SFace(), path, record, read_weights)


def _convert(
    network: nn.Module, path: Path, record: Record, read_weights: Callable[[Path], dict[str, Tensor]]
) -> nn.Module:
    """`network` with the weights in `path`, a foreign format that is converted once."""
    from guise.models.formats.conversion import converted

    kept = cache_folder() / "converted" / f"{record.name.replace(':', '-').replace('/', '-')}.safetensors"
    sha256, like = record.sha256 or sha256_of(path), network.state_dict()
    network.load_state_dict(converted(path, source_sha256=sha256, kept=kept, convert=read_weights, like=like))
    return network


def _facenet(path: Path, _: Record) -> nn.Module:
    from guise.models.networks import facenet

    return facenet.load(path)


def _facenet_graph(path: Path, record: Record) -> nn.Module:
    from guise.models.networks import facenet

    return _convert(facenet.empty(), path, record, facenet.read_graph)


def _student(path: Path, record: Record) -> nn.Module:
    from safetensors.torch import load_file

    from guise.models.networks.students import SPACE, Student

    network = Student(path.stem, teachers=record.embedding_size // SPACE)
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    except RuntimeError:
        raise WeightsError(f"{path} holds another network than {record.name}: install guise again") from None
    return network


def _released(path: Path, record: Record) -> tuple[nn.Module, Record]:
    """A network in an archive of FRBench, and its record as the archive's configuration describes it."""
    from guise.models.formats import frbench_archive
    from guise.models.networks.frbench import build

    archive = release.archive(record, weight_file.locate(release.MANIFEST))
    config = frbench_archive.read_config(path, archive.config)
    record = frbench.as_configured(record, config, sha256=archive.sha256 or sha256_of(path))
    network = build(config, name=record.name)
    try:
        _convert(network.backbone, path, record, lambda file: frbench_archive.read_weights(file, archive.weights))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise WeightsError(f"{path} holds other weights than its configuration says: {reason}") from None
    return network, record


_BUILDERS = {
    "dlib": _dlib,
    "sface": _sface,
    "facenet": _facenet,
    "facenet-graph": _facenet_graph,
    "student": _student,
}
