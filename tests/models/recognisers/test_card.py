from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from guise.models.errors import InputError, WeightsError
from guise.models.recognisers import card
from guise.models.recognisers.record import ARCFACE_TEMPLATE


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"network")
    return path


def write(network: Path, **changes: Any) -> Path:
    """The example card beside `network`, with `changes`; a field changed to `...` is left out."""
    fields = {name: value for name, value in (card.EXAMPLE | changes).items() if value is not ...}
    path = network.with_name(network.name + ".json")
    path.write_text(json.dumps(fields))
    return path


def test_example_becomes_a_record(network: Path) -> None:
    record = card.read(write(network), weights=network)
    assert (record.name, record.source, record.origin) == ("my-recogniser", "file", str(network))
    assert record.sha256 == hashlib.sha256(b"network").hexdigest() and record.bytes == 7
    assert record.mean == (127.5, 127.5, 127.5) and record.template == ARCFACE_TEMPLATE


def test_arcface_template_scales_with_the_crop(network: Path) -> None:
    record = card.read(write(network, input_size=224), weights=network)
    assert record.template[0] == pytest.approx((2 * 38.2946, 2 * 51.6963))


def test_own_template_is_taken_as_it_is(network: Path) -> None:
    points = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert card.read(write(network, template=points), weights=network).template == tuple(map(tuple, points))


@pytest.mark.parametrize("field", card.EXAMPLE)
def test_missing_field_is_named(network: Path, field: str) -> None:
    with pytest.raises(InputError, match=f"{field} is missing"):
        card.read(write(network, **{field: ...}), weights=network)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 5),
        ("name", "dlib-resnet"),
        ("input_size", 0),
        ("input_size", 112.5),
        ("input_size", True),
        ("input_size", [112, 112]),
        ("color_order", "rgb"),
        ("mean", 127.5),
        ("mean", [1, 2]),
        ("mean", [1, 2, "3"]),
        ("mean", [1, 2, 256]),
        ("threshold", 10**400),
        ("std", [0.229, 0.224, 0.225]),
        ("std", [1, 2, 0]),
        ("std", [1, 2, float("nan")]),
        ("template", "arc"),
        ("template", [[1, 2]] * 4),
        ("template", [[3, 1], [1, 1], [2, 2], [1, 3], [3, 3]]),
        ("template", [[1, 2, 3]] * 5),
        ("embedding_size", 1),
        ("embedding_size", "128"),
        ("metric", "l2"),
        ("threshold", 0),
        ("threshold", None),
        ("threshold", float("inf")),
        ("licence", None),
        ("weights", 1),
        ("sha256", "abc"),
        ("training_data", []),
    ],
)
def test_wrong_value_is_named_with_its_field(network: Path, field: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        card.read(write(network, **{field: value}), weights=network)
    assert f"{field} is {json.dumps(value)}, must be" in str(caught.value) and "\n" not in str(caught.value)


def test_misspelt_field_names_the_right_one(network: Path) -> None:
    with pytest.raises(InputError, match=r"treshold is no field .*threshold"):
        card.read(write(network, treshold=1), weights=network)


def test_every_problem_stands_in_one_line(network: Path) -> None:
    with pytest.raises(InputError) as caught:
        card.read(write(network, mean=1, metric=..., nmae="x"), weights=network)
    assert all(field in str(caught.value) for field in ("mean is 1", "metric is missing", "nmae is no field"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\xff"])
def test_card_that_is_no_json_object_is_refused(network: Path, text: str) -> None:
    path = write(network)
    path.write_text(text, "latin-1")
    with pytest.raises(InputError, match=r"net\.onnx\.json"):
        card.read(path, weights=network)


def test_hash_in_the_card_is_checked(network: Path) -> None:
    sha256 = hashlib.sha256(b"network").hexdigest()
    assert card.read(write(network, sha256=sha256.upper()), weights=network).sha256 == sha256
    with pytest.raises(WeightsError, match=sha256):
        card.read(write(network, sha256="0" * 64), weights=network)


@pytest.mark.parametrize("name", ["net.onnx.json", "net.json"])
def test_card_is_found_beside_the_network(network: Path, name: str) -> None:
    path = write(network).rename(network.with_name(name))
    assert card.find(network) == (network, path)


def test_network_is_found_from_the_card(network: Path, tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    path = write(network, weights="../net.onnx").rename(tmp_path / "cards" / "net.json")
    weights, described = card.find(path)
    assert described == path and weights.samefile(network)


def test_card_without_weights_cannot_stand_alone(network: Path) -> None:
    with pytest.raises(InputError, match="weights is missing"):
        card.find(write(network))


def test_network_without_a_card_shows_one_that_would_do(network: Path) -> None:
    with pytest.raises(InputError, match=r"net\.onnx needs a card") as caught:
        card.find(network)
    line = str(caught.value)
    example = json.loads(line[line.index("{") :])
    assert card.read(write(network, **example), weights=network).name == "my-recogniser"
    assert "\n" not in line


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*net\.pt"):
        card.find(tmp_path / "net.pt")
