"""Models by what users call them: a recogniser of ours, a torchvision or timm name, a file, or a factory."""

from __future__ import annotations

import difflib
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from guise.harmless.preprocessing import PixelModel, Preprocessing, Together, parse
from guise.models.errors import GuiseError, InputError, OfflineError, WeightsError, first_line
from guise.models.files import printable
from guise.models.recognisers import registry
from guise.models.recognisers.loading import load_recogniser
from guise.models.weights.download import readable_size

DEFAULT_INPUT = (3, 224, 224)
_LEAST = 7
"""Pixels a side of a photo: what SSIM needs."""
Announce = Callable[[str], None]
_FILES = (".onnx", ".pt", ".ts", ".pth", ".th", ".bin", ".safetensors")


@dataclass(frozen=True)
class Source:
    """Which model, and how.

    Attributes:
        model: a recogniser's name, a torchvision name, timm:NAME, a path (.pt, .ts, .onnx), or package.module:factory.
        weights: "random" (seed 0; torchvision's or timm's layers that start at zero are drawn), "pretrained" (theirs,
            downloaded on first use), or a file (.safetensors, or a checkpoint that loads without running code) for such
            a name or a factory.
        input_shape: of the photo, (3, H, W); None for what the model is known to take, else `DEFAULT_INPUT`.
        preprocess: see `guise.harmless.preprocessing.parse`.
        offline: open no connection.
    """

    model: str
    weights: str = "random"
    input_shape: tuple[int, ...] | None = None
    preprocess: str = ""
    offline: bool = False


@dataclass(frozen=True)
class Loaded:
    """A model ready to run, in evaluation mode, float32.

    Attributes:
        model: takes photos in [0, 255]; gives a tuple of outputs where it stands for several models.
        input_shape: of the photos.
    """

    model: PixelModel | Together
    input_shape: tuple[int, ...]


def load(source: Source, *, announce: Announce | None = None) -> Loaded:
    """The model that `source` describes.

    Args:
        source: which, and how.
        announce: called with one line (what, size, origin) before a download starts.

    Raises:
        InputError: there is no such model, or the settings do not fit it.
        WeightsError: weights are missing, damaged, or do not fit.
        OfflineError: weights would have to be fetched.
    """
    name, suffix = source.model, Path(source.model).suffix.lower()
    shape, start, embeds = source.input_shape, Preprocessing(), False
    own = name in registry.RECORDS or suffix in _FILES or Path(name).is_file()
    if source.weights != "random" and (own or (source.weights == "pretrained" and _calls(name))):
        raise InputError(f"--weights {source.weights} has no effect on {name}, which brings its own: leave it out")
    if name in registry.RECORDS:
        recogniser = load_recogniser(name, offline=source.offline, announce=announce)
        network: nn.Module = recogniser
        side = recogniser.record.input_size
        shape, embeds = shape or (3, side, side), True
    elif suffix == ".onnx":
        network, taken = _onnx(Path(name))
        shape = shape or taken
        if shape is None:
            raise InputError(f"{printable(name)} leaves the size of its input open; give it with --input")
    elif suffix in _FILES or Path(name).is_file():
        network = _torchscript(Path(name))
    else:
        if name.startswith("timm:"):
            network, start, taken = _timm(name, pretrained=source.weights == "pretrained", offline=source.offline)
            shape = shape or taken
        elif _calls(name):
            network = _factory(name)
        else:
            pretrained = source.weights == "pretrained"
            network, start, taken = _torchvision(name, pretrained=pretrained, offline=source.offline, announce=announce)
            shape = shape or taken
        if source.weights == "random" and not _calls(name):
            _draw_zeros(network)
        if source.weights not in ("random", "pretrained"):
            _load_weights(network, Path(source.weights))
    shape = tuple(shape or DEFAULT_INPUT)
    if len(shape) != 3 or shape[0] != 3 or min(shape[1:]) < _LEAST:
        what = f"photos of {'x'.join(map(str, shape))} are not read"
        raise InputError(f"{what}; give --input as 3xHEIGHTxWIDTH, each at least {_LEAST}")
    _check_finite(network, name)
    model = PixelModel(network, parse(source.preprocess, start=start), embeds=embeds).eval().requires_grad_(False)
    return Loaded(model, shape)


def load_together(sources: Sequence[Source], *, announce: Announce | None = None) -> Loaded:
    """One model, or several that are to read the same photos; else as `load`.

    Raises:
        InputError: as `load`, or they take photos of different sizes.
    """
    found = [load(source, announce=announce) for source in sources]
    if len(found) == 1:
        return found[0]
    shapes = {one.input_shape for one in found}
    if len(shapes) != 1:
        sizes = " and ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        what = f"the models take photos of {sizes}, and only models that take the same photos go together"
        raise InputError(f"{what}: name others, or give --input where a model takes any size")
    models = [one.model for one in found if isinstance(one.model, PixelModel)]
    return Loaded(Together(models).eval(), found[0].input_shape)


def _calls(name: str) -> bool:
    """A factory is meant."""
    return ":" in name and not name.startswith("timm:")


def _check_finite(network: nn.Module, name: str) -> None:
    """Raise WeightsError where a weight is NaN or infinite; attention masks, which are buffers, may hold -inf."""
    wrong = [key for key, one in network.named_parameters() if not is_lazy(one) and not bool(one.isfinite().all())]
    wrong += [key for key, one in network.named_buffers() if not is_lazy(one) and bool(one.isnan().any())]
    if wrong:
        raise WeightsError(f"{printable(name)} holds values that are not finite, in {wrong[0]}; name sound weights")


