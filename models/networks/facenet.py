"""InceptionResnetV1 of facenet-pytorch, filled from a weight file that has been checked.

Source: F. Schroff et al., "FaceNet", CVPR 2015; the weights are David Sandberg's, as Tim Esler has ported them or as
frozen TensorFlow graphs.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from guise.models.errors import WeightsError
from guise.models.formats.tensorflow_graph import read_constants

_ROOT = "InceptionResnetV1/"
_EPSILON = 1e-3  # of batch normalisation


def empty() -> nn.Module:
    """The network without trained weights.

    Returns:
        InceptionResnetV1 in evaluation mode, without a classifier.
    """
    from facenet_pytorch import InceptionResnetV1  # slow to import

    return cast(nn.Module, InceptionResnetV1(pretrained=None, classify=False).eval())


def load(path: Path) -> nn.Module:
    """The network with the weights of a PyTorch file. Check the file's hash before.

    Args:
        path: a state dict. The classifier of the training identities (`logits.*`) is left out.

    Returns:
        The network: float32 (N, 3, 160, 160), normalised -> (N, 512), of unit length.

    Raises:
        WeightsError: the file is no state dict of this network.
    """
    tensors = {key: value for key, value in _read(path).items() if not key.startswith("logits.")}
    network = empty()
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise WeightsError(f"{path} does not fit InceptionResnetV1: {first[0].strip()}") from None
    return network


def read_graph(path: Path) -> dict[str, Tensor]:
    """The weights of the network from a TensorFlow graph, whose convolutions include batch normalisation.

    Args:
        path: a frozen graph.

    Returns:
        A state dict.

    Raises:
        WeightsError: the file is no such graph.
    """
    constants = {name: torch.from_numpy(values.copy()) for name, values in read_constants(path).items()}
    expected = empty().state_dict()
    state = {name: tensor for name, tensor in expected.items() if name.endswith("num_batches_tracked")}
    try:
        for scope, name in _convolutions(constants).items():
            state[f"{name}.weight"] = constants[f"{_ROOT}{scope}/weights"].permute(3, 2, 0, 1).contiguous()
            if name.endswith("conv2d"):  # it closes a block, without normalisation
                state[f"{name}.bias"] = constants[f"{_ROOT}{scope}/biases"]
            else:
                norm = name.removesuffix("conv") + "bn"
                offset = constants[f"{_ROOT}{scope}/Conv2D_bn_offset"]
                state |= _normalisation(norm, torch.zeros_like(offset), torch.ones_like(offset), offset)
        last = f"{_ROOT}Bottleneck/BatchNorm/"
        mean, variance, beta = (constants[last + part] for part in ("moving_mean", "moving_variance", "beta"))
        state |= _normalisation("last_bn", mean, variance + _EPSILON, beta)
        state["last_linear.weight"] = constants[f"{_ROOT}Bottleneck/weights"].T.contiguous()
    except KeyError as error:
        raise WeightsError(f"{path} holds another network than InceptionResnetV1: no {error.args[0]}") from None
    if {name: tensor.shape for name, tensor in state.items()} != {
        name: tensor.shape for name, tensor in expected.items()
    }:
        raise WeightsError(f"{path} holds another network than InceptionResnetV1")
    return state


def _normalisation(name: str, mean: Tensor, variance: Tensor, beta: Tensor) -> dict[str, Tensor]:
    """Batch normalisation adds its own small number to the variance, so that number is subtracted here."""
    return {
        f"{name}.running_mean": mean,
        f"{name}.running_var": variance - _EPSILON,
        f"{name}.weight": torch.ones_like(beta),
        f"{name}.bias": beta,
    }


def _convolutions(constants: Iterable[str]) -> dict[str, str]:
    """facenet-pytorch's name of each convolution by its TensorFlow scope: it numbers what the scopes spell out."""
    scopes = sorted(
        name.removeprefix(_ROOT).removesuffix("/weights")
        for name in constants
        if name.endswith("/weights") and "Bottleneck" not in name
    )
    branches: dict[str, list[str]] = {}
    for scope in scopes:
        branches.setdefault(scope.rpartition("/")[0], []).append(scope)
    names = {}
    for scope in scopes:
        *outer, own = scope.split("/")
        modules, siblings = list(map(_module, outer)), branches["/".join(outer)]
        if not outer:  # the stem
            modules += [own.rpartition("_")[0].lower(), "conv"]
        elif not outer[-1].startswith("Branch"):
            modules += ["conv2d"]
        else:
            modules += [str(siblings.index(scope)), "conv"] if len(siblings) > 1 else ["conv"]
        names[scope] = ".".join(modules)
    return names


def _module(scope: str) -> str:
    """`Repeat_1` is the second row of blocks, `block17_3` the third block in it. Other modules keep their names."""
    kind, _, number = scope.partition("_")
    if kind == "Repeat":
        return f"repeat_{int(number or 0) + 1}"
    if kind.startswith("block"):
        return str(int(number) - 1)
    return scope.lower().replace("branch_", "branch")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        raise WeightsError(f"{path} is not a file of PyTorch weights") from None
    if not isinstance(tensors, dict) or not all(isinstance(key, str) for key in tensors):
        raise WeightsError(f"{path} holds a {type(tensors).__name__}, not a state dict")
    return tensors
