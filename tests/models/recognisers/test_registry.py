from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from guise.models.errors import InputError
from guise.models.recognisers import registry
from guise.models.recognisers.record import Record
from guise.models.recognisers.registry import RECORDS

every_record = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)


@every_record
def test_record_is_well_formed(record: Record) -> None:
    assert RECORDS[record.name] is record
    assert record.sha256 is None or (len(record.sha256) == 64 and int(record.sha256, 16) >= 0)
    if record.source == "release":  # its manifest tells the size
        assert record.bytes is None and record.parameters is not None and 1 < record.parameters < 250
    else:
        assert record.bytes is not None and record.bytes > (1_000_000 if record.source == "embedded" else 10_000_000)
    assert record.licence and record.training_data and record.stands_for
    assert all(std > 1 for std in record.std) and all(0 <= mean <= 255 for mean in record.mean)
    assert record.threshold > 0
    ours = record.source == "embedded"
    accuracy = record.unseen_accuracy if ours else record.lfw_accuracy
    # Nobody publishes the accuracy of a graph in a package that does not say what it was trained on.
    assert (accuracy is None) == (record.name == "facenet")
    assert accuracy is None or (0.9 if ours else 0.98) < accuracy < 1
    if record.source == "download":
        assert record.origin.startswith("https://") and record.origin.endswith("/" + record.file)


@every_record
def test_template_is_a_face_seen_from_the_front_inside_the_crop(record: Record) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = record.template
    assert all(0 < value < record.input_size for point in record.template for value in point)
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert math.dist(left_eye, right_eye) > record.input_size / 4


def test_records_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECORDS["dlib-resnet"].threshold = 1.0  # type: ignore[misc]


def test_unknown_name_names_the_closest() -> None:
    with pytest.raises(InputError, match=r"'facenet-vggface'.*facenet-vggface2"):
        registry.get("facenet-vggface")


def test_name_like_no_other_lists_all() -> None:
    with pytest.raises(InputError, match=r"dlib-resnet or facenet or facenet-casia-webface or facenet-vggface2"):
        registry.get("zzz")


def test_the_default_team_comes_with_the_installation_and_says_why() -> None:
    assert len(registry.TEAM) > 1 and len(registry.WHY_TEAM) > 20
    assert all(RECORDS[name].source in ("embedded", "package") for name in registry.TEAM)
    measured = json.loads((Path(registry.__file__).parent / "team.json").read_text())
    assert tuple(measured["members"]) in [tuple(team["members"]) for team in measured["teams"]]