@contextmanager
def _making(what: str, remedy: str, kind: type[GuiseError]) -> Iterator[None]:
    """Random weights are the same each time, and what foreign code raises becomes one line."""
    try:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about slow initialisation
            torch.manual_seed(0)
            yield
    except Exception as error:
        raise kind(f"{what}: {first_line(error)}; {remedy}") from None


def _draw_zeros(network: nn.Module) -> None:
    """Draw weights that a library starts at zero, such as a ViT's last layer: all photos would get the same answer."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)) and not bool(module.weight.any()):
                module.weight.normal_(std=module.weight[0].numel() ** -0.5, generator=random)


def _torchvision(
    name: str, *, pretrained: bool, offline: bool, announce: Announce | None
) -> tuple[nn.Module, Preprocessing, tuple[int, ...]]:
    """The model, what its weights, used or not, normalise by, and the shape that they take."""
    from torchvision import models as zoo

    if name not in zoo.list_models(module=zoo):
        near = difflib.get_close_matches(name, [*zoo.list_models(module=zoo), *registry.RECORDS], n=3)
        hint = (
            f"did you mean {', '.join(near)}?" if near else "name a torchvision model, a file or package.module:factory"
        )
        raise InputError(f"no model is called {name!r}; {hint}")
    weights = zoo.get_model_weights(name).DEFAULT
    if pretrained and not (Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name).is_file():
        if offline:
            raise OfflineError(f"the weights of {name} are not here and --offline forbids to fetch {weights.url}")
        if announce:
            announce(f"{name}: {readable_size(round(weights.meta['_file_size'] * 2**20))}, from {weights.url}")
    with _making(f"{name} cannot be made", "try --weights random", WeightsError):
        network: nn.Module = zoo.get_model(name, weights=weights if pretrained else None)
    preset = weights.transforms()
    side = getattr(network, "image_size", preset.crop_size[0])  # of a transformer, which may be another without weights
    return network, Preprocessing(mean=tuple(preset.mean), std=tuple(preset.std)), (3, side, side)


def _timm(name: str, *, pretrained: bool, offline: bool) -> tuple[nn.Module, Preprocessing, tuple[int, ...]]:
    """The model, what it normalises by, and the shape it takes."""
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError:
        raise InputError(f'{name} is a model of timm; run `pip install "guise[timm]"` to use it') from None
    wanted = name.removeprefix("timm:")
    if not timm.is_model(wanted):
        near = difflib.get_close_matches(wanted, timm.list_models(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "see timm.list_models()"
        raise InputError(f"timm has no model {wanted!r}; {hint}")
    if pretrained and offline:
        raise OfflineError(f"--offline forbids to look for weights of {name}: name a file with --weights")
    with _making(f"{name} cannot be made", "try --weights random", WeightsError):
        network: nn.Module = timm.create_model(wanted, pretrained=pretrained)
    known = timm.data.resolve_model_data_config(network)
    return network, Preprocessing(mean=known["mean"], std=known["std"]), known["input_size"]


def _factory(name: str) -> nn.Module:
    """What `package.module:factory` gives when it is called."""
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # as `python -m` has it, and an installed command has not
        sys.path.insert(0, here)
    with _making(f"{name} cannot be called", "name an importable package.module:factory", InputError):
        network = getattr(importlib.import_module(module), attribute)()
    if not isinstance(network, nn.Module):
        raise InputError(f"{name} gives {type(network).__name__}, not a torch.nn.Module; name a factory of one")
    return network


def _check_file(path: Path, remedy: str) -> None:
    if not path.is_file():
        raise InputError(f"{printable(path)} {'is no file' if path.exists() else 'does not exist'}; {remedy}")


def _onnx(path: Path) -> tuple[nn.Module, tuple[int, ...] | None]:
    """The network, and the shape that it takes where the file says so."""
    _check_file(path, "name a model file")
    try:
        from guise.models.formats import onnx_network
    except ImportError:
        raise InputError(f'{path} is an ONNX file; run `pip install "guise[onnx]"` to use it') from None
    return onnx_network.load(path), onnx_network.input_shape(path)


def _torchscript(path: Path) -> nn.Module:
    _check_file(path, "name a model file")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.load.* is deprecated")
            network: nn.Module = torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError, OSError):
        what = f"{path} is not a TorchScript file"
        raise WeightsError(
            f"{what}; if it holds weights only, name the architecture and add --weights {path}"
        ) from None
    return network


def _load_weights(network: nn.Module, path: Path) -> None:
    """Put the tensors of a file into a network, of which all must fit."""
    state = _tensors(path)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = lines[1] if len(lines) > 1 else lines[0]
        raise WeightsError(f"{path} does not fit {type(network).__name__}: {reason[:200]}") from None


def _tensors(path: Path) -> dict[str, Tensor]:
    _check_file(path, "name a file of weights with --weights")
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{path} is no safetensors file: {error}") from None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # unpickling of hostile bytes raises almost anything
        reason = "it cannot be loaded without running the code inside"
        raise WeightsError(f"{path} is refused: {reason}; save the weights as .safetensors") from None
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(f"{path} holds no table of tensors; save the network's state_dict()")
    return {str(key).removeprefix("module."): value for key, value in found.items()}
