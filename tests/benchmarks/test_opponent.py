import json

import pytest
import torch
from PIL import Image

from benchmarks import opponent
from guise.chameleon.demo import portrait
from guise.models import load_recogniser


def test_pairs_are_framed_alike_and_training_brings_changed_faces_nearer(tmp_path, monkeypatch):
    monkeypatch.setenv("GUISE_CACHE", str(tmp_path / "cache"))
    plain, protected = tmp_path / "plain", tmp_path / "protected"
    head = Image.fromarray(portrait()).crop((90, 0, 360, 270))
    for folder, photo in ((plain, head), (protected, head.quantize(8).convert("RGB"))):
        (folder / "000").mkdir(parents=True)
        photo.save(folder / "000" / "a.jpg", quality=95)
    network = load_recogniser("guise-mobilefacenet", offline=True)
    before, after = opponent._pairs(plain, protected, network)
    assert before.shape == after.shape == (1, 3, 112, 112) and 0.001 < (before - after).abs().mean() < 0.1
    monkeypatch.setattr(opponent, "_BATCH", 2)
    trained = opponent.train(network, before, after, steps=20, seed=0)
    with torch.no_grad():
        old, new = (float(torch.cosine_similarity(reader(after), network(before))) for reader in (network, trained))
    assert new > old


def test_an_opponent_is_read_as_a_recogniser_of_ones_own(tmp_path):
    network = load_recogniser("guise-mobilefacenet", offline=True)
    opponent._save(network, tmp_path / "opponent.pt", {"people": 3})
    read = load_recogniser(f"file:{tmp_path / 'opponent.pt'}")
    crops = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(read(crops), network(crops), atol=1e-4)
    assert json.loads((tmp_path / "opponent-training.json").read_text()) == {"people": 3}


def test_a_network_that_cannot_be_saved_is_refused_before_the_work():
    with pytest.raises(SystemExit, match="sface cannot be saved"):
        opponent._saved(load_recogniser("sface", offline=True))
