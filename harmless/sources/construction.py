"""Build a network by foreign code: the same random weights each time, and every failure in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from guise.models.errors import GuiseError, InputError, first_line


@contextmanager
def constructing(what: str, remedy: str, kind: type[GuiseError]) -> Iterator[None]:
    """Run foreign code with torch's seed at 0; the caller's random state stays as it was.

    Args:
        what: what failed, if something fails.
        remedy: what the user can do then.
        kind: the error to raise then.

    Raises:
        GuiseError: of `kind`, for any error of the code.
    """
    try:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about slow initialisation
            torch.manual_seed(0)
            yield
    except Exception as error:
        raise kind(f"{what}: {first_line(error)}; {remedy}") from None


def draw_zeros(network: nn.Module) -> None:
    """Draw the weights that a library starts at zero, such as a ViT's last layer.

    With zeros there, all photos would get the same answer.

    Args:
        network: changed in place.
    """
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)) and not bool(module.weight.any()):
                module.weight.normal_(std=module.weight[0].numel() ** -0.5, generator=random)


def materialise(network: nn.Module, model: nn.Module, shape: tuple[int, ...]) -> None:
    """Let lazy layers make their weights, by a dry run on a photo.

    Args:
        network: as its maker left it; nothing happens where no layer is lazy.
        model: takes photos and runs the network.
        shape: of the photo.

    Raises:
        InputError: the network fails on such a photo.
    """
    tensors: list[Tensor] = [*network.parameters(), *network.buffers()]
    if not any(is_lazy(tensor) for tensor in tensors):
        return
    size = "x".join(map(str, shape))
    what = f"{type(network).__name__} has lazy layers, and a dry run on a photo of {size} fails"
    with constructing(what, "give the photo's size with `input=`", InputError), torch.no_grad():
        model.eval()(torch.full((1, *shape), 127.5))
