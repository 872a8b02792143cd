"""What version 0.1 wrote still loads, and does what it did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from guise import chameleon, dpaf
from guise.chameleon.demo import portrait
from guise.chameleon.learning.refine import Refiner
from guise.chameleon.visibility.budget import STRENGTHS
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.run_folder import RunFolder
from guise.models.files import read_photo, settings_hash
from tests.cli.command_line import call

WRITTEN = Path(__file__).parent / "data" / "version-0.1"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A copy: runs and restoring write next to what they read."""
    folder = tmp_path / "written"
    shutil.copytree(WRITTEN, folder)
    return folder


@pytest.fixture
def original(written: Path) -> Path:
    """The folder that the key was learnt on."""
    return written / "photos"


def test_a_protected_photo_is_restored_to_the_bit_from_key_and_records(written: Path, original: Path, tmp_path: Path):
    report = chameleon.restore(written / "copies", written / "user.guise-key", out=tmp_path / "back", device="cpu")
    assert report.exact == ("a.png",)
    assert np.array_equal(read_photo(tmp_path / "back" / "a.png").pixels, read_photo(original / "a.png").pixels)


def test_a_copy_is_known_as_ours_and_written_again_within_todays_bounds(written: Path, original: Path, monkeypatch):
    # The log knows its folder by a hash of the path, which was another one.
    log = written / "user.guise-key.manifest"
    (folder,) = {json.loads(line)["folder"] for line in log.read_text().splitlines()}
    log.write_text(log.read_text().replace(folder, settings_hash({"folder": str(original.resolve())})))
    apart, remember = [], Refiner.remember
    monkeypatch.setattr(Refiner, "remember", lambda self, face: (apart.append(face), remember(self, face))[1])
    before = (written / "copies" / "a.png").read_bytes()
    Image.fromarray(portrait()).crop((110, 0, 330, 220)).save(original / "b.png")
    report = chameleon.protect(
        original, written / "user.guise-key", out=written / "copies", refine=2, patience=0, device="cpu", offline=True
    )
    assert {result.photo: result.status for result in report.photos} == {"a.png": "protected", "b.png": "protected"}
    assert (written / "copies" / "a.png").read_bytes() != before
    assert all(STRENGTHS["mid"].spent(face.visibility) <= 1 for result in report.photos for face in result.faces)
    assert [link.recogniser for link in report.photos[0].faces[0].links] == ["dlib-resnet"]
    assert set(apart[0]) == {"dlib-resnet"} and np.linalg.norm(apart[0]["dlib-resnet"]) == pytest.approx(1, abs=0.02)


def test_a_runs_generator_and_class_head_are_what_they_were(written: Path):
    """Version 0.1 kept of what was drawn first what the head took for its class, and drew the rest anew."""
    expected = np.load(written / "samples.npz")
    state = trained_state(RunFolder(written / "run"))
    labels = torch.from_numpy(expected["labels"])
    with torch.no_grad():
        drawn = state.average.network.draw(labels, torch.Generator().manual_seed(1))
        kept = state.head.logits(state.features(drawn)).argmax(1) == labels
    images = drawn.add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).numpy()
    differ = np.abs(images.astype(int) - expected["images"]).reshape(len(images), -1).max(1)
    assert kept.any() and not kept.all()
    assert np.array_equal(differ <= 1, kept.numpy())  # sums are rounded differently elsewhere


def test_a_run_is_sampled(written: Path):
    images, labels = dpaf.open_run(written / "run").sample(20, seed=1)
    assert images.shape == (20, 28, 28, 1)
    assert np.array_equal(labels, np.load(written / "samples.npz")["labels"])


def test_a_ledger_keeps_its_account_and_the_budgets_know_the_run(written: Path):
    run = dpaf.open_run(written / "run")
    assert 0.99 * 10 < run.report().epsilon <= 10
    known = dpaf.accounts(budgets=written / "budgets.sqlite")
    assert run.settings.run in str(known)


def test_a_probe_recognises_the_model_that_it_was_made_from(written: Path):
    from guise.cli.harmless import harmless

    outcome = call(harmless, "fingerprint", "test", written / "probe", "--model", "guise-vit", "--offline")
    assert outcome.code == 0 and "yes" in outcome.stdout
