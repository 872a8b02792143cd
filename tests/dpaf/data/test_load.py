import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.dpaf.data import load
from guise.models.errors import InputError

SHARED = Path(__file__).parents[4] / "shared" / "data"


def npz(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def grey(count=6, size=28):
    return np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)


LABELS = np.array([0, 1, 0, 1, 0, 1])


def test_digits_come_without_a_download_and_keep_their_test_set_apart():
    train, test = load("digits"), load("digits", split="test")
    assert (len(train), len(test)) == (1437, 360)
    assert train.images.shape[1:] == (1, 28, 28) and len(train.classes) == 10
    assert train.digest == test.digest


def test_npz_is_read_and_split(tmp_path):
    path = npz(tmp_path / "a.npz", images=grey(), labels=LABELS, is_test=np.array([0, 0, 0, 0, 1, 1]))
    assert len(load(path)) == 4 and len(load(path, split="test")) == 2


def test_the_same_numbers_are_the_same_dataset_in_whatever_type(tmp_path):
    kinds = [(np.uint8, np.int64), (np.int32, np.uint8)]
    paths = [npz(tmp_path / f"{a.__name__}.npz", images=grey().astype(a), labels=LABELS.astype(b)) for a, b in kinds]
    assert len({load(path).digest for path in paths}) == 1
    assert load(npz(tmp_path / "c.npz", images=grey(), labels=LABELS[::-1])).digest != load(paths[0]).digest


def test_floats_and_colour_and_other_sizes_are_brought_to_bytes(tmp_path):
    images = np.random.default_rng(0).random((6, 40, 30, 3))
    dataset = load(npz(tmp_path / "a.npz", images=images, labels=LABELS), size=32)
    assert dataset.images.shape == (6, 3, 32, 32) and dataset.images.dtype.is_floating_point is False
    assert abs(float(dataset.images.float().mean()) / 255 - 0.5) < 0.05


def test_idx_pairs_are_read_gzipped_or_not(tmp_path):
    for suffix, opened in ((".gz", gzip.open), ("", open)):
        folder = tmp_path / f"idx{suffix}"
        folder.mkdir()
        with opened(folder / f"train-images-idx3-ubyte{suffix}", "wb") as file:
            file.write(bytes([0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 28, 0, 0, 0, 28]) + grey().tobytes())
        with opened(folder / f"train-labels-idx1-ubyte{suffix}", "wb") as file:
            file.write(bytes([0, 0, 8, 1, 0, 0, 0, 6]) + LABELS.astype(np.uint8).tobytes())
        dataset = load(str(folder))
        assert (dataset.images[:, 0].numpy() == grey()).all() and dataset.labels.tolist() == LABELS.tolist()


def test_a_folder_has_a_class_for_each_subfolder(tmp_path):
    for place, image in enumerate(grey()):
        folder = tmp_path / ("cat" if place % 2 else "dog")
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).resize((30 + place, 40)).save(folder / f"{place}.png")
    dataset = load(str(tmp_path), size=32)
    assert dataset.classes == ("cat", "dog") and dataset.images.shape == (6, 1, 32, 32)


def test_one_colour_image_makes_all_colour(tmp_path):
    for place, image in enumerate(grey()):
        picture = Image.fromarray(image)
        (picture.convert("RGB") if place == 3 else picture).save(tmp_path / f"{place}.png")
    dataset = load(str(tmp_path))
    assert dataset.channels == 3 and len(dataset.classes) == 1


