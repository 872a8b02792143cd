"""Networks as torch's exporter of today writes them, and what of each is linear."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Network(nn.Module):
    """A linear part, then one that is not; photos of 3 x 32 x 32."""

    def linear(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def rest(self, read: Tensor) -> Tensor:
        return torch.relu(read).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.linear(x))


class Convolutional(Network):
    """Batch statistics, groups, pooling with a border."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 16, 8, 8, bias=False), nn.BatchNorm2d(16))
        self.more = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, groups=4),
            nn.BatchNorm2d(16),
            nn.Hardswish(),
            nn.MaxPool2d(3, 2, 1),
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean, layer.running_var = torch.randn(16), 0.5 + torch.rand(16)
                nn.init.normal_(layer.weight)

    def linear(self, x: Tensor) -> Tensor:
        return self.first(x)  # type: ignore[no-any-return]

    def rest(self, read: Tensor) -> Tensor:
        return self.head(self.more(read))  # type: ignore[no-any-return]


class ChannelsLast(Convolutional):
    """The photo comes as (N, H, W, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.linear(x.permute(0, 3, 1, 2)))


class Transformer(Network):
    """Patches, a token of its own, attention."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.token, self.places = nn.Parameter(torch.randn(1, 1, 32)), nn.Parameter(torch.randn(1, 17, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 10))

    def linear(self, x: Tensor) -> Tensor:
        return self.patches(x)  # type: ignore[no-any-return]

    def rest(self, read: Tensor) -> Tensor:
        tokens = read.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(read.shape[0], -1, -1), tokens], 1) + self.places
        return self.head(self.encoder(tokens)[:, 0])  # type: ignore[no-any-return]


class LowFrequencies(Network):
    """The lowest frequencies of the photo, as a smaller picture."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(3, 8, 3)

    def linear(self, x: Tensor) -> Tensor:
        return self.filters(torch.fft.irfft2(torch.fft.rfft2(x)[:, :, :8, :8], s=(8, 14)))  # type: ignore[no-any-return]


class Resampled(Network):
    """A smaller picture, by weights that antialias or not."""

    def __init__(self, **how: Any) -> None:
        super().__init__()
        self.how, self.filters = how, nn.Conv2d(3, 8, 3)

    def linear(self, x: Tensor) -> Tensor:
        return self.filters(F.interpolate(x, **self.how))  # type: ignore[no-any-return]


class Windows(Network):
    """Patches, each as the sum of what windows that overlap hold of it, and frequencies along the rows."""

    def linear(self, x: Tensor) -> Tensor:
        rows = x[:, 0].flatten(1)
        spectra = torch.stft(rows, 64, 32, window=torch.hann_window(64), center=False, return_complex=True)
        added = F.fold(F.unfold(x[:, 1:], 4, stride=4), 18, 4, stride=2)
        return torch.cat([torch.view_as_real(spectra)[:, :6].flatten(1), added.flatten(1)], 1)


NETWORKS: dict[str, Any] = {
    "convolutions": Convolutional,
    "channels last": ChannelsLast,
    "attention": Transformer,
    "low frequencies": LowFrequencies,
    "bilinear": lambda: Resampled(size=(10, 9), mode="bilinear", antialias=True),
    "bicubic": lambda: Resampled(size=(8, 11), mode="bicubic", align_corners=True),
    "nearest": lambda: Resampled(scale_factor=0.25, mode="nearest"),
    "windows": Windows,
}


def network(name: str) -> Network:
    """The same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: Network = NETWORKS[name]()
    return made.eval()


def rank(made: Network) -> int:
    """Of the linear part, from what it makes of each value alone."""
    linear, unit = made.double().linear, torch.eye(3072, dtype=torch.float64).view(-1, 3, 32, 32)
    with torch.no_grad():
        matrix = (linear(unit) - linear(torch.zeros_like(unit[:1]))).flatten(1)
    return int(torch.linalg.matrix_rank(matrix.T @ matrix, hermitian=True, rtol=1e-12))


def export(path: Path, name: str, opset: int, *, batch: int | None = None, **how: Any) -> Path:
    """The file that `torch.onnx.export` writes; for any number of photos where no batch is given."""
    made = network(name)
    photos = torch.rand(batch or 2, *((32, 32, 3) if name == "channels last" else (3, 32, 32)))
    (argument,) = inspect.signature(made.forward).parameters
    shapes = None if batch else {argument: {0: torch.export.Dim("photos")}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            made, (photos,), path, dynamo=True, opset_version=opset, dynamic_shapes=shapes, verbose=False, **how
        )
    return path
