"""One interface to every recogniser: aligned faces in [0, 1] in, embeddings out, differentiable."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from models import cache, registry, weights
from models.download import Progress
from models.errors import InputError, WeightsError, first_line
from models.frozen import frozen
from models.registry import Record


class Recogniser(nn.Module):
    """A network with the record that says what it expects."""

    mean: Tensor
    std: Tensor
    population: Tensor
    """float32 (D,), mean embedding of people at large; zeros where it has not been measured."""

    def __init__(self, network: nn.Module, record: Record) -> None:
        super().__init__()
        self.network = network
        self.record = record
        self.register_buffer("mean", torch.tensor(record.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(record.std).view(3, 1, 1), persistent=False)
        self.register_buffer("population", _population(record), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Raw embeddings of faces aligned to `record.template`.

        Args:
            images: float32 (N, 3, S, S), RGB in [0, 1], S = `record.input_size`.

        Returns:
            (N, `record.embedding_size`), not normalised beyond what the network itself does.

        Raises:
            ValueError: `images` has another shape.
        """
        side = self.record.input_size
        if images.ndim != 4 or tuple(images.shape[1:]) != (3, side, side):
            raise ValueError(f"{self.record.name} takes (N, 3, {side}, {side}), not {tuple(images.shape)}")
        ordered = images if self.record.color_order == "RGB" else images.flip(1)
        scaled = (255 * ordered - self.mean) / self.std
        return cast(Tensor, self.network(scaled.contiguous(memory_format=torch.channels_last)))


def _population(record: Record) -> Tensor:
    """As `scripts/measure_population.py` has measured it."""
    file = resources.files("models") / "populations" / f"{record.name}.json"
    if record.source == "file" or not file.is_file():
        return torch.zeros(record.embedding_size)
    return torch.tensor(json.loads(file.read_text())["mean"])


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
        name: a name in `models.registry.RECORDS`, or `file:PATH` for the user's own (see `models.custom`).
        offline: never open a socket.
        progress: called with bytes so far and bytes in all while weights are downloaded.
        announce: called with one line (what, size, licence, origin) before a download starts.

    Raises:
        InputError: no such recogniser, device or file, or its card is wrong.
        OfflineError: the weights would have to be fetched, and that is not allowed or not possible.
        WeightsError: the weights are missing, damaged or others than expected.
    """
    if name.startswith("file:"):
        from models import custom

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
    from models.dlib_resnet import DlibResNet, read_weights

    return _convert(DlibResNet(), path, record, read_weights)


def _sface(path: Path, record: Record) -> nn.Module:
    from models.sface import SFace, read_weights

    return _convert(SFace(), path, record, read_weights)


def _convert(
    network: nn.Module, path: Path, record: Record, read_weights: Callable[[Path], dict[str, Tensor]]
) -> nn.Module:
    """`network` with the weights in `path`, a foreign format that is converted once."""
    from models.conversion import converted

    kept = cache.folder() / "converted" / f"{record.name}.safetensors"
    sha256, like = record.sha256 or cache.sha256_of(path), network.state_dict()
    network.load_state_dict(converted(path, source_sha256=sha256, kept=kept, convert=read_weights, like=like))
    return network


def _facenet(path: Path, _: Record) -> nn.Module:
    from models import facenet

    return facenet.load(path)


def _facenet_graph(path: Path, record: Record) -> nn.Module:
    from models import facenet

    return _convert(facenet.empty(), path, record, facenet.read_graph)


def _student(path: Path, record: Record) -> nn.Module:
    from safetensors.torch import load_file

    from models.embedded import SPACE, Student

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
