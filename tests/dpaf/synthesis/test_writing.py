"""Samples in each format are read again as they were, and a card goes with them."""

import numpy as np
import pytest
from PIL import Image

from guise.dpaf.accounting.audit_result import Audit
from guise.dpaf.accounting.report import privacy_report
from guise.dpaf.data import load
from guise.dpaf.synthesis.card import card
from guise.dpaf.synthesis.samples import Synthetic
from guise.models.errors import InputError
from tests.dpaf import toy

PLACES = {"folder": "s", "npz": "s.npz", "parquet": "s.parquet", "hf": "s"}


def drawn(channels=1):
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28, channels), dtype=np.uint8)
    return Synthetic(images, np.arange(12) % 3, None, ("cat", "dog", "a/b"), "# A card\n")


@pytest.mark.parametrize("form", PLACES)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read_again(tmp_path, form, channels):
    samples, place = drawn(channels), tmp_path / PLACES[form]
    samples.save(place, format=form)
    data = load(place)
    assert len(data) == 12 and data.channels == channels
    assert {name.replace("_", "/") for name in data.classes} == set(samples.classes)
    known = {image.tobytes(): samples.classes[label] for image, label in zip(*samples, strict=True)}
    for image, label in zip(data.images.permute(0, 2, 3, 1).numpy(), data.labels, strict=True):
        assert known[image.tobytes()] == data.classes[label].replace("_", "/")
    card_at = place / "README.md" if form in ("folder", "hf") else tmp_path / f"{place.name}.md"
    assert card_at.read_text() == "# A card\n"
    with pytest.raises(InputError, match="exists already"):
        samples.save(place, format=form)


def test_datasets_reads_a_folder_for_it(tmp_path):
    datasets = pytest.importorskip("datasets")
    samples = drawn()
    samples.save(tmp_path / "s", format="hf")
    table = datasets.load_dataset(str(tmp_path / "s"), split="train", cache_dir=str(tmp_path / "cache"))
    assert table.features["label"].names == ["cat", "dog", "a/b"] and len(table) == 12
    assert isinstance(table[3]["image"], Image.Image)
    assert (np.asarray(table[3]["image"]) == samples.images[3, :, :, 0]).all() and table[3]["label"] == 0


def test_a_name_that_does_not_go_with_the_format_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"does not end in \.npz"):
        drawn().save(tmp_path / "s", format="npz")
    with pytest.raises(InputError, match="choose folder, npz, parquet, hf"):
        drawn().save(tmp_path / "s", format="zip")
    assert not [*tmp_path.iterdir()]


FIGURES = {
    "samples": 400,
    "test_images": 360,
    "protocol": "quick",
    "networks": [{"network": "small CNN", "accuracy": 0.8, "balanced": 0.75, "auc": None}],
}


@pytest.mark.parametrize("reproducible", [False, True])
def test_a_card_says_what_is_guaranteed_and_what_is_not(tmp_path, reproducible):
    settings = toy.privacy("pretrained")
    ledger = toy.begin(tmp_path / "run", toy.two_classes(), settings, reproducible=reproducible).ledger()
    report = privacy_report(settings, ledger, data="toy", records=40, classes=("0", "1"))
    text = card(report, size=28, channels=1, evaluation=FIGURES)
    assert ("epsilon 8, delta 0.001**" in text) is not reproducible and ("NOT PRIVATE" in text) is reproducible
    for words in ("## What is not protected", "## How to cite", ledger.head, "| small CNN | 0.800 | 0.750 |  |"):
        assert words in text
    assert "No figures are given" in card(report, size=28, channels=1)


@pytest.mark.parametrize(
    ("preset", "words"),
    [("dpgan", "is what it was asked to show"), ("moments", "is what a classifier of the same run")],
)
def test_a_card_says_what_a_label_is(tmp_path, preset, words):
    settings = toy.privacy(preset)
    ledger = toy.begin(tmp_path / "run", toy.two_classes(), settings, preset=preset).ledger()
    report = privacy_report(settings, ledger, data="toy", records=40, classes=("0", "1"))
    assert words in card(report, size=28, channels=1)


@pytest.mark.parametrize(("lower_bound", "said"), [(0.1, "NOT PRIVATE"), (9.0, "the audit refutes the guarantee")])
def test_a_card_of_a_seeded_run_says_refuted_only_where_an_audit_refutes(tmp_path, lower_bound, said):
    settings = toy.privacy("moments")
    ledger = toy.begin(tmp_path / "run", toy.two_classes(), settings, preset="moments").ledger()
    audit = Audit(lower_bound, claimed=8.0, delta=1e-3, excess=0.0, limit=9.5, runs=200, confidence=0.95)
    report = privacy_report(settings, ledger, data="toy", records=40, classes=("0", "1"), audit=audit)
    text = card(report, size=28, channels=1)
    assert [words in text for words in ("NOT PRIVATE", "the audit refutes the guarantee")].count(True) == 1
    assert said in text
