"""Read the tensors of a network that dlib has serialised (`.dat`).

dlib writes an integer as one control byte (low nibble: number of bytes, high bit: sign) and a little-endian
magnitude, a string as its length and its bytes, a tensor as the integer 2 (the format's version), four
dimensions and raw little-endian float32. Layers follow one another from the input up, each opened by the name of
its type; whatever else a layer stores (learning rates, padding) does not change its tensor and is skipped.

We read this format ourselves: only dlib does so too, and it neither gives the tensors away nor passes gradients to the
photo.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from guise.models.errors import WeightsError

_LAYERS = {name: b"\x01" + bytes([len(name)]) + name.encode() for name in ("con_4", "affine_", "fc_2")}


class LayerTensor(NamedTuple):
    """The parameters of a layer.

    Attributes:
        kind: dlib's name for this type of layer.
        values: float32, flat.
    """

    kind: str
    values: np.ndarray


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """The integer that starts at `at`, and where the next item starts."""
    control = data[at]
    end = at + 1 + (control & 0x0F)
    magnitude = int.from_bytes(data[at + 1 : end], "little")
    return (-magnitude if control & 0x80 else magnitude), end


def _tensor(data: bytes, at: int) -> tuple[np.ndarray, int]:
    version, at = _integer(data, at)
    if version != 2:
        raise ValueError(f"tensor version {version}, expected 2")
    count = 1
    for _ in range(4):
        dimension, at = _integer(data, at)
        count *= dimension
    end = at + 4 * count
    if count <= 0 or end > len(data):
        raise ValueError(f"a tensor of {count} numbers does not fit in the file")
    return np.frombuffer(data, dtype="<f4", count=count, offset=at), end


def _next_layer(data: bytes, at: int) -> tuple[str, int] | None:
    """Kind of the nearest layer from `at` on that has parameters, and where they start."""
    places = [(data.find(mark, at), kind) for kind, mark in _LAYERS.items()]
    starts = [(start, kind) for start, kind in places if start >= 0]
    if not starts:
        return None
    start, kind = min(starts)
    return kind, start + len(_LAYERS[kind])


def read_layers(path: Path) -> list[LayerTensor]:
    """All parameters of a network.

    Args:
        path: a file that dlib has written.

    Returns:
        The layers that have parameters, from the input up.

    Raises:
        WeightsError: the file is no dlib network, or is cut short.
    """
    data = path.read_bytes()
    layers, at = [], 0
    try:
        while (layer := _next_layer(data, at)) is not None:
            kind, at = layer
            if kind == "fc_2":  # number of outputs and of inputs stand before the weights
                _, at = _integer(data, at)
                _, at = _integer(data, at)
            values, at = _tensor(data, at)
            layers.append(LayerTensor(kind, values))
    except (IndexError, ValueError) as error:
        raise WeightsError(f"{path} is not a complete dlib network: {error}; install it again") from None
    if not layers:
        raise WeightsError(f"{path} is not a dlib network: it holds no layer that this reader knows")
    return layers
