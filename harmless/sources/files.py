"""Models and weights from files, of which none runs code."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from guise.harmless.sources.source import Network
from guise.models.errors import InputError, WeightsError
from guise.models.files import printable

_SUFFIXES = (".onnx", ".pt", ".ts", ".pth", ".th", ".bin", ".safetensors")


def names_file(name: str) -> bool:
    """Whether `name` means a file: by its suffix, or because there is such a file.

    Args:
        name: as the user gave it.

    Returns:
        True for a file, there or missing.
    """
    return Path(name).suffix.lower() in _SUFFIXES or Path(name).is_file()


def from_file(path: Path) -> Network:
    """The network in an ONNX or a TorchScript file.

    Args:
        path: the file; only ONNX is told by its suffix.

    Returns:
        The network, and the shape that it takes where the file says so.

    Raises:
        InputError: there is no such file, or what reads it is not installed.
        WeightsError: it is no such file.
    """
    _check_exists(path, "name a model file")
    return _onnx(path) if path.suffix.lower() == ".onnx" else Network(_torchscript(path))


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the tensors of a file into a network, of which all must fit.

    Args:
        network: changed in place.
        path: .safetensors, or a checkpoint of tensors.

    Raises:
        InputError: there is no such file.
        WeightsError: it cannot be loaded without running code, or does not fit.
    """
    tensors = _tensors(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = lines[1] if len(lines) > 1 else lines[0]
        raise WeightsError(f"{path} does not fit {type(network).__name__}: {reason[:200]}") from None


def _check_exists(path: Path, remedy: str) -> None:
    if not path.is_file():
        raise InputError(f"{printable(path)} {'is no file' if path.exists() else 'does not exist'}; {remedy}")


def _onnx(path: Path) -> Network:
    try:
        from guise.models.formats import onnx_network
    except ImportError:
        raise InputError(f'{path} is an ONNX file; run `pip install "guise[onnx]"` to use it') from None
    return Network(onnx_network.load(path), input_shape=onnx_network.input_shape(path))


def _torchscript(path: Path) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.load.* is deprecated")
            network: nn.Module = torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError, OSError):
        what = f"{path} is not a TorchScript file"
        raise WeightsError(
            f"{what}; if it holds weights only, name the architecture and add `weights={path}`"
        ) from None
    return network


def _tensors(path: Path) -> dict[str, Tensor]:
    _check_exists(path, "name a file of weights with `weights=`")
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{path} is no safetensors file: {error}") from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # unpickling of hostile bytes raises almost anything
        reason = "it cannot be loaded without running the code inside"
        raise WeightsError(f"{path} is refused: {reason}; save the weights as .safetensors") from None
    tensors = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise WeightsError(f"{path} holds no table of tensors; save the network's state_dict()")
    return {str(key).removeprefix("module."): value for key, value in tensors.items()}
