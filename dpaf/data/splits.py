"""Names that people give to the parts of a dataset: training, test and validation."""

from __future__ import annotations

import re

_NAMES = {
    "train": ("train", "training", "trn"),
    "test": ("test", "testing", "tst", "t10k"),
    "val": ("val", "valid", "validation", "dev"),
}
_SUFFIX = re.compile(r"[-_. ]?(set|data|split|images|imgs|\d+)$")
ORDER = {"train": ("train",), "test": ("test", "val")}
"""Where a split is looked for: a validation set does for a test set where there is none."""


def split_of(name: str) -> str | None:
    """Which split a name stands for: "train", "test" or "val"; None for any other name.

    Args:
        name: of a folder, a class or a part of an array's name, in any case.
    """
    plain = _SUFFIX.sub("", name.casefold())
    return next((split for split, names in _NAMES.items() if plain in names), None)
