"""A teacher's intermediate outputs, from which a student learns stage by stage.

Where the stages of a student begin and end as its teacher's do, each stage is first trained on the outputs of the
teacher's stages before it (C. Li et al., "Block-wisely Supervised Neural Architecture Search with Knowledge
Distillation", CVPR 2020), then the whole student. From the answers alone, training takes many times as long.
"""

from __future__ import annotations

import re
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from guise.models import Recogniser
from guise.models.networks.students import Student
from guise.models.networks.students.iresnet import IResNet, Unit
from guise.models.networks.students.mobilefacenet import MobileFaceNet

_BLOCK = re.compile(r"features/features/(\d+)/")
_BEFORE, _AFTER = ("dw_conv/relu_1/Relu",), ("conv2/conv2/2/Clip", "gdconv/depthwise/Conv")
_UNITS = (1, 3, 5, 6, 8, 10, 12, 13, 15)  # the teacher's blocks, among its `Hints`, up to each unit of an IResNet


class Hints:
    """The outputs of a MobileFaceNet's blocks; it must be an ONNX network with the names of the teacher's.

    Raises:
        ValueError: it has other names.
    """

    def __init__(self, teacher: Recogniser) -> None:
        layers = {name: module for name, module in teacher.network.named_modules() if not list(module.children())}
        blocks = {int(match[1]): module for name, module in layers.items() if (match := _BLOCK.search(name))}
        if not blocks or not layers.keys() >= {*_BEFORE, *_AFTER}:
            raise ValueError(f"{teacher.record.name} does not have the blocks that this recipe asks for")
        told = [layers[name] for name in _BEFORE] + [blocks[at] for at in sorted(blocks)]
        self._teacher, self._kept = teacher, _outputs([*told, *(layers[name] for name in _AFTER)])

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> list[Tensor]:
        """Outputs of each stage, the answer (N, SPACE) last, for a student's float inputs (N, 3, SIDE, SIDE)."""
        answer = self._teacher((128 * inputs + 127.5) / 255)
        return [*self._kept, answer]


def stages(student: Student) -> dict[int, nn.Module]:
    """The stages of a MobileFaceNet or an IResNet, one after another the network, by the place of their `Hints`."""
    network = student.backbone
    if isinstance(network, MobileFaceNet):
        *first, widen, pool, flatten = network.features
        first, blocks = first[:3], first[3:]
        return dict(enumerate([nn.Sequential(*first), *blocks, widen, pool, nn.Sequential(flatten, network.head)]))
    assert isinstance(network, IResNet)
    features = list(network.features)
    _, *ends = [place + 1 for place, layer in enumerate(features) if isinstance(layer, Unit)]
    parts = [nn.Sequential(*features[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return dict(zip((*_UNITS, -1), [*parts, nn.Sequential(*features[ends[-1] :], network.head)], strict=True))


def hint_error(parts: dict[int, nn.Module], inputs: Tensor, wanted: list[Tensor], *, alone: bool) -> Tensor:
    """How far `stages` are off, each relative to the teacher's variance, all added up.

    Args:
        parts: `stages`.
        inputs: of the first stage.
        wanted: `Hints` for them.
        alone: each stage gets what the teacher's stage before gave. Otherwise what the student's gave, and the
            direction of the answer counts too, ten times.
    """
    given, total = inputs, inputs.new_zeros(())
    for place, part in parts.items():
        output = part(given)
        total = total + _error(output, wanted[place])
        given = wanted[place] if alone else output
    return total if alone else total + 10 * (1 - F.cosine_similarity(given.float(), wanted[-1].float())).mean()


def _error(given: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error in units of each channel's variance; channels that hardly vary count for less."""
    over, given, wanted = [0, 2, 3][: wanted.ndim - 1], given.float(), wanted.float()
    variance = wanted.var(over)
    return ((given - wanted).square().mean(over) / (variance + 0.1 * variance.mean())).mean()


def _outputs(layers: list[nn.Module]) -> list[Tensor]:
    """A list that holds the layers' outputs of the last call."""
    kept = [torch.empty(0)] * len(layers)

    def keep(at: int, _layer: nn.Module, _inputs: object, output: Tensor) -> None:
        kept[at] = output

    for at, layer in enumerate(layers):
        layer.register_forward_hook(partial(keep, at))
    return kept
