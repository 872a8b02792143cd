"""Load a recogniser by its name, or from a file of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from guise.models.errors import InputError, WeightsError, first_line
from guise.models.networks.frozen import frozen
from guise.models.recognisers import registry, weights
from guise.models.recognisers.recogniser import Recogniser
from guise.models.recognisers.registry import Record
from guise.models.weights import cache
from guise.models.weights.download import Progress


def load_recogniser(
    name: str,
    *,
    device: str | torch.device = "cpu",
    offline: bool = False,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Recogniser:
    """The recogniser called `name`, frozen and in evaluation mode, on `device`.

    Args:
        name: a name in `registry.RECORDS`, or `file:PATH` for the user's own (see `custom`).
        offline: never open a socket.
        progress: called with bytes so far and bytes in all while weights are downloaded.
        announce: called with one line (what, size, licence, origin) before a download starts.

    Raises:
        InputError: no such recogniser, device or file, or its card is wrong.
        OfflineError: the weights would have to be fetched, and that is not allowed or not possible.
        WeightsError: the weights are missing, damaged or others than expected.
    """
    if name.startswith("file:"):
        from guise.models.recognisers import custom

        network, record = custom.load(Path(name.removeprefix("file:")))
    else:
        record = registry.get(name)
        path = weights.obtain(record, offline=offline, progress=progress, announce=announce)
        network = _BUILDERS[record.network](path, record)
    recogniser = Recogniser(frozen(network), record).eval().requires_grad_(False)
    try:
        # On CPUs up to four times faster, above all with depthwise convolutions.
        return recogniser.to(device).to(memory_format=torch.channels_last)
    except (RuntimeError, AssertionError) as error:
        reason = first_line(error)
        raise InputError(f"device {str(device)!r} cannot be used: {reason}; try --device cpu") from None


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

    kept = cache.folder() / "converted" / f"{record.name}.safetensors"
    sha256, like = record.sha256 or cache.sha256_of(path), network.state_dict()
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


_BUILDERS = {
    "dlib": _dlib,
    "sface": _sface,
    "facenet": _facenet,
    "facenet-graph": _facenet_graph,
    "student": _student,
}
