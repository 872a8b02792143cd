"""Convolutions that see only some mixes of their channels: behind grey, a convolution sees one of three."""

from __future__ import annotations

import torch

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.elementary import channel_mix
from guise.harmless.operators.kernels import with_weight
from guise.harmless.projection.base import cutoff

_FEW = 16
"""Photos have three channels. With hundreds of features no mix is ignored by chance, and the search takes minutes."""


def through_fewer(operator: LinearOperator) -> tuple[Convolution, Convolution] | None:
    """The mixes S of its channels that an operator sees, with S S^T = 1, and what it makes of them.

    What is left out is smaller than rounding, measured on the whole convolution.

    Args:
        operator: any.

    Returns:
        S and the convolution behind it; None where the operator sees all mixes, or is no such convolution.
    """
    if not isinstance(operator, Convolution) or operator.groups > 1 or operator.weight.shape[1] > _FEW:
        return None
    by_channel = operator.weight.transpose(0, 1).flatten(1).T
    _, values, right = torch.linalg.svd(by_channel, full_matrices=False)
    rank = max(1, int((values > cutoff(float(values[0]), *by_channel.shape)).sum()))
    if rank == operator.weight.shape[1]:
        return None
    weight = torch.einsum("oihw,ri->orhw", operator.weight, right[:rank])
    return channel_mix(right[:rank], operator.input_shape), with_weight(operator, weight, rank)
