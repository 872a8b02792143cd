import json
import os
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from guise.chameleon.faces import geometry
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.mask.key import Key, Provenance, load_key, save_key
from guise.chameleon.mask.mask import Mask
from guise.models.errors import InputError, KeyFileError


def a_key():
    random = np.random.default_rng(0)
    mask = Mask(random.normal(size=(3, 160, 160)).astype(np.float32), geometry.CANONICAL_TEMPLATE, 16 / 255)
    provenance = Provenance(("dlib-resnet", "file:x.onnx"), "guise", "mid", 12, 300, 7, "0.1.0")
    template = FaceTemplate(random.normal(size=128).astype(np.float32))
    return Key(mask, FaceSelector(WhoseFace.REFERENCE, template, 0.6), provenance)


def test_a_key_is_read_back_to_the_bit(tmp_path):
    save_key(a_key(), tmp_path / "k")
    loaded = load_key(tmp_path / "k")
    assert loaded.mask.digest == a_key().mask.digest
    np.testing.assert_array_equal(loaded.selector.template.mean, a_key().selector.template.mean)
    assert (loaded.selector.threshold, loaded.provenance) == (0.6, a_key().provenance)


@pytest.mark.skipif(os.name == "nt", reason="permission bits are POSIX's")
def test_a_key_is_readable_by_its_owner_alone(tmp_path):
    save_key(a_key(), tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600


def test_the_same_key_gives_the_same_bytes(tmp_path):
    for name in "ab":
        save_key(a_key(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"not a key at all", os.urandom(400), b"\xff" * 64, save({"x": np.zeros(3)})],
    ids=["empty", "one byte", "text", "random", "absurd length", "other safetensors"],
)
def test_what_is_no_key_is_refused_by_name(tmp_path, content):
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(KeyFileError, match=r"k is not a Guise key"):
        load_key(tmp_path / "k")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_key_cut_short_is_damaged(tmp_path, share):
    save_key(a_key(), tmp_path / "k")
    data = (tmp_path / "k").read_bytes()
    (tmp_path / "k").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(KeyFileError, match=r"damaged|not a Guise key"):
        load_key(tmp_path / "k")


def rewritten(path, **changes):
    """The key at `path` with other metadata."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    inner = {**json.loads(header["__metadata__"]["guise-key"]), **changes}
    header["__metadata__"]["guise-key"] = json.dumps(inner)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def test_a_newer_key_says_so(tmp_path):
    save_key(a_key(), tmp_path / "k")
    rewritten(tmp_path / "k", version=3)
    with pytest.raises(KeyFileError, match="version 3, this program reads version 2"):
        load_key(tmp_path / "k")


@pytest.mark.parametrize(
    "changes",
    [
        {"which": "recurring"},
        {"which": 3},
        {"spreads": {"x": 1}},
        {"epsilon": 7},
        {"epsilon": "nan"},
        {"epsilon": "x"},
        {"epsilon": None},
        {"provenance": {}},
        {"provenance": []},
    ],
)
def test_wrong_metadata_is_damage(tmp_path, changes):
    save_key(a_key(), tmp_path / "k")
    rewritten(tmp_path / "k", **changes)
    with pytest.raises(KeyFileError, match="damaged"):
        load_key(tmp_path / "k")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "NONSENSE", "F64"])
def test_tensors_of_another_kind_are_damage(tmp_path, kind):
    save_key(a_key(), tmp_path / "k")
    data = (tmp_path / "k").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    start, end = header["owner_centroid"]["data_offsets"]
    width = {"BF16": 2, "F8_E4M3": 1, "F64": 8}.get(kind, 4)
    header["owner_centroid"] |= {"dtype": kind, "shape": [(end - start) // width]}
    text = json.dumps(header, separators=(",", ":")).encode()
    (tmp_path / "k").write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(KeyFileError, match="damaged"):
        load_key(tmp_path / "k")


def test_a_file_of_many_gigabytes_is_not_read(tmp_path):
    save_key(a_key(), tmp_path / "k")
    with (tmp_path / "k").open("r+b") as file:
        file.truncate(2**36)  # of which hardly a block is on the disk
    with pytest.raises(KeyFileError, match="not a Guise key"):
        load_key(tmp_path / "k")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_damage(tmp_path, value):
    values = a_key().mask.values.copy()
    values[0, 0, 0] = value
    save_key(replace(a_key(), mask=replace(a_key().mask, values=values)), tmp_path / "k")
    with pytest.raises(KeyFileError, match="out of range"):
        load_key(tmp_path / "k")


def test_a_missing_key_and_a_folder_are_told_apart_from_damage(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_key(tmp_path / "none")
    with pytest.raises(InputError, match="directory"):
        load_key(tmp_path)
