"""The 45 recognisers of FRBench: `frbench:BACKBONE/LOSS/TRAINING-SET`, such as `frbench:irse-50/arcface/ms1m`.

The package `frbench` has the networks' code; their weights are fetched from its release on first use. What goes in and
comes out stands in each archive's configuration, which is followed when a recogniser is loaded. Before that a record
says what FRBench takes by default.

Nobody publishes thresholds for them. 0.7 (a cosine of .3) is what people often take for networks of this kind. It is
not calibrated, least of all for the triplet and the center loss. `guise verify --others` finds thresholds among
strangers.

Source: Z. Wang et al., "Protego", CVPR 2026, and the package's table of models, which the accuracies are from.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from guise.models.errors import WeightsError
from guise.models.recognisers.record import ARCFACE_SIZE, ARCFACE_TEMPLATE, Landmarks, Record, Triple
from guise.models.weights.release import FOLDER, RELEASE, SUFFIX

PREFIX = "frbench:"
INSTALL = 'pip install "guise[frbench]"'

BACKBONES: Mapping[str, tuple[float, float]] = {
    "resnet-100": (69.6, 99.75),
    "resnetv2-100": (69.6, 99.83),
    "densenet-201": (66.4, 99.85),
    "irse-100": (65.5, 99.77),
    "efficientnetv1-b4": (62.5, 99.73),
    "mobilefacenet": (1.2, 99.68),
    "swinv1-b": (112.4, 99.80),
    "convnext-b": (113.3, 99.83),
    "convnextv2-b": (113.4, 99.80),
    "swinmlp-b": (85.3, 99.82),
    "swinv2-b": (112.6, 99.82),
    "mobilevit-s": (10.2, 99.50),
    "mobilevitv2-2.0": (25.8, 99.50),
    "mobilevitv3-s": (12.7, 99.68),
    "mobilevitv3-2.0": (26.8, 99.75),
    "mobilenet-w1": (3.8, 99.58),
    "mobilenetv2-w1": (2.3, 99.52),
    "mobilenetv3-l": (3.2, 99.57),
    "mobilenetv4conv-m": (7.6, 99.72),
    "swinv2-t": (46.8, 99.78),
    "swinv2-s": (68.2, 99.80),
    "swinv2-l": (233.7, 99.78),
    "irse-18": (24.1, 99.47),
    "irse-34": (34.3, 99.80),
    "irse-50": (43.8, 99.80),
}
"""Millions of parameters, and accuracy on LFW in percent, with ArcFace on MS1M."""

_LOSSES = ("tripletloss", "centerloss", "sphereface", "cosface", "curricularface", "magface", "adaface", "uniface")
_OTHER_LOSSES = {
    "irse-100": (99.78, 99.77, 99.80, 99.80, 99.82, 99.82, 99.82, 99.80),
    "swinv2-b": (99.77, 99.55, 99.85, 99.80, 99.80, 99.80, 99.82, 99.75),
}
_SETS = ("webface4m", "glint360k")
_OTHER_SETS = {"irse-100": (99.68, 99.80), "swinv2-b": (99.82, 99.85)}

_TRAINING_DATA = {
    "ms1m": "MS1M (5.8 million faces of 85,742 people)",
    "webface4m": "WebFace4M (4.2 million faces of 205,990 people)",
    "glint360k": "Glint360K (17.1 million faces of 360,232 people)",
}


def _record(backbone: str, loss: str, training_set: str, lfw: float) -> Record:
    return Record(
        name=f"{PREFIX}{backbone}/{loss}/{training_set}",
        source="release",
        origin=RELEASE,
        file=f"{FOLDER}/{backbone}_{loss}_{training_set}{SUFFIX}",
        sha256=None,
        bytes=None,
        licence="MIT (FRBench)",
        training_data=_TRAINING_DATA[training_set],
        input_size=ARCFACE_SIZE,
        color_order="RGB",
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
        template=ARCFACE_TEMPLATE,
        embedding_size=512,
        metric="cosine",
        threshold=0.7,
        network="frbench",
        lfw_accuracy=round(lfw / 100, 4),
        parameters=BACKBONES[backbone][0],
        stands_for="networks for research",
    )


RECORDS: dict[str, Record] = {
    record.name: record
    for record in (
        *(_record(backbone, "arcface", "ms1m", lfw) for backbone, (_, lfw) in BACKBONES.items()),
        *(
            _record(backbone, loss, "ms1m", lfw)
            for backbone, row in _OTHER_LOSSES.items()
            for loss, lfw in zip(_LOSSES, row, strict=True)
        ),
        *(
            _record(backbone, "arcface", training_set, lfw)
            for backbone, row in _OTHER_SETS.items()
            for training_set, lfw in zip(_SETS, row, strict=True)
        ),
    )
}


def is_installed() -> bool:
    """Whether the package `frbench` is here. It is not imported.

    Returns:
        Whether networks can be built.
    """
    return importlib.util.find_spec("frbench") is not None


def check_installed(name: str) -> None:
    """Make sure that the package is here, before anything is fetched for it.

    Args:
        name: of the recogniser that needs it.

    Raises:
        WeightsError: it is not.
    """
    if not is_installed():
        raise WeightsError(f"{name} needs a package that is not here; run `{INSTALL}`")


def as_configured(record: Record, config: Mapping[str, Any], *, sha256: str) -> Record:
    """The record of a network as its archive's configuration describes it, read as FRBench reads it.

    Args:
        record: as listed here.
        config: `backbone` (`name`, `kwargs` with `num_features`) and `input` (`size`; `mean`, and `var` or `std`, of
            values in [0, 1]; `channel`; `template` in pixels of the crop). What is missing has FRBench's default.
        sha256: hash of the archive.

    Returns:
        The record with input, output and hash of this network.

    Raises:
        WeightsError: the configuration asks for what Guise cannot give, such as crops that are not square.
    """
    orders: dict[str, Literal["RGB", "BGR"]] = {"rgb": "RGB", "bgr": "BGR"}
    try:
        given = config.get("input", {})
        height, width = (int(side) for side in given.get("size", (ARCFACE_SIZE, ARCFACE_SIZE)))
        if height != width:
            raise WeightsError(f"{record.name} takes crops of {height}x{width}; Guise cuts square ones only")
        template = given.get("template")
        return replace(
            record,
            sha256=sha256,
            input_size=height,
            color_order=orders[given.get("channel", "rgb")],
            mean=_triple(given.get("mean", (0.5, 0.5, 0.5))),
            std=_triple(given.get("var", given.get("std", (0.5, 0.5, 0.5)))),
            template=ARCFACE_TEMPLATE if template is None else _landmarks(template),
            embedding_size=int((config["backbone"].get("kwargs") or {}).get("num_features", 512)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"the configuration of {record.name} is not one that Guise understands: {error!r}") from None


def _triple(values: Any) -> Triple:
    first, second, third = (255 * float(value) for value in values)
    return first, second, third


def _landmarks(points: Any) -> Landmarks:
    left_eye, right_eye, nose, left_mouth, right_mouth = ((float(x), float(y)) for x, y in points)
    return left_eye, right_eye, nose, left_mouth, right_mouth
