"""Datasets by name or path."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from guise.dpaf.data.dataset import SIZES, ImageDataset, content_digest, dataset_from_arrays, scaled
from guise.dpaf.data.files import idx_folder, read_idx, read_images, read_npz
from guise.models.errors import InputError, OfflineError, first_line
from guise.models.files import printable
from guise.models.places import cache_folder

Source = str | Path | ImageDataset
"""What functions take for a dataset: a name, a path, or the images themselves."""
_TORCHVISION = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "usps": "USPS",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
}
NAMES = ("digits", *_TORCHVISION)

__all__ = ["NAMES", "SIZES", "ImageDataset", "Source", "dataset_from_arrays", "load", "name_of", "scaled"]


def load(source: str | Path, *, size: int | None = None, split: str = "train") -> ImageDataset:
    """The dataset that `source` names: one of `NAMES`, a folder of images or of an idx pair, or an npz file.

    `digits` comes with scikit-learn; torchvision fetches the others by name, into the cache.

    Args:
        source: a name or a path.
        size: side of the images, one of `SIZES`; None takes what is nearest.
        split: "train" or "test".

    Raises:
        InputError: there is no such dataset, or something in it cannot be used.
        OfflineError: it cannot be fetched.
    """
    path, name = Path(source), str(source)
    if name in NAMES and not path.exists():
        return _digits(size, split) if name == "digits" else _fetched(name, size, split)
    if path.is_dir():
        pair = idx_folder(path, split)
        return read_idx(*pair, size=size, split=split) if pair else read_images(path, size=size, split=split)
    if path.suffix == ".npz" and path.is_file():
        return read_npz(path, size=size, split=split)
    if path.is_file() and "-images-idx3-ubyte" in path.name:
        labels = path.with_name(path.name.replace("-images-idx3-", "-labels-idx1-"))
        return read_idx(path, labels, size=size, split=split)
    raise InputError(
        f"no dataset {printable(source)}: name a folder, an npz file, an idx file, or one of {', '.join(NAMES)}"
    )


def name_of(source: Source) -> str:
    """What people call a dataset.

    Args:
        source: a name, a path, or the images themselves.
    """
    return "images in memory" if isinstance(source, ImageDataset) else Path(source).name


def _digits(size: int | None, split: str) -> ImageDataset:
    """1,437 handwritten digits to train on and 360 to test with, 8x8, of the UCI set that scikit-learn brings along."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = np.rint(digits.images * 255 / 16).astype(np.uint8), digits.target.astype(np.int64)
    rows = slice(None, 1437) if split == "train" else slice(1437, None)
    digest = content_digest(images, labels)
    return dataset_from_arrays(images[rows], labels[rows], size=size, where="digits", digest=digest, split=split)


def _fetched(name: str, size: int | None, split: str) -> ImageDataset:
    import torchvision

    try:
        kind = getattr(torchvision.datasets, _TORCHVISION[name])
        fetched = kind(cache_folder() / "datasets", train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        raise OfflineError(f"cannot fetch {name}: {first_line(error)}; give a folder with its files") from None
    images, labels = np.asarray(fetched.data), np.asarray(fetched.targets)
    return dataset_from_arrays(
        images, labels, size=size, where=name, digest=content_digest(images, labels), split=split
    )
