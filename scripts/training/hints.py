"""What a teacher makes of images on the way to its answer, told to students.

A student that is built like the teacher is first taught block by block, each from what the teacher's blocks before it
give (C. Li et al., "Block-wisely Supervised Neural Architecture Search with Knowledge Distillation", CVPR 2020), then
as a whole. One that is built otherwise is told the teacher's maps where its own have been brought to the same channels
(A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015). Answers alone take students many times as long.
"""

from __future__ import annotations

import math
import re
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import Recogniser
from models.embedded import Student
from models.embedded.iresnet import IResNet
from models.embedded.mobilefacenet import MobileFaceNet
from models.embedded.vit import ViT
from scripts.training.composites import SIDE

_BLOCK = re.compile(r"features/features/(\d+)/")
_BEFORE, _AFTER = ("dw_conv/relu_1/Relu",), ("conv2/conv2/2/Clip", "gdconv/depthwise/Conv")


class Hints:
    """The outputs of a MobileFaceNet's blocks; it must be an ONNX network with the names of the teacher's.

    Raises:
        ValueError: it has other names.
    """

    def __init__(self, teacher: Recogniser) -> None:
        layers = {name: module for name, module in teacher.network.named_modules() if not list(module.children())}
        blocks = {int(found[1]): module for name, module in layers.items() if (found := _BLOCK.search(name))}
        if not blocks or not layers.keys() >= {*_BEFORE, *_AFTER}:
            raise ValueError(f"{teacher.record.name} does not have the blocks that this recipe asks for")
        told = [layers[name] for name in _BEFORE] + [blocks[at] for at in sorted(blocks)]
        self._teacher, self._kept = teacher, _outputs([*told, *(layers[name] for name in _AFTER)])

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> list[Tensor]:
        """Outputs of each stage, the answer (N, SPACE) last, for a student's float inputs (N, 3, SIDE, SIDE)."""
        answer = self._teacher((128 * inputs + 127.5) / 255)
        return [*self._kept, answer]


def stages(student: Student) -> list[nn.Module]:
    """The stages of a MobileFaceNet that `Hints` are about: one after another they are the network."""
    network = student.backbone
    assert isinstance(network, MobileFaceNet)
    *first, widen, pool, flatten = network.features
    first, blocks = first[:3], first[3:]
    return [nn.Sequential(*first), *blocks, widen, pool, nn.Sequential(flatten, network.head)]


def hint_error(parts: list[nn.Module], inputs: Tensor, wanted: list[Tensor], *, alone: bool) -> Tensor:
    """How far `stages` are off, each relative to the teacher's variance, all added up.

    Args:
        parts: `stages`.
        inputs: of the first stage.
        wanted: `Hints` for them.
        alone: each stage gets what the teacher's stage before gave. Otherwise what the student's gave, and the
            direction of the answer counts too, ten times.
    """
    given, total = inputs, inputs.new_zeros(())
    for part, target in zip(parts, wanted, strict=True):
        output = part(given)
        total = total + _error(output, target)
        given = target if alone else output
    return total if alone else total + 10 * (1 - F.cosine_similarity(given.float(), wanted[-1].float())).mean()


def _error(given: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error in units of each channel's variance; channels that hardly vary count for less."""
    over, given, wanted = [0, 2, 3][: wanted.ndim - 1], given.float(), wanted.float()
    variance = wanted.var(over)
    return ((given - wanted).square().mean(over) / (variance + 0.1 * variance.mean())).mean()


_ENDS = (5, 12, 15)  # of the teacher's stages, at 28, 14 and 7 pixels a side, among its `Hints`


class Adapters(nn.Module):
    """What brings a student's maps to the teacher's channels; needed while it learns only.

    Args:
        student: an IResNet or a ViT; its maps are kept whenever it is called.
        channels: of the teacher's maps at the ends of its stages.
    """

    def __init__(self, student: Student, channels: tuple[int, ...] = (64, 128, 128)) -> None:
        super().__init__()
        self._kept = _outputs(_ends(student.backbone))
        device = next(student.parameters()).device
        self.layers = nn.ModuleList(nn.LazyConv2d(out, 1) for out in channels).to(device)
        student.eval()
        with torch.no_grad():
            student.spaces(torch.zeros(1, 3, SIDE, SIDE, device=device))
            for layer, kept in zip(self.layers, self._kept, strict=True):
                layer(_as_maps(kept))

    def error(self, hints: list[Tensor]) -> Tensor:
        """How far the maps of the student's last call are off, relative to the teacher's variance, added up."""
        total = hints[-1].new_zeros(())
        for layer, kept, end in zip(self.layers, self._kept, _ENDS, strict=True):
            given = layer(_as_maps(kept))
            total = total + _error(given, F.adaptive_avg_pool2d(hints[end], given.shape[2:]))
        return total


def _outputs(layers: list[nn.Module]) -> list[Tensor]:
    """A list that holds the layers' outputs of the last call."""
    kept = [torch.empty(0)] * len(layers)

    def keep(at: int, _layer: nn.Module, _inputs: object, output: Tensor) -> None:
        kept[at] = output

    for at, layer in enumerate(layers):
        layer.register_forward_hook(partial(keep, at))
    return kept


def _ends(network: nn.Module) -> list[nn.Module]:
    """Layers of an IResNet or a ViT at a third, two thirds and the whole of the way."""
    if isinstance(network, IResNet):
        units = [layer for layer in network.features if hasattr(layer, "shortcut")]
        return [units[1], units[3], units[4]]
    assert isinstance(network, ViT)
    return [network.blocks[1], network.blocks[3], network.blocks[5]]


def _as_maps(output: Tensor) -> Tensor:
    """Maps as they are; tokens (N, T, C) as maps (N, C, side, side)."""
    if output.ndim == 4:
        return output
    side = math.isqrt(output.shape[1])
    return output.transpose(1, 2).unflatten(2, (side, side))
