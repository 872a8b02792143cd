"""Datasets by name or path."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from guise.dpaf.data.arrays import dataset_from_arrays, dataset_of
from guise.dpaf.data.dataset import SIZES, ImageDataset, content_digest, scaled
from guise.dpaf.data.folders import read_images
from guise.dpaf.data.idx import choose_pair, idx_pairs, partner, read_idx
from guise.dpaf.data.look import Look
from guise.dpaf.data.npz import read_npz
from guise.dpaf.data.reading import Reading, Stored
from guise.dpaf.data.tables import read_tables, table_files
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

__all__ = ["NAMES", "SIZES", "ImageDataset", "Look", "Source", "dataset_from_arrays", "load", "name_of", "scaled"]


def load(
    source: str | Path,
    *,
    size: int | None = None,
    split: str = "train",
    group_column: str | None = None,
    group_folders: bool = False,
) -> ImageDataset:
    """The dataset that `source` names, with a look at what was read and how it was told.

    One of `NAMES`; a folder of images, with a subfolder a class, perhaps in train/ and test/; idx files by any usual
    name, or a folder with them; an npz with arrays in the layouts of Keras, MedMNIST or ours; parquet files or a folder
    of Hugging Face's `datasets`. `digits` comes with scikit-learn; torchvision fetches the others by name, into the
    cache.

    Args:
        source: a name or a path.
        size: side of the images, one of `SIZES`; None takes what is nearest.
        split: "train" or "test". A source without splits is read whole.
        group_column: of an npz or a table, the array or column that tells whose image each is.
        group_folders: whether images lie in a folder a person: CLASS/PERSON/ or, with one class, PERSON/.

    Raises:
        InputError: there is no such dataset, or something in it cannot be used.
        OfflineError: it cannot be fetched.
    """
    reading = Reading(size, split, group_column, group_folders)
    return dataset_of(_stored(source, reading), size=size, split=split)


def name_of(source: Source) -> str:
    """What people call a dataset.

    Args:
        source: a name, a path, or the images themselves.
    """
    return "images in memory" if isinstance(source, ImageDataset) else Path(source).name


def _stored(source: str | Path, reading: Reading) -> Stored:
    path, name = Path(source), str(source)
    if name in NAMES and not path.exists():
        if reading.group_column or reading.group_folders:
            raise InputError(f"{name} does not tell whose image is whose: leave people out, or give an npz")
        return _digits(reading.split) if name == "digits" else _fetched(name, reading.split)
    tables = table_files(path)
    if tables:
        return read_tables(path, tables, reading)
    if path.is_dir():
        pairs = idx_pairs(path)
        return read_idx(*choose_pair(pairs, path, reading.split), reading) if pairs else read_images(path, reading)
    if path.suffix.casefold() == ".npz" and path.is_file():
        return read_npz(path, reading)
    if path.is_file() and (labels := partner(path)) is not None:
        return read_idx(path, labels, reading)
    raise InputError(
        f"no dataset {printable(source)}: name a folder, an npz, parquet or idx file, or one of {', '.join(NAMES)}"
    )


def _digits(split: str) -> Stored:
    """1,437 handwritten digits to train on and 360 to test with, 8x8, of the UCI set that scikit-learn brings along."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = np.rint(digits.images * 255 / 16).astype(np.uint8), digits.target.astype(np.int64)
    rows = slice(None, 1437) if split == "train" else slice(1437, None)
    digest = content_digest(images, labels)
    return Stored(images[rows], labels[rows], "digits", "scikit-learn's digits", digest=digest)


def _fetched(name: str, split: str) -> Stored:
    import torchvision

    try:
        kind = getattr(torchvision.datasets, _TORCHVISION[name])
        fetched = kind(cache_folder() / "datasets", train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        raise OfflineError(f"cannot fetch {name}: {first_line(error)}; give a folder with its files") from None
    return Stored(np.asarray(fetched.data), np.asarray(fetched.targets), name, f"torchvision's {_TORCHVISION[name]}")
