"""What version 0.1 wrote still loads, and does what it did."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise import chameleon, dpaf
from guise.chameleon.demo import portrait
from guise.models.files import read_photo
from tests.cli.command_line import call

WRITTEN = Path(__file__).parent / "data" / "version-0.1"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A copy: runs and restoring write next to what they read."""
    folder = tmp_path / "written"
    shutil.copytree(WRITTEN, folder)
    return folder


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """The folder that the key was learnt on."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(portrait()).crop((120, 10, 330, 220)).save(folder / "a.png")
    return folder


def test_a_protected_photo_is_restored_to_the_bit_from_key_and_records(written: Path, original: Path, tmp_path: Path):
    report = chameleon.restore(written / "copies", written / "user.guise-key", out=tmp_path / "back", device="cpu")
    assert report.exact == ("a.png",)
    assert np.array_equal(read_photo(tmp_path / "back" / "a.png").pixels, read_photo(original / "a.png").pixels)


def test_a_key_protects_a_new_photo_and_leaves_the_copy_it_made_alone(written: Path, original: Path):
    before = (written / "copies" / "a.png").read_bytes()
    Image.fromarray(portrait()).crop((110, 0, 330, 220)).save(original / "b.png")
    report = chameleon.protect(
        original, written / "user.guise-key", out=written / "copies", refine=1, device="cpu", offline=True
    )
    assert {result.photo: result.status for result in report.photos}["b.png"] == "protected"
    # The log is of another folder, so the copy there may be somebody else's.
    assert (written / "copies" / "a.png").read_bytes() == before


def test_a_run_is_sampled_as_before(written: Path):
    images, labels = dpaf.open_run(written / "run").sample(20, seed=1)
    expected = np.load(written / "samples.npz")
    assert np.array_equal(labels, expected["labels"])
    assert np.abs(images.astype(int) - expected["images"]).max() <= 1  # sums are rounded differently elsewhere


def test_a_ledger_keeps_its_account_and_the_budgets_know_the_run(written: Path):
    run = dpaf.open_run(written / "run")
    assert 0.99 * 10 < run.report().epsilon <= 10
    known = dpaf.accounts(budgets=written / "budgets.sqlite")
    assert run.settings.run in str(known)


def test_a_probe_recognises_the_model_that_it_was_made_from(written: Path):
    from guise.cli.harmless import harmless

    outcome = call(harmless, "fingerprint", "test", written / "probe", "--model", "guise-vit", "--offline")
    assert outcome.code == 0 and "yes" in outcome.stdout
