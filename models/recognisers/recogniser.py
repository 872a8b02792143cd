"""One interface to every recogniser: it takes aligned faces in [0, 1], gives embeddings, and is differentiable."""

from __future__ import annotations

import json
from importlib import resources
from typing import cast

import torch
from torch import Tensor, nn

from guise.models.recognisers.record import Record


class Recogniser(nn.Module):
    """A network with the record that says what it expects.

    Args:
        network: takes images normalised as the record says.
        record: of this recogniser.

    Attributes:
        population: float32 (D,), mean embedding of many people; zeros where it has not been measured.
    """

    mean: Tensor
    std: Tensor
    population: Tensor

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
    """The mean embedding that `scripts/measure_population.py` has measured."""
    file = resources.files("guise.models.recognisers") / "populations" / f"{record.name}.json"
    if record.source == "file" or not file.is_file():
        return torch.zeros(record.embedding_size)
    return torch.tensor(json.loads(file.read_text())["mean"])
