"""All weights that Guise knows by name: those of recognisers, and those of what measures how pictures look.

This module imports no torch, so that listing them is instant.
"""

from __future__ import annotations

from guise.models.recognisers.registry import RECORDS
from guise.models.weights.record import WeightRecord, find_record
from guise.models.weights.release import MANIFEST

LPIPS = "lpips-squeeze"
"""The trunk under LPIPS: torchvision's SqueezeNet 1.1. It is 5 MB, where AlexNet is 244 MB; `lpips` has weights on top
of both.

PyTorch publishes the first eight digits of the hash, in the file's name. The other digits and the size are those that
several projects, independent of one another, report of this file. A wrong digit would refuse the file.
"""

OTHERS: dict[str, WeightRecord] = {
    LPIPS: WeightRecord(
        name=LPIPS,
        source="download",
        origin="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        file="squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        bytes=4_958_839,
        licence="BSD-3-Clause (torchvision)",
        training_data="ImageNet-1k (1.3 million photos)",
    ),
    MANIFEST.name: MANIFEST,
}
"""Weights of networks that are no recognisers, and the list of FRBench's."""


def records() -> dict[str, WeightRecord]:
    """The records of all weights.

    Returns:
        Those of the recognisers, then the others, by name.
    """
    return {**RECORDS, **OTHERS}


def get(name: str) -> WeightRecord:
    """The record of weights.

    Args:
        name: a name in `records`.

    Returns:
        Its record.

    Raises:
        InputError: there is none; the message names the closest.
    """
    return find_record(name, records(), none="no weights are")
