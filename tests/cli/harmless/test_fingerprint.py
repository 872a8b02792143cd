from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.cli.main import guise
from tests.cli.command_line import Outcome, call, check_refused, hashes

SIZE = ("--input", "3x32x32")


def fingerprint(*arguments: str | Path) -> Outcome:
    return call(guise, "harmless", "fingerprint", *arguments)


def make(out: Path, *arguments: str) -> Outcome:
    few = ("--input", "3x32x32", "--pairs", "2", "--strangers", "4", *arguments)
    return fingerprint("make", "--model", "tiny:patches", "--out", out, *few)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fingerprint") / "probe"
    outcome = make(folder, "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.report["score"] < outcome.report["threshold"] < outcome.report["strangers"]["least"]
    return folder


def test_own_model_matches_and_another_does_not(probe: Path) -> None:
    own = fingerprint("test", probe, "--model", "tiny:patches", *SIZE, "--json").report
    assert own["matches"] and own["margin"] > 5 and 0 < own["false_positives_below"] < 1
    other = fingerprint("test", probe, "--model", "tiny:strided", *SIZE)
    assert other.code == 0 and "no" in other.stdout.splitlines()[1]


def test_models_of_another_size_and_models_that_fail_are_refused_in_one_line(probe: Path) -> None:
    own_size = fingerprint("test", probe, "--model", "guise-vit")
    check_refused(own_size, 2, "the probe's pictures are 3x32x32, the model takes 3x112x112")
    check_refused(fingerprint("test", probe, "--model", "guise-vit", *SIZE), 2, "fails on an input of 3x32x32")


def test_a_model_that_takes_one_picture_at_a_time_is_tested(probe: Path) -> None:
    outcome = fingerprint("test", probe, "--model", "tiny:Single", *SIZE, "--json")
    assert outcome.code == 0 and outcome.report["matches"]


def test_a_seed_too_large_is_a_usage_error(tmp_path: Path) -> None:
    outcome = make(tmp_path / "probe", "--seed", "99999999999999999999")
    assert outcome.code == 2 and "'--seed'" in outcome.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [("threshold", "NaN"), ("score", "1" + "0" * 400), ("rate_below", '"x"'), ("least", "[]"), ("count", "[" * 99999)],
)
def test_a_hostile_record_is_refused_in_one_line(probe: Path, tmp_path: Path, key: str, value: str) -> None:
    hostile = tmp_path / "probe"
    shutil.copytree(probe, hostile)
    text = re.sub(rf'"{key}": [^,]*,', lambda _: f'"{key}": {value},', (hostile / "probe.json").read_text())
    (hostile / "probe.json").write_text(text)
    check_refused(fingerprint("test", hostile, "--model", "tiny:patches", *SIZE), 2, "is damaged or newer")


def test_answers_nested_too_deeply_are_refused_in_one_line(probe: Path, tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text("[" * 99999)
    check_refused(fingerprint("test", probe, "--outputs", tmp_path / "answers.json"), 2, "holds no outputs")


def test_answers_alone_match(probe: Path, tmp_path: Path) -> None:
    import torch

    from guise.harmless import Source, load

    names = [name for three in json.loads((probe / "probe.json").read_text())["pictures"] for name in three]
    photos = np.stack([np.asarray(Image.open(probe / name, formats=["PNG"])) for name in names])
    model = load(Source("tiny:patches", input_shape=(3, 32, 32))).model
    answers = model(torch.from_numpy(photos).permute(0, 3, 1, 2).float()).softmax(1).numpy()
    np.save(tmp_path / "answers.npy", answers)
    (tmp_path / "answers.json").write_text(json.dumps(answers.tolist()))
    for name in ("answers.npy", "answers.json"):
        assert fingerprint("test", probe, "--outputs", tmp_path / name, "--json").report["matches"]
    np.save(tmp_path / "few.npy", answers[1:])
    np.save(tmp_path / "pickle.npy", np.array([object()]), allow_pickle=True)
    check_refused(fingerprint("test", probe, "--outputs", tmp_path / "few.npy"), 2, "6 pictures")
    check_refused(fingerprint("test", probe, "--outputs", tmp_path / "pickle.npy"), 2, "holds no outputs")


def test_folders_that_hold_anything_are_left_alone(probe: Path, tmp_path: Path) -> None:
    before = hashes(probe)
    check_refused(make(probe), 2, "is there already", "--out")
    assert hashes(probe) == before
    check_refused(fingerprint("test", tmp_path, "--model", "tiny:patches"), 2, "holds no probe.json")
    check_refused(fingerprint("test", probe), 2, "either --model or --outputs")
    (tmp_path / "probe.json").write_text('{"version": 7}')
    check_refused(fingerprint("test", tmp_path, "--model", "tiny:patches"), 2, "is damaged or newer")
