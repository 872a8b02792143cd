from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from guise.models.errors import WeightsError
from guise.models.formats.tensorflow_graph import read_constants

FLOAT, INT32 = 1, 3  # of TensorFlow's DataType


def _field(number: int, content: bytes | int) -> bytes:
    """A field of a protocol buffer: a number, or bytes with their length."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F)
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


def _node(name: str, values: np.ndarray, *, dtype: int = FLOAT, op: str = "Const") -> bytes:
    shape = b"".join(_field(2, _field(1, side)) for side in values.shape)
    tensor = _field(1, dtype) + _field(2, shape) + _field(4, values.tobytes())
    value = _field(5, _field(1, b"value") + _field(2, _field(8, tensor)))
    device = _field(4, b"/cpu:0")  # a field that this reader does not declare
    kind = _field(5, _field(1, b"dtype") + _field(2, _field(6, dtype)))
    return _field(1, _field(1, name.encode()) + _field(2, op.encode()) + device + kind + value)


def test_float_constants_come_back_with_their_shapes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    wanted = {
        "conv/weights": random.normal(size=(3, 3, 2, 300)).astype("<f4"),
        "conv/biases": random.normal(size=300).astype("<f4"),
    }
    nodes = [_node(name, values) for name, values in wanted.items()]
    nodes += [_node("shape", np.arange(4, dtype="<i4"), dtype=INT32)]
    nodes += [_node("input", np.zeros(2, "<f4"), op="Placeholder")]
    (tmp_path / "graph.pb").write_bytes(b"".join(nodes))
    constants = read_constants(tmp_path / "graph.pb")
    assert constants.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(constants[name], values)


def test_a_constant_of_another_size_than_its_shape_is_refused(tmp_path: Path) -> None:
    node = _node("weights", np.zeros((2, 3), "<f4"))
    torn = node.replace(_field(1, 3), _field(1, 4))
    assert torn != node
    (tmp_path / "graph.pb").write_bytes(torn)
    with pytest.raises(WeightsError, match=r"graph\.pb is not a TensorFlow graph"):
        read_constants(tmp_path / "graph.pb")


@pytest.mark.parametrize("content", [b"no graph", struct.pack("<I", 0xFFFFFFFF)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "graph.pb").write_bytes(content)
    with pytest.raises(WeightsError, match=r"graph\.pb is not a TensorFlow graph"):
        read_constants(tmp_path / "graph.pb")
