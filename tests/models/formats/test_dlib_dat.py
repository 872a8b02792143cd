from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.models import get
from guise.models.errors import WeightsError
from guise.models.formats.dlib_dat import read_layers
from guise.models.weights.weight_file import locate

LAYERS = st.tuples(
    st.sampled_from(["con_4", "affine_", "fc_2"]), st.tuples(*[st.integers(1, 4)] * 4), st.binary(max_size=5)
)


def _integer(value: int) -> bytes:
    magnitude = value.to_bytes((value.bit_length() + 7) // 8, "little")
    return bytes([len(magnitude)]) + magnitude


def _layer(kind: str, shape: tuple[int, ...], values: np.ndarray, rest: bytes) -> bytes:
    """A layer as dlib writes it, followed by whatever else it stores."""
    sizes = _integer(7) + _integer(300) if kind == "fc_2" else b""
    head = _integer(len(kind)) + kind.encode() + sizes + _integer(2)
    return head + b"".join(map(_integer, shape)) + values.astype("<f4").tobytes() + rest


@given(st.lists(LAYERS, min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_what_dlib_writes_is_read_in_order(
    tmp_path_factory: pytest.TempPathFactory, layers: list[tuple[str, tuple[int, ...], bytes]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    written = [(kind, random.normal(size=np.prod(shape)).astype(np.float32)) for kind, shape, _ in layers]
    path = tmp_path_factory.mktemp("dlib") / "net.dat"
    parts = zip(layers, written, strict=True)
    path.write_bytes(
        b"head" + b"".join(_layer(kind, shape, values, rest) for (kind, shape, rest), (_, values) in parts)
    )
    layers_read = read_layers(path)
    assert [layer.kind for layer in layers_read] == [kind for kind, _ in written]
    for layer, (_, values) in zip(layers_read, written, strict=True):
        np.testing.assert_array_equal(layer.values, values)


def test_all_29_convolutions_and_the_last_layer_are_read():
    kinds = [layer.kind for layer in read_layers(locate(get("dlib-resnet")))]
    assert kinds == ["con_4", "affine_"] * 29 + ["fc_2"]


@pytest.mark.parametrize("keep", [2, 9, 13, 20])
def test_a_layer_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    whole = _layer("con_4", (2, 1, 1, 3), np.arange(6, dtype=np.float32), b"")
    (tmp_path / "net.dat").write_bytes(whole[:keep])
    with pytest.raises(WeightsError, match=r"net\.dat is not a (complete )?dlib network"):
        read_layers(tmp_path / "net.dat")