def header_of(shape):
    """An npy file whose header promises much."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def patched(path, **members):
    """A zip of `members`, with bytes that say: `flags` encrypted, or compressed by method `method`."""
    flags, method = members.pop("flags", 0), members.pop("method", 0)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(mark) + at
        data[start], data[start + 2] = flags, method
    path.write_bytes(data)
    return str(path)


BAD = {
    "huge": (lambda f: patched(f / "a.npz", images=header_of((10**13, 28, 28))), "cannot read"),
    "encrypted": (lambda f: patched(f / "a.npz", images=header_of((6, 28, 28)), flags=1), "cannot read"),
    "unknown compression": (lambda f: patched(f / "a.npz", images=header_of((6, 28, 28)), method=99), "cannot read"),
    "number": (lambda f: npz(f / "a.npz", images=np.array(3), is_test=np.array([0, 1])), "cannot read"),
    "no such": (lambda _: "nowhere", "no dataset"),
    "empty npz": (lambda f: npz(f / "a.npz"), "give `images`"),
    "unknown array": (lambda f: npz(f / "a.npz", images=grey(), eyes=LABELS), "holds images, eyes: give"),
    "two of a kind": (lambda f: npz(f / "a.npz", images=grey(), x=grey(), y=LABELS), "holds images, x, y: give"),
    "test only": (lambda f: npz(f / "a.npz", x_test=grey(), y_test=LABELS), "nothing to train with"),
    "labels without images": (lambda f: npz(f / "a.npz", x_train=grey(), y_test=LABELS), "holds x_train, y_test: give"),
    "no npz": (lambda f: str((f / "a.npz").write_bytes(b"PK not really") and f / "a.npz"), "cannot read"),
    "pickle": (lambda f: npz(f / "a.npz", images=np.array([{}], dtype=object)), "cannot read"),
    "NaN": (lambda f: npz(f / "a.npz", images=np.full((6, 28, 28), np.nan), labels=LABELS), "NaN"),
    "range": (lambda f: npz(f / "a.npz", images=np.full((6, 28, 28), 3.0), labels=LABELS), "floats in"),
    "integers": (lambda f: npz(f / "a.npz", images=np.full((6, 28, 28), 300), labels=LABELS), "integers"),
    "shape": (lambda f: npz(f / "a.npz", images=np.zeros((6, 28)), labels=LABELS), "shape"),
    "one image": (lambda f: npz(f / "a.npz", images=grey(1)), "1 image"),
    "no images": (lambda f: npz(f / "a.npz", images=grey(0)), "no image"),
    "labels": (lambda f: npz(f / "a.npz", images=grey(), labels=LABELS[:4]), "one label an image"),
    "label range": (lambda f: npz(f / "a.npz", images=grey(), labels=LABELS - 1), "whole numbers from 0"),
    "several labels": (lambda f: npz(f / "a.npz", images=grey(), labels=np.ones((6, 14))), "one label an image"),
    "beyond 8 bits": (lambda f: npz(f / "a.npz", images=np.full((6, 28, 28), 4000)), "go from 4000 to 4000"),
    "float labels": (lambda f: npz(f / "a.npz", images=grey(), labels=LABELS / 2), "whole numbers"),
    "lone class": (lambda f: npz(f / "a.npz", images=grey(), labels=np.array([0, 0, 0, 0, 0, 1])), "class 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(tmp_path, name):
    make, word = BAD[name]
    with pytest.raises(InputError, match=word) as caught:
        load(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_size_that_is_not_supported_is_refused(tmp_path):
    with pytest.raises(InputError, match="size 30"):
        load(npz(tmp_path / "a.npz", images=grey(), labels=LABELS), size=30)


def test_a_damaged_image_is_named(tmp_path):
    for place, image in enumerate(grey()):
        Image.fromarray(image).save(tmp_path / f"{place}.png")
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:90])
    with pytest.raises(InputError, match=r"3\.png"):
        load(str(tmp_path))


def test_a_lone_image_s_folder_is_named(tmp_path):
    for place, image in enumerate(grey()):
        (tmp_path / ("cat" if place else "dog")).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / ("cat" if place else "dog") / f"{place}.png")
    with pytest.raises(InputError, match="class dog"):
        load(str(tmp_path))


def test_idx_files_without_a_test_split_are_said_to_be_that(tmp_path):
    for part in ("images-idx3", "labels-idx1"):
        (tmp_path / f"train-{part}-ubyte").write_bytes(b"")
    with pytest.raises(InputError, match="not t10k-images-idx3-ubyte"):
        load(str(tmp_path), split="test")


def test_a_truncated_idx_is_refused(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 28, 0, 0, 0, 28]))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 0]))
    with pytest.raises(InputError, match="should hold"):
        load(str(tmp_path))


@pytest.mark.skipif(not (SHARED / "fashion-mnist").is_dir(), reason="no Fashion-MNIST in ../shared/data")
def test_fashion_mnist_is_read_with_as_many_images_of_each_class():
    test = load(str(SHARED / "fashion-mnist"), split="test")
    assert np.bincount(test.labels).tolist() == [1000] * 10
