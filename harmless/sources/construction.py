"""Build a network by foreign code: the same random weights each time, and every failure in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from guise.models.errors import GuiseError, first_line


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
