"""The JSON card that describes a user's own recogniser. Each field is checked; the card becomes a record."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from guise.models.errors import InputError, WeightsError
from guise.models.recognisers.record import ARCFACE_SIZE, ARCFACE_TEMPLATE, Landmarks, Record, Triple
from guise.models.recognisers.registry import RECORDS
from guise.models.weights.cache import sha256_of

EXAMPLE = {
    "name": "my-recogniser",
    "input_size": 112,
    "color_order": "RGB",
    "mean": [127.5, 127.5, 127.5],
    "std": [127.5, 127.5, 127.5],
    "template": "arcface",
    "embedding_size": 512,
    "metric": "cosine",
    "threshold": 0.7,
    "licence": "unknown",
}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _list_of(value: Any, length: int, check: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) == length and all(map(check, value))


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _template(value: Any) -> bool:
    if not _list_of(value, 5, lambda point: _list_of(point, 2, _number)):
        return bool(value == "arcface")
    left_eye, right_eye, _, left_mouth, right_mouth = (x for x, _ in value)
    return bool(left_eye < right_eye and left_mouth < right_mouth)


# What each field must be, in words and as a test.
_REQUIRED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "name": ("text, and no name of a built-in recogniser", lambda v: _text(v) and v not in RECORDS),
    "input_size": ("a whole number of pixels from 16 to 1024", lambda v: _whole(v, 16, 1024)),
    "color_order": ("RGB or BGR", lambda v: v in ("RGB", "BGR")),
    "mean": ("three numbers in 0..255", lambda v: _list_of(v, 3, lambda x: _number(x) and 0 <= x <= 255)),
    "std": (
        "three numbers of at least 1, in units of 0..255 (multiply by 255 what is meant for 0..1)",
        lambda v: _list_of(v, 3, lambda x: _number(x) and x >= 1),
    ),
    "template": (
        "arcface, or five points [x, y] in pixels of the crop: left eye, right eye, nose, left and right "
        "corner of the mouth, left and right as seen in the picture",
        _template,
    ),
    "embedding_size": ("a whole number from 2 to 65536", lambda v: _whole(v, 2, 65536)),
    "metric": ("euclidean or cosine", lambda v: v in ("euclidean", "cosine")),
    "threshold": ("a number above 0", lambda v: _number(v) and v > 0),
    "licence": ("text", _text),
}
_OPTIONAL: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "weights": ("the path of the network's file, relative to the card", _text),
    "sha256": (
        "64 hexadecimal digits",
        lambda v: isinstance(v, str) and len(v) == 64 and not set(v.lower()) - set("0123456789abcdef"),
    ),
    "training_data": ("text", _text),
}


def find(path: Path) -> tuple[Path, Path]:
    """The network's file and its card.

    Args:
        path: either of the two.

    Returns:
        The network's file, and the card.

    Raises:
        InputError: the file or the card is missing.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if path.suffix.lower() == ".json":
        return path.parent / str(_fields(path, required=["weights"])["weights"]), path
    cards = (path.with_name(path.name + ".json"), path.with_suffix(".json"))
    for card in cards:
        if card.is_file():
            return path, card
    raise InputError(f"{path} needs a card that describes it; write {cards[0]}, for example {json.dumps(EXAMPLE)}")


def read(card: Path, *, weights: Path) -> Record:
    """The record of a user's own network.

    Args:
        card: the JSON file that describes it.
        weights: the network's file. Its hash is computed.

    Returns:
        The record.

    Raises:
        InputError: a field is missing, unknown or wrong. The message names every such field and its value.
        WeightsError: the network's file cannot be read, or has another hash than the card says.
    """
    fields = _fields(card, required=_REQUIRED)
    sha256 = sha256_of(weights)
    if fields.get("sha256", sha256).lower() != sha256:
        raise WeightsError(f"{weights} is not the file that {card} describes: its sha256 is {sha256}")
    return Record(
        name=fields["name"],
        source="file",
        origin=str(weights),
        file=weights.name,
        sha256=sha256,
        bytes=weights.stat().st_size,
        licence=fields["licence"],
        training_data=fields.get("training_data", "unknown"),
        input_size=fields["input_size"],
        color_order=fields["color_order"],
        mean=_triple(fields["mean"]),
        std=_triple(fields["std"]),
        template=_landmarks(fields["template"], fields["input_size"]),
        embedding_size=fields["embedding_size"],
        metric=fields["metric"],
        threshold=float(fields["threshold"]),
    )


def _fields(card: Path, *, required: Iterable[str]) -> dict[str, Any]:
    try:
        fields = json.loads(card.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the card {card} is not readable JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InputError(f"the card {card} holds no fields; write for example {json.dumps(EXAMPLE)}")
    if problems := [*_missing(fields, required), *_wrong(fields)]:
        raise InputError(f"the card {card} is wrong: {'; '.join(problems)}")
    return fields


def _missing(fields: dict[str, Any], required: Iterable[str]) -> Iterable[str]:
    known = _REQUIRED | _OPTIONAL
    return (f"{name} is missing (must be {known[name][0]})" for name in required if name not in fields)


def _wrong(fields: dict[str, Any]) -> Iterable[str]:
    known = _REQUIRED | _OPTIONAL
    for name, value in fields.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1) or [", ".join(known)]
            yield f"{name} is no field of a card (did you mean {close[0]}?)"
        elif not known[name][1](value):
            yield f"{name} is {json.dumps(value)}, must be {known[name][0]}"


def _triple(values: list[float]) -> Triple:
    first, second, third = map(float, values)
    return first, second, third


def _landmarks(template: Any, input_size: int) -> Landmarks:
    if template == "arcface":
        scale = input_size / ARCFACE_SIZE
        template = [(scale * x, scale * y) for x, y in ARCFACE_TEMPLATE]
    left_eye, right_eye, nose, left_mouth, right_mouth = ((float(x), float(y)) for x, y in template)
    return left_eye, right_eye, nose, left_mouth, right_mouth
