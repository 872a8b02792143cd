"""Train on synthetic images, test on real ones: what the images are worth to those who get them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from guise.dpaf import validate
from guise.dpaf.data import ImageDataset, scaled
from guise.models.errors import InputError

QUICK_SAMPLES, FULL_SAMPLES = 20_000, 60_000
_EPOCHS, _BATCH, _HELD_OUT = 6, 128, 12  # one in twelve synthetic images chooses the epoch: 55,000 of 60,000 train
LEAST_SAMPLES = 2 * _HELD_OUT


@dataclass(frozen=True)
class Utility:
    """How well one classifier does.

    Attributes:
        network: its name.
        accuracy: on all real test images, in [0, 1].
        by_class: on those of each class; None where there are none.
        balanced: mean over the classes that there are, in [0, 1]: naming the largest class always gives one over them.
        auc: area under the ROC curve, the mean of one class against the others, in [0, 1]; .5 is chance. None where
            there is one class only.
    """

    network: str
    accuracy: float
    by_class: tuple[float | None, ...]
    balanced: float
    auc: float | None

    def row(self) -> dict[str, str]:
        """The figures as a row of a table."""
        auc = "" if self.auc is None else f"{self.auc:.4f}"
        figures = {"accuracy": f"{self.accuracy:.4f}", "balanced": f"{self.balanced:.4f}", "AUC": auc}
        return {"network": self.network} | figures

    def to_json(self) -> str:
        """The figures as JSON."""
        return json.dumps(asdict(self), indent=1)


def scored(network: str, probabilities: np.ndarray, labels: np.ndarray) -> Utility:
    """How well a classifier does whose probabilities are known.

    Args:
        network: its name.
        probabilities: (N, classes), of each image.
        labels: int64 (N,), the true ones.
    """
    right = probabilities.argmax(1) == labels
    classes = range(probabilities.shape[1])
    by_class = tuple(float(right[labels == label].mean()) if (labels == label).any() else None for label in classes)
    present = [label for label in classes if by_class[label] is not None]
    areas = [roc_auc_score(labels == label, probabilities[:, label]) for label in present] if len(present) > 1 else []
    shares = [share for share in by_class if share is not None]
    auc = float(np.mean(areas)) if areas else None
    return Utility(network, float(right.mean()), by_class, float(np.mean(shares)), auc)


def small_cnn(channels: int, size: int, classes: int) -> nn.Module:
    """The quick protocol's network: two convolutions and two dense layers.

    Args:
        channels: of the images.
        size: height and width of the images.
        classes: how many labels.
    """
    coarse = 64 * (size // 4) ** 2
    return nn.Sequential(
        *(nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(coarse, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, classes)),
    )


def networks(protocol: str) -> dict[str, Callable[[int, int, int], nn.Module]]:
    """Builders of a protocol's networks, called with channels, size and classes.

    `full` takes torchvision's ResNet-18, Wide ResNet-50-2 and ResNeXt-50 with a stem for small images: the kinds, not
    the exact layers, of DPImageBench (Gong et al. 2025).

    Args:
        protocol: "quick" or "full".

    Raises:
        InputError: no such protocol.
    """
    if protocol == "quick":
        return {"small CNN": small_cnn}
    if protocol != "full":
        raise InputError(f"protocol {protocol!r} does not exist: choose quick or full with `protocol=`")
    kinds = {"ResNet-18": "resnet18", "Wide ResNet-50-2": "wide_resnet50_2", "ResNeXt-50": "resnext50_32x4d"}

    def builder(kind: str) -> Callable[[int, int, int], nn.Module]:
        def build(channels: int, _size: int, classes: int) -> nn.Module:
            import torchvision

            network: nn.Module = getattr(torchvision.models, kind)(weights=None, num_classes=classes)
            network.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
            network.maxpool = nn.Identity()
            return network

        return build

    return {name: builder(kind) for name, kind in kinds.items()}


def utility(
    images: np.ndarray,
    labels: np.ndarray,
    test: ImageDataset,
    *,
    protocol: str = "quick",
    seed: int = 0,
    device: str = "cpu",
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Utility]:
    """Train the protocol's networks on synthetic images and test them on real ones.

    The epoch is chosen on synthetic images that were held out, never on the test set.

    Args:
        images: uint8 (N, H, W, channels), synthetic.
        labels: int64 (N,).
        test: real images, which had no part in training.
        protocol: "quick" or "full".
        seed: of initial weights and of the order of images.
        device: to train on; the full protocol takes many hours on a CPU.
        progress: called with the network's name, epochs done and epochs in all.

    Raises:
        InputError: the images and the test set do not go together.
    """
    validate.count("the number of synthetic images", len(images), least=LEAST_SAMPLES)
    if images.shape[1:] != (test.size, test.size, test.channels):
        shape = (test.size, test.size, test.channels)
        raise InputError(
            f"synthetic images are {images.shape[1:]} and test images {shape}: give a test set of that kind"
        )
    classes = max(int(labels.max()), int(test.labels.max())) + 1
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    results = []
    for name, build in networks(protocol).items():
        with torch.random.fork_rng(devices=[device] if torch.device(device).type == "cuda" else []):
            torch.manual_seed(seed)
            network = build(test.channels, test.size, classes).to(device)
            trained = _trained(network, pixels, torch.from_numpy(labels), name, progress)
        results.append(scored(name, _scores(trained, test.images).softmax(1).numpy(), test.labels.numpy()))
    return results


def _trained(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    name: str,
    progress: Callable[[str, int, int], None] | None,
) -> nn.Module:
    held, order = torch.randperm(len(images)).tensor_split([len(images) // _HELD_OUT])
    optimiser, device = torch.optim.Adam(network.parameters(), 1e-3), _device(network)
    best, best_accuracy = network, -1.0
    for epoch in range(_EPOCHS):
        network.train()
        for rows in order[torch.randperm(len(order))].split(_BATCH):
            if len(rows) < 2:
                continue  # batch normalisation needs two
            loss = F.cross_entropy(network(scaled(images[rows]).to(device)), labels[rows].to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        accuracy = float((_scores(network, images[held]).argmax(1) == labels[held]).float().mean())
        if accuracy > best_accuracy:
            best, best_accuracy = copy.deepcopy(network), accuracy
        if progress is not None:
            progress(name, epoch + 1, _EPOCHS)
    return best


@torch.no_grad()
def _scores(network: nn.Module, images: Tensor) -> Tensor:
    network.eval()
    return torch.cat([network(scaled(part).to(_device(network))).cpu() for part in images.split(500)])


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
